"use strict";

// The charts of a run. Each takes the run and the places of the rows that are shown, and yields
// elements for its figure, or nothing where there is nothing to draw.

/** Rows of a chart that has a line for each; more of them nobody reads. */
const MOST_ROWS = 60;
/** Dots of one chart: beyond that a box tells more, and is drawn sooner. */
const MOST_DOTS = 3000;

/** Shares of a whole, row by row, with the whole at the right. */
function stacked(run, places, parts, width) {
  const items = [];
  const sums = [];
  for (const place of places) {
    const { id } = run.cells[place];
    const values = parts.map((part) => at(run, part.column, place) ?? 0);
    const sum = d3.sum(values);
    if (!(sum > 0)) continue;
    sums.push({ place, id, sum });
    parts.forEach((part, k) => {
      const share = values[k] / sum;
      items.push({ id, share, color: part.color, said: `${id}\n${part.name} ${duration(values[k])}\n${(100 * share).toFixed(1)} %` });
    });
  }
  if (!sums.length) return;
  const { options, labels, ticks } = lines(run, sums.map((s) => s.place), width, 66);
  const said = sums.map((s) => `${s.id} ${duration(s.sum)}`).join(", ");
  return [
    legend(parts),
    plotted({
      ...options,
      x: { domain: [0, 1], label: null, tickFormat: (x) => `${100 * x} %`, ticks: ticks > 4 ? [0, 0.25, 0.5, 0.75, 1] : [0, 0.5, 1] },
      marks: [
        labels,
        Plot.barX(items, { x: "share", y: "id", fill: "color", stroke: "var(--page)", strokeWidth: 0.75, title: "said", tip: true }),
        Plot.text(sums, { y: "id", text: (s) => duration(s.sum), frameAnchor: "right", textAnchor: "end", dx: 64 }),
      ],
    }, `Sums: ${said}`),
  ];
}

/** Several numbers of each row as marks on one logarithmic axis; zeros stand at its left end. */
function dots(run, places, parts, width, { format, ticks }) {
  const items = [];
  for (const place of places) {
    const { id } = run.cells[place];
    parts.forEach((part, k) => {
      const value = at(run, part.column, place);
      if (value === undefined) return;
      items.push({ id, value, part: k, place, said: `${id}\n${part.name} ${format(value)}` });
    });
  }
  const positive = items.filter((item) => item.value > 0).map((item) => item.value);
  if (!positive.length) return;
  const kept = places.filter((place) => items.some((item) => item.place === place));
  const { options, labels, ticks: most } = lines(run, kept, width, 16, parts.length);
  const domain = logarithmic(positive);
  const hasZeros = positive.length < items.length;
  const room = (domain[1] / domain[0]) ** 0.14;
  const zero = domain[0] / room;
  if (hasZeros) domain[0] = zero / 1.1;
  const shown = ticks(domain[0] * (hasZeros ? room : 1), domain[1], most);
  const marks = [labels];
  parts.forEach((part, k) => {
    const own = items.filter((item) => item.part === k);
    const dy = (k - (parts.length - 1) / 2) * 7;
    const shared = { y: "id", dy, symbol: part.symbol, fill: part.color, r: 5, title: "said", tip: true };
    marks.push(Plot.dot(own, { ...shared, x: (item) => item.value || zero }));
  });
  const said = items.map((item) => item.said.replace("\n", ", ")).join("; ");
  return [
    legend(parts),
    plotted({
      ...options,
      x: { type: "log", domain, label: null },
      marks: [...logX(hasZeros ? [zero, ...shown] : shown, (x) => (x === zero ? "0" : format(x, true))), ...marks],
    }, said),
  ];
}

/** What a query takes over each link, on one logarithmic axis. */
function links(run, places, width) {
  const columns = Object.fromEntries(run.links.map(({ name, totals }) => [name, totals]));
  const parts = run.links.map(({ name }, k) => ({ column: name, name, color: COLORS[k % COLORS.length], symbol: SYMBOLS[k % SYMBOLS.length] }));
  const format = (ms, isTick) => (isTick ? tick(ms) : long(ms));
  return dots({ ...run, columns }, places, parts, width, { format, ticks: moments });
}

/** Sizes of each row as bars from nothing on, one below the other. */
function bars(run, places, parts, width) {
  const items = places.flatMap((place) => parts.map((part, k) => ({ place, part: k, id: run.cells[place].id, value: at(run, part.column, place) })))
    .filter((item) => item.value > 0);
  if (!items.length) return;
  const kept = places.filter((place) => items.some((item) => item.place === place));
  const { options, labels, ticks } = lines(run, kept, width, 66);
  const most = d3.max(items, (item) => item.value);
  const unit = 1024 ** Math.floor(Math.log(most) / Math.log(1024));
  const marks = [labels];
  parts.forEach((part, k) => {
    const own = items.filter((item) => item.part === k);
    const inset = { insetTop: (k * 18) / parts.length, insetBottom: ((parts.length - 1 - k) * 18) / parts.length };
    marks.push(Plot.barX(own, { x: "value", y: "id", fill: part.color, ...inset, title: (item) => `${item.id}\n${part.name} ${bytes(item.value)}`, tip: true }));
    marks.push(Plot.text(own, { y: "id", text: (item) => bytes(item.value), frameAnchor: "right", textAnchor: "end", dx: 64, dy: (k - (parts.length - 1) / 2) * 13 }));
  });
  return [
    legend(parts),
    plotted({
      ...options,
      x: { domain: [0, most], label: null, grid: true, ticks: d3.ticks(0, most / unit, ticks - 1).map((x) => x * unit), tickFormat: (x) => (x === 0 ? "0" : bytes(x)) },
      marks,
    }, items.map((item) => `${item.id} ${parts[item.part].name} ${bytes(item.value)}`).join(", ")),
  ];
}

/** The rows that no other beats in both, from the fastest on. */
function pareto(points, lowerIsBetter) {
  const beats = (a, b) => (lowerIsBetter ? a < b : a > b);
  const front = [];
  for (const point of d3.sort(points, (p) => p.x, (p) => (lowerIsBetter ? p.y : -p.y))) {
    if (!front.length || beats(point.y, front.at(-1).y)) front.push(point);
  }
  return front;
}

/** A place for each name beside its mark, that of no other name or mark; some have none. */
function placed(points, all, x, y, [left, right]) {
  const taken = all.map((p) => ({ x: x(p.x) - 7, y: y(p.y) - 7, w: 14, h: 14 }));
  const free = (box) => box.x >= left && box.x + box.w <= right
    && !taken.some((t) => box.x < t.x + t.w && t.x < box.x + box.w && box.y < t.y + t.h && t.y < box.y + box.h);
  const names = [];
  for (const point of points) {
    const [px, py, w, h] = [x(point.x), y(point.y), 6.9 * point.name.length + 4, 15];
    const corners = [
      { x: px + 9, y: py - h / 2 }, { x: px - 9 - w, y: py - h / 2 },
      { x: px - w / 2, y: py - 9 - h }, { x: px - w / 2, y: py + 9 },
      { x: px + 6, y: py - 8 - h }, { x: px + 6, y: py + 8 }, { x: px - 6 - w, y: py - 8 - h }, { x: px - 6 - w, y: py + 8 },
    ].map((corner) => ({ ...corner, w, h }));
    // The front goes to the right from a mark, and down or up to it.
    const box = (point.isOnFront ? [corners[4], corners[5], ...corners] : corners).find(free);
    if (!box) continue;
    taken.push(box);
    names.push({ name: point.name, x: box.x + 2, y: box.y + h / 2 });
  }
  return names;
}

/** Points in time and something else, with their front. */
function against(run, points, width, { y, lowerIsBetter, label, clear }) {
  const colors = palette(run);
  const height = Math.min(380, Math.max(280, 0.75 * width));
  const margins = { marginLeft: 58, marginRight: 14, marginTop: 26, marginBottom: 44 };
  const xScale = { type: "log", domain: logarithmic(points.map((p) => p.x)), range: [margins.marginLeft, width - margins.marginRight] };
  const yScale = { ...y, range: [height - margins.marginBottom, margins.marginTop] };
  // What is further off than its task bears is ranked apart, and is on no front.
  // Times of unlike machines push none off the front of others.
  const ranked = d3.group(points.filter((p) => p.encrypted && !p.imprecise), (p) => p.place);
  const fronts = [...ranked].map(([place, own]) => ({ place, rows: pareto(own, lowerIsBetter) }));
  const marked = new Set(fronts.flatMap(({ rows }) => (rows.length > 1 ? rows : [])));
  const styled = points.map((p) => ({ ...p, ...colors.get(p.label), name: p.id, isOnFront: marked.has(p) }));
  // Of many marks the names would hide each other.
  const named = d3.sum(styled, (p) => p.name.length) > 100 ? styled.filter((p) => p.isOnFront) : styled;
  const names = placed(named, styled, Plot.scale({ x: xScale }).apply, Plot.scale({ y: yScale }).apply, [margins.marginLeft, width]);
  const told = fronts.map(({ place, rows }) => `On the front${place ? ` of rows ${place}` : ""}: ${rows.map((p) => p.id).join(", ")}.`).join(" ");
  const series = [...new Set(points.map((p) => p.label))].map((name) => colors.get(name));
  const svg = plotted({
    width,
    height,
    ...margins,
    color: { type: "identity" },
    symbol: { type: "identity" },
    x: { ...xScale, label: `${run.clock} per sample →`, labelAnchor: "right", labelArrow: "none" },
    y: { ...yScale, label: `${lowerIsBetter ? "↓" : "↑"} ${label}`, labelArrow: "none" },
    marks: [
      ...logX(decades(...xScale.domain, width < 520 ? 4 : 7), power),
      ...(y.type === "log" ? logY(y.ticks, y.tickFormat) : [Plot.gridY({ ticks: y.ticks }), Plot.axisY({ ticks: y.ticks, tickFormat: y.tickFormat })]),
      ...fronts.map(({ rows }) => Plot.line(rows, { x: "x", y: "y", curve: "step-after", stroke: "var(--soft)", strokeWidth: 1.25, strokeDasharray: "4 3" })),
      clear && Plot.dot(styled.filter((p) => p.clear !== undefined && p.clear !== p.y), { x: "x", y: "clear", stroke: "color", r: 8, fill: "none" }),
      Plot.dot(styled, { x: "x", y: "y", fill: "color", symbol: "symbol", r: 5.5, title: "said", tip: true }),
      Plot.text(names, { x: (n) => n.x, y: (n) => n.y, text: "name", textAnchor: "start", fill: "currentColor", stroke: "var(--page)", strokeWidth: 3, render: unscaled }),
    ],
  }, `${told || "On the front: none."} ${styled.map((p) => p.said.replaceAll("\n", ", ")).join("; ")}`);
  return names.length < points.length ? [legend(series), svg] : [svg];
}

/** Draws texts at places in pixels, whatever the scales. */
function unscaled(index, scales, values, dimensions, context, next) {
  const { x, y } = values.channels;
  return next(index, scales, { ...values, x: x.value, y: y.value }, dimensions, context);
}

function tradeoff(run, places, width) {
  const points = [];
  for (const place of places) {
    const cell = run.cells[place];
    const [x, y] = [time(run, place), at(run, "max_abs_error", place)];
    if (!(x > 0) || y === undefined) continue;
    points.push({ x, y, zero: y === 0, id: cell.id, label: cell.label, encrypted: cell.encrypted, imprecise: cell.imprecise, place: cell.place, said: `${cell.id}${cell.place ? `, ${cell.place}` : ""}\n${duration(x)} per sample\nmax error ${short(y)}` });
  }
  const positive = points.filter((p) => p.y > 0).map((p) => p.y);
  if (!points.length || !positive.length) return;
  const domain = logarithmic(positive);
  const ticks = decades(...domain);
  const hasZeros = positive.length < points.length;
  const zero = domain[0] / (domain[1] / domain[0]) ** 0.08;
  if (hasZeros) domain[0] = zero / 1.3;
  for (const p of points) if (p.zero) p.y = zero;
  const y = { type: "log", domain, ticks: hasZeros ? [zero, ...ticks] : ticks, tickFormat: (v) => (hasZeros && v === zero ? "0" : power(v)) };
  return against(run, points, width, { y, lowerIsBetter: true, label: "max error" });
}

function quality(run, places, width) {
  if (!run.metric) return;
  const points = [];
  for (const place of places) {
    const cell = run.cells[place];
    const [x, y, clear] = [time(run, place), at(run, "value", place), at(run, "plaintext_value", place)];
    if (!(x > 0) || y === undefined) continue;
    points.push({ x, y, clear, id: cell.id, label: cell.label, encrypted: cell.encrypted, imprecise: cell.imprecise, place: cell.place, said: `${cell.id}${cell.place ? `, ${cell.place}` : ""}\n${duration(x)} per sample\n${run.metric} ${short(y, 5)}${clear === undefined ? "" : `, in the clear ${short(clear, 5)}`}` });
  }
  if (!points.length) return;
  const [least, most] = d3.extent(points.flatMap((p) => (p.clear === undefined ? [p.y] : [p.y, p.clear])));
  const room = Math.max(0.15 * (most - least), 0.01 * Math.abs(most), 1e-9);
  const y = { domain: [least - room, most + room], ticks: 6, tickFormat: (v) => String(+v.toPrecision(4)) };
  return against(run, points, width, { y, lowerIsBetter: run.lower_is_better, label: run.metric, clear: true });
}

/** The time of a sample by the clock that ranks. */
function time(run, place) {
  return at(run, run.clock === "ms" ? "total_ms_per_sample" : "total_cpu_ms_per_sample", place);
}

const PHASES = [
  { column: "encrypt_ms", name: "encrypt", color: "var(--c0)" },
  { column: "evaluate_ms", name: "evaluate", color: "var(--c1)" },
  { column: "decrypt_ms", name: "decrypt", color: "var(--c2)" },
  { column: "transfer_ms", name: "transfer", color: "var(--none)" },
];
const SETUP = [
  { column: "compile_ms", name: "compile", color: "var(--c3)" },
  { column: "keygen_ms", name: "key generation", color: "var(--c0)" },
  { column: "key_transfer_ms", name: "transfer of keys", color: "var(--none)" },
  { column: "prepare_ms", name: "server's preparation", color: "var(--c1)" },
];
const BYTES = [
  { column: "ciphertext_bytes", name: "up", color: "var(--c0)", symbol: "triangle" },
  { column: "result_bytes", name: "down", color: "var(--c1)", symbol: "square" },
  { column: "key_bytes", name: "keys, once", color: "var(--c2)", symbol: "diamond" },
];
const ERRORS = [
  { column: "clipping_error", name: "clipping", color: "var(--c2)", symbol: "triangle" },
  { column: "approximation_error", name: "approximation and rounding", color: "var(--c0)", symbol: "circle" },
  { column: "noise_error", name: "noise", color: "var(--c1)", symbol: "square" },
];
const MEMORY = [
  { column: "client_peak_rss_bytes", name: "client", color: "var(--c0)", symbol: "circle" },
  { column: "server_peak_rss_bytes", name: "server", color: "var(--c1)", symbol: "square" },
  { column: "peak_rss_bytes", name: "client and server in one process", color: "var(--c0)", symbol: "circle" },
];

function spread(run, places, width) {
  const items = [];
  const rows = [];
  const counts = [];
  for (const place of places) {
    const { id, totals, quantiles_of: all } = run.cells[place];
    if (totals.length < 2) continue;
    counts.push(all ?? 0);
    const middle = d3.median(totals);
    rows.push({ place, id, middle });
    totals.forEach((total, k) => {
      items.push({ id, beside: total / middle - 1, said: `${id}\nrepetition ${k + 1}: ${duration(total)}` });
    });
  }
  if (!rows.length) return;
  const { options, labels, ticks } = lines(run, rows.map((r) => r.place), width, 66);
  const most = Math.max(0.01, d3.max(items, (item) => Math.abs(item.beside)));
  const areQuantiles = counts.some((count) => count);
  const dot = items.length <= MOST_DOTS && !areQuantiles
    ? Plot.dot(items, { x: "beside", y: "id", fill: "var(--c0)", fillOpacity: 0.55, r: 4, title: "said", tip: true })
    : Plot.boxX(items, { x: "beside", y: "id", fill: "var(--c0)", r: 1.5 });
  const said = rows.map((r) => `${r.id} ${duration(r.middle)}`).join(", ");
  return [plotted({
    ...options,
    x: { domain: [Math.max(-1, -most * 1.08), most * 1.08], label: null, ticks: ticks - 1, tickFormat: (x) => `${x > 0 ? "+" : ""}${+(100 * x).toPrecision(2)} %`, grid: true },
    marks: [
      labels,
      Plot.ruleX([0], { stroke: "var(--soft)" }),
      dot,
      Plot.text(rows, { y: "id", text: (r) => duration(r.middle), frameAnchor: "right", textAnchor: "end", dx: 64 }),
    ],
  }, `Medians: ${said}`), ...(areQuantiles ? [element("p", { className: "count" }, `From quantiles of up to ${d3.max(counts)} repetitions of a row.`)] : [])];
}

/** The slope of y over x, both logarithmic: y grows as x to that power. */
function exponent(points) {
  const xs = points.map((p) => Math.log(p.x));
  const ys = points.map((p) => Math.log(p.y));
  const [mx, my] = [d3.mean(xs), d3.mean(ys)];
  return d3.sum(xs, (x, k) => (x - mx) * (ys[k] - my)) / d3.sum(xs, (x) => (x - mx) ** 2);
}

/** Time over a numeric axis of the matrix, a line for each row that is alike in all else. */
function scaling(run, places, axis, width) {
  const groups = new Map();
  for (const place of places) {
    const cell = run.cells[place];
    const [x, ms] = [Number(cell.point[axis.key]), time(run, place) * at(run, "samples", place)];
    if (!(x > 0) || !(ms > 0) || cell.point[axis.key] === "") continue;
    const others = run.axes.filter((a) => a.key !== axis.key && cell.point[a.key] !== undefined);
    const name = [cell.label, ...others.map((a) => `${a.name} ${cell.point[a.key]}`)].join(", ");
    if (!groups.has(name)) groups.set(name, { name, label: cell.label, points: [] });
    groups.get(name).points.push({ x, y: ms, said: `${name}\n${axis.name} ${x}\n${duration(ms)}` });
  }
  const drawn = [...groups.values()].filter((g) => new Set(g.points.map((p) => p.x)).size > 1);
  if (!drawn.length) return;
  const colors = palette(run);
  const all = drawn.flatMap((g) => d3.sort(g.points, (p) => p.x).map((p) => ({ ...p, name: g.name, ...pick(colors.get(g.label)) })));
  const xs = d3.sort(new Set(all.map((p) => p.x)));
  const domain = logarithmic(all.map((p) => p.y));
  const fits = drawn.map((g) => ({ ...colors.get(g.label), name: `${g.name} ∝ ${axis.name}^${exponent(g.points).toFixed(2)}` }));
  return [
    legend(fits.slice(0, 12)),
    plotted({
      width,
      height: 300,
      marginLeft: 58,
      marginBottom: 44,
      marginTop: 26,
      color: { type: "identity" },
      symbol: { type: "identity" },
      x: { type: "log", domain: [xs[0] / 1.1, xs.at(-1) * 1.1], label: `${axis.name} →`, labelArrow: "none" },
      y: { type: "log", domain, label: `↑ ${run.clock} for the batch`, labelArrow: "none" },
      marks: [
        ...logX(xs.length > 8 ? decades(xs[0], xs.at(-1)) : xs, String),
        ...logY(decades(...domain), power),
        Plot.line(all, { x: "x", y: "y", z: "name", stroke: "color" }),
        Plot.dot(all, { x: "x", y: "y", fill: "color", symbol: "symbol", r: 4.5, title: "said", tip: true }),
      ],
    }, fits.map((f) => f.name).join("; ")),
  ];
}

function pick({ color, symbol }) {
  return { color, symbol };
}

/** The matrix of a row, by class that is and class it is taken for; of two classes from `tp` and its like. */
function confusionOf(cell) {
  const metrics = new Map(cell.metrics.map(([name, value]) => [name, value]));
  if (["tp", "fp", "tn", "fn"].every((name) => metrics.has(name))) {
    return [["0", "0", metrics.get("tn")], ["0", "1", metrics.get("fp")], ["1", "0", metrics.get("fn")], ["1", "1", metrics.get("tp")]];
  }
  return [...metrics].map(([name, value]) => [/^confusion_(.+)_(.+)$/.exec(name), value])
    .filter(([found]) => found).map(([found, value]) => [found[1], found[2], value]);
}

function confusion(run, places, width) {
  const groups = new Map();
  for (const place of places) {
    const matrix = confusionOf(run.cells[place]);
    if (!matrix.length) continue;
    const key = JSON.stringify(matrix);
    if (!groups.has(key)) groups.set(key, { matrix, ids: [] });
    groups.get(key).ids.push(run.cells[place].id);
  }
  if (!groups.size) return;
  const most = 12;
  const drawn = [...groups.values()].slice(0, most);
  const left = groups.size - drawn.length;
  const size = Math.min(width, 190);
  const charts = drawn.map(({ matrix, ids }) => {
    const sums = d3.rollup(matrix, (rows) => d3.sum(rows, (r) => r[2]), (r) => r[0]);
    const items = matrix.map(([is, taken, count]) => ({ is, taken, count, share: count / (sums.get(is) || 1), said: `actual ${is}, predicted ${taken}\n${count}` }));
    const name = ids.length > 3 ? `${ids[0]} and ${ids.length - 1} more` : ids.join(", ");
    return element("div", {}, element("p", { className: "under" }, name), plotted({
      width: size,
      height: size,
      marginLeft: 40,
      marginTop: 6,
      marginRight: 6,
      marginBottom: 36,
      padding: 0.04,
      x: { type: "band", label: "predicted", labelAnchor: "center", labelArrow: "none", tickSize: 0 },
      y: { type: "band", label: "actual", labelAnchor: "center", labelArrow: "none", tickSize: 0 },
      color: { type: "identity" },
      marks: [
        Plot.cell(items, { x: "taken", y: "is", fill: (i) => `color-mix(in oklab, var(${i.is === i.taken ? "--c0" : "--c1"}) ${Math.round(6 + 44 * i.share)}%, var(--page))`, title: "said", tip: true }),
        Plot.text(items, { x: "taken", y: "is", text: (i) => String(i.count), fill: "currentColor", fontWeight: 600 }),
      ],
    }, `${name}: ${items.map((i) => i.said.replace("\n", ": ")).join("; ")}`));
  });
  return [element("div", { className: "matrices" }, ...charts), ...(left ? [element("p", { className: "count" }, `${left} more matrices are not drawn.`)] : [])];
}

const CHARTS = {
  tradeoff,
  quality,
  phases: (run, places, width) => stacked(run, places, PHASES, width),
  setup: (run, places, width) => stacked(run, places, SETUP, width),
  bytes: (run, places, width) => dots(run, places, BYTES, width, { format: bytes, ticks: binary }),
  links,
  spread,
  errors: (run, places, width) => dots(run, places, ERRORS, width, { format: (x, isTick) => (isTick ? power(x) : short(x)), ticks: decades }),
  confusion,
  memory: (run, places, width) => bars(run, places, MEMORY.filter((part) => run.columns[part.column]), width),
};

/** Draws all charts of a run into its article. */
function drawCharts(article, run, places) {
  const area = article.querySelector(".scaling");
  area.replaceChildren(...run.axes.map((axis) => element("figure", {}, element("h3", {}, `Scaling with ${axis.name}`),
    element("figcaption", {}, "Time from encryption to decryption of the whole batch, and the exponent that fits it best. Both axes are logarithmic."),
    element("div", { className: "plot" }))));
  for (const figure of area.children) figure.chart = (width) => scaling(run, places, run.axes[[...area.children].indexOf(figure)], width);
  const figures = [...article.querySelectorAll("figure[data-chart]")];
  for (const figure of figures) {
    const isOfRows = !["tradeoff", "quality"].includes(figure.dataset.chart);
    const kept = isOfRows ? places.slice(0, MOST_ROWS) : places;
    figure.chart = (width) => CHARTS[figure.dataset.chart](run, kept, width);
    figure.leftOut = places.length - kept.length;
  }
  drawAll([...figures, ...area.children]);
}

/** Fills figures, each as wide as it is shown; hides those that have nothing to show. */
function drawAll(figures) {
  const widthOf = (figure) => Math.floor(figure.querySelector(".plot").clientWidth) || 600;
  const fill = (figure, width) => {
    const drawn = figure.chart(width);
    figure.hidden = !drawn;
    figure.drawn = width;
    figure.querySelector(".plot").replaceChildren(...(drawn ?? []));
    if (drawn && !figure.querySelector("button.save")) figure.append(saveButton(figure));
    if (drawn && figure.leftOut) figure.querySelector(".plot").append(element("p", { className: "count" }, `${counted(figure.leftOut, "more row is", "more rows are")} not drawn: filter the table to see them.`));
  };
  for (const figure of figures) figure.hidden = false;
  const widths = figures.map(widthOf);
  figures.forEach((figure, place) => fill(figure, widths[place]));
  // A figure that is left alone in its line has become wider.
  const shown = figures.filter((figure) => !figure.hidden);
  const now = shown.map(widthOf);
  shown.forEach((figure, place) => { if (figure.drawn !== now[place]) fill(figure, now[place]); });
}
