"""The page of all claims: verdicts at a glance, criteria with bounds and seeds, and figures that answer to a hand."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import ColumnDataSource, FixedTicker

from minimod.claims.claim import Result
from minimod.claims.figure import COLORS
from minimod.claims.results import number
from minimod.report.page import write_page
from minimod.report.panels import COLOR_NAMES, WRAP, hover, plot, switches
from minimod.report.style import words

MARKS = {"holds": "✓", "does not hold": "✗", "inconclusive": "?"}


def write_claims_page(path: Path, stored: list[Result]) -> None:
    """The page of the claims whose rows are stored."""
    claims = {f"{each.name}-{each.scale}": each for each in stored}
    plots = {id: draw_claim(id, each) for id, each in claims.items()}
    verdicts = Counter(each.verdict for each in stored)
    write_page(path, "claims.html", plots, later=True, claims=claims, verdicts=verdicts, marks=MARKS, number=number)


def draw_claim(name: str, result: Result) -> Any:
    """The figure that a claim's `plot` describes: a panel for each of its panels, boxes for its columns."""
    shape = result.plot
    lines: dict[str, list[Any]] = {
        f"{words(each)} ({COLOR_NAMES[color]})": [] for each, color in zip(shape.columns, COLORS, strict=False)
    }
    drawn, rows = [], dict[str, list[Any]]()
    for keys, of_panel in result.panels().items():
        title = ", ".join(f"{words(key)} {value}" for key, value in zip(shape.panel, keys, strict=True))
        is_text = isinstance(of_panel[0][shape.x], str)
        place = list(range(len(of_panel))) if is_text else [float(np.mean(each[shape.x])) for each in of_panel]
        log = shape.xscale == "log" and not is_text
        axes = plot(f"{name} {title}", 300, title=title, x_axis_label=words(shape.x), y_axis_label=shape.label,
                    x_axis_type="log" if log else "linear")
        if is_text:
            axes.xaxis.ticker = FixedTicker(ticks=place)
            axes.xaxis.major_label_overrides = {i: str(each[shape.x]) for i, each in enumerate(of_panel)}
            axes.xaxis.major_label_orientation = 0.9
        for each, color, line in zip(shape.columns, COLORS, lines.values(), strict=False):
            values = np.array([line[each] for line in of_panel], float)
            values[~np.isfinite(values)] = np.nan
            columns = {"x": place, "mean": values.mean(axis=1), "low": values.min(axis=1), "high": values.max(axis=1)}
            source = ColumnDataSource(columns | {"at": [str(line[shape.x]) for line in of_panel]})
            dots = axes.scatter("x", "mean", source=source, color=color, size=7)
            line += [dots, axes.segment("x", "low", "x", "high", source=source, color=color, line_width=2)]
            if not is_text:
                line.append(axes.line("x", "mean", source=source, color=color, line_width=2))
            hover(axes, dots, (words(shape.x), "@at"), (each, "@mean{0.000}"), ("seeds", "@low{0.000} to @high{0.000}"))
            for key, cells in {"panel": [title] * len(place), "x": source.data["at"], "column": [each] * len(place),
                               **{key: list(columns[key]) for key in ("mean", "low", "high")}}.items():
                rows.setdefault(key, []).extend(cells)
        drawn.append(axes)
    drawn[0].tags = [ColumnDataSource(rows, name=name)]
    panels_row = row(*drawn, sizing_mode="stretch_width", styles=WRAP)
    return column(switches(name, lines), panels_row, sizing_mode="stretch_width")
