"""Figures of the result of `analyze`. Nothing is computed here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure

from minimod.analysis.structure import coordinate_of
from minimod.report import charts
from minimod.report.chart import Chart
from minimod.report.draw import draw
from minimod.report.style import BLACK, BLUE, STYLE, literal, save_figure


@style.context(["default", STYLE])
def draw_figures(summary: dict[str, Any], directory: Path) -> list[Path]:
    """Draw the result of `analyze` as PNG and SVG. A figure whose data is missing is left out. Returns the paths."""
    paths = []
    for name, figure_of in FIGURES.items():
        if PARTS.get(name, "config") not in summary:
            continue
        figure = figure_of(summary)
        for kind in ("png", "svg"):
            paths.append(directory / f"{name}.{kind}")
            save_figure(figure, paths[-1])
    return paths


def draw_spectrum(summary: dict[str, Any]) -> Figure:
    """The spectrum of every neuron as a column, sorted by dominant component, and the shares of dominant components."""
    figure = Figure(figsize=(9, 4))
    image_axes, share_axes = figure.subplots(1, 2, width_ratios=(2, 1))
    share, n_neurons = summary["spectrum"]["share"], len(summary["spectrum"]["order"])
    image = image_axes.imshow(
        share, aspect="auto", origin="lower", cmap="viridis", interpolation="nearest", vmin=0,
        extent=(0, n_neurons, 0.5, len(share) + 0.5),
    )
    figure.colorbar(image, ax=image_axes, label="share of power, mean of u, v, w")
    what = coordinate_of(summary["neurons"])
    image_axes.set(xlabel=f"neuron, sorted by dominant {what}", ylabel="frequency k" if what == "frequency" else what)
    if what == "component":
        some = range(0, len(share), 1 + len(share) // 30)
        image_axes.set_yticks([k + 1 for k in some], [summary["components"][k] for k in some], fontsize=8)
    trained, initial = summary["neurons"]["share"], summary["initial_share"]
    bins = np.linspace(0, max(trained.max(), initial.max()), 51)
    share_axes.hist(initial, bins, histtype="step", color=BLACK, label="before training")
    share_axes.hist(trained, bins, color=BLUE, alpha=0.8, label="trained")
    share_axes.set(xlabel=f"share of the\ndominant {what}", ylabel="neurons", xlim=(0, bins[-1]))
    share_axes.margins(y=0.25)
    share_axes.legend(loc="upper right", fontsize=9)
    figure.suptitle(literal(summary["title"]), fontsize=10)
    return figure


def drawn(chart_of: Callable[[dict[str, Any]], Chart]) -> Callable[[dict[str, Any]], Figure]:
    """A function from a summary to the figure of its chart."""
    return lambda summary: draw(chart_of(summary))


FIGURES = {
    "accuracies": drawn(charts.accuracies), "methods": drawn(charts.methods), "masks": drawn(charts.masks),
    "spectrum": draw_spectrum, "neurons": drawn(charts.neurons), "phases": drawn(charts.phases),
    "course": drawn(charts.course),
}

# Figure -> the part of a summary that it needs. Some runs do not have the part: then the figure is left out.
PARTS = {"spectrum": "spectrum", "neurons": "examples", "phases": "neurons", "course": "course"}
