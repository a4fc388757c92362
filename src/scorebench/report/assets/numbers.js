// What is drawn: the numbers of the page, read once, and which of them a person has chosen to see.
"use strict";

const BOOK = JSON.parse(document.getElementById("book").textContent);
const KINDS = {dataset: BOOK.datasets, method: BOOK.methods, schedule: BOOK.schedules};
const chosen = Object.fromEntries(Object.entries(KINDS).map(([kind, names]) => [kind, new Set(names)]));

const CELLS = BOOK.cells.map(([d, m, s]) => {
  const [dataset, method, schedule] = [BOOK.datasets[d], BOOK.methods[m], BOOK.schedules[s]];
  return {dataset, method, schedule, at: `${dataset}/${method}/${schedule}`, oracle: BOOK.oracles.includes(m)};
});
const METRICS = new Map(BOOK.metrics.map((metric) => [metric.name, metric]));

const LEVELS = BOOK.levels.map(([cell, sampler, metric, mean, half, n, mark]) => ({
  ...CELLS[cell], sampler: sampler < 0 ? "" : BOOK.samplers[sampler], metric: BOOK.metrics[metric].name,
  mean, half, low: mean - (half ?? 0), high: mean + (half ?? 0), replicates: n, mark,
}));
const FLOORS = BOOK.floors.map(([d, metric, mean, half]) => ({
  dataset: BOOK.datasets[d], metric: BOOK.metrics[metric].name, mean, half,
}));

// Columns (grid of x, mean, lowest, highest) as points of one cell.
const points = (cell, [grid, mean, low, high]) =>
  BOOK.grids[grid].map((at, i) => ({...cell, x: at, y: mean[i], low: (low ?? mean)[i], high: (high ?? mean)[i]}));
const SCALES = BOOK.scales.flatMap(([cell, ...columns]) => points({...CELLS[cell], levels: columns[1].length}, columns));
const STARTS = BOOK.starts.flatMap(([d, x, mean], i) =>
  x.map((at, k) => ({dataset: BOOK.datasets[d], series: i, x: at, y: mean[k]})));
const TRAINING = BOOK.training.map(([cell, curve, ...columns]) => ({cell: CELLS[cell], curve, columns}));
const LEARNED = BOOK.learned.flatMap(([cell, words, ...columns]) => points({...CELLS[cell], words}, columns));
const GRADIENTS = BOOK.gradients.flatMap(([d, method, words, ...columns]) =>
  points({dataset: BOOK.datasets[d], method, words}, columns));
const SINGLES = BOOK.singles.map(([, cell, sigma]) => ({...CELLS[cell], sigma}));
const COMBINATIONS = BOOK.combinations.map(([, cell, part, ratio, low, high]) => ({
  ...CELLS[cell], part: BOOK.methods[part], mean: ratio, low: low ?? ratio, high: high ?? ratio,
}));
const RANGES = BOOK.ranges.map(([d, schedule, low, high, best]) => ({
  dataset: BOOK.datasets[d], schedule: schedule === null ? null : BOOK.schedules[schedule], low, high, best,
}));

const seen = (row) =>
  chosen.dataset.has(row.dataset) && chosen.method.has(row.method) && chosen.schedule.has(row.schedule);

// The main metric of a data set, and its sampler.
const mainOf = (dataset) => {
  const found = BOOK.main[BOOK.datasets.indexOf(dataset)];
  return found && {metric: BOOK.metrics[found[0]].name, sampler: found[1] < 0 ? "" : BOOK.samplers[found[1]]};
};

const COLOURS = 10;
const SYMBOLS = ["circle", "square", "triangle", "diamond", "cross", "star", "wye"];
const DASHES = ["", "6 3", "2 3"];
// How a method or a schedule looks, the same in every chart; oracles are black (white in the dark).
const look = (kind, name) => {
  if (kind === "method" && (BOOK.oracles.includes(BOOK.methods.indexOf(name)) || !BOOK.methods.includes(name)))
    return {colour: "var(--oracle)", symbol: "circle", dash: "1 2"};
  const others = KINDS[kind].filter((each, i) => kind !== "method" || !BOOK.oracles.includes(i));
  const i = Math.max(0, others.indexOf(name));
  return {
    colour: `var(--c${i % COLOURS})`,
    symbol: SYMBOLS[i % SYMBOLS.length],
    dash: DASHES[Math.floor(i / COLOURS) % DASHES.length],
  };
};

// A number as people read it.
const said = (value, digits = 3) => {
  if (value === null || value === undefined || !Number.isFinite(value)) return "no number";
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent < -4 || exponent > 5) return value.toExponential(digits - 1).replace("-", "−");
  return value.toLocaleString("en", {maximumSignificantDigits: digits}).replace("-", "−");
};
