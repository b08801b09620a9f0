// The page of a sweep: runs, and means over runs, by the chosen columns. The facts come from sweep.py.
Object.assign(minimod, {
  // The text of a value of an option, or "" for no option.
  text: (name, value) => {
    const axis = minimod.facts.axes[name];
    return axis ? axis.texts[axis.values.indexOf(value)] : "";
  },

  // The place of a value on an axis. All plots have linear axes, so a logarithmic axis shows the logarithms.
  place: ({ is_text, values, log }, is_log, value) => is_text ? values.indexOf(value)
    : is_log && log ? Math.log10(value === 0 ? log.zero : value) : value,

  // The points, as in `curves` of sweeps/table.py. A point is the runs with one value of x, series and panel.
  group: (runs, rows, [panel, by, x], y) => {
    const groups = new Map(), { factors, plurals } = minimod.facts;
    for (const i of rows) {
      const place = [panel, by, x].map((name) => runs[name]?.[i] ?? ""), key = JSON.stringify(place);
      if (!groups.has(key)) groups.set(key, { panel: place[0], by: place[1], x: place[2], rows: [] });
      groups.get(key).rows.push(i);
    }
    return [...groups.values()].map((point) => {
      const known = point.rows.filter((i) => !Number.isNaN(runs[y][i]));
      const finite = known.filter((i) => Number.isFinite(runs[y][i]));
      const numbers = finite.map((i) => runs[y][i]);
      const over = Object.keys(plurals).map((name) => [name, new Set(known.map((i) => runs[name][i])).size])
        .filter(([, n]) => n > 1);
      return {
        ...point, known, finite, runs: point.rows.length, never: known.length - finite.length,
        missing: point.rows.length - known.length, mean: numbers.reduce((sum, y) => sum + y, 0) / numbers.length,
        low: finite.length ? Math.min(...numbers) : NaN, high: finite.length ? Math.max(...numbers) : NaN,
        over: over.map(([name, n]) => `${n} ${plurals[name]}`).join(" × "),
        mixed: over.map(([name]) => name).filter((name) => factors.includes(name)),
      };
    }).filter(({ known }) => known.length);
  },

  // The runs that are drawn. If an option would vary behind a point, only runs with the value of its control are drawn.
  hold: (runs, state, axes) => {
    let rows = Array.from(runs.run, (_, i) => i);
    const held = minimod.facts.factors.filter((name) => {
      const is_held = minimod.group(runs, rows, axes, state.y).some(({ mixed }) => mixed.includes(name));
      if (is_held) rows = rows.filter((i) => minimod.text(name, runs[name][i]) === state[name]);
      document.querySelector(`[data-state="${name}"]`).closest("label").hidden = !is_held;
      return is_held;
    });
    return [rows, held];
  },

  // Replace the numbers in the columns of a source.
  fill: (name, records) => {
    const source = minimod.model(name), columns = Object.keys(source.data);
    source.data = Object.fromEntries(columns.map((column) => [column, records.map((record) => record[column])]));
  },

  // Set and return the ends of an axis around these places. A share `above` of the axis stays free above the places.
  ends: (range, places, pad, above = 0) => {
    const there = places.filter(Number.isFinite);
    const [low, high] = there.length ? [Math.min(...there), Math.max(...there)] : [0, 1];
    const wide = (high - low || Math.abs(high) || 1) * pad, start = low - wide;
    const end = start + (high + wide - start) / (1 - above);
    minimod.model(range).setv({ start, end, reset_start: start, reset_end: end });
    return [start, end];
  },

  // Set the label and the ticks of an axis.
  dress: (axis, { label, is_text, texts, log }, is_log) => {
    const ticks = is_text ? texts.map((text, i) => [i, text])
      : is_log && log ? log.ticks.map(([value, text]) => [Math.log10(value), text]) : null;
    axis.axis_label = label;
    axis.major_label_overrides = new Map(ticks ?? []);
    const ticker = Bokeh.Models.get(ticks ? "FixedTicker" : "BasicTicker");
    axis.ticker = new ticker(ticks ? { ticks: ticks.map(([place]) => place) } : {});
  },

  sweep: (state) => {
    const { axes, looks, accuracies, pages } = minimod.facts, { x, y, by, panels } = state;
    const runs = minimod.model("runs").data, [rows, held] = minimod.hold(runs, state, [panels, by, x]);
    const points = minimod.group(runs, rows, [panels, by, x], y);
    const [of_panel, of_by, of_x] = [[panels, "panel"], [by, "by"], [x, "x"]].map(([name, key]) =>
      (axes[name]?.values ?? [""]).filter((value) => points.some((point) => point[key] === value)));
    const [log_x, log_y] = ["log-x", "log-y"].map((name) => state[name] === "true");
    document.querySelector("[data-state=log-x]").disabled = !axes[x].log;
    document.querySelector("[data-state=log-y]").disabled = !axes[y].log;
    const across = (value) => minimod.place(axes[x], log_x, value);
    const up = (value) => minimod.place(axes[y], log_y, value);
    const number = (value) => String(Number.isInteger(value) ? value : Number(value.toPrecision(4)));
    const named = (name, value) => name in axes ? [`${axes[name].label} ${minimod.text(name, value)}`] : [];
    const look = (value) => looks[Math.max(0, axes[by]?.values.indexOf(value)) % looks.length || 0];
    const sum = (part) => points.reduce((all, point) => all + point[part], 0);

    // At the upper edge, every series with runs that never came there has its own row of marks.
    const moduli = [...new Set(points.flatMap(({ known }) => known.map((i) => runs.modulus[i])))];
    const chance = accuracies.includes(y) && moduli.length === 1 ? 1 / moduli[0] : NaN;
    const marked = of_by.filter((value) => points.some((point) => point.by === value && point.never));
    const step = Math.min(0.06, 0.5 / marked.length), heights = points.flatMap(({ low, high }) => [up(low), up(high)]);
    const [start, end] = minimod.ends("y-range", [up(chance), ...heights], 0.05, marked.length * step);
    minimod.ends("x-range", of_x.map(across), 0.12);
    minimod.ends("heat-x-range", [-0.5, of_x.length - 0.5], 0);
    minimod.ends("heat-y-range", [-0.5, of_by.length - 0.5], 0);
    const means = points.map(({ mean }) => mean).filter(Number.isFinite);
    minimod.model("colors").setv({ low: Math.min(...means), high: Math.max(...means) });

    const record = (point) => ({
      x: across(point.x), y: up(point.mean), ...look(point.by), text: point.never ? `${point.never}/${point.runs}` : "",
      at: [...named(x, point.x), ...named(by, point.by), ...named(panels, point.panel)].join(", "),
      told: [
        ...point.finite.length ? [`mean ${number(point.mean)}`] : [],
        `${[...new Set([point.finite.length, point.runs])].join(" of ")} ${point.runs > 1 ? "runs" : "run"}`,
        ...point.never ? [`${point.never} of ${point.runs} never`] : [],
        ...point.missing ? [`${point.missing} not measured`] : [], ...point.over ? [`over ${point.over}`] : [],
      ].join("; "),
    });
    minimod.panels.forEach((which, k) => {
      const [curves, heat] = ["curves", "heat"].map((name) => minimod.model(`${name}${which}-plot`));
      const here = points.filter(({ panel }) => panel === of_panel[k]);
      curves.visible = heat.visible = k < of_panel.length;
      curves.title.text = heat.title.text = named(panels, of_panel[k]).join("");
      minimod.fill(`lines${which}`, of_by.map((value) => {
        const line = of_x.flatMap((each) => here.filter((point) => point.by === value && point.x === each));
        return { xs: line.map((point) => across(point.x)), ys: line.map(({ mean }) => up(mean)), ...look(value) };
      }));
      minimod.fill(`dots${which}`, here.flatMap((point) => point.finite.map((i) => ({
        ...record(point), y: up(runs[y][i]), told: `${axes[y].label} ${number(runs[y][i])}`,
        run: runs.run[i], link: pages[runs.run[i]] ?? "",
      }))));
      minimod.fill(`means${which}`, here.filter(({ finite, runs }) => finite.length && runs > 1).map(record));
      minimod.fill(`never${which}`, here.filter(({ never }) => never).map((point) => (
        { ...record(point), y: end - (marked.indexOf(point.by) + 0.5) * step * (end - start) }
      )));
      minimod.fill(`cells${which}`, here.map((point) => {
        const row = of_by.indexOf(point.by);
        const place = { x: of_x.indexOf(point.x), y: row, marked: point.never ? row : NaN };
        return { ...record(point), ...place, mean: point.mean };
      }));
      minimod.model(`chance${which}`).setv({ location: up(chance), visible: chance > 0 });
      minimod.dress(curves.below[0], axes[x], log_x);
      minimod.dress(curves.left[0], axes[y], log_y);
      for (const [axis, name, values] of [[heat.below[0], x, of_x], [heat.left[0], by, of_by]]) {
        const texts = values.map((value) => minimod.text(name, value));
        minimod.dress(axis, { label: axes[name]?.label ?? "", is_text: true, texts });
      }
    });

    // The points as a table: name of the column -> numbers.
    const columns = [
      ...[[panels, "panel"], [by, "by"], [x, "x"]].filter(([name]) => name in axes)
        .map(([name, key]) => [name, (point) => minimod.text(name, point[key])]),
      ...held.map((name) => [name, () => state[name]]),
      ...["over", "runs", "never"].map((part) => [part, (point) => point[part]]),
      ["not measured", ({ missing }) => missing],
      [`mean of ${y}`, ({ mean }) => mean], [`lowest ${y}`, ({ low }) => low], [`highest ${y}`, ({ high }) => high],
    ];
    minimod.model("points").data = Object.fromEntries(columns.map(([name, of]) => [name, points.map(of)]));

    const over = [...new Set(points.map(({ over }) => over || "one run"))].join(" or ");
    const [n, never, missing, most] = [sum("runs"), sum("never"), sum("missing"), minimod.panels.length];
    const only = held.map((name) => `, ${axes[name].label} ${state[name]}`).join("");
    document.getElementById("told").textContent = [
      `${n} of ${runs.run.length} runs are drawn${only}`, `behind a point: ${over}`,
      ...never ? [`▲ 3/8 at the upper edge: 3 of 8 runs never came there; ${never} of ${n} are in no mean`] : [],
      ...missing ? [`not measured, and in no mean: ${missing} of ${n}`] : [],
      ...chance > 0 ? [`dotted: chance, ${number(chance)}`] : [],
      ...of_panel.length > most ? [`${most} of ${of_panel.length} panels are shown`] : [],
    ].join("; ") + ".";
    document.getElementById("looks").replaceChildren(...(by in axes ? of_by : []).map((value) => {
      const item = document.createElement("li"), { color, letter, dash } = look(value);
      item.innerHTML = `<svg width="48" height="16" aria-hidden="true"><line x2="48" y1="8" y2="8" stroke="${color}"
        stroke-width="2" stroke-dasharray="${dash.replace("solid", "")}"/><text x="24" y="13" text-anchor="middle"
        fill="${color}">${letter}</text></svg> `;
      item.append(...named(by, value));
      return item;
    }));
  },

  // Open the page of the run whose dot is nearest to the click or tap on the plot.
  open: ({ plot, dots, event }) => {
    const { x_scale, y_scale } = Bokeh.index.find_one(plot).frame, { x, y, link } = dots.data;
    const far = Array.from(x, (_, i) => Math.hypot(x_scale.compute(x[i]) - event.sx, y_scale.compute(y[i]) - event.sy));
    const i = far.indexOf(Math.min(...far));
    if (far[i] <= 16 && link[i]) location.href = link[i];
  },
});

minimod.begin = () => {
  minimod.facts = JSON.parse(document.getElementById("facts").textContent);
  const { axes, controls, n_panels } = minimod.facts;
  minimod.panels = Array.from({ length: n_panels }, (_, k) => k ? `-${k}` : "");
  if (axes) minimod.watch([...Object.keys(controls), "log-x", "log-y"], minimod.sweep, "heat-place");
  // A newly chosen column gets the scale that fits its values.
  document.addEventListener("input", ({ target: { dataset: { state }, value } }) => {
    if (["x", "y"].includes(state)) minimod.set({ [`log-${state}`]: String(axes[value].is_log) });
  });
};
