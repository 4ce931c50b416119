"use strict";
/* Carries out what vaegan/studio/program.py wrote: convolutions and linear layers, on one image at a time. */

/** The bytes that a text in base64 stands for. */
function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** Every float16 as a number: made where a browser knows none, when the first one is read. */
let halves;

function fromHalves(bits) {
  halves ??= Float32Array.from({ length: 65_536 }, (_, half) => {
    const sign = half & 0x8000 ? -1 : 1, exponent = (half >> 10) & 31, fraction = half & 1023;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
  });
  return bits.map((half) => halves[half]);
}

function unpacked(bytes, { kind, shape, at, scales }) {
  const count = sizeOf(shape);
  let values;
  if (kind === "float32") values = new Float32Array(bytes, at, count);
  else if (kind === "float16") values = typeof Float16Array === "undefined" ? fromHalves(Float32Array.from(new Uint16Array(bytes, at, count))) : new Float32Array(new Float16Array(bytes, at, count));
  else {
    const rows = shape[0], length = count / rows, whole = new Int8Array(bytes, at, count), scale = new Float32Array(bytes, scales, rows);
    values = Float32Array.from(whole);
    for (let row = 0, i = 0; row < rows; row++) for (const end = i + length; i < end; i++) values[i] *= scale[row];
  }
  return { values, shape };
}

/** Every tensor, from the bytes of the page and their index, unpacked when it is first read. */
function unpack(bytes, index) {
  const tensors = {};
  for (const [name, entry] of Object.entries(index)) {
    let made;
    Object.defineProperty(tensors, name, { get: () => (made ??= unpacked(bytes, entry)) });
  }
  return tensors;
}

const upTo = (count, step) => Math.ceil(count / step) * step, sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);
const STRIP = 65_536; // numbers that a product reads at once: they stay in the cache

/** The numbers of a kernel at some of its places, outputs x (inputs x places), in groups of 4 outputs: see `Kernels`. */
function panels(values, [outputs, inputs, size], places) {
  const inner = inputs * places.length, result = new Float32Array(upTo(outputs, 4) * inner);
  for (let output = 0; output < outputs; output++) {
    let to = 4 * (output >> 2) * inner + (output & 3);
    for (let input = 0; input < inputs; input++) {
      const from = (output * inputs + input) * size;
      for (let i = 0; i < places.length; i++, to += 4) result[to] = places[i] === null ? 0 : values[from + places[i]];
    }
  }
  return result;
}

function biasOf(bias, kernels) {
  const at = kernels.reserve(upTo(bias.length, 8));
  kernels.view(at, bias.length).set(bias);
  return at;
}

/** A convolution, or a transposed one, which is one convolution for each of its phases: outputs of the same place between inputs. */
class Convolution {
  constructor(op, weight, bias, kernels) {
    const [outputs, inputs, rows, columns] = weight.shape, [, height, width] = op.takes, [, outHeight, outWidth] = op.shape;
    const transposed = op.kind === "conv_transpose", step = transposed ? op.stride : 1, stride = transposed ? 1 : op.stride;
    const border = transposed ? Math.ceil(Math.max(rows, columns) / op.stride) : op.padding ?? 0;
    const rowLength = width + 2 * border, planeLength = (height + 2 * border) * rowLength;
    Object.assign(this, { kernels, outputs, inputs, height, width, outHeight, outWidth, step, stride, border, rowLength, planeLength, phases: [] });
    for (let top = 0; top < Math.min(step, outHeight); top++) {
      for (let left = 0; left < Math.min(step, outWidth); left++) {
        const places = [], offsets = [];
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < columns; column++) {
            const [down, right] = transposed ? [top + op.padding - row, left + op.padding - column] : [row, column];
            if (down % step || right % step) continue;
            places.push(row * columns + column);
            offsets.push(transposed ? (down / step + border) * rowLength + right / step + border : down * rowLength + right);
          }
        }
        if (!places.length) { places.push(null); offsets.push(0); }
        const inner = inputs * offsets.length, outRows = Math.ceil((outHeight - top) / step), outColumns = Math.ceil((outWidth - left) / step);
        const strip = Math.max(1, Math.min(outRows, Math.floor(STRIP / (inner * outColumns))));
        kernels.share((inner + upTo(outputs, 4)) * upTo(strip * outColumns, 8));
        const weights = kernels.keep(panels(weight.values, [outputs, inputs, rows * columns], places));
        this.phases.push({ top, left, offsets, inner, outRows, outColumns, strip, weights });
      }
    }
    this.bias = biasOf(bias, kernels);
    this.source = kernels.reserve(inputs * planeLength); // zeros, of which the border stays
  }

  run(from, to) {
    const { kernels, height, width, border, rowLength, planeLength, stride, step, outputs } = this;
    for (let input = 0; input < this.inputs; input++) {
      const inside = this.source + 4 * (input * planeLength + border * rowLength + border);
      kernels.copy(inside, 4 * rowLength, 4, from + 4 * input * height * width, 4 * width, 4, height, width);
    }
    for (const { top, left, offsets, inner, outRows, outColumns, strip, weights } of this.phases) {
      for (let first = 0; first < outRows; first += strip) {
        const rows = Math.min(strip, outRows - first), length = upTo(rows * outColumns, 8), b = kernels.shared.at, c = b + 4 * inner * length;
        for (let input = 0, at = b; input < this.inputs; input++) {
          const start = this.source + 4 * (input * planeLength + first * stride * rowLength);
          for (const offset of offsets) {
            kernels.copy(at, 4 * outColumns, 4, start + 4 * offset, 4 * stride * rowLength, 4 * stride, rows, outColumns);
            at += 4 * length;
          }
        }
        kernels.multiply(weights, this.bias, b, c, upTo(outputs, 4), length, inner);
        for (let output = 0; output < outputs; output++) {
          const at = to + 4 * ((output * this.outHeight + first * step + top) * this.outWidth + left);
          kernels.copy(at, 4 * step * this.outWidth, 4 * step, c + 4 * output * length, 4 * outColumns, 4, rows, outColumns);
        }
      }
    }
  }
}

/** A product with one column, which lies in the first of the eight that `Kernels` multiplies. */
class Linear {
  constructor({ values, shape: [outputs, inputs] }, bias, kernels) {
    Object.assign(this, { outputs, inputs, kernels, weights: kernels.keep(panels(values, [outputs, inputs, 1], [0])), bias: biasOf(bias, kernels) });
    kernels.share(8 * (inputs + upTo(outputs, 4)));
  }

  run(from, to) {
    const { outputs, inputs, kernels } = this, b = kernels.shared.at, c = b + 32 * inputs;
    kernels.copy(b, 32, 4, from, 4, 4, inputs, 1);
    kernels.multiply(this.weights, this.bias, b, c, upTo(outputs, 4), 8, inputs);
    kernels.copy(to, 4, 4, c, 32, 4, outputs, 1);
  }
}

/** A network that can be run: `run(inputs)` gives its outputs, all of them Float32Array. */
class Network {
  constructor(program, tensors, kernels) { Object.assign(this, { program, tensors, kernels, places: null }); }

  /** Reserve all memory: once, and not before it is asked for, so that the first picture does not wait for networks that it does not need. */
  prepare() {
    const { inputs, ops } = this.program, { kernels } = this;
    this.places = inputs.map((shape) => kernels.reserve(sizeOf(shape)));
    this.layers = ops.map((op) => {
      this.places[op.output] = kernels.reserve(sizeOf(op.shape));
      const [weight, bias] = ["weight", "bias"].map((what) => this.tensors[op.tensors?.[what]]);
      if (op.kind === "linear") return new Linear(weight, bias.values, kernels);
      return op.kind.startsWith("conv") ? new Convolution(op, weight, bias.values, kernels) : null;
    });
  }

  run(inputs) {
    if (!this.places) this.prepare();
    const { kernels, places, program } = this, shapes = [...program.inputs];
    inputs.forEach((input, number) => kernels.view(places[number], input.length).set(input));
    program.ops.forEach((op, number) => {
      const layer = this.layers[number], size = sizeOf(op.shape), to = kernels.view(places[op.output], size);
      shapes[op.output] = op.shape;
      if (layer) layer.run(places[op.inputs[0]], places[op.output]);
      else this.step(op, op.inputs.map((input) => kernels.view(places[input], sizeOf(shapes[input]))), to);
      if (op.activation?.endsWith("relu")) kernels.relu(places[op.output], places[op.output] + 16 * Math.ceil(size / 4), op.slope ?? 0);
      else if (op.activation) to.forEach((value, i) => { to[i] = op.activation === "tanh" ? Math.tanh(value) : 1 / (1 + Math.exp(-value)); });
    });
    return program.outputs.map((output) => kernels.view(places[output], sizeOf(shapes[output])).slice());
  }

  /** What is neither a convolution nor linear. */
  step(op, inputs, to) {
    if (op.kind === "concat") inputs.reduce((at, one) => (to.set(one, at), at + one.length), 0);
    else to.set(inputs[0]);
    if (op.kind === "add") inputs[1].forEach((value, i) => { to[i] += value; });
    if (op.kind !== "affine") return;
    const [scale, shift] = ["scale", "shift"].map((what) => this.tensors[op.tensors[what]].values), size = to.length / scale.length;
    to.forEach((value, i) => { to[i] = value * scale[Math.floor(i / size)] + shift[Math.floor(i / size)]; });
  }
}
