/* The state of the page, which undo brings back: the picture that edits begin with, the edits, and the mix. */

const MOST_STEPS = 100;
const PAUSE = 1500; // milliseconds: a slider that moves again sooner makes no step of its own

const noEdits = () => ({ attributes: {}, principal: {}, dimensions: {} });

/**
 * `base` is the picture that edits begin with: { label, code, pixels, conditions }, with `pixels` null if it is no image; perhaps with its `seed`,
 * its number as an `example`, its `photo`, the `edits` that it brings, and its `button` in the strip. `corners` are the pictures of the mix (null: not
 * chosen yet), `mixed` is true once a person has used them, and `x` and `y` are the place of its point, if what is shown is `here`, in the mix.
 */
let state = { base: null, edits: noEdits(), conditions: about.conditions.map(() => null), corners: null, mixed: false, x: 0, y: 0, here: false };
let steps = [], step = -1; // steps[step] is the state that is shown
let last = {}; // what made the last step, and when
let choices = 0; // how often a person has chosen a picture: a slow answer for an earlier one must not replace it

const copied = (one) => ({ ...one, edits: structuredClone(one.edits), conditions: [...one.conditions], corners: one.corners && [...one.corners] });

function alike(one, other) {
  const { base, edits, conditions, corners, ...rest } = one;
  const text = (parts) => JSON.stringify(parts);
  const isSame = base === other.base || (base.photo && other.base.photo && isSameFrame(base.photo, other.base.photo));
  return isSame && text([edits, conditions]) === text([other.edits, other.conditions])
    && Object.keys(rest).every((name) => rest[name] === other[name]) && (corners ?? []).every((corner, place) => corner === other.corners?.[place]);
}

function changed() {
  const strengths = Object.values(state.edits).flatMap((part) => Object.values(part));
  return strengths.some((value) => value !== 0) || state.conditions.some((value, place) => value !== (state.base?.conditions[place] ?? null));
}

/** Begin with another picture: without edits, unless it brings some. The one before gets its place in the strip, if it has none: it is not lost. */
function take(item, more = {}) {
  const { base } = state;
  choices++;
  if (base && !base.button && base.passing !== item.passing) addToTray(base);
  Object.assign(state, { base: item, edits: structuredClone(item.edits ?? noEdits()), conditions: [...item.conditions], here: false, ...more });
}

/** Take a picture, put it into the strip, and show it. */
async function begin(item) {
  stopWalk();
  take(item);
  if (!item.button) addToTray(item);
  leavePhoto();
  wipeTo(item.pixels && !changed() ? 50 : 0);
  await showAll();
  remember();
}

/** A person can come back to the state that is shown. What one slider does without a pause is one step. */
function remember(by = null) {
  if (step < 0 || !alike(state, steps[step])) {
    const now = performance.now(), again = step > 0 && by !== null && by === last.by && now - last.time < PAUSE;
    steps = steps.slice(0, again ? step : step + 1);
    if (!again || !alike(state, steps[step - 1])) steps.push(copied(state));
    steps = steps.slice(-MOST_STEPS);
    step = steps.length - 1;
    last = { by, time: now };
  }
  settled();
}

/** Go back by -1, or forward by 1. */
async function stepBy(way) {
  stopWalk();
  if (!steps[step + way]) return;
  step += way;
  last = {};
  choices++;
  state = copied(steps[step]);
  if (state.base.photo) showThumbnail(state.base);
  leavePhoto();
  await showAll();
  settled();
}

/** What can be done, and the name of what is shown. */
function refresh() {
  const { base } = state, edited = changed();
  hush();
  $("status").textContent = walking ? "Walking from picture to picture" : base.label + (edited ? ", edited" : "");
  $("undo").disabled = step < 1 && !walking;
  $("stop").hidden = !walking;
  $("play").textContent = walking ? "Stop" : "Play";
  $("redo").hidden = step >= steps.length - 1;
  $("reset").disabled = !edited;
  if ($("unusual")) {
    Object.assign($("unusual"), { disabled: !base.pixels, title: base.pixels ? "" : "Only photos and examples have a score: choose one" });
    $("why").hidden = Boolean(base.pixels);
  }
  if ($("crop")) $("crop").hidden = !base.photo || framing !== null;
  showLeft();
  document.querySelector(".tag.after").textContent = edited ? "edited" : "by the model";
  wipeTo(+$("wipe").value);
  for (const button of $("tray").children) button.setAttribute("aria-pressed", String(button === base.button));
}

function settled() {
  refresh();
  $("command").textContent = commands();
  try { window.history.replaceState(null, "", linkHash()); } catch { /* some viewers allow no change of the address */ }
}

$("undo").onclick = () => stepBy(-1);
$("redo").onclick = () => stepBy(1);
$("reset").onclick = () => {
  Object.assign(state, { edits: noEdits(), conditions: [...state.base.conditions], here: false });
  showAll();
  remember();
};
document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase(), writes = event.target.matches("input:not([type=range], [type=checkbox])");
  if (key === "escape" && !writes && !event.target.matches("select")) { // there, it empties a field or closes a list
    if (framing) doneFraming(true);
    else stopWalk();
  }
  if (!(event.ctrlKey || event.metaKey) || event.altKey || writes || !["z", "y"].includes(key)) return;
  event.preventDefault();
  stepBy(key === "y" || event.shiftKey ? 1 : -1);
});
