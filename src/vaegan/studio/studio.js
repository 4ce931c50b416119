"use strict";
/* What a person does in the page. The networks run in a worker (engine.js and latent.js), so that the page never waits. */

const $ = (id) => document.getElementById(id);
const about = JSON.parse($("about").textContent);
const [HEIGHT, WIDTH] = about.size;
const SHOWN_AUC = 0.75; // attributes that the model tells apart less well than this are folded away
const MANY = 8; // attributes, above which there is a field to find one
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
addEventListener("unhandledrejection", ({ reason }) => say(`The model has failed: ${reason?.message ?? reason}`, true));

function ask(what, given, transfer = []) {
  return new Promise((resolve, reject) => {
    waiting.set(++lastId, { resolve, reject });
    worker.postMessage({ id: lastId, what, given }, transfer);
  });
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
  try {
    while (wanted) {
      const now = wanted;
      wanted = null;
      const { pixels, code } = await ask("decode", now);
      paint($("after"), pixels);
      shownCode = code;
    }
  } finally { computing = false; }
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
  leavePhoto(next);
  base = next;
  if (!keepEdits) edits = noEdits();
  if (!keepEdits || next.conditions.some((value) => value !== null)) conditions = [...next.conditions];
  $("map").hidden = $("map-line").hidden = true;
  say(next.label);
  if (!keepEdits || !base.pixels) wipeTo(base.pixels && !changed() ? 50 : 0);
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
  wipeTo(+$("wipe").value);
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
  leavePhoto(state.base);
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
  const at = (number) => (number - min) / (max - min);
  const fill = () => { // from 0, so that a slider at 0 looks empty
    for (const [name, number] of [["--zero", 0], ["--low", Math.min(0, +input.value)], ["--high", Math.max(0, +input.value)]]) input.style.setProperty(name, at(number));
  };
  const update = () => { input.value = read() ?? 0; value.textContent = read() === null ? "-" : text(+input.value); fill(); };
  input.oninput = () => { stopWalk(); if (!changed()) wipeTo(0); write(+input.value); value.textContent = text(+input.value); fill(); show(); }; // all of what changes is seen
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
  }
  const foldAway = () => { $("weak").hidden = !$("weak").querySelector(".slider:not([hidden])"); };
  foldAway();
  $("find").hidden = about.attributes.length <= MANY;
  $("find").oninput = () => {
    const words = $("find").value.trim().toLowerCase();
    for (const label of document.querySelectorAll("#attributes .slider, #weak .slider")) label.hidden = !label.textContent.toLowerCase().includes(words);
    $("weak").open = words !== "";
    foldAway();
  };
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
  return button;
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

/* ---- before and after ---- */

/** What was before is left of the divider, `part` percent of the picture. */
function wipeTo(part) {
  $("wipe").value = part;
  $("before").style.clipPath = `inset(0 ${100 - part}% 0 0)`;
  $("divider").style.left = `${part}%`;
  $("divider").hidden = part <= 0 || part >= 100;
  const differs = base?.pixels || changed();
  document.body.dataset.divided = !differs ? "" : part < 25 ? "after" : part > 75 ? "before" : "both";
}
$("wipe").oninput = () => wipeTo(+$("wipe").value);

function wipeToPointer({ clientX }) {
  const box = $("picture").getBoundingClientRect();
  wipeTo(100 * clamp((clientX - box.left) / box.width));
}

/* ---- how unusual ---- */

if (about.score) {
  const button = document.createElement("button");
  button.id = "unusual";
  button.textContent = "How unusual?";
  $("begin").append(button);
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

/* ---- tabs ---- */

const tabs = [...document.querySelectorAll('[role="tab"]')];

/** How far an element is below the tabs, where these stay in sight, as on a phone; else 0. */
function belowTabs(element) {
  const bar = tabs[0].parentElement, top = parseFloat(getComputedStyle(bar).top);
  return Number.isNaN(top) ? 0 : element.getBoundingClientRect().top - top - bar.offsetHeight - 8;
}

function choose(tab) {
  for (const one of tabs) {
    one.setAttribute("aria-selected", String(one === tab));
    one.tabIndex = one === tab ? 0 : -1;
    $(one.getAttribute("aria-controls")).hidden = one !== tab;
  }
  if (tab.id === "tab-mix") fillCorners();
  scrollBy(0, Math.min(0, belowTabs($(tab.getAttribute("aria-controls"))))); // its beginning is not covered
}
$("find").onfocus = () => scrollBy(0, belowTabs($("find"))); // what is found is in sight
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
  const server = location.href.replace(/[^/]*([?#].*)?$/, "").replace(/\/$/, "");
  priorMean = (await ask("start", { about, weights: $("weights").textContent, server })).mean;
  document.body.style.setProperty("--shape", HEIGHT / WIDTH);
  makeSliders();
  makeMix();
  const first = await sampleOf(0), asks = (name) => new RegExp(`[#&]${name}=`).test(location.hash);
  if (!asks("example")) addToTray(first, (await ask("decode", { code: first.code })).pixels);
  const begun = (asks("seed") || asks("code")) && (await openLink(location.hash));
  if (!begun && !asks("example")) await begin(first);
  Object.assign(document.body.dataset, { ready: "picture", first: Math.round(performance.now()) }); // milliseconds since the page was asked for
  await loadExamples();
  if (!begun && !(asks("example") && (await openLink(location.hash))) && about.examples.length && base === first && !changed()) {
    history = []; // nobody has done anything yet that could be undone
    await begin($("tray").firstChild.item);
  }
  if (!base) await begin(first);
  document.body.dataset.ready = "all";
}

document.addEventListener("DOMContentLoaded", () => start().catch((error) => say(`The page is damaged: ${error.message}`, true)));
