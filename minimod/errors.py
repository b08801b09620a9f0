"""The errors of the package. A message names the field or the argument as Python spells it, not as the command line."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any


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
    """A directory that was removed, moved or replaced while this process wrote there. Nothing more is written."""


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
    learning_rate). If there are more than 12 names, the text has the similar names alone, or without any the first 30.
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
