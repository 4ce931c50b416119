/* Between pictures: the plane between two to four of them, and walks from sample to sample. */

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
    button.title = "Take the picture that is shown";
    button.draw = (source) => {
      canvas.width = WIDTH;
      canvas.height = HEIGHT;
      canvas.getContext("2d").drawImage(source, 0, 0);
    };
    button.onclick = () => {
      corners[place] = { code: shownCode, conditions: [...conditions] };
      button.draw($("after"));
      say(`${name} is this picture.`);
    };
    button.className = `corner-${place}`;
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

/** Until a person chooses pictures, the corners have the one that is shown and the next ones of the tray. */
function fillCorners() {
  const free = corners.findIndex((corner) => corner), others = [...$("tray").children].filter(({ item }) => item !== base);
  if (free >= 0 || !base) return;
  $("corners").querySelectorAll("button").forEach((button, place) => {
    const source = place ? others[place - 1] : null;
    if (place && !source) return;
    corners[place] = place ? { code: source.item.code, conditions: [...source.item.conditions] } : { code: shownCode, conditions: [...conditions] };
    button.draw(place ? source.querySelector("canvas") : $("after"));
  });
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
  leavePhoto(null);
  wipeTo(0);
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

const STILL = matchMedia("(prefers-reduced-motion: reduce)");

async function walk() {
  walking = true;
  leavePhoto(null);
  $("play").textContent = "Stop";
  wipeTo(0);
  const draw = async () => (await sampleOf(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000, conditions)).code;
  let from = shownCode, to = await draw(), began = performance.now();
  say("Walking through the prior");
  const frame = async () => {
    if (!walking) return;
    let part = (performance.now() - began) / (1000 * +$("pace").value);
    if (STILL.matches) part = Math.floor(part); // from sample to sample, with nothing between
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

