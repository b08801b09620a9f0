"""Figures of a sweep's table: a column over another, or over two."""

import itertools
import math
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from minimod.report.style import words

# Value of `by` -> value of x -> the numbers y, one a run; see `sweeps.table.curves`.
Points = dict[Any, dict[Any, list[float]]]


def draw_curves(points: Points, x: str, y: str, by: str | None, log: bool) -> Figure:
    """A column of a sweep over another: a line for the mean, a band from lowest to highest."""
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    names = sorted(points, key=_in_order)
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(names)))
    places = _places(points)
    for name, colour, marker in zip(names, colours, itertools.cycle("osD^vP"), strict=False):
        line = sorted(points[name].items(), key=lambda point: _in_order(point[0]))
        where = [places[value] for value, _ in line]
        numbers = [numbers for _, numbers in line]
        label = str(name) if by else None
        axes.plot(where, [np.mean(n) for n in numbers], marker=marker, markersize=4, color=colour, label=label)
        axes.fill_between(where, [min(n) for n in numbers], [max(n) for n in numbers], color=colour, alpha=0.2)
    if any(place is not value for value, place in places.items()):
        axes.set_xticks(list(places.values()), list(map(str, places)))
    if log:
        axes.set_xscale("log")
        if len(places) <= 12:
            axes.set_xticks(list(places), list(map(str, places)))
            axes.minorticks_off()
    axes.set(xlabel=words(x), ylabel=words(y))
    if by:
        figure.legend(title=words(by), fontsize=9, loc="outside right upper")
    axes.set_title("mean over runs; band: lowest to highest", fontsize=10)
    return figure


def draw_heat_map(points: Points, x: str, y: str, by: str) -> Figure:
    """The mean of a column of a sweep over two others; what no run has is left white."""
    rows = sorted(points, key=_in_order)
    columns = sorted({value for row in points.values() for value in row}, key=_in_order)
    means = [[np.mean(points[row].get(column, [math.nan])) for column in columns] for row in rows]
    size = (2 + 0.6 * max(6, len(columns)), 1.5 + 0.4 * max(6, len(rows)))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(means, aspect="auto", origin="lower", cmap="viridis")
    axes.set_xticks(range(len(columns)), list(map(str, columns)), rotation=45)
    axes.set_yticks(range(len(rows)), list(map(str, rows)))
    axes.set(xlabel=words(x), ylabel=words(by))
    figure.colorbar(image, ax=axes, label=f"{words(y)}, mean over runs")
    return figure


def _in_order(value: Any) -> tuple[bool, Any]:
    """A key by which the values of one column are sorted, with what is unset first."""
    return value is not None, value


def _places(points: Points) -> dict[Any, Any]:
    """Where every value of x stands on the axis, in order: numbers where they are, else one after the other."""
    values = sorted({value for line in points.values() for value in line}, key=_in_order)
    are_numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return {value: value if are_numbers else index for index, value in enumerate(values)}
