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
  if (base.seed !== undefined && !changed() && !asked) lines.push("", `# or, in a shell:`, `# vaegan sample ${about.quoted} --count 1 --seed ${base.seed}`);
  return lines.join("\n");
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} is copied.`);
    return true;
  } catch {
    $("command").textContent = text; // where it can be marked
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
  const parts = new URLSearchParams();
  if (base.seed !== undefined) parts.set("seed", base.seed);
  else if (base.example !== undefined) parts.set("example", base.example);
  else parts.set("code", toText(base.code));
  for (const [number, value] of Object.entries(edits.attributes)) if (value) parts.set(about.attributes[number].name, value);
  for (const part of ["principal", "dimensions"]) for (const [number, value] of Object.entries(edits[part])) if (value) parts.set(`${part}.${number}`, value);
  base.conditions.forEach((value, place) => { if (value !== null) parts.set(`given.${place}`, value); });
  return `#${parts}`;
}

/** Show the picture of a link, or of its part from # on; false, if it is no link of this page. */
async function openLink(link) {
  const parts = new URLSearchParams(link.slice(link.indexOf("#") + 1)), seed = parts.get("seed"), example = parts.get("example");
  const asked = about.conditions.map((_, place) => { const value = Number(parts.get(`given.${place}`) ?? NaN); return Number.isFinite(value) ? value : null; });
  let item = [...$("tray").children].map((button) => button.item).find((one) => String(one.example) === example);
  if (seed !== null && /^\d{1,9}$/.test(seed)) {
    item = await sampleOf(+seed, asked);
    addToTray(item, (await ask("decode", { code: item.code, conditions: asked })).pixels);
  }
  const code = parts.has("code") && fromText(parts.get("code"));
  if (code) item = await itemOf(code, "Picture of a link", asked);
  if (!item) return false;
  edits = noEdits();
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
$("link").onclick = async () => {
  const isFile = location.protocol === "file:"; // elsewhere, this page is in another place
  if (await copy(isFile ? linkHash() : location.href, "The link") && isFile) say("Copied. Send it with this page: there, it is pasted under Save.");
};

async function follow(link) {
  if (!link.includes("#") || !(await openLink(link))) say("This is no link to a picture of this page.", true);
}

$("pasted").onchange = () => { if ($("pasted").value) follow($("pasted").value); $("pasted").value = ""; };
$("pasted").oninput = ({ inputType }) => { if (inputType === "insertFromPaste") $("pasted").onchange(); };
addEventListener("hashchange", () => { if (location.hash) follow(location.hash); }); // a person has changed the end of the address

async function itemOf(code, label, asked) {
  const item = { label, code, pixels: null, conditions: asked };
  addToTray(item, (await ask("decode", { code, conditions: asked })).pixels);
  return item;
}

/** A file that `Save code` wrote. */
async function openCode(file) {
  let saved = {};
  try { saved = JSON.parse(await file.text()); } catch { /* it is said below */ }
  const code = codeOf(saved?.code);
  if (!code) return say(`${file.name} has no code of ${about.latent} numbers: choose a file that this page has saved.`, true);
  const asked = about.conditions.map(({ mean, scale }, place) => (Number.isFinite(saved.attributes?.[place]) ? (saved.attributes[place] - mean) / scale : null));
  return begin(await itemOf(code, String(saved.picture ?? file.name), asked));
}

$("open-code").onclick = () => $("code-file").click();
$("code-file").onchange = () => { if ($("code-file").files[0]) openCode($("code-file").files[0]); $("code-file").value = ""; };
for (const name of ["scale", "pace"]) $(name).oninput = () => { $(name).nextElementSibling.textContent = $(name).value; };
$("smooth").onchange = () => document.body.classList.toggle("pixelated", !$("smooth").checked);

