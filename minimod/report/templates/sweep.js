// The page of a sweep: runs, and the means over them, by the columns that are chosen. The facts are sweep.py's.
Object.assign(minimod, {
  // The text of a value of an option; of no option nothing.
  text: (name, value) => {
    const { values, texts } = minimod.facts.axes[name] ?? { values: [], texts: [] };
    return texts[values.indexOf(value)] ?? "";
  },

  // Where a value stands. All plots have linear axes: on a logarithmic one stand logarithms.
  place: ({ is_text, values, log }, is_log, value) => is_text ? values.indexOf(value)
    : is_log && log ? Math.log10(value === 0 ? log.zero : value) : value,

  // The points, as `curves` of sweeps/table.py has them: what the runs at one value of x, of a series and a panel, have.
  group: (runs, rows, [panel, by, x], y) => {
    const groups = new Map();
    for (const i of rows) {
      const place = [panel, by, x].map((name) => runs[name]?.[i] ?? "all"), key = JSON.stringify(place);
      if (!groups.has(key)) groups.set(key, { panel: place[0], by: place[1], x: place[2], rows: [] });
      groups.get(key).rows.push(i);
    }
    const { factors, plurals } = minimod.facts;
    return [...groups.values()].map((point) => {
      const finite = point.rows.filter((i) => Number.isFinite(runs[y][i])), numbers = finite.map((i) => runs[y][i]);
      const known = point.rows.filter((i) => !Number.isNaN(runs[y][i]));
      const over = Object.keys(plurals).map((name) => [name, new Set(known.map((i) => runs[name][i])).size])
        .filter(([, n]) => n > 1);
      return {
        ...point, finite, known, over, runs: point.rows.length, never: known.length - finite.length,
        mean: numbers.reduce((sum, number) => sum + number, 0) / numbers.length,
        low: numbers.length ? Math.min(...numbers) : NaN, high: numbers.length ? Math.max(...numbers) : NaN,
        mixed: over.map(([name]) => name).filter((name) => factors.includes(name)),
      };
    }).filter(({ known }) => known.length);
  },

  // What a mean is of, in words: "mean of 5 of 8 runs; 3 never; over 4 seeds × 2 optimizers".
  of: ({ finite, runs, never, known, over }) => [
    finite.length === runs ? `${runs} run${runs > 1 ? "s" : ""}` : `${finite.length} of ${runs} runs`,
    never ? `${never} of ${runs} never` : "", runs > known.length ? `${runs - known.length} not measured` : "",
    over.length ? `over ${over.map(([name, n]) => `${n} ${minimod.facts.plurals[name]}`).join(" × ")}` : "",
  ].filter((part) => part).join("; "),

  sweep: (state) => {
    const { axes, factors, looks, accuracies, pages } = minimod.facts;
    const runs = minimod.model("runs").data, { x, y, by, panels } = state, chosen = [panels, by, x];
    const number = (value) => Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
    // A factor that would vary behind a point is held at what its control says.
    let rows = Array.from(runs.run, (_, i) => i);
    const fixed = [];
    for (const name of factors) {
      const is_mixed = minimod.group(runs, rows, chosen, y).some(({ mixed }) => mixed.includes(name));
      document.querySelector(`[data-state="${name}"]`).closest("label").hidden = !is_mixed;
      if (!is_mixed) continue;
      fixed.push(name);
      rows = rows.filter((i) => minimod.text(name, runs[name][i]) === state[name]);
    }
    const points = minimod.group(runs, rows, chosen, y);
    const known = (name, key) => name in axes ? axes[name].values.filter((value) => points.some((point) => point[key] === value)) : ["all"];
    const [of_panel, of_by, of_x] = [known(panels, "panel"), known(by, "by"), known(x, "x")];
    const logs = { x: state["log-x"] === "true", y: state["log-y"] === "true" };
    for (const [axis, column] of [["log-x", x], ["log-y", y]]) {
      document.querySelector(`[data-state="${axis}"]`).disabled = !axes[column].log;
    }
    const across = (value) => minimod.place(axes[x], logs.x, value), up = (value) => minimod.place(axes[y], logs.y, value);
    const look = (value) => looks[(by in axes ? axes[by].values.indexOf(value) : 0) % looks.length];
    const named = (name, value) => name in axes ? [`${axes[name].label} ${minimod.text(name, value)}`] : [];
    const at = (point) => [...named(x, point.x), ...named(by, point.by), ...named(panels, point.panel)].join(", ");
    const told = (point) => `${point.finite.length ? `mean ${number(point.mean)} of ` : ""}${minimod.of(point)}`;
    const count = ({ never, runs }) => never ? `${never}/${runs}` : "";

    // The ends of the axes, with room for a row of marks for each series that has some.
    const moduli = new Set(points.flatMap((point) => point.known.map((i) => runs.modulus[i])));
    const chance = accuracies.includes(y) && moduli.size === 1 ? 1 / [...moduli][0] : NaN;
    const marked = of_by.filter((value) => points.some((point) => point.by === value && point.never));
    const ends = (range, places, pad, above = 0) => {
      const there = places.filter(Number.isFinite), low = Math.min(...there), high = Math.max(...there);
      const wide = (high - low || Math.abs(high) || 1) * pad;
      const [start, end] = there.length ? [low - wide, low - wide + (high - low + 2 * wide) / (1 - above)] : [0, 1];
      minimod.model(range).setv({ start, end, reset_start: start, reset_end: end });
    };
    const step = Math.min(0.06, 0.5 / marked.length);
    ends("x-range", of_x.map(across), 0.12);
    ends("heat-x-range", [-0.5, of_x.length - 0.5], 0);
    ends("heat-y-range", [-0.5, of_by.length - 0.5], 0);
    ends("y-range", [up(chance), ...points.flatMap(({ low, high }) => [up(low), up(high)])], 0.05,
      marked.length * step);
    const { start, end } = minimod.model("y-range");
    const edge = (value) => end - (marked.indexOf(value) + 0.5) * step * (end - start);

    const fill = (name, records) => {
      const source = minimod.model(name), columns = Object.keys(source.data);
      source.data = Object.fromEntries(columns.map((column) => [column, records.map((record) => record[column])]));
    };
    const dress = (axis, { label, is_text, values, texts, log }, is_log) => {
      const ticks = is_text ? texts.map((text, i) => [i, text])
        : is_log && log ? log.ticks.map(([value, text]) => [Math.log10(value), text]) : null;
      axis.axis_label = label;
      axis.major_label_overrides = new Map(ticks ?? []);
      axis.ticker = ticks ? new (Bokeh.Models.get("FixedTicker"))({ ticks: ticks.map(([place]) => place) })
        : new (Bokeh.Models.get("BasicTicker"))();
    };
    const grid = (axis, name, values) => dress(axis, {
      label: axes[name]?.label ?? "", is_text: true, texts: values.map((value) => minimod.text(name, value)),
    });
    const means = points.map(({ mean }) => mean).filter(Number.isFinite);
    minimod.model("colors").setv({ low: Math.min(...means), high: Math.max(...means) });
    minimod.panels.forEach((which, k) => {
      const [curves, heat] = ["curves", "heat"].map((name) => minimod.model(`${name}${which}-plot`));
      curves.visible = heat.visible = k < Math.max(1, of_panel.length);
      if (!curves.visible) return;
      const here = points.filter(({ panel }) => panel === of_panel[k]);
      curves.title.text = heat.title.text = panels in axes ? `${axes[panels].label}: ${minimod.text(panels, of_panel[k])}` : "";
      const line = (value) => of_x.map((each) => here.find((point) => point.by === value && point.x === each))
        .filter((point) => point);
      fill(`lines${which}`, of_by.map((value) => ({
        xs: line(value).map((point) => across(point.x)), ys: line(value).map(({ mean }) => up(mean)), ...look(value),
      })));
      fill(`dots${which}`, here.flatMap((point) => point.finite.map((i) => ({
        x: across(point.x), y: up(runs[y][i]), at: at(point), told: `${axes[y].label} ${number(runs[y][i])}`,
        ...look(point.by), run: runs.run[i], link: pages[runs.run[i]] ?? "",
      }))));
      const record = (point) => ({ x: across(point.x), at: at(point), told: told(point), text: count(point), ...look(point.by) });
      fill(`means${which}`, here.filter(({ finite, runs }) => finite.length && runs > 1).map((point) => (
        { ...record(point), y: up(point.mean) }
      )));
      fill(`never${which}`, here.filter(({ never }) => never).map((point) => ({ ...record(point), y: edge(point.by) })));
      fill(`cells${which}`, here.map((point) => ({
        ...record(point), x: of_x.indexOf(point.x), y: of_by.indexOf(point.by), mean: point.mean,
      })));
      minimod.model(`chance${which}`).setv({ location: up(chance), visible: !Number.isNaN(chance) });
      dress(curves.below[0], axes[x], logs.x);
      dress(curves.left[0], axes[y], logs.y);
      grid(heat.below[0], x, of_x);
      grid(heat.left[0], by, of_by);
    });

    // The points as a table, in the words of the columns.
    const columns = { runs: ({ runs }) => runs, never: ({ never }) => never, "not measured": ({ runs, known }) => runs - known.length,
      [`mean of ${y}`]: ({ mean }) => mean, [`lowest ${y}`]: ({ low }) => low, [`highest ${y}`]: ({ high }) => high,
      over: ({ over }) => over.map(([name, n]) => `${n} ${minimod.facts.plurals[name]}`).join(" × ") };
    for (const name of fixed) columns[name] = () => state[name];
    for (const [name, key] of [[x, "x"], [by, "by"], [panels, "panel"]]) if (name in axes) columns[name] = (point) => minimod.text(name, point[key]);
    minimod.model("points").data = Object.fromEntries(Object.entries(columns).reverse().map(([name, of]) => [name, points.map(of)]));

    const sum = (part) => points.reduce((all, point) => all + part(point), 0);
    const [n, never, missing] = [sum(({ runs }) => runs), sum(({ never }) => never), sum(({ runs, known }) => runs - known.length)];
    const several = [...new Set(points.map(({ over }) => over.map(([name, n]) => `${n} ${minimod.facts.plurals[name]}`).join(" × ")))];
    document.getElementById("told").textContent = [
      `${n} of ${runs.run.length} runs are drawn${fixed.map((name) => `, ${axes[name].label} ${state[name]}`).join("")}`,
      several.some((text) => text) ? `a mean is over ${several.map((text) => text || "one run").join(" or ")}` : "",
      never ? `▲ 3/8 at the upper edge: of 8 runs 3 never came there; they are in no mean (${never} of ${n} here)` : "",
      missing ? `${missing} are not measured and in no mean` : "", Number.isNaN(chance) ? "" : `dotted: chance, ${number(chance)}`,
      of_panel.length > minimod.panels.length ? `${minimod.panels.length} of ${of_panel.length} panels are shown` : "",
    ].filter((part) => part).join("; ") + ".";
    document.getElementById("looks").replaceChildren(axes[by]?.label ?? "", ...(by in axes ? of_by : []).map((value) => {
      const item = document.createElement("li"), { color, letter, dash } = look(value);
      item.innerHTML = `<svg width="48" height="16" aria-hidden="true"><line x1="0" x2="48" y1="8" y2="8" stroke="${color}"
        stroke-width="2" stroke-dasharray="${dash === "solid" ? "" : dash}"/><text x="24" y="13" text-anchor="middle"
        fill="${color}">${letter}</text></svg> `;
      item.append(minimod.text(by, value));
      return item;
    }));
  },

  // The page of the run whose dot is nearest to where the plot was clicked on or tapped.
  open: ({ plot, dots, event }) => {
    const { x_scale, y_scale } = Bokeh.index.find_one(plot).frame, { x, y, link } = dots.data;
    const far = Array.from(x, (_, i) => Math.hypot(x_scale.compute(x[i]) - event.sx, y_scale.compute(y[i]) - event.sy));
    const i = far.indexOf(Math.min(...far));
    if (far[i] <= 16 && link[i]) location.href = link[i];
  },
});

addEventListener("DOMContentLoaded", () => {
  minimod.facts = JSON.parse(document.getElementById("facts").textContent);
  const { axes, controls, n_panels } = minimod.facts;
  if (!axes) return;
  minimod.panels = Array.from({ length: n_panels }, (_, k) => k ? `-${k}` : "");
  minimod.watch([...Object.keys(controls), "log-x", "log-y"], minimod.sweep);
  // Another column comes with the scale that suits it.
  document.addEventListener("input", ({ target: { dataset: { state }, value } }) => {
    if (["x", "y"].includes(state)) minimod.set({ [`log-${state}`]: String(axes[value].is_log) });
  });
});
