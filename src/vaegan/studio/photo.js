/* Pixels, and photos that a person opens: cut as in training, and framed by hand. */

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

/* ---- photos ---- */

const MARGIN = 0.1; // parts of the picture that show what is beside the part that the model gets, while a photo is framed
const MOST_ZOOM = 8;

/** The photo that is moved and zoomed, if one is: its `bitmap`, the place `x`, `y` of the part, from 0 to 1, and `zoom`. */
let framing = null;
let framedBefore = null; // its frame when a person began to move it

/** A name that fits beside the buttons: its beginning and its end. */
const shortened = (name) => (name.length > 30 ? `${name.slice(0, 18)}\u2026${name.slice(-10)}` : name);

const itemOfPhoto = (photo) => pictureOf(pixelsOf(reduced(photo.bitmap, ...partOf(photo))), photo.name, { photo });

/** All sliders are for a photo that is opened. */
function findAll() {
  $("find").value = "";
  $("find").oninput?.(); // which there is once the model has been read
}

async function openPhoto(file) {
  if (/\.json$/i.test(file.name)) return openCode(file);
  const key = `${file.name} ${file.size} ${file.lastModified}`, known = [...$("tray").children].find(({ item }) => item.photo?.key === key);
  stopWalk();
  if (known) {
    findAll();
    return begin(known.item).then(startFraming);
  }
  const mine = ++choices;
  let bitmap;
  try {
    ({ bitmap } = await ask("photo", { file, largest: LARGEST_PHOTO }));
  } catch {
    const heic = /\.hei[cf]$/i.test(file.name) ? " Only Safari reads HEIC files." : "";
    return say(`This browser cannot read ${file.name || "the file"} as a picture: it may be damaged, or of another kind.${heic} Choose a JPEG, PNG or WebP file.`, true);
  }
  findAll();
  const item = await itemOfPhoto({ bitmap, key, name: shortened(file.name || "your photo"), x: 0.5, y: 0.5, zoom: 1 });
  if (mine !== choices) return addToTray(item); // another picture was chosen meanwhile: that one stays
  return begin(item).then(startFraming);
}

/** The part of the photo that the model gets: the largest one of the model's shape, moved and zoomed by hand. */
function partOf({ bitmap, x, y, zoom }) {
  const scale = Math.min(bitmap.width / WIDTH, bitmap.height / HEIGHT) / zoom, width = WIDTH * scale, height = HEIGHT * scale;
  return [x * (bitmap.width - width), y * (bitmap.height - height), width, height];
}

function startFraming() {
  if (!state.base.photo) return; // another picture was chosen meanwhile
  hideScore();
  framing = { ...state.base.photo };
  framedBefore = { ...framing };
  showFraming();
  refresh();
  $("frame").focus({ preventScroll: true });
}

function endFraming() {
  if (!framing) return undefined;
  clearTimeout(soon);
  const taken = takeFrame(); // what a wheel or a key has not given to the model yet
  framing = null;
  showFraming();
  refresh();
  return taken;
}

/** A person has framed the photo, and perhaps wants it as it was before. */
function doneFraming(asBefore = false) {
  if (asBefore) framing = { ...framedBefore };
  endFraming();
  if (!changed()) wipeTo(50);
  $("crop").focus({ preventScroll: true });
}

/** If another picture is shown, its photo is not moved any more; if an earlier part of the same one is, it goes on from there. */
function leavePhoto() {
  const { photo } = state.base;
  if (!framing) return;
  const { activeElement } = document, had = activeElement === $("frame") || $("adjust").contains(activeElement);
  framing = photo?.bitmap === framing.bitmap ? { ...photo } : null;
  showFraming();
  if (had && !framing) (state.base.button ?? $("new")).focus({ preventScroll: true });
}

/** The photo itself, at once and sharp; what the model gets is inside the frame. */
function showFraming() {
  const canvas = $("frame"), box = $("picture");
  $("adjust").hidden = canvas.hidden = !framing;
  box.classList.toggle("adjusting", framing !== null);
  if (!framing) return;
  $("zoom").value = 100 * Math.log2(framing.zoom) / Math.log2(MOST_ZOOM);
  canvas.width = Math.round(box.clientWidth * devicePixelRatio);
  canvas.height = Math.round(canvas.width * HEIGHT / WIDTH);
  const { width, height } = canvas, context = canvas.getContext("2d"), inner = [MARGIN * width, MARGIN * height, width * (1 - 2 * MARGIN), height * (1 - 2 * MARGIN)];
  const [left, top, across, down] = partOf(framing), scale = inner[2] / across;
  context.imageSmoothingQuality = "high";
  context.drawImage(framing.bitmap, inner[0] - left * scale, inner[1] - top * scale, framing.bitmap.width * scale, framing.bitmap.height * scale);
  context.rect(0, 0, width, height);
  context.rect(...inner);
  context.fillStyle = "#000a";
  context.fill("evenodd");
  context.strokeStyle = "#fff";
  context.lineWidth = 2 * devicePixelRatio;
  context.strokeRect(...inner);
}

/** Move by parts of the picture that is on the screen, and zoom by a factor. */
function moveFrame(right, down, factor) {
  const [, , width, height] = partOf(framing), { bitmap } = framing, shown = 1 / (1 - 2 * MARGIN);
  if (bitmap.width - width > 1) framing.x = clamp(framing.x - (right * width * shown) / (bitmap.width - width));
  if (bitmap.height - height > 1) framing.y = clamp(framing.y - (down * height * shown) / (bitmap.height - height));
  framing.zoom = Math.max(1, Math.min(MOST_ZOOM, framing.zoom * factor));
  showFraming();
}

const isSameFrame = (one, other) => ["bitmap", "x", "y", "zoom"].every((name) => one[name] === other[name]);

/** The model gets the part that is in the frame; edits stay. */
async function takeFrame() {
  const { button, photo } = state.base;
  const mine = ++choices; // also of a frame that is being encoded: it may be what Escape cancels
  if (isSameFrame(photo, framing)) return;
  const item = await itemOfPhoto({ ...framing });
  if (mine !== choices) return;
  state.base = Object.assign(item, { button });
  state.here = false;
  showThumbnail(item);
  await showAll();
  remember("frame");
}

/** After the last turn of a wheel, or the last key. */
let soon;
function takeFrameSoon() {
  clearTimeout(soon);
  soon = setTimeout(() => { if (framing) takeFrame(); }, 200);
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
  $("zoom").oninput = () => moveFrame(0, 0, MOST_ZOOM ** ($("zoom").value / 100) / framing.zoom);
  $("zoom").onchange = takeFrame;
  $("crop").onclick = startFraming;
  $("fitted").onclick = () => doneFraming();
  $("frame").onkeydown = (event) => {
    const way = { ArrowLeft: [-0.03, 0], ArrowRight: [0.03, 0], ArrowUp: [0, -0.03], ArrowDown: [0, 0.03] }[event.key], factor = { "+": 1.1, "=": 1.1, "-": 1 / 1.1 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(way || factor)) return;
    event.preventDefault();
    moveFrame(...(way ?? [0, 0]), factor ?? 1);
    takeFrameSoon();
  };
}

dragged($("picture"), {
  scrolls: () => !framing,
  start: ({ x }) => { if (!framing) wipeTo(100 * clamp(x)); },
  move: (right, down, { x }, factor) => { if (framing) moveFrame(right, down, factor); else wipeTo(100 * clamp(x)); },
  end: () => { if (framing) takeFrame(); },
});
$("picture").addEventListener("wheel", (event) => {
  if (!framing) return;
  event.preventDefault();
  moveFrame(0, 0, Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400))); // a pinch on a touchpad is a wheel with ctrl
  takeFrameSoon();
}, { passive: false });
addEventListener("resize", () => { if (framing) showFraming(); });
