"use strict";

// What tasks left: tables as curves, series, maps of risk, or lists.

/** Names of columns that count steps. */
const STEPS = ["iteration", "round"];

/** Draws the tables of a run that its tasks left. */
function drawFiles(area, lists, run) {
  const shown = [];
  lists.replaceChildren();
  const risks = run.files.tables.filter((t) => /_risk\.csv$/.test(t.name) && t.columns.includes("score"));
  if (risks.length) shown.push(riskMap(risks));
  for (const name of new Set(run.files.tables.map((t) => t.name))) {
    const tables = run.files.tables.filter((t) => t.name === name);
    const first = tables[0];
    const drawer = { "series.csv": seriesFigures, "anomalies.csv": alarmFigures, "states.csv": stateFigures }[name];
    if (drawer && first.rows.length) {
      shown.push(...drawer(run, tables));
      continue;
    }
    if (first.columns.includes("truth") && first.columns.includes("score")) {
      shown.push(...scoreFigures(run, tables));
      continue;
    }
    if (first.columns.includes("truth") && first.columns.includes("prediction")) {
      shown.push(...predictionFigures(run, tables));
      continue;
    }
    if (STEPS.includes(first.columns[0]) && first.rows.length > 1 && !first.columns.includes("client")) shown.push(...curves(run, name, tables));
    else if (first.columns.includes("client") && first.columns.includes("bytes")) {
      // The learning curve has their sums.
      if (run.files.tables.some((t) => STEPS.includes(t.columns[0]) && t.columns.includes("upload_bytes"))) lists.append(...tables.map(listing));
      else shown.push(uploads(run, name, tables));
    }
    else lists.append(...tables.map(listing));
  }
  area.replaceChildren(...shown.filter(Boolean).map((s) => s.figure));
  drawAll(shown.filter((s) => s?.chart).map(({ figure, chart }) => Object.assign(figure, { chart })));
}

function figureOf(title, about, ...more) {
  return element("figure", {}, element("h3", {}, title), element("figcaption", {}, about), element("div", { className: "plot" }), ...more);
}

/** A colour and a symbol for the label of a cell. */
function styleOf(run, id) {
  const cell = run.cells.find((c) => c.id === id);
  const { color, symbol } = palette(run).get(cell?.label) ?? { color: "var(--c0)", symbol: "circle" };
  return { color, symbol, label: cell?.label };
}

/** What lines stand for: their cells, or, of many, the labels of those. */
function legendOf(run, points) {
  const names = d3.groups(points, (p) => p.id);
  if (names.length <= 6) return legend(names.map(([name, [point]]) => ({ ...point, name })));
  const labels = d3.groups(points, (p) => p.label);
  return legend(labels.map(([name, [point]]) => ({ ...point, name })));
}

/** The cells of a table in short. */
function cellsOf(table) {
  return table.cells.length > 3 ? `${table.cells[0]} and ${table.cells.length - 1} more` : table.cells.join(", ");
}

/** Learning curves: for each column of numbers a chart, in it a line for each cell. */
function curves(run, name, tables) {
  const [step, ...columns] = tables[0].columns;
  return columns.filter((c) => !c.endsWith("_plaintext")).map((column) => {
    const points = tables.flatMap((table) => {
      const k = table.columns.indexOf(column);
      const id = cellsOf(table);
      const style = styleOf(run, table.cells[0]);
      return table.rows.filter((row) => typeof row[k] === "number")
        .map((row) => ({ x: row[0], y: row[k], id, ...style, said: `${id}\n${step} ${row[0]}\n${column.replaceAll("_", " ")} ${short(row[k], 4)}` }));
    });
    if (new Set(points.map((p) => p.x)).size < 2 || new Set(points.map((p) => p.y)).size < 2) return;
    const names = [...new Set(points.map((p) => p.id))];
    // Schemes differ by powers of ten in their bytes.
    const isLogarithmic = column.endsWith("bytes") && points.every((p) => p.y > 0);
    const domain = isLogarithmic ? logarithmic(points.map((p) => p.y)) : undefined;
    const chart = (width) => [
      legendOf(run, points),
      plotted({
        width, height: 260, marginLeft: 62, marginBottom: 40, marginTop: 12,
        color: { type: "identity" }, symbol: { type: "identity" },
        x: { label: `${step} →`, labelArrow: "none", tickFormat: (x) => (Number.isInteger(x) ? String(x) : "") },
        y: isLogarithmic ? { type: "log", domain, label: null } : { label: null, grid: true, ticks: 5, tickFormat: (v) => String(+v.toPrecision(4)) },
        marks: [
          ...(isLogarithmic ? logY(binary(...domain, 5), bytes) : []),
          Plot.line(points, { x: "x", y: "y", z: "id", stroke: "color" }),
          Plot.dot(points, { x: "x", y: "y", fill: "color", symbol: "symbol", r: 3.5, title: "said", tip: true }),
        ],
      }, `${column.replaceAll("_", " ")} by ${step}, of ${names.join("; ")}`),
    ];
    return { figure: figureOf(`${column.replaceAll("_", " ")} by ${step}`, `From ${name}.`), chart };
  });
}

/** Bytes that the clients of a federation sent in each round. */
function uploads(run, name, tables) {
  const points = tables.flatMap((table) => {
    const [round, client, size] = ["round", "client", "bytes"].map((c) => table.columns.indexOf(c));
    const id = cellsOf(table);
    const style = styleOf(run, table.cells[0]);
    return [...d3.rollup(table.rows, (rows) => d3.sum(rows, (r) => r[size]), (r) => r[round])]
      .map(([x, y]) => ({ x, y, id, ...style, said: `${id}\nround ${x}\n${bytes(y)} by ${new Set(table.rows.filter((r) => r[round] === x).map((r) => r[client])).size} clients` }));
  });
  if (!points.length) return;
  const domain = logarithmic(points.map((p) => p.y));
  const names = [...new Set(points.map((p) => p.id))];
  const chart = (width) => [
    legendOf(run, points),
    plotted({
      width, height: 260, marginLeft: 66, marginBottom: 40, marginTop: 12,
      color: { type: "identity" }, symbol: { type: "identity" },
      x: { label: "round →", labelArrow: "none", tickFormat: (x) => (Number.isInteger(x) ? String(x) : ""), ticks: 8 },
      y: { type: "log", domain, label: null },
      marks: [
        ...logY(binary(...domain), bytes),
        Plot.line(points, { x: "x", y: "y", z: "id", stroke: "color" }),
        Plot.dot(points, { x: "x", y: "y", fill: "color", symbol: "symbol", r: 3.5, title: "said", tip: true }),
      ],
    }, `Bytes of all clients by round, of ${names.join("; ")}`),
  ];
  return { figure: figureOf("Bytes that clients send by round", `All clients together; from ${name}.`), chart };
}

/** Devices by score, a column for each cell. */
function riskMap(tables) {
  const items = tables.flatMap((table) => {
    const [device, score, level] = ["device", "score", "level"].map((c) => table.columns.indexOf(c));
    return table.cells.flatMap((cell) => table.rows.map((row) => ({ cell, device: row[device], score: row[score], level: row[level] })));
  });
  const order = d3.groupSort(items, (group) => -d3.max(group, (i) => i.score), (i) => i.device);
  const most = 60;
  const kept = new Set(order.slice(0, most));
  const cells = [...new Set(items.map((i) => i.cell))];
  const about = `Each line is a device, those of the highest score first${order.length > most ? `, ${most} of ${order.length}` : ""}; a darker place is a higher score from 0 to 1.`;
  const longest = 7 * d3.max(cells, (cell) => cell.length);
  const isTurned = (width) => longest > (width - 130) / cells.length;
  const chart = (width) => [plotted({
    width,
    height: 17 * kept.size + (isTurned(width) ? 0.6 * longest : 0) + 36,
    marginLeft: 110,
    marginTop: (isTurned(width) ? 0.6 * longest : 0) + 28,
    marginBottom: 6,
    marginRight: isTurned(width) ? 0.75 * longest : 16,
    x: { type: "band", domain: cells, label: null, axis: "top", tickRotate: isTurned(width) ? -40 : 0, tickSize: 0, padding: 0.08 },
    y: { type: "band", domain: order.slice(0, most), label: null, tickSize: 0, padding: 0.12 },
    color: { type: "identity" },
    marks: [Plot.cell(items.filter((i) => kept.has(i.device)), {
      x: "cell", y: "device",
      fill: (i) => `color-mix(in oklab, var(--c1) ${Math.round(8 + 92 * i.score)}%, var(--page))`,
      title: (i) => `${i.device}\n${i.cell}\n${i.level}, score ${short(i.score)}`, tip: true,
    })],
  }, `${order.length} devices; the highest score has ${order[0]}`)];
  return { figure: figureOf("Risk by device", about), chart };
}

/** A table as it is, folded. */
function listing(table) {
  const head = element("tr", {}, ...table.columns.map((c) => element("th", { scope: "col" }, c.replaceAll("_", " "))));
  const isNumber = table.columns.map((_, k) => table.rows.every((row) => typeof row[k] === "number"));
  const row = (values) => element("tr", {}, ...values.map((v, k) => element("td", { className: isNumber[k] ? "number" : "" }, isNumber[k] ? short(v, 5) : String(v))));
  const left = table.total - table.rows.length;
  const body = element("table", {}, element("thead", {}, head), element("tbody", {}, ...table.rows.map(row)));
  const title = `${table.name} of ${table.cells.join(", ")}`;
  const details = element("details", {}, element("summary", {}, `${title}: ${counted(table.total, "row", "rows")}`),
    element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": title }, body),
    ...(left ? [element("p", { className: "count" }, `${counted(left, "more row is", "more rows are")} in the file.`)] : []));
  return details;
}
