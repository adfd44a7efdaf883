"use strict";

// What charts have in common: colours, legends, ticks, the frame of those that have a line for each row.

const COLORS = ["var(--c0)", "var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)"];
const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "wye"];
const SHAPES = {
  circle: d3.symbolCircle, square: d3.symbolSquare, triangle: d3.symbolTriangle,
  diamond: d3.symbolDiamond, star: d3.symbolStar, wye: d3.symbolWye,
};
/** A number that a label always has, from 0 to one less than `count`. */
function hashed(label, count) {
  let sum = 0;
  for (const c of label) sum = (Math.imul(sum, 7) + c.codePointAt(0)) >>> 0;
  return sum % count;
}

/**
 * A colour and a symbol for each label; gray for those that hide nothing. They are the label's own, whatever rows
 * and runs stand beside it: only where two labels have the same, the one later in the alphabet takes the next.
 */
function palette(run) {
  const found = new Map();
  const taken = new Set();
  const cells = new Map(run.cells.map((cell) => [cell.label, cell]));
  for (const name of [...cells.keys()].sort()) {
    let place = hashed(name, SYMBOLS.length);
    if (taken.size < SYMBOLS.length) while (taken.has(place)) place = (place + 1) % SYMBOLS.length;
    taken.add(place);
    const cell = cells.get(name);
    const color = cell.encrypted || !cell.totals.length ? COLORS[place] : "var(--none)";
    found.set(name, { name, color, symbol: SYMBOLS[place] });
  }
  return found;
}

/** What colours and symbols stand for. */
function legend(items) {
  const entries = items.map(({ name, color, symbol, isHollow, outline }) => {
    const mark = d3.create("svg:svg").attr("viewBox", "-7 -7 14 14").attr("aria-hidden", "true");
    const path = mark.append("path").attr("d", d3.symbol(SHAPES[symbol ?? "square"], 90)());
    // By properties: a policy may forbid styles that stand in attributes.
    if (isHollow) path.style("fill", "none").style("stroke", color).style("stroke-width", "1.5");
    else path.style("fill", color);
    if (outline) path.style("stroke", outline).style("stroke-width", "1.5");
    return element("li", {}, mark.node(), name);
  });
  return element("ul", { className: "legend" }, ...entries);
}

/** A value of a column of `summary.csv`; undefined where there is none. */
function at(run, column, place) {
  return run.columns[column]?.[place] ?? undefined;
}

/** Options, marks and size of a chart that has a line for each row, with so many marks above one another. */
function lines(run, places, width, right, marks = 1) {
  const names = places.map((place) => run.cells[place].id);
  const most = Math.max(...names.map((name) => name.length), 0);
  const isNarrow = width < 520 || most > 34;
  const shown = (name) => (name.length > 44 ? `${name.slice(0, 43)}…` : name);
  const half = 3.5 * (marks - 1);
  const step = isNarrow ? Math.max(46, 2 * half + 36) : Math.max(32, 2 * half + 14);
  const marginLeft = isNarrow ? 14 : 7 * most + 14;
  return {
    ticks: Math.max(2, Math.min(7, Math.floor((width - marginLeft - right) / 68))),
    options: {
      width,
      height: step * names.length + 46,
      marginTop: 6,
      marginBottom: 40,
      marginLeft,
      marginRight: right,
      y: { type: "band", domain: names, padding: isNarrow ? 0.6 : 0.4, label: null, axis: isNarrow ? null : undefined },
      color: { type: "identity" },
    },
    labels: isNarrow
      ? Plot.text(names, { y: (d) => d, text: shown, frameAnchor: "left", textAnchor: "start", dy: -Math.max(17, half + 14), fontWeight: 600 })
      : Plot.axisY({ tickSize: 0, tickFormat: shown, label: null }),
  };
}

/** The chart, told to those who do not see it. */
function plotted(options, said) {
  const svg = Plot.plot(options);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", said);
  // Plot names its groups for readers of screens, who have the whole chart in words instead.
  for (const part of svg.querySelectorAll("[aria-label]")) {
    part.dataset.mark = part.getAttribute("aria-label");
    part.removeAttribute("aria-label");
  }
  return svg;
}

/** Powers of ten from the least to the most, at most `count` of them; where they are few, what lies between. */
function decades(least, most, count = 7) {
  const [from, to] = [Math.ceil(Math.log10(least) - 1e-9), Math.floor(Math.log10(most) + 1e-9)];
  if (to - from < 1) {
    const all = d3.range(from - 1, to + 1).flatMap((e) => [1, 1.5, 2, 3, 5, 7].map((m) => Number(`${m}e${e}`)));
    const inside = all.filter((x) => x >= least && x <= most);
    if (inside.length > 1) return inside.filter((_, k) => k % Math.ceil(inside.length / count) === 0);
    return [least, most].map((x) => Number(x.toPrecision(2)));
  }
  const step = Math.max(1, Math.ceil((to - from + 1) / count));
  return d3.range(from, to + 1, step).map((exponent) => Number(`1e${exponent}`));
}

/** Times that people have names for, at most `count` of them, in milliseconds. */
function moments(least, most, count = 7) {
  const [second, minute, hour, day] = [1e3, 6e4, 3.6e6, 86.4e6];
  const all = [1e-3, 1e-2, 0.1, 1, 10, 100, second, 10 * second, minute, 10 * minute, hour, 10 * hour, 5 * day, 50 * day, 2 * 365.25 * day, 20 * 365.25 * day];
  const inside = all.filter((ms) => ms >= least && ms <= most);
  return inside.length > 1 ? inside.filter((_, k) => k % Math.ceil(inside.length / count) === 0) : decades(least, most, count);
}

/** Powers of two from the least to the most, at most `count` of them, and of 1024 if they are far apart. */
function binary(least, most, count = 7) {
  for (const step of [1, 2, 5, 10]) {
    const [from, to] = [Math.ceil(Math.log2(least) / step), Math.floor(Math.log2(most) / step)];
    if (to - from + 1 <= count || step === 10) return d3.range(from, to + 1).map((n) => 2 ** (n * step));
  }
}

/** The domain of a logarithmic axis with some room, of less than a decade a whole one. */
function logarithmic(values) {
  const [least, most] = d3.extent(values);
  const room = Math.max(1.25, (most / least) ** 0.06);
  const missing = Math.max(1, Math.sqrt(10 / ((most / least) * room * room)));
  return [least / room / missing, most * room * missing];
}

/** A logarithmic axis and its grid. The ticks are texts: a scale of that kind would pass over some. */
function logX(ticks, text) {
  return [Plot.gridX(ticks), Plot.axisX(ticks, { text })];
}

function logY(ticks, text) {
  return [Plot.gridY(ticks), Plot.axisY(ticks, { text })];
}
