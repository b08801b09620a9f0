"""A claim's table as a chart: means over seeds, with what lies between the lowest and the highest."""

from dataclasses import replace
from typing import Any

import numpy as np

from minimod.claims.claim import Plot, Result
from minimod.report.chart import Axis, Chart, Series, by_name, logarithmic
from minimod.report.charts import ACCURACY
from minimod.report.style import STYLES, words


def chart_of(result: Result) -> Chart:
    """The chart that a claim's `plot` describes: a list where x is text, else curves."""
    plot = result.plot
    panels = {
        "\n".join(f"{words(key)}: {value}" for key, value in zip(plot.panel, keys, strict=True)): _series(plot, rows)
        for keys, rows in result.panels().items()
    }
    x = list(dict.fromkeys(value for panel in panels.values() for value in panel[0].x))
    if is_list := isinstance(x[0], str):
        axis = by_name("", x)
    elif plot.xscale == "linear":
        axis = Axis(words(plot.x), ticks={value: f"{value:g}" for value in x} if len(x) <= 8 else None)
    else:
        axis = logarithmic(words(plot.x), x)
    seeds = "one seed" if len(result.seeds) == 1 else f"mean and range of {len(result.seeds)} seeds"
    title = f"{result.name}, {result.scale} scale, {seeds}: {result.verdict}"
    y = ACCURACY if plot.label == ACCURACY.label else Axis(plot.label)
    return Chart(title, axis, y, panels, is_list=is_list)


def _series(plot: Plot, rows: list[dict[str, Any]]) -> list[Series]:
    """The columns of a plot over its x, from rows over seeds; a curve goes from the least x to the largest."""
    made, is_list = [], isinstance(rows[0][plot.x], str)
    rows = rows if is_list else sorted(rows, key=lambda row: float(np.mean(row[plot.x])))
    x = [row[plot.x] if is_list else float(np.mean(row[plot.x])) for row in rows]
    for column, style in zip(plot.columns, STYLES, strict=False):
        values = np.array([row[column] for row in rows], float)
        values[~np.isfinite(values)] = np.nan           # never reached, or not measured: a gap
        mean, low, high = (reduce(values, axis=1).tolist() for reduce in (np.mean, np.min, np.max))
        made.append(Series(column, x, mean, replace(style, dash="" if is_list else style.dash), low, high))
    return made
