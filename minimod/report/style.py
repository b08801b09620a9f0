"""The looks of series and figures, and how figures are written to files."""

from dataclasses import dataclass
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from minimod.runs.files import whole_file

# The palette of Okabe and Ito. Its colours differ for the common kinds of colour blindness.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

# Colour -> its name. Black is drawn as white on a dark screen.
COLORS = {BLUE: "blue", ORANGE: "orange", GREEN: "green", VERMILION: "red", PURPLE: "pink", SKY: "sky blue"}
NAMES = COLORS | {BLACK: "black or white"}
# The name of a marker -> its name in Matplotlib, its name in Bokeh, and its letter.
MARKERS = {
    "circles": ("o", "circle", "●"), "squares": ("s", "square", "■"), "triangles": ("^", "triangle", "▲"),
    "diamonds": ("D", "diamond", "◆"), "stars": ("*", "star", "★"), "crosses": ("P", "plus", "✚"),
    "upside-down triangles": ("v", "inverted_triangle", "▼"), "slanted crosses": ("x", "x", "✖"), "": ("", "", ""),
}
# The name of a line -> the lengths of its dashes and gaps.
DASHES = {
    "solid": (), "dashed": (6, 2), "dotted": (2, 2), "dash-dotted": (6, 2, 2, 2), "long-dashed": (12, 3),
    "dash-dot-dotted": (9, 2, 2, 2, 2, 2), "long-short-dashed": (12, 2, 4, 2), "finely dotted": (1, 3),
}


@dataclass(frozen=True)
class Style:
    """The look of a series in every figure and on every page: keys of NAMES, MARKERS and DASHES. "" means none."""

    color: str
    marker: str = ""
    dash: str = "solid"

    @property
    def swatch(self) -> str:
        """The look in words, as "blue circles, dashed"."""
        return ", ".join(filter(None, (f"{NAMES[self.color]} {self.marker}".strip(), self.dash)))


# The table of styles. Any two differ in marker or dashes, without their colours. The first 8 differ in their markers.
LOOKS = zip(cycle(COLORS), cycle(list(MARKERS)[:8]), cycle(list(DASHES)[:7]), strict=False)
STYLES = tuple(Style(*look) for look in islice(LOOKS, 56))
CHANCE = Style(BLACK, dash="finely dotted")

STYLE: dict[str, Any] = {
    "font.size": 10, "axes.titlesize": 10, "figure.titlesize": 10,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "figure.constrained_layout.use": True, "svg.hashsalt": "minimod",
}


def save_figure(figure: Figure, path: Path, dpi: float = 200) -> None:
    """Write a figure as PNG, SVG or PDF, by the path's suffix. The same figure gives the same bytes as PNG or SVG.

    A PNG has 256 colours, which makes the file a third as large.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {".png": {"pil_kwargs": {"compress_level": 0}}, ".svg": {"metadata": {"Date": None}}}
    with whole_file(path, "wb") as file, rc_context({"svg.hashsalt": STYLE["svg.hashsalt"]}):
        made = BytesIO() if path.suffix == ".png" else file
        figure.savefig(made, format=path.suffix[1:], dpi=dpi, **options.get(path.suffix, {}))
        if isinstance(made, BytesIO):
            image = Image.open(made).convert("RGB").quantize(256, dither=Image.Dither.NONE)
            image.save(file, "png", optimize=True, dpi=(dpi, dpi))


def literal(text: str) -> str:
    """A text with escaped dollar signs. Matplotlib reads text between two dollar signs as mathematics."""
    return text.replace("$", r"\$")


def words(name: str) -> str:
    """The name of a column for readers: spaces replace underscores."""
    return name.replace("_", " ")
