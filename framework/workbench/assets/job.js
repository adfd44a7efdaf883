"use strict";

// A run while it goes on: the steps of the two parties with their times and bytes.

const job = document.getElementById("job");
/** Who evaluates, in words: a service on a network, or a process of this machine. */
const evaluator = job.dataset.server ?? "another process of this machine";
const wasOver = ["done", "failed", "cancelled"].includes(job.dataset.status);
const WORDS = { waiting: "waits for another run", running: "running", done: "done", failed: "failed", cancelled: "cancelled" };

/** What is known of each cell: its steps, its frames, what stopped it. */
const cells = new Map();
let shownCell;

function cellOf(id) {
  if (!cells.has(id)) {
    cells.set(id, { id, steps: {}, frames: [], kinds: new Map(), up: 0, down: 0 });
    drawCells();
  }
  return cells.get(id);
}

/** A step that has begun or gone on: bytes, those of them that are ciphertexts or keys, and milliseconds are added. */
function went(cell, name, { bytes: more = 0, body = 0, ms = 0, state = "done" }) {
  const step = (cell.steps[name] ??= { bytes: 0, body: 0, ms: 0 });
  step.bytes += more;
  step.body += body;
  step.ms += ms;
  step.state = state;
}

const BY_KIND = { keys: "keys", key: "keys", ciphertexts: "ciphertexts", results: "results" };

/** A frame tells which step goes on; what the server measured stands in its head. */
function takeFrame(frame) {
  const cell = cellOf(frame.cell);
  cell.frames.push(frame);
  const isUp = frame.to === "server";
  cell[isUp ? "up" : "down"] += frame.bytes;
  const key = `${frame.kind} ${frame.to}`;
  const sum = cell.kinds.get(key) ?? { kind: frame.kind, to: frame.to, frames: 0, bytes: 0 };
  sum.frames += 1;
  sum.bytes += frame.bytes;
  cell.kinds.set(key, sum);
  const took = (frame.ended_ns - frame.began_ns) / 1e6;
  const measured = (frame.head?.measured?.wall_ns ?? 0) / 1e6;
  if (BY_KIND[frame.kind]) went(cell, BY_KIND[frame.kind], { bytes: frame.bytes, body: frame.body_bytes ?? 0, ms: took });
  // A service has no frame for keys that are prepared: it prepares them for the first job, before there are ciphertexts.
  const prepares = frame.head?.request && !cell.steps.ciphertexts;
  if (frame.kind === "compiled") went(cell, "keygen", { state: "runs" });
  if (frame.kind === "keys") {
    const before = cell.frames.at(-2);
    if (before) went(cell, "keygen", { ms: (frame.began_ns - before.ended_ns) / 1e6 });
    went(cell, "prepare", { state: "runs" });
  }
  if (frame.kind === "prepared") {
    went(cell, "prepare", { ms: measured });
    went(cell, "encrypt", { state: "runs" });
  }
  // Of a service, what is asked for is told with its answer, when the job is done: it runs once its inputs are there.
  const asks = frame.head?.request ? "stored" : "evaluate";
  if (frame.kind === asks && !prepares) went(cell, "evaluate", { state: "runs" });
  if (frame.kind === "evaluated") went(cell, prepares ? "prepare" : "evaluate", { ms: measured });
  if (frame.kind === "results") went(cell, "decrypt", { state: "runs" });
}

/** What the run wrote down has the phases' own times. */
function takeRecord(record) {
  if (!record.cell) return;
  const cell = cellOf(record.cell);
  const set = (name, time) => { if (time) cell.steps[name] = { bytes: 0, body: 0, ...cell.steps[name], ms: time.wall_ns / 1e6, state: "done" }; };
  if (record.kind === "setup") {
    cell.setup = record;
    set("keygen", record.keygen);
    set("prepare", record.prepare);
    if (shownCell === cell.id) drawKnows(cell);
  } else if (record.kind === "repetition") {
    set("encrypt", record.encrypt);
    set("evaluate", record.evaluate);
    set("decrypt", record.decrypt);
    cell.traffic = record.traffic;
  } else if (record.kind === "stopped") {
    cell.stopped = `${record.status}: ${record.reason}`;
    for (const step of Object.values(cell.steps)) if (step.state === "runs") step.state = "stopped";
  }
}

/** A button for each cell, where there are several. */
function drawCells() {
  shownCell ??= cells.keys().next().value;
  const area = document.getElementById("cells");
  area.hidden = cells.size < 2;
  area.replaceChildren(...[...cells.keys()].map((id) => {
    const button = element("button", { type: "button" }, id);
    button.setAttribute("aria-pressed", String(id === shownCell));
    button.addEventListener("click", () => { shownCell = id; drawCells(); draw(); drawKnows(cells.get(id)); });
    return button;
  }));
}

/** Repetitions in which ciphertexts have crossed, those of the warm-up too, which is not recorded: what has crossed,
 *  in terms of what a recorded repetition sends. */
function repetitionsOf(cell) {
  const [sent, each] = [cell.steps.ciphertexts?.body, cell.traffic?.upload_bytes];
  return sent && each ? Math.max(1, Math.round(sent / each)) : 1;
}

/** What each repetition does; keys are made and sent once. */
const REPEATED = ["ciphertexts", "results"];

/** Words of a step: its time, or its bytes; of what is done again and again, those of one repetition. */
function figures(name, step, cell) {
  if (step && REPEATED.includes(name)) {
    const times = repetitionsOf(cell);
    step = { ...step, bytes: step.bytes / times, ms: step.ms / times };
  }
  if (!step) return cell?.stopped ? "not reached" : "waits";
  if (step.state === "stopped") return "stopped";
  const parts = [];
  // The frame that says so crosses all the same, and is in the table.
  if (name === "keys" && step.state === "done" && cell && !cell.frames[0].head?.request && !cell.kinds.has("key server")) return "none needed";
  if (BY_KIND[name]) parts.push(bytes(step.bytes));
  if (step.ms > 0 && (step.state === "done" || BY_KIND[name])) parts.push(duration(step.ms));
  if (step.state === "runs") parts.push("running");
  return parts.join(", ") || "done";
}

function draw() {
  const cell = cells.get(shownCell);
  for (const item of document.querySelectorAll("[data-step]")) {
    const step = cell?.steps[item.dataset.step];
    item.dataset.state = step?.state ?? "waits";
    item.querySelector(".figures").textContent = figures(item.dataset.step, step, cell);
  }
  const times = cell ? repetitionsOf(cell) : 1;
  const repeated = document.getElementById("repeated");
  repeated.hidden = times < 2;
  repeated.textContent = `${times} repetitions have crossed, with those of the warm-up. From the encryption on the picture shows one: the last one's times, and the mean of what crossed.`;
  const reason = document.getElementById("reason");
  reason.hidden = !cell?.stopped;
  reason.textContent = cell?.stopped ?? "";
  if (cell) drawTraffic(cell);
}

const HAS = document.getElementById("client-has").textContent;

/** What parameters and task say that the server learns. */
function drawKnows(cell) {
  if (!cell.setup?.parameters) {
    if (cell.stopped && !cell.frames.length) document.getElementById("knows").replaceChildren(element("li", {}, "Nothing: it was sent nothing."));
    return;
  }
  const protects = protectsOf(cell.setup);
  document.getElementById("evaluator-has").textContent = `${evaluator}: ${protects.has}`;
  document.getElementById("client-has").textContent = protects.client ?? HAS;
  for (const item of document.querySelectorAll("[data-step]")) {
    const what = item.querySelector(".what");
    item.dataset.title ??= what.textContent;
    const words = { ...protects.steps, ciphertexts: protects.up, results: protects.down };
    what.textContent = words[item.dataset.step] ?? item.dataset.title;
  }
  document.getElementById("knows").replaceChildren(...knownOf(cell.setup).map((text) => element("li", {}, text)));
}

const output = document.getElementById("lines");

function take(news) {
  // A record follows the frames that it is about, and its times stand in place of theirs.
  for (const frame of news.frames) takeFrame(frame);
  for (const record of news.records) takeRecord(record);
  for (const line of news.lines) output.append(`${line}\n`);
  document.getElementById("status").textContent = WORDS[news.status] ?? news.status;
  draw();
  if (shownCell) drawKnows(cells.get(shownCell));
}

const events = new EventSource(`/jobs/${job.dataset.id}/events`);
events.addEventListener("message", (event) => {
  const news = JSON.parse(event.data);
  take(news);
  if (["done", "failed", "cancelled"].includes(news.status)) {
    events.close();
    job.dataset.status = news.status;
    // The results are part of the page.
    if (!wasOver) location.reload();
  }
});
// The browser connects anew, and the workbench tells all from the beginning.
events.addEventListener("error", () => { cells.clear(); output.replaceChildren(); });

document.getElementById("cancel")?.addEventListener("click", () => send(`/jobs/${job.dataset.id}/cancel`, {}));

if (!wasOver) {
  const began = performance.now();
  const elapsed = document.getElementById("elapsed");
  setInterval(() => { elapsed.textContent = `for ${Math.round((performance.now() - began) / 1000)} s on this page`; }, 1000);
}
