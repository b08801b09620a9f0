// What the controls of a page do. Plots and their data are Bokeh's, found by name or handed in by panels.py.
"use strict";

const minimod = {
  model: (name) => Bokeh.documents.map((doc) => doc.get_model_by_name(name)).find((model) => model),

  percent: (share) => Number.isNaN(share) ? "-" : `${(100 * share).toPrecision(3)} %`,

  // Curves by name are there or not.
  visible: ({ lines, event }) => lines.forEach((of_name, i) => of_name.forEach((line) => {
    line.visible = event.active.includes(i);
  })),

  // The panel of mask curves that is chosen, and what they are at the share of the slider.
  mask: ({ figures, lines, places, share, told, which }) => {
    const i = share.categories.indexOf(share.value), chosen = which.options.indexOf(which.value);
    figures.forEach((each, j) => { each.visible = j === chosen; });
    lines.forEach((line) => { line.location = places[i]; });
    const rows = [...minimod.series(figures[chosen])].filter(([, { y }]) => y.length === places.length)
      .map(([name, { y }]) => [name, y[i]]);
    rows.sort((x, y) => y[1] - x[1]);
    told.text = `${share.value} of the neurons kept\n`
      + rows.map(([name, value]) => `${name.padEnd(18)}${minimod.percent(value)}`).join("\n");
  },

  // The column that is pointed at, in words; of an earlier network, which neuron it is.
  point: ({ image, table, words, told, components, largest, what, event }) => {
    const n = words.length;
    const [i, k] = [Math.floor(event.x), Math.round(event.y)];
    if (i < 0 || i >= n || k < 1 || k > components.length) return;
    const power = image.data.image[0][(k - 1) * n + i] / 255 * largest;
    const neuron = minimod.earlier ? `neuron ${table.data.neuron[i]}, ${minimod.earlier}` : words[i];
    told.text = `${neuron}\npower at ${what} ${components[k - 1]}: ${minimod.percent(power)}`;
  },

  // The slider goes to the neuron nearest to the column that is clicked on, of those that are shown one by one.
  pick: ({ ranked, rank, event }) => {
    const far = ranked.map((column) => Math.abs(column + 0.5 - event.x));
    rank.value = rank.categories[far.indexOf(Math.min(...far))];
  },

  // The neuron of the slider: its weights, and what it is filtered to.
  neuron: ({ ranked, rank, curves, P, at, sources }) => {
    const i = rank.categories.indexOf(rank.value);
    at.location = ranked[i] + 0.5;
    ["u", "v", "w"].forEach((vector, j) => {
      const part = (name) => minimod.piece(curves.data[`${vector} ${name}`], i, P);
      sources[j].data = { position: part("position"), weight: part("weight"), dominant: part("dominant") };
    });
  },

  // The pairs under the method that is chosen, at the snapshot that is chosen; counts of each outcome.
  pairs: ({ source, which, told, stored, P, last, outcomes }) => {
    const epoch = minimod.earlier ?? last;
    const then = stored.data[`${which.value}, ${epoch}`];
    const table = then ?? stored.data[`${which.value}, ${last}`];
    minimod.show(source, table);
    const counts = outcomes.map((name, i) => [name, Array.from(table).filter((x) => x === i).length]);
    told.text = `${which.value}, ${then ? epoch : `${last} (earlier ones: only of some methods)`}\n`
      + counts.filter(([, n]) => n).map(([name, n]) => `${name.padEnd(24)}${n}`).join("\n");
  },

  // The pair that is pointed at, in words.
  pair: ({ source, told, P, outcomes, words, event }) => {
    const [a, b] = [Math.floor(event.y), Math.floor(event.x)];
    if (a < 0 || b < 0 || a >= P || b >= P) return;
    told.text = `a = ${words[a]}, b = ${words[b]}: ${outcomes[source.data.image[0][a * P + b]]}`;
  },

  // Spectrum, phases and pairs at a snapshot.
  moment: ({ when, shares, phase_c, phase_sum }) => {
    const n = when.categories.length, i = when.categories.indexOf(when.value);
    minimod.earlier = i < n - 1 ? when.value : undefined;
    const part = ({ data }) => minimod.piece(data.all, i, data.all.length / n);
    if (shares) minimod.show(minimod.model("spectrum"), part(shares));
    if (phase_c) {
      const [x, y, source] = [part(phase_c), part(phase_sum), minimod.model("phases-plot").renderers[0].data_source];
      source.data = { ...source.data, x, y, at: x };
    }
    for (const name of ["pairs-method", "pairs-2-method"]) minimod.model(name).properties.value.change.emit();
  },

  // Piece i of n numbers.
  piece: (all, i, n) => Float64Array.from({ length: n }, (_, j) => all[i * n + j]),

  // Other numbers in an image.
  show: (source, numbers) => {
    source.data.image[0].set(numbers);
    source.change.emit();
  },

  // Runs as dots with a line through their means, and the means as a heat map, by the columns that are chosen.
  sweep: ({ source, links, looks, ticks_of_text, ticks_of_numbers }) => {
    const runs = source.data, [x, y, by] = ["sweep-x", "sweep-y", "sweep-by"].map(minimod.model);
    const [X, Y, B] = [x, y, by].map((choice) => Array.from(runs[choice.value] ?? runs.run.map(() => "")));
    const order = (p, q) => typeof p !== typeof q ? (typeof p === "number" ? 1 : -1)
      : typeof p === "number" ? p - q : p.localeCompare(q);
    const [of_x, of_by] = [X, B].map((values) => [...new Set(values)].sort(order));
    const is_text = of_x.some((value) => typeof value !== "number");
    const place = (value) => is_text ? of_x.indexOf(value) : value;
    const look = (value) => looks[of_by.indexOf(value) % looks.length];
    const rows = X.map((_, i) => i).filter((i) => Number.isFinite(Y[i]));
    const means = of_by.map((b) => of_x.map((value) => {
      const there = rows.filter((i) => X[i] === value && B[i] === b);
      return there.reduce((sum, i) => sum + Y[i], 0) / there.length;
    }));
    const fill = (name, records) => {
      const source = minimod.model(name), columns = Object.keys(source.data);
      source.data = Object.fromEntries(columns.map((column) => [column, records.map((record) => record[column])]));
    };
    fill("points", rows.map((i) => ({
      x: place(X[i]), y: Y[i], at: String(X[i]), by: String(B[i]), ...look(B[i]), run: runs.run[i], link: links[i],
    })));
    fill("lines", of_by.map((b, j) => ({ xs: of_x.map(place), ys: means[j], ...look(b) })));
    fill("cells", means.flatMap((line, j) => line.map((mean, i) => (
      { x: i, y: j, at: String(of_x[i]), by: String(of_by[j]), mean }
    ))).filter(({ mean }) => !Number.isNaN(mean)));
    const [curves, heat] = ["curves-plot", "heat-plot"].map(minimod.model);
    const label = (axis, text, values) => {
      axis.axis_label = text.replaceAll("_", " ");
      axis.major_label_overrides = new Map((values ?? []).map((value, i) => [i, String(value)]));
      if (values) axis.ticker.ticks = values.map((_, i) => i);
    };
    curves.below[0].ticker = is_text ? ticks_of_text : ticks_of_numbers;
    label(curves.below[0], x.value, is_text ? of_x : null);
    label(curves.left[0], y.value);
    label(heat.below[0], x.value, of_x);
    label(heat.left[0], by.value, of_by);
  },

  // The page of the run that was clicked on.
  open: () => {
    const { data, selected } = minimod.model("points");
    const link = selected.indices.map((i) => data.link[i]).find((each) => each);
    if (link) location.href = link;
  },

  // The data of a plot as CSV. Text that a spreadsheet would take for a formula gets an apostrophe.
  csv: (name) => {
    const cell = (value) => {
      if (typeof value !== "string") return Number.isNaN(value) ? "" : String(value);
      const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const { data, tags, children } = minimod.model(name);
    const columns = Object.keys(data ?? {});
    const lines = children ? minimod.points(children) : columns[0] === "image" ? minimod.rows(data.image[0], tags)
      : [columns, ...Array.from(data[columns[0]], (_, i) => columns.map((column) => data[column][i]))];
    return lines.map((line) => Array.from(line, cell).join(",")).join("\n") + "\n";
  },

  // The series of a chart's panel: name -> data.
  series: (panel) => new Map(panel.renderers.map((each) => [each.name, each.data_source.data])),

  // All points of a chart's panels.
  points: (panels) => [["panel", "series", "x", "y", "low", "high"], ...panels.flatMap((panel) =>
    [...minimod.series(panel)].flatMap(([name, { at, y, low, high }]) => Array.from(y, (_, i) =>
      [panel.title.text.replaceAll("\n", " "), name, at[i], y[i], low?.[i] ?? NaN, high?.[i] ?? NaN])))],

  // An image with what its columns, rows and numbers are.
  rows: (image, [columns, rows, names, scale]) => [["", ...columns], ...rows.map((row, i) => [
    row, ...Array.from(minimod.piece(image, i, columns.length), (x) => names[x] ?? x * scale),
  ])],

  download: (name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([minimod.csv(name)], { type: "text/csv" }));
    link.download = `${name}.csv`;
    link.click();
  },

  // Sort a table by the column of a button in its head: numbers as numbers, nothing last.
  sort: (button) => {
    const head = button.closest("th"), table = head.closest("table"), place = head.cellIndex;
    const down = head.getAttribute("aria-sort") !== "descending";
    const key = (row) => row.cells[place].dataset.value ?? row.cells[place].textContent;
    const rows = Array.from(table.tBodies[0].rows).sort((x, y) => {
      const [p, q] = [key(x), key(y)], [m, n] = [p, q].map((text) => text.trim() ? Number(text) : NaN);
      if (Number.isNaN(m) !== Number.isNaN(n)) return Number.isNaN(m) ? 1 : -1;
      const order = Number.isNaN(m) ? p.localeCompare(q) : m - n;
      return down ? -order : order;
    });
    table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    table.tBodies[0].append(...rows);
  },

  // Only the rows of a table that have the text.
  filter: (input, id) => {
    for (const row of document.getElementById(id).tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(input.value.toLowerCase());
    }
  },

  // What has ink is black on paper and white on a dark screen. Plots read the colours of all else in page.css.
  paint: () => {
    const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
    for (const doc of Bokeh.documents) for (const model of doc.all_models) {
      for (const name of ["line_color", "fill_color", "major_label_text_color", "major_tick_line_color"]) {
        if (model.tags.includes("ink") && name in model.properties) model[name] = ink;
      }
      if (["Figure", "Legend"].includes(model.type)) model.change.emit();
    }
  },
};

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => minimod.paint());
for (const name of ["beforeprint", "afterprint"]) addEventListener(name, () => minimod.paint());

// A plot in its place. Its model lies in the script behind the place.
const draw = async (place) => {
  await Bokeh.embed.embed_item(JSON.parse(place.nextElementSibling.textContent), place.id);
  minimod.paint();
};

// Plots that are drawn when they come near the window.
const observer = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => {
  observer.unobserve(target);
  draw(target);
}), { rootMargin: "600px" });

addEventListener("load", async () => {
  document.querySelectorAll(".later > .plot").forEach((place) => observer.observe(place));
  await Promise.all(Array.from(document.querySelectorAll("section > .plot"), draw));
  const controls = ["masks-slider", "neuron-slider", "time-slider", "pairs-method", "pairs-2-method", "sweep-x"];
  for (const control of controls.map(minimod.model).filter((each) => each)) {
    control.properties.value.change.emit();
    Bokeh.index.find_one(control).shadow_el.querySelector("[role=slider]")?.setAttribute("aria-label", control.title);
  }
  document.body.dataset.ready = "yes";
});
