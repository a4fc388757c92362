// The page comes to life: charts when they come into view, filters, choices above the charts, provenance cards.
"use strict";

const drawn = new Map();

const draw = (holder) => {
  const {figure, dataset} = holder.dataset;
  const panels = figures[figure](dataset).map(panel);
  const shown = panels.length ? panels : [element("p", {class: "note"}, "Nothing to draw for what is chosen above.")];
  const kind = {ranges: null, noise: "schedule", learned: "schedule", scales: options.lines}[figure];
  const named = kind === undefined ? "method" : kind;
  const shownOf = (name) => figure === "noise" ? CELLS.some((cell) => cell.dataset === dataset && cell.method === denoising(dataset) && cell.schedule === name)
    : figure === "hybrid" ? COMBINATIONS.some((row) => row.dataset === dataset && [row.method, row.part].includes(name))
    : figure === "learned" ? LEARNED.some((row) => row.dataset === dataset && row.schedule === name)
    : CELLS.some((cell) => cell.dataset === dataset && cell[named] === name);
  const names = named === null ? [] : KINDS[named].filter(shownOf);
  const keys = panels.length && names.length > 1 && !["leaders", "costs"].includes(figure) ? [legend(named, names)] : [];
  holder.replaceChildren(...keys, element("div", {class: "panels"}, ...shown));
  holder.classList.add("drawn");
  for (const made of panels) made.redraw();
  drawn.set(holder, {dirty: false, width: holder.clientWidth});
};

const observer = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) {
    target.dataset.near = isIntersecting;
    if (isIntersecting && drawn.get(target)?.dirty !== false) draw(target);
  }
}, {rootMargin: "300px"});
const holders = [...document.querySelectorAll("[data-figure]")];
const refresh = (which = () => true) => {
  for (const holder of holders.filter(which)) {
    holder.hidden = !chosen.dataset.has(holder.dataset.dataset);
    if (holder.dataset.near === "true" && !holder.hidden) draw(holder);
    else if (drawn.has(holder)) drawn.get(holder).dirty = true;
  }
};

// Filters: rules hide what the server wrote (tables, pictures, sections), charts are drawn again.
const hiding = document.head.appendChild(document.createElement("style"));
const columnsOf = (table) => table.dataset.columns.trim().split(" ");
const hideColumns = (table) => {
  const hidden = columnsOf(table).map((schedule) => !chosen.schedule.has(schedule));
  if (!hidden.includes(true) && !table.dataset.partly) return;
  table.dataset.partly = hidden.includes(true) ? "true" : "";
  for (const {cells} of table.tBodies[0].rows) hidden.forEach((each, i) => { cells[i + 1].hidden = each; });
};
const apply = () => {
  hiding.textContent = Object.entries(KINDS).flatMap(([kind, names]) => names
    .filter((name) => !chosen[kind].has(name)).map((name) => `[data-${kind}="${name}"]{display:none!important}`)).join("\n");
  for (const box of document.querySelectorAll("#filters input")) box.checked = chosen[box.name].has(box.value);
  for (const [kind, names] of Object.entries(KINDS)) {
    const count = document.querySelector(`#filters [data-count=${kind}]`);
    count.textContent = chosen[kind].size === names.length ? "all" : `${chosen[kind].size} of ${names.length}`;
  }
  for (const table of document.querySelectorAll("table[data-columns]")) hideColumns(table);
  document.querySelector(".legends").replaceChildren(legend("method", BOOK.methods));
  refresh();
};
const toggle = (kind, name) => {
  if (!chosen[kind].delete(name)) chosen[kind].add(name);
  apply();
};

const filters = document.getElementById("filters");
for (const [kind, names] of Object.entries(KINDS)) {
  const boxes = names.map((name) => element("label", {},
    element("input", {type: "checkbox", name: kind, value: name, checked: true, onchange: () => toggle(kind, name)}),
    kind === "dataset" ? null : swatch(kind, name), name));
  const all = (words, picked) => element("button", {type: "button", onclick: () => {
    chosen[kind] = new Set(picked);
    apply();
  }}, words);
  const words = {dataset: "Data", method: "Methods", schedule: "Schedules"}[kind];
  filters.append(element("details", {name: "filters"},
    element("summary", {}, `${words}: `, element("b", {"data-count": kind}, "all")),
    element("div", {class: "menu"}, element("div", {class: "both"}, all("all", names), all("none", [])), ...boxes)));
}
document.addEventListener("click", ({target}) => {
  for (const open of filters.querySelectorAll("details[open]")) if (!open.contains(target)) open.open = false;
});
document.addEventListener("keydown", ({key}) => {
  if (key === "Escape") for (const open of filters.querySelectorAll("details[open]")) open.open = false;
});
filters.hidden = false;

// Choices above the charts.
const choose = (section, words, name, choices, then = () => {}) => {
  const bar = document.querySelector(`#${section} .choices`);
  if (!bar || choices.length < 2) return;
  const select = element("select", {onchange: () => {
    options[name] = select.value;
    then(select.value);
    refresh((holder) => bar.dataset.for.split(" ").includes(holder.dataset.figure));
  }}, ...choices.map(([value, text]) => element("option", {value}, text)));
  bar.append(element("label", {}, `${words} `, select));
};
const measured = BOOK.metrics.filter((metric) => LEVELS.some((row) => row.metric === metric.name));
const showTables = (name) => {
  for (const block of document.querySelectorAll(".tables")) {
    const tables = [...block.querySelectorAll(".metric")];
    const wanted = tables.find((table) => table.dataset.metric === name) ?? tables[0];
    for (const table of tables) table.classList.toggle("shown", table === wanted);
  }
};
choose("leaderboards", "Metric", "metric",
  [["", "the main metric of each data set"], ...measured.map(({name, label: words}) => [name, `${name}: ${words}`])], showTables);
choose("leaderboards", "Show", "shown", [["best", `the best ${MANY}`], ["all", "all"]]);
choose("gradients", "Shown", "gradient", [...new Set(GRADIENTS.map((row) => row.words))].map((words) => [words, words]));
choose("scales", "One line per", "lines", d3.sort([["method", "method"], ["schedule", "schedule"]], ([value]) => value !== options.lines));
choose("costs", "Cost", "cost", [...METRICS.values()].filter((m) => m.name in COSTS).sort((a, b) => COSTS[a.name] - COSTS[b.name]).map((m) => [m.name, m.label]));
choose("training", "Curve", "curve", [["", "the first that a data set has"], ...BOOK.curves.map(({name}, i) => [i, name]).filter(([i]) => TRAINING.some((row) => row.curve === i))]);

// Provenance cards.
let stored;
const whole = (value) => {
  if (Array.isArray(value)) return value.map(whole);
  if (value === null || typeof value !== "object") return value;
  if ("$" in value) return whole(stored.shared[value.$]);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, whole(item)]));
};
const dialog = document.getElementById("card");
const facts = (card) => [["key", card.key], ["made by", card.command], ["commit", card.commit && card.commit + (card.dirty ? " with uncommitted changes" : "")],
  ["took", card.seconds === undefined ? null : `${said(card.seconds)} s`], ["on", card.machine?.processor]].filter(([, value]) => value);
const showCard = (at, stage = null) => {
  stored ??= JSON.parse(document.getElementById("cards").textContent);
  const dataset = at.split("/")[0];
  const wanted = Object.keys(stored.cards).flatMap((name) =>
    [dataset, at].filter((place, i, all) => all.indexOf(place) === i && stored.cards[name]?.[place]).map((place) => [name, place]))
    .filter(([name]) => stage === null || name === stage);
  dialog.querySelector("h2").textContent = at;
  dialog.querySelector(".body").replaceChildren(...wanted.map(([name, place]) => {
    const card = whole(stored.cards[name][place]);
    return element("section", {}, element("h3", {}, name),
      element("dl", {}, ...facts(card).flatMap(([words, value]) => [element("dt", {}, words), element("dd", {}, element("code", {}, String(value)))])),
      element("details", {open: stage !== null}, element("summary", {}, "the whole card"), element("pre", {tabindex: 0}, JSON.stringify(card, null, 1))));
  }));
  dialog.showModal();
};
document.addEventListener("click", ({target}) => {
  const button = target.closest("button");
  if (button?.dataset.card) showCard(button.dataset.card, button.dataset.stage);
  const cell = button?.closest("table[data-columns] td");
  if (cell) showCard([cell.closest("[data-dataset]").dataset.dataset, cell.closest("tr").dataset.method,
    columnsOf(cell.closest("table"))[cell.cellIndex - 1]].join("/"));
  if (target === dialog) dialog.close();
});
dialog.querySelector("button").addEventListener("click", () => dialog.close());

// Light, dark, or as the system says.
const theme = document.getElementById("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = dark === "dark" ? "light" : "dark";
});

let waiting;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => refresh((holder) => drawn.has(holder) && drawn.get(holder).width !== holder.clientWidth), 150);
});
addEventListener("beforeprint", () => holders.filter((holder) => !holder.hidden && drawn.get(holder)?.dirty !== false).forEach(draw));
apply();
for (const holder of holders) observer.observe(holder);
document.documentElement.dataset.ready = "true";
