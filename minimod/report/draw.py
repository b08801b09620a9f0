"""A chart as a Matplotlib figure."""

from textwrap import fill

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from minimod.report.chart import Axis, Chart, Series, some
from minimod.report.style import BLACK, DASHES, MARKERS, STYLE, literal

LETTERS = 12        # to an inch


@style.context(["default", STYLE])
def draw(chart: Chart) -> Figure:
    """The figure of a chart: its title, its panels, and a legend below them, or in each panel if they differ."""
    n = len(chart.panels)
    n_columns = next((columns for columns in (3, 2) if n % columns == 0), min(n, 3))
    n_rows = -(-n // n_columns)
    names = [[series.name for series in panel] for panel in chart.panels.values()]
    is_alike = all(each == names[0] for each in names)
    width = {1: 8, 2: 8.5, 3: 9.5}[n_columns]
    per_line = max(1, int(width / (0.8 + 0.075 * max(map(len, names[0]), default=0))))
    height = 5 if chart.is_square else 3.5 - 0.35 * n_columns
    if chart.is_list:
        height = 0.7 + (0.18 + 0.03 * len(names[0])) * len(chart.x.places)
    above = 10 * max(sum(any(series.never) for series in panel) for panel in chart.panels.values())     # points
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
            _draw_never(axes, chart.places(panel, i), panel[i], 6 + 10 * row)
        lines = (fill(line, int(LETTERS * width / n_columns)) for line in heading.splitlines())
        axes.set_title(literal("\n".join(lines)), pad=6 + above)
        _set_axis(axes, "x", across, is_last=place >= n - n_columns)
        _set_axis(axes, "y", up, is_last=place % n_columns == 0)
        if chart.is_list:
            axes.set_ylim(len(up.places) - 0.5, -0.5)
            axes.grid(axis="y", color="0.9")
        if sum(len(text) + 2 for text in (across.ticks or {}).values()) > LETTERS * width / n_columns:
            axes.tick_params("x", rotation=45)
        if chart.is_square:
            axes.set_aspect("equal")
        if not is_alike and panel:
            axes.legend(fontsize=8)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if is_alike and labels:
        figure.legend(some(handles), some(labels), title=chart.legend, loc="outside lower center", ncols=per_line,
                      fontsize=9, handlelength=4)
    figure.suptitle(title)
    return figure


def _draw_series(axes: Axes, chart: Chart, panel: list[Series], i: int) -> None:
    """Draw series i of a panel: a line, markers, and a band around the line or a bar through each marker."""
    series, x = panel[i], chart.places(panel, i)
    look, has_band = series.style, len(series.low) > 0
    line = (0, DASHES[look.dash] or None) if look.dash else "none"
    axes.plot(*((series.y, x) if chart.is_list else (x, series.y)), linestyle=line, color=look.color, markersize=5,
              marker=MARKERS[look.marker][0], markevery=series.marked(i), label=literal(series.name))
    if has_band and look.dash:
        axes.fill_between(x, series.low, series.high, facecolor=to_rgba(look.color, 0.15), edgecolor=look.color,
                          linewidth=0.6, linestyle=line)
    elif has_band:
        axes.hlines(x, series.low, series.high, color=look.color)


def _draw_never(axes: Axes, x: list[float], series: Series, points: float) -> None:
    """Draw what never came as triangles at the upper edge, so many points above it, and how often it was."""
    there = {place: text for place, text in zip(x, series.never, strict=True) if text}
    axes.update_datalim([(place, 0) for place in there], updatey=False)
    for place, count in there.items():
        for text, color, side in (("▲", series.style.color, "right"), (f" {count}", BLACK, "left")):
            axes.annotate(text, (place, 1), (0, points), xycoords=axes.get_xaxis_transform(), color=color, fontsize=7,
                          textcoords="offset points", ha=side, va="center", annotation_clip=False)


def _set_axis(axes: Axes, name: str, axis: Axis, is_last: bool) -> None:
    """Give one axis of a panel its scale, ends, ticks and name. is_last: of its row or column of panels."""
    axes.set(**{f"{name}scale": axis.scale, f"{name}label": axis.label if is_last else ""})
    if axis.limits:
        axes.set(**{f"{name}lim": axis.limits})
    if axis.ticks is not None:
        ticks = axes.xaxis if name == "x" else axes.yaxis
        ticks.set_ticks(list(axis.ticks), [literal(text) for text in axis.ticks.values()])
        ticks.set_ticks([], minor=True)
    if name == "x":
        axes.tick_params(labelbottom=is_last)
