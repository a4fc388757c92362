// What is drawn: the numbers of the page, read once, and which of them a person has chosen to see.
"use strict";

const BOOK = JSON.parse(document.getElementById("book").textContent);
const KINDS = {dataset: BOOK.datasets, method: BOOK.methods, schedule: BOOK.schedules};
const chosen = Object.fromEntries(Object.entries(KINDS).map(([kind, names]) => [kind, new Set(names)]));

// Rows as the page holds them, the names of their fields once, as objects.
const named = ({names, rows}) => rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));

const CELLS = named(BOOK.cells).map((cell) => {
  const [dataset, method, schedule] = [BOOK.datasets[cell.dataset], BOOK.methods[cell.method], BOOK.schedules[cell.schedule]];
  return {dataset, method, schedule, at: `${dataset}/${method}/${schedule}`, oracle: BOOK.oracles.includes(cell.method)};
});
const METRICS = new Map(BOOK.metrics.map((metric) => [metric.name, metric]));
const samplerOf = (place) => place === null ? "" : BOOK.samplers[place];

const LEVELS = named(BOOK.levels).map(({cell, sampler, metric, mean, half, replicates, mark}) => ({
  ...CELLS[cell], sampler: samplerOf(sampler), metric: BOOK.metrics[metric].name,
  mean, half, low: mean - (half ?? 0), high: mean + (half ?? 0), replicates, mark,
}));
const FLOORS = named(BOOK.floors).map(({dataset, metric, mean, half}) => ({
  dataset: BOOK.datasets[dataset], metric: BOOK.metrics[metric].name, mean, half,
}));

// A band (grid of x, mean, lowest, highest) as points of one cell.
const points = (cell, {grid, mean, low, high}) =>
  BOOK.grids[grid].map((x, i) => ({...cell, x, y: mean[i], low: (low ?? mean)[i], high: (high ?? mean)[i]}));
const SCALES = named(BOOK.scales).flatMap((row) => points({...CELLS[row.cell], levels: row.mean.length}, row));
const STARTS = named(BOOK.starts).flatMap(({dataset, x, mean}, i) =>
  x.map((at, k) => ({dataset: BOOK.datasets[dataset], series: i, x: at, y: mean[k]})));
const TRAINING = named(BOOK.training).map(({cell, curve, ...band}) => ({cell: CELLS[cell], curve, band}));
const LEARNED = named(BOOK.learned).flatMap(({cell, words, ...band}) => points({...CELLS[cell], words}, band));
const GRADIENTS = named(BOOK.gradients).flatMap(({dataset, method, words, ...band}) =>
  points({dataset: BOOK.datasets[dataset], method, words}, band));
const SINGLES = named(BOOK.singles).map(({cell, sigma}) => ({...CELLS[cell], sigma}));
const COMBINATIONS = named(BOOK.combinations).map(({cell, part, ratio, low, high}) => ({
  ...CELLS[cell], part: BOOK.methods[part], mean: ratio, low: low ?? ratio, high: high ?? ratio,
}));
const RANGES = named(BOOK.ranges).map(({dataset, schedule, low, high, best}) => ({
  dataset: BOOK.datasets[dataset], schedule: schedule === null ? null : BOOK.schedules[schedule], low, high, best,
}));

const seen = (row) =>
  chosen.dataset.has(row.dataset) && chosen.method.has(row.method) && chosen.schedule.has(row.schedule);

// The main metric of a data set, and its sampler.
const mainOf = (dataset) => {
  const found = BOOK.main[BOOK.datasets.indexOf(dataset)];
  return found && {metric: BOOK.metrics[found.metric].name, sampler: samplerOf(found.sampler)};
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
