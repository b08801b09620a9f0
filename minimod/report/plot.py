"""A chart as a Bokeh model, and helpers for the plots of pages. Callbacks are in templates/page.js."""

import math
from textwrap import fill
from typing import Any

from bokeh import models
from bokeh.layouts import row
from bokeh.plotting import figure

from minimod.report.chart import Chart, Series
from minimod.report.style import BLACK, DASHES, MARKERS

WRAP = {"flex-wrap": "wrap"}        # plots are side by side if the page is wide enough


def plot(chart: Chart, name: str) -> Any:
    """A row with this name, and a figure for every panel of a chart. Glyphs have the names of their series.

    The figures have the names `NAME-plot`, `NAME-1-plot` and so on. The row's tags are {series: its look in words}. The
    page makes check boxes of them, which switch the series on and off.
    """
    looks = {series.name: series.style.swatch for panel in chart.panels.values() for series in panel}
    across, up = (chart.y, chart.x) if chart.is_list else (chart.x, chart.y)
    height = int(80 + 90 * chart.row_height * len(up.places)) if chart.is_list else 320
    figures, linked = list[Any](), dict[str, Any]()
    for place, (title, panel) in enumerate(chart.panels.items()):
        axes = blank(
            f"{name}-{place}-plot" if place else f"{name}-plot", None if chart.is_square else height,
            title=fill(title.replace("\n", ", "), 42), x_axis_type=across.scale, y_axis_type=up.scale,
            x_axis_label=across.label, y_axis_label=up.label, **linked,
            **{"aspect_ratio": 1, "max_width": 520} if chart.is_square else {},
        )
        for axis, ends, made in ((across, axes.x_range, axes.xaxis), (up, axes.y_range, axes.yaxis)):
            if axis.limits:
                ends.start, ends.end = axis.limits
            if axis.ticks is not None:
                made.ticker, made.major_label_overrides = list(axis.ticks), axis.ticks
        if chart.is_list:
            axes.y_range.start, axes.y_range.end = len(up.places) - 0.5, -0.5
        for i in range(len(panel)):
            _plot_series(axes, chart, panel, i)
        figures.append(axes)
        linked = {"x_range": axes.x_range, "y_range": axes.y_range} if chart.y.label else {}
    return row(*figures, name=name, tags=[looks], sizing_mode="stretch_width", styles=WRAP)


def _plot_series(axes: Any, chart: Chart, panel: list[Series], i: int) -> None:
    """Draw series i of a panel, with the tooltips of its points."""
    series, glyphs = panel[i], list[Any]()
    look, shown = series.style, series.marked(i)
    x, y = ("y", "x") if chart.is_list else ("x", "y")
    at = [value if isinstance(value, (int, float)) else str(value) for value in series.x]
    data: dict[str, Any] = {"x": chart.places(panel, i), "y": series.y, "at": at}
    tips = [(chart.x.label or "name", "@at"), (series.name, "@y{0.000}")]
    if len(series.low):
        data |= {"low": series.low, "high": series.high}
        tips.append(("lowest to highest", "@low{0.000} to @high{0.000}"))
    if series.wanted:
        data |= dict(zip(("least", "most"), chart.ends(series), strict=True))
    # At the first place the count is at the right of its mark, elsewhere at the left. So no count is cut off.
    if never := [text and (f"{text} ▲" if j else f"▲ {text}") for j, text in enumerate(series.never)]:
        row = sum(any(other.never) for other in panel[:i])
        data |= {"edge": [chart.y.places.get(math.inf, math.nan)] * len(at), "never": never}
        data |= {"side": ["left", *["right"] * (len(at) - 1)], "shift": [-5, *[5] * (len(at) - 1)]}
        tips.append(("never", "@never"))
    paint = {"source": models.ColumnDataSource(data), "color": look.color, "name": series.name,
             "tags": ["ink"] if look.color == BLACK else []}
    if look.dash:
        glyphs.append(axes.line(x, y, line_width=2, line_dash=list(DASHES[look.dash]), **paint))
    if look.marker:
        view = models.CDSView(filter=models.IndexFilter(shown))
        glyphs.append(axes.scatter(x, y, view=view, marker=MARKERS[look.marker][1], size=7, **paint))
    hover(axes, glyphs[-1 if len(shown) == len(series.x) else 0], *tips)
    if len(series.low) and look.dash:
        axes.varea("x", "low", "high", fill_alpha=0.15, **paint)
    elif len(series.low):
        axes.segment(*_along(chart, "low", "high"), line_width=2, **paint)
    if series.wanted:
        bar = {"line_width": 7 if chart.is_list else 5 + 2 * (len(panel) - i), "line_alpha": 0.25, "level": "underlay"}
        axes.segment(*_along(chart, "least", "most"), **bar, **paint)
    if never:
        count = {"text": "never", "x_offset": "shift", "text_align": "side", "text_font_size": "11px"}
        axes.text("x", "edge", y_offset=5 + 11 * row, text_color=paint.pop("color"), **count, **paint)


def _along(chart: Chart, start: str, end: str) -> tuple[str, str, str, str]:
    """The columns x0, y0, x1 and y1 of bars along the direction of the numbers y."""
    return (start, "x", end, "x") if chart.is_list else ("x", start, "x", end)


def blank(name: str, height: int | None = 320, **options: Any) -> Any:
    """An empty figure as wide as the page."""
    made = figure(name=name, height=height, tools="pan,box_zoom,reset,save", active_drag=None,
                  sizing_mode="stretch_width", min_width=250, **options)
    made.toolbar.logo, made.toolbar.autohide = None, True
    return made


def hover(axes: Any, glyphs: Any, *tips: tuple[str, str]) -> None:
    """Show these tooltips if the mouse is over the glyphs of a figure."""
    axes.add_tools(models.HoverTool(renderers=[glyphs], tooltips=list(tips)))


def call(function: str, **arguments: Any) -> models.CustomJS:
    """A callback that calls a function of page.js with these named arguments, and with the mouse event as `event`."""
    return models.CustomJS(args=arguments, code=f"minimod.{function}({{{', '.join([*arguments, 'event: cb_obj'])}}})")
