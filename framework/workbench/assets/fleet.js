"use strict";

// A fleet while it reports: risk of each device, states over time, alarms, lists; what the evaluator was sent beside
// it. The last rounds are kept here, too, and can be seen again: for that nothing is sent.

/** Rounds that are kept, and rounds that charts show. */
const MOST_ROUNDS = 600;
const SHOWN_ROUNDS = 90;
/** Devices of the timeline, names of a list, alarms of the table. */
const MOST_LINES = 14;
const MOST_NAMES = 60;
const MOST_ALARMS = 200;
/** Milliseconds for which a round of a replay is shown. */
const REPLAY_MS = 200;

const SCALE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const part = document.getElementById("fleet");
const things = Number(part.dataset.things);
const by = (id) => document.getElementById(id);

let setup;
let isOver = false;
let isPaused = false;
let rounds = [];
/** Alarms and faults, with their rounds. */
let changes = [];
let faults = [];
/** The place of the round of a replay; undefined while the newest is shown. */
let replayed;
let playing;
let chosen;

/** A state's level. */
function levelOf(state) {
  return state === "w" ? 0 : state === "b" ? setup.levels.length - 1 : Number(state);
}

function scoreOf(round, thing) {
  return SCALE.indexOf(round.scores[thing]) / 63;
}

function shownRound() {
  return rounds[replayed ?? rounds.length - 1];
}

// What is told.

function take(message) {
  switch (message.is) {
    case "ready": begin(message); break;
    case "round": takeRound(message); break;
    case "injected": faults.push({ ...message, round: message.after_round }); tell(injectedWords(message)); break;
    case "repaired": faults.push({ ...message, round: message.after_round }); tell(`${setup.names[message.thing]} has no injected fault any more.`); break;
    case "paused": isPaused = true; break;
    case "resumed": isPaused = false; break;
    case "problem": complain(by("act-problem"), [message.problem]); break;
    case "over": over(message); break;
  }
}

function injectedWords({ thing, fault, is_high: isHigh }) {
  const name = `${setup.faults[fault].name} in ${setup.names[thing]}`;
  return isHigh ? `${name}: the device is ${setup.levels.at(-1)} already, so no further alarm will tell.` : `${name}: injected, not found yet.`;
}

function tell(words) {
  by("told").textContent = words;
}

function begin(message) {
  setup = message;
  rounds = [];
  changes = [];
  faults = [];
  part.dataset.state = "running";
  by("fault").replaceChildren(...message.faults.map(({ name }) => element("option", { value: name }, name)));
  for (const id of ["pause", "inject", "repair"]) by(id).disabled = false;
  by("knows").replaceChildren(...knownOf(message.setup).map((text) => element("li", {}, text)));
  by("notes").replaceChildren(...message.notes.map((text) => element("li", {}, text)));
  by("evaluator-has").textContent = `another process: ${protectsOf(message.setup).has}`;
  const shape = ({ name, rows, columns }) => `${name}: ${counted(rows, "row", "rows")} × ${counted(columns.length, "column", "columns")}`;
  by("shapes").textContent = `It is sent ${message.inputs.map(shape).join("; ")}, and sends back ${message.outputs.map(shape).join("; ")}: a row for each device, no value in the clear${message.setup.parameters.security.protection === "encrypted" ? "" : " but that this scheme hides nothing from it"}.`;
  by("alarm-rule").textContent = `A device that was not ${message.levels.at(-1)} raises an alarm when it has been on the black list ${message.raised_after} rounds in a row; the alarm ends after ${message.cleared_after} rounds of another level.`;
  by("lag-about").textContent = `From the readings to their decrypted classes. A round is due every ${duration(message.every_ms)}; of more than ${message.most_waiting} that wait, the oldest is dropped.`;
  by("heat").setAttribute("aria-valuemax", String(things - 1));
}

function takeRound(round) {
  rounds.push(round);
  if (rounds.length > MOST_ROUNDS) {
    rounds.shift();
    if (replayed !== undefined) replayed = Math.max(0, replayed - 1);
  }
  for (const alarm of round.alarms) {
    changes.push({ ...alarm, round: round.round });
    if (alarm.found) tell(foundWords(alarm));
  }
  if (changes.length > 4 * MOST_ALARMS) changes = changes.slice(-2 * MOST_ALARMS);
  if (faults.length > MOST_ALARMS) faults = faults.slice(-MOST_ALARMS);
  if (chosen === undefined) choose(d3.leastIndex(Array.from({ length: things }, (_, thing) => scoreOf(round, thing))));
}

function foundWords({ thing, found }) {
  return `${setup.faults[found.fault].name} in ${setup.names[thing]}: found after ${counted(found.rounds, "round", "rounds")}, ${duration(found.after_ms)}.`;
}

function over({ how, reason }) {
  isOver = true;
  part.dataset.state = "over";
  const words = { refused: ["The scheme refuses this"], failed: ["This went wrong"], ended: ["This has ended"] }[how];
  if (words) complain(by("reason"), [`${words[0]}: ${reason}`]);
  for (const id of ["pause", "stop", "inject", "repair"]) by(id).disabled = true;
}

// What is shown.

/** Colours as a canvas takes them, by level and score. */
let shades = new Map();
function shade(level, score) {
  const step = Math.round(10 * score);
  const key = `${level} ${step}`;
  if (!shades.has(key)) {
    const probe = by("counts");
    const before = probe.style.color;
    // Within a level, the darker the higher the risk.
    probe.style.color = `color-mix(in oklab, ${LEVEL_COLORS[level]} ${Math.min(100, LEVEL_SHARES[level] - 12 + 2.4 * step)}%, var(--page))`;
    shades.set(key, getComputedStyle(probe).color);
    probe.style.color = before;
  }
  return shades.get(key);
}

/** The dots of devices on a list, by their state: the same in the map and in its legend, in light and in dark. */
const LISTS = {
  w: { name: "white list", color: "#fff", outline: "#000", symbol: "circle" },
  b: { name: "black list", color: "#000", outline: "#fff", symbol: "circle" },
};

let across = 1;
function drawHeat(round) {
  const canvas = by("heat");
  const width = canvas.clientWidth;
  // Tiles as large as their number allows.
  const size = Math.max(6, Math.min(30, Math.floor(Math.sqrt((width * Math.min(420, width)) / things))));
  across = Math.max(1, Math.floor(width / size));
  const height = size * Math.ceil(things / across);
  const scale = devicePixelRatio;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = `${height}px`;
  }
  canvas.dataset.size = size;
  const ink = getComputedStyle(document.body).color;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const gap = size > 9 ? 1.5 : 0.75;
  for (let thing = 0; thing < things; thing++) {
    const [x, y] = [(thing % across) * size, Math.floor(thing / across) * size];
    context.fillStyle = shade(levelOf(round.states[thing]), scoreOf(round, thing));
    context.fillRect(x, y, size - gap, size - gap);
    if (round.states[thing] === "b" || round.states[thing] === "w") {
      const { color: fill, outline: stroke } = LISTS[round.states[thing]];
      context.beginPath();
      context.arc(x + (size - gap) / 2, y + (size - gap) / 2, Math.max(1.2, size / 8), 0, 7);
      context.fillStyle = fill;
      context.strokeStyle = stroke;
      context.lineWidth = 0.75;
      context.fill();
      context.stroke();
    }
  }
  const [x, y] = [(chosen % across) * size, Math.floor(chosen / across) * size];
  context.strokeStyle = ink;
  context.lineWidth = 2;
  context.strokeRect(x - 0.25, y - 0.25, size - gap + 0.5, size - gap + 0.5);
}

function drawCounts(round) {
  const counts = setup.levels.map((_, level) => [...round.states].filter((state) => levelOf(state) === level).length);
  by("counts").textContent = `Round ${round.round}: ${setup.levels.map((name, level) => `${counts[level]} ${name}`).join(", ")}.`;
  by("legend").replaceChildren(...legend(setup.levels.map((name, level) => ({ name, color: levelFill(level) }))).children,
    ...legend([LISTS.w, LISTS.b]).children);
  const words = `${setup.names[chosen]}: ${setup.levels[levelOf(round.states[chosen])]}, risk ${scoreOf(round, chosen).toFixed(2)}`;
  const canvas = by("heat");
  canvas.setAttribute("aria-valuenow", String(chosen));
  canvas.setAttribute("aria-valuetext", words);
  by("chosen").textContent = words;
}

function drawLists(round) {
  for (const [id, state, title] of [["white", "w", "White list"], ["black", "b", "Black list"]]) {
    const listed = d3.range(things).filter((thing) => round.states[thing] === state);
    by(`${id}-head`).textContent = `${title}: ${listed.length} of ${things}`;
    const names = listed.slice(0, MOST_NAMES).map((thing) => element("li", {}, setup.names[thing].replace(/^sensor-/, "")));
    const more = listed.length - names.length;
    by(id).replaceChildren(...names, ...(more > 0 ? [element("li", { className: "under" }, `and ${more} more`)] : []));
  }
}

function drawAlarms(round) {
  const known = changes.filter((change) => change.round <= round.round && (change.raised || change.found)).slice(-MOST_ALARMS).reverse();
  const body = by("alarms").tBodies[0];
  const ended = (alarm) => changes.find((change) => !change.raised && change.thing === alarm.thing && change.round > alarm.round && change.round <= round.round);
  body.replaceChildren(...known.map((alarm) => {
    const end = ended(alarm);
    const what = alarm.found ? foundWords(alarm).replace(/^(.*) in [^:]+: /, "$1, ") : "no fault was injected: its readings look failing.";
    return element("tr", alarm.found ? { className: "found" } : {}, element("th", { scope: "row" }, setup.names[alarm.thing]),
      element("td", { className: "number" }, String(alarm.round)), element("td", {}, `${what}${end ? ` Ended in round ${end.round}.` : ""}`));
  }));
  if (!known.length) body.append(element("tr", {}, element("td", { colSpan: 3 }, "None so far.")));
}

/** The axis of rounds: as wide as there are some, and no wider than is shown. */
function roundAxis(all, width) {
  const [first, last] = [all[0].round, all.at(-1).round];
  return { domain: [first - 0.5, Math.max(last, first + SHOWN_ROUNDS / 3) + 0.5], label: "round →", labelArrow: "none", ticks: width < 520 ? 4 : 8, tickFormat: (x) => (Number.isInteger(x) ? String(x) : "") };
}

/** Stretches of one level, of a device. */
function stretches(all, thing) {
  const found = [];
  for (const round of all) {
    const level = levelOf(round.states[thing]);
    const last = found.at(-1);
    if (last && last.level === level && last.to === round.round - 1) last.to = round.round;
    else found.push({ name: setup.names[thing], level, from: round.round, to: round.round });
  }
  return found;
}

function drawTimeline(all) {
  const [first, last] = [all[0].round, all.at(-1).round];
  const within = (change) => change.round >= first && change.round <= last;
  const alarmed = changes.filter((change) => change.raised && within(change)).map((change) => change.thing).reverse();
  const faulty = faults.filter((fault) => fault.is === "injected" && within(fault)).map((fault) => fault.thing).reverse();
  const changed = new Map();
  for (let k = 1; k < all.length; k++) for (let thing = 0; thing < things; thing++) if (levelOf(all[k].states[thing]) !== levelOf(all[k - 1].states[thing])) changed.set(thing, (changed.get(thing) ?? 0) + 1);
  const restless = d3.sort(changed, ([, count]) => -count).map(([thing]) => thing);
  const risky = d3.sort(d3.range(things), (thing) => -scoreOf(all.at(-1), thing)).slice(0, MOST_LINES);
  const lines = [...new Set([chosen, ...faulty, ...alarmed, ...restless, ...risky])].slice(0, MOST_LINES);
  const parts = lines.flatMap((thing) => stretches(all, thing));
  const marks = changes.filter((change) => change.raised && within(change) && lines.includes(change.thing)).map((change) => ({ name: setup.names[change.thing], round: change.round }));
  const injected = faults.filter((fault) => fault.is === "injected" && within(fault) && lines.includes(fault.thing)).map((fault) => ({ name: setup.names[fault.thing], round: fault.round, said: setup.faults[fault.fault].name }));
  const width = by("timeline").clientWidth;
  by("timeline").replaceChildren(
    legend([...setup.levels.map((name, level) => ({ name, color: levelFill(level) })), { name: "fault injected", color: "var(--ink)", symbol: "triangle" }, { name: "alarm", color: "var(--ink)", symbol: "star" }]),
    plotted({
      width, height: 20 * lines.length + 44, marginLeft: 108, marginRight: 10, marginTop: 6, marginBottom: 38,
      color: { type: "identity" },
      x: roundAxis(all, width),
      y: { type: "band", domain: lines.map((thing) => setup.names[thing]), label: null, tickSize: 0, padding: 0.18 },
      marks: [
        Plot.rect(parts, { x1: (p) => p.from - 0.5, x2: (p) => p.to + 0.5, y: "name", fill: (p) => levelFill(p.level), title: (p) => `${p.name}\n${setup.levels[p.level]}, rounds ${p.from} to ${p.to}`, tip: true }),
        Plot.dot(injected, { x: "round", y: "name", symbol: "triangle", fill: "var(--ink)", stroke: "var(--page)", r: 5 }),
        Plot.dot(marks, { x: "round", y: "name", symbol: "star", fill: "var(--ink)", stroke: "var(--page)", r: 5.5 }),
      ],
    }, `States of ${counted(lines.length, "device", "devices")} over rounds ${first} to ${last}, ${counted(marks.length, "alarm", "alarms")}`));
}

function drawLag(all) {
  const width = by("lag").clientWidth;
  by("lag").replaceChildren(
    legend([{ name: "lag", color: "var(--c0)" }, { name: "a round, encrypted to decrypted", color: "var(--c2)", symbol: "circle" }]),
    plotted({
      width, height: 180, marginLeft: 62, marginRight: 10, marginTop: 10, marginBottom: 38,
      color: { type: "identity" },
      x: roundAxis(all, width),
      y: { label: null, grid: true, ticks: 4, zero: true, tickFormat: duration },
      marks: [
        Plot.line(all, { x: "round", y: "lag_ms", stroke: "var(--c0)", strokeWidth: 1.6 }),
        Plot.dot(all, { x: "round", y: "whole_ms", fill: "var(--c2)", r: 2, title: (r) => `round ${r.round}\nlag ${duration(r.lag_ms)}\nencrypt ${duration(r.encrypt_ms)}, cross ${duration(r.transfer_ms)}\nevaluate ${duration(r.evaluate_ms)}, decrypt ${duration(r.decrypt_ms)}`, tip: true }),
      ],
    }, `Lag of ${counted(all.length, "round", "rounds")}, the last ${duration(all.at(-1).lag_ms)}`));
}

function drawFigures(round) {
  const say = (id, words) => { by(`figure-${id}`).textContent = words; };
  say("lag", duration(round.lag_ms));
  say("whole", duration(round.whole_ms));
  say("waiting", String(round.waiting));
  say("dropped", String(round.dropped));
  say("differ", `${round.differ} of ${things}`);
  say("crossed", bytes(round.to_server_bytes));
}

/** Bytes in hexadecimal and as text that have room beside one another: an address, then four characters each. */
function bytesAcross(width) {
  const characters = (width - 36) / 8;
  return Math.max(4, Math.min(16, 4 * Math.floor((characters - 9) / 16)));
}

function drawServer(round) {
  const body = by("frames").tBodies[0];
  body.replaceChildren(...round.frames.map((frame) => element("tr", {}, element("th", { scope: "row" }, kindWords(frame.kind, setup?.setup)),
    element("td", {}, frame.to === "server" ? "evaluator" : "here"), element("td", { className: "number" }, frame.bytes.toLocaleString("en")),
    element("td", {}, frame.sha256 ? element("code", { title: frame.sha256 }, `${frame.sha256.slice(0, innerWidth < 520 ? 6 : 16)}…`) : "–"))));
  const sample = round.frames.find((frame) => frame.first_bytes && frame.to === "server");
  if (!sample) return;
  by("hex-head").textContent = `${sampleWords(sample, setup.setup)}, round ${round.round}:`;
  by("hex").querySelector("pre").textContent = hexRows(sample.first_bytes, bytesAcross(by("hex").clientWidth));
}

function drawState() {
  const words = isOver ? "Over" : !setup ? "Training the model and making keys" : isPaused ? "Paused: nothing is read or sent" : "Running";
  if (by("state").textContent !== words) by("state").textContent = words;
  by("pause").textContent = isPaused ? "Resume" : "Pause";
  const back = by("back");
  back.disabled = by("play").disabled = rounds.length < 2;
  by("live").disabled = replayed === undefined;
  back.max = String(Math.max(0, rounds.length - 1));
  back.value = String(replayed ?? rounds.length - 1);
  by("play").textContent = playing ? "Stop playing" : "Play";
  const round = shownRound();
  const replayWords = replayed === undefined || !round ? "" : `Round ${round.round} of ${rounds.at(-1).round} is shown again: for this nothing is read or sent${isOver || isPaused ? "" : ", while the fleet goes on"}.`;
  back.setAttribute("aria-valuetext", round ? `round ${round.round}` : "");
  if (by("replayed").textContent !== replayWords) by("replayed").textContent = replayWords;
  part.dataset.round = round?.round ?? 0;
  part.classList.toggle("again", replayed !== undefined);
}

function draw() {
  drawState();
  const round = shownRound();
  if (!round) return;
  const last = replayed ?? rounds.length - 1;
  const all = rounds.slice(Math.max(0, last + 1 - SHOWN_ROUNDS), last + 1).filter((one) => one.round > round.round - SHOWN_ROUNDS);
  drawHeat(round);
  drawCounts(round);
  drawFigures(round);
  drawServer(round);
  drawTimeline(all);
  drawAlarms(round);
  drawLists(round);
  drawLag(all);
}

let isDue = false;
/** Draws before the browser does, once however much has come. */
function soon() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => { isDue = false; draw(); });
}

const events = new EventSource(`/fleet/${part.dataset.id}/events`);
events.addEventListener("message", (event) => {
  for (const message of JSON.parse(event.data)) take(message);
  if (isOver) events.close();
  soon();
});
// The browser connects anew, and is told all that is kept from the beginning.
events.addEventListener("error", () => { if (!isOver) { rounds = []; changes = []; faults = []; replayed = undefined; } });

// What can be done.

function choose(thing) {
  chosen = Math.max(0, Math.min(things - 1, thing));
  by("device").value = String(chosen);
  tell("");
  soon();
}

async function act(wish) {
  complain(by("act-problem"), []);
  const answer = await send(`/fleet/${part.dataset.id}/command`, wish);
  complain(by("act-problem"), answer.problems ?? []);
  soon();
  return !answer.problems;
}

by("pause").addEventListener("click", () => act({ do: isPaused ? "resume" : "pause" }));
by("stop").addEventListener("click", () => send(`/fleet/${part.dataset.id}/stop`, {}));
by("act").addEventListener("submit", (event) => { event.preventDefault(); act({ do: "inject", device: by("device").value, fault: by("fault").value }); });
by("repair").addEventListener("click", () => act({ do: "repair", device: by("device").value }));
by("device").addEventListener("input", () => {
  const thing = Number(by("device").value);
  if (by("device").value.trim() && Number.isInteger(thing) && thing >= 0 && thing < things) { chosen = thing; tell(""); soon(); }
});
by("heat").addEventListener("click", (event) => {
  const size = Number(by("heat").dataset.size);
  const box = by("heat").getBoundingClientRect();
  const column = Math.floor((event.clientX - box.left) / size);
  const thing = Math.floor((event.clientY - box.top) / size) * across + column;
  if (size && column < across && thing < things) choose(thing);
});
by("heat").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -things, End: things }[event.key];
  if (!step || chosen === undefined) return;
  event.preventDefault();
  choose(chosen + step);
});

function show(place) {
  replayed = place >= rounds.length - 1 ? undefined : Math.max(0, place);
  soon();
}

function stopPlaying() {
  clearInterval(playing);
  playing = undefined;
}

by("back").addEventListener("input", () => { stopPlaying(); show(Number(by("back").value)); });
by("live").addEventListener("click", () => { stopPlaying(); show(rounds.length); });
by("play").addEventListener("click", () => {
  if (playing) { stopPlaying(); soon(); return; }
  if (replayed === undefined) show(0);
  playing = setInterval(() => { if (replayed === undefined) { stopPlaying(); soon(); } else show(replayed + 1); }, REPLAY_MS);
  soon();
});

let resizing;
addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(soon, 150); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { shades = new Map(); soon(); });
