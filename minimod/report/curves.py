"""A sweep's table drawn: a column over another as a chart, or over two others as a heat map."""

import math
import textwrap
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minimod.analysis.rows import METHODS
from minimod.report.chart import MOST_NAMES, Axis, Chart, Series, by_name, logarithmic, some
from minimod.report.style import STYLES, literal, words

# Value of `by` -> value of x -> the numbers y, one a run; see `sweeps.table.curves`.
Points = dict[Any, dict[Any, list[float]]]


def curves(
    points: Points, x: str, y: str, by: str | None, log_x: bool, log_y: bool = False,
    settings: dict[str, Any] | None = None,
) -> Chart:
    """A column of a sweep over another: mean, and a band from lowest to highest. settings: for the title."""
    values = sorted({value for line in points.values() for value in line}, key=_in_order)
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        axis = by_name(label_of(x), values)
    else:
        axis = logarithmic(label_of(x), values) if log_x else Axis(label_of(x))
    series = []
    for place, name in enumerate(sorted(points, key=_in_order)):
        line = sorted(points[name].items(), key=lambda point: _in_order(point[0]))
        numbers = [numbers for _, numbers in line]
        series.append(Series(
            str(name) if by else "", [value for value, _ in line], [float(np.mean(n)) for n in numbers],
            STYLES[place % len(STYLES)], [min(n) for n in numbers], [max(n) for n in numbers],
        ))
    y_axis = Axis(label_of(y), "log" if log_y else "linear")
    title = _title("mean over runs; band: lowest to highest; ", points, settings)
    return Chart(title, axis, y_axis, {"": series}, legend=label_of(by) if by else "")


def draw_heat_map(points: Points, x: str, y: str, by: str, settings: dict[str, Any] | None = None) -> Figure:
    """The mean of a column of a sweep over two others; what no run has is left white."""
    rows = sorted(points, key=_in_order)
    columns = sorted({value for row in points.values() for value in row}, key=_in_order)
    means = [[np.mean(points[row].get(column, [math.nan])) for column in columns] for row in rows]
    size = (2 + 0.6 * min(max(6, len(columns)), MOST_NAMES), 1.5 + 0.4 * min(max(6, len(rows)), MOST_NAMES))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(means, aspect="auto", origin="lower", cmap="viridis")
    for axis, values in ((axes.xaxis, columns), (axes.yaxis, rows)):
        axis.set_ticks([values.index(value) for value in some(values)], [literal(str(value)) for value in some(values)])
    if sum(len(str(value)) + 2 for value in some(columns)) > 70:
        axes.tick_params("x", rotation=45)
    axes.set(xlabel=label_of(x), ylabel=label_of(by))
    figure.colorbar(image, ax=axes, label=label_of(y))
    title = _title("mean over runs; ", points, settings)
    lines = (textwrap.fill(line, int(12 * size[0])) for line in title.splitlines())
    figure.suptitle(literal("\n".join(lines)), fontsize=9)
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


def _title(several: str, points: Points, settings: dict[str, Any] | None) -> str:
    """What is drawn, in words, and on a second line the settings; `several` where points are of several runs."""
    is_mean = any(len(numbers) > 1 for line in points.values() for numbers in line.values())
    fixed = ", ".join(f"{words(name)} {value}" for name, value in (settings or {}).items())
    return f"{several * is_mean + behind_each_point(points)}\n{fixed}".strip()


def _in_order(value: Any) -> tuple[bool, Any]:
    """A key by which the values of one column are sorted, with what is unset first."""
    return value is not None, value
