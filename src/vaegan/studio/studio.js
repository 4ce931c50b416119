"use strict";
/* What a person does in the page. The networks run in a worker (engine.js and latent.js), so that the page never waits. */

const $ = (id) => document.getElementById(id);
const about = JSON.parse($("about").textContent);
const [HEIGHT, WIDTH] = about.size;
const SHOWN_AUC = 0.75; // attributes that the model tells apart less well than this are folded away
const MOST_HISTORY = 100;
const LARGEST_PHOTO = 2048; // pixels a side that a photo is reduced to at once

/* ---- the worker ---- */

const worker = new Worker(URL.createObjectURL(new Blob([$("worker").textContent], { type: "text/javascript" })));
const waiting = new Map();
let lastId = 0;
worker.onmessage = ({ data: { id, result, error } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error) reject(new Error(error));
  else resolve(result);
};
worker.onerror = () => say("This browser cannot run the model: open the page in a newer browser.", true);

function ask(what, given, transfer = []) {
  return new Promise((resolve, reject) => {
    waiting.set(++lastId, { resolve, reject });
    worker.postMessage({ id: lastId, what, given }, transfer);
  });
}

/* ---- pixels ---- */

/** Numbers in [-1, 1], channel by channel, on a canvas. */
function paint(canvas, pixels) {
  const image = new ImageData(WIDTH, HEIGHT), size = HEIGHT * WIDTH;
  for (let i = 0; i < size; i++) {
    for (let channel = 0; channel < 3; channel++) {
      const value = pixels[(about.channels === 1 ? 0 : channel) * size + i];
      image.data[4 * i + channel] = Math.round((Math.max(-1, Math.min(1, value)) + 1) * 127.5);
    }
    image.data[4 * i + 3] = 255;
  }
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The numbers of a canvas of the model's size; grey as Pillow computes it. */
function pixelsOf(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, WIDTH, HEIGHT), size = HEIGHT * WIDTH;
  const pixels = new Float32Array(about.channels * size);
  for (let i = 0; i < size; i++) {
    const [red, green, blue] = data.subarray(4 * i, 4 * i + 3);
    const values = about.channels === 1 ? [(red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16] : [red, green, blue];
    values.forEach((value, channel) => { pixels[channel * size + i] = value / 127.5 - 1; });
  }
  return pixels;
}

function newCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** A part of a picture at the model's size, made smaller by halves so that nothing flickers. */
function reduced(source, left, top, width, height) {
  let step = newCanvas(Math.max(WIDTH, Math.min(1024, Math.round(width))), Math.max(HEIGHT, Math.min(1024, Math.round(height))));
  let context = step.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // under transparent pixels, as in training
  context.fillRect(0, 0, step.width, step.height);
  context.drawImage(source, left, top, width, height, 0, 0, step.width, step.height);
  while (step.width !== WIDTH || step.height !== HEIGHT) {
    const smaller = newCanvas(Math.max(WIDTH, Math.round(step.width / 2)), Math.max(HEIGHT, Math.round(step.height / 2)));
    context = smaller.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(step, 0, 0, smaller.width, smaller.height);
    step = smaller;
  }
  return step;
}

/* ---- what is shown ---- */

/** The picture that edits begin with: its code, the conditions of a conditional model, and its pixels if it is no sample. */
let base = null;
let edits = noEdits();
let conditions = about.conditions.map(() => null);
let priorMean = null;
let shownCode = null;
let history = [];
let walking = false;

function noEdits() { return { attributes: {}, principal: {}, dimensions: {} }; }

function say(sentence, isError = false) {
  $("status").textContent = sentence;
  $("status").classList.toggle("error", isError);
}

/* Only the newest picture is computed: while a slider moves, those in between are left out. */
let wanted = null, computing = false;

async function show(given = { code: base.code, edits: structuredClone(edits), conditions: [...conditions] }) {
  wanted = given;
  if (computing) return;
  computing = true;
  while (wanted) {
    const now = wanted, began = performance.now();
    wanted = null;
    const { pixels, code } = await ask("decode", now);
    paint($("after"), pixels);
    shownCode = code;
    document.body.dataset.milliseconds = (performance.now() - began).toFixed(1);
  }
  computing = false;
  document.body.dataset.shown = String(+(document.body.dataset.shown ?? 0) + 1);
}

/** Paint what the picture was before: the photo, or the sample without edits. */
async function showBefore() {
  if (base.pixels) return paint($("before"), base.pixels);
  return paint($("before"), (await ask("decode", { code: base.code, conditions: base.conditions })).pixels);
}

/** Begin with another picture. */
async function begin(next, { keepEdits = false } = {}) {
  stopWalk();
  base = next;
  if (!keepEdits) edits = noEdits();
  if (!keepEdits || next.conditions.some((value) => value !== null)) conditions = [...next.conditions];
  $("map").hidden = $("map-line").hidden = true;
  say(next.label);
  $("wipe").value = base.pixels ? 50 : 0;
  wipe();
  showControls();
  await Promise.all([show(), showBefore()]);
  remember();
}

/* ---- undo ---- */

function remember() {
  history.push({ base, edits: structuredClone(edits), conditions: [...conditions] });
  if (history.length > MOST_HISTORY) history.shift();
  afterChange();
}

function afterChange() {
  $("undo").disabled = history.length < 2;
  $("reset").disabled = !changed();
  for (const button of $("tray").children) button.setAttribute("aria-pressed", String(button.item === base));
  if (base) {
    $("command").textContent = commands();
    try { window.history.replaceState(null, "", linkHash() || "#"); } catch { /* some viewers allow no change of the address */ }
  }
}

function changed() {
  const strengths = Object.values(edits).flatMap((part) => Object.values(part));
  return strengths.some((value) => value !== 0) || conditions.some((value, place) => value !== (base?.conditions[place] ?? null));
}

async function restore(state) {
  base = state.base;
  edits = structuredClone(state.edits);
  conditions = [...state.conditions];
  say(base.label);
  showControls();
  await Promise.all([show(), showBefore()]);
  afterChange();
}

$("undo").onclick = () => { if (history.length > 1) { history.pop(); stopWalk(); restore(history[history.length - 1]); } };
$("reset").onclick = () => { edits = noEdits(); conditions = [...base.conditions]; showControls(); show(); remember(); };

/* ---- sliders ---- */

const sliders = [];

/** A slider with its name and its value; `read` and `write` are the state behind it. */
function slider(place, name, { min, max, step, note = "", read, write, text = (value) => value.toFixed(2) }) {
  const label = document.createElement("label"), title = document.createElement("span"), value = document.createElement("output"), input = document.createElement("input");
  label.className = "slider";
  title.textContent = name;
  if (note) {
    const small = document.createElement("small");
    small.textContent = note;
    title.append(small);
  }
  Object.assign(input, { type: "range", min, max, step });
  input.setAttribute("aria-label", name);
  const update = () => { input.value = read() ?? 0; value.textContent = read() === null ? "-" : text(+input.value); };
  input.oninput = () => { stopWalk(); write(+input.value); value.textContent = text(+input.value); show(); };
  input.onchange = remember;
  label.ondblclick = () => { write(0); update(); show(); remember(); };
  label.append(title, value, input);
  place.append(label);
  const made = { update, input };
  sliders.push(made);
  update();
  return made;
}

function showControls() { for (const { update } of sliders) update(); }

function editSlider(place, part, number, name, more) {
  return slider(place, name, { ...more, read: () => edits[part][number] ?? 0, write: (value) => { edits[part][number] = value; } });
}

function makeSliders() {
  about.conditions.forEach(({ name }, place) => slider($("conditions"), name, {
    min: -3, max: 3, step: 0.1, note: "asked for, in standard deviations",
    read: () => conditions[place], write: (value) => { conditions[place] = value; },
  }));
  const order = about.attributes.map((attribute, number) => ({ ...attribute, number })).sort((one, other) => (other.auc ?? 0) - (one.auc ?? 0));
  for (const { name, auc, number } of order) {
    const weak = auc !== null && auc < SHOWN_AUC, place = weak ? $("weak").querySelector("div") : $("attributes");
    const note = auc === null ? "" : `${Math.round(100 * auc)}%`;
    editSlider(place, "attributes", number, name.replaceAll("_", " "), { min: -1, max: 2, step: 0.05, note });
    if (weak) $("weak").hidden = false;
  }
  about.principal.forEach((share, number) => editSlider($("principal").querySelector("div"), "principal", number, `Direction ${number + 1}`, {
    min: -3, max: 3, step: 0.1, note: `${(100 * share).toFixed(1)}% of the variance`,
  }));
  const box = $("dimensions").querySelector("div");
  const pick = () => {
    const number = Math.max(1, Math.min(about.latent, Math.round(+$("dimension").value) || 1)) - 1;
    box.replaceChildren();
    const old = sliders.findIndex(({ input }) => !input.isConnected);
    if (old >= 0) sliders.splice(old, 1);
    editSlider(box, "dimensions", number, `Number ${number + 1}`, { min: -4, max: 4, step: 0.1 });
  };
  $("dimension").onchange = pick;
  pick();
}

/* ---- pictures to begin with ---- */

function addToTray(item, pixels) {
  const button = document.createElement("button"), canvas = document.createElement("canvas");
  paint(canvas, pixels);
  button.title = item.label;
  button.setAttribute("aria-label", item.label);
  button.setAttribute("aria-pressed", "false");
  button.item = item;
  button.append(canvas);
  button.onclick = () => begin(item);
  $("tray").prepend(button);
  $("tray").scrollLeft = 0;
}

async function sampleOf(seed, asked = about.conditions.map(() => null)) {
  const { code } = await ask("draw", { seed, conditions: asked });
  return { label: `Sample ${seed}`, code, pixels: null, conditions: [...asked], seed };
}

$("new").onclick = async () => {
  const item = await sampleOf(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000, conditions);
  await begin(item, { keepEdits: true });
  addToTray(item, (await ask("decode", { code: item.code, conditions: item.conditions })).pixels);
  afterChange();
};

async function pictureOf(pixels, label, more = {}) {
  const none = about.conditions.map(() => null);
  const { code } = await ask("encode", { pixels, conditions: none });
  return { label, code, pixels, conditions: none, ...more };
}

async function loadExamples() {
  for (const [number, { name, uri }] of [...about.examples.entries()].reverse()) {
    const image = new Image();
    image.src = uri;
    await image.decode();
    const canvas = newCanvas(WIDTH, HEIGHT);
    canvas.getContext("2d").drawImage(image, 0, 0);
    const pixels = pixelsOf(canvas);
    addToTray(await pictureOf(pixels, `Held-out image ${name}`, { example: number }), pixels);
  }
}

/* ---- photos ---- */

let photo = null;

async function openPhoto(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    const heic = /\.hei[cf]$/i.test(file.name) ? " Only Safari reads HEIC files." : "";
    return say(`This browser cannot read ${file.name || "the file"} as a picture.${heic} Choose a JPEG, PNG or WebP file.`, true);
  }
  const factor = Math.min(1, LARGEST_PHOTO / Math.max(bitmap.width, bitmap.height));
  if (factor < 1) bitmap = await createImageBitmap(bitmap, { resizeWidth: Math.round(bitmap.width * factor), resizeHeight: Math.round(bitmap.height * factor), resizeQuality: "high" });
  const canvas = newCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  photo = { canvas, name: file.name || "your photo", x: 0.5, y: 0.5, zoom: 1 };
  $("zoom").value = 0;
  $("adjust").hidden = false;
  $("picture").classList.add("adjusting");
  await takePhoto();
  return undefined;
}

/** The part of the photo that the model gets: the largest one of the model's shape, moved and zoomed by hand. */
function partOf({ canvas, x, y, zoom }) {
  const scale = Math.min(canvas.width / WIDTH, canvas.height / HEIGHT) / zoom, width = WIDTH * scale, height = HEIGHT * scale;
  return [x * (canvas.width - width), y * (canvas.height - height), width, height];
}

let taking = false, again = false;

async function takePhoto() {
  again = true;
  if (taking) return;
  taking = true;
  while (again) {
    again = false;
    const pixels = pixelsOf(reduced(photo.canvas, ...partOf(photo)));
    if (photo.item) { history.pop(); $("tray").querySelector("button").remove(); }
    photo.item = await pictureOf(pixels, photo.name, { photo: true });
    await begin(photo.item, { keepEdits: true });
    addToTray(photo.item, pixels);
  }
  taking = false;
  afterChange();
}

function endAdjusting() {
  photo = null;
  $("adjust").hidden = true;
  $("picture").classList.remove("adjusting");
}

if ($("choose")) {
  $("choose").onclick = () => $("file").click();
  $("file").onchange = () => { if ($("file").files[0]) openPhoto($("file").files[0]); $("file").value = ""; };
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files][0];
    if (file) openPhoto(file);
  });
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
  document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    if (event.dataTransfer.files[0]) openPhoto(event.dataTransfer.files[0]);
  });
  $("zoom").oninput = () => { photo.zoom = 2 ** (+$("zoom").value / 33); takePhoto(); };
  $("fitted").onclick = endAdjusting;
}

/** Call `move` with the way of a pointer, as parts of the element, from its press to its release. */
function dragged(element, { start = () => true, move, end = () => {} }) {
  let last = null;
  element.addEventListener("pointerdown", (event) => {
    if (!start(event)) return;
    last = event;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (!last) return;
    const box = element.getBoundingClientRect();
    move((event.clientX - last.clientX) / box.width, (event.clientY - last.clientY) / box.height, event, box);
    last = event;
  });
  for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, () => { if (last) { last = null; end(); } });
}

const clamp = (value) => Math.max(0, Math.min(1, value));

dragged($("picture"), {
  start: (event) => {
    if (!photo) wipeTo(event);
    return true;
  },
  move: (right, down, event) => {
    if (!photo) return wipeTo(event);
    const [, , width, height] = partOf(photo), { canvas } = photo;
    if (canvas.width - width > 1) photo.x = clamp(photo.x - (right * width) / (canvas.width - width));
    if (canvas.height - height > 1) photo.y = clamp(photo.y - (down * height) / (canvas.height - height));
    return takePhoto();
  },
});

/* ---- before and after ---- */

function wipe() {
  const part = +$("wipe").value;
  $("before").style.clipPath = `inset(0 ${100 - part}% 0 0)`;
  $("divider").style.left = `${part}%`;
  $("divider").hidden = part <= 0 || part >= 100;
}
$("wipe").oninput = wipe;

function wipeTo({ clientX }) {
  const box = $("picture").getBoundingClientRect();
  $("wipe").value = 100 * clamp((clientX - box.left) / box.width);
  wipe();
}

/* ---- how unusual ---- */

if (about.score) {
  const button = document.createElement("button");
  button.id = "unusual";
  button.textContent = "How unusual?";
  $("reset").after(button);
  button.onclick = async () => {
    if (!base.pixels) return say("Choose a photo or a held-out image first: samples are not scored.", true);
    if (!$("map").hidden) { $("map").hidden = $("map-line").hidden = true; return undefined; }
    const { p, times, shape: [height, width], count } = await ask("score", { pixels: base.pixels, conditions });
    const image = new ImageData(width, height), canvas = $("map");
    times.forEach((value, i) => image.data.set([220, 20, 60, 255 * clamp((value - 1) / 4)], 4 * i));
    Object.assign(canvas, { width, height, hidden: false });
    canvas.getContext("2d").putImageData(image, 0, 0);
    $("map-line").hidden = false;
    $("map-line").textContent = `p = ${p.toPrecision(2)}: ${(100 * p).toPrecision(2)}% of ${count.toLocaleString("en")} normal images are at least as unusual. Red: where.`;
    return undefined;
  };
}

/* ---- mixing ---- */

const corners = [null, null, null, null];
const NAMES = ["Top left", "Top right", "Bottom left", "Bottom right"];
const mixAt = { x: 0.5, y: 0.5 };

function makeMix() {
  NAMES.forEach((name, place) => {
    const button = document.createElement("button"), canvas = newCanvas(1, 1), text = document.createElement("span");
    text.textContent = name;
    button.append(canvas, text);
    button.setAttribute("aria-label", `${name}: take the picture that is shown`);
    button.onclick = () => {
      corners[place] = { code: shownCode, conditions: [...conditions] };
      canvas.width = WIDTH;
      canvas.height = HEIGHT;
      canvas.getContext("2d").drawImage($("after"), 0, 0);
      text.textContent = `${name}: taken`;
      say(`${name} is this picture.`);
    };
    $("corners").append(button);
  });
  const at = (x, y) => { mixAt.x = clamp(x); mixAt.y = clamp(y); showMix(); };
  dragged($("pad"), {
    start: (event) => { const box = $("pad").getBoundingClientRect(); at((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height); return true; },
    move: (right, down) => at(mixAt.x + right, mixAt.y + down),
    end: keepMix,
  });
  $("pad").onkeydown = (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    at(mixAt.x + 0.05 * way[0], mixAt.y + 0.05 * way[1]);
    keepMix();
  };
}

/** A weighted sum of codes, as far from the mean of all codes as they are: a plain mean would be nearer, where pictures are dull. */
function mixed(codes, weights) {
  const length = (code) => Math.sqrt(code.reduce((sum, value, i) => sum + (value - priorMean[i]) ** 2, 0));
  const sum = priorMean.map((mean, i) => codes.reduce((total, code, k) => total + weights[k] * (code[i] - mean), 0));
  const now = Math.sqrt(sum.reduce((total, value) => total + value * value, 0));
  const should = codes.reduce((total, code, k) => total + weights[k] * length(code), 0), factor = now > 1e-6 ? should / now : 1;
  return sum.map((value, i) => priorMean[i] + factor * value);
}

let mixture = null;

function showMix() {
  $("point").style.left = `${100 * mixAt.x}%`;
  $("point").style.top = `${100 * mixAt.y}%`;
  const percent = (part) => Math.round(100 * part);
  $("pad").setAttribute("aria-valuenow", percent(mixAt.x));
  $("pad").setAttribute("aria-valuetext", `${percent(mixAt.x)}% to the right, ${percent(mixAt.y)}% down`);
  const { x, y } = mixAt, weights = [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
  const taken = corners.map((corner, place) => [corner, weights[place]]).filter(([corner]) => corner);
  if (taken.length < 2) return say("Press two corners first: each takes the picture that is shown.", true);
  stopWalk();
  const total = taken.reduce((sum, [, weight]) => sum + weight, 0) || 1;
  mixture = { label: "A mixture", code: mixed(taken.map(([corner]) => corner.code), taken.map(([, weight]) => weight / total)), pixels: null, conditions: [...taken[0][0].conditions] };
  say(mixture.label);
  return show({ code: mixture.code, edits: noEdits(), conditions: mixture.conditions });
}

function keepMix() {
  if (!mixture) return;
  base = mixture;
  edits = noEdits();
  conditions = [...mixture.conditions];
  mixture = null;
  showControls();
  showBefore();
  remember();
}

/* ---- walking ---- */

function stopWalk() {
  if (!walking) return;
  walking = false;
  $("play").textContent = "Play";
}

async function walk() {
  walking = true;
  $("play").textContent = "Stop";
  const draw = async () => (await sampleOf(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000, conditions)).code;
  let from = shownCode, to = await draw(), began = performance.now();
  say("Walking through the prior");
  const frame = async () => {
    if (!walking) return;
    let part = (performance.now() - began) / (1000 * +$("pace").value);
    if (part >= 1) { from = to; to = await draw(); began = performance.now(); part = 0; }
    const angle = (part * Math.PI) / 2, code = priorMean.map((mean, i) => mean + Math.cos(angle) * (from[i] - mean) + Math.sin(angle) * (to[i] - mean));
    base = { label: "A step of the walk", code, pixels: null, conditions: [...conditions] };
    edits = noEdits();
    await show();
    requestAnimationFrame(frame);
  };
  frame();
}

$("play").onclick = () => { if (walking) { stopWalk(); say(base.label); showControls(); showBefore(); remember(); } else walk(); };

/* ---- saving ---- */

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  say(`Saved as ${name}.`);
}

const fileName = (ending) => `${about.name}-${base.label.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}.${ending}`;

$("save").onclick = () => {
  const scale = +$("scale").value, canvas = newCanvas(WIDTH * scale, HEIGHT * scale), context = canvas.getContext("2d");
  context.imageSmoothingEnabled = $("smooth").checked;
  context.imageSmoothingQuality = "high";
  context.drawImage($("after"), 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => download(blob, fileName("png")), "image/png");
};

$("save-code").onclick = () => {
  const attributes = about.conditions.map(({ mean, scale }, place) => (conditions[place] === null ? null : mean + scale * conditions[place]));
  const content = { model: about.name, picture: base.label, code: [...shownCode], ...(attributes.length ? { attributes } : {}) };
  download(new Blob([JSON.stringify(content)], { type: "application/json" }), fileName("json"));
};

/** What gives the same picture outside this page. */
function commands() {
  const lines = ["import json, torch, vaegan", `saved = json.load(open("${fileName("json")}"))  # from: Save code`, `model = vaegan.load(${JSON.stringify(about.folder)})`];
  const given = about.conditions.length ? ', torch.tensor([[float("nan") if v is None else v for v in saved["attributes"]]])' : "";
  lines.push(`image = model.decode(torch.tensor([saved["code"]])${given})`);
  const asked = conditions.some((value) => value !== null);
  if (base.seed !== undefined && !changed() && !asked) lines.push("", `# or, in a shell:`, `# vaegan sample ${about.folder} --count 1 --seed ${base.seed}`);
  return lines.join("\n");
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} is copied.`);
  } catch {
    say(`This browser does not let the page copy: mark the text and copy it by hand.`, true);
  }
}

/** The address of the picture: its seed or its number among the examples, and its edits. */
function linkHash() {
  const parts = new URLSearchParams();
  if (base.seed !== undefined) parts.set("seed", base.seed);
  else if (base.example !== undefined) parts.set("example", base.example);
  else return "";
  for (const [number, value] of Object.entries(edits.attributes)) if (value) parts.set(about.attributes[number].name, value);
  for (const part of ["principal", "dimensions"]) for (const [number, value] of Object.entries(edits[part])) if (value) parts.set(`${part}.${number}`, value);
  base.conditions.forEach((value, place) => { if (value !== null) parts.set(`given.${place}`, value); });
  return `#${parts}`;
}

async function openHash() {
  const parts = new URLSearchParams(location.hash.slice(1)), seed = parts.get("seed"), example = parts.get("example");
  const asked = about.conditions.map((_, place) => { const value = Number(parts.get(`given.${place}`) ?? NaN); return Number.isFinite(value) ? value : null; });
  let item = [...$("tray").children].map((button) => button.item).find((one) => String(one.example) === example);
  if (seed !== null && /^\d{1,9}$/.test(seed)) {
    item = await sampleOf(+seed, asked);
    addToTray(item, (await ask("decode", { code: item.code, conditions: asked })).pixels);
  }
  if (!item) return false;
  for (const [name, text] of parts) {
    const value = Number(text), number = about.attributes.findIndex((attribute) => attribute.name === name), [, part, place] = /^(principal|dimensions)\.(\d+)$/.exec(name) ?? [];
    if (!Number.isFinite(value)) continue;
    if (number >= 0) edits.attributes[number] = value;
    else if (part && +place < (part === "principal" ? about.principal.length : about.latent)) edits[part][place] = value;
  }
  conditions = [...item.conditions];
  await begin(item, { keepEdits: true });
  return true;
}

$("copy").onclick = () => copy($("command").textContent, "The Python text");
$("link").onclick = () => (linkHash() ? copy(location.href, "The link") : say("Only samples and held-out images have a link: save the code of this picture instead.", true));
for (const name of ["scale", "pace"]) $(name).oninput = () => { $(name).nextElementSibling.textContent = $(name).value; };
$("smooth").onchange = () => document.body.classList.toggle("pixelated", !$("smooth").checked);

/* ---- tabs ---- */

const tabs = [...document.querySelectorAll('[role="tab"]')];
function choose(tab) {
  for (const one of tabs) {
    one.setAttribute("aria-selected", String(one === tab));
    one.tabIndex = one === tab ? 0 : -1;
    $(one.getAttribute("aria-controls")).hidden = one !== tab;
  }
}
tabs.forEach((tab, place) => {
  tab.onclick = () => choose(tab);
  tab.onkeydown = ({ key }) => {
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 }[key];
    if (next === undefined) return;
    const other = tabs[(next + tabs.length) % tabs.length];
    choose(other);
    other.focus();
  };
});

/* ---- at the start ---- */

async function start() {
  const bytes = Uint8Array.from(atob($("weights").textContent), (letter) => letter.charCodeAt(0)).buffer;
  priorMean = (await ask("start", { about, bytes }, [bytes])).mean;
  makeSliders();
  makeMix();
  const first = await sampleOf(0);
  if (!location.hash.includes("example")) addToTray(first, (await ask("decode", { code: first.code })).pixels);
  const begun = location.hash.includes("seed") ? await openHash() : false;
  if (!begun && !location.hash.includes("example")) await begin(first);
  document.body.dataset.ready = "picture";
  await loadExamples();
  if (!begun && !(location.hash.includes("example") && (await openHash())) && about.examples.length && base === first) await begin($("tray").firstChild.item);
  if (!base) await begin(first);
  document.body.dataset.ready = "all";
}

start().catch((error) => say(`The page is damaged: ${error.message}`, true));
