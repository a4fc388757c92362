// The figures of the page: name -> panels for one data set, from the numbers that are chosen.
"use strict";

const MANY = 15;
const COSTS = {training_seconds: 0, evaluations: 1};
const options = {metric: "", shown: "best", lines: BOOK.methods.length - BOOK.oracles.length > 1 ? "method" : "schedule", cost: "training_seconds", curve: "", gradient: ""};

const wholeOf = (rows) => rows.filter((row) => row.levels > 1);
const extent = (rows) => {
  const values = rows.flatMap((row) => [row.low ?? row.y, row.high ?? row.y]).filter((value) => value > 0);
  return values.length ? [d3.min(values) / 1.3, d3.max(values) * 1.3] : undefined;
};
const metricOf = (dataset) => {
  const main = mainOf(dataset);
  if (options.metric && LEVELS.some((row) => row.dataset === dataset && row.metric === options.metric))
    return {metric: options.metric, sampler: options.metric === main?.metric ? main.sampler : null};
  return main;
};
const label = (name) => {
  const metric = METRICS.get(name);
  return metric.unit ? `${name} (${metric.unit})` : name;
};

// The lower end of an interval, which a logarithmic axis can't show where it is not positive.
const lowest = (row, log) => log ? Math.max(row.low, (row.y ?? row.mean) / 4) : row.low;

const dots = (rows, {width, log, x, floor, description, rule, text}) => {
  const longest = d3.max(rows, (row) => row.label.length) ?? 0;
  const marginLeft = Math.min(0.46 * width, 14 + 6.1 * longest);
  const positive = (row) => Math.max(row.low, log.x ? Math.min(row.mean, d3.min(rows, (r) => r.mean)) / 3 : -Infinity);
  const shown = rows.filter((row) => !log.x || row.mean > 0);
  const looks = [...new Set(shown.map((row) => row.method))].map((name) => [name, look("method", name)]);
  return chart(width, {
    description, marginLeft, marginTop: 8, height: 56 + 20 * new Set(shown.map((row) => row.label)).size,
    x: axis(x, log.x, [...shown.flatMap((row) => [positive(row), row.mean, row.high]), ...(floor ? [floor.mean] : []), ...(rule === undefined ? [] : [rule])]), y: {domain: shown.map((row) => row.label), label: null, tickSize: 0},
    symbol: {domain: looks.map(([name]) => name), range: looks.map(([, each]) => each.symbol)},
    marks: [
      Plot.axisY({tickSize: 0, label: null, lineWidth: marginLeft / 11, textOverflow: "ellipsis-middle"}),
      floor && floor.half ? Plot.rect([floor], {
        x1: (f) => Math.max(f.mean - f.half, log.x ? f.mean / 3 : -Infinity), x2: (f) => f.mean + f.half, fill: "var(--floor)",
        fillOpacity: 0.25}) : null,
      floor ? Plot.ruleX([floor], {x: "mean", stroke: "var(--floor)", strokeDasharray: "3 3", strokeWidth: 1.5}) : null,
      rule === undefined ? null : Plot.ruleX([rule], {stroke: "currentColor", strokeOpacity: 0.6}),
      Plot.ruleY(shown, {y: "label", x1: positive, x2: "high", stroke: (row) => look("method", row.method).colour, strokeWidth: 2}),
      Plot.dot(shown, {x: "mean", y: "label", r: 4.5, symbol: "method", stroke: (row) => look("method", row.method).colour,
        fill: (row) => row.oracle ? "var(--panel)" : look("method", row.method).colour}),
      Plot.text(shown.filter((row) => row.mark), {x: "high", y: "label", dx: 8, textAnchor: "start", text: (row) => row.mark === 2 ? "★" : "≈"}),
      tip(shown, {x: "mean", y: "label", title: text}),
    ],
  });
};

const figures = {
  leaders(dataset) {
    const asked = metricOf(dataset);
    if (!asked) return [];
    const {metric, sampler} = asked;
    const found = LEVELS.filter((row) => row.dataset === dataset && row.metric === metric && seen(row) &&
      (sampler === null || row.sampler === sampler));
    const best = METRICS.get(metric).best;
    const bad = (row) => best === "high" ? -row.mean : typeof best === "number" ? Math.abs(row.mean - best) : row.mean;
    const sorted = d3.sort(found, bad);
    const several = new Set(sorted.map((row) => row.sampler)).size > 1;
    for (const row of sorted) row.label = [row.method, row.schedule, ...(several ? [row.sampler] : [])].join(" · ");
    const rows = options.shown === "all" ? sorted : sorted.slice(0, MANY);
    if (!rows.length) return [];
    const floor = FLOORS.find((row) => row.dataset === dataset && row.metric === metric);
    const more = sorted.length > rows.length ? `, the best ${rows.length} of ${sorted.length}` : "";
    const spread = best === "low" && d3.min(rows, (row) => row.mean) > 0 && d3.max(rows, bad) > 8 * d3.min(rows, bad);
    return [{
      name: `${dataset}-${metric}`, caption: `${dataset}: ${label(metric)}${sampler ? `, ${sampler}` : ""}${more}`, log: {x: spread},
      rows: sorted.map(({label: _, ...row}) => row),
      draw: (width, log) => dots(rows, {
        width, log, x: `${label(metric)} →`, floor,
        description: `${label(metric)} on ${dataset}; lowest row of the chart is worst, first is ${rows[0].label} with ${said(rows[0].mean)}`,
        text: (row) => `${row.label}\n${said(row.mean)}${row.half ? ` ± ${said(row.half, 2)}` : ""}` +
          (floor ? `\ntruth against truth ${said(floor.mean)}` : "") +
          ({2: "\nbest", 1: "\nno difference found to the best"}[row.mark] ?? (row.oracle ? "\noracle: shown for reference" : "")),
      }),
    }];
  },

  scales(dataset) {
    const panels = options.lines === "method" ? "schedule" : "method";
    const rows = wholeOf(SCALES).filter((row) => row.dataset === dataset && seen(row));
    const starts = STARTS.filter((row) => row.dataset === dataset);
    const domain = extent([...rows, ...(starts.length && rows.length ? starts : [])]);
    return KINDS[panels].map((name) => [name, rows.filter((row) => row[panels] === name)])
      .filter(([, there]) => there.length).map(([name, there]) => ({
        name: `${dataset}-${name}-D`, caption: `${dataset}, ${name}`, rows: there, log: {x: true, y: true},
        draw: (width, log) => lines(there, {
          width, log, kind: options.lines, x: "noise level σ →", y: "↑ D(σ)", starts, domain: log.y ? domain : undefined,
          description: `D of sigma on ${dataset}, ${name}: one line per ${options.lines}`,
        }),
      }));
  },

  noise(dataset) {
    const rows = wholeOf(SCALES).filter((row) => row.dataset === dataset && seen(row) && row.method === denoising(dataset));
    const alone = SCALES.filter((row) => row.dataset === dataset && row.levels === 1 && seen(row) && row.method === denoising(dataset));
    const found = [];
    if (rows.length || alone.length) found.push({
      name: `${dataset}-schedules`, caption: `${dataset}: ${denoising(dataset)} by schedule`, rows: [...rows, ...alone], log: {x: true, y: true},
      draw: (width, log) => lines([...rows, ...alone], {
        width, log, kind: "schedule", x: "noise level σ →", y: "↑ D(σ)", height: 270,
        description: `D of sigma of denoising score matching on ${dataset}, one line per noise schedule; single levels are dots`,
      }),
    });
    const single = SINGLES.filter((row) => row.dataset === dataset && seen(row)).flatMap((row) =>
      LEVELS.filter((level) => level.at === row.at && level.metric === "clean_error")
        .map((level) => ({...level, x: row.sigma, y: level.mean})));
    if (single.length > 1) found.push({
      name: `${dataset}-single`, caption: `${dataset}: one noise level, error on clean data`, rows: single, log: {x: true, y: true},
      draw: (width, log) => lines(single, {
        width, log, kind: "method", x: "the one noise level σ →", y: "↑ clean_error", height: 270,
        description: `Relative error of the score on clean data of ${dataset} against the one noise level of training`,
      }),
    });
    return found;
  },

  hybrid(dataset) {
    const rows = COMBINATIONS.filter((row) => row.dataset === dataset && seen(row))
      .map((row) => ({...row, label: `${row.method} / ${row.part} · ${row.schedule}`}));
    if (!rows.length) return [];
    const found = [{
      name: `${dataset}-combinations`, caption: `${dataset}: error of the combination over that of its part`, rows, log: {x: true},
      draw: (width, log) => dots(rows, {
        width, log, x: "ratio of D_integral (left of 1: the combination is better) →", rule: 1,
        description: `Ratio of the error over all scales of combined methods to that of their parts on ${dataset}`,
        text: (row) => `${row.method} over ${row.part}, ${row.schedule}\n${said(row.mean)}  [${said(row.low)}, ${said(row.high)}]`,
      }),
    }];
    for (const schedule of new Set(rows.map((row) => row.schedule))) {
      const here = wholeOf(SCALES).filter((row) => row.dataset === dataset && row.schedule === schedule);
      const names = new Set(rows.filter((row) => row.schedule === schedule).flatMap((row) => [row.method, row.part]));
      const parts = rows.filter((row) => row.schedule === schedule).map((row) => row.part);
      const base = new Map(here.filter((row) => row.method === parts[0]).map((row) => [row.x, row.y]));
      const ratios = here.filter((row) => names.has(row.method) && row.method !== parts[0] && base.has(row.x) && seen(row))
        .map((row) => ({...row, y: row.y / base.get(row.x), low: 0, high: 0}));
      if (ratios.length) found.push({
        name: `${dataset}-${schedule}-ratio`, caption: `${dataset}, ${schedule}: D(σ) over that of ${parts[0]}`, log: {x: true, y: true},
        rows: ratios.map(({low: _, high: __, ...row}) => row),
        draw: (width, log) => lines([...ratios], {
          width, log, kind: "method", x: "noise level σ →", y: `↑ D(σ) / D(σ) of ${parts[0]}`, height: 250,
          starts: d3.extent(ratios, (row) => row.x).map((x) => ({x, y: 1, series: 0})),
          description: `D of sigma of the combined methods and their parts on ${dataset}, relative to ${parts[0]}`,
        }),
      });
    }
    return found;
  },

  gradients(dataset) {
    const words = options.gradient || GRADIENTS.find((row) => row.dataset === dataset)?.words;
    const rows = GRADIENTS.filter((row) => row.dataset === dataset && row.words === words &&
      (chosen.method.has(row.method) || !BOOK.methods.includes(row.method)));
    if (!rows.length) return [];
    return [{
      name: `${dataset}-gradients`, caption: `${dataset}: ${words}`, rows, log: {x: true, y: rows.every((row) => row.low > 0)},
      draw: (width, log) => lines(rows, {
        width, log, kind: "method", x: "noise level σ →", y: "", height: 270,
        description: `${words}, per noise level, on ${dataset}: one line per method`,
      }),
    }];
  },

  costs(dataset) {
    const asked = metricOf(dataset);
    if (!asked) return [];
    const cost = new Map(LEVELS.filter((row) => row.metric === options.cost).map((row) => [row.at, row.mean]));
    const rows = LEVELS.filter((row) => row.dataset === dataset && row.metric === asked.metric && seen(row) &&
      (asked.sampler === null || row.sampler === asked.sampler) && cost.has(row.at)).map((row) => ({...row, x: cost.get(row.at), y: row.mean}));
    if (!rows.length) return [];
    const best = METRICS.get(asked.metric).best;
    const bad = (row) => best === "high" ? -row.y : typeof best === "number" ? Math.abs(row.y - best) : row.y;
    const frontier = [];
    for (const row of d3.sort(rows.filter((each) => !each.oracle), (each) => each.x, bad))
      if (!frontier.length || bad(row) < bad(frontier.at(-1))) frontier.push(row);
    const looks = [...new Set(rows.map((row) => row.method))].map((name) => [name, look("method", name)]);
    const {label: words} = METRICS.get(options.cost);
    return [{
      name: `${dataset}-costs`, caption: `${dataset}: ${asked.metric} against ${words.toLowerCase()}`, log: {x: true, y: best === "low"},
      rows: rows.map(({x, y: _, ...row}) => ({...row, [options.cost]: x})),
      draw: (width, log) => {
        const shown = rows.filter((row) => (!log.y || row.y > 0) && (!log.x || row.x > 0));
        return chart(width, {
          height: 300, description: `${asked.metric} against ${words} on ${dataset}; nothing is both cheaper and better than ${frontier.map((row) => `${row.method} on ${row.schedule}`).join(", ")}`,
          x: axis(`${words}${METRICS.get(options.cost).unit ? `, ${METRICS.get(options.cost).unit}` : ""} →`, log.x, shown.map((row) => row.x), {inset: 12}), y: axis(`↑ ${label(asked.metric)}`, log.y, shown.flatMap((row) => [lowest(row, log.y), row.y, row.high]), {inset: 10}),
          symbol: {domain: looks.map(([name]) => name), range: looks.map(([, each]) => each.symbol)},
          marks: [
            Plot.line(frontier, {x: "x", y: "y", curve: best === "high" ? "step-after" : "step-after", stroke: "var(--faint)", strokeWidth: 1.5}),
            Plot.ruleX(shown, {x: "x", y1: (row) => lowest(row, log.y), y2: "high", stroke: (row) => look("method", row.method).colour, strokeOpacity: 0.6}),
            Plot.dot(shown, {x: "x", y: "y", r: 4.5, symbol: "method", stroke: (row) => look("method", row.method).colour,
              fill: (row) => frontier.includes(row) ? look("method", row.method).colour : "var(--panel)"}),
            Plot.text(frontier, {x: "x", y: "y", text: (row) => row.method, dx: 8, dy: 10, textAnchor: "start", stroke: "var(--panel)", strokeWidth: 3, fill: "currentColor"}),
            tip(shown, {x: "x", y: "y", title: (row) => `${row.method} · ${row.schedule}\n${asked.metric} ${said(row.y)}${row.half ? ` ± ${said(row.half, 2)}` : ""}\n${words.toLowerCase()} ${said(row.x)}` + (frontier.includes(row) ? "\nnothing is both cheaper and better" : "")}),
          ],
        });
      },
    }];
  },

  training(dataset) {
    const here = TRAINING.filter((each) => each.cell.dataset === dataset);
    const asked = options.curve === "" ? d3.min(here, (each) => each.curve) : Number(options.curve);
    if (asked === undefined) return [];
    const {name: curve, label: words} = BOOK.curves[asked];
    const rows = here.filter((each) => each.curve === asked && seen(each.cell))
      .flatMap(({cell, band}) => points(cell, band));
    return BOOK.schedules.map((schedule) => [schedule, rows.filter((row) => row.schedule === schedule)])
      .filter(([, there]) => there.length).map(([schedule, there]) => ({
        name: `${dataset}-${schedule}-${curve}`, caption: `${dataset}, ${schedule}`, log: {x: false, y: curve !== "loss" && d3.min(there, (row) => row.y) > 0},
        rows: there.map(({x, ...row}) => ({step: x, ...row})),
        draw: (width, log) => lines(there, {width, log, kind: "method", x: "training step →", y: `↑ ${curve}`,
          description: `${words} on ${dataset}, ${schedule}, one line per method`}),
      }));
  },

  learned(dataset) {
    const rows = LEARNED.filter((row) => row.dataset === dataset && seen(row));
    return [...d3.group(rows, (row) => `${row.method}: ${row.words}`)].map(([caption, there], i) => ({
      name: `${dataset}-${there[0].method}-learned-${i + 1}`, caption: `${dataset}, ${caption}`, rows: there, log: {x: true, y: false},
      draw: (width, log) => lines(there, {width, log, kind: "schedule", x: "noise level σ →", y: "",
        description: `${caption}, per noise level, on ${dataset}: one line per noise schedule`}),
    }));
  },

  ranges(dataset) {
    const rows = RANGES.filter((row) => row.dataset === dataset && (row.schedule === null || chosen.schedule.has(row.schedule)))
      .map((row) => ({...row, label: row.schedule ?? "advice"}));
    if (rows.length < 2) return [];
    const colour = (row) => row.schedule === null ? "var(--accent)" : row.best ? "currentColor" : "var(--faint)";
    return [{
      name: `${dataset}-ranges`, caption: `${dataset}: noise levels, advised and tried (★ of the best method)`, rows, log: {},
      draw: (width) => chart(width, {
        height: 60 + 22 * rows.length, marginTop: 8, marginLeft: Math.min(0.4 * width, 24 + 6.3 * d3.max(rows, (row) => row.label.length)),
        description: `Range of noise levels that the advisor proposes for ${dataset}, and those of the schedules of the study`,
        x: axis("noise level σ →", true, rows.flatMap((row) => [row.low, row.high]), {inset: 8}), y: {domain: rows.map((row) => row.label), label: null, tickSize: 0},
        marks: [
          Plot.ruleY(rows, {y: "label", x1: "low", x2: "high", stroke: colour, strokeWidth: 5, strokeLinecap: "round"}),
          Plot.dot(rows.filter((row) => row.low === row.high), {x: "low", y: "label", fill: colour, r: 5}),
          Plot.text(rows.filter((row) => row.best), {x: "high", y: "label", text: () => "★", dx: 10}),
          tip(rows, {x: "high", y: "label", title: (row) => `${row.label}\nσ from ${said(row.low)} to ${said(row.high)}`}),
        ],
      }),
    }];
  },
};

// Plain denoising score matching, as the study names it.
const denoising = (dataset) => BOOK.denoising[BOOK.datasets.indexOf(dataset)];
