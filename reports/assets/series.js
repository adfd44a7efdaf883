"use strict";

// Series that tasks left: gaps and what fills them, scores and alarms over time, states of devices.

/** Series drawn of one file, and files of one kind. */
const MOST_SERIES = 4;
const MOST_FILES = 6;

/** The rows of a table as objects. */
function objects(table) {
  return table.rows.map((row) => Object.fromEntries(table.columns.map((column, k) => [column, row[k] === "" ? undefined : row[k]])));
}

/** The style of a table's cells, of one that hides something if there is one. */
function styleOfTable(run, table) {
  const encrypted = run.cells.find((cell) => cell.encrypted && table.cells.includes(cell.id));
  return styleOf(run, encrypted?.id ?? table.cells[0]);
}

/** What stands below the legend where not all is drawn. */
function leftOut(tables, most) {
  return tables.length > most ? [element("p", { className: "count" }, `${counted(tables.length - most, "file", "files")} of other rows are not drawn.`)] : [];
}

/** Series with their gaps: what is there, what was filled, and the truth where it was hidden. */
function seriesFigures(run, tables) {
  const drawn = tables.slice(0, MOST_FILES).map((table) => ({ id: cellsOf(table), ...styleOfTable(run, table), rows: objects(table) }));
  const names = [...new Set(drawn[0].rows.map((row) => row.series))].slice(0, MOST_SERIES);
  const truth = { name: "hidden, the truth", color: "var(--ink)", symbol: "circle", isHollow: true };
  const clear = { name: "filled in the clear", color: "var(--soft)", symbol: "square", isHollow: true };
  const isDecrypted = drawn.some((d) => d.rows.some((row) => row.filled !== undefined));
  const chartOf = (name, width) => {
    const [first] = drawn;
    const rows = first.rows.filter((row) => row.series === name);
    const gaps = rows.filter((row) => row.filled_in_clear !== undefined);
    // Those of later rows are smaller, so that all are seen where all are alike.
    const ours = drawn.flatMap((d, k) => d.rows.filter((row) => row.series === name && row.filled !== undefined)
      .map((row) => ({ ...row, color: d.color, r: Math.max(1.5, 3.6 - 0.6 * k), said: `${d.id}\n${name}, row ${row.row}\nfilled ${short(row.filled, 5)}, in the clear ${short(row.filled_in_clear, 5)}${row.truth === undefined ? "" : `\ntruth ${short(row.truth, 5)}`}` })));
    return element("div", {}, element("p", { className: "under" }, String(name)), plotted({
      width, height: 170, marginLeft: 40, marginTop: 8, marginBottom: 36, marginRight: 10,
      color: { type: "identity" }, symbol: { type: "identity" }, r: { type: "identity" },
      x: { label: "row →", labelArrow: "none", ticks: width < 520 ? 4 : 8, tickFormat: String },
      y: { label: null, grid: true, ticks: 4, tickFormat: (x) => String(+x.toPrecision(3)), inset: 6 },
      marks: [
        Plot.rect(gaps, { x1: (row) => row.row - 0.5, x2: (row) => row.row + 0.5, fill: "var(--tint)" }),
        Plot.line(rows, { x: "row", y: "value", stroke: "var(--soft)", strokeWidth: 1 }),
        Plot.dot(rows.filter((row) => row.truth !== undefined), { x: "row", y: "truth", stroke: truth.color, r: 4 }),
        Plot.dot(gaps, { x: "row", y: "filled_in_clear", stroke: clear.color, symbol: "square", r: 6 }),
        Plot.dot(ours, { x: "row", y: "filled", fill: "color", r: "r", title: "said", tip: true }),
      ],
    }, `${name}: ${counted(gaps.length, "gap", "gaps")} of ${counted(rows.length, "row", "rows")}`));
  };
  const chart = (width) => [legend([...(drawn[0].rows.some((row) => row.truth !== undefined) ? [truth] : []), clear]), ...(isDecrypted ? [legendOf(run, drawn.map((d) => ({ ...d, symbol: "circle" })))] : []),
    ...names.map((name) => chartOf(name, width)), ...leftOut(tables, MOST_FILES)];
  const about = `Gaps are shaded. ${isDecrypted ? "Full marks are decrypted. " : "The server scores the filled series, and decrypted is the score alone. "}Values are in standard deviations; from ${tables[0].name}, the first series with gaps.`;
  return [{ figure: figureOf("Series and their gaps", about), chart }];
}

/** Scores over time with alarms, and when there was one, a line for each file. */
function alarmFigures(run, tables) {
  const drawn = tables.slice(0, MOST_FILES).map((table) => ({ id: cellsOf(table), ...styleOfTable(run, table), total: table.total, rows: objects(table).map((row, k) => ({ ...row, row: k })) }));
  const count = d3.max(drawn, (d) => d.rows.length);
  if (count < 2) return [];
  const points = drawn.flatMap((d) => d.rows.filter((row) => typeof row.score === "number").map((row) => ({ ...row, ...pick(d), id: d.id, said: `${d.id}\n${row.timestamp} (${row.part})\nscore ${short(row.score, 4)}${row.flag ? ", alarm" : ""}` })));
  const alarms = points.filter((p) => p.flag);
  const partial = drawn.some((d) => d.rows.length < d.total) ? " Of the first rows only: the file has more." : "";
  const x = (width) => ({ domain: [-0.5, count - 0.5], label: "row in time →", labelArrow: "none", ticks: width < 520 ? 4 : 8, tickFormat: String });
  const scores = (width) => [legendOf(run, drawn), plotted({
    width, height: 240, marginLeft: 46, marginTop: 10, marginBottom: 40, marginRight: 10,
    color: { type: "identity" }, symbol: { type: "identity" },
    x: x(width),
    y: { label: null, grid: true, ticks: 5, tickFormat: (v) => String(+v.toPrecision(3)) },
    marks: [
      Plot.ruleY([0], { stroke: "var(--soft)", strokeDasharray: "4 3" }),
      ...drawn.map((d, k) => Plot.line(points.filter((p) => p.id === d.id), { x: "row", y: "score", stroke: d.color, strokeWidth: 0.8 + 0.7 * (drawn.length - 1 - k) })),
      Plot.dot(alarms, { x: "row", y: "score", fill: "color", symbol: "symbol", r: 3, title: "said", tip: true }),
    ],
  }, drawn.map((d) => `${d.id}: ${counted(d.rows.filter((row) => row.flag).length, "alarm", "alarms")}`).join("; ")), ...leftOut(tables, MOST_FILES)];
  const marginTop = 24;
  const cut = (name, most) => (name.length > most ? `${name.slice(0, most - 1)}…` : name);
  const states = (width) => [plotted({
    width, height: 44 * drawn.length + marginTop + 36, marginLeft: 10, marginTop, marginBottom: 40, marginRight: 10,
    color: { type: "identity" },
    x: x(width),
    y: { type: "band", domain: drawn.map((d) => d.id), axis: null, paddingInner: 0.55, paddingOuter: 0 },
    marks: [
      Plot.rect(drawn, { x1: -0.5, x2: (d) => d.rows.length - 0.5, y: "id", fill: "var(--tint)", stroke: "var(--line)" }),
      Plot.rect(alarms, { x1: (p) => p.row - 0.5, x2: (p) => p.row + 0.5, y: "id", fill: "var(--c1)", stroke: "var(--c1)", strokeWidth: 0.6, title: "said", tip: true }),
      Plot.text(drawn, { x: -0.5, y: "id", text: (d) => `${cut(d.id, Math.floor(width / 7) - 14)}: ${counted(d.rows.filter((row) => row.flag).length, "alarm", "alarms")}`, textAnchor: "start", dy: -18 }),
    ],
  }, `Alarms over time, of ${drawn.map((d) => d.id).join("; ")}`), ...leftOut(tables, MOST_FILES)];
  return [
    { figure: figureOf("Scores over time", `Above the broken line is an alarm. From ${tables[0].name}, decrypted.${partial}`), chart: scores },
    { figure: figureOf("States over time", `Alarms of the decrypted scores, row by row; what is not marked is normal.${partial}`), chart: states },
  ];
}

const LEVELS = ["Low", "Medium", "High"];
const LEVEL_COLORS = ["var(--c0)", "var(--c4)", "var(--c1)"];
/** A darker one for a higher level, for those who see no colours. */
const LEVEL_SHARES = [30, 65, 100];

function levelFill(level) {
  return `color-mix(in oklab, ${LEVEL_COLORS[level]} ${LEVEL_SHARES[level]}%, var(--page))`;
}

/** The levels of a fleet: a place for each device, or a line for each, of those with several readings. */
function stateFigures(run, tables) {
  const drawn = tables.slice(0, MOST_FILES);
  const most = d3.max(drawn, (table) => d3.max(objects(table), (row) => row.reading));
  const items = (table) => objects(table).map((row) => ({ ...row, said: `${row.device}${most > 1 ? `, reading ${row.reading}` : ""}\n${LEVELS[row.level]}, score ${short(row.score)}\nin the clear ${LEVELS[row.level_in_clear]}, is ${LEVELS[row.truth]}${row.listed > 0 ? "\non the black list" : row.listed < 0 ? "\non the white list" : ""}` }));
  const heading = (table, rows) => {
    const counts = LEVELS.map((name, level) => `${rows.filter((row) => row.level === level).length} ${name.toLowerCase()}`);
    const [white, black] = [-1, 1].map((side) => rows.filter((row) => row.listed === side).length);
    return element("p", { className: "under" }, element("strong", {}, cellsOf(table)), `: ${counts.join(", ")}; ${white} on the white list, ${black} on the black list${table.total > rows.length ? `, of the first ${rows.length} rows` : ""}`);
  };
  const shared = { fill: (row) => levelFill(row.level), stroke: "var(--page)", title: "said", tip: true };
  const tiles = (table, width) => {
    const rows = d3.sort(items(table), (row) => -row.score);
    const across = Math.floor((width - 4) / 16);
    const placed = rows.map((row, k) => ({ ...row, x: k % across, y: Math.floor(k / across) }));
    return plotted({
      width, height: 16 * Math.ceil(rows.length / across) + 4, marginLeft: 2, marginRight: Math.max(2, width - 2 - 16 * across), marginTop: 2, marginBottom: 2,
      color: { type: "identity" }, x: { type: "band", domain: d3.range(across), axis: null, padding: 0 }, y: { type: "band", axis: null, padding: 0 },
      marks: [
        Plot.cell(placed, { x: "x", y: "y", ...shared }),
        Plot.dot(placed.filter((row) => row.listed), { x: "x", y: "y", r: 3, fill: (row) => (row.listed > 0 ? "#000" : "#fff"), stroke: (row) => (row.listed > 0 ? "#fff" : "#000"), strokeWidth: 0.75 }),
      ],
    }, `${rows.length} devices; the highest score has ${rows[0].device}`);
  };
  const timeline = (table, width) => {
    const rows = items(table);
    const order = d3.groupSort(rows, (group) => -d3.mean(group, (row) => row.score), (row) => row.device).slice(0, 40);
    const kept = new Set(order);
    return plotted({
      width, height: 17 * order.length + 44, marginLeft: 110, marginTop: 6, marginBottom: 38, marginRight: 10,
      color: { type: "identity" },
      x: { domain: [0.5, most + 0.5], label: "reading →", labelArrow: "none", ticks: Math.min(most, 8), tickFormat: (x) => (Number.isInteger(x) ? String(x) : "") },
      y: { type: "band", domain: order, label: null, tickSize: 0, tickFormat: (name) => (String(name).length > 15 ? `${String(name).slice(0, 14)}…` : String(name)), padding: 0.12 },
      marks: [Plot.rect(rows.filter((row) => kept.has(row.device)), { x1: (row) => row.reading - 0.5, x2: (row) => row.reading + 0.5, y: "device", ...shared })],
    }, `${order.length} devices over ${most} readings`);
  };
  const chart = (width) => [
    legend([...LEVELS.map((name, level) => ({ name, color: levelFill(level), symbol: "square" }))]),
    ...drawn.flatMap((table) => [heading(table, items(table)), most > 1 ? timeline(table, width) : tiles(table, width)]),
    ...leftOut(tables, MOST_FILES),
  ];
  return [most > 1
    ? { figure: figureOf("States of devices", `Each line is a device, at most 40, those of the highest mean score first; each place a reading, in the data's order. From ${tables[0].name}.`), chart }
    : { figure: figureOf("Devices by score", `Each place is a device, those of the highest score first; a dark dot is one on the black list, a light one on the white list. From ${tables[0].name}.`), chart }];
}
