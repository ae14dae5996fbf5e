// Remembers what is ticked, over the pages of a dataset, and says what it adds up to. Without it a form sends what is ticked here.
"use strict";

const form = document.querySelector("#selection");
const place = form.querySelector("[data-chosen]");
const resting = place.textContent;
const key = `fs2od-selection-${form.dataset.share}`;
const MOST = 20000;
const say = form.dataset; // what it says stands in the page, in the page's language
const tongue = document.documentElement.lang;
const plural = new Intl.PluralRules(tongue);
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

function load() {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(key) ?? "[]"));
  } catch {
    return new Map();
  }
}

let chosen = load();

function save() {
  try {
    if (chosen.size) sessionStorage.setItem(key, JSON.stringify([...chosen]));
    else sessionStorage.removeItem(key);
  } catch { /* no room or not allowed: it then holds for this page */ }
}

const boxes = () => [...form.querySelectorAll("input[name=path][type=checkbox]")];

function isCovered(path) {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (chosen.has(path.slice(0, end))) return true;
  }
  return false;
}

// The page has the words for 1, 2 and 5 files.
function count(files) {
  const rule = plural.select(files);
  const words = say[{ one: "sayOne", few: "sayFew" }[rule] ?? "sayOther"];
  return words.replace(/[0-9]/, files.toLocaleString(tongue));
}

function bytes(size) {
  let rank = 0;
  while (size >= 999.5 && rank < UNITS.length - 1) [size, rank] = [size / 1000, rank + 1];
  const digits = rank === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return `${size.toLocaleString(tongue, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${UNITS[rank]}`;
}

// ---- What it adds up to ------------------------------------------------------------------------------------------------
const all = document.createElement("input");
all.type = "checkbox";
all.setAttribute("aria-label", say.sayAll);

const clear = document.createElement("button");
clear.type = "button";
clear.className = "quiet";
clear.textContent = say.sayClear;
place.setAttribute("role", "status");
place.after(clear);

function show() {
  let [files, size] = [0, 0];
  for (const [path, [n, b]] of chosen) if (!isCovered(path)) [files, size] = [files + n, size + b];
  const many = chosen.size > MOST ? ` (${say.sayMany})` : "";
  place.textContent = chosen.size ? `${count(files)}, ${bytes(size)}${many}` : resting;
  form.toggleAttribute("data-some", chosen.size > 0);
  clear.hidden = !chosen.size;
  for (const button of form.querySelectorAll(".chosen button[type=submit]")) button.disabled = !chosen.size || chosen.size > MOST;
  const here = boxes();
  const ticked = here.filter((box) => box.checked).length;
  all.checked = here.length > 0 && ticked === here.length;
  all.indeterminate = ticked > 0 && ticked < here.length;
}

function note(box) {
  if (box.checked) chosen.set(box.value, [Number(box.dataset.n), Number(box.dataset.b)]);
  else chosen.delete(box.value);
}

function restore() {
  const head = form.querySelector("thead .pick");
  if (head && !head.contains(all)) head.replaceChildren(all);
  for (const box of boxes()) {
    box.checked = chosen.has(box.value);
    if (box.checked) note(box); // a folder may have grown
  }
  show();
}

// ---- Ticking and sending -------------------------------------------------------------------------------------------------
let last = null;
form.addEventListener("click", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || box.name !== "path") return;
  const here = boxes();
  if (event.shiftKey && here.includes(last)) {
    const [from, to] = [here.indexOf(last), here.indexOf(box)].sort((a, b) => a - b);
    for (const between of here.slice(from, to + 1)) {
      between.checked = box.checked;
      note(between);
    }
  }
  last = box;
});
form.addEventListener("change", (event) => {
  if (event.target === all) {
    for (const box of boxes()) {
      box.checked = all.checked;
      note(box);
    }
  } else {
    note(event.target);
  }
  save();
  show();
});
clear.addEventListener("click", () => {
  chosen.clear();
  save();
  restore();
  boxes()[0]?.focus();
});
form.addEventListener("formdata", (event) => {
  event.formData.delete("path");
  for (const path of chosen.keys()) if (!isCovered(path)) event.formData.append("path", path);
});
document.addEventListener("swapped", restore);
addEventListener("pageshow", () => {
  chosen = load();
  restore();
});
restore();
