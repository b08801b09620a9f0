"""A chart as a Matplotlib figure."""

import math
from dataclasses import replace
from textwrap import fill

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from minimod.report.chart import Axis, Chart, Series, some
from minimod.report.style import BLACK, DASHES, MARKERS, STYLE, literal

LETTERS, LONG = 12, 20          # letters per inch; a name with more letters than LONG is written small


@style.context(["default", STYLE])
def draw(chart: Chart) -> Figure:
    """The figure of a chart: its title, its panels, and a legend below them. If panels differ, each has its legend."""
    n = len(chart.panels)
    n_columns = next((columns for columns in (3, 2) if n % columns == 0), min(n, 3))
    n_rows = -(-n // n_columns)
    names = sorted(([series.name for series in panel] for panel in chart.panels.values()), key=len, reverse=True)
    is_alike = all({*each} <= {*names[0]} for each in names)
    width = {1: 8, 2: 8.5, 3: 9.5}[n_columns]
    per_line = max(1, int(width / (0.8 + 0.075 * max(map(len, names[0]), default=0))))
    height = 5 if chart.is_square else 3.5 - 0.35 * n_columns
    if chart.is_list:
        height = 0.7 + chart.row_height * len(chart.x.places)
    rows = max(sum(any(series.never) for series in panel) for panel in chart.panels.values())
    above = 10 * rows * (math.inf not in chart.y.places)     # points
    title = literal("\n".join(fill(line, int(LETTERS * width)) for line in chart.title.splitlines()))
    around = 0.2 * (title.count("\n") + 1 + len(names[0]) / per_line)
    figure = Figure(figsize=(width, n_rows * (height + above / 72) + around))
    across, up = (chart.y, chart.x) if chart.is_list else (chart.x, chart.y)
    grid = figure.subplots(n_rows, n_columns, squeeze=False, sharex=bool(across.label) or not chart.is_list,
                           sharey=bool(up.label) or chart.is_list)
    for axes in grid.flat[n:]:
        axes.remove()
    for place, (axes, (heading, panel)) in enumerate(zip(grid.flat, chart.panels.items(), strict=False)):
        for i in range(len(panel)):
            _draw_series(axes, chart, panel, i)
        never = [i for i, series in enumerate(panel) if any(series.never)]
        for row, i in enumerate(never):
            _draw_never(axes, chart, panel, i, row)
        lines = (fill(line, int(LETTERS * width / n_columns)) for line in heading.splitlines())
        axes.set_title(literal("\n".join(lines)), pad=6 + above)
        _set_axis(axes, "x", across, is_last=place >= n - n_columns)
        _set_axis(axes, "y", replace(up, label=fill(up.label, int(LETTERS * height))), is_last=place % n_columns == 0)
        if chart.is_list:
            axes.set_ylim(len(up.places) - 0.5, -0.5)
            axes.grid(axis="y", color="0.9")
            axes.tick_params("y", labelsize=8 if max(map(len, (up.ticks or {}).values())) > LONG else None)
        if sum(len(text) + 2 for text in (across.ticks or {}).values()) > LETTERS * width / n_columns:
            axes.tick_params("x", rotation=45)
        if chart.is_square:
            axes.set_aspect("equal")
        if not is_alike and panel:
            axes.legend(fontsize=8)
    handles, labels = max((axes.get_legend_handles_labels() for axes in figure.axes), key=lambda pair: len(pair[1]))
    if is_alike and labels:
        labels = [fill(label, int(LETTERS * width)) for label in labels]
        figure.legend(some(handles), some(labels), title=chart.legend, loc="outside lower center", ncols=per_line,
                      fontsize=9, handlelength=4)
    figure.suptitle(title)
    return figure


def _draw_series(axes: Axes, chart: Chart, panel: list[Series], i: int) -> None:
    """Draw series i of a panel: a line, markers, and a band around the line or a bar through each marker.

    The pale bars of the first series are the widest. So they show around the bars of the other series.
    """
    series, x, size = panel[i], chart.places(panel, i), 5 + 2 * (len(panel) - i)
    look, has_band = series.style, len(series.low) > 0
    line = (0, DASHES[look.dash] or None) if look.dash else "none"
    axes.plot(*((series.y, x) if chart.is_list else (x, series.y)), linestyle=line, color=look.color, markersize=5,
              marker=MARKERS[look.marker][0], markevery=series.marked(i), label=literal(series.name))
    if has_band and look.dash:
        axes.fill_between(x, series.low, series.high, facecolor=to_rgba(look.color, 0.15), edgecolor=look.color,
                          linewidth=0.6, linestyle=line)
    elif has_band:
        (axes.hlines if chart.is_list else axes.vlines)(x, series.low, series.high, color=look.color)
    if series.wanted:
        bars = axes.hlines if chart.is_list else axes.vlines
        bars(x, *chart.ends(series), color=to_rgba(look.color, 0.25), linewidth=5 if chart.is_list else size, zorder=0)


def _draw_never(axes: Axes, chart: Chart, panel: list[Series], i: int, row: int) -> None:
    """Draw a triangle and the count of `Series.never`, at the y-axis' place of inf or above the axes.

    The marks of each series have their own row, so that they do not hide one another.
    """
    top, at, points = 1.0, axes.get_xaxis_transform(), 6 + 10 * row
    if math.inf in chart.y.places:
        top, at, points = chart.y.places[math.inf], axes.transData, -10 * row
    there = {place: text for place, text in zip(chart.places(panel, i), panel[i].never, strict=False) if text}
    axes.update_datalim([(place, 0) for place in there], updatey=False)
    for place, count in there.items():
        for text, color, side in (("▲", panel[i].style.color, "right"), (f" {count}", BLACK, "left")):
            axes.annotate(text, (place, top), (0, points), xycoords=at, color=color, fontsize=7,
                          textcoords="offset points", ha=side, va="center", annotation_clip=False)


def _set_axis(axes: Axes, name: str, axis: Axis, is_last: bool) -> None:
    """Give one axis of a panel its scale, limits, ticks and name. is_last: whether the panel ends its row or column."""
    if axis.limits:         # before the scale: without limits, the scale looks for positive numbers
        axes.set(**{f"{name}lim": axis.limits})
    axes.set(**{f"{name}scale": axis.scale, f"{name}label": axis.label if is_last else ""})
    if axis.ticks is not None:
        ticks = axes.xaxis if name == "x" else axes.yaxis
        ticks.set_ticks(list(axis.ticks), [literal(text) for text in axis.ticks.values()])
        ticks.set_ticks([], minor=True)
    if name == "x":
        axes.tick_params(labelbottom=is_last)
