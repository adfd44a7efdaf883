"use strict";

// Scores and alarms over time, a sensor with its filled gaps; which part is shown, and the threshold.

const part = document.getElementById("sensors");
if (part) begin();

function begin() {
  const rows = Number(part.dataset.rows);
  const view = { from: 0, to: rows, threshold: 0 };
  const threshold = document.getElementById("threshold");
  const sensor = document.getElementById("sensor");
  const places = { scores: document.getElementById("score-chart"), sensor: document.getElementById("sensor-chart") };
  let found, asked = 0, waiting;

  async function ask() {
    const mine = ++asked;
    const wanted = new URLSearchParams({ from: view.from, to: view.to, threshold: view.threshold, sensor: sensor.value });
    const answer = await fetch(`/sensors/jobs/${part.dataset.id}/window?${wanted}`);
    const told = await answer.json();
    // A later question overtakes this one.
    if (mine !== asked || told.problems) return;
    found = told;
    draw();
  }

  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 60);
  }

  function move(how) {
    const width = view.to - view.from;
    const middle = (view.from + view.to) / 2;
    const least = Math.min(rows, 4);
    const spans = { in: Math.max(least, width / 2), out: Math.min(rows, width * 2), all: rows };
    const next = spans[how] ?? width;
    let from = how === "left" ? view.from - width / 2 : how === "right" ? view.from + width / 2 : middle - next / 2;
    from = Math.round(Math.max(0, Math.min(rows - next, from)));
    show(from, from + Math.round(next));
  }

  function show(from, to) {
    view.from = Math.max(0, from);
    view.to = Math.min(rows, Math.max(to, view.from + 1));
    ask();
  }

  function words() {
    const share = ((100 * found.alarms) / Math.max(1, found.rows)).toFixed(1);
    document.getElementById("alarms").textContent = `${counted(found.alarms, "alarm", "alarms")} in ${counted(found.rows, "row", "rows")} (${share} %) above the threshold.`;
    document.getElementById("threshold-value").textContent = short(view.threshold);
    document.getElementById("window").textContent = `Rows ${found.from} to ${found.to - 1}, ${found.times[0]} to ${found.times[1]}: ${counted(found.alarms_here, "alarm", "alarms")}.${found.binned ? " So many rows are drawn as ranges." : ""}${found.disordered ? ` Times of the file go back in ${counted(found.disordered, "row", "rows")}: rows are drawn in the file's order.` : ""}`;
    document.getElementById("download").href = `/sensors/jobs/${part.dataset.id}/anomalies.csv?threshold=${view.threshold}`;
    const body = document.getElementById("listed").tBodies[0];
    body.replaceChildren(...found.listed.map((one) => element("tr", {}, element("th", { scope: "row" }, one.time),
      element("td", { className: "number" }, String(one.row)), element("td", { className: "number" }, short(one.score, 4)))));
    if (!found.listed.length) body.append(element("tr", {}, element("td", { colSpan: 3 }, "No alarm in this part.")));
  }

  /** Date and time of day in two lines, as they stand in the file; other texts shortened. */
  const timeLines = (text) => text.split(/[ T]+/, 2).map((line) => (line.length > 12 ? `${line.slice(0, 11)}…` : line)).join("\n");
  /** The times of some rows all over the part that is shown. */
  const axis = (width) => {
    const marks = new Map(found.marks.filter((_, place) => width >= 520 || found.marks.length < 4 || place % 2));
    return { domain: [found.from - 0.5, found.to - 0.5], label: "rows in their order, with their times →", labelArrow: "none", ticks: [...marks.keys()], tickFormat: (row) => timeLines(marks.get(row) ?? "") };
  };
  const frame = (width, height) => ({ width, height, marginLeft: 50, marginRight: 10, marginTop: 12, marginBottom: 48, color: { type: "identity" }, x: axis(width), y: { label: null, grid: true, ticks: 5, tickFormat: (v) => String(+v.toPrecision(3)), inset: 8 } });

  /** A line, or the ranges of bins. */
  function series(points, stroke) {
    if (!found.binned) return [Plot.line(points, { x: "0", y: "1", stroke, strokeWidth: 1.2 }), ...(points.length < 200 ? [Plot.dot(points, { x: "0", y: "1", fill: stroke, r: 2.2 })] : [])];
    return [Plot.ruleX(points, { x: "0", y1: "1", y2: "2", stroke, strokeWidth: 1 })];
  }

  function draw() {
    words();
    const width = places.scores.clientWidth;
    const alarms = found.dots.filter((one) => Number.isFinite(one.score));
    places.scores.replaceChildren(
      legend([{ name: "score", color: "var(--c0)" }, { name: "alarm", color: "var(--c1)", symbol: "circle" }]),
      plotted({
        ...frame(width, 260),
        marks: [
          ...series(found.scores, "var(--c0)"),
          Plot.ruleY([view.threshold], { stroke: "var(--ink)", strokeDasharray: "5 3" }),
          Plot.dot(alarms, { x: "row", y: "score", fill: "var(--c1)", r: 4, title: (one) => `${one.time}\nrow ${one.row}\nscore ${short(one.score, 4)}`, tip: true }),
        ],
      }, `Scores of rows ${found.from} to ${found.to - 1}, ${counted(found.alarms_here, "alarm", "alarms")}`));
    const one = found.sensor;
    if (!one) return;
    const parts = [legend([{ name: one.name, color: "var(--soft)" }, { name: `gap, filled (${one.gaps} in this part)`, color: "var(--c2)", symbol: "square" }])];
    if (one.points.length || one.filled.length) {
      parts.push(plotted({
        ...frame(width, 220),
        marks: [...series(one.points, "var(--soft)"), Plot.dot(one.filled, { x: "0", y: "1", fill: "var(--c2)", symbol: "square", r: 3.5, title: (fill) => `row ${fill[0]}\nfilled ${short(fill[1], 5)}`, tip: true })],
      }, `Sensor ${one.name}: ${counted(one.gaps, "gap", "gaps")} filled`));
    } else parts.push(element("p", {}, "No value of this sensor in this part."));
    places.sensor.replaceChildren(...parts);
  }

  for (const button of part.querySelectorAll("[data-move]")) button.addEventListener("click", () => move(button.dataset.move));
  sensor.addEventListener("change", ask);
  threshold.addEventListener("input", () => { view.threshold = Number(threshold.value); soon(); });
  let resizing;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => { if (found) draw(); }, 150); });

  // From where a pointer goes down to where it goes up is what is shown next.
  let down;
  const rowAt = (event) => {
    const box = places.scores.querySelector("svg[role=img]").getBoundingClientRect();
    const inner = Math.max(1, box.width - 60);
    const share = Math.min(1, Math.max(0, (event.clientX - box.left - 50) / inner));
    return found.from + share * (found.to - found.from);
  };
  places.scores.addEventListener("pointerdown", (event) => { if (found && event.target.closest("svg[role=img]")) down = { row: rowAt(event), x: event.clientX }; });
  places.scores.addEventListener("pointerup", (event) => {
    if (!down) return;
    const [a, b] = [down.row, rowAt(event)].sort((x, y) => x - y);
    const isDrag = Math.abs(event.clientX - down.x) > 8;
    down = undefined;
    if (isDrag) show(Math.floor(a), Math.max(Math.ceil(b), Math.floor(a) + 4));
  });

  (async () => {
    await ask();
    if (!found) return;
    const room = Math.max(0.01, (found.most - found.least) / 20);
    threshold.min = Math.min(0, found.least) - room;
    threshold.max = Math.max(0, found.most) + room;
    threshold.value = 0;
  })();
}
