"use strict";

// Every byte that crossed: sums by kind, each frame, and the beginning of a ciphertext in hexadecimal.

const MOST_FRAMES = 300;
const kindsTable = document.getElementById("kinds");
const framesFold = document.getElementById("frames-fold");
let drawnFrames = { cell: undefined, count: 0 };

function drawTraffic(cell) {
  const isFar = cell.frames[0]?.head?.request !== undefined;
  const parts = isFar ? counted(cell.frames.length, "request or answer", "requests and answers") : counted(cell.frames.length, "frame", "frames");
  const over = isFar ? ` These are the bytes of the connection to ${evaluator}, with what encrypts it and the heads of requests.` : "";
  const times = repetitionsOf(cell);
  document.getElementById("left-sum").textContent = !cell.frames.length ? "Nothing crossed." : `${bytes(cell.up)} went to the evaluator (${cell.up.toLocaleString("en")} bytes), ${bytes(cell.down)} came back (${cell.down.toLocaleString("en")} bytes), in ${parts} of ${cell.id}${times > 1 ? `, keys and all ${times} repetitions together` : ""}.${over}`;
  const sums = [...cell.kinds.values()].sort((a, b) => b.bytes - a.bytes);
  kindsTable.hidden = kindsTable.closest(".scroll").hidden = !sums.length;
  kindsTable.tBodies[0].replaceChildren(...sums.map((sum) => element("tr", {},
    element("th", { scope: "row" }, kindWords(sum.kind, cell.setup)), element("td", {}, ARROWS[sum.to]),
    element("td", { className: "number" }, String(sum.frames)), element("td", { className: "number" }, sum.bytes.toLocaleString("en")))));
  if (framesFold.open) drawFrames(cell);
}

function drawFrames(cell) {
  const body = document.getElementById("frames").tBodies[0];
  // What frames are called is known with the parameters.
  if (drawnFrames.cell !== cell.id || drawnFrames.setup !== cell.setup) {
    body.replaceChildren();
    drawnFrames = { cell: cell.id, setup: cell.setup, count: 0 };
  }
  const more = cell.frames.slice(drawnFrames.count, MOST_FRAMES);
  body.append(...more.map((frame) => frameRow(frame, cell.setup)));
  drawnFrames.count += more.length;
  const left = cell.frames.length - drawnFrames.count;
  document.getElementById("frames-more").textContent = left > 0 ? `${counted(left, "more frame is", "more frames are")} in the file to download.` : "";
}

function frameRow(frame, setup) {
  const contents = element("td", {});
  if (frame.first_bytes) {
    const button = element("button", { type: "button" }, "Look at its bytes");
    button.addEventListener("click", () => showHex(frame, setup));
    contents.append(button);
  } else contents.append(WITHIN[frame.kind] ?? "");
  if (frame.head?.request) contents.append(element("span", { className: "under" }, frame.head.request + (frame.head.status ? `: ${frame.head.status}` : "")));
  return element("tr", {},
    element("td", { className: "number" }, duration(frame.began_ns / 1e6)), element("td", {}, ARROWS[frame.to]),
    element("th", { scope: "row" }, kindWords(frame.kind, setup) + (frame.head?.role ? `, ${frame.head.role}` : "")),
    element("td", { className: "number" }, frame.bytes.toLocaleString("en")), contents);
}

const WITHIN = {
  hello: "version", compile: "the program with the model's numbers", compiled: "a digest", keys: "how many keys follow",
  key: "a key; its bytes are not kept", prepared: "a time", stored: "a time", evaluate: "which inputs",
  evaluated: "a time", download: "which result", discard: "what is no longer needed", discarded: "", bye: "", ended: "a time",
  registered: "a name", wait: "a question whether it is done", queued: "a name", problem: "what is wrong",
};

let shownFrame;

function showHex(frame, setup) {
  shownFrame = frame;
  const figure = document.getElementById("hex");
  figure.hidden = false;
  document.getElementById("hex-head").textContent = `${sampleWords(frame, setup)}:`;
  const block = figure.querySelector("pre");
  drawHex();
  block.focus();
}

/** As many bytes in a row as fit. */
function drawHex() {
  if (shownFrame) document.querySelector("#hex pre").textContent = hexRows(shownFrame.first_bytes, innerWidth < 520 ? 8 : 16);
}

addEventListener("resize", drawHex);

framesFold.addEventListener("toggle", () => { if (framesFold.open && cells.get(shownCell)) drawFrames(cells.get(shownCell)); });
