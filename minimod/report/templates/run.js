// The page of a run: views of its numbers at the chosen epoch, neuron, component, pair and methods. The numbers come
// from page_data.py.
"use strict";

const VECTORS = ["u", "v", "w"], MATRICES = ["U", "V", "W"];

class Run {
  constructor(script) {
    this.of = script.dataset.of;
    Object.assign(this, JSON.parse(script.textContent, minimod.unpack));
    this.P = this.words.length;
    this.rows = this.components?.map((_, k) => this.rows_of(k + 1));
    [this.parts, this.images] = [{}, {}];
  }

  // The places of the basis vectors of a component.
  rows_of(k) { return Array.from(this.component_of.keys()).filter((r) => this.component_of[r] === k); }

  moment() { return this.moments.findLast(({ epoch }) => epoch <= Number(minimod.state.epoch)) ?? this.moments[0]; }

  place(then) { return then.neurons.indexOf(Number(minimod.state.neuron)); }

  component() { return Math.max(1, 1 + this.components.indexOf(minimod.state.component)); }

  // One vector of the j-th neuron of a moment, with P weights. v = 0, 1, 2 means u, v, w.
  vector({ weights, scale, neurons }, v, j) {
    const i = v * neurons.length + j;
    return Float64Array.from(weights.subarray(i * this.P, (i + 1) * this.P), (x) => x * scale[i]);
  }

  basis(v, r) { return this.bases.subarray((v * this.component_of.length + r) * this.P).subarray(0, this.P); }

  // The coefficient of a vector: x · basis vector r.
  coefficient(v, r, x) {
    const e = this.basis(v, r);
    let sum = 0;
    for (let t = 0; t < this.P; t++) sum += e[t] * x[t];
    return sum;
  }

  // The filtered vector: its part in component k.
  kept(v, k, x) {
    const part = new Float64Array(this.P);
    for (const r of this.rows[k - 1]) {
      const c = this.coefficient(v, r, x), e = this.basis(v, r);
      for (let t = 0; t < this.P; t++) part[t] += c * e[t];
    }
    return part;
  }

  // u, v and w of all neurons at the last moment: the vectors themselves (raw), or their dominant or residual parts.
  part(name) {
    const then = this.moments.at(-1), n = then.neurons.length;
    return this.parts[name] ??= Array.from({ length: n }, (_, j) => [0, 1, 2].map((v) => {
      const x = this.vector(then, v, j);
      if (name === "raw") return x;
      const kept = this.kept(v, then.component[v * n + j], x);
      return name === "dominant" ? kept : x.map((weight, t) => weight - kept[t]);
    }));
  }

  // f = W φ(u[a] + v[b]) + μ. The dominant part has no μ.
  logits(name, a, b) {
    const f = name === "dominant" ? new Float64Array(this.P) : Float64Array.from(this.mu);
    for (const [u, v, w] of this.part(name)) {
      const h = this.activation(u[a] + v[b]);
      if (h !== 0) for (let c = 0; c < this.P; c++) f[c] += h * w[c];
    }
    return f;
  }

  // φ(z), interpolated between two of the stored places.
  activation(z) {
    const { range, value } = this.phi, at = (z / range + 1) * (value.length - 1) / 2;
    const i = Math.max(0, Math.min(value.length - 2, Math.floor(at)));
    return value[i] + (at - i) * (value[i + 1] - value[i]);
  }

  model(name) { return minimod.model(this.of + name); }

  fill(name, data) { this.model(name).data = data; }

  tell(name, text) {
    const place = document.getElementById(this.of + name);
    if (place) place.textContent = text;
  }

  // Show numbers as an image with `width` columns. Its CSV has names of rows and columns, and the columns of `about`.
  image(name, numbers, width, about, [columns, rows, cell] = []) {
    const { data: { image: [{ constructor: NDArray }] } } = this.model(name);
    this.fill(name, { image: [new NDArray(numbers, [numbers.length / width, width])] });
    this.images[name] = (i, j) => cell(numbers[j * width + i]);
    minimod.about[this.of + name] = about;
    minimod.csvs[this.of + name] = () => [["", ...columns], ...Array.from({ length: numbers.length / width }, (_, i) =>
      [rows[i], ...Array.from(numbers.subarray(i * width, (i + 1) * width), cell)])];
  }

  // Show the labels of all pairs as an image.
  table(name, labels, about) {
    this.image(name, labels, this.P, about, [this.words, this.words, (label) => this.words[label] ?? ""]);
  }

  say(name, about) { minimod.about[this.of + name] = about; }

  // Move the vertical line with this tag, in all plots that have it.
  line(tag, location) { for (const span of minimod.tagged(this.of + tag)) span.location = location; }

  // Move the square around the chosen pair, in one picture.
  mark(name) {
    const at = this.model(`${name}-at`), [a, b] = this.pair();
    if (at) at.data = Math.min(a, b) < 0 ? { x: [], y: [] } : { x: [b + 0.5], y: [a + 0.5] };
  }

  // Say what the rule, the labels and the network have for a pair.
  tell_pair(a, b) {
    if (Math.min(a, b) < 0) return ["tables", "pairs-1", "pairs-2"].forEach((name) => this.tell(`${name}-told`, "this run has no such pair"));
    const i = a * this.P + b, { answers, filtered } = this.moment(), pair = `a = ${this.words[a]}, b = ${this.words[b]}`;
    const said = Object.entries({ "the rule": this.rule, shown: this.given, answers, filtered })
      .filter(([, table]) => table).map(([name, table]) => `${name} ${this.words[table[i]] ?? "nothing"}`);
    this.tell("tables-told", `${pair}: ${said.join(", ")}`);
    ["pairs-1-told", "pairs-2-told"].forEach((name, j) => {
      this.tell(name, `${pair}: ${this.outcomes[this.moment().outcomes[this.method(j)][i]]}`);
    });
  }

  pair() { return ["a", "b"].map((name) => this.words.indexOf(minimod.state[name])); }

  // The method of the first or the second picture of all pairs.
  method(i) {
    const asked = minimod.state[["first", "second"][i]];
    return asked in this.moment().outcomes ? asked : "raw";
  }
}

// A view draws one part of the page of one run: once when its plot is drawn, and when one of `names` changes.
// names: the names in the state that the view depends on. plot: the plot that the view draws in.
const PICTURES = ["rule", "given", "answers", "filtered"];
const VIEWS = [
  { names: ["epoch"], draw: (run) => {
    const { epoch, sentence, headline } = run.moment();
    run.tell("sentence", (String(epoch) === minimod.state.epoch ? "" : `At epoch ${epoch}: `) + sentence);
    headline.forEach((share, i) => run.tell(`headline-${i}`, minimod.percent(share)));
  } },

  { names: [], plot: "tables", draw: (run) => {
    run.table("rule", run.rule, {});
    run.table("given", run.given, {});
  } },

  { names: ["epoch"], plot: "tables", draw: (run) => {
    const { epoch, answers, filtered } = run.moment();
    run.table("answers", answers, { epoch });
    if (filtered) run.table("filtered", filtered, { epoch });
  } },

  { names: ["epoch", "a", "b"], plot: "tables", draw: (run) => {
    for (const name of PICTURES) run.mark(name);
    run.tell_pair(...run.pair());
  } },

  ...["training", "growth"].map((plot) => ({ names: ["epoch"], plot, draw: (run) => {
    const panel = run.model(`${plot === "training" ? "accuracies" : plot}-plot`), { at, x } = panel.renderers[0].data_source.data;
    run.line("epoch", x[at.findLastIndex((value) => value <= run.moment().epoch)] ?? x[0]);
  } })),

  { names: ["epoch"], plot: "neurons", draw: (run) => {
    const then = run.moment(), { epoch, shares, neurons } = then, n = run.columns.length;
    run.image("spectrum", shares, n, { epoch }, [run.columns, run.components, (x) => x / 255 * run.largest]);
    const rows = Array.from(run.component_of, (k, r) => k ? `${run.components[k - 1]}, ${run.rows[k - 1].indexOf(r)}` : "mean");
    MATRICES.forEach((name, v) => {
      const vectors = Array.from(run.columns, (m) => run.vector(then, v, neurons.indexOf(m)));
      const all = new Float64Array(rows.length * n);
      run.component_of.forEach((k, r) => {
        if (k) vectors.forEach((x, i) => { all[r * n + i] = run.coefficient(v, r, x); });
      });
      const most = all.reduce((most, x) => Math.max(most, Math.abs(x)), 0) || 1;
      Object.assign(run.model(`signed-${name}-colors`), { low: -most, high: most });
      run.image(`signed-${name}`, all, n, { epoch, vector: name }, [run.columns, rows, (x) => x]);
    });
  } },

  { names: ["epoch"], plot: "components", draw: (run) => {
    const { epoch, counts } = run.moment();
    run.model("components").children.forEach((panel, i) => {
      const { data_source: source } = panel.renderers.find(({ name }) => name === "trained");
      source.data = { ...source.data, y: Array.from(counts[["power", "neurons"][i]]) };
    });
    run.say("components", { epoch });
  } },

  { names: ["epoch"], plot: "phases", draw: (run) => {
    const { epoch, phases } = run.moment(), source = run.model("phases-plot").renderers[0].data_source;
    const [x, y] = [phases.x, phases.y].map((z) => Array.from(z));
    source.data = { ...source.data, x, y, at: x };
    const error = (each) => each === null ? "undefined" : `${each.toFixed(2)} rad`;
    run.tell("phases-told", `epoch ${epoch}: phase error, root mean square, ${error(phases.error)}; before training ${error(run.untrained_error)}`);
    run.say("phases", { epoch });
  } },

  { names: ["epoch", "neuron"], plot: "neurons", draw: (run) => {
    const m = minimod.state.neuron, then = [run.moment(), run.moments.at(-1)].find((each) => run.place(each) >= 0);
    if (!then) return run.tell("neuron-told", `neuron ${m} is not on this page`);
    const j = run.place(then), { epoch, neurons, component } = then;
    run.line("neuron", run.columns.indexOf(Number(m)) + 0.5);
    const ks = VECTORS.map((_, v) => component[v * neurons.length + j]), power = (x) => x.reduce((sum, y) => sum + y * y, 0);
    let share = 0;
    VECTORS.forEach((name, v) => {
      const x = run.vector(then, v, j), kept = run.kept(v, ks[v], x);
      share += power(kept) / (power(x) - power(x.map((_, t) => x.reduce((sum, y) => sum + y, 0) / run.P)) || 1);
      const tokens = run.tokens ? Array.from(run.tokens.subarray(v * run.order, (v + 1) * run.order)) : run.words.map((_, t) => t);
      const ranked = run.tokens ? null : tokens.toSorted((s, t) => kept[s] - kept[t]);
      const points = tokens.map((t, i) => [ranked ? ranked.indexOf(t) : ks[v] * i % run.order, x[t], kept[t], run.words[t]]);
      points.sort((p, q) => p[0] - q[0]);
      const [position, weight, dominant, token] = [0, 1, 2, 3].map((i) => points.map((point) => point[i]));
      run.fill(`neuron-${name}`, { position, weight, dominant, token });
      run.say(`neuron-${name}`, { epoch, neuron: m, [run.what]: run.components[ks[v] - 1] });
    });
    run.tell("neuron-told", `neuron ${m}, epoch ${epoch}: ${run.what} of u, v, w `
      + `${ks.map((k) => run.components[k - 1]).join(", ")}; share ${minimod.percent(share / 3)}`
      + (then === run.moment() ? "" : "; this page has this neuron only at the last epoch"));
  } },

  { names: ["epoch", "component"], plot: "circles", draw: (run) => {
    const then = run.moment(), { epoch, neurons, component } = then, k = run.component(), n = neurons.length;
    const of_k = Array.from(neurons.keys()).filter((j) => component[2 * n + j] === k);
    VECTORS.forEach((name, v) => {
      const vectors = of_k.map((j) => run.vector(then, v, j));
      const [c, s] = run.rows[k - 1].map((r) => vectors.map((x) => run.coefficient(v, r, x)));
      const flat = c.map(() => 0), size = (values) => Math.hypot(...values) || 1;
      run.fill(`neurons-${name}`, { x: c, y: s ?? flat, what: of_k.map((j) => `${neurons[j]}`), angle: flat });
      const on = (values, t) => vectors.reduce((sum, x, i) => sum + x[t] * values[i], 0) / size(values);
      const tokens = Array.from(run.tokens.subarray(v * run.order, (v + 1) * run.order));
      run.fill(`tokens-${name}`, {
        x: tokens.map((t) => on(c, t)), y: tokens.map((t) => on(s ?? flat, t)), what: tokens.map((t) => run.words[t]),
        angle: tokens.map((_, i) => k * i % run.order / run.order),
      });
      for (const kind of ["neurons", "tokens"]) {
        const { x, y } = run.model(`${kind}-${name}`).data, most = 1.1 * Math.max(...x.map(Math.abs), ...y.map(Math.abs)) || 1;
        const { x_range, y_range } = run.model(`${kind}-${name}-plot`);
        for (const range of [x_range, y_range]) Object.assign(range, { start: -most, end: most });
        run.say(`${kind}-${name}`, { epoch, frequency: k });
      }
    });
    const all = run.width, shown = n < all ? `${n} neurons on this page at this epoch (of ${all})` : `${n} neurons`;
    run.tell("circles-told", `epoch ${epoch}: ${of_k.length} of ${shown} have frequency ${k} in w`);
  } },

  { names: ["epoch", "first", "second"], plot: "pairs", draw: (run) => ["pairs", "pairs-2"].forEach((name, i) => {
    const { epoch, outcomes } = run.moment(), method = run.method(i), asked = minimod.state[["first", "second"][i]];
    run.image(name, outcomes[method], run.P, { epoch, method }, [run.words, run.words, (x) => run.outcomes[x]]);
    run.model(`${name}-plot`).title.text = `${method}, epoch ${epoch}`;
    const counts = run.outcomes.map((text, x) => [text, outcomes[method].reduce((sum, y) => sum + (x === y), 0)]);
    const why = asked in run.moments.at(-1).outcomes ? "is here only at the last epoch" : "is not a row of this run";
    run.tell(`${name}-counts`, (method === asked ? "" : `${asked} ${why}. This is ${method}\n`)
      + counts.filter(([, count]) => count).map(([text, count]) => `${text.padEnd(24)}${count}`).join("\n"));
  }) },

  { names: ["epoch", "a", "b", "first", "second"], plot: "pairs", draw: (run) => {
    for (const name of ["pairs", "pairs-2"]) run.mark(name);
    run.tell_pair(...run.pair());
  } },

  { names: ["a", "b"], plot: "logits", draw: (run) => {
    const [a, b] = run.pair(), i = a * run.P + b, there = Math.min(a, b) >= 0;
    const label = there ? { true: run.rule[i], given: run.given[i] } : { true: -1, given: -1 };
    if (!there) run.tell("logits-told", "this run has no such pair");
    const said = [`epoch ${run.moments.at(-1).epoch}, a = ${run.words[a]}, b = ${run.words[b]}`];
    for (const part of run.components ? ["raw", "dominant", "residual"] : ["raw"]) {
      const f = there ? Array.from(run.logits(part, a, b)) : run.words.map(() => 0);
      run.fill(`logits-${part}`, { x: f.map((_, c) => c), y: f, class: run.words });
      for (const [key, c] of Object.entries(label)) {
        run.fill(`logits-${part}-${key}`, c < 0 ? { x: [], y: [] } : { x: [c], y: [f[c]] });
      }
      said.push(`${part} answers ${run.words[f.indexOf(Math.max(...f))]}`);
      run.say(`logits-${part}`, { a: run.words[a], b: run.words[b], part });
    }
    if (there) run.tell("logits-told", said.join("; "));
  } },

  { names: ["masks", "share"], plot: "masks", draw: (run) => {
    const { children: figures } = run.model("masks"), chosen = run.mask_titles.indexOf(minimod.state.masks);
    const i = Number(minimod.controls("share")[0].value);
    figures.forEach((each, j) => { each.visible = j === chosen; });
    const curves = [...minimod.series(figures[chosen])].filter(([, { y }]) => y.length > 2);
    run.line("share", curves[0][1].x[i]);
    const rows = curves.map(([name, { y }]) => [name, y[i]]).sort((x, y) => y[1] - x[1]);
    run.tell("masks-told", `${minimod.state.share} of the neurons kept\n`
      + rows.map(([name, value]) => `${name.padEnd(18)}${minimod.percent(value)}`).join("\n"));
  } },
];

Object.assign(minimod, {
  // Pointing at an image shows its number at this place. A click or a tap chooses the pair or the neuron at this place.
  touch: ({ plot, event }) => {
    const run = minimod.runs.findLast(({ of }) => plot.startsWith(of)), name = plot.slice(run.of.length);
    const [i, j] = [Math.floor(event.x), Math.floor(event.y)], is_tap = event.event_name !== "mousemove";
    const then = run.moment();
    if ([...PICTURES, "pairs", "pairs-2"].includes(name)) {
      if (Math.min(i, j) < 0 || Math.max(i, j) >= run.P) return;
      run.tell_pair(j, i);
      if (is_tap) minimod.set({ a: run.words[j], b: run.words[i] });
    } else if (i >= 0 && i < run.columns.length) {
      const m = run.columns[i], k = name === "spectrum" ? j + 1 : run.component_of[j];
      const size = run.images[name](i, j), is_power = name === "spectrum";
      if (k) run.tell("spectrum-told", `neuron ${m}, epoch ${then.epoch}: ${is_power ? "power" : `coefficient of ${name.at(-1)}`} at `
        + `${run.what} ${run.components[k - 1]}: ${is_power ? minimod.percent(size) : size.toPrecision(3)}`);
      const component = run.components[then.component[2 * then.neurons.length + then.neurons.indexOf(m)] - 1];
      if (is_tap) minimod.set({ neuron: String(m), component });
    }
  },

  // When the mouse leaves an image, show the chosen pair again.
  leave: ({ plot }) => {
    const run = minimod.runs.findLast(({ of }) => plot.startsWith(of));
    run.tell_pair(...run.pair());
  },

  // Play the snapshots, one after the other, to the last one. A second click stops.
  play: (button) => {
    const [slider] = minimod.controls("epoch"), is_on = button.getAttribute("aria-pressed") === "true";
    const stop = () => {
      clearInterval(minimod.timer);
      button.setAttribute("aria-pressed", "false");
      button.textContent = "\u25b6 Play";
    };
    if (is_on) return stop();
    const go_on = (i) => {
      slider.value = i;
      minimod.set({ epoch: minimod.value(slider) });
      if (slider.value === slider.max) stop();
    };
    button.setAttribute("aria-pressed", "true");
    button.textContent = "\u275a\u275a Pause";
    minimod.timer = setInterval(() => go_on(Number(slider.value) + 1), 900);
    go_on(slider.value === slider.max ? 0 : Number(slider.value) + 1);
  },
});

minimod.begin = () => {
  minimod.runs = Array.from(document.querySelectorAll("script[data-of]"), (script) => new Run(script));
  for (const run of minimod.runs) for (const { names, plot, draw } of VIEWS) {
    minimod.watch(names, () => draw(run), plot && `${run.of}${plot}-place`);
  }
};
