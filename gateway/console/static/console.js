// What pages gain with JavaScript: countdown and heartbeat, the player, shortcuts, and what spares the reviewer.
// Everything that this does can be done without it, except for the countdown.

const FIRST_KEYS = { play: "Space", back: "j", forward: "l", previous: "[", following: "]", slower: "<", faster: ">",
  approve: "a", changes: "c", redact: "o", reject: "r", escalate: "e", note: "n", extend: "x", next: "t", help: "?" };
const HEARTBEAT_SECONDS = 60; // while the page is looked at
const IDLE_SECONDS = 180; // without a key or a pointer: nobody is looking
const WARNING_SECONDS = 60; // before the lease ends (WCAG 2.2.1 asks for 20)
const QUIET = 0.25; // volume at first: -12 dB

const byId = (id) => document.getElementById(id);
const say = (text) => { byId("said").textContent = text; };

// Storage may be forbidden; then nothing is remembered.
const recall = (name, otherwise) => {
  try { return JSON.parse(localStorage.getItem(`assay.${name}`)) ?? otherwise; } catch { return otherwise; }
};
const remember = (name, value) => {
  try { localStorage.setItem(`assay.${name}`, JSON.stringify(value)); } catch { /* see above */ }
};

function lease() {
  const left = byId("left");
  const form = byId("extend");
  if (!left || !form) return;
  // The server's clock counts; only differences are taken from this machine's.
  const offset = Date.parse(left.dataset.now) - Date.now();
  let until = Date.parse(left.dataset.until);
  let warned = false;
  let active = Date.now();
  for (const kind of ["keydown", "pointermove", "pointerdown", "scroll"]) {
    addEventListener(kind, () => { active = Date.now(); }, { passive: true });
  }
  const extend = async () => {
    const answer = await fetch(form.action, {
      method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" },
    });
    if (!answer.ok) { say("The lease could not be extended. Open the case again."); return false; }
    until = Date.parse((await answer.json()).until);
    warned = false;
    return true;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    extend().then((done) => { if (done) say("The lease is extended."); }, () => form.submit());
  });
  setInterval(() => {
    const seconds = Math.round((until - Date.now() - offset) / 1000);
    const shown = Math.max(0, seconds);
    left.textContent = ` (${Math.floor(shown / 60)}:${String(shown % 60).padStart(2, "0")} left)`;
    if (seconds <= WARNING_SECONDS && seconds > 0 && !warned) {
      warned = true;
      say("The lease ends in a minute. Press Extend to keep the case.");
    }
    if (seconds === 0) say("The lease has ended. What you typed stays on this page.");
  }, 1000);
  setInterval(() => {
    if (document.hasFocus() && Date.now() - active < IDLE_SECONDS * 1000 && until > Date.now() + offset) {
      extend().catch(() => { /* the next beat tries again, and the countdown goes on */ });
    }
  }, HEARTBEAT_SECONDS * 1000);
}

function player() {
  const sound = byId("sound");
  if (!sound) return;
  sound.volume = QUIET;
  let stopAt = Infinity;
  const playhead = byId("playhead");
  const lines = [...document.querySelectorAll(".heard li")];
  const regions = byId("regions");
  const duration = Number(regions.dataset.duration);
  document.addEventListener("click", (event) => {
    const place = event.target.closest("[data-start]");
    if (!place) return;
    event.preventDefault();
    sound.currentTime = Number(place.dataset.start);
    stopAt = place.dataset.end ? Number(place.dataset.end) : Infinity;
    sound.play();
  });
  sound.addEventListener("timeupdate", () => {
    if (sound.currentTime >= stopAt) { sound.pause(); stopAt = Infinity; }
    const x = String((sound.currentTime / duration) * 1000);
    playhead.setAttribute("x1", x);
    playhead.setAttribute("x2", x);
    for (const line of lines) {
      const now = !sound.paused && sound.currentTime >= Number(line.dataset.from) && sound.currentTime < Number(line.dataset.to);
      if (now && !line.classList.contains("now")) keepInSight(line);
      line.classList.toggle("now", now);
    }
  });
  regions.addEventListener("click", (event) => {
    const box = regions.getBoundingClientRect();
    sound.currentTime = ((event.clientX - box.left) / box.width) * duration;
  });
  const speed = byId("speed");
  speed.addEventListener("change", () => { sound.playbackRate = Number(speed.value); });
}

// Scrolls the list, never the page: whoever reads elsewhere stays there.
function keepInSight(line) {
  const frame = line.closest(".card");
  const box = line.getBoundingClientRect();
  const around = frame.getBoundingClientRect();
  if (box.top < around.top || box.bottom > around.bottom) frame.scrollTop += box.top - around.top - frame.clientHeight / 3;
}

function comfort() {
  for (const [id, name, change] of [
    ["veil", "veil", (on) => document.body.classList.toggle("veiled", on)],
    ["text-first", "textFirst", (on) => document.body.classList.toggle("text-first", on)],
    ["mute", "mute", (on) => { const sound = byId("sound"); if (sound) sound.muted = on; }],
  ]) {
    const box = byId(id);
    if (!box) continue;
    box.checked = recall(name, false);
    change(box.checked);
    box.addEventListener("change", () => { remember(name, box.checked); change(box.checked); });
  }
}

function reasons() {
  const starts = byId("starts");
  const reason = byId("reason");
  if (!starts || !reason) return;
  const form = reason.form;
  // Only reasons for what was chosen are offered; the first nine have their number as a key.
  const offer = () => {
    const verdict = form.querySelector("[name=verdict]:checked")?.value;
    let number = 0;
    for (const button of starts.querySelectorAll("[data-reason]")) {
      button.hidden = button.dataset.for !== verdict;
      if (!button.hidden) number += 1;
      button.dataset.number = button.hidden || number > 9 ? "" : String(number);
      button.querySelector("kbd").textContent = button.dataset.number;
    }
    starts.hidden = number === 0;
    const sentences = byId("sentences");
    if (sentences && verdict === "redact") sentences.open = true;
  };
  form.addEventListener("change", offer);
  offer();
  starts.addEventListener("click", (event) => {
    const button = event.target.closest("[data-reason]");
    if (!button) return;
    reason.value = button.dataset.reason;
    const wanted = button.dataset.categories.split(" ").filter(Boolean);
    for (const box of form.querySelectorAll("[name=category]")) {
      if (wanted.includes(box.value) || (wanted.includes("found") && "found" in box.dataset)) box.checked = true;
    }
    say(`Reason: ${button.dataset.reason}`);
    byId("decide").focus(); // Enter decides; going back to the reason changes it
  });
  reason.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.ctrlKey) form.requestSubmit(form.querySelector("[value=next]"));
  });
  byId("mistake")?.focus();
}

function ticks() {
  for (const part of document.querySelectorAll("[data-needs-script]")) part.hidden = false;
  document.addEventListener("click", (event) => {
    const name = event.target.dataset?.tick;
    if (!name) return;
    for (const box of document.querySelectorAll(`input[type=checkbox][name=${name}]`)) box.checked = true;
  });
}

let at = 0;
function finding(step) {
  const all = [...document.querySelectorAll("article.finding")];
  if (!all.length) return;
  at = Math.min(all.length, Math.max(1, at + step));
  all[at - 1].focus();
}

function act(action) {
  const sound = byId("sound");
  const speed = byId("speed");
  const pace = (step) => {
    if (!speed) return;
    speed.selectedIndex = Math.min(speed.length - 1, Math.max(0, speed.selectedIndex + step));
    speed.dispatchEvent(new Event("change"));
    say(`Speed ${speed.value}`);
  };
  const acts = {
    play: () => { if (sound) { if (sound.paused) sound.play(); else sound.pause(); } },
    back: () => { if (sound) sound.currentTime -= 5; },
    forward: () => { if (sound) sound.currentTime += 5; },
    previous: () => finding(-1),
    following: () => finding(1),
    slower: () => pace(-1),
    faster: () => pace(1),
    note: () => byId("reason")?.focus(),
    extend: () => byId("extend")?.requestSubmit(),
    help: () => { location.href = "/console/help#shortcuts"; },
  };
  if (acts[action]) { acts[action](); return; }
  const target = document.querySelector(`[data-key="${action}"]`);
  if (!target) return;
  if (target.type === "radio") {
    target.checked = true;
    target.focus();
    target.dispatchEvent(new Event("change", { bubbles: true }));
    say(target.parentElement.textContent.trim());
  }
  else target.click();
}

function shortcuts() {
  const keys = { ...FIRST_KEYS, ...recall("keys", {}) };
  document.addEventListener("keydown", (event) => {
    if (!recall("keysOn", true) || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]")) return;
    const key = event.key === " " ? "Space" : event.key;
    if (key === "Space" && event.target.closest("button, a, input, summary, audio")) return;
    const found = Object.keys(keys).find((action) => keys[action] === key);
    const reason = found || !/^[1-9]$/.test(key) ? null : document.querySelector(`#starts [data-number="${key}"]`);
    if (!found && !reason) return;
    event.preventDefault();
    if (reason) { reason.click(); return; }
    act(found);
  });
  const table = byId("keys");
  if (!table) return;
  byId("keys-note").textContent = "Type another key into a field to change it; this browser remembers it.";
  const on = byId("keys-on");
  on.checked = recall("keysOn", true);
  on.addEventListener("change", () => remember("keysOn", on.checked));
  for (const field of table.querySelectorAll("[data-action]")) {
    field.value = keys[field.dataset.action];
    field.addEventListener("keydown", (event) => {
      if (event.key === "Tab" || event.ctrlKey || event.altKey || event.metaKey || event.key === "Shift") return;
      event.preventDefault();
      const key = event.key === " " ? "Space" : event.key;
      if (key.length > 1 && key !== "Space") return;
      const taken = Object.keys(keys).find((action) => keys[action] === key && action !== field.dataset.action);
      if (taken) { say("That key is taken."); return; }
      keys[field.dataset.action] = field.value = key;
      remember("keys", keys);
      say(`Changed to ${key}`);
    });
  }
  byId("keys-reset").addEventListener("click", () => { remember("keys", {}); location.reload(); });
}

lease();
player();
comfort();
reasons();
ticks();
shortcuts();
