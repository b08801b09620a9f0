"""Figures of a sweep's table: a column over another, or over two."""

import itertools
import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minimod.analysis.rows import METHODS
from minimod.report.style import words

# Value of `by` -> value of x -> the numbers y, one a run; see `sweeps.table.curves`.
Points = dict[Any, dict[Any, list[float]]]

# What tells lines apart besides their colour. Of more values than MOST_LABELS, every second or third has its label.
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)), (0, (1, 2)), (0, (8, 2, 1, 2, 1, 2)))
MARKERS = "osD^vP"
MOST_LABELS = 24


def draw_curves(
    points: Points, x: str, y: str, by: str | None, log_x: bool, log_y: bool = False,
    settings: dict[str, Any] | None = None,
) -> Figure:
    """A column of a sweep over another: mean, and a band from lowest to highest. settings: for the caption."""
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    names = sorted(points, key=_in_order)
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(names)))
    places = _places(points)
    labelled = _some(names)
    for name, colour, marker, dashes in zip(
        names, colours, itertools.cycle(MARKERS), itertools.cycle(DASHES), strict=False
    ):
        line = sorted(points[name].items(), key=lambda point: _in_order(point[0]))
        where = [places[value] for value, _ in line]
        numbers = [numbers for _, numbers in line]
        label = str(name) if by and name in labelled else None
        means = [np.mean(n) for n in numbers]
        axes.plot(where, means, marker=marker, markersize=5, linestyle=dashes, color=colour, label=label)
        axes.fill_between(
            where, [min(n) for n in numbers], [max(n) for n in numbers],
            facecolor=(*colour[:3], 0.15), edgecolor=colour, linewidth=0.6, linestyle=dashes,
        )
    axes.set(xscale="log" if log_x else "linear", yscale="log" if log_y else "linear")
    if any(place is not value for value, place in places.items()) or (log_x and len(places) <= 12):
        ticks = _some(list(places))
        axes.set_xticks([places[value] for value in ticks], list(map(str, ticks)))
        axes.set_xticks([], minor=True)
        _slant(axes, ticks)
    axes.set(xlabel=label_of(x), ylabel=label_of(y))
    if by:
        figure.legend(title=label_of(by), fontsize=9, handlelength=4, loc="outside right upper")
    _write_caption(figure, "mean over runs; band: lowest to highest; ", points, settings)
    return figure


def draw_heat_map(points: Points, x: str, y: str, by: str, settings: dict[str, Any] | None = None) -> Figure:
    """The mean of a column of a sweep over two others; what no run has is left white."""
    rows = sorted(points, key=_in_order)
    columns = sorted({value for row in points.values() for value in row}, key=_in_order)
    means = [[np.mean(points[row].get(column, [math.nan])) for column in columns] for row in rows]
    size = (2 + 0.6 * min(max(6, len(columns)), MOST_LABELS), 1.5 + 0.4 * min(max(6, len(rows)), MOST_LABELS))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(means, aspect="auto", origin="lower", cmap="viridis")
    axes.set_xticks([columns.index(value) for value in _some(columns)], list(map(str, _some(columns))))
    axes.set_yticks([rows.index(value) for value in _some(rows)], list(map(str, _some(rows))))
    _slant(axes, _some(columns))
    axes.set(xlabel=label_of(x), ylabel=label_of(by))
    figure.colorbar(image, ax=axes, label=label_of(y))
    _write_caption(figure, "mean over runs; ", points, settings)
    return figure


def label_of(column: str) -> str:
    """The name of a column as people read it; what a method answers is an accuracy."""
    method, _, measure = column.rpartition("_")
    return f"{method}, {measure} accuracy" if method in METHODS else words(column)


def behind_each_point(points: Points) -> str:
    """How many runs, seeds among them, each point is the mean of, in words."""
    numbers = {len(numbers) for line in points.values() for numbers in line.values()}
    few, many = min(numbers), max(numbers)
    return f"{few} to {many} runs behind each point" if few < many else f"{few} run{'s' * (few > 1)} behind each point"


def _write_caption(figure: Figure, several: str, points: Points, settings: dict[str, Any] | None) -> None:
    """Write what is drawn above a figure; `several` where points are of several runs."""
    is_mean = any(len(numbers) > 1 for line in points.values() for numbers in line.values())
    fixed = ", ".join(f"{words(name)} {value}" for name, value in (settings or {}).items())
    lines = [several * is_mean + behind_each_point(points), *textwrap.wrap(fixed, int(8 * figure.get_figwidth()))]
    figure.suptitle("\n".join(lines), fontsize=9)


def _in_order(value: Any) -> tuple[bool, Any]:
    """A key by which the values of one column are sorted, with what is unset first."""
    return value is not None, value


def _some(values: Sequence[Any]) -> Sequence[Any]:
    """The values that there is room for a label of."""
    return values[:: math.ceil(len(values) / MOST_LABELS)]


def _slant(axes: Axes, labels: Sequence[Any]) -> None:
    """Turn the labels of the x-axis where they would overlap."""
    if sum(len(str(label)) + 2 for label in labels) > 70:
        axes.tick_params("x", rotation=45)


def _places(points: Points) -> dict[Any, Any]:
    """Where every value of x stands on the axis, in order: numbers where they are, else one after the other."""
    values = sorted({value for line in points.values() for value in line}, key=_in_order)
    are_numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return {value: value if are_numbers else index for index, value in enumerate(values)}
