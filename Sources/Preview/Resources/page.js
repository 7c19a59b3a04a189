// The page around the player: figures, charts, choices.

import { outcome } from "./checks.js";
import { Chart } from "./chart.js";
import { Player } from "./player.js";

const element = (id) => document.getElementById(id);
const hls = new URL("index.m3u8", location.href);
const dash = new URL("manifest.mpd", location.href);
for (const url of [hls, dash]) url.hash = url.search = "";

// `#engine=native` plays by the browser's own HLS, `#rendition=NAME` begins with one.
const wishes = new URLSearchParams(location.hash.slice(1));
const video = element("video");
const player = new Player(video, hls.href, { engine: wishes.get("engine") });
const { figures } = player;
player.manual = wishes.get("rendition");

const stateNames = {
  starting: "Starting", playing: "Live", stalled: "Stalled", paused: "Paused", ended: "Ended",
  waiting: "Waiting", failed: "Not playing",
};

const charts = [
  new Chart(element("latency-chart"), [
    { name: "Hold-back", color: "--muted", kind: "level", samples: figures.series.holdBack },
    { name: "Least buffer", color: "--second", kind: "line", samples: figures.series.leastBuffer },
    { name: "Latency", color: "--accent", kind: "line", samples: figures.series.latency },
  ]),
  new Chart(element("arrival-chart"), [
    { name: "Picture", color: "--accent", kind: "dots", samples: figures.series.videoParts },
    { name: "Sound", color: "--second", kind: "dots", samples: figures.series.soundParts },
  ], { minimum: 0.1 }),
  new Chart(element("edge-chart"), [
    { name: "Edge age", color: "--accent", kind: "line", samples: figures.series.edgeAge },
  ], { minimum: 0.1, span: 10 }),
];

/** Sets a text where it has changed: what stays is not announced or laid out again. */
function show(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A figure with its unit set smaller. */
function showFigure(id, value, unit, more) {
  const node = element(id);
  const text = value === null ? "–" : unit ? `${value} ${unit}` : value;
  if (node.textContent !== text) {
    node.replaceChildren(value ?? "–");
    if (value !== null && unit) {
      const small = document.createElement("small");
      small.textContent = ` ${unit}`;
      node.append(small);
    }
  }
  show(element(`${id}-more`), more || "\u00a0");
}

const seconds = (value, digits = 2) => value === null ? null : value.toFixed(digits);
const megabits = (rate) => `${(rate / 1e6).toFixed(rate < 1e7 ? 2 : 0)} Mbit/s`;

function showState() {
  const state = player.status;
  const node = element("state");
  node.dataset.state = state;
  show(node, stateNames[state]);
  const overlay = element("overlay");
  overlay.hidden = state === "playing" || state === "stalled" && !player.problem;
  show(overlay, player.problem || stateNames[state]);
  show(element("play"), ["paused", "ended"].includes(state) ? "Play" : "Pause");
}

function showFigures() {
  const { latencies, stalls, frames, shown } = figures;
  const recent = latencies.summary(1500);
  const isNative = player.engine === "native";
  showFigure("latency", seconds(figures.latency), "s",
    recent ? `p95 ${seconds(recent.p95)} s · aim ${seconds(player.session.holdBack)} s`
      : isNative ? "not told by this browser" : "");
  const rate = video.playbackRate;
  showFigure("buffer", seconds(figures.buffer), "s", `at ${rate.toFixed(3)} × speed`);
  showFigure("rendition", shown?.name ?? null, "", shown ? describe(shown) : "");
  showFigure("stalls", String(stalls.count), "", `${stalls.seconds.toFixed(1)} s in all`);
  showFigure("dropped", String(frames.dropped), "",
    `of ${frames.decoded.toLocaleString("en")} decoded`);
  showFigure("edge", seconds(figures.edgeAge()), "s",
    isNative ? "" : `network ${megabits(player.throughput.bitsPerSecond)}`);
  const { offset, uncertainty } = player.clock;
  const difference = Math.round(Math.abs(offset * 1000));
  show(element("clock"), uncertainty === null
    ? "Latency is from the capture time of the shown frame (program date-time) to this device’s clock."
    : "Latency is from the capture time of the shown frame (program date-time) to the bridge’s clock, "
      + (difference === 0 ? "which agrees with this device’s "
        : `which is ${difference} ms ${offset < 0 ? "behind" : "ahead of"} this device’s `)
      + `(± ${(uncertainty * 1000).toFixed(0)} ms).`);
}

function describe({ width, height, frameRate, bandwidth }) {
  const size = height > 0 ? `${width} × ${height}` : "";
  return [size, frameRate > 0 ? `${+frameRate.toFixed(2)} fps` : "", size ? "" : megabits(bandwidth)]
    .filter(Boolean).join(" · ");
}

// Choices.

/** The list of renditions, made anew when they are others than before. */
function showRenditions() {
  const box = element("renditions");
  const key = player.variants.map(({ name }) => name).join("\n");
  if (box.dataset.key !== key) {
    box.dataset.key = key;
    box.querySelectorAll(".rendition").forEach((row) => row.remove());
    box.append(choice({ name: "Automatic", value: "" }));
    for (const variant of player.variants) {
      box.append(choice({
        name: variant.name, value: variant.name,
        size: variant.height > 0 ? `${variant.width} × ${variant.height}` : "sound only",
        rate: megabits(variant.bandwidth),
      }));
    }
  }
  box.disabled = player.engine === "native";
  for (const row of box.querySelectorAll(".rendition")) {
    const { value } = row.firstChild;
    row.firstChild.checked = value === (player.manual ?? "");
    show(row.querySelector(".playing"), value !== "" && value === figures.shown?.name ? "playing" : "");
  }
}

function choice({ name, value, size = "", rate = "" }) {
  const row = document.createElement("label");
  row.className = "rendition";
  const input = Object.assign(
    document.createElement("input"), { type: "radio", name: "rendition", value });
  input.addEventListener("change", () => player.setVariant(value || null));
  const title = text("b", name);
  title.append(text("i", "", "playing"));
  row.append(input, title, text("span", size, "size"), text("span", rate));
  return row;
}

function text(tag, content, className = "") {
  return Object.assign(document.createElement(tag), { textContent: content, className });
}

function showSounds() {
  const key = player.audios.map(({ name }) => name).join("\n");
  const select = element("sound");
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  select.replaceChildren(...player.audios.map(({ name }) => text("option", name)));
  if (player.audioName) select.value = player.audioName;
  element("sounds").hidden = player.audios.length < 2;
}

// Lists.

let shownEvents = 0;
let lastEvent = null;
function showEvents() {
  const { log } = figures;
  if (log.length === shownEvents && log.at(-1) === lastEvent) return;
  [shownEvents, lastEvent] = [log.length, log.at(-1)];
  element("events").replaceChildren(...log.toReversed().map((event) => {
    const row = document.createElement("li");
    row.append(text("time", event.time.toLocaleTimeString("en-GB")), text("span", event.text));
    return row;
  }));
}

const marks = { pass: "✓", fail: "✕", waiting: "·" };
function makeChecks() {
  element("checks").replaceChildren(...player.checks.list.map((check) => {
    const row = document.createElement("li");
    const mark = text("b", "");
    mark.setAttribute("aria-hidden", "true");
    const title = text("span", check.title);
    title.append(text("span", "", "hidden"));
    row.append(mark, text("code", check.id), title);
    return row;
  }));
}

function showChecks() {
  const counts = { pass: 0, fail: 0, waiting: 0 };
  player.checks.list.forEach((check, index) => {
    const row = element("checks").children[index];
    const result = outcome(check);
    counts[result] += 1;
    if (row.dataset.outcome !== result) {
      row.dataset.outcome = result;
      row.firstChild.textContent = marks[result];
      row.querySelector(".hidden").textContent = `: ${result}`;
    }
    if (result === "fail") {
      const seen = `${check.seen} (${check.failures} of ${check.failures + check.passes})`;
      if (row.children.length < 4) row.append(text("i", seen));
      else show(row.lastChild, seen);
    }
  });
  const summary = element("checks-summary");
  summary.dataset.outcome = counts.fail > 0 ? "fail" : counts.pass > 0 ? "pass" : "waiting";
  show(summary, [`${counts.pass} pass`, counts.fail > 0 ? `${counts.fail} fail` : "",
    counts.waiting > 0 ? `${counts.waiting} waiting` : ""].filter(Boolean).join(" · "));
}

// Controls.

function connect() {
  // WebKit does not take the attribute for it.
  video.muted = true;
  element("play").addEventListener("click", () => {
    player.setPlaying(["paused", "ended"].includes(player.state));
    update();
  });
  element("mute").addEventListener("click", () => { video.muted = !video.muted; });
  video.addEventListener("volumechange", () => {
    show(element("mute"), video.muted ? "Unmute" : "Mute");
  });
  const frame = element("frame");
  const enter = frame.requestFullscreen ?? video.webkitEnterFullscreen;
  element("fullscreen").hidden = !enter;
  element("fullscreen").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else enter.call(frame.requestFullscreen ? frame : video);
  });
  const engine = element("engine");
  engine.options[0].disabled = !player.hasParts;
  engine.options[1].disabled = !player.hasNative;
  engine.addEventListener("change", () => player.setEngine(engine.value));
  element("sound").addEventListener("change", (event) => player.setAudio(event.target.value));
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(button.dataset.copy));
  }
}

async function copy(id) {
  const field = element(id);
  field.select();
  try {
    // Absent on plain http away from this machine; the selection can be copied by hand then.
    await navigator.clipboard.writeText(field.value);
    show(element("copied"), `${id.toUpperCase()} address copied`);
  } catch {
    const isCopied = document.execCommand("copy");
    show(element("copied"), isCopied ? `${id.toUpperCase()} address copied` : "Selected: copy it now");
  }
  setTimeout(() => show(element("copied"), ""), 4000);
}

function nameBroadcast() {
  // A viewer's token may come before the name.
  const path = location.pathname.replace(/^\/~[^/]*(?=\/.)/, "");
  const fields = path.split("/").slice(0, -1).filter(Boolean).map((field) => {
    try {
      return decodeURIComponent(field);
    } catch {
      return field;
    }
  });
  const name = fields.join(" / ");
  show(element("name"), name);
  document.title = `${name} – preview`;
  element("hls").value = hls.href;
  element("dash").value = dash.href;
}

// The rhythm of the page.

function update() {
  showState();
  showFigures();
  showRenditions();
  showSounds();
  showEvents();
  showChecks();
  element("engine").value = player.engine;
}

function draw() {
  const now = performance.now() / 1000;
  for (const chart of charts) chart.draw(now);
}

function describeCharts() {
  const now = performance.now() / 1000;
  for (const chart of charts) chart.canvas.setAttribute("aria-label", chart.describe(now));
}

const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
let lastUpdate = 0;
function beat() {
  const now = performance.now();
  if (document.hidden || now - lastUpdate < (isCalm.matches ? 1000 : 240)) return;
  lastUpdate = now;
  update();
  draw();
}

nameBroadcast();
connect();
makeChecks();
update();
setInterval(beat, 250);
setInterval(describeCharts, 5000);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("resize", draw);
/** For tests and the curious: `moqEgressPreview.figures.measurements()`. */
window.moqEgressPreview = player;
player.run();
