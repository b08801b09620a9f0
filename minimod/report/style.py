"""How figures look, and how they are written."""

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from minimod.runs.files import whole_file

# Okabe and Ito's palette: distinct for the common kinds of colour blindness.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

STYLE: dict[str, Any] = {
    "font.size": 10, "axes.titlesize": 10, "figure.titlesize": 10,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "figure.constrained_layout.use": True, "savefig.dpi": 150, "svg.hashsalt": "minimod",
}


def save_figure(figure: Figure, path: Path, dpi: Any = "figure") -> None:
    """Write a figure as PNG, SVG or PDF, by the path's suffix; the same figure gives the same PNG or SVG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {}
    with whole_file(path, "wb") as file, rc_context({"svg.hashsalt": STYLE["svg.hashsalt"]}):
        figure.savefig(file, format=path.suffix[1:], dpi=dpi, metadata=metadata)


def words(name: str) -> str:
    """The name of a column as people read it."""
    return name.replace("_", " ")
