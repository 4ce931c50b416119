"use strict";
/* What a person does in the page. The networks run in a worker (engine.js and latent.js), so that the page never waits. */

const $ = (id) => document.getElementById(id);
const about = JSON.parse($("about").textContent);
const [HEIGHT, WIDTH] = about.size;
const GOOD_AUC = 0.9, FAIR_AUC = 0.75; // attributes that the model tells apart less well than this are folded away
const MANY = 8; // attributes, above which there is a field to find one
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

let priorMean = null;
let shown = null; // the code and the pixels of the picture
let walking = null; // which walk the page is on, if it is
let silence;

/** A message, which stays for a while, or until something else is done. */
function say(sentence, isError = false) {
  $("message").textContent = sentence;
  $("message").classList.toggle("error", isError);
  clearTimeout(silence);
  silence = setTimeout(hush, isError ? 30_000 : 10_000);
}

function hush() { $("message").textContent = ""; }

/* Only the newest picture is computed: while a slider moves, those in between are left out. */
let wanted = null, computing = false;

async function show() {
  wanted = { code: state.base.code, edits: structuredClone(state.edits), conditions: [...state.conditions] };
  if (computing) return;
  computing = true;
  try {
    while (wanted) {
      const given = wanted;
      wanted = null;
      shown = await ask("decode", given);
      paint($("after"), shown.pixels);
    }
  } finally { computing = false; }
  document.body.dataset.shown = String(+(document.body.dataset.shown ?? 0) + 1);
}

/** The pixels of a picture as the strip has it: those of an image, or those that the model makes of its code. */
async function pixelsOfItem(item) {
  return (!item.edits && item.pixels) || (item.made ??= (await ask("decode", { code: item.code, edits: item.edits, conditions: item.conditions })).pixels);
}

let askedBefore = 0; // how often what was before was asked for: a slow answer must not replace a later one
let leftIsOriginal = true; // beside an edited photo: the photo, or the model's picture before the edits

/** Paint what the picture was before: the photo, or the model's picture without edits. */
async function showBefore() {
  const mine = ++askedBefore, { base } = state, isPhoto = base.pixels && (leftIsOriginal || !changed());
  const pixels = isPhoto ? base.pixels : (await ask("decode", { code: base.code, conditions: base.conditions })).pixels;
  if (mine === askedBefore) paint($("before"), pixels);
}

/** What stands to the left of the divider; beside an edited photo, a press changes it. */
function showLeft() {
  const both = Boolean(state.base.pixels) && changed(), photo = state.base.pixels && (leftIsOriginal || !both);
  $("left").textContent = photo ? "original" : "not edited";
  $("wipe").setAttribute("aria-label", `Compare: part of the picture that ${photo ? "shows the original" : "is not edited"}, in percent`);
  Object.assign($("left"), { disabled: !both || framing !== null, title: both ? `Press to compare with ${photo ? "the model's picture before the edits" : "the original"}` : "" });
}

$("left").onpointerdown = (event) => event.stopPropagation(); // it does not move the divider
$("left").onclick = () => {
  const part = +$("wipe").value;
  hideScore(); // its red is that of the original
  wipeTo(part);
  leftIsOriginal = !leftIsOriginal;
  showLeft();
  showBefore();
};

/** What the page says of the state. */
function showControls() {
  for (const { update } of sliders) update();
  showMix();
  refresh();
}

/** Everything that depends on the state. */
async function showAll() {
  hideScore();
  showControls();
  await Promise.all([show(), showBefore()]);
  if (!$("mix").hidden && !state.corners) await openMix();
}

/* ---- sliders ---- */

const sliders = [];
const RANGES = { attributes: [-1, 2, 0.05], principal: [-3, 3, 0.1], dimensions: [-4, 4, 0.1] }; // least, most and step

/** A slider with its name and its value; `read` and `write` are the state behind it. `hint` explains the note. */
function slider(place, name, { min, max, step, note = "", hint = "", read, write }) {
  const label = document.createElement("label"), title = document.createElement("span"), value = document.createElement("output"), input = document.createElement("input");
  label.className = "slider";
  title.textContent = name;
  if (note) {
    const small = document.createElement("small");
    small.textContent = note;
    title.append(small);
  }
  title.title = hint;
  Object.assign(input, { type: "range", min, max, step });
  input.setAttribute("aria-label", name);
  if (hint) input.setAttribute("aria-description", hint);
  const at = (number) => (number - min) / (max - min);
  const fill = () => { // from 0, so that a slider at 0 looks empty
    for (const [name, number] of [["--zero", 0], ["--low", Math.min(0, +input.value)], ["--high", Math.max(0, +input.value)]]) input.style.setProperty(name, at(number));
  };
  const update = () => { input.value = read() ?? 0; value.textContent = read() === null ? "-" : (+input.value).toFixed(2); fill(); };
  input.oninput = () => {
    stopWalk();
    endFraming();
    hideScore();
    const before = changed();
    if (!before) wipeTo(0); // all of what changes is seen
    write(+input.value);
    if (!leftIsOriginal && changed() !== before) showBefore();
    state.here = false;
    showControls();
    show();
  };
  input.onchange = () => remember(name);
  label.title = "A double click puts it back to 0";
  label.ondblclick = () => { input.value = 0; input.oninput(); input.onchange(); };
  label.append(title, value, input);
  slideByFinger(label);
  place.append(label);
  const made = { update, input };
  sliders.push(made);
  update();
  return made;
}

function editSlider(place, part, number, name, more) {
  const [min, max, step] = RANGES[part];
  return slider(place, name, { min, max, step, ...more, read: () => state.edits[part][number] ?? 0, write: (value) => { state.edits[part][number] = value; } });
}

/** Whether a name has all the words that a person looks for, in this or another form: smile finds Smiling, and bang finds Bangs. */
function isFound(name, wanted) {
  const words = (text) => text.toLowerCase().split(/[\s_]+/).filter(Boolean), stem = (word) => word.replace(/(ing|ed|es|s|e|y)$/, "");
  const alike = (word, other) => other.includes(word) || stem(word) === stem(other) || (stem(word).length >= 4 && stem(other).startsWith(stem(word)));
  return words(wanted).every((word) => words(name).some((other) => alike(word, other)));
}

function makeSliders() {
  about.conditions.forEach(({ name }, place) => slider($("conditions"), name, {
    min: -3, max: 3, step: 0.1, note: "0 is the average", hint: "in standard deviations",
    read: () => state.conditions[place], write: (value) => { state.conditions[place] = value; },
  }));
  const order = about.attributes.map((attribute, number) => ({ ...attribute, number })).sort((one, other) => (other.auc ?? 0) - (one.auc ?? 0));
  for (const { name, auc, number } of order) {
    const weak = auc !== null && auc < FAIR_AUC, place = weak ? $("weak").querySelector("div") : $("attributes");
    const note = auc === null ? "" : auc >= GOOD_AUC ? "good" : weak ? "weak" : "fair";
    const hint = auc === null ? "" : `Of two pictures, one with it and one without, the model finds the one with it in ${Math.round(100 * auc)} of 100 cases (AUC); 50 is guessing`;
    editSlider(place, "attributes", number, name.replaceAll("_", " "), { note, hint });
  }
  const foldAway = () => { $("weak").hidden = !$("weak").querySelector(".slider:not([hidden])"); };
  foldAway();
  $("find").hidden = about.attributes.length <= MANY;
  $("find").oninput = () => {
    const words = $("find").value;
    for (const label of document.querySelectorAll("#attributes .slider, #weak .slider")) label.hidden = !isFound(label.querySelector("input").getAttribute("aria-label"), words);
    $("weak").open = words.trim() !== "";
    foldAway();
    $("nothing").hidden = Boolean(document.querySelector("#attributes .slider:not([hidden]), #weak .slider:not([hidden])"));
  };
  about.principal.forEach((share, number) => editSlider($("principal").querySelector("div"), "principal", number, `Direction ${number + 1}`, {
    hint: `This way has ${(100 * share).toFixed(1)}% of all differences between pictures (variance of the codes)`,
  }));
  const box = $("dimensions").querySelector("div");
  const pick = () => {
    const number = Math.max(1, Math.min(about.latent, Math.round(+$("dimension").value) || 1)) - 1;
    $("dimension").value = number + 1;
    box.replaceChildren();
    const old = sliders.findIndex(({ input }) => !input.isConnected);
    if (old >= 0) sliders.splice(old, 1);
    editSlider(box, "dimensions", number, `Number ${number + 1}`);
  };
  $("dimension").onchange = pick;
  pick();
}

/* ---- pictures to begin with ---- */

/** Put a picture into the strip, first. */
async function addToTray(item) {
  const button = document.createElement("button");
  button.append(document.createElement("canvas"));
  button.onclick = () => begin(button.item);
  item.button = button;
  $("tray").prepend(button);
  $("tray").scrollLeft = 0;
  await showThumbnail(item);
}

/** A photo that is framed anew stays in its place. */
async function showThumbnail(item) {
  const { button } = item, name = item.edits ? `${item.label}, edited` : item.label;
  Object.assign(button, { item, title: item.example === undefined ? name : `${name}: a held-out image, which the model was not trained on` });
  button.setAttribute("aria-label", name);
  paint(button.firstChild, await pixelsOfItem(item));
}

const anySeed = () => crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;

async function sampleOf(seed, conditions = about.conditions.map(() => null)) {
  const { code } = await ask("draw", { seed, conditions });
  return { label: `Sample ${seed}`, code, pixels: null, conditions: [...conditions], seed };
}

$("new").onclick = async () => begin(await sampleOf(anySeed(), state.conditions));

async function pictureOf(pixels, label, more = {}) {
  const conditions = about.conditions.map(() => null), { code } = await ask("encode", { pixels, conditions });
  return { label, code, pixels, conditions, ...more };
}

async function loadExamples() {
  for (const [number, { name, uri }] of [...about.examples.entries()].reverse()) {
    const image = new Image();
    image.src = uri;
    await image.decode();
    const canvas = newCanvas(WIDTH, HEIGHT);
    canvas.getContext("2d").drawImage(image, 0, 0);
    await addToTray(await pictureOf(pixelsOf(canvas), `Example ${name}`, { example: number }));
  }
}

/* ---- before and after ---- */

/** What was before is left of the divider, `part` percent of the picture; where nothing differs, there is no divider. */
function wipeTo(part) {
  const differs = !walking && (state.base.pixels !== null || changed()), left = differs ? part : 0;
  $("wipe").value = part;
  $("before").style.clipPath = `inset(0 ${100 - left}% 0 0)`;
  $("map").style.clipPath = $("before").style.clipPath;
  $("divider").style.left = `${left}%`;
  $("divider").hidden = left <= 0 || left >= 100;
  document.body.dataset.divided = !differs ? "" : part < 25 ? "after" : part > 75 ? "before" : "both";
}
$("wipe").oninput = () => wipeTo(+$("wipe").value);

/* ---- how unusual ---- */

const UNUSUAL = 0.05, VERY = 0.01; // p-values
let scored = null; // the picture whose score is shown

/** The score is that of one photo, without edits: what changes the picture hides it. */
function hideScore() {
  if (!scored) return;
  scored = null;
  wipeTo(state.base.pixels && !changed() ? 50 : 0);
  showScore();
}

function showScore() {
  $("map").hidden = $("map-line").hidden = !scored;
  $("picture").classList.toggle("scored", scored !== null);
  $("unusual").setAttribute("aria-pressed", String(scored !== null));
  $("unusual").textContent = scored ? "Hide how unusual" : "How unusual?";
}

/** Red on the original, from a quarter of the largest difference on: so there is a place also where all differences are small. */
function paintMap({ times, shape: [height, width] }) {
  const image = new ImageData(width, height), most = Math.max(...times);
  times.forEach((value, i) => image.data.set([235, 0, 40, 215 * clamp((value / most - 0.25) / 0.5)], 4 * i));
  Object.assign($("map"), { width, height });
  $("map").getContext("2d").putImageData(image, 0, 0);
}

/** The answer in words: `isWhole`, if the picture as a whole is stranger than its strangest place. */
function wordsOfScore({ p, above, count, isWhole }) {
  const level = p > UNUSUAL ? "Not unusual" : p > VERY ? "Unusual" : "Very unusual";
  const share = `${above || "None"} of ${count.toLocaleString("en")} normal pictures ${above < 2 ? "is" : "are"} at least as unusual (p = ${p.toPrecision(2)}).`;
  const where = p <= UNUSUAL && isWhole ? "The whole picture is unusual, not only a part." : "";
  return { level, share, where };
}

if (about.score) {
  const button = document.createElement("button");
  button.id = "unusual";
  $("begin").append(button);
  showScore();
  button.onclick = async () => {
    if (scored) return hideScore();
    await endFraming();
    const { base } = state, edits = () => JSON.stringify([state.edits, state.conditions]), before = edits();
    const score = await ask("score", { pixels: base.pixels, conditions: base.conditions });
    if (base !== state.base || edits() !== before || framing) return undefined; // something else was done meanwhile
    scored = base;
    leftIsOriginal = true;
    showLeft();
    showBefore();
    paintMap(score);
    const { level, share, where } = wordsOfScore(score);
    showScore();
    $("map-line").querySelector("b").textContent = `${changed() ? "Without edits: " : ""}${level}.`;
    $("map-line").querySelector("span").textContent = ` ${share} ${where} `;
    return wipeTo(100);
  };
}

/* ---- tabs ---- */

const tabs = [...document.querySelectorAll('[role="tab"]')];

/** Where the tabs stay in sight, as on a phone, scroll an element up to them: as much as can be is then in sight. */
function scrollToTabs(element) {
  const bar = tabs[0].parentElement, top = parseFloat(getComputedStyle(bar).top);
  if (!Number.isNaN(top)) scrollBy({ top: element.getBoundingClientRect().top - top - bar.offsetHeight - 8, behavior: "instant" });
}

function choose(tab) {
  for (const one of tabs) {
    one.setAttribute("aria-selected", String(one === tab));
    one.tabIndex = one === tab ? 0 : -1;
    $(one.getAttribute("aria-controls")).hidden = one !== tab;
  }
  if (tab.id === "tab-mix") openMix();
  scrollToTabs($(tab.getAttribute("aria-controls")));
}

/** What is found is in sight, also when the keyboard of a phone has come, or a page has become shorter. */
const showFound = () => { if (document.activeElement === $("find")) scrollToTabs($("find")); };
for (const name of ["focus", "input"]) $("find").addEventListener(name, showFound);
addEventListener("resize", showFound);
new ResizeObserver(() => document.documentElement.style.setProperty("--below", `${$("view").offsetHeight}px`)).observe($("view"));

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
  makeSliders();
  makeMix();
  const link = location.hash, asks = (name) => new RegExp(`[#&]${name}=`).test(link), first = await sampleOf(0);
  let found = (asks("seed") || asks("code")) && (await openLink(link));
  if (!found) await begin(first);
  Object.assign(document.body.dataset, { ready: "picture", first: Math.round(performance.now()) }); // milliseconds since the page was asked for
  await loadExamples();
  if (found && state.base.button) {
    $("tray").prepend(state.base.button);
    $("tray").scrollLeft = 0;
  }
  if (!found && state.base === first && !changed()) {
    steps = []; // nobody has done anything yet that could be undone
    step = -1;
    found = asks("example") && (await openLink(link));
    if (!found) await begin($("tray").firstChild.item);
  }
  if (link.length > 1 && !found) say(NO_LINK, true);
  document.body.dataset.ready = "all";
}

document.addEventListener("DOMContentLoaded", () => start().catch((error) => say(`The page is damaged: ${error.message}`, true)));
