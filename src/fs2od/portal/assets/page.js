// Enhances pages that already work: copying, the reader's own time zone, and numbers that stay current.
"use strict";

const LONGEST_WAIT_S = 120;
const SWAP_PAUSE_MS = 5000;
const SAY_PAUSE_MS = 30000;
const say = document.body.dataset; // what it says stands in the page, in the page's language
const tongue = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;

// ---- Commands: a button that copies --------------------------------------------------------------------------------
function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

function offerCopying(command) {
  const frame = document.createElement("div");
  frame.className = "copying";
  command.replaceWith(frame);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = say.sayCopy;
  button.setAttribute("aria-live", "polite");
  frame.append(command, button);
  command.addEventListener("focus", () => select(command));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command.textContent.trim());
      button.textContent = say.sayCopied;
    } catch {
      select(command);
      button.textContent = say.saySelected;
    }
    setTimeout(() => { button.textContent = say.sayCopy; }, 2500);
  });
}

// ---- Times in the reader's zone --------------------------------------------------------------------------------------
const zone = new Intl.DateTimeFormat(tongue, { timeZoneName: "short" })
  .formatToParts(new Date()).find((part) => part.type === "timeZoneName").value;
const long = { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
const forms = {
  long: new Intl.DateTimeFormat(tongue, long),
  title: new Intl.DateTimeFormat(tongue, { ...long, second: "2-digit" }),
  clock: new Intl.DateTimeFormat(tongue, { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" }),
  short: new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short" }),
};

function localTimes(root) {
  for (const time of root.querySelectorAll("time[data-form]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    if (time.dataset.form === "title") {
      time.title = forms.title.format(moment);
    } else {
      time.textContent = forms[time.dataset.form].format(moment);
      if (!time.title) time.title = forms.title.format(moment);
    }
  }
  for (const place of root.querySelectorAll("[data-zone]")) place.textContent = `(${zone})`;
}

// ---- Commands for the system at hand ---------------------------------------------------------------------------------
function chooseSystem() {
  const said = (navigator.userAgentData?.platform ?? navigator.platform ?? "").toLowerCase();
  const system = said.startsWith("win") ? "windows" : said.startsWith("mac") ? "macos" : "linux";
  const choice = document.getElementById(`on-${system}`);
  if (choice) choice.checked = true;
}

function enhance(root) {
  root.querySelectorAll("[data-copy]").forEach(offerCopying);
  localTimes(root);
}

// ---- Staying current: the JSON twin is asked again and again, as long as somebody looks --------------------------------
class Live {
  constructor(main) {
    this.main = main;
    this.wait = Number(main.dataset.poll);
    this.failures = 0;
    this.version = main.dataset.version;
    this.swapped = Date.now();
    this.said = Date.now();
    this.state = null;
    for (const note of main.querySelectorAll("[data-live]")) note.textContent = ` · ${say.sayLive}`;
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.later(0); });
    this.later(this.wait);
  }

  later(seconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), seconds * 1000);
  }

  async look() {
    if (document.hidden) return;
    try {
      const answer = await fetch(this.main.dataset.twin, {
        headers: { Accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(15000),
      });
      if ([401, 404].includes(answer.status)) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      await this.show(await answer.json());
      this.failures = 0;
    } catch {
      this.failures += 1;
      if (this.failures === 2) this.say(say.sayStale);
    }
    this.later(Math.min(this.wait * 2 ** this.failures, LONGEST_WAIT_S));
    this.main.toggleAttribute("data-stale", this.failures > 1);
  }

  async show(twin) {
    this.wait = twin.poll_after_s;
    for (const place of this.main.querySelectorAll("[data-word]")) {
      const word = twin.words[place.dataset.word];
      if (word && place.textContent !== word) place.textContent = word;
      const exact = twin.words[place.dataset.hover];
      if (exact) place.title = exact;
    }
    for (const bar of this.main.querySelectorAll("[data-value]")) bar.value = twin.words[bar.dataset.value] ?? bar.value;
    for (const place of this.main.querySelectorAll("[data-as-of] time")) place.dateTime = twin.as_of;
    localTimes(this.main);
    const turned = this.state !== null && this.state !== twin.state;
    this.state = twin.state;
    if (turned || Date.now() - this.said > SAY_PAUSE_MS) this.say(twin.words.announcement);
    if (twin.version !== this.version && (turned || Date.now() - this.swapped > SWAP_PAUSE_MS)) {
      await this.swap();
      this.version = twin.version;
      this.swapped = Date.now();
    } else if (twin.version !== this.version) {
      this.wait = Math.min(this.wait, SWAP_PAUSE_MS / 1000); // what was put off is not forgotten until much later
    }
  }

  say(words) {
    const place = this.main.querySelector("[data-announce]");
    if (place && place.textContent !== words) place.textContent = words;
    this.said = Date.now();
  }

  // Lists are made by the server only: their new state is taken from the page itself.
  async swap() {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(15000) });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const focused = document.activeElement?.getAttribute("href"), named = document.activeElement?.id;
    for (const old of this.main.querySelectorAll("[data-swap]")) {
      const now = fresh.getElementById(old.id);
      if (!now) continue;
      localTimes(now);
      for (const [index, details] of [...now.querySelectorAll("details")].entries()) {
        details.open = old.querySelectorAll("details")[index]?.open ?? false;
      }
      const held = old.contains(document.activeElement);
      old.replaceChildren(...now.childNodes);
      const again = named ? `#${CSS.escape(named)}` : `[href="${CSS.escape(focused ?? "")}"]`;
      if (held) old.querySelector(again)?.focus({ preventScroll: true });
    }
    document.dispatchEvent(new CustomEvent("swapped"));
  }
}

enhance(document);
chooseSystem();
const main = document.querySelector("main[data-twin]");
if (main) new Live(main);
