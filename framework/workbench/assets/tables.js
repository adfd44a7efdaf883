"use strict";

// Predictions beside the truth: a chart and a table.

const area = document.getElementById("tables");
if (area) (async () => {
  const answer = await fetch(`/tables/jobs/${area.dataset.id}/rows`);
  const { rows, all, classes, names } = await answer.json();
  const nameOf = (side) => (names ? names[side] : `class ${side}`);
  const chart = document.getElementById("predicted");
  function draw() {
    const width = Math.min(chart.clientWidth, 620);
    const format = (v) => String(+v.toPrecision(3));
    const options = { width, height: 320, marginLeft: 56, marginRight: 12, marginTop: 24, marginBottom: 42, color: { type: "identity" } };
    const title = (row, k) => `row ${k}\ntrue ${short(row[0], 5)}\ndecrypted ${short(row[1], 5)}\nin the clear ${short(row[2], 5)}`;
    chart.replaceChildren(classes
      ? plotted({
        ...options,
        x: { label: "decrypted probability →", labelArrow: "none", domain: [0, 1] },
        y: { label: "↑ rows", labelArrow: "none", grid: true },
        marks: [0, 1].map((side) => Plot.rectY(rows.filter((row) => row[0] === side), Plot.binX({ y: "count" }, { x: (row) => Math.min(1, Math.max(0, row[1])), thresholds: 20, fill: side ? "var(--c1)" : "var(--c0)", fillOpacity: 0.6 }))),
      }, `Decrypted probabilities of ${all} rows, by class`)
      : plotted({
        ...options,
        x: { label: "true →", labelArrow: "none", tickFormat: format, ticks: 5, nice: true },
        y: { label: "↑ decrypted", labelArrow: "none", tickFormat: format, ticks: 6, grid: true, nice: true },
        marks: [Plot.line(d3.extent(rows, (row) => row[0]).map((x) => [x, x]), { stroke: "var(--soft)", strokeDasharray: "4 3" }), Plot.dot(rows, { x: "0", y: "1", fill: "var(--c0)", r: 2.6, title, tip: true })],
      }, `Decrypted predictions of ${all} rows beside the truth`));
    if (classes) chart.prepend(legend([{ name: nameOf(0), color: "var(--c0)" }, { name: nameOf(1), color: "var(--c1)" }]));
    if (rows.length < all) chart.append(element("p", { className: "count" }, `${rows.length} of ${all} rows are drawn.`));
  }
  draw();
  let resizing;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(draw, 150); });
  const body = document.getElementById("rows").tBodies[0];
  body.append(...rows.slice(0, 300).map((row, k) => element("tr", {}, element("th", { scope: "row", className: "number" }, String(k)),
    ...row.map((value) => element("td", { className: "number" }, short(value, 6))))));
})();
