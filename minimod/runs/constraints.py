"""The allowed values of options, as Click types. They also check values from Python, and print themselves.

Click's own types accept nan and inf, True as a number, and 3.5 as a whole number. Click's choice copies its names, so
it would refuse an entry that is added to a table later.
"""

from collections.abc import Collection
from math import inf
from typing import Any, Self

import click
import numpy as np

from minimod.errors import InputError, check_type, checked_number, choice, interval
from minimod.groups.rules import rule_name

SEVERAL = (tuple, list, range, np.ndarray)      # the allowed types for several numbers


class Constraint(click.ParamType):  # type: ignore[type-arg]  # the earliest Click that we take is not generic
    """The allowed values of an option. The text of `str(constraint)` comes after "it must be" in a message.

    domain: the numbers in short, for `--help`.   none: the meaning of None, or "" if None is not allowed.
    """

    domain = none = allowed = ""

    def __str__(self) -> str:
        return self.allowed

    def or_none(self, meaning: str) -> Self:
        """The same constraint, which now also allows None, with this meaning."""
        self.none = meaning
        return self

    def check(self, value: Any) -> Any:
        """A value from Python, in the type of the option. Raises ValueError, which says what is allowed."""
        try:
            return None if value is None and self.none else self._checked(value)
        except (TypeError, ValueError) as error:        # an array without axes raises TypeError
            raise ValueError(str(self)) from error

    def read(self, text: str) -> Any:
        """The value of a text. Raises ValueError as `check` and `float` do."""
        return None if self.none and text.lower() in ("none", "") else self.check(self._parsed(text))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As `read`, for the command line. Raises InputError instead of ValueError."""
        try:
            return self.read(value)
        except ValueError as error:
            raise InputError(str(param and param.name), value, str(self)) from error

    def _checked(self, value: Any) -> Any:
        """A value from Python, in the type of the option. Raises TypeError or ValueError."""
        raise NotImplementedError

    def _parsed(self, text: str) -> Any:
        """The value of a text, not yet checked. Raises ValueError."""
        return text


class Interval(Constraint):
    """The finite numbers in [low, high], without the end `open`. kind: int for whole numbers, float for any numbers."""

    def __init__(self, kind: type, low: float, high: float = inf, open: float = inf):
        self.kind, self.low, self.high, self.open = kind, low, high, open
        self.name = "integer" if kind is int else "float"
        self.domain = interval(low, high, open)
        self.allowed = f"a {'whole number' if kind is int else 'number'} in {self.domain}"

    def _checked(self, value: Any) -> Any:
        return checked_number(self.name, value, self.low, self.high, self.open, self.kind)

    def _parsed(self, text: str) -> Any:
        try:
            return self.kind(text)
        except ValueError:
            return float(text)      # for example 1e3, which is a whole number


class Choice(Constraint, click.Choice):  # type: ignore[type-arg]
    """One of some names. The names can be a table that grows later: it is read again at every check."""

    def __init__(self, names: Collection[str]):
        super().__init__(())
        self.choices = names  # type: ignore[assignment]

    def __str__(self) -> str:
        return "one of " + ", ".join(self.choices)

    def _checked(self, value: Any) -> str:
        return str(choice(self.name, value, self.choices))


class RuleName(Constraint):
    """The name of a rule, which becomes its canonical name."""

    name, allowed = "rule", "add, sub, mul, div, a group or table:FILE; the locale and FILE in UTF-8"

    def _checked(self, value: Any) -> str:
        check_type(self.name, value, str)
        value.encode()      # raises ValueError for the name of a file that is not in UTF-8
        return rule_name(value)


class Boolean(Constraint, click.types.BoolParamType):
    """True or false."""

    allowed = "true or false"

    def _checked(self, value: Any) -> bool:
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError
        return bool(value)

    def _parsed(self, text: str) -> Any:
        return {"true": True, "false": False}.get(str(text).lower(), text)     # a flag gives a bool, not a text


class Pair(Constraint):
    """Two numbers in an interval. The command line gives two texts; a file gives one text, as (0.9,0.98)."""

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
    """Some epochs, sorted and without repeats; or "log", which means epochs at growing distances."""

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
