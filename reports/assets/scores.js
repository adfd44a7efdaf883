"use strict";

// What is drawn of scores beside the truth: ROC and precision-recall curves, calibration; and of
// predictions beside theirs.

/** Curves of scores, highest first: shares of true and of false alarms, and precision, after each of them. */
function thresholds(rows) {
  const sorted = d3.sort(rows, (row) => -row.score);
  const positives = d3.sum(sorted, (row) => row.truth);
  const negatives = sorted.length - positives;
  const points = [];
  let hits = 0;
  sorted.forEach((row, k) => {
    hits += row.truth;
    // Samples with one score are decided together.
    if (k + 1 < sorted.length && sorted[k + 1].score === row.score) return;
    points.push({ recall: hits / positives, alarms: (k + 1 - hits) / negatives, precision: hits / (k + 1), score: row.score });
  });
  return positives && negatives ? points : [];
}

/** The scores of each cell that left some, with its colour. */
function scored(run, tables, column) {
  return tables.map((table) => {
    const [truth, score, clear] = ["truth", column, `${column}_in_clear`].map((name) => table.columns.indexOf(name));
    const rows = table.rows.filter((row) => [row[truth], row[score]].every((x) => typeof x === "number"))
      .map((row) => ({ truth: row[truth], score: row[score], clear: row[clear] }));
    return { id: cellsOf(table), ...styleOf(run, table.cells[0]), rows, total: table.total };
  });
}

const SHARE = (x) => `${Math.round(100 * x)} %`;

/** A square chart of shares. */
function ofShares(run, series, points, width, { x, y, line }) {
  const size = Math.min(width, 420);
  return [legendOf(run, series), plotted({
    width: size,
    height: size - 20,
    marginLeft: 50,
    marginBottom: 40,
    marginTop: 24,
    color: { type: "identity" },
    x: { domain: [0, 1], label: `${x} →`, labelArrow: "none", tickFormat: SHARE, ticks: 5, grid: true },
    y: { domain: [0, 1], label: `↑ ${y}`, labelArrow: "none", tickFormat: SHARE, ticks: 5, grid: true },
    marks: [line && Plot.line([[0, 0], [1, 1]], { stroke: "var(--soft)", strokeDasharray: "3 3" }), ...points],
  }, `${y} over ${x}, of ${series.map((s) => s.id).join(", ")}`)];
}

/** Figures of the scores of a classifier. */
function scoreFigures(run, tables) {
  const series = scored(run, tables, "score").map((s) => ({ ...s, points: thresholds(s.rows) })).filter((s) => s.points.length);
  if (!series.length) return [];
  const partial = series.some((s) => s.rows.length < s.total) ? " Of the first samples only: the file has more." : "";
  // Lines of all schemes lie on each other where nothing is lost: each is thinner than the one below it.
  const strokes = (s, k) => ({ stroke: s.color, strokeWidth: 1.5 + (series.length - 1 - k) });
  const curve = (x, y, first) => series.map((s, k) => Plot.line([...first, ...s.points], { x, y, ...strokes(s, k) }));
  const roc = (width) => ofShares(run, series, curve("alarms", "recall", [{ alarms: 0, recall: 0 }]), width, { x: "false alarms", y: "recall", line: true });
  const precision = (width) => ofShares(run, series, curve("recall", "precision", []), width, { x: "recall", y: "precision" });
  const figures = [
    { figure: figureOf("ROC curve", `From scores.csv, of decrypted scores; where lines lie on each other, the scores order samples alike.${partial}`), chart: roc },
    { figure: figureOf("Precision and recall", `After every threshold.${partial}`), chart: precision },
  ];
  const areShares = series.every((s) => s.rows.every((row) => row.score >= -0.05 && row.score <= 1.05));
  if (!areShares) return figures;
  const calibration = (width) => {
    const bins = series.flatMap((s) => d3.groups(s.rows, (row) => Math.min(9, Math.max(0, Math.floor(10 * row.score))))
      .map(([, rows]) => ({ ...s, x: d3.mean(rows, (r) => r.score), y: d3.mean(rows, (r) => r.truth), said: `${s.id}\n${counted(rows.length, "sample", "samples")}\npredicted ${SHARE(d3.mean(rows, (r) => r.score))}, found ${SHARE(d3.mean(rows, (r) => r.truth))}` })));
    return ofShares(run, series, [Plot.dot(bins, { x: "x", y: "y", fill: "color", symbol: "symbol", r: 4.5, title: "said", tip: true })], width, { x: "predicted", y: "found", line: true });
  };
  return [...figures, { figure: figureOf("Calibration", `Samples in ten groups by their score: how often it was so.${partial}`), chart: calibration }];
}

/** Figures of predictions of numbers. */
function predictionFigures(run, tables) {
  const series = scored(run, tables, "prediction").filter((s) => s.rows.length);
  if (!series.length) return [];
  const points = series.flatMap((s) => s.rows.map((row) => ({ ...row, id: s.id, color: s.color, symbol: s.symbol })));
  const step = Math.ceil(points.length / MOST_DOTS);
  const drawn = points.filter((_, k) => k % step === 0);
  const domain = d3.extent(points.flatMap((p) => [p.truth, p.score]));
  const chart = (width) => {
    const size = Math.min(width, 420);
    const format = (x) => (Math.abs(x) >= 1e4 ? d3.format("~s")(x) : String(+x.toPrecision(4)));
    return [legendOf(run, series), plotted({
      width: size,
      height: size - 20,
      marginLeft: 58,
      marginBottom: 40,
      marginTop: 24,
      color: { type: "identity" },
      x: { domain, nice: true, label: "true →", labelArrow: "none", ticks: 5, tickFormat: format, grid: true },
      y: { domain, nice: true, label: "↑ predicted", labelArrow: "none", ticks: 6, tickFormat: format, grid: true },
      marks: [
        Plot.line([[domain[0], domain[0]], [domain[1], domain[1]]], { stroke: "var(--soft)", strokeDasharray: "3 3" }),
        Plot.dot(drawn, { x: "truth", y: "score", stroke: "color", symbol: "symbol", r: 3, strokeOpacity: 0.7, title: (p) => `${p.id}\ntrue ${short(p.truth, 5)}\npredicted ${short(p.score, 6)}`, tip: true }),
      ],
    }, `Predicted over true values, of ${series.map((s) => s.id).join(", ")}`)];
  };
  return [{ figure: figureOf("Predicted and true", `From predictions.csv: each mark is a sample${step > 1 ? `, one in ${step}` : ""}; on the line both are alike.`), chart }];
}
