/* Pixels, and photos that a person opens: cut as in training, moved and zoomed by hand. */

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

let photo = null;

async function openPhoto(file) {
  if (/\.json$/i.test(file.name)) return openCode(file);
  let bitmap;
  try {
    ({ bitmap } = await ask("photo", { file, largest: LARGEST_PHOTO }));
  } catch {
    const heic = /\.hei[cf]$/i.test(file.name) ? " Only Safari reads HEIC files." : "";
    return say(`This browser cannot read ${file.name || "the file"} as a picture.${heic} Choose a JPEG, PNG or WebP file.`, true);
  }
  photo = { bitmap, name: file.name || "your photo", x: 0.5, y: 0.5, zoom: 1 };
  $("zoom").value = 0;
  if (!changed()) wipeTo(50);
  $("adjust").hidden = false;
  $("picture").classList.add("adjusting");
  await takePhoto();
  return undefined;
}

/** The part of the photo that the model gets: the largest one of the model's shape, moved and zoomed by hand. */
function partOf({ bitmap, x, y, zoom }) {
  const scale = Math.min(bitmap.width / WIDTH, bitmap.height / HEIGHT) / zoom, width = WIDTH * scale, height = HEIGHT * scale;
  return [x * (bitmap.width - width), y * (bitmap.height - height), width, height];
}

let taking = false, again = false;

/** Show the part of the photo, and then what it has been moved to meanwhile. If another picture is chosen meanwhile, that one stays. */
async function takePhoto() {
  again = true;
  if (taking) return;
  taking = true;
  try {
    while (again && photo) {
      again = false;
      const mine = photo, pixels = pixelsOf(reduced(mine.bitmap, ...partOf(mine))), item = await pictureOf(pixels, mine.name, { photo: true });
      if (mine !== photo && !mine.done) continue;
      const shown = mine === photo || !photo; // else the next photo is open already: this one is only kept
      if (mine.button) { if (shown) history.pop(); mine.button.remove(); }
      mine.item = item;
      mine.button = addToTray(item, pixels);
      if (shown) await begin(item, { keepEdits: true });
    }
  } finally { taking = false; }
}

function endAdjusting() {
  photo = null;
  $("adjust").hidden = true;
  $("picture").classList.remove("adjusting");
}

/** Another picture is shown: the photo is not moved any more. */
function leavePhoto(next) { if (photo && next !== photo.item) endAdjusting(); }

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
  $("fitted").onclick = () => { photo.done = true; endAdjusting(); };
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
    if (!photo) wipeToPointer(event);
    return true;
  },
  move: (right, down, event) => {
    if (!photo) return wipeToPointer(event);
    const [, , width, height] = partOf(photo), { bitmap } = photo;
    if (bitmap.width - width > 1) photo.x = clamp(photo.x - (right * width) / (bitmap.width - width));
    if (bitmap.height - height > 1) photo.y = clamp(photo.y - (down * height) / (bitmap.height - height));
    return takePhoto();
  },
});

