"""Charts of a sweep's table: one column over another as curves, or over two others as a heat map."""

import math
import textwrap
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from minimod.analysis.rows import METHODS
from minimod.report.chart import MOST_NAMES, Axis, Chart, Series, by_name, logarithmic, some
from minimod.report.charts import level
from minimod.report.style import STYLES, literal, words
from minimod.sweeps.table import OPTIONS, SEEDS, Point, fixed_settings

SPAN = 20       # An axis is logarithmic if largest number / least positive number >= SPAN.


def curves(
    points: Sequence[Point], x: str, y: str, by: str | None = None, panel: str | None = None,
    log_x: bool | None = None, log_y: bool | None = None, where: Collection[str] = (),
) -> Chart:
    """Curves of the column y of a sweep over the column x: the mean, and a band from the lowest run to the highest run.

    log_x, log_y: see `axis_of`. where: the options by which the runs were chosen, for the title.
    """
    values, names = in_order(point.x for point in points), in_order(point.by for point in points)
    numbers = [number for point in points if point.measured for number in (point.low, point.high)]
    x_axis, y_axis = axis_of(x, values, log_x), axis_of(y, numbers, log_y, is_measured=True)
    chances = {1 / point.settings.get("modulus", math.inf) for point in points}
    there = {point[:3]: point for point in points}
    panels: dict[str, list[Series]] = {}
    for of_panel in in_order(point.panel for point in points):
        series = panels[f"{words(panel)}: {of_panel}" if panel else ""] = []
        for i, name in enumerate(names):
            line = [there[of_panel, name, value] for value in values if (of_panel, name, value) in there]
            mean, low, high = (
                [y_axis.places.get(number, number) for number in (getattr(point, part) for point in line)]
                for part in ("mean", "low", "high")
            )
            never = [*map(share_never, line)]
            style, x_of_line = STYLES[i % len(STYLES)], [point.x for point in line]
            series.append(Series(str(name) if by else "", x_of_line, mean, style, low, high, never))
        if is_accuracy(y) and len(chances) == 1 and all(chances):
            series.append(level("chance", min(chances), values))
    title = _title("mean over runs; band: lowest to highest; ", points, {x, by, panel}, where)
    return Chart(title, x_axis, y_axis, panels, legend=label_of(by) if by else "")


def draw_heat_map(
    points: Sequence[Point], x: str, y: str, by: str, panel: str | None = None, where: Collection[str] = ()
) -> Figure:
    """A heat map of the mean of the column y of a sweep, over the columns x and by. Cells without runs are white."""
    columns, rows = in_order(point.x for point in points), in_order(point.by for point in points)
    panels = in_order(point.panel for point in points)
    width, height = (k * min(max(6, len(each)), MOST_NAMES) for k, each in ((0.6, columns), (0.4, rows)))
    n_columns = min(len(panels), 3)
    n_rows = -(-len(panels) // n_columns)
    size = 2 + n_columns * width, 0.4 + n_rows * (1.1 + height)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    means = [point.mean for point in points if point.measured] or [0]
    norm = Normalize(min(means), max(means))
    for axes, of_panel in zip(grid.flat, panels, strict=False):
        cells = np.full((len(rows), len(columns)), math.nan)
        for point in points:
            if point.panel == of_panel:
                place = rows.index(point.by), columns.index(point.x)
                cells[place] = point.mean
                axes.text(*place[::-1], share_never(point), ha="center", va="center",
                          fontsize=min(8, 25 * width / len(columns)),
                          path_effects=[withStroke(linewidth=2, foreground="white")])
        image = axes.imshow(cells, "viridis", norm, aspect="auto", origin="lower")
        for axis, values in ((axes.xaxis, columns), (axes.yaxis, rows)):
            ticks = some(values)
            axis.set_ticks([values.index(value) for value in ticks], [literal(str(value)) for value in ticks])
        if sum(len(str(value)) + 2 for value in some(columns)) > 70:
            axes.tick_params("x", rotation=45)
        axes.set(xlabel=label_of(x), ylabel=label_of(by), title=literal(f"{words(panel)}: {of_panel}" if panel else ""))
    for axes in grid.flat[len(panels):]:
        axes.remove()
    figure.colorbar(image, ax=figure.axes, label=label_of(y))
    title = _title("mean over runs; ", points, {x, by, panel}, where)
    lines = (textwrap.fill(line, int(12 * size[0])) for line in title.splitlines())
    figure.suptitle(literal("\n".join(lines)), fontsize=9)
    return figure


def axis_of(column: str, values: Collection[Any], log: bool | None = None, is_measured: bool = False) -> Axis:
    """The axis of a column: names, or numbers on a logarithmic (`log`) or linear scale.

    log: None means logarithmic if the numbers are at least 0 and span a factor of SPAN. Accuracies and seeds are always
        linear then.
    """
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return by_name(label_of(column), in_order(values))
    positive = [value for value in values if value > 0]
    if log is None and positive and min(values) >= 0 and not is_accuracy(column) and column not in SEEDS:
        log = max(positive) >= SPAN * min(positive)
    return logarithmic(label_of(column), values, not is_measured) if log else Axis(label_of(column))


def in_order(values: Iterable[Any]) -> list[Any]:
    """The values of one column, sorted, without repetition. None, which means unset, comes first."""
    return sorted({*values}, key=lambda value: (value is not None, isinstance(value, tuple), value))


def label_of(column: str) -> str:
    """The name of a column for readers. METHOD_MEASURE becomes "METHOD, MEASURE accuracy"."""
    method, _, measure = column.rpartition("_")
    return f"{method}, {measure} accuracy" if method in METHODS else words(column)


def is_accuracy(column: str) -> bool:
    """Whether the numbers of a column are accuracies."""
    return label_of(column).endswith(" accuracy")


def share_never(point: Point) -> str:
    """The number of a point's runs that never reached the level, as "3/8". "" if all runs reached it."""
    return f"{point.never}/{point.runs}" if point.never else ""


def behind_each_point(points: Sequence[Point]) -> str:
    """In words: what every point is the mean over, as "2 seeds × 2 optimizers", and how many runs are in no mean."""
    few, many = (choose(point.measured + point.never for point in points) for choose in (min, max))
    over = {name: max(point.over.get(name, 1) for point in points) for name in OPTIONS}
    factors = sorted((name for name in OPTIONS if over[name] > 1), key=lambda name: name not in SEEDS)
    text = " × ".join(f"{over[name]} {plural(name)}" for name in factors)
    if few < many or few != math.prod(over.values()) or few == 1:
        runs = f"{few} to {many} runs" if few < many else f"{few} runs" if few > 1 else f"{few} run"
        text = f"{runs}, of {text}," if text else runs
    n, never, measured = (sum(getattr(point, part) for point in points) for part in ("runs", "never", "measured"))
    return "; ".join(filter(None, [
        f"{text} behind each point",
        f"{never} of {n} runs never came there, as marked, and are in no mean" if never else "",
        f"{n - never - measured} of {n} runs are not measured and in no mean" if never + measured < n else "",
    ]))


def plural(option: str) -> str:
    """The words for several values of an option, as "seeds" or "values of loss"."""
    return f"values of {words(option)}" if option.endswith("s") else f"{words(option)}s"


def _title(several: str, points: Sequence[Point], drawn: Collection[str | None], where: Collection[str]) -> str:
    """The title: a line on what is drawn, and a line of settings. It begins with `several` if points are means."""
    is_mean = any(point.runs > 1 for point in points)
    fixed = ", ".join(f"{words(name)} {value}" for name, value in fixed_settings(points).items()
                      if name not in drawn and (value != OPTIONS[name] or name in where))
    return f"{several if is_mean else ''}{behind_each_point(points)}\n{fixed}".strip()
