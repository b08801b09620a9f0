"""The plots of a run's page that answer to a hand, in Bokeh. What they do when touched is in templates/page.js."""

from typing import Any

import numpy as np
from bokeh import models
from bokeh.events import MouseMove, Tap
from bokeh.layouts import column, row

from minimod.analysis.structure import coordinate_of
from minimod.report import charts
from minimod.report.plot import WRAP, blank, call, plot, select, slider, text_below
from minimod.report.style import BLUE, GREEN, PURPLE, SKY, VERMILION
from minimod.runs.accuracy import OUTCOMES

Data = dict[str, Any]

OUTCOME_COLORS = ("#bbbbbb", GREEN, "#dddddd", SKY, "#777777", VERMILION, BLUE, PURPLE)     # of each of OUTCOMES


def masks(summary: Data) -> Any:
    """The panel of the masks that is chosen; a slider reads it off."""
    keep = np.asarray(summary["masks"]["keep"])
    chart = charts.masks(summary)
    boxes, figures = plot(chart, "masks").children
    tenth = int(np.argmin(np.abs(keep - 0.1)))
    places = [chart.x.places.get(share, share) for share in keep.tolist()]
    lines = []
    for axes in figures.children:
        lines.append(models.Span(location=places[tenth], dimension="height", line_color=VERMILION, line_width=2))
        axes.add_layout(lines[-1])
    titles = list(chart.panels)
    which = select("Shown", titles, titles[0], "masks-shown")
    stops = [f"{100 * share:.3g} %" for share in keep]
    share = slider("Share of neurons kept", stops, stops[tenth], "masks-slider")
    told = text_below("masks-told")
    chosen = call("mask", figures=figures.children, lines=lines, places=places, share=share, told=told, which=which)
    share.js_on_change("value", chosen)
    which.js_on_change("value", chosen)
    return column(which, boxes, figures, share, told, sizing_mode="stretch_width")


def neurons(summary: Data, shown: Data) -> Any:
    """The spectrum of the neurons, each a column; and the neuron that is pointed at, with what it is filtered to."""
    table, last, what = summary["neurons"], shown["moments"][-1], coordinate_of(summary["neurons"])
    n_components, n_columns = last["shares"].shape
    # For its CSV, an image's columns, rows, what numbers stand for (nothing: themselves), and their scale: see page.js.
    tags = [shown["columns"].tolist(), list(summary["components"]), [], float(shown["largest"]) / 255]
    image = models.ColumnDataSource({"image": [last["shares"]]}, name="spectrum", tags=tags)
    axes = blank("spectrum-plot", 380, x_axis_label=f"neurons, sorted by dominant {what}", y_axis_label=what,
                x_range=(0, n_columns), y_range=(0.5, n_components + 0.5))
    mapper = models.LinearColorMapper("Viridis256", low=0, high=255)
    axes.image("image", source=image, x=0, y=0.5, dw=n_columns, dh=n_components, color_mapper=mapper)
    ends = {0: "0", 255: f"{100 * shown['largest']:.3g} %"}
    ticker = models.FixedTicker(ticks=list(ends))
    bar = models.ColorBar(color_mapper=mapper, ticker=ticker, major_label_overrides=ends, tags=["ink"])
    axes.add_layout(bar, "right")
    if what == "component":
        some = range(0, n_components, 1 + n_components // 20)
        ticks = {k + 1: summary["components"][k] for k in some}
        axes.yaxis.ticker, axes.yaxis.major_label_overrides = list(ticks), ticks
    at = models.Span(location=0.5, dimension="height", line_color=VERMILION, line_width=2)
    axes.add_layout(at)
    numbers = {name: values[shown["columns"]] for name, values in table.items()}
    of_columns = models.ColumnDataSource({"neuron": shown["columns"]} | numbers, name="neurons")
    told = text_below("spectrum-told", "Point at a column to read it; click on it, or move the slider, for its neuron.")
    P = shown["curves"]["u"]["weight"].shape[1]
    curves = models.ColumnDataSource({
        f"{vector} {name}": values.ravel().astype("float32" if name != "position" else "int16")
        for vector, each in shown["curves"].items() for name, values in each.items()
    })
    words = [in_words(table, m, what) for m in shown["columns"].tolist()]
    ranked = [shown["columns"].tolist().index(m) for m in shown["neurons"].tolist()]
    stops = [f"{place}, {words[i]}" for place, i in enumerate(ranked, 1)]
    rank = slider("Neuron, by the rank of its share", stops, stops[0], "neuron-slider")
    panels, sources = [], []
    for vector, over in zip("uvw", ("first input", "second input", "class"), strict=True):
        first = {name: values[0] for name, values in shown["curves"][vector].items()}
        source = models.ColumnDataSource(first, name=f"neuron-{vector}")
        order = charts.order_of(over, what, P)
        panel = blank(f"neuron-{vector}-plot", 220, x_axis_label=order, y_axis_label=vector)
        panel.scatter("position", "weight", source=source, size=4, color=BLUE)
        panel.line("position", "dominant", source=source, line_width=2.5, color=VERMILION)
        panels.append(panel)
        sources.append(source)
    axes.js_on_event(MouseMove, call("point", image=image, table=of_columns, words=words, told=told, what=what,
                                     components=list(summary["components"]), largest=float(shown["largest"])))
    axes.js_on_event(Tap, call("pick", ranked=ranked, rank=rank))
    rank.js_on_change("value", call("neuron", ranked=ranked, rank=rank, curves=curves, P=P, at=at, sources=sources))
    return column(axes, told, rank, row(*panels, sizing_mode="stretch_width", styles=WRAP),
                  sizing_mode="stretch_width")


def in_words(table: Data, m: int, what: str) -> str:
    """Neuron m in words: its row of the table of neurons."""
    each = ", ".join(str(table[f"{what}_{vector}"][m]) for vector in "uvw")
    told = f"neuron {m}: {what} of u, v, w {each}; share {100 * table['share'][m]:.3g} %"
    if "phase_c" in table:
        told += "; " + ", ".join(f"φ_{letter} {table[f'phase_{letter}'][m]:.2f}" for letter in "abc") + " rad"
    return told


def pairs(shown: Data) -> Any:
    """Every pair, coloured by what becomes of it under a method; twice, for two methods side by side."""
    moments, words, names, P = shown["moments"], list(shown["words"]), list(shown["outcomes"]), len(shown["words"])
    stored = models.ColumnDataSource({
        f"{name}, epoch {each['epoch']}": table.ravel() for each in moments for name, table in each["pairs"].items()
    })
    tables = moments[-1]["pairs"]
    mapper = models.LinearColorMapper(OUTCOME_COLORS, low=-0.5, high=len(OUTCOMES) - 0.5)

    def under(method: str, name: str) -> Any:
        source = models.ColumnDataSource({"image": [tables[method]]}, name=name, tags=[words, words, names, 1])
        axes = blank(f"{name}-plot", None, x_axis_label="b, second input", y_axis_label="a, first input",
                    aspect_ratio=1, x_range=(0, P), y_range=(P, 0))
        axes.image("image", source=source, x=0, y=0, dw=P, dh=P, color_mapper=mapper)
        which, told = select("Method", list(tables), method, f"{name}-method"), text_below(f"{name}-told")
        arguments = {"source": source, "which": which, "told": told, "stored": stored, "P": P, "outcomes": names,
                     "last": f"epoch {moments[-1]['epoch']}", "words": words}
        which.js_on_change("value", call("pairs", **arguments))
        axes.js_on_event(MouseMove, call("pair", **arguments))
        return column(which, axes, told, sizing_mode="stretch_width", min_width=280, max_width=520)

    second = "dominant" if "dominant" in tables else list(tables)[-1]
    return row(under("raw", "pairs"), under(second, "pairs-2"), sizing_mode="stretch_width", styles=WRAP)


def time(shown: Data) -> Any:
    """A slider over snapshots for spectrum, phases and pairs, found by their names."""
    moments = shown["moments"]
    stops = [f"epoch {each['epoch']}" for each in moments]
    when = slider("Snapshot", stops, stops[-1], "time-slider")
    shares, phase_c, phase_sum = (
        models.ColumnDataSource({"all": np.concatenate([each[name].ravel() for each in moments])})
        if name in moments[-1] else None for name in ("shares", "phase_c", "phase_sum")
    )
    when.js_on_change("value", call("moment", when=when, shares=shares, phase_c=phase_c, phase_sum=phase_sum))
    return when


def plots_of(summary: Data, shown: Data) -> Data:
    """By section of templates/run.html: the Bokeh models that there are of a run, from its summary and its exhibit."""
    plots = {"training": plot(charts.accuracies(summary), "accuracies"), "masks": masks(summary)}
    if len(shown["moments"]) > 1:
        plots["time"] = time(shown)
    if "columns" in shown:
        plots |= {"neurons": neurons(summary, shown), "phases": plot(charts.phases(summary), "phases")}
    if shown["detectors"]:
        plots["detectors"] = plot(charts.detectors(summary, shown), "detectors")
    return plots | {"pairs": pairs(shown)}
