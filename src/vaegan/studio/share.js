/* What a person takes along: pictures, codes, commands, links. */

/* ---- saving ---- */

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  say(`Saved as ${name}.`);
}

/** With the name of the picture, and its edits: run-example-7-Smiling+1.png */
function fileName(ending) {
  const whole = state.base.label.replace(/\.(jpe?g|jfif|png|webp|gif|bmp|svg|avif|hei[cf]|tiff?|json)$/i, "").toLowerCase();
  const base = whole.replace(/[^\p{L}\p{M}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "picture";
  const edits = Object.entries(state.edits.attributes).filter(([, value]) => value).map(([number, value]) => `-${about.attributes[number].name.replace(/\W+/g, "_")}${value > 0 ? "+" : ""}${value}`);
  return `${about.name}-${base}${edits.slice(0, 4).join("") || (changed() ? "-edited" : "")}.${ending}`;
}

$("save").onclick = () => {
  const scale = +$("scale").value, canvas = newCanvas(WIDTH * scale, HEIGHT * scale), context = canvas.getContext("2d");
  context.imageSmoothingEnabled = $("smooth").checked;
  context.imageSmoothingQuality = "high";
  context.drawImage($("after"), 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => download(blob, fileName("png")), "image/png");
};

$("save-code").onclick = () => {
  const attributes = about.conditions.map(({ mean, scale }, place) => (state.conditions[place] === null ? null : mean + scale * state.conditions[place]));
  const content = { model: about.name, picture: state.base.label, code: [...shown.code], ...(attributes.length ? { attributes } : {}) };
  download(new Blob([JSON.stringify(content)], { type: "application/json" }), fileName("json"));
};

/** What gives the same picture outside this page. */
function commands() {
  const lines = ["import json, torch, vaegan", `saved = json.load(open("${fileName("json")}"))  # from: Save code`, `model = vaegan.load(${JSON.stringify(about.folder)})  # the folder of the model`];
  const given = about.conditions.length ? ', torch.tensor([[float("nan") if v is None else v for v in saved["attributes"]]])' : "";
  lines.push(`image = model.decode(torch.tensor([saved["code"]])${given})`);
  const asked = state.conditions.some((value) => value !== null);
  if (state.base.seed !== undefined && !changed() && !asked) lines.push("", `# or, in a shell:`, `# vaegan sample ${about.quoted} --count 1 --seed ${state.base.seed}`);
  return lines.join("\n");
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} is copied.`);
    return true;
  } catch {
    $("command").textContent = text; // where it can be marked
    $("command").closest("details").open = true;
    say("This browser does not let the page copy: mark the text below and copy it by hand.", true);
    return false;
  }
}

const toText = (code) => btoa(String.fromCharCode(...new Uint8Array(Float32Array.from(code).buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** Null, if it is no code of this model. */
function fromText(text) {
  try {
    const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/")), bytes = Uint8Array.from({ length: letters.length }, (_, i) => letters.charCodeAt(i));
    return codeOf([...new Float32Array(bytes.buffer)]);
  } catch { return null; }
}

const codeOf = (values) => (Array.isArray(values) && values.length === about.latent && values.every(Number.isFinite) ? Float32Array.from(values) : null);

/** The address of the picture: its seed, its number among the examples or its code, and its edits. */
function linkHash() {
  const parts = new URLSearchParams(), { base, edits } = state;
  if (base.seed !== undefined) parts.set("seed", base.seed);
  else if (base.example !== undefined) parts.set("example", base.example);
  else parts.set("code", toText(base.code));
  for (const [number, value] of Object.entries(edits.attributes)) if (value) parts.set(about.attributes[number].name, value);
  for (const part of ["principal", "dimensions"]) for (const [number, value] of Object.entries(edits[part])) if (value) parts.set(`${part}.${number}`, value);
  base.conditions.forEach((value, place) => { if (value !== null) parts.set(`given.${place}`, value); });
  return `#${parts}`;
}

const NO_LINK = "This is no link to a picture of this page.";
const LINK = /#([\w*.%+&=-]*\b(?:seed|example|code)=[\w*.%+&=-]*)/; // with all letters that linkHash writes, so that text around it does not count

/** The edits of a link, and those of its parts that the page cannot read. */
function editsOf(parts) {
  const edits = noEdits(), unread = [];
  for (const [name, text] of parts) {
    const named = about.attributes.findIndex((attribute) => attribute.name === name);
    const [, part, place] = named >= 0 ? [name, "attributes", named] : (/^(principal|dimensions)\.(\d+)$/.exec(name) ?? []);
    const count = { attributes: about.attributes.length, principal: about.principal.length, dimensions: about.latent }[part] ?? 0;
    if (/^(seed|example|code)$|^given\./.test(name)) continue;
    if (text === "" || !Number.isFinite(+text) || !(+place < count)) unread.push(name);
    else edits[part][place] = Math.max(RANGES[part][0], Math.min(RANGES[part][1], +text));
  }
  return { edits, unread };
}

/** Show the picture of a link, which other text may stand around; false, if there is no link of this page in it. */
async function openLink(text) {
  const link = LINK.exec(text.replaceAll("&amp;", "&"))?.[1].replace(/[.*&]+$/, ""), parts = new URLSearchParams(link ?? "");
  const seed = parts.get("seed"), example = parts.get("example"), code = fromText(parts.get("code") ?? "");
  const asked = about.conditions.map((_, place) => { const value = Number(parts.get(`given.${place}`) ?? NaN); return Number.isFinite(value) ? value : null; });
  let item = [...$("tray").children].map((button) => button.item).find((one) => String(one.example) === example);
  if (/^\d{1,9}$/.test(seed ?? "")) item = await sampleOf(+seed, asked);
  if (code) item = { label: "From a link", code, pixels: null, conditions: asked };
  if (!item) return false;
  const { edits, unread } = editsOf(parts), edited = Object.values(edits).some((part) => Object.keys(part).length);
  await begin(edited ? { ...item, edits, button: null, made: null } : item);
  if (unread.length) say(`The page cannot read this part of the link: ${unread.join(", ")}.`, true);
  return true;
}

const IS_FILE = location.protocol === "file:"; // nobody can open the address of such a page from a chat
if (IS_FILE) $("link").textContent = "Copy text for a friend";
$("copy").onclick = () => copy($("command").textContent, "The Python text");
$("link").onclick = async () => {
  const page = decodeURIComponent(location.pathname.split("/").pop()); // elsewhere, this page is in another folder
  if (!IS_FILE) await copy(location.href, "The link");
  else if (await copy(`Open ${page}, choose Save, and paste this text there: ${page}${linkHash()}`, "The text")) say(`The text is copied. Send it to a friend, with the file ${page}.`);
};

async function follow(text) { if (!(await openLink(text))) say(NO_LINK, true); }

$("given").onsubmit = (event) => {
  event.preventDefault();
  if ($("pasted").value) follow($("pasted").value);
  $("pasted").value = "";
};
document.addEventListener("paste", (event) => {
  const text = event.clipboardData.getData("text");
  if (!LINK.test(text) && event.target !== $("pasted")) return;
  event.preventDefault();
  follow(text);
});
addEventListener("hashchange", () => { if (location.hash) follow(location.hash); }); // a person has changed the end of the address

/** A file that `Save code` wrote. */
async function openCode(file) {
  let saved = {};
  try { saved = JSON.parse(await file.text()); } catch { /* it is said below */ }
  const code = codeOf(saved?.code);
  if (!code) return say(`${file.name} has no code of ${about.latent} numbers: choose a file that this page has saved.`, true);
  const asked = about.conditions.map(({ mean, scale }, place) => (Number.isFinite(saved.attributes?.[place]) ? (saved.attributes[place] - mean) / scale : null));
  return begin({ label: String(saved.picture ?? file.name), code, pixels: null, conditions: asked });
}

$("open-code").onclick = () => $("code-file").click();
$("code-file").onchange = () => { if ($("code-file").files[0]) openCode($("code-file").files[0]); $("code-file").value = ""; };

/* ---- sliders with a name, a value and nothing to undo ---- */

/** From the size of the page's pictures to `MOST_SIDE` pixels, in whole steps. */
const MOST_SIDE = 2048;
const largest = Math.max(WIDTH, HEIGHT);
Object.assign($("scale"), { max: Math.max(1, Math.floor(MOST_SIDE / largest)), value: Math.max(1, Math.floor(MOST_SIDE / 2 / largest)) });
const TEXTS = { scale: (value) => `${WIDTH * value} \u00d7 ${HEIGHT * value} pixels`, pace: (value) => `${value} s` };
for (const [name, text] of Object.entries(TEXTS)) {
  $(name).oninput = () => { $(name).nextElementSibling.textContent = text($(name).value); };
  $(name).oninput();
}
document.querySelectorAll(".row").forEach(slideByFinger);
$("smooth").onchange = () => document.body.classList.toggle("pixelated", !$("smooth").checked);
