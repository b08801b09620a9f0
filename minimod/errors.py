"""The errors of the package, and the checks of arguments that raise them.

A message names the field or the argument as Python spells it, not as the command line. A check returns the argument in
its own type, so NumPy's numbers become Python's.
"""

from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from math import inf
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class InputError(ValueError):
    """An option, a file or a directory that cannot be used.

    option: the name of the field or argument. value: the given value. allowed: in words, what it must be.
    """

    def __init__(self, option: str, value: object, allowed: str):
        super().__init__(f"{option} is {value!r}; it must be {allowed}")
        self.option, self.value, self.allowed = option, value, allowed

    def __reduce__(self) -> tuple[Any, ...]:
        # pickle calls type(self)(*result) to copy an exception to another process. By default it would pass the message
        # alone, but __init__ takes three arguments.
        return type(self), (self.option, self.value, self.allowed)


class LockedError(InputError):
    """A directory that another process is writing to."""


class UnfinishedRunError(InputError):
    """A run whose training has not ended, where a finished run is needed."""


class FinishedRunError(InputError):
    """A run whose training has ended, where an unfinished run is needed."""


class DivergedRunError(InputError):
    """A run whose loss was not finite. To train it again would give the same loss."""


class LostDirectoryError(OSError):
    """A directory that was removed, moved or replaced while this process wrote to it. The process stops writing."""


class DivergenceError(ArithmeticError):
    """The training loss is no longer a finite number."""


class Interrupted(BaseException):
    """A signal has stopped a run after an epoch; a checkpoint is written.

    Like KeyboardInterrupt, it is a BaseException and no Exception. So `except Exception` does not catch it, and code
    that continues after an error stops here.
    """

    def __init__(self, signal: int, directory: Path, epoch: int):
        super().__init__(f"stopped after epoch {epoch}")
        self.signal, self.directory, self.epoch = signal, directory, epoch

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.signal, self.directory, self.epoch)


def one_of(names: Iterable[str], given: object) -> str:
    """The allowed names, as text for the `allowed` of an InputError about the name `given`.

    Similar names come first: names with a similar spelling (widht, width) and names with the given initials (lr,
    learning_rate). If there are more than 12 names, the text has the similar names alone. If no name is similar, it has
    the first 30 names.
    """
    names, text = list(names), str(given).lower().replace("-", "_")
    # dict.fromkeys removes repeated names and keeps their order.
    initials = [name for name in names if "".join(word[:1] for word in name.split("_")) == text]
    near = list(dict.fromkeys(initials + get_close_matches(text, names)))
    if len(names) <= 12:
        return "one of " + ", ".join(dict.fromkeys(near + names))
    if near:
        return f"{' or '.join(near)}, or another of {len(names)} names"
    if len(names) > 30:
        return "one of " + ", ".join(names[:30]) + ", ..."
    return "one of " + ", ".join(names)


def interval(low: float, high: float = inf, open: float = inf) -> str:
    """The text of an interval, for example [0, 1). open: an end that is excluded; by default none is."""
    return f"{'(' if low in (open, -inf) else '['}{low:g}, {high:.12g}{')' if high in (open, inf) else ']'}"


def checked_number(name: str, value: Any, low: float, high: float = inf, open: float = inf, kind: type = float) -> Any:
    """The value as a finite number in [low, high]. kind: int for a whole number, float for any number.

    open: an end, `low` or `high`, that is excluded; by default none is.

    Raises InputError for another number, for True and False, and for a value that is no number.
    """
    try:
        x = float(value) if isinstance(value, Real) and not isinstance(value, bool) else inf
    except OverflowError:       # an integer above 1e308
        x = inf
    if not low <= x <= high or x in (open, inf) or (kind is int and not x.is_integer()):
        raise InputError(name, value, f"a {'whole number' if kind is int else 'number'} in {interval(low, high, open)}")
    return kind(value)


def choice(option: str, name: Any, names: Collection[str]) -> Any:
    """The name, if it is one of the names. Otherwise raises InputError, which names the most similar names."""
    if not isinstance(name, str) or name not in names:
        raise InputError(option, name, one_of(names, name))
    return name


def check_type(name: str, value: object, kind: Any, allowed: str = "a function") -> None:
    """Raise InputError unless isinstance(value, kind). allowed: in words, what the value must be."""
    if not isinstance(value, kind):
        raise InputError(name, value, allowed)


def known_keywords(function: F) -> F:
    """The same function, but an unknown keyword raises an InputError, which names the most similar keyword."""
    names = [name for name in signature(function).parameters if name not in ("self", "cls")]

    @wraps(function)
    def checked(*arguments: Any, **keywords: Any) -> Any:
        for name in keywords:
            choice(f"keyword of {function.__qualname__.removesuffix('.__init__')}", name, names)
        return function(*arguments, **keywords)

    return checked  # type: ignore[return-value]
