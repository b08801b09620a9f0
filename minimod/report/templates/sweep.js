// What the controls of a sweep's page do.
"use strict";

Object.assign(minimod, {
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
});
