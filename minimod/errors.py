"""The errors a user can mend. They name fields and arguments; how the command line spells these is its own affair."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any


class InputError(ValueError):
    """An option, a file or a directory that cannot be used.

    `option` is the name of the field or argument, `value` what was given, `allowed` what would have been accepted.
    """

    def __init__(self, option: str, value: object, allowed: str):
        super().__init__(f"{option} is {value!r}; it must be {allowed}")
        self.option, self.value, self.allowed = option, value, allowed

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is copied to another process by its message alone, unless it says how to make it again.
        return type(self), (self.option, self.value, self.allowed)


class LockedError(InputError):
    """A directory that another process is writing to."""


class UnfinishedRunError(InputError):
    """A run that has to be trained to its end first."""


class FinishedRunError(InputError):
    """A run that has been trained to its end already."""


class DivergedRunError(InputError):
    """A run whose loss was not finite: the same again would end as it did."""


class DivergenceError(ArithmeticError):
    """The training loss is no longer a finite number."""


class Interrupted(BaseException):
    """A signal has stopped a run after an epoch; a checkpoint is written.

    Like KeyboardInterrupt no Exception: what goes on after an error should not go on after this.
    """

    def __init__(self, signal: int, directory: Path, epoch: int):
        super().__init__(f"stopped after epoch {epoch}")
        self.signal, self.directory, self.epoch = signal, directory, epoch

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.signal, self.directory, self.epoch)


def one_of(names: Iterable[str], given: object) -> str:
    """What is allowed in place of a name that is none of these: the nearest ones first; of many, these alone.

    Near is what is spelled alike (widht), and what has the given letters as initials (lr for learning_rate).
    """
    names, text = list(names), str(given).lower().replace("-", "_")
    initials = [name for name in names if "".join(word[:1] for word in name.split("_")) == text]
    near = list(dict.fromkeys(initials + get_close_matches(text, names)))
    if len(names) <= 12:
        return "one of " + ", ".join(dict.fromkeys(near + names))
    if near:
        return f"{' or '.join(near)}, or another of {len(names)} names"
    return "one of " + ", ".join(names[:30]) + ", ..." * (len(names) > 30)
