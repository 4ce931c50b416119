"use strict";
/* Where a network spends its time, in WebAssembly with four numbers an instruction, which is fast from the first picture on. It is written
   out here byte by byte; and once more in JavaScript, for browsers without it. Addresses and steps between numbers are in bytes. */

/** The module: functions `multiply`, `copy` and `relu` as in `plainKernels`, and their memory. */
function kernelModule() {
  const unsigned = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]);
  const counted = (items) => [...unsigned(items.length), ...items.flat()], section = (id, content) => [id, ...unsigned(content.length), ...content];
  const I32 = 0x7f, F32 = 0x7d, V128 = 0x7b, ADD = 0x6a, zero = [0x41, 0];
  const get = (local) => [0x20, local], set = (local, code) => [...code, 0x21, local], constant = (value) => [0x41, value];
  const plus = (one, other) => [...one, ...other, ADD], move = (local, by) => set(local, plus(get(local), by));
  const simd = (...code) => [0xfd, ...code], [MIN, MAX, SUM, TIMES] = [0xe8, 0xe9, 0xe4, 0xe6].map((code) => simd(code, 1));
  const load = (local, at) => [...get(local), ...simd(0x00, 2, at)], splat = (local, at) => [...get(local), ...simd(0x09, 2, at)];
  const store = (local, at, value) => [...get(local), ...value, ...simd(0x0b, 2, at)];
  const loop = (body, counter, step, end) => [0x03, 0x40, ...body, ...move(counter, step), ...get(counter), ...get(end), 0x49, 0x0d, 0, 0x0b];
  const body = (locals, code) => { const all = [...counted(locals), ...code.flat(), 0x0b]; return [...unsigned(all.length), ...all]; };

  function multiply() { // a tile of 4 x 8 sums stays in registers
    const [A, BIAS, B, C, ROWS, COLUMNS, INNER, stride, n, r, k, pa, pb, pc, pbias] = Array.from({ length: 15 }, (_, i) => i);
    const b = [15, 16], s = 17, sum = [0, 1, 2, 3].map((row) => [18 + 2 * row, 19 + 2 * row]);
    const four = (make) => [0, 1, 2, 3].flatMap(make), both = (make) => [0, 1].flatMap(make);
    const tile = four((row) => [
      ...set(s, splat(pa, 4 * row)),
      ...both((half) => set(sum[row][half], [...get(sum[row][half]), ...get(s), ...get(b[half]), ...TIMES, ...SUM])),
    ]);
    const inner = loop([...both((half) => set(b[half], load(pb, 16 * half))), ...tile, ...move(pa, constant(16)), ...move(pb, get(stride))], k, constant(1), INNER);
    const rows = loop([
      ...four((row) => both((half) => set(sum[row][half], splat(pbias, 4 * row)))), ...set(pb, plus(get(B), get(n))), ...set(k, zero), ...inner,
      ...four((row) => [...both((half) => store(pc, 16 * half, get(sum[row][half]))), ...move(pc, get(stride))]), ...move(pbias, constant(16)),
    ], r, constant(4), ROWS);
    const columns = loop([...set(pa, get(A)), ...set(pbias, get(BIAS)), ...set(pc, plus(get(C), get(n))), ...set(r, zero), ...rows], n, constant(32), stride);
    return body([[8, I32], [11, V128]], [set(stride, [...get(COLUMNS), ...constant(2), 0x74]), columns]);
  }

  function copy() {
    const [TO, TO_ROW, TO_STEP, FROM, FROM_ROW, FROM_STEP, ROWS, COLUMNS, row, column, to, from] = Array.from({ length: 12 }, (_, i) => i);
    const one = [...get(to), ...get(from), 0x28, 2, 0, 0x36, 2, 0, ...move(to, get(TO_STEP)), ...move(from, get(FROM_STEP))];
    const line = [...set(to, get(TO)), ...set(from, get(FROM)), ...set(column, zero), ...loop(one, column, constant(1), COLUMNS)];
    return body([[4, I32]], [loop([...line, ...move(TO, get(TO_ROW)), ...move(FROM, get(FROM_ROW))], row, constant(1), ROWS)]);
  }

  function relu() {
    const [AT, END, SLOPE, value, none, slopes] = [0, 1, 2, 3, 4, 5];
    const part = [...get(value), ...get(none), ...MAX, ...get(value), ...get(none), ...MIN, ...get(slopes), ...TIMES, ...SUM];
    return body([[3, V128]], [set(slopes, [...get(SLOPE), ...simd(0x13)]), loop([...set(value, load(AT, 0)), ...store(AT, 0, part)], AT, constant(16), END)]);
  }

  const type = (...parameters) => [0x60, ...counted(parameters.map((one) => [one])), 0], letters = (name) => counted([...name].map((letter) => [letter.charCodeAt(0)]));
  const types = [type(...Array(7).fill(I32)), type(...Array(8).fill(I32)), type(I32, I32, F32)];
  const names = [["multiply", 0, 0], ["copy", 0, 1], ["relu", 0, 2], ["memory", 2, 0]].map(([name, ...what]) => [...letters(name), ...what]);
  return Uint8Array.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section(1, counted(types)), ...section(3, [3, 0, 1, 2]), ...section(5, [1, 0, 1]),
    ...section(7, counted(names)), ...section(10, counted([multiply(), copy(), relu()])),
  ]);
}

/** The same in JavaScript, in a memory that looks the same. */
function plainKernels() {
  const memory = {
    buffer: new ArrayBuffer(65_536),
    grow(pages) {
      const old = new Uint8Array(this.buffer);
      this.buffer = new ArrayBuffer(old.length + 65_536 * pages);
      new Uint8Array(this.buffer).set(old);
    },
  };
  return {
    memory,
    /** c = a b + bias: `rows` in groups of 4, which lie side by side in `a` (rows / 4 x inner x 4), `columns` a multiple of 8. */
    multiply(a, bias, b, c, rows, columns, inner) {
      const values = new Float32Array(memory.buffer);
      for (let row = 0; row < rows; row++) {
        const to = (c >> 2) + row * columns;
        values.fill(values[(bias >> 2) + row], to, to + columns);
        for (let k = 0; k < inner; k++) {
          const weight = values[(a >> 2) + 4 * ((row >> 2) * inner + k) + (row & 3)], from = (b >> 2) + k * columns;
          for (let column = 0; column < columns; column++) values[to + column] += weight * values[from + column];
        }
      }
    },
    /** Rows of numbers, from one place to another; how far rows and numbers are from the next ones may differ. */
    copy(to, toRow, toStep, from, fromRow, fromStep, rows, columns) {
      const values = new Float32Array(memory.buffer);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) values[(to + row * toRow + column * toStep) >> 2] = values[(from + row * fromRow + column * fromStep) >> 2];
      }
    },
    /** Numbers below 0 become `slope` times as large. */
    relu(at, end, slope) {
      const values = new Float32Array(memory.buffer);
      for (let i = at >> 2; i < end >> 2; i++) if (values[i] < 0) values[i] *= slope;
    },
  };
}

/** The functions, and who has which part of their memory. */
class Kernels {
  constructor({ wasm = true } = {}) {
    let found = null;
    try { if (wasm) found = new WebAssembly.Instance(new WebAssembly.Module(kernelModule())).exports; } catch { /* an old browser */ }
    const { memory, multiply, copy, relu } = found ?? plainKernels();
    Object.assign(this, { memory, multiply, copy, relu, used: 16, shared: { at: 0, length: 0 } });
  }

  /** Room for `length` numbers from now on. It may move the memory, so that older views are of no use. */
  reserve(length) {
    const at = this.used;
    this.used += 16 * Math.ceil(length / 4);
    const missing = this.used - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / 65_536));
    return at;
  }

  keep(numbers) {
    const at = this.reserve(numbers.length);
    this.view(at, numbers.length).set(numbers);
    return at;
  }

  /** Room that all take one after the other: where it is, is known when all have asked. */
  share(length) { if (length > this.shared.length) this.shared = { at: this.reserve(length), length }; }

  view(at, length) { return new Float32Array(this.memory.buffer, at, length); }
}
