"""A chart: series in panels, as plain data. `draw` makes a Matplotlib figure of it, `plot` a Bokeh model."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from minimod.report.style import Style

Numbers = Sequence[float] | np.ndarray

MOST_NAMES, MOST_MARKERS = 24, 16       # that there is room for


@dataclass(frozen=True)
class Axis:
    """An axis.

    limits, ticks (place -> text): None lets the renderer choose.
    places: value -> place, of the values that do not stand at themselves, such as names.
    """

    label: str
    scale: Literal["linear", "log"] = "linear"
    limits: tuple[float, float] | None = None
    ticks: dict[float, str] | None = None
    places: dict[Any, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """Numbers y at values x, nan for none. low, high: the band around y, or nothing.

    never: what stands at the upper edge over each x, where something never came: how often. "" or nothing elsewhere.
    """

    name: str
    x: Sequence[Any]
    y: Numbers
    style: Style
    low: Numbers = ()
    high: Numbers = ()
    never: Sequence[str] = ()

    def marked(self, place: int) -> list[int]:
        """The points that have a marker; place: among the series, so that their markers do not hide one another."""
        step = max(1, math.ceil(len(self.x) / MOST_MARKERS)) if self.style.dash else 1
        return list(range(place % step, len(self.x), step))


@dataclass(frozen=True)
class Chart:
    """Panels, title -> series, over the same x-axis; over the same y-axis too where that has a label.

    is_list: the x-axis has names, that stand at the left, one below the other; numbers y go from left to right.
    legend: what the names of the series are values of.
    """

    title: str
    x: Axis
    y: Axis
    panels: dict[str, list[Series]]
    is_list: bool = False
    is_square: bool = False
    legend: str = ""

    def places(self, panel: list[Series], i: int) -> list[float]:
        """Where the values x of series i of a panel stand; in a list its points are moved, so that all are seen."""
        moved = 0.6 * ((i + 0.5) / len(panel) - 0.5) if self.is_list and not panel[i].style.dash else 0.0
        return [self.x.places.get(value, value) + moved for value in panel[i].x]


def some(values: Sequence[Any]) -> Sequence[Any]:
    """Every value, or every second or third and so on, MOST_NAMES at most."""
    return values[:: math.ceil(len(values) / MOST_NAMES)]


def logarithmic(label: str, values: Iterable[float], at_values: bool = True) -> Axis:
    """A logarithmic axis that has 0, below the least positive value.

    Its ticks are values, or decades where many; not `at_values` they are decades, or 1, 2 and 5 within a few.
    """
    values = set(values)
    positive = sorted(value for value in values if value > 0) or [1]
    first, last = positive[0], positive[-1]
    zero = first / max(2, (last / first) ** 0.2)
    powers = range(math.floor(math.log10(first)), math.ceil(math.log10(last)) + 1)
    decades, rounds = (
        [each for k in powers for digit in digits if first <= (each := float(f"{digit}e{k}")) <= last]
        for digits in ((1,), (1, 2, 5))
    )
    few = positive if at_values or len(rounds) < 2 else rounds
    ticks = {zero: "0"} if 0 in values else {}
    for value in decades if len(decades) > 1 and (len(positive) > 12 or not at_values) else few:
        if not ticks or math.log(value / max(ticks)) >= math.log(last / zero) / 6.5:      # else they would overlap
            ticks[value] = f"{value:,g}"
    return Axis(label, "log", ticks=ticks, places={0: zero})


def by_name(label: str, values: Sequence[Any]) -> Axis:
    """An axis of names, one after the other."""
    return Axis(label, ticks=dict(enumerate(map(str, values))), places={value: i for i, value in enumerate(values)})
