"use strict";
/* Codes: drawn from the prior as torch draws them, and scored; and the worker that does all this beside the page. */

/** The random numbers of torch.Generator on a CPU: mt19937, so that a seed gives the codes that `vaegan sample --seed` has. */
class Generator {
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.state[0] = seed >>> 0;
    for (let i = 1; i < 624; i++) {
      const before = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(before, 1812433253) + i;
    }
    this.at = 624;
  }

  next() {
    const s = this.state;
    if (this.at === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
        s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      this.at = 0;
    }
    let y = s[this.at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** From 0 to 1, with 24 bits, as a float has. */
  uniform() { return (this.next() & 0xffffff) / 2 ** 24; }

  /** The same with 53 bits: two numbers make one of 64, of which the lower 53 count. */
  uniform53() {
    const high = this.next(), low = this.next();
    return ((high & 0x1fffff) * 2 ** 32 + low) / 2 ** 53;
  }

  /** `count` numbers of N(0, 1). From 16 on, torch makes them in groups of 16; a last group overlaps the one before. */
  normal(count) {
    const values = new Float32Array(count);
    if (count < 16) return this.fewNormal(values);
    for (let i = 0; i < count; i++) values[i] = this.uniform();
    const group = (at) => {
      for (let i = at; i < at + 8; i++) {
        const radius = Math.sqrt(-2 * Math.log(1 - values[i])), angle = 2 * Math.PI * values[i + 8];
        values[i] = radius * Math.cos(angle);
        values[i + 8] = radius * Math.sin(angle);
      }
    };
    let at = 0;
    for (; at + 16 <= count; at += 16) group(at);
    if (at < count) {
      for (let i = count - 16; i < count; i++) values[i] = this.uniform();
      group(count - 16);
    }
    return values;
  }

  /** Fewer than 16: one by one, two from each pair of 53-bit numbers. */
  fewNormal(values) {
    for (let i = 0; i < values.length; i += 2) {
      const angle = 2 * Math.PI * this.uniform53(), radius = Math.sqrt(-2 * Math.log1p(-this.uniform53()));
      values[i] = radius * Math.cos(angle);
      if (i + 1 < values.length) values[i + 1] = radius * Math.sin(angle);
    }
    return values;
  }
}

/** The lower triangular F with F F^T = matrix, both size x size. */
function cholesky(matrix, size) {
  const factor = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = matrix[row * size + column];
      for (let k = 0; k < column; k++) sum -= factor[row * size + k] * factor[column * size + k];
      factor[row * size + column] = row === column ? Math.sqrt(Math.max(sum, 1e-12)) : sum / factor[column * size + column];
    }
  }
  return factor;
}

/** The mixture of Gaussians that samples are drawn from: vaegan/models/prior.py in other words. */
class Mixture {
  constructor({ components, dimensions }, tensors, latent) {
    Object.assign(this, { components, dimensions, latent });
    this.weights = tensors["prior.weights"].values;
    const means = tensors["prior.means"].values, packed = tensors["prior.factors"].values, length = (dimensions * (dimensions + 1)) / 2;
    this.means = Array.from({ length: components }, (_, k) => means.subarray(k * dimensions, (k + 1) * dimensions));
    this.packed = (k) => packed.subarray(k * length, (k + 1) * length);
    this.own = (component) => (packed.length > length ? component : 0); // the place of its factor, which all components may share
    this.factors = [];
  }

  /** The factor in a place, dimensions x dimensions. */
  factor(place) {
    const { dimensions } = this, packed = this.packed(place);
    return (this.factors[place] ??= Float64Array.from({ length: dimensions ** 2 }, (_, i) => {
      const row = Math.floor(i / dimensions), column = i % dimensions;
      return column > row ? 0 : packed[(row * (row + 1)) / 2 + column];
    }));
  }

  /** The factor in a place, of these dimensions in this order. */
  ordered(place, columns) {
    const size = columns.length, all = this.dimensions, from = this.factor(place);
    if (columns.every((column, i) => column === i)) { // its upper left part is the factor of these alone
      return size === all ? from : Float64Array.from({ length: size * size }, (_, i) => from[Math.floor(i / size) * all + (i % size)]);
    }
    const covariance = new Float64Array(size * size);
    for (let row = 0; row < size; row++) {
      for (let column = 0; column <= row; column++) {
        let sum = 0;
        for (let k = 0; k <= Math.min(columns[row], columns[column]); k++) sum += from[columns[row] * all + k] * from[columns[column] * all + k];
        covariance[row * size + column] = covariance[column * size + row] = sum;
      }
    }
    return cholesky(covariance, size);
  }

  /** A code, given the values of some attributes: an array with null for those that are not known. */
  draw(seed, attributes = []) {
    const generator = new Generator(seed), noise = generator.normal(this.latent), uniform = generator.uniform53();
    const known = attributes.map((value, place) => [value, this.latent + place]).filter(([value]) => value !== null);
    const count = known.length, columns = [...known.map(([, column]) => column), ...Array.from({ length: this.latent }, (_, i) => i)];
    const size = columns.length, factors = [], ordered = (place) => (factors[place] ??= this.ordered(place, columns));
    const factorOf = (component) => ordered(this.own(component)), meanOf = (component, row) => this.means[component][columns[row]];
    const solved = this.means.map((_, component) => {
      const off = [], factor = count ? factorOf(component) : null;
      for (let row = 0; row < count; row++) {
        let sum = known[row][0] - meanOf(component, row);
        for (let k = 0; k < row; k++) sum -= factor[row * size + k] * off[k];
        off.push(sum / factor[row * size + row]);
      }
      return off;
    });
    const logs = solved.map((off, component) => {
      let log = Math.log(this.weights[component]);
      off.forEach((value, row) => { log -= Math.log(factorOf(component)[row * size + row]) + 0.5 * value * value; });
      return log;
    });
    const most = Math.max(...logs), chances = logs.map((log) => Math.exp(log - most)), total = chances.reduce((a, b) => a + b);
    let component = 0;
    for (let sum = chances[0] / total; component < chances.length - 1 && uniform > sum; sum += chances[component] / total) component++;
    const factor = factorOf(component), off = [...solved[component], ...noise], code = new Float32Array(this.latent);
    for (let row = 0; row < this.latent; row++) {
      let sum = meanOf(component, count + row);
      for (let k = 0; k <= count + row; k++) sum += factor[(count + row) * size + k] * off[k];
      code[row] = sum;
    }
    return code;
  }
}

/** How unusual an image is: vaegan/latent/anomaly.py in other words. */
class Scorer {
  constructor({ level }, tensors, program) {
    const shapes = program.outputs.map((output) => program.ops.find((op) => op.output === output).shape);
    Object.assign(this, { level, shapes });
    for (const name of ["limit", "spread", "mean", "scale", "ranked", "whitening"]) this[name] = tensors[`score.${name}`].values;
  }

  score(maps, ofReconstruction) {
    const look = [], least = 1e-6;
    let places;
    this.shapes.forEach(([channels, height, width], number) => {
      const size = height * width, means = [], deviations = [], errors = [], place = new Float64Array(size);
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0, error = 0;
        for (let i = channel * size; i < (channel + 1) * size; i++) {
          const off = maps[number][i] - ofReconstruction[number][i];
          sum += maps[number][i];
          error += off * off;
          place[i - channel * size] += off * off;
        }
        let squares = 0;
        for (let i = channel * size; i < (channel + 1) * size; i++) squares += (maps[number][i] - sum / size) ** 2;
        means.push(sum / size);
        deviations.push(Math.log(Math.sqrt(squares / (size - 1)) + least));
        errors.push(Math.log(error / size + least));
      }
      look.push(...means, ...deviations, ...errors);
      if (number === this.level) places = place;
    });
    const times = Array.from(places, (error, i) => error / this.limit[i]);
    const whole = (Math.log(this.distance(look) + least) - this.spread[0]) / this.spread[2];
    const part = (Math.log(Math.max(...times) + least) - this.spread[1]) / this.spread[3];
    let above = 0;
    for (const other of this.ranked) above += other >= Math.max(whole, part);
    return { p: (1 + above) / (this.ranked.length + 1), above, times, isWhole: +(whole > part), shape: this.shapes[this.level].slice(1), count: this.ranked.length };
  }

  distance(look) {
    const white = look.map((value, i) => (value - this.mean[i]) / this.scale[i]), size = white.length;
    const sums = new Float64Array(size);
    for (let row = 0; row < size; row++) for (let column = 0; column < size; column++) sums[column] += white[row] * this.whitening[row * size + column];
    return Math.sqrt(sums.reduce((sum, value) => sum + value * value, 0));
  }
}

/** Moving codes along the directions of attributes: vaegan/latent/directions.py in other words. */
class Directions {
  constructor(attributes, tensors, latent) {
    this.attributes = attributes;
    this.latent = latent;
    for (const name of ["vectors", "lengths", "probes", "offsets"]) this[name] = tensors[`attributes.${name}`].values;
  }

  reading(code, number) {
    let sum = this.offsets[number];
    for (let i = 0; i < this.latent; i++) sum += code[i] * this.probes[number * this.latent + i];
    return Math.max(0, Math.min(1, sum));
  }

  edit(code, number, strength) {
    const there = this.attributes.map((_, other) => this.reading(code, other));
    const changes = [[number, this.lengths[number] * (strength > 0 ? 1 - there[number] : there[number])]];
    if (strength > 0) for (const other of this.attributes[number].excludes) changes.push([other, -there[other]]);
    const edited = code.slice();
    for (const [other, change] of changes) {
      for (let i = 0; i < this.latent; i++) edited[i] += strength * change * this.vectors[other * this.latent + i];
    }
    return edited;
  }
}

/** A network that the server of the page runs, which gets the numbers of all inputs and answers with those of the result. */
class Remote {
  constructor(address) { this.address = address; }

  async run(inputs) {
    const answer = await fetch(this.address, { method: "POST", body: new Blob(inputs) });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    return [new Float32Array(await answer.arrayBuffer())];
  }
}

/** Everything that takes the networks, by name. Conditions are standardised; null stands for what is not known. */
class Model {
  constructor(about, bytes, how = {}) {
    const tensors = unpack(bytes, about.weights), { decoder, encoder, maps } = about.programs;
    this.about = about;
    const kernels = new Kernels(how);
    const network = (program, name) => program && (about.remote ? new Remote(`${how.server}/${name}`) : new Network(program, tensors, kernels));
    Object.assign(this, { decoder: network(decoder, "decoder"), encoder: network(encoder, "encoder"), maps: network(maps, "maps") });
    this.mixture = about.prior && new Mixture(about.prior, tensors, about.latent);
    this.makeScorer = () => new Scorer(about.score, tensors, maps);
    this.directions = about.attributes.length ? new Directions(about.attributes, tensors, about.latent) : null;
    this.principal = about.principal.length ? tensors.principal.values : null;
  }

  /** The mean of the codes that samples are drawn from. */
  mean() {
    const mean = new Float32Array(this.about.latent);
    if (this.mixture) this.mixture.means.forEach((one, k) => { for (let i = 0; i < mean.length; i++) mean[i] += this.mixture.weights[k] * one[i]; });
    return mean;
  }

  conditions(values = []) {
    const { conditions } = this.about;
    return conditions.length ? [Float32Array.from(conditions, (_, place) => values[place] ?? 0)] : [];
  }

  draw({ seed, conditions = [] }) {
    if (!this.mixture) return { code: new Generator(seed).normal(this.about.latent) };
    return { code: this.mixture.draw(seed, this.about.conditions.map((_, place) => conditions[place] ?? null)) };
  }

  /** A code with edits: { attributes, principal, dimensions }, each from a number to a strength. */
  edited({ code, edits = {} }) {
    let now = Float32Array.from(code);
    for (const [number, strength] of Object.entries(edits.attributes ?? {})) if (strength) now = this.directions.edit(now, +number, strength);
    for (const [number, strength] of Object.entries(edits.principal ?? {})) {
      for (let i = 0; i < now.length; i++) now[i] += strength * this.principal[+number * now.length + i];
    }
    for (const [number, change] of Object.entries(edits.dimensions ?? {})) now[number] += change;
    return now;
  }

  async decode(given) {
    const code = this.edited(given);
    return { code, pixels: (await this.decoder.run([code, ...this.conditions(given.conditions)]))[0] };
  }

  async encode({ pixels, conditions }) { return { code: (await this.encoder.run([pixels, ...this.conditions(conditions)]))[0] }; }

  async score({ pixels, conditions }) {
    const { code } = await this.encode({ pixels, conditions }), { pixels: reconstruction } = await this.decode({ code, conditions });
    this.scorer ??= this.makeScorer();
    return this.scorer.score(this.maps.run([pixels]), this.maps.run([reconstruction]));
  }
}

/** A photo, reduced to so many pixels a side: here, beside the page, because it takes a second for the photos of a good camera. */
async function readPhoto({ file, largest }) {
  const whole = await createImageBitmap(file), { width, height } = whole, factor = largest / Math.max(width, height);
  if (factor >= 1) return { bitmap: whole };
  const bitmap = await createImageBitmap(whole, { resizeWidth: Math.round(width * factor), resizeHeight: Math.round(height * factor), resizeQuality: "high" });
  whole.close(); // 200 MB for 50 megapixels
  return { bitmap };
}

if (typeof WorkerGlobalScope !== "undefined") {
  let model;
  self.onmessage = async ({ data: { id, what, given } }) => {
    try {
      if (what === "start") model = new Model(given.about, fromBase64(given.weights).buffer, given);
      const result = what === "start" ? { mean: model.mean() } : await (what === "photo" ? readPhoto(given) : model[what](given));
      self.postMessage({ id, result }, result.bitmap ? [result.bitmap] : []);
    } catch (error) {
      self.postMessage({ id, error: String(error) });
    }
  };
}
if (typeof module !== "undefined") module.exports = { Generator, Model };
