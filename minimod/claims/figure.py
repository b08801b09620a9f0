"""A claim's table as a figure: means over seeds, with what lies between the lowest and the highest."""

import math
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minimod.claims.claim import Plot, Result
from minimod.report.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, STYLE, VERMILION, words

COLORS, MARKERS = (BLACK, ORANGE, BLUE, GREEN, VERMILION, SKY, PURPLE), ("o", "s", "^", "D", "v", "P", "X")
LINES = tuple(zip(COLORS, MARKERS, strict=True))


@style.context(["default", STYLE])
def draw_claim(result: Result) -> Figure:
    """The figure that a claim's `plot` describes."""
    plot, panels = result.plot, result.panels()
    is_text = isinstance(result.rows[0][plot.x], str)
    n_columns = next((n for n in (4, 3, 2) if len(panels) % n == 0), min(len(panels), 4))
    n_rows = -(-len(panels) // n_columns)
    if is_text:
        width, height = 2 + 2.4 * n_columns, 0.8 + 0.25 * max(map(len, panels.values()))
    else:
        width, height = 2.6 * n_columns, 2.5
    width = max(6, width)
    figure = Figure(figsize=(width, n_rows * height + 1.3))
    axes_of = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    for axes in axes_of.flat[len(panels) :]:
        axes.remove()
    for axes, (values, rows) in zip(axes_of.flat, panels.items(), strict=False):
        (_draw_points if is_text else _draw_curves)(axes, plot, rows)
        lines = (f"{words(key)}: {value}" for key, value in zip(plot.panel, values, strict=True))
        axes.set_title("\n".join(fill(line, int(12.5 * width / n_columns)) for line in lines))      # letters to an inch
    for axes in axes_of.flat[len(panels) - n_columns : len(panels)]:        # the last of every column
        axes.set_xlabel(plot.label if is_text else words(plot.x))
        axes.tick_params(labelbottom=True)
    for axes in axes_of[:, 0]:
        axes.set_ylabel("" if is_text else plot.label)
    handles, labels = axes_of[0, 0].get_legend_handles_labels()
    label_width = 0.7 + 0.08 * max(map(len, labels))         # inches, at this font size
    n_legend_columns = min(len(labels), int(width / label_width))
    figure.legend(handles, labels, loc="outside lower center", ncols=n_legend_columns, fontsize=9)
    seeds = "one seed" if len(result.seeds) == 1 else f"mean and range of {len(result.seeds)} seeds"
    figure.suptitle(f"{result.name}, {result.scale} scale, {seeds}: {result.verdict}")
    return figure


def _draw_curves(axes: Axes, plot: Plot, rows: list[dict[str, Any]]) -> None:
    """One curve a column over numbers x, with a band for the range."""
    x = [np.mean(row[plot.x]) for row in rows]
    for column, (color, marker) in zip(plot.columns, LINES, strict=False):
        values = np.array([row[column] for row in rows])
        values[np.isinf(values)] = np.nan                    # never reached: a gap
        axes.plot(x, values.mean(axis=1), color=color, marker=marker, markersize=4, label=column)
        axes.fill_between(x, values.min(axis=1), values.max(axis=1), color=color, alpha=0.2, linewidth=0)
    axes.set_xscale(plot.xscale)
    if plot.xscale == "log":
        ticks = x[:: math.ceil(len(x) / 4)]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    elif all(isinstance(row[plot.x], int) for row in rows):          # no tick at half a round
        axes.locator_params(axis="x", integer=True)
    if plot.label == "accuracy":
        axes.set_ylim(-0.03, 1.05)


def _draw_points(axes: Axes, plot: Plot, rows: list[dict[str, Any]]) -> None:
    """One line of points a row, named by its x, with a bar for the range."""
    for column, (color, marker) in zip(plot.columns, LINES, strict=False):
        values = np.array([row[column] for row in rows])
        mean = values.mean(axis=1)
        ends = np.maximum([mean - values.min(axis=1), values.max(axis=1) - mean], 0)      # rounding may leave less
        axes.errorbar(mean, range(len(rows)), xerr=ends, fmt=marker, color=color, markersize=6, alpha=0.8, label=column)
    axes.set_yticks(range(len(rows)), [row[plot.x] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    if plot.label == "accuracy":
        axes.set_xlim(-0.03, 1.05)
