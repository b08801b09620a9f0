// What all pages do: what they show and the address that says so, plots and their data, tables.
"use strict";

const minimod = {
  // What the page shows: name -> text. Controls with data-state have the names. What differs from the beginning stands in
  // the address, behind the # and the section, as in #pairs&epoch=20.
  state: {}, beginning: {}, section: "", watchers: [],

  // Call `draw` when one of the names has changed, and when all plots are there.
  watch: (names, draw) => minimod.watchers.push({ names, draw }),

  // Show something else. A control takes only what it offers.
  set: (changes) => {
    for (const control of document.querySelectorAll("[data-state]")) {
      const name = control.dataset.state;
      if (!(name in changes)) continue;
      if (control.type === "checkbox") control.checked = changes[name] === "true";
      else control.value = changes[name];
      changes[name] = minimod.value(control) || minimod.state[name];
      if (control.type !== "checkbox") control.value = changes[name];
    }
    Object.assign(minimod.state, changes);
    const differ = Object.entries(minimod.state).filter(([name, value]) => value !== minimod.beginning[name]);
    const parts = [minimod.section, new URLSearchParams(differ).toString()].filter((part) => part);
    history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
    for (const { names, draw } of minimod.watchers) if (names.some((name) => name in changes)) draw(minimod.state);
  },

  value: (control) => control.type === "checkbox" ? String(control.checked) : control.value,

  // Show what the address says; what it does not name is as at the beginning.
  follow: () => {
    const asked = new URLSearchParams(location.hash.slice(1)), known = {};
    for (const [name, value] of asked) {
      if (value === "" && document.getElementById(name)) minimod.section = name;
      else if (name in minimod.beginning) known[name] = value;
    }
    minimod.set({ ...minimod.beginning, ...known });
    minimod.reach(document.getElementById(minimod.section));
  },

  // Go to a place; what it is folded in is opened, and drawn before, since plots move what is below.
  reach: async (place) => {
    const fold = place?.closest("details");
    if (fold) {
      fold.open = true;
      await Promise.all(Array.from(fold.querySelectorAll(".plot"), draw));
    }
    place?.scrollIntoView();
  },

  model: (name) => Bokeh.documents.map((doc) => doc.get_model_by_name(name)).find((model) => model),

  percent: (share) => Number.isNaN(share) ? "-" : `${(100 * share).toPrecision(3)} %`,

  // Curves by name are there or not.
  visible: ({ lines, event }) => lines.forEach((of_name, i) => of_name.forEach((line) => {
    line.visible = event.active.includes(i);
  })),

  // Piece i of n numbers.
  piece: (all, i, n) => Float64Array.from({ length: n }, (_, j) => all[i * n + j]),

  // Other numbers in an image.
  show: (source, numbers) => {
    source.data.image[0].set(numbers);
    source.change.emit();
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
  points: (panels) => [["panel", "series", "x", "y", "low", "high", "never"], ...panels.flatMap((panel) =>
    [...minimod.series(panel)].flatMap(([name, { at, y, low, high, never }]) => Array.from(y, (_, i) => [
      panel.title.text.replaceAll("\n", " "), name, at[i], y[i], low?.[i] ?? NaN, high?.[i] ?? NaN, never?.[i] ?? "",
    ])))],

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
  if (place.dataset.drawn) return;
  place.dataset.drawn = "yes";
  await Bokeh.embed.embed_item(JSON.parse(place.nextElementSibling.textContent), place.id);
  minimod.paint();
};

document.addEventListener("input", ({ target }) => {
  if (target.dataset.state) minimod.set({ [target.dataset.state]: minimod.value(target) });
});
addEventListener("hashchange", () => minimod.follow());

// What is opened is drawn, and the address names it.
document.addEventListener("toggle", ({ target }) => {
  if (!target.open || !target.id) return;
  target.querySelectorAll(".plot").forEach(draw);
  if (target.contains(document.getElementById(minimod.section))) return;
  minimod.section = target.id;
  minimod.set({});
}, true);

addEventListener("load", async () => {
  for (const control of document.querySelectorAll("[data-state]")) {
    minimod.beginning[control.dataset.state] ??= minimod.value(control);
  }
  await Promise.all(Array.from(document.querySelectorAll("section > .plot"), draw));
  const controls = ["masks-slider", "neuron-slider", "time-slider", "pairs-method", "pairs-2-method", "sweep-x"];
  for (const control of controls.map(minimod.model).filter((each) => each)) {
    control.properties.value.change.emit();
    Bokeh.index.find_one(control).shadow_el.querySelector("[role=slider]")?.setAttribute("aria-label", control.title);
  }
  minimod.follow();
  document.body.dataset.ready = "yes";
});
