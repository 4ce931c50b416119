"use strict";
/* Carries out what vaegan/studio/program.py wrote: convolutions and linear layers, on one image at a time. */

/** Float32Array of every tensor, from the bytes of the page and their index. */
function unpack(bytes, index) {
  const tensors = {};
  for (const [name, { kind, shape, at, scales }] of Object.entries(index)) {
    const count = shape.reduce((product, side) => product * side, 1);
    const values = new Float32Array(count);
    if (kind === "float32") {
      values.set(new Float32Array(bytes, at, count));
    } else if (kind === "float16") {
      const half = new Uint16Array(bytes, at, count);
      for (let i = 0; i < count; i++) values[i] = fromHalf(half[i]);
    } else {
      const rows = shape[0], length = count / rows;
      const whole = new Int8Array(bytes, at, count), scale = new Float32Array(bytes, scales, rows);
      for (let i = 0; i < count; i++) values[i] = whole[i] * scale[Math.floor(i / length)];
    }
    tensors[name] = { values, shape };
  }
  return tensors;
}

function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

/** Adds a sum of shifted and weighted planes to `sum`, height x width: four at a time, because loading and storing cost most. */
function addTaps(sum, height, width, source, rowLength, start, stride, offsets, weights, count) {
  for (let tap = 0; tap < count; tap += 4) {
    const a = weights[tap], b = weights[tap + 1], c = weights[tap + 2], d = weights[tap + 3];
    const oa = offsets[tap], ob = offsets[tap + 1], oc = offsets[tap + 2], od = offsets[tap + 3];
    for (let row = 0; row < height; row++) {
      const base = start + row * stride * rowLength, to = row * width;
      if (stride === 1) {
        for (let column = 0; column < width; column++) {
          const at = base + column;
          sum[to + column] += a * source[at + oa] + b * source[at + ob] + c * source[at + oc] + d * source[at + od];
        }
      } else {
        for (let column = 0, at = base; column < width; column++, at += stride) {
          sum[to + column] += a * source[at + oa] + b * source[at + ob] + c * source[at + oc] + d * source[at + od];
        }
      }
    }
  }
}

/** Maps with a border of zeros. */
function padded(maps, channels, height, width, border) {
  const rows = height + 2 * border, columns = width + 2 * border, result = new Float32Array(channels * rows * columns);
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < height; row++) {
      const from = (channel * height + row) * width;
      result.set(maps.subarray(from, from + width), (channel * rows + row + border) * columns + border);
    }
  }
  return result;
}

const whole4 = (count) => Math.ceil(count / 4) * 4;

/** The numbers of a kernel at some of its places, for all pairs of an output and an input, in groups of four. */
function gathered(weight, places) {
  const [outputs, inputs, rows, columns] = weight.shape, size = rows * columns, step = whole4(places.length);
  const result = new Float32Array(outputs * inputs * step);
  for (let pair = 0; pair < outputs * inputs; pair++) {
    places.forEach((place, number) => { result[pair * step + number] = weight.values[pair * size + place]; });
  }
  return result;
}

/** How a convolution, or one phase of a transposed one, reads its input: prepared once. */
function phasesOf(op, weight) {
  const [, , rows, columns] = weight.shape, [, height, width] = op.takes, phases = [];
  const transposed = op.kind === "conv_transpose", step = transposed ? op.stride : 1;
  const border = transposed ? Math.ceil(Math.max(rows, columns) / op.stride) : op.padding ?? 0;
  const rowLength = width + 2 * border;
  for (let top = 0; top < step; top++) {
    for (let left = 0; left < step; left++) {
      const places = [], offsets = [];
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          if (!transposed) {
            places.push(row * columns + column);
            offsets.push(row * rowLength + column);
          } else if ((top + op.padding - row) % step === 0 && (left + op.padding - column) % step === 0) {
            places.push(row * columns + column);
            offsets.push(((top + op.padding - row) / step + border) * rowLength + (left + op.padding - column) / step + border);
          }
        }
      }
      while (offsets.length % 4) offsets.push(offsets[offsets.length - 1] ?? 0);
      phases.push({ top, left, offsets: Int32Array.from(offsets), weights: gathered(weight, places) });
    }
  }
  return { phases, border, step, rowLength, planeLength: (height + 2 * border) * rowLength };
}

function convolve(op, maps, weight, bias, plan) {
  const [inputs, height, width] = op.takes, [outputs, outHeight, outWidth] = op.shape;
  const source = padded(maps, inputs, height, width, plan.border), result = new Float32Array(outputs * outHeight * outWidth);
  const transposed = op.kind === "conv_transpose", stride = transposed ? 1 : op.stride;
  for (const phase of plan.phases) {
    const rows = Math.ceil((outHeight - phase.top) / plan.step), columns = Math.ceil((outWidth - phase.left) / plan.step);
    const sum = new Float32Array(rows * columns), count = phase.offsets.length;
    for (let output = 0; output < outputs; output++) {
      sum.fill(bias[output]);
      for (let input = 0; input < inputs; input++) {
        const from = (output * inputs + input) * count;
        addTaps(sum, rows, columns, source, plan.rowLength, input * plan.planeLength, stride, phase.offsets, phase.weights.subarray(from, from + count), count);
      }
      for (let row = 0; row < rows; row++) {
        let to = (output * outHeight + row * plan.step + phase.top) * outWidth + phase.left;
        for (let column = 0; column < columns; column++, to += plan.step) result[to] = sum[row * columns + column];
      }
    }
  }
  return result;
}

function linear(values, weight, bias) {
  const [outputs, inputs] = weight.shape, w = weight.values, result = new Float32Array(outputs);
  for (let output = 0, at = 0; output < outputs; output++, at += inputs) {
    let sum = bias[output];
    for (let input = 0; input < inputs; input++) sum += w[at + input] * values[input];
    result[output] = sum;
  }
  return result;
}

function activate(values, activation, slope = 0) {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (activation === "tanh") values[i] = Math.tanh(value);
    else if (activation === "sigmoid") values[i] = 1 / (1 + Math.exp(-value));
    else if (value < 0) values[i] = value * slope;
  }
  return values;
}

/** A network that can be run: `run(inputs)` gives its outputs, all of them Float32Array. */
class Network {
  constructor(program, tensors) {
    this.program = program;
    this.tensors = tensors;
    this.plans = program.ops.map((op) => (op.kind.startsWith("conv") ? phasesOf(op, tensors[op.tensors.weight]) : null));
  }

  run(inputs) {
    const values = [...inputs];
    this.program.ops.forEach((op, number) => {
      values[op.output] = this.step(op, op.inputs.map((input) => values[input]), this.plans[number]);
    });
    return this.program.outputs.map((output) => values[output]);
  }

  step(op, inputs, plan) {
    const tensor = (what) => this.tensors[op.tensors[what]];
    let result;
    if (op.kind === "linear") result = linear(inputs[0], tensor("weight"), tensor("bias").values);
    else if (plan) result = convolve(op, inputs[0], tensor("weight"), tensor("bias").values, plan);
    else if (op.kind === "affine") {
      const scale = tensor("scale").values, shift = tensor("shift").values, size = inputs[0].length / scale.length;
      result = inputs[0].map((value, i) => value * scale[Math.floor(i / size)] + shift[Math.floor(i / size)]);
    } else if (op.kind === "add") result = inputs[0].map((value, i) => value + inputs[1][i]);
    else if (op.kind === "concat") {
      result = new Float32Array(inputs.reduce((sum, one) => sum + one.length, 0));
      inputs.reduce((at, one) => (result.set(one, at), at + one.length), 0);
    } else result = inputs[0].slice();
    return op.activation ? activate(result, op.activation, op.slope) : result;
  }
}
