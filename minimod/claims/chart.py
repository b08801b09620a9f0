"""A claim's table as a chart: the mean over seeds, with the range from the lowest seed to the highest."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from textwrap import fill
from typing import Any

import numpy as np

from minimod.claims.claim import Judged, Plot, Result
from minimod.report.chart import Axis, Chart, Series, around, by_name, linear, logarithmic
from minimod.report.charts import ACCURACY
from minimod.report.style import CHANCE, STYLES, words
from minimod.report.words import in_words

LETTERS = 36        # a longer name in a list is broken into lines


def chart_of(result: Result) -> Chart:
    """The chart that a claim's `plot` describes: a list if x is text, else curves."""
    plot = result.plot
    panels = {}
    for values, rows in result.panels().items():
        keys = dict(zip(plot.panel, values, strict=True))
        title = "\n".join(f"{words(key)} {_text(value)}" for key, value in keys.items())
        series = _series(plot, rows, result.criteria)
        panels[title] = series + _chance(result, keys, series[0].x)
    x = list(dict.fromkeys(value for panel in panels.values() for value in panel[0].x))
    drawn = [series for panel in panels.values() for series in panel]
    if is_list := isinstance(x[0], str):
        axis = by_name("", x, {name: fill(named(name) if plot.x == "method" else _text(name), LETTERS) for name in x})
    else:
        axis = (linear if plot.xscale == "linear" else logarithmic)(words(plot.x), x)
    seeds = "one seed" if len(result.seeds) == 1 else f"mean and range of {len(result.seeds)} seeds"
    lines = [result.sentence, f"{result.name} at {result.scale} scale, {seeds}: {result.verdict}"]
    if any(series.wanted for series in drawn):
        lines.append("pale bars: where a criterion asks the point to be")
    if any(series.never for series in drawn):
        lines.append("triangles: the number of seeds that never got there; a mean is over the other seeds")
    return Chart("\n".join(lines), axis, _up(plot, drawn), panels, is_list=is_list)


def named(column: str, plain: str = "") -> str:
    """A column or a method in plain words, then its name in brackets, unless the name says the same."""
    plain = plain or in_words(column)
    return plain if plain in (column, words(column)) else f"{plain} [{column}]"


def _text(value: Any) -> str:
    """A value as people write it: 0.00001 for 1e-05."""
    text = words(value) if isinstance(value, str) else f"{value:,.10g}"
    return re.sub(r"[\d.]+e-\d+", lambda found: f"{float(found[0]):.9f}".rstrip("0"), text)


def _up(plot: Plot, drawn: list[Series]) -> Axis:
    """The axis of the measured numbers: from 0 to 1 for accuracies, else around all numbers, bounds and "never"."""
    if plot.label == ACCURACY.label:
        return ACCURACY
    values = {float(value) for series in drawn for part in (series.y, series.low, series.high) for value in part}
    bounds = {bound for series in drawn for ends in series.wanted.values() for bound in ends if math.isfinite(bound)}
    return around(plot.label, values | bounds | {math.inf for series in drawn if series.never}, plot.yscale)


def _series(plot: Plot, rows: list[dict[str, Any]], criteria: list[Judged]) -> list[Series]:
    """The columns of a plot over its x, from rows over seeds. A curve goes from the least x to the largest.

    inf means "never reached". A mean leaves out the seeds that never reached the level; the chart counts these seeds. A
    number that was not measured, nan, leaves a gap.
    """
    made, is_list = [], isinstance(rows[0][plot.x], str)
    rows = rows if is_list else sorted(rows, key=lambda row: float(np.mean(row[plot.x])))
    x = [row[plot.x] if is_list else float(np.mean(row[plot.x])) for row in rows]
    plain = dict(plot.columns) if isinstance(plot.columns, Mapping) else dict.fromkeys(plot.columns, "")
    for (column, text), style in zip(plain.items(), STYLES, strict=False):
        values = [np.array(row[column], float) for row in rows]
        reached = [each[~np.isposinf(each)] if np.isfinite(each).any() else [math.nan] for each in values]
        mean, low, high = ([float(reduce(each)) for each in reached] for reduce in (np.mean, np.min, np.max))
        counts = [(int(np.isposinf(each).sum()), len(each)) for each in values]
        never = [f"{n}/{of}" if n else "" for n, of in counts] if any(n for n, _ in counts) else []
        wanted = {
            at: each.wanted for at, row in zip(x, rows, strict=True) for each in criteria
            if each.column == column and each.relation != "noted" and each.keys.items() <= row.items()
        }
        look = replace(style, dash="" if is_list else style.dash)
        made.append(Series(named(column, text), x, mean, look, low, high, never, wanted))
    return made


def _chance(result: Result, keys: dict[str, Any], x: Sequence[Any]) -> list[Series]:
    """The line at 1 / P in the panel of these keys, if the panel shows accuracies at one modulus P."""
    moduli = {modulus for rule, modulus in result.moduli
              if keys.get("rule", rule) == rule and keys.get("modulus", modulus) == modulus}
    if result.plot.label != ACCURACY.label or len(moduli) != 1:
        return []
    return [Series("chance, 1 / P", [x[0], x[-1]], [1 / moduli.pop()] * 2, CHANCE)]
