// How anything is drawn: elements, panels with their buttons, the look of charts, and their downloads.
"use strict";

const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
};

// A mark as a small picture, for legends.
const swatch = (kind, name) => {
  const {colour, symbol, dash} = look(kind, name);
  const svg = d3.create("svg").attr("viewBox", "0 0 26 12").attr("aria-hidden", "true").attr("class", "swatch");
  svg.append("path").attr("d", "M0 6h26").attr("style", `stroke:${colour}`).attr("stroke-dasharray", dash || null);
  const shape = {circle: d3.symbolCircle, square: d3.symbolSquare, triangle: d3.symbolTriangle,
    diamond: d3.symbolDiamond, cross: d3.symbolCross, star: d3.symbolStar, wye: d3.symbolWye}[symbol];
  svg.append("path").attr("transform", "translate(13 6)").attr("d", d3.symbol(shape, 34)()).attr("style", `fill:${colour}`);
  return svg.node();
};

const legend = (kind, names) => element("div", {class: "legend"}, ...names.map((name) =>
  element("button", {
    type: "button", "data-series": name, title: `show or hide ${name}`, "aria-pressed": String(chosen[kind].has(name)),
    onclick: () => toggle(kind, name),
  }, swatch(kind, name), name)));

// Ticks of a logarithmic axis: powers of ten, 1 3 or 1 2 5 where there are few of these, even steps where there are none.
const logTicks = (low, high) => {
  const every = Math.ceil(Math.log10(high / low) / 7) || 1;
  for (const steps of [[1], [1, 3], [1, 2, 5]]) {
    const found = d3.range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1)
      .filter((k) => k % every === 0).flatMap((k) => steps.map((m) => Number(`${m}e${k}`)))
      .filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
    if (found.length > 2) return found;
  }
  return d3.ticks(low, high, 4).filter((tick) => tick > 0);
};

const short = (tick) => said(tick, 3).replace(/\.?0+e/, "e");

// An axis over these values, which fills them.
const axis = (label, log, values, more = {}) => {
  if (!log) return {label, grid: true, nice: true, ticks: 5, ...more, domain: undefined};
  const [low, high] = more.domain ?? d3.extent(values.filter((value) => value > 0));
  if (!(high > low)) return {label, type: "log", grid: true, ticks: [low], domain: [low / 2, low * 2]};
  const ticks = logTicks(low, high);
  return {label, type: "log", grid: true, ...more, ticks, domain: [low, high]};
};

// Common to all charts: type, margins, and names for those who don't see them.
const chart = (width, {description, marks, ...options}) => {
  const made = Plot.plot({
    width: Math.max(240, Math.round(width)), marginLeft: 54, marginBottom: 36, marginTop: 22, marginRight: 16,
    // Plot would leave out labels of logarithmic ticks that are no powers of ten
    marks: [
      ...(options.x.type === "log" ? [Plot.axisX(options.x.ticks, {text: short})] : []),
      ...(options.y.type === "log" ? [Plot.axisY(options.y.ticks, {text: short})] : []),
      ...marks,
    ],
    style: {fontFamily: "inherit", fontSize: "11px", overflow: "visible"}, ariaLabel: description, ...options,
  });
  made.setAttribute("role", "img"); // one picture with one name: what it is made of has none of its own
  for (const part of made.querySelectorAll("g[aria-label]")) {
    part.dataset.mark = part.getAttribute("aria-label");
    part.removeAttribute("aria-label");
  }
  return made;
};

const tip = (rows, options) => Plot.tip(rows, Plot.pointer({
  maxRadius: 60, fill: "var(--panel)", stroke: "var(--line)", fontSize: 12, lineHeight: 1.25, ...options,
}));

// Lines of series over x, with bands from the lowest to the highest replicate.
const lines = (rows, {width, kind, log, x, y, domain, starts = [], description, height = 230}) => {
  const drawn = rows.filter((row) => (!log.x || row.x > 0) && (!log.y || row.y > 0));
  const names = [...new Set(drawn.map((row) => row[kind]))];
  const looks = names.map((name) => look(kind, name));
  const banded = drawn.filter((row) => row.high > row.low && (!log.y || row.low > 0));
  const lineOf = (name, i) => Plot.line(drawn.filter((row) => row[kind] === name), {
    x: "x", y: "y", stroke: looks[i].colour, strokeWidth: 1.8, strokeDasharray: looks[i].dash || null,
    className: `series-${KINDS[kind].indexOf(name)}`,
  });
  return chart(width, {
    description, height, x: axis(x, log.x, drawn.map((row) => row.x)), y: axis(y, log.y, [...drawn.flatMap((row) => [row.y, row.low, row.high]), ...starts.map((row) => row.y)], domain ? {domain} : {}),
    symbol: {domain: names, range: looks.map((each) => each.symbol)},
    color: {domain: names, range: looks.map((each) => each.colour)},
    marks: [
      Plot.line(starts, {x: "x", y: "y", z: "series", stroke: "var(--faint)", strokeDasharray: "4 3"}),
      Plot.areaY(banded, {x: "x", y1: "low", y2: "high", fill: kind, z: kind, fillOpacity: 0.13}),
      ...names.map(lineOf),
      Plot.dot(drawn, {x: "x", y: "y", fill: kind, symbol: kind, r: drawn.length > 60 ? 2 : 3}),
      tip(drawn, {x: "x", y: "y", title: (row) =>
        `${row[kind]}\n${x.replace(/ →$/, "")} ${said(row.x)}\n${said(row.y)}` +
        (row.high > row.low ? `  (${said(row.low)} to ${said(row.high)})` : "")}),
    ],
  });
};

// A figure: caption, buttons for its axes and downloads, and the chart, drawn again when an axis changes.
const panel = ({caption, draw, rows, log = {}, name}) => {
  const holder = element("div", {class: "plot"});
  const axes = {x: log.x ?? false, y: log.y ?? false};
  const redraw = () => {
    const made = draw(holder.clientWidth || 360, axes);
    made.addEventListener("input", () => point(holder, made.value));
    made.addEventListener("click", () => made.value?.at && showCard(made.value.at));
    holder.replaceChildren(made);
  };
  const button = (axisName) => element("button", {
    type: "button", "aria-pressed": String(axes[axisName]), title: `logarithmic ${axisName} axis`,
    onclick: ({currentTarget}) => {
      axes[axisName] = !axes[axisName];
      currentTarget.setAttribute("aria-pressed", axes[axisName]);
      redraw();
    },
  }, `log ${axisName}`);
  const tools = element("span", {class: "tools"},
    ...["x", "y"].filter((each) => each in log).map(button),
    element("button", {type: "button", title: `${caption}: save as SVG`, onclick: () => saveSVG(holder, name)}, "SVG"),
    element("button", {type: "button", title: `${caption}: save as CSV`, onclick: () => saveCSV(rows, name)}, "CSV"));
  const made = element("figure", {class: "chart"}, element("figcaption", {}, element("span", {}, caption), tools), holder);
  made.redraw = redraw;
  return made;
};

// The series under the pointer stays, the others fade.
const point = (holder, row) => {
  const shown = row && [row.method, row.schedule].map((name) =>
    ["method", "schedule"].map((kind) => `series-${KINDS[kind].indexOf(name)}`)).flat();
  const all = holder.querySelectorAll("[class^=series-]");
  const found = shown && [...all].some((line) => shown.includes(line.getAttribute("class")));
  for (const line of all) line.style.opacity = !found || shown.includes(line.getAttribute("class")) ? "" : 0.18;
};

const save = (text, type, name) => {
  const url = URL.createObjectURL(new Blob([text], {type}));
  element("a", {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
};

// The chart as a file of its own: colours of the light page instead of variables, a font and a background.
const saveSVG = (holder, name) => {
  const copy = holder.querySelector("svg").cloneNode(true);
  copy.querySelectorAll("[aria-label=tip], [data-mark=tip]").forEach((each) => each.remove());
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("font-family", "system-ui, sans-serif");
  copy.style.background = "var(--panel)";
  const page = getComputedStyle(document.documentElement);
  const light = (name) => page.getPropertyValue(name).trim().replace(/^light-dark\(([^,]+),.*\)$/, "$1");
  const text = new XMLSerializer().serializeToString(copy)
    .replace(/var\((--[\w-]+)\)/g, (_, name) => name === "--plot-background" ? light("--panel") : light(name))
    .replace(/currentColor/gi, light("--text"));
  save(text, "image/svg+xml", `${BOOK.study}-${name}.svg`);
};

const HIDDEN = new Set(["at", "oracle", "levels", "mark"]);
const saveCSV = (rows, name) => {
  const columns = [...new Set(rows.flatMap(Object.keys))].filter((each) => !HIDDEN.has(each));
  save(`${d3.csvFormat(rows, columns)}\n`, "text/csv", `${BOOK.study}-${name}.csv`);
};
