"""The page of a sweep: its table, and curves and heat maps of any column over any other column."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

from bokeh import models
from bokeh.events import Tap
from bokeh.layouts import row

from minimod.report.curves import axis_of, in_order, is_accuracy, label_of, plural
from minimod.report.page import write_page
from minimod.report.plot import WRAP, blank, call, hover
from minimod.report.style import BLACK, CHANCE, DASHES, MARKERS, STYLES
from minimod.sweeps.sweep import Sweep, account
from minimod.sweeps.table import OPTIONS, SEEDS, identity, load_sweep

# The measured columns of the table, besides the options that vary; the most rows and panels of a page.
TOLD = ("noisy_accuracy", "test_accuracy", "filtered_test_accuracy", "dominant_test", "seconds")
MOST_ROWS, MOST_PANELS = 5000, 6
NONE = ("none", "none")     # the choice of no column, and its text


def write_sweep_page(path: Path, directory: Path) -> None:
    """Write the page of the sweep in a directory. It links to runs/RUN/report.html, if this file exists beside it."""
    table = [each | dict(zip(OPTIONS, identity(each), strict=True)) for each in load_sweep(directory)]
    finished = [each for each in table if each["status"] == "finished"]
    shown = finished[:MOST_ROWS]
    values = {name: in_order(each[name] for each in shown) for name in OPTIONS}
    # The option with the most values comes first, and seeds come last.
    differ = sorted((name for name in OPTIONS if len(values[name]) > 1),
                    key=lambda name: (name in SEEDS, -len(values[name])))
    pages = {each["run"]: f"runs/{each['run']}/report.html" for each in table}
    pages = {run: link for run, link in pages.items() if (path.parent / link).exists()}
    facts = columns_of(shown, {name: values[name] for name in differ}) if differ else {}
    write_page(
        path, "sweep.html", sweep_plots(shown, facts) if differ else {}, title=str(directory),
        account=account(directory), pages=pages, facts=facts | {"pages": pages, "n_panels": MOST_PANELS},
        columns=["run", *differ, *TOLD], rows=shown, n_finished=len(finished),
        missing=sorted(Sweep(directory).configs.keys() - {each["run"] for each in table}),
        failed=[each for each in table if each["status"] != "finished"],
        settings={name: each[0] for name, each in values.items() if len(each) == 1 and each[0] != OPTIONS[name]},
    )


def columns_of(rows: list[dict[str, Any]], differ: dict[str, list[Any]]) -> dict[str, Any]:
    """The data of sweep.js about the columns of these runs. differ: option that varies -> its values.

    - axes: see `axis_of_page`. plurals: option -> words. looks: the table of styles.
    - factors: the options that vary, except seeds. A mean is not taken over them unless the reader asks for it.
    - accuracies: the columns with accuracies, which have a chance level.
    - controls: name -> title, options, and the first choice.
    """
    numbers = {name: [each[name] for each in rows if is_number(each[name])] for name in rows[0] if name not in OPTIONS}
    measured = {name: values for name, values in numbers.items() if values}
    factors = [name for name in differ if name not in SEEDS]
    those, chosen = rows, {}
    for name in factors:        # choose the most common value among the runs with the values chosen before
        chosen[name] = Counter(each[name] for each in those).most_common(1)[0][0]
        those = [each for each in those if each[name] == chosen[name]]
    axes = {name: axis_of_page(name, values) for name, values in differ.items()}
    axes |= {name: axis_of_page(name, values, is_measured=True) for name, values in measured.items()}
    options = [(name, label_of(name)) for name in differ]
    x, by = [*differ, NONE[0]][:2]
    y = next((name for name in TOLD[1:] if name in measured), next(iter(measured)))
    return {
        "axes": axes, "factors": factors, "plurals": {name: plural(name) for name in differ},
        "accuracies": [name for name in measured if is_accuracy(name)],
        "looks": [{"color": style.color, "marker": MARKERS[style.marker][1], "letter": MARKERS[style.marker][2],
                   "dash": " ".join(map(str, DASHES[style.dash])) or "solid"} for style in STYLES],
        "logs": {"log-x": axes[x]["is_log"], "log-y": axes[y]["is_log"]},
        "controls": {
            "x": ("x", options, x), "y": ("y", [(name, label_of(name)) for name in measured], y),
            "by": ("series", [NONE, *options], by), "panels": ("panels", [NONE, *options], NONE[0]),
        } | {name: (f"only {label_of(name)}", [(text_of(value),) * 2 for value in differ[name]], text_of(chosen[name]))
             for name in factors},
    }


def axis_of_page(column: str, values: list[Any], is_measured: bool = False) -> dict[str, Any]:
    """The `axis_of` of a column as plain data.

    log: the place of 0 and the ticks of its logarithmic axis, or None if the column has no logarithmic axis.
    values, texts: the values of an option in order, and their texts. If not all values are numbers, values are texts.
    """
    values = [value for value in values if value != math.inf]
    axis = axis_of(column, values, is_measured=is_measured)
    is_text, texts = axis.scale == "linear" and axis.ticks is not None, [*map(text_of, values)]
    log = None if is_text or min(values, default=0) < 0 else axis_of(column, values, True, is_measured)
    return {
        "label": axis.label, "is_text": is_text, "is_log": axis.scale == "log",
        "log": log and {"zero": log.places[0], "ticks": [*(log.ticks or {}).items()]},
        "values": [] if is_measured else texts if is_text else values, "texts": [] if is_measured else texts,
    }


def is_number(value: Any) -> bool:
    """Whether a cell of a table is a number. inf, which means never, is a number, and nan is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)


def text_of(value: Any) -> str:
    """A value of an option as text, in its shortest form."""
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def sweep_plots(rows: list[dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
    """Panels for curves and heat maps, which sweep.js fills with the chosen columns. The source `runs` has all runs."""
    data = {name: [text_of(each[name]) if axis["is_text"] else math.nan if each[name] is None else each[name]
                   for each in rows] for name, axis in facts["axes"].items()}
    runs = models.ColumnDataSource(
        {name: [each[name] for each in rows] for name in ("run", "modulus")} | data, name="runs",
    )
    points = models.ColumnDataSource({"runs": []}, name="points")
    ends, ends_of_heat = (
        {f"{axis}_range": models.Range1d(0, 1, name=f"{what}{axis}-range") for axis in "xy"} for what in ("", "heat-")
    )
    colors = models.LinearColorMapper("Viridis256", name="colors", low=0, high=1)
    curves, heats = [], []
    for which in ("", *(f"-{i}" for i in range(1, MOST_PANELS))):
        def source(name: str, *columns: str, which: str = which) -> models.ColumnDataSource:
            return models.ColumnDataSource({each: [] for each in columns}, name=f"{name}{which}")

        panel = blank(f"curves{which}-plot", 360, title="", **ends)
        lines, means, never = source("lines", "xs", "ys", "color", "dash"), *(
            source(name, "x", "y", "at", "told", "color", "text") for name in ("means", "never")
        )
        panel.multi_line("xs", "ys", source=lines, line_color="color", line_dash="dash", line_width=2)
        bars = panel.scatter("x", "y", source=means, color="color", marker="dash", size=18, line_width=3)
        dots = panel.scatter("x", "y", color="color", marker="marker", size=8, alpha=0.7, source=source(
            "dots", "x", "y", "at", "told", "color", "marker", "run", "link"))
        marks = panel.scatter("x", "y", source=never, color="color", marker="triangle", size=8)
        counts = panel.text("x", "y", "text", source=never, x_offset=6, text_baseline="middle", text_font_size="10px")
        counts.glyph.tags = ["ink"]
        panel.add_layout(models.Span(dimension="width", name=f"chance{which}", line_dash=list(DASHES[CHANCE.dash]),
                                     line_color=BLACK, line_width=2, tags=["ink"]))
        for glyphs, *more in ((dots, ("run", "@run")), (bars,), (marks,)):
            hover(panel, glyphs, ("at", "@at"), ("y", "@told"), *more)
        # This callback puts `runs` and `points` into the plots' document, where sweep.js and the CSV files find them.
        panel.js_on_event(Tap, call("open", plot=panel, dots=dots.data_source, runs=runs, points=points))
        curves.append(panel)

        heat = blank(f"heat{which}-plot", 360, title="", **ends_of_heat)
        cells = source("cells", "x", "y", "at", "told", "mean", "text", "marked")
        fill = {"field": "mean", "transform": colors}
        drawn = heat.rect("x", "y", 1, 1, source=cells, line_color=None, fill_color=fill)
        heat.text("x", "marked", "text", source=cells, anchor="center", text_font_size="11px", text_color="black",
                  background_fill_color="white", background_fill_alpha=0.8, padding=2)
        hover(heat, drawn, ("at", "@at"), ("y", "@told"))
        heat.add_layout(models.ColorBar(color_mapper=colors, tags=["ink"]), "right")
        heat.yaxis.ticker = []
        heats.append(heat)
    for panel in (*curves, *heats):
        panel.xaxis.ticker, panel.xaxis.major_label_policy = [], models.NoOverlap()
    return {name: row(*panels, sizing_mode="stretch_width", styles=WRAP)
            for name, panels in (("curves", curves), ("heat", heats))}
