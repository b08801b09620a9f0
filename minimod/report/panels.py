"""The interactive plots of a run's page, in Bokeh. templates/run.js fills them with numbers."""

from typing import Any

import matplotlib
import numpy as np
from bokeh import models
from bokeh.events import DoubleTap, MouseLeave, MouseMove, Tap
from bokeh.layouts import column, row
from matplotlib.colors import to_hex

from minimod.report import charts
from minimod.report.plot import WRAP, blank, call, plot
from minimod.report.style import BLACK, BLUE, GREEN, ORANGE, SKY, VERMILION
from minimod.runs.accuracy import OUTCOMES

Data = dict[str, Any]

# The colours of OUTCOMES. They differ for colour-blind readers too, see tests/report/test_style.py.
OUTCOME_COLORS = ("#ffffff", "#75b5d6", "#817c65", "#353fdf", "#300a49", VERMILION, "#f7ce08", "#5b1409")
NO_LABEL = "#35a853"        # the colour of a pair without a label
LOGITS = {"raw": "the network itself", "dominant": "its dominant part alone", "residual": "the rest alone"}


def palette(name: str) -> list[str]:
    """256 colours of a Matplotlib colour map."""
    return [to_hex(color) for color in matplotlib.colormaps[name](np.linspace(0, 1, 256))]


def picture(name: str, shape: tuple[int, int], mapper: Any, height: int | None = None, **options: Any) -> Any:
    """A figure with an image of this shape, row 0 at the top unless `y_range` is given.

    Moves and clicks of the mouse call templates/run.js.
    """
    rows, columns = shape
    axes = blank(f"{name}-plot", height, x_range=options.pop("x_range", (0, columns)),
                 y_range=options.pop("y_range", (rows, 0)), **options)
    image = models.ColumnDataSource({"image": [np.zeros((1, 1), np.float32)]}, name=name)
    axes.image("image", source=image, x=0, y=0, dw=columns, dh=rows, color_mapper=mapper)
    told = call("touch", plot=name)
    for event in (MouseMove, Tap, DoubleTap):       # the second of two quick taps is a DoubleTap, and no Tap
        axes.js_on_event(event, told)
    axes.js_on_event(MouseLeave, call("leave", plot=name))
    return axes


def mark(axes: Any, name: str) -> None:
    """Draw a square around the chosen pair."""
    source = models.ColumnDataSource({"x": [], "y": []}, name=f"{name}-at")
    axes.scatter("x", "y", source=source, marker="square", size=11, fill_color=None, line_color="white", line_width=4)
    axes.scatter("x", "y", source=source, marker="square", size=11, fill_color=None, line_color="black", line_width=2)


def tables(shown: Data, of: str) -> Any:
    """The four tables: the rule, the given labels, the network's answers, and the filtered network's answers."""
    P = len(shown["words"])
    mapper = models.LinearColorMapper(palette("twilight"), low=0, high=P, low_color=NO_LABEL)
    titles = {"rule": f"The rule\n{shown['task']}", "given": f"What it was shown\n{shown['wrong']}",
              "answers": "What it answers\n "}
    if "columns" in shown:
        titles["filtered"] = f"Filtered: one\n{shown['what']} per neuron"
    made, linked = list[Any](), dict[str, Any]()
    for name, title in titles.items():
        axes = picture(f"{of}{name}", (P, P), mapper, title=title, aspect_ratio=1, **linked)
        axes.axis.visible = axes.grid.visible = False
        axes.min_width, axes.max_width = 160, 270
        mark(axes, f"{of}{name}")
        linked = {"x_range": axes.x_range, "y_range": axes.y_range}
        made.append(axes)
    return row(*made, sizing_mode="stretch_width", styles=WRAP)


def lined(made: Any, tag: str) -> Any:
    """The figures of a chart, with a vertical line in every figure. templates/run.js moves the line."""
    for axes in made.children:
        axes.add_layout(models.Span(location=1, dimension="height", line_color=VERMILION, tags=[tag]))
    return made


def components(shown: Data, of: str) -> Any:
    """Power and number of neurons by component. Both axes begin at 0."""
    made = plot(charts.components(shown), f"{of}components")
    for axes in made.children:
        (axes.x_range if shown["what"] != "frequency" else axes.y_range).start = 0
    return made


def neurons(shown: Data, of: str) -> Any:
    """The spectrum of the neurons and their signed coefficients, one column per neuron. Below, the chosen neuron."""
    n_columns, what, names = len(shown["columns"]), shown["what"], shown["components"]
    mapper = models.LinearColorMapper("Viridis256", low=0, high=255)
    spectrum = picture(f"{of}spectrum", (len(names), n_columns), mapper, 380, title="Power", y_axis_label=what,
                       x_axis_label=f"neurons, grouped by {what}", y_range=(0, len(names)))
    ends = {0: "0", 255: f"{100 * shown['largest']:.3g} %"}
    bar = models.ColorBar(color_mapper=mapper, ticker=models.FixedTicker(ticks=list(ends)), tags=["ink"],
                          major_label_overrides=ends)
    spectrum.add_layout(bar, "right")
    name_rows(spectrum, {k + 0.5: name for k, name in enumerate(names)})
    of_rows = shown["component_of"].tolist()
    middles = {of_rows.index(k) + of_rows.count(k) / 2: names[k - 1] for k in dict.fromkeys(of_rows) if k}
    signed = []
    for vector, over in zip("UVW", ("first input", "second input", "class"), strict=True):
        mapper = models.LinearColorMapper(palette("PuOr"), low=-1, high=1, name=f"{of}signed-{vector}-colors")
        axes = picture(f"{of}signed-{vector}", (len(of_rows), n_columns), mapper, 260, x_range=spectrum.x_range,
                       y_range=(0, len(of_rows)), title=f"{vector}, weights of the {over}", y_axis_label=what)
        name_rows(axes, middles)
        signed.append(axes)
    for axes in (spectrum, *signed):
        axes.add_layout(models.Span(location=0.5, dimension="height", line_color=VERMILION, tags=[f"{of}neuron"]))
    panels = []
    for vector, over in zip("uvw", ("first input", "second input", "class"), strict=True):
        line = {"position": [0, 1], "weight": [0, 1], "dominant": [0, 1]}
        source = models.ColumnDataSource(line, name=f"{of}neuron-{vector}")
        order = charts.order_of(over, what, len(shown["words"]))
        axes = blank(f"{of}neuron-{vector}-plot", 220, x_axis_label=order, y_axis_label=vector)
        axes.scatter("position", "weight", source=source, size=4, color=BLUE)
        axes.line("position", "dominant", source=source, line_width=2.5, color=VERMILION)
        panels.append(axes)
    side_by_side = {"sizing_mode": "stretch_width", "styles": WRAP}
    return column(spectrum, row(*signed, **side_by_side), row(*panels, **side_by_side), sizing_mode="stretch_width")


def name_rows(axes: Any, places: dict[float, str]) -> None:
    """Name the rows of an image: at most about twenty rows."""
    some = dict(list(places.items())[:: 1 + len(places) // 20])
    axes.yaxis.ticker, axes.yaxis.major_label_overrides = list(some), some


def circles(of: str) -> Any:
    """For u, v and w: neurons and tokens in the plane of the cosine and the sine of the chosen frequency."""
    colors = models.LinearColorMapper(palette("twilight"), low=0, high=1)
    made = []
    for kind, size in (("neurons", 6), ("tokens", 7)):
        for vector in "uvw":
            name = f"{of}{kind}-{vector}"
            source = models.ColumnDataSource({"x": [0, 1], "y": [0, 1], "what": ["", ""], "angle": [0, 1]}, name=name)
            axes = blank(f"{name}-plot", None, title=f"{kind}, {vector}", aspect_ratio=1, x_range=(-1, 1),
                         y_range=(-1, 1), x_axis_label="cosine", y_axis_label="sine")
            axes.min_width = 200
            paint = {"field": "angle", "transform": colors} if kind == "tokens" else BLUE
            axes.scatter("x", "y", source=source, size=size, fill_color=paint, line_color="#808080", line_width=0.5)
            axes.add_tools(models.HoverTool(tooltips=[(kind.removesuffix("s"), "@what")]))
            made.append(axes)
    options = {"sizing_mode": "stretch_width", "styles": WRAP}
    return column(row(*made[:3], **options), row(*made[3:], **options), sizing_mode="stretch_width")


def pairs(shown: Data, of: str) -> Any:
    """Every pair, coloured by its outcome under a method. Two pictures, for two methods side by side."""
    P = len(shown["words"])
    mapper = models.LinearColorMapper(OUTCOME_COLORS, low=-0.5, high=len(OUTCOMES) - 0.5)
    made = []
    for name in ("pairs", "pairs-2"):
        axes = picture(f"{of}{name}", (P, P), mapper, x_axis_label="b, second input", y_axis_label="a, first input",
                       aspect_ratio=1, max_width=520, title=" ")
        mark(axes, f"{of}{name}")
        made.append(axes)
    return row(*made, sizing_mode="stretch_width", styles=WRAP)


def logits(shown: Data, of: str) -> Any:
    """The logits of the chosen pair by the network and by its two parts. Marks show the true and the given label."""
    made, linked = list[Any](), dict[str, Any]()
    for part, title in LOGITS.items() if "columns" in shown else [("raw", LOGITS["raw"])]:
        source = models.ColumnDataSource({"x": [0, 1], "y": [0, 1], "class": ["", ""]}, name=f"{of}logits-{part}")
        axes = blank(f"{of}logits-{part}-plot", 240, title=title, x_axis_label="class", y_axis_label="logit", **linked)
        axes.segment("x", 0, "x", "y", source=source, line_width=2, color=SKY)
        axes.add_tools(models.HoverTool(tooltips=[("class", "@class"), ("logit", "@y{0.00}")]))
        for label, color, marker in (("true", GREEN, "circle"), ("given", ORANGE, "triangle")):
            at = models.ColumnDataSource({"x": [0], "y": [0]}, name=f"{of}logits-{part}-{label}")
            axes.scatter("x", "y", source=at, marker=marker, size=11, fill_color=color, line_color=BLACK,
                         legend_label=f"{label} label")
        axes.add_layout(axes.legend[0], "above")
        axes.legend.orientation = "horizontal"
        linked = {"x_range": axes.x_range}
        made.append(axes)
    return row(*made, sizing_mode="stretch_width", styles=WRAP)


def plots_of(summary: Data, shown: Data, of: str = "") -> Data:
    """Section of templates/run.html -> the Bokeh model of this run. The names of the models begin with `of`."""
    plots = {
        "tables": tables(shown, of),
        "training": lined(plot(charts.accuracies(summary), f"{of}accuracies"), f"{of}epoch"),
        "growth": lined(plot(charts.growth(summary), f"{of}growth"), f"{of}epoch"),
        "masks": lined(plot(charts.masks(summary), f"{of}masks"), f"{of}share"),
    }
    if "columns" in shown:
        plots |= {
            "neurons": neurons(shown, of), "components": components(shown, of),
            "phases": plot(charts.phases(summary), f"{of}phases"),
        }
        if shown["what"] == "frequency":
            plots["circles"] = circles(of)
    plots["pairs"] = pairs(shown, of)
    if shown["is_whole"]:
        plots["logits"] = logits(shown, of)
    if shown["detectors"]:
        plots["detectors"] = plot(charts.detectors(summary, shown), f"{of}detectors")
    return plots
