/* Between pictures: the plane between two to four of them, and walks from picture to picture. */

/* ---- mixing ---- */

const NAMES = ["Top left", "Top right", "Bottom left", "Bottom right"];

const PUT = "Put the picture that is shown here";
const call = (button, name, title) => Object.assign(button, { title }).setAttribute("aria-label", name);

const shownCorner = () => ({ ...shown, conditions: [...state.conditions] });

function makeMix() {
  NAMES.forEach((name, place) => {
    const corner = document.createElement("div"), at = { x: place % 2, y: place >> 1 };
    const make = (className, then) => {
      const button = Object.assign(document.createElement("button"), { className, onclick: then });
      corner.append(button);
      return button;
    };
    const put = () => {
      stopWalk();
      const corners = [...state.corners];
      corners[place] = shownCorner();
      Object.assign(state, { corners, mixed: true, ...at, here: true });
      showMix();
      remember();
      say(`${name} is this picture.`);
    };
    make("go", () => { if (state.corners[place]) { mixAt(at); keepMix(); } else put(); }).append(newCanvas(1, 1));
    call(Object.assign(make("put", put), { textContent: "Put here" }), `Put here: ${name.toLowerCase()}`, PUT);
    corner.className = `corner-${place}`;
    $("corners").append(corner);
  });
  dragged($("pad"), { start: mixAt, move: (right, down, place) => mixAt(place), end: keepMix });
  $("pad").onkeydown = (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    mixAt({ x: state.x + 0.05 * way[0], y: state.y + 0.05 * way[1] });
    keepMix();
  };
}

/** Until a person uses them, the corners have the picture that is shown, where the point is, and the next ones of the strip. */
async function openMix() {
  if (!state.mixed) {
    const others = [...$("tray").children].map(({ item }) => item).filter((item) => item !== state.base && !item.edits).slice(0, NAMES.length - 1);
    const corners = await Promise.all(others.map(async (item) => ({ code: item.code, conditions: item.conditions, pixels: await pixelsOfItem(item) })));
    const mix = { corners: [shownCorner(), ...corners], x: 0, y: 0, here: true };
    for (const one of [state, steps[step] ?? state]) Object.assign(one, mix);
  }
  showMix();
}

function showMix() {
  if ($("mix").hidden || !state.corners) return;
  const percent = (part) => Math.round(100 * part), { x, y, here, corners } = state;
  $("corners").querySelectorAll("canvas").forEach((canvas, place) => { if (corners[place]) paint(canvas, corners[place].pixels); });
  $("corners").querySelectorAll(".go").forEach((button, place) => {
    const title = corners[place] ? "Go to this picture" : PUT;
    call(button, `${NAMES[place]}: ${title.toLowerCase()}`, title);
  });
  $("point").hidden = !here;
  Object.assign($("point").style, { left: `${100 * x}%`, top: `${100 * y}%` });
  $("pad").setAttribute("aria-valuenow", percent(x));
  $("pad").setAttribute("aria-valuetext", here ? `${percent(x)}% to the right, ${percent(y)}% down` : "The picture is no mixture");
}

/** A weighted sum of codes, as far from the mean of all codes as they are: a plain mean would be nearer, where pictures are dull. */
function mixed(codes, weights) {
  const length = (code) => Math.sqrt(code.reduce((sum, value, i) => sum + (value - priorMean[i]) ** 2, 0));
  const sum = priorMean.map((mean, i) => codes.reduce((total, code, k) => total + weights[k] * (code[i] - mean), 0));
  const now = Math.sqrt(sum.reduce((total, value) => total + value * value, 0));
  const should = codes.reduce((total, code, k) => total + weights[k] * length(code), 0), factor = now > 1e-6 ? should / now : 1;
  return sum.map((value, i) => priorMean[i] + factor * value);
}

/** Show the mixture at a place of the plane. */
function mixAt(place) {
  if (!state.corners) return;
  const x = clamp(place.x), y = clamp(place.y), weights = [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
  const taken = state.corners.map((corner, number) => [corner, weights[number]]).filter(([corner]) => corner);
  if (taken.length < 2) { say("Open another picture, and put it into a corner.", true); return; }
  const total = taken.reduce((sum, [, weight]) => sum + weight, 0) || 1;
  const [heaviest] = taken.reduce((one, other) => (other[1] > one[1] ? other : one));
  const code = mixed(taken.map(([corner]) => corner.code), taken.map(([, weight]) => weight / total));
  stopWalk();
  hideScore();
  take({ label: "A mixture", passing: "mix", code, pixels: null, conditions: [...heaviest.conditions] }, { x, y, here: true, mixed: true });
  leavePhoto();
  showControls();
  show();
}

function keepMix() {
  if (state.base.passing !== "mix") return;
  showBefore();
  remember("mix");
}

/* ---- walking ---- */

const ROUND = [0, 1, 3, 2]; // the corners of the mix, one beside the other
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** The codes that a walk goes to, one after the other. */
async function* goals() {
  for (;;) {
    if ($("to").value === "samples") yield (await sampleOf(anySeed(), state.conditions)).code;
    else {
      if (!state.corners) await openMix();
      for (const place of ROUND) if (state.corners[place]) yield state.corners[place].code;
    }
  }
}

async function walk() {
  const mine = walking = {}, next = goals(), pass = (code) => take({ label: "From the walk", passing: "walk", code, pixels: null, conditions: [...state.conditions] });
  let from = shown.code, to = (await next.next()).value, began = performance.now();
  if (walking !== mine) return;
  hideScore();
  pass(from);
  leavePhoto();
  showControls();
  const frame = async () => {
    let part = (performance.now() - began) / (1000 * +$("pace").value);
    if (STILL.matches) part = Math.floor(part); // from picture to picture, with nothing between
    if (part >= 1) { from = to; to = (await next.next()).value; began = performance.now(); part = 0; }
    if (walking !== mine) return;
    const angle = (part * Math.PI) / 2;
    pass(priorMean.map((mean, i) => mean + Math.cos(angle) * (from[i] - mean) + Math.sin(angle) * (to[i] - mean)));
    await show();
    requestAnimationFrame(frame);
  };
  frame();
}

function stopWalk() {
  if (!walking) return;
  walking = null;
  showBefore();
  remember();
}

$("play").onclick = () => { if (walking) stopWalk(); else walk(); };
$("stop").onclick = stopWalk;
