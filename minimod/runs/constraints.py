"""What an option may be, as objects: each checks values, reads them from text and prints itself."""

import sys
from collections.abc import Callable, Iterable
from math import inf
from numbers import Real
from typing import Any


class Constraint:
    """The values that an option may have. `str` of it says what they are, after "it must be".

    kind: the Python type of a value, or of each of several.   domain: the values in short, for `--help`.
    """

    kind: type
    domain: str
    allowed: str

    def __str__(self) -> str:
        return self.allowed

    def check(self, value: Any) -> Any:
        """The value in its own type. Raises ValueError if it is not allowed."""
        raise NotImplementedError

    def parse(self, text: str) -> Any:
        """The value that a text stands for, unchecked. Raises ValueError if it stands for none."""
        return self.kind(text)


class Interval(Constraint):
    """The finite numbers from low to high, an end that is `open` not among them: whole ones for int, any for float."""

    def __init__(self, kind: type, low: float, high: float = inf, open: str = ""):
        self.kind, self.low, self.high = kind, low, high
        self.open_low, self.open_high = open == "low", open == "high" or high == inf
        self.domain = f"{'(' if self.open_low else '['}{low:g}, {high:.12g}{')' if self.open_high else ']'}"
        self.allowed = f"a{' whole' * (kind is int)} number in {self.domain}"

    def check(self, value: Any) -> Any:
        if not isinstance(value, Real) or isinstance(value, bool) or not self._contains(value):
            raise ValueError(str(self))
        return self.kind(value)

    def _contains(self, value: Any) -> bool:
        above = self.low < value or (self.low == value and not self.open_low)
        below = value < self.high or (self.high == value and not self.open_high)
        is_finite = abs(value) <= sys.float_info.max
        return bool(above and below and is_finite and (self.kind is float or int(value) == value))

    def parse(self, text: str) -> Any:
        try:
            return self.kind(text)
        except ValueError:
            return float(text)  # whether it is a whole one is for `check` to say


class Choice(Constraint):
    """One of some names. A table of theirs may still grow: it is looked at when a value is checked."""

    kind = str

    def __init__(self, names: Iterable[str]):
        self.names = names

    def __str__(self) -> str:
        return "one of " + ", ".join(self.names)

    def check(self, value: Any) -> str:
        if not (isinstance(value, str) and value in self.names):
            raise ValueError(str(self))
        return value


class Named(Constraint):
    """A name that a function knows. It gives the canonical one, or raises ValueError that says what is allowed."""

    kind = str

    def __init__(self, canonical: Callable[[str], str], domain: str):
        self.canonical, self.allowed = canonical, domain

    def check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(str(self))
        return self.canonical(value)


class Boolean(Constraint):
    """True or false."""

    kind, allowed = bool, "true or false"

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(str(self))
        return value

    def parse(self, text: str) -> Any:
        if text.lower() not in ("true", "false"):
            raise ValueError(str(self))
        return text.lower() == "true"


class Pair(Constraint):
    """Two numbers of an interval."""

    def __init__(self, each: Interval):
        self.each, self.kind, self.domain = each, each.kind, each.domain
        self.allowed = f"two numbers in {self.domain}"

    def check(self, value: Any) -> tuple[Any, ...]:
        try:
            first, second = value if isinstance(value, (tuple, list)) else ()
            return self.each.check(first), self.each.check(second)
        except ValueError as error:
            raise ValueError(str(self)) from error

    def parse(self, text: str) -> tuple[Any, ...]:
        return tuple(map(self.each.parse, text.strip("()[] ").split(",")))


class Epochs(Constraint):
    """Some epochs, in order and each once, or "log", which stands for ever rarer ones."""

    kind, each = tuple, Interval(int, 0)
    domain = f"{each.domain}, or log: 0, 1, 2, 3, 4, 6, 8, 11, 16, ... and the last"
    allowed = f"log, or whole numbers in {each.domain}, as 0,10,100"

    def check(self, value: Any) -> Any:
        if isinstance(value, str) and value == "log":
            return value
        try:
            first, *others = value if isinstance(value, (tuple, list)) else ()
            return tuple(sorted({self.each.check(epoch) for epoch in (first, *others)}))
        except ValueError as error:
            raise ValueError(str(self)) from error

    def parse(self, text: str) -> Any:
        try:
            return tuple(map(self.each.parse, text.strip("()[], ").split(",")))
        except ValueError:
            return text  # whether it is log is for `check` to say


class OrNone(Constraint):
    """A value under another constraint, or None, which stands for `meaning`."""

    def __init__(self, constraint: Constraint, meaning: str):
        self.constraint, self.meaning, self.kind = constraint, meaning, constraint.kind

    def __str__(self) -> str:
        return str(self.constraint)

    def check(self, value: Any) -> Any:
        return None if value is None else self.constraint.check(value)

    def parse(self, text: str) -> Any:
        return None if text.lower() in ("none", "") else self.constraint.parse(text)
