"""A chart: series in panels, as plain data. `draw` makes a Matplotlib figure of it, `plot` a Bokeh model."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from matplotlib.ticker import MaxNLocator

from minimod.report.style import Style

Numbers = Sequence[float] | np.ndarray
Scale = Literal["linear", "log"]

MOST_NAMES, MOST_MARKERS = 24, 16       # more would overlap


@dataclass(frozen=True)
class Axis:
    """An axis.

    limits, ticks (place -> text): None lets the renderer choose.
    places: value -> place, for values that are not drawn at their own number: names, 0 on a logarithmic axis, and inf,
        which means never.
    """

    label: str
    scale: Scale = "linear"
    limits: tuple[float, float] | None = None
    ticks: dict[float, str] | None = None
    places: dict[Any, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """Numbers y at values x. nan means that a number is missing. low, high: the band around y, or empty.

    never: for each x, how often the number was never reached, as a text such as "2/3", or "". Empty if no text is
        needed. The text is drawn at the y-axis' place of inf, or else at the upper edge.
    wanted: x -> the lowest and the highest y that a criterion allows, drawn as a pale bar. -inf or inf: no bound.
    """

    name: str
    x: Sequence[Any]
    y: Numbers
    style: Style
    low: Numbers = ()
    high: Numbers = ()
    never: Sequence[str] = ()
    wanted: dict[Any, tuple[float, float]] = field(default_factory=dict)

    def marked(self, place: int) -> list[int]:
        """The points that have a marker. place: the place of the series, so that markers of two series differ in x."""
        step = max(1, math.ceil(len(self.x) / MOST_MARKERS)) if self.style.dash else 1
        return list(range(place % step, len(self.x), step))


@dataclass(frozen=True)
class Chart:
    """Panels, title -> series, over the same x-axis. If the y-axis has a label, all panels also share the y-axis.

    is_list: the x-axis has names. They are drawn at the left, one below the other, and y goes from left to right.
    legend: the title of the legend, for example the option whose values are the names of the series.
    """

    title: str
    x: Axis
    y: Axis
    panels: dict[str, list[Series]]
    is_list: bool = False
    is_square: bool = False
    legend: str = ""

    def places(self, panel: list[Series], i: int) -> list[float]:
        """The places of the values x of series i of a panel. In a list, points are moved a little, so that all show."""
        moved = 0.6 * ((i + 0.5) / len(panel) - 0.5) if self.is_list and not panel[i].style.dash else 0.0
        return [self.x.places.get(value, value) + moved for value in panel[i].x]

    def ends(self, series: Series) -> tuple[list[float], list[float]]:
        """The lower and the upper ends of a series' pale bars, within the limits of the y-axis. nan means no bar."""
        wanted = np.array([series.wanted.get(value, (np.nan, np.nan)) for value in series.x], float).T
        low, high = wanted if self.y.limits is None else np.clip(wanted, *self.y.limits)
        return low.tolist(), high.tolist()

    @property
    def row_height(self) -> float:
        """The height of one row of a list, in inches. It fits the lines of the name, and a point of every series."""
        n_lines = max((text.count("\n") + 1 for text in (self.x.ticks or {}).values()), default=1)
        n_series = max((sum(not series.style.dash for series in panel) for panel in self.panels.values()), default=1)
        return max(0.05 + 0.14 * n_lines, 0.05 + 0.115 * n_series)


def some(values: Sequence[Any]) -> Sequence[Any]:
    """Every value, or every second value, every third value and so on: at most MOST_NAMES values."""
    return values[:: math.ceil(len(values) / MOST_NAMES)]


def linear(label: str, values: Iterable[float]) -> Axis:
    """A linear axis. Its ticks are these values if they are few, else round numbers."""
    values = sorted({*values})
    is_few = len(values) <= 8
    return Axis(label, ticks=_ticks(values, values[-1] - values[0], float) if is_few else around(label, values).ticks)


def logarithmic(label: str, values: Iterable[float], at_values: bool = True) -> Axis:
    """A logarithmic axis. 0 has a place below the least positive value.

    at_values: ticks are the values, or the decades if the values are many. If False, ticks are the decades. If False
        and fewer than two decades lie among the values, ticks are 1, 2 and 5 times powers of ten.
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
    at = decades if len(decades) > 1 and (len(positive) > 12 or not at_values) else few
    return Axis(label, "log", ticks=_ticks(at, math.log(last / zero), math.log, {zero: "0"} if 0 in values else {}),
                places={0: zero})


def _ticks(
    values: Iterable[float], length: float, stretch: Callable[[float], float], first: dict[float, str] | None = None
) -> dict[float, str]:
    """The ticks `first`, and ticks at these values in their order. A tick whose text would overlap is left out."""
    ticks = first or {}
    for value in values:
        if not ticks or stretch(value) - stretch(max(ticks)) >= length / 6.5:
            ticks[value] = f"{value:,.10g}"
    return ticks


def around(label: str, values: Iterable[float], scale: Scale = "linear") -> Axis:
    """An axis around measured numbers, with round ticks. If inf is a value, the axis has "never" above the numbers."""
    values = set(values)
    numbers = [value for value in values if math.isfinite(value) and (value > 0 or scale == "linear")] or [1.0]
    stretch, back = (math.log10, lambda x: 10**x) if scale == "log" else (float, float)
    low, high = stretch(min(numbers)), stretch(max(numbers))
    if low == high:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    room = 0.06 * (high - low)
    rounds = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    ticks = {float(tick): f"{tick + 0.0:,.10g}" for tick in rounds if low - room <= tick <= high + room}
    if scale == "log":
        ticks = logarithmic(label, numbers, at_values=False).ticks or {}
    if math.inf not in values:
        return Axis(label, scale, (back(low - room), back(high + room)), ticks)
    top = back(high + 2 * room)
    return Axis(label, scale, (back(low - room), back(high + 3 * room)), ticks | {top: "never"}, {math.inf: top})


def by_name(label: str, values: Sequence[Any], names: dict[Any, str] | None = None) -> Axis:
    """An axis of values at equal distances. names: value -> the text that is shown for it."""
    texts = [str((names or {}).get(value, value)) for value in values]
    return Axis(label, ticks=dict(enumerate(texts)), places={value: i for i, value in enumerate(values)})
