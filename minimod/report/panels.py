"""The plots of a run's page that answer to a hand, in Bokeh. What they do when touched is in templates/page.js."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh import models
from bokeh.events import MouseMove, Tap
from bokeh.layouts import column, row
from bokeh.plotting import figure

from minimod.analysis.scores import NOTHING
from minimod.analysis.structure import coordinate_of
from minimod.report.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from minimod.runs.accuracy import OUTCOMES

Data = dict[str, Any]

OUTCOME_COLORS = ("#bbbbbb", GREEN, "#dddddd", SKY, "#777777", VERMILION, BLUE, PURPLE)     # of each of OUTCOMES

COLORS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)
COLOR_NAMES = {
    BLACK: "black or white", ORANGE: "orange", SKY: "sky blue", GREEN: "green", BLUE: "blue", VERMILION: "red",
    PURPLE: "pink",
}

WRAP = {"flex-wrap": "wrap"}        # of plots side by side, where there is room


def plot(name: str, height: int | None = 320, **options: Any) -> Any:
    """An empty figure as wide as the page. Its data are found by its name: see csv in page.js."""
    options = {"tools": "pan,box_zoom,reset,save", "active_drag": None} | options
    made = figure(name=name, height=height, sizing_mode="stretch_width", min_width=250, **options)
    made.toolbar.logo, made.toolbar.autohide = None, True
    return made


def text_below(name: str, text: str = "") -> models.PreText:
    """A place for what a plot tells."""
    wrapped = ".bk-clearfix, pre { white-space: pre-wrap; overflow-wrap: anywhere; }"
    return models.PreText(text=text, name=name, sizing_mode="stretch_width", stylesheets=[wrapped])


def select(title: str, options: list[Any], value: str, name: str) -> models.Select:
    """A list to choose from, in the colours of the page."""
    paint = ".bk-input { background-color: var(--shade); color: var(--ink); border-color: var(--line); }"
    return models.Select(title=title, options=options, value=value, name=name, stylesheets=[paint])


def hover(axes: Any, glyphs: Any, *tips: tuple[str, str]) -> None:
    """Tell these tips where a figure's glyphs are pointed at."""
    axes.add_tools(models.HoverTool(renderers=[glyphs], tooltips=list(tips)))


def call(function: str, **arguments: Any) -> models.CustomJS:
    """A callback: a function of page.js, with these arguments by name, and `event`, what was touched."""
    return models.CustomJS(args=arguments, code=f"minimod.{function}({{{', '.join([*arguments, 'event: cb_obj'])}}})")


def switches(name: str, renderers: dict[str, list[Any]]) -> models.CheckboxGroup:
    """Boxes that switch curves on and off, by what is said of each."""
    boxes = models.CheckboxGroup(
        name=f"{name}-boxes", labels=list(renderers), active=list(range(len(renderers))), inline=True,
        sizing_mode="stretch_width",
        stylesheets=[".bk-input-group.bk-inline { flex-wrap: wrap; white-space: normal; gap: 2px 12px; }"],
    )
    boxes.js_on_change("active", call("visible", lines=list(renderers.values())))
    return boxes


def accuracies(summary: Data, shown: Data) -> Any:
    """Accuracies over epochs; epoch 0 stands at half, since the axis is logarithmic."""
    history = summary["history"]
    curves = {
        "clean_accuracy": ("right training labels", SKY, "solid"),
        "noisy_accuracy": ("wrong training labels", ORANGE, "solid"),
        "test_accuracy": ("test pairs", BLACK, "solid"),
        "filtered_test_accuracy": ("test pairs, one frequency (or component) per neuron", GREEN, "dashed"),
    }
    if np.isnan(history["clean_accuracy"]).all():           # which labels are right is not known
        curves["train_accuracy"] = ("training labels", BLUE, "solid")
    curves = {name: look for name, look in curves.items() if not np.isnan(history[name]).all()}
    source = models.ColumnDataSource(
        {"epoch": history["epoch"], "at": np.maximum(history["epoch"], 0.5)} | {name: history[name] for name in curves},
        name="accuracies",
    )
    axes = plot("accuracies-plot", x_axis_type="log", x_axis_label="epoch (logarithmic)", y_axis_label="accuracy",
                y_range=(-0.02, 1.04), x_range=(0.45, 1.2 * max(1, history["epoch"][-1])))
    lines = {}
    for name, (label, color, dash) in curves.items():
        line = axes.line("at", name, source=source, color=color, line_dash=dash, line_width=2.5)
        dots = axes.scatter("at", name, source=source, color=color, size=5)
        hover(axes, dots, ("epoch", "@epoch"), (label, f"@{name}{{0.0000}}"))
        lines[f"{label} ({COLOR_NAMES[color]})"] = [line, dots]
    axes.add_layout(models.Span(location=summary["chance"], dimension="width", line_dash="dotted", line_color=BLACK))
    decades = [10**exponent for exponent in range(len(str(int(history["epoch"][-1]))))]
    axes.xaxis.ticker = models.FixedTicker(ticks=[0.5, *decades])
    axes.xaxis.major_label_overrides = {0.5: "0"} | {decade: f"{decade:,}" for decade in decades}
    return column(switches("accuracies", lines), axes, sizing_mode="stretch_width")


def masks(summary: Data, shown: Data) -> Any:
    """What the top neurons of every score answer, by the share of them that is kept: a slider reads the curves off."""
    study = summary["masks"]
    parts = {
        "wrong labels memorised by the top neurons alone": ("top", "noisy"),
        "wrong labels memorised without the top neurons": ("rest", "noisy"),
        "test pairs answered by the top neurons alone": ("top", "test"),
        "test pairs answered by the interaction readout of the top neurons": ("interaction", "test"),
    }
    names = list(study["top"])
    data = {f"{text}: {name}": study[part][name][measure] for text, (part, measure) in parts.items() for name in names}
    first = next(iter(parts))
    source = models.ColumnDataSource(
        {"keep": study["keep"]} | data | {name: data[f"{first}: {name}"] for name in names}, name="masks"
    )
    axes = plot("masks-plot", x_axis_type="log", x_axis_label="share of neurons counted as top",
                y_axis_label="accuracy", y_range=(-0.02, 1.04), x_range=(0.0095, 1.05))
    axes.varea("keep", "random low", "random high", source=source, fill_color=BLACK, fill_alpha=0.2)
    lines, scores = {}, [name for name in names if not name.startswith("random")]
    for i, name in enumerate([*scores, "random"]):
        agnostic = name == "random" or summary["needs"][f"{name} subnetwork"].startswith(NOTHING)
        color, dash = COLORS[i % len(COLORS)], "solid" if agnostic else "dashed"
        color, dash = (BLACK, "dotted") if name == "random" else (color, dash)
        line = axes.line("keep", name, source=source, color=color, line_dash=dash, line_width=2)
        hover(axes, line, (name, f"@{{{name}}}{{0.000}}"), ("kept", "@keep{0.0%}"))
        knows = "" if agnostic else ", knows the rule"
        lines[f"{name} ({COLOR_NAMES[color]}, {dash}{knows})"] = [line]
    tenth = int(np.argmin(np.abs(study["keep"] - 0.1)))
    at = models.Span(location=study["keep"][tenth], dimension="height", line_color=VERMILION, line_width=2)
    axes.add_layout(at)
    axes.xaxis.ticker = models.FixedTicker(ticks=[0.01, 0.03, 0.1, 0.3, 1])
    axes.xaxis.major_label_overrides = {0.01: "1 %", 0.03: "3 %", 0.1: "10 %", 0.3: "30 %", 1: "all"}
    which = select("Shown", list(parts), first, "masks-shown")
    share = models.Slider(title="Share of neurons kept", start=0, end=len(study["keep"]) - 1, step=1, show_value=False,
                          value=tenth, sizing_mode="stretch_width", name="masks-slider")
    told = text_below("masks-told")
    arguments = {"source": source, "share": share, "at": at, "told": told, "which": which, "names": names}
    share.js_on_change("value", call("mask", **arguments))
    which.js_on_change("value", call("mask", **arguments))
    return column(which, switches("masks", lines), axes, share, told, sizing_mode="stretch_width")


def neurons(summary: Data, shown: Data) -> Any:
    """The spectrum of the neurons, each a column; and the neuron that is pointed at, with what it is filtered to."""
    table, last, what = summary["neurons"], shown["moments"][-1], coordinate_of(summary["neurons"])
    n_components, n_columns = last["shares"].shape
    # For its CSV, an image's columns, rows, what numbers stand for (nothing: themselves), and their scale: see page.js.
    tags = [shown["columns"].tolist(), list(summary["components"]), [], float(shown["largest"]) / 255]
    image = models.ColumnDataSource({"image": [last["shares"]]}, name="spectrum", tags=tags)
    axes = plot("spectrum-plot", 380, x_axis_label=f"neurons, sorted by dominant {what}", y_axis_label=what,
                x_range=(0, n_columns), y_range=(0.5, n_components + 0.5))
    mapper = models.LinearColorMapper("Viridis256", low=0, high=255)
    axes.image("image", source=image, x=0, y=0.5, dw=n_columns, dh=n_components, color_mapper=mapper)
    ends = {0: "0", 255: f"{100 * shown['largest']:.3g} %"}
    ticker = models.FixedTicker(ticks=list(ends))
    axes.add_layout(models.ColorBar(color_mapper=mapper, ticker=ticker, major_label_overrides=ends), "right")
    if what == "component":
        some = range(0, n_components, 1 + n_components // 20)
        axes.yaxis.ticker = models.FixedTicker(ticks=[k + 1 for k in some])
        axes.yaxis.major_label_overrides = {k + 1: summary["components"][k] for k in some}
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
    place = {int(m): i for i, m in enumerate(shown["columns"])}
    ranked = models.ColumnDataSource({"column": [place[int(m)] for m in shown["neurons"]]})
    rank = models.Slider(title="Neuron, by the rank of its share", start=1, end=max(2, len(shown["neurons"])), step=1,
                         value=1, sizing_mode="stretch_width", name="neuron-slider")
    panels, sources = [], []
    for vector, over in zip("uvw", ("first input", "second input", "class"), strict=True):
        first = {name: values[0] for name, values in shown["curves"][vector].items()}
        source = models.ColumnDataSource(first, name=f"neuron-{vector}")
        order = f"k · {over} mod {P}" if what == "frequency" else f"{over}, in the order of what is kept"
        panel = plot(f"neuron-{vector}-plot", 220, x_axis_label=order, y_axis_label=vector)
        panel.scatter("position", "weight", source=source, size=4, color=BLUE)
        panel.line("position", "dominant", source=source, line_width=2.5, color=VERMILION)
        panels.append(panel)
        sources.append(source)
    title = text_below("neuron-told")
    arguments = {"image": image, "table": of_columns, "told": told, "components": list(summary["components"]),
                 "largest": float(shown["largest"]), "last": last["epoch"], "what": what,
                 "ranked": ranked, "rank": rank}
    axes.js_on_event(MouseMove, call("point", **arguments))
    axes.js_on_event(Tap, call("pick", **arguments))
    rank.js_on_change("value", call("neuron", table=of_columns, ranked=ranked, rank=rank, curves=curves, P=P, at=at,
                                    sources=sources, title=title, what=what))
    return column(axes, told, rank, title, row(*panels, sizing_mode="stretch_width", styles=WRAP),
                  sizing_mode="stretch_width")


def phases(summary: Data, shown: Data) -> Any:
    """φ_a + φ_b against φ_c of every neuron; of a group, how far û v̂ is from ŵ."""
    table = summary["neurons"]
    ticks = models.FixedTicker(ticks=[-math.pi, 0, math.pi])
    overrides = {-math.pi: "-π", 0: "0", math.pi: "π"}
    if "phase_c" not in table:
        axes = plot("phases-plot", x_axis_label="angle between û v̂ and ŵ in the dominant component, rad",
                    y_axis_label="neurons")
        edges = np.linspace(0, math.pi, 41)
        counts = {name: np.histogram(values[~np.isnan(values)], edges)[0] for name, values in {
            "untrained": summary["initial_phase_error"], "trained": table["phase_error"],
        }.items()}
        source = models.ColumnDataSource({"left": edges[:-1], "right": edges[1:]} | counts, name="phases")
        axes.quad(left="left", right="right", bottom=0, top="trained", source=source, color=BLUE, alpha=0.8,
                  legend_label="trained")
        axes.step("left", "untrained", source=source, mode="after", color=BLACK, legend_label="before training")
        return axes
    source = models.ColumnDataSource({
        "neuron": np.arange(len(table["phase_c"])), "phase_c": table["phase_c"], "phase_sum": table["phase_sum"],
    }, name="phases")
    axes = plot("phases-plot", None, x_axis_label="φ_c of w", y_axis_label="φ_a + φ_b of u and v", max_width=520,
                aspect_ratio=1)
    dots = axes.scatter("phase_c", "phase_sum", source=source, size=4, color=BLUE, alpha=0.8)
    axes.line([-math.pi, math.pi], [-math.pi, math.pi], color=VERMILION, line_width=2)
    hover(axes, dots, ("neuron", "@neuron"), ("φ_c", "@phase_c{0.00}"), ("φ_a + φ_b", "@phase_sum{0.00}"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.ticker, axis.major_label_overrides = ticks, overrides
    return axes


def pairs(summary: Data, shown: Data) -> Any:
    """Every pair, coloured by what becomes of it under a method; twice, for two methods side by side."""
    moments, words, names, P = shown["moments"], list(shown["words"]), list(shown["outcomes"]), len(shown["words"])
    stored = models.ColumnDataSource({
        f"{name} @ {each['epoch']}": table.ravel() for each in moments for name, table in each["pairs"].items()
    })
    tables = moments[-1]["pairs"]
    mapper = models.LinearColorMapper(OUTCOME_COLORS, low=-0.5, high=len(OUTCOMES) - 0.5)

    def under(method: str, name: str) -> Any:
        source = models.ColumnDataSource({"image": [tables[method]]}, name=name, tags=[words, words, names, 1])
        axes = plot(f"{name}-plot", None, x_axis_label="b, second input", y_axis_label="a, first input",
                    aspect_ratio=1, x_range=(0, P), y_range=(P, 0))
        axes.image("image", source=source, x=0, y=0, dw=P, dh=P, color_mapper=mapper)
        which, told = select("Method", list(tables), method, f"{name}-method"), text_below(f"{name}-told")
        arguments = {"source": source, "which": which, "told": told, "stored": stored, "P": P, "outcomes": names,
                     "last": moments[-1]["epoch"], "words": words}
        which.js_on_change("value", call("pairs", **arguments))
        axes.js_on_event(MouseMove, call("pair", **arguments))
        return column(which, axes, told, sizing_mode="stretch_width", min_width=280, max_width=520)

    second = "dominant" if "dominant" in tables else list(tables)[-1]
    return row(under("raw", "pairs"), under(second, "pairs-2"), sizing_mode="stretch_width", styles=WRAP)


def time(summary: Data, shown: Data) -> Any:
    """A slider over snapshots for spectrum, phases and pairs, found by their names."""
    moments = shown["moments"]
    slider = models.Slider(title="Snapshot", start=0, end=len(moments) - 1, step=1, value=len(moments) - 1,
                           show_value=False, sizing_mode="stretch_width", name="time-slider")
    told = text_below("time-told", f"epoch {moments[-1]['epoch']}")
    stored = {
        name: models.ColumnDataSource({"all": np.concatenate([each[name].ravel() for each in moments])})
        for name in ("shares", "phase_c", "phase_sum") if name in moments[-1]
    }
    slider.js_on_change("value", call("moment", slider=slider, told=told, stored=stored,
                                      epochs=[each["epoch"] for each in moments]))
    return column(slider, told, sizing_mode="stretch_width")


def detectors(summary: Data, shown: Data) -> Any:
    """How many of the wrong labels each detector has found when it has accused so many right ones."""
    axes = plot("detectors-plot", 420, x_axis_label="share of the right labels accused", max_width=720,
                y_axis_label="share of the wrong labels found", x_range=(-0.02, 1.02), y_range=(-0.02, 1.02))
    lines, rows = {}, dict[str, list[Any]](detector=[], right=[], wrong=[])
    for i, (name, (right, wrong)) in enumerate(shown["detectors"].items()):
        color, dash = COLORS[i % len(COLORS)], ("solid", "dashed", "dotted")[i // len(COLORS) % 3]
        source = models.ColumnDataSource({"right": right, "wrong": wrong})
        line = axes.line("right", "wrong", source=source, color=color, line_dash=dash, line_width=2)
        hover(axes, line, (name, "@wrong{0.000}"), ("accused", "@right{0.000}"))
        lines[f"{name} ({COLOR_NAMES[color]}, {dash})"] = [line]
        for key, values in (("detector", [name] * len(right)), ("right", right), ("wrong", wrong)):
            rows[key].extend(values)
    axes.line([0, 1], [0, 1], color=BLACK, line_dash="dotted")
    axes.tags = [models.ColumnDataSource(rows, name="detectors")]
    return column(switches("detectors", lines), axes, sizing_mode="stretch_width")


# By section of templates/run.html: from a run's summary and exhibit to a Bokeh model, and which runs have one.
PANELS: dict[str, tuple[Callable[[Data, Data], Any], Callable[[Data, Data], bool]]] = {
    "accuracies": (accuracies, lambda summary, shown: True),
    "masks": (masks, lambda summary, shown: True),
    "time": (time, lambda summary, shown: len(shown["moments"]) > 1),
    "neurons": (neurons, lambda summary, shown: "columns" in shown),
    "phases": (phases, lambda summary, shown: "columns" in shown),
    "pairs": (pairs, lambda summary, shown: True),
    "detectors": (detectors, lambda summary, shown: bool(shown["detectors"])),
}
