"use strict";
/* Runs one network in several engines, turn by turn, and gives the milliseconds of each: see engines.py. */

/** The operations of a program with TensorFlow.js, whose wasm engine takes images as height x width x channels. */
class TensorFlow {
  constructor(program, tensors) {
    const made = {}, form = { conv: [2, 3, 1, 0], conv_transpose: [2, 3, 0, 1], linear: [1, 0] };
    for (const op of program.ops) {
      for (const [what, name] of Object.entries(op.tensors ?? {})) {
        const { values, shape } = tensors[name];
        made[name] = what === "weight" ? tf.tensor(values, shape).transpose(form[op.kind]) : tf.tensor(values, shape);
      }
    }
    Object.assign(this, { program, made });
  }

  run(inputs) {
    const done = tf.tidy(() => {
      const values = inputs.map((input, i) => this.taken(tf.tensor(input, [1, ...this.program.inputs[i]]), this.program.inputs[i]));
      for (const op of this.program.ops) values[op.output] = this.step(op, op.inputs.map((input) => values[input]));
      return this.flat(values[this.program.outputs[0]]);
    });
    const result = done.dataSync();
    done.dispose();
    return result;
  }

  /** Channels last, where there are any. */
  taken(value, shape) { return shape.length === 3 ? value.reshape([1, ...shape]).transpose([0, 2, 3, 1]) : value; }

  flat(value) { return (value.rank === 4 ? value.transpose([0, 3, 1, 2]) : value).reshape([1, -1]); }

  step(op, inputs) {
    const part = (what) => this.made[op.tensors[what]];
    let value = op.kind === "linear" ? this.flat(inputs[0]) : inputs[0].rank === op.takes.length + 1 ? inputs[0] : this.taken(inputs[0], op.takes);
    if (op.kind === "linear") value = tf.add(tf.matMul(value, part("weight")), part("bias"));
    else if (op.kind === "conv") value = tf.add(tf.conv2d(this.bordered(value, op), part("weight"), op.stride, "valid"), part("bias"));
    else if (op.kind === "conv_transpose") {
      const [channels, height, width] = op.shape, side = part("weight").shape[0], whole = (count) => (count - 1) * op.stride + side;
      const full = tf.conv2dTranspose(value, part("weight"), [1, whole(op.takes[1]), whole(op.takes[2]), channels], op.stride, "valid");
      value = tf.add(tf.slice(full, [0, op.padding, op.padding, 0], [1, height, width, channels]), part("bias"));
    } else throw new Error(`no ${op.kind}`);
    if (op.activation === "relu") return tf.relu(value);
    if (op.activation === "leaky_relu") return tf.leakyRelu(value, op.slope);
    return op.activation ? tf[op.activation](value) : value;
  }

  bordered(value, { padding }) { return padding ? tf.pad(value, [[0, 0], [padding, padding], [padding, padding], [0, 0]]) : value; }
}

const fetched = async (name) => (await fetch(name)).arrayBuffer();

async function engines(which, given) {
  const found = {}, bytes = await fetched("weights.bin"), network = given.programs[which], tensors = unpack(bytes, given.weights);
  const own = new Network(network, tensors, new Kernels());
  found.own = async (input) => own.run([input])[0];
  if (typeof ortModule !== "undefined") {
    const ort = await import(ortModule);
    ort.env.wasm.numThreads = 1; // more need headers, which a file has not
    const session = await ort.InferenceSession.create(`${which}.onnx`, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
    const [name] = session.inputNames;
    found.onnxruntime = async (input) => {
      const result = await session.run({ [name]: new ort.Tensor("float32", input, [1, ...network.inputs[0]]) });
      return result[session.outputNames[0]].data;
    };
  }
  if (typeof tf !== "undefined") {
    tf.wasm.setWasmPaths("./");
    tf.wasm.setThreadsCount(1);
    await tf.setBackend("wasm");
    await tf.ready();
    const engine = new TensorFlow(network, tensors);
    found.tensorflow = async (input) => engine.run([input]);
  }
  return found;
}

const ready = {};

/** Some more turns of all engines: of each the milliseconds, and how far the numbers are from torch's. */
async function measure(which, rounds) {
  const given = await (await fetch("given.json")).json(), contenders = await (ready[which] ??= engines(which, given)), result = {};
  for (const name of Object.keys(contenders)) result[name] = { milliseconds: [], off: 0 };
  for (let round = 0; round < rounds; round++) {
    const number = round % given.inputs[which].length, input = Float32Array.from(given.inputs[which][number]), wanted = given.wanted[which][number];
    for (const [name, run] of Object.entries(contenders)) {
      const began = performance.now(), output = await run(input);
      result[name].milliseconds.push(performance.now() - began);
      output.forEach((value, i) => { result[name].off = Math.max(result[name].off, Math.abs(value - wanted[i])); });
    }
  }
  return result;
}
