"""What an option may be, as types of Click's that also check values from Python, and print themselves.

Click's own types take nan, inf, True for a number and 3.5 for a whole one, and tables may not grow under its choices.
"""

from collections.abc import Collection
from math import inf
from typing import Any, Self

import click
import numpy as np

from minimod.errors import InputError, check_type, checked_number, choice, interval
from minimod.groups.rules import rule_name

SEVERAL = (tuple, list, range, np.ndarray)      # how several numbers may be given


class Constraint(click.ParamType):  # type: ignore[type-arg]  # the earliest Click that we take is not generic
    """The values that an option may have. `str` of it says what they are, after "it must be".

    domain: numbers in short, for `--help`.   none: what None stands for, where it may be given.
    """

    domain = none = allowed = ""

    def __str__(self) -> str:
        return self.allowed

    def or_none(self, meaning: str) -> Self:
        """The same, where None may be given, and stands for `meaning`."""
        self.none = meaning
        return self

    def check(self, value: Any) -> Any:
        """A value from Python in its own type. Raises ValueError, with what is allowed."""
        try:
            return None if value is None and self.none else self._checked(value)
        except (TypeError, ValueError) as error:        # TypeError is of an array that is one number
            raise ValueError(str(self)) from error

    def read(self, text: str) -> Any:
        """The value that a text stands for. Raises ValueError as `check`, or as `float`."""
        return None if self.none and text.lower() in ("none", "") else self.check(self._parsed(text))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As `read`, for the command line. Raises InputError."""
        try:
            return self.read(value)
        except ValueError as error:
            raise InputError(str(param and param.name), value, str(self)) from error

    def _checked(self, value: Any) -> Any:
        """A value in its own type. Raises ValueError."""
        raise NotImplementedError

    def _parsed(self, text: str) -> Any:
        """What a text stands for, unchecked. Raises ValueError."""
        return text


class Interval(Constraint):
    """The finite numbers from low to high, but for an end that is `open`: whole ones for int, any for float."""

    def __init__(self, kind: type, low: float, high: float = inf, open: float = inf):
        self.kind, self.low, self.high, self.open = kind, low, high, open
        self.name = "integer" if kind is int else "float"
        self.domain = interval(low, high, open)
        self.allowed = f"a{' whole' * (kind is int)} number in {self.domain}"

    def _checked(self, value: Any) -> Any:
        return checked_number(self.name, value, self.low, self.high, self.open, self.kind)

    def _parsed(self, text: str) -> Any:
        try:
            return self.kind(text)
        except ValueError:
            return float(text)      # 1e3 may be a whole one


class Choice(Constraint, click.Choice):  # type: ignore[type-arg]
    """One of some names. A table of theirs may still grow: it is looked at when a value is checked."""

    def __init__(self, names: Collection[str]):
        super().__init__(())
        self.choices = names  # type: ignore[assignment]

    def __str__(self) -> str:
        return "one of " + ", ".join(self.choices)

    def _checked(self, value: Any) -> str:
        return str(choice(self.name, value, self.choices))


class RuleName(Constraint):
    """The name of a rule; its canonical one is taken."""

    name, allowed = "rule", "add, sub, mul, div, a group or table:FILE, in UTF-8 under a locale that is"

    def _checked(self, value: Any) -> str:
        check_type(self.name, value, str)
        value.encode()      # raises ValueError for the name of a file that is no UTF-8
        return rule_name(value)


class Boolean(Constraint, click.types.BoolParamType):
    """True or false."""

    allowed = "true or false"

    def _checked(self, value: Any) -> bool:
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError
        return bool(value)

    def _parsed(self, text: str) -> Any:
        return {"true": True, "false": False}.get(str(text).lower(), text)     # a flag's value is one already


class Pair(Constraint):
    """Two numbers of an interval: two texts on the command line, else one, as (0.9,0.98)."""

    name, is_composite, arity = "float", True, 2

    def __init__(self, each: Interval):
        self.each, self.domain, self.allowed = each, each.domain, f"two numbers in {each.domain}"

    def _checked(self, value: Any) -> tuple[Any, ...]:
        first, second = value if isinstance(value, SEVERAL) else ()
        return self.each.check(first), self.each.check(second)

    def _parsed(self, text: Any) -> tuple[Any, ...]:
        texts = text.strip("()[] ").split(",") if isinstance(text, str) else text
        return tuple(map(self.each.read, texts))


class Epochs(Constraint):
    """Some epochs, in order and each once, or "log", which stands for ever rarer ones."""

    name, each = "epochs", Interval(int, 0)
    domain = f"{each.domain}, or log: 0, 1, 2, 3, 4, 6, 8, 11, 16, ... and the last"
    allowed = f"log, or whole numbers in {each.domain}, as 0,10,100"

    def _checked(self, value: Any) -> Any:
        if isinstance(value, str) and value == "log":
            return value
        first, *others = value if isinstance(value, SEVERAL) else ()
        return tuple(sorted({self.each.check(epoch) for epoch in (first, *others)}))

    def _parsed(self, text: str) -> Any:
        return text if text == "log" else tuple(map(self.each.read, text.strip("()[], ").split(",")))
