// The functions of all pages: the state of the page and its address, plots and their data, tables.
"use strict";

const minimod = {
  // The state: name -> text, by the names of controls with data-state. Values that differ from the beginning are in the
  // address, after the # and the section, as in #pairs&epoch=20.
  state: {}, beginning: {}, section: "", watchers: [], drawn: new Set(),

  // Call `draw` when one of the names changes. With `plot`: only after this plot is drawn, and once when it is drawn.
  watch: (names, draw, plot) => minimod.watchers.push({ names, draw, plot }),

  controls: (name) => Array.from(document.querySelectorAll(`[data-state="${name}"]`)),

  // The value of a control as text. The stops of a slider are in data-options.
  value: ({ type, checked, value, dataset: { options } }) =>
    type === "checkbox" ? String(checked) : options ? JSON.parse(options)[value] : value,

  put: (control, text) => {
    const { type, dataset: { options } } = control;
    if (type === "checkbox") control.checked = text === "true";
    else control.value = options ? JSON.parse(options).indexOf(text) : text;
    if (options) control.setAttribute("aria-valuetext", minimod.value(control));
  },

  // Change the state. A value that a control does not offer changes nothing.
  set: (changes) => {
    for (const [name, text] of Object.entries(changes)) {
      const controls = minimod.controls(name);
      controls.forEach((control) => minimod.put(control, text));
      const taken = controls.every((control) => minimod.value(control) === text);
      minimod.state[name] = taken ? text : minimod.state[name] ?? minimod.beginning[name];
      controls.forEach((control) => minimod.put(control, minimod.state[name]));
      document.querySelectorAll(`[data-of="${name}"]`).forEach((place) => { place.textContent = minimod.state[name]; });
    }
    const differ = Object.entries(minimod.state).filter(([name, value]) => value !== minimod.beginning[name]);
    const parts = [minimod.section, new URLSearchParams(differ).toString()].filter((part) => part);
    history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
    for (const { names, draw, plot } of minimod.watchers) {
      if (names.some((name) => name in changes) && (!plot || minimod.drawn.has(plot))) draw(minimod.state);
    }
  },

  // Set the state to the address. Names that are not in the address get their values of the beginning.
  follow: () => {
    const asked = new URLSearchParams(location.hash.slice(1)), known = {};
    minimod.section = "";
    for (const [name, value] of asked) {
      if (value === "" && document.getElementById(name)) minimod.section = name;
      else if (name in minimod.beginning) known[name] = value;
    }
    minimod.state = {};
    minimod.set({ ...minimod.beginning, ...known });
    minimod.reach(document.getElementById(minimod.section));
  },

  // Scroll to a place. Before, open its fold if it is in one, and draw the fold's plots, because plots move the place.
  reach: async (place) => {
    const fold = place?.closest("details");
    if (fold) {
      fold.open = true;
      await Promise.all(Array.from(fold.querySelectorAll(".plot"), draw));
    }
    place?.scrollIntoView();
  },

  model: (name) => Bokeh.documents.map((doc) => doc.get_model_by_name(name)).find((model) => model),

  tagged: (tag) => Bokeh.documents.flatMap((doc) => [...doc.all_models].filter(({ tags }) => tags.includes(tag))),

  // A reviver for JSON.parse: it unpacks the arrays of numbers that page.py has packed.
  unpack: (_, value) => value?.base64 === undefined ? value
    : new globalThis[`${value.type}Array`](Uint8Array.from(atob(value.base64), (x) => x.charCodeAt(0)).buffer),

  percent: (share) => !Number.isFinite(share) ? "-" : `${Number((100 * share).toPrecision(3))} %`,

  // Put check boxes before the plot of a chart. A box switches one series on and off.
  legend: (place, { tags: [looks], children }) => {
    const boxes = document.createElement("div");
    boxes.className = "boxes";
    for (const [name, look] of Object.entries(looks)) {
      const label = boxes.appendChild(document.createElement("label")), box = document.createElement("input");
      Object.assign(box, { type: "checkbox", checked: true, onchange: () => children.forEach(({ renderers }) =>
        renderers.filter((each) => each.name === name).forEach((each) => { each.visible = box.checked; })) });
      label.append(box, `${name} (${look})`);
    }
    place.before(boxes);
  },

  // csvs: plot -> a function that makes its CSV lines, if its model does not. about: plot -> columns on every line.
  csvs: {}, about: {},

  lines: (name) => {
    if (minimod.csvs[name]) return minimod.csvs[name]();
    const { data, children } = minimod.model(name);
    if (children) return minimod.points(children);
    const columns = Object.keys(data);
    return [columns, ...Array.from(data[columns[0]], (_, i) => columns.map((column) => data[column][i]))];
  },

  // The data of a plot as CSV. A text that a spreadsheet would read as a formula gets an apostrophe.
  csv: (name) => {
    const cell = (value) => {
      if (typeof value !== "string") return Number.isNaN(value) ? "" : String(value);
      const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const about = minimod.about[name] ?? {}, [head, ...lines] = minimod.lines(name);
    const all = [[...Object.keys(about), ...head], ...lines.map((line) => [...Object.values(about), ...line])];
    return all.map((line) => line.map(cell).join(",")).join("\n") + "\n";
  },

  // The series of one panel of a chart: name -> data.
  series: (panel) => new Map(panel.renderers.map((each) => [each.name, each.data_source.data])),

  // All points of these panels, as CSV lines.
  points: (panels) => [["panel", "series", "x", "y", "low", "high", "never"], ...panels.flatMap((panel) =>
    [...minimod.series(panel)].flatMap(([name, { at, y, low, high, never }]) => Array.from(y, (_, i) => [
      panel.title.text.replaceAll("\n", " "), name, at[i], y[i], low?.[i] ?? NaN, high?.[i] ?? NaN, never?.[i] ?? "",
    ])))],

  download: async (name, button) => {
    await Promise.all(Array.from(button.closest("details, section").querySelectorAll(".plot"), draw));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([minimod.csv(name)], { type: "text/csv" }));
    link.download = `${[name, ...Object.entries(minimod.about[name] ?? {}).flat()].join("-")}.csv`;
    link.click();
  },

  // Sort a table by the column of a button in its head. Numbers are sorted as numbers, and empty cells come last.
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

  // Show only the rows of a table that contain the text.
  filter: (input, id) => {
    for (const row of document.getElementById(id).tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(input.value.toLowerCase());
    }
  },

  // Draw models with the tag "ink" black on paper and white on a dark screen. Other colours are in page.css.
  paint: (documents) => {
    const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
    for (const doc of documents) for (const model of doc.all_models) {
      for (const name of ["line_color", "fill_color", "text_color", "major_label_text_color", "major_tick_line_color"]) {
        if (model.tags.includes("ink") && name in model.properties) model[name] = ink;
      }
      if (["Figure", "Legend"].includes(model.type)) model.change.emit();
    }
  },
};

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => minimod.paint(Bokeh.documents));
for (const name of ["beforeprint", "afterprint"]) addEventListener(name, () => minimod.paint(Bokeh.documents));

// Draw a plot in its place, once, with legends, and a name for screen readers. Its model is in the script after it.
const draw = (place) => place.promise ??= (async () => {
  const item = JSON.parse(place.nextElementSibling.textContent);
  const { model: root } = (await Bokeh.embed.embed_item(item, place.id)).get_by_id(item.root_id);
  for (const model of root.document.all_models) {
    if (model.type === "Row" && model.tags.length) minimod.legend(place, model);
    if (model.type !== "Figure") continue;
    const { canvas_view: { el } } = Bokeh.index.find_one(model), axes = [...model.below, ...model.left];
    const about = [place.closest("section")?.querySelector("h2").textContent, model.title?.text, ...axes.map((axis) => axis.axis_label)];
    el.setAttribute("role", "img");
    el.setAttribute("aria-label", about.filter((text) => text).join(", "));
  }
  minimod.paint([root.document]);
  minimod.drawn.add(place.id);
  minimod.watchers.filter(({ plot }) => plot === place.id).forEach((watcher) => watcher.draw(minimod.state));
  for (const button of place.parentElement.querySelectorAll("button.csv")) {      // one of two runs may not have the data
    button.hidden = !(button.dataset.csv in minimod.csvs) && !minimod.model(button.dataset.csv);
  }
})();

// A typed number changes the state when it is complete. Other controls change the state at once.
for (const kind of ["input", "change"]) document.addEventListener(kind, ({ target }) => {
  if (target.dataset.state && (target.type === "number") === (kind === "change")) {
    minimod.set({ [target.dataset.state]: minimod.value(target) });
  }
});
addEventListener("hashchange", () => minimod.follow());

// A link to a section keeps the state.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (!link) return;
  event.preventDefault();
  history.pushState(null, "", location.href);
  minimod.section = link.hash.slice(1);
  minimod.set({});
  minimod.reach(document.getElementById(minimod.section));
});

// When a fold is opened, its plots are drawn, and the address names the fold.
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
  minimod.begin?.();
  minimod.follow();
  // Draw one plot after the other, so that the first plot can be used at once.
  for (const place of document.querySelectorAll("main .plot:not(.later > .plot)")) {
    await draw(place);
    await new Promise((resolve) => setTimeout(resolve));
  }
  document.getElementById(minimod.section)?.scrollIntoView();
  document.body.dataset.ready = "yes";
});
