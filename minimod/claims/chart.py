"""A claim's table as a chart: means over seeds, with what lies between the lowest and the highest."""

from dataclasses import replace
from typing import Any

import numpy as np

from minimod.claims.claim import Result
from minimod.report.chart import Axis, Chart, Series, by_name, logarithmic
from minimod.report.charts import ACCURACY
from minimod.report.style import STYLES, words


def chart_of(result: Result) -> Chart:
    """The chart that a claim's `plot` describes."""
    plot, panels, is_list = result.claim.plot, result.panels(), isinstance(result.rows[0][result.claim.plot.x], str)
    places = {
        id(row): row[plot.x] if is_list else float(np.mean(row[plot.x])) for rows in panels.values() for row in rows
    }

    def series(rows: list[dict[str, Any]]) -> list[Series]:
        made = []
        for column, style in zip(plot.columns, STYLES, strict=False):
            values = np.array([row[column] for row in rows], float)
            values[~np.isfinite(values)] = np.nan           # never reached, or not measured: a gap
            numbers = [reduce(values, axis=1).tolist() for reduce in (np.mean, np.min, np.max)]
            style = replace(style, dash="" if is_list else style.dash)
            made.append(Series(column, [places[id(row)] for row in rows], numbers[0], style, *numbers[1:]))
        return made

    x = list(dict.fromkeys(places.values()))
    if is_list:
        axis = by_name("", x)
    else:
        ticks = {value: f"{value:g}" for value in x} if len(x) <= 8 else None
        axis = Axis(words(plot.x), ticks=ticks) if plot.xscale == "linear" else logarithmic(words(plot.x), x)
    seeds = "one seed" if len(result.seeds) == 1 else f"mean and range of {len(result.seeds)} seeds"
    return Chart(
        f"{result.name}, {result.scale} scale, {seeds}: {result.verdict}", axis,
        ACCURACY if plot.label == ACCURACY.label else Axis(plot.label), {
            "\n".join(f"{words(key)}: {value}" for key, value in zip(plot.panel, keys, strict=True)): series(rows)
            for keys, rows in panels.items()
        }, is_list=is_list,
    )
