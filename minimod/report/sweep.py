"""The page of a sweep: its table, and any of its columns over any other, as curves or as a heat map."""

import math
from pathlib import Path
from typing import Any

from bokeh.events import Tap
from bokeh.layouts import column, row
from bokeh.models import BasicTicker, ColorBar, ColumnDataSource, FixedTicker, LinearColorMapper

from minimod.report.page import write_page
from minimod.report.plot import WRAP, blank, call, hover, select
from minimod.report.style import DASHES, MARKERS, STYLES, words
from minimod.sweeps.sweep import Sweep, account
from minimod.sweeps.table import OPTIONS, load_sweep

# What is told of every run, besides what differs between them; and rows that a page has room for.
TOLD = ("noisy_accuracy", "test_accuracy", "filtered_test_accuracy", "dominant_test", "seconds")
MOST_ROWS = 5000


def write_sweep_page(path: Path, directory: Path) -> None:
    """The page of the sweep in a directory. A run is linked to its own page, where that lies beside this one."""
    table = list(load_sweep(directory))
    finished = [each for each in table if each["status"] == "finished"]
    differ = [name for name in OPTIONS if len({str(each[name]) for each in finished}) > 1]
    pages = {each["run"]: f"runs/{each['run']}/report.html" for each in table}
    pages = {run: link for run, link in pages.items() if (path.parent / link).exists()}
    shown = finished[:MOST_ROWS]
    plots = sweep_plots(shown, sorted(differ), pages) if differ else {}
    write_page(
        path, "sweep.html", plots, title=str(directory), account=account(directory), pages=pages,
        columns=["run", *sorted(differ), *TOLD], rows=shown, n_finished=len(finished),
        missing=sorted(Sweep(directory).configs.keys() - {each["run"] for each in table}),
        failed=[each for each in table if each["status"] != "finished"], settings={
            name: finished[0][name] for name, default in OPTIONS.items()
            if finished and name not in differ and finished[0][name] != default
        },
    )


def sweep_plots(rows: list[dict[str, Any]], axes: list[str], pages: dict[str, str]) -> dict[str, Any]:
    """Curves and a heat map of finished runs, of columns that are chosen on the page."""
    def is_number(value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)

    numbers = [name for name in rows[0] if any(is_number(each[name]) for each in rows) and name not in axes]
    data = {name: [str(each[name]) if name in axes and not is_number(each[name]) else each[name] for each in rows]
            for name in [*axes, *numbers]}
    data = {name: [math.nan if value is None else value for value in values] for name, values in data.items()}
    source = ColumnDataSource(data | {"run": [each["run"] for each in rows]}, name="runs")
    y = next((name for name in TOLD[1:] if name in numbers), numbers[0])
    choices = [
        select(text, [(name, words(name)) for name in names], value, f"sweep-{text}")
        for text, value, names in (
            ("x", axes[0], axes), ("y", y, numbers), ("by", axes[-1] if len(axes) > 1 else "", ["", *axes]),
        )
    ]
    looks = [
        {"color": style.color, "marker": MARKERS[style.marker][1],
         "dash": " ".join(map(str, DASHES[style.dash])) or "solid"} for style in STYLES
    ]
    links = [pages.get(each["run"], "") for each in rows]
    chosen = call("sweep", source=source, links=links, looks=looks,
                  ticks_of_text=FixedTicker(ticks=[]), ticks_of_numbers=BasicTicker())
    for choice in choices:
        choice.js_on_change("value", chosen)

    curves = blank("curves-plot", 400)
    # One dot of each until the page has the columns that are chosen.
    one = {"x": [0], "y": [0], "at": [""], "by": [""]}
    look = {"color": ["black"], "marker": ["circle"]}
    points = ColumnDataSource(one | look | {"run": [""], "link": [""]}, name="points")
    cells = ColumnDataSource(one | {"mean": [0]}, name="cells")
    lines = ColumnDataSource({"xs": [[0, 0]], "ys": [[0, 0]], "color": ["black"], "dash": ["solid"]}, name="lines")
    curves.multi_line("xs", "ys", source=lines, line_color="color", line_dash="dash", line_width=2)
    dots = curves.scatter("x", "y", source=points, color="color", marker="marker", size=8, legend_field="by")
    curves.add_layout(curves.legend[0], "right")
    hover(curves, dots, ("run", "@run"), ("x", "@at"), ("y", "@y"), ("by", "@by"))
    curves.add_tools("tap")
    curves.js_on_event(Tap, call("open"))

    heat = blank("heat-plot", 400)
    colors = LinearColorMapper("Viridis256")
    drawn = heat.rect("x", "y", 1, 1, source=cells, line_color=None, fill_color={"field": "mean", "transform": colors})
    hover(heat, drawn, ("x", "@at"), ("by", "@by"), ("mean", "@mean"))
    heat.add_layout(ColorBar(color_mapper=colors, tags=["ink"]), "right")
    heat.xaxis.ticker, heat.yaxis.ticker = [], []
    above = row(*choices, sizing_mode="stretch_width", styles=WRAP)
    return {"curves": column(above, curves, sizing_mode="stretch_width"), "heat": heat}
