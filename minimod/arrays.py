"""Arrays of NumPy and of CuPy, pairs of tokens, streams of random numbers, and the check of an array.

The formulas are written once, with `np.` functions and operators. NumPy passes a call on to the library of the array
(NEP 13, NEP 18 and NEP 35). So one line of code runs on NumPy arrays on the CPU, and on CuPy arrays on a GPU. A line
that mixes both raises an error. The host is the CPU and its memory; the device is where a network's arrays are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minimod.errors import InputError, checked_number

# A NumPy array or a CuPy array.
Array = Any

# The names of the random streams. Streams of one seed are independent: more draws for the noise do not change the
# split. "control" is for random controls in analyses.
STREAMS = ("split", "noise", "initialisation", "batches", "control")


def random_stream(seed: int, name: str, *key: int) -> np.random.Generator:
    """The random generator of a stream. name: a name in STREAMS.

    key: integers that pick one of many independent generators within the stream, for example the number of an epoch.
    """
    seed = checked_number("seed", seed, 0, kind=int)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAMS.index(name), *key)))


@dataclass(frozen=True, eq=False, repr=False)
class Pairs:
    """n pairs (a, b) with labels; every array has shape (n,). `make_dataset` sorts the pairs by a, then by b.

    label is the class that the network is trained or tested on. true_label is the class by the rule. is_noisy marks
    the corrupted labels. With the noise kind `uniform`, some corrupted labels are right by chance.
    """

    a: np.ndarray
    b: np.ndarray
    label: np.ndarray
    true_label: np.ndarray
    is_noisy: np.ndarray

    def __repr__(self) -> str:
        return f"Pairs({len(self)}, {int(self.is_noisy.sum())} noisy)"

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, index: Any) -> "Pairs":
        return self.convert(lambda array: array[index])

    def convert(self, function: Callable[[Any], Any]) -> "Pairs":
        """Pairs whose arrays are function(array) for every array of these pairs, for example a move to a device."""
        return Pairs(*map(function, (self.a, self.b, self.label, self.true_label, self.is_noisy)))


def is_true(answer: object) -> bool:
    """Whether a callback returned True, as Python's or NumPy's boolean. Another value, such as 1, does not count."""
    return isinstance(answer, (bool, np.bool_)) and bool(answer)


# kind of entries -> NumPy's letters for the dtypes: i and u are integers, f is floats, b is booleans.
KINDS = {"integers": "iu", "numbers": "iuf", "booleans": "b"}


def checked_array(
    option: str, given: Any, shape: tuple[Any, ...], low: float = -np.inf, high: float = np.inf, kind: str = "integers"
) -> np.ndarray:
    """The value `given` for an option, as an array of numbers from low to high. Integers become int64.

    shape: None stands for any length. kind: a name in KINDS. If `high` is infinite, any number is allowed, also below
    `low`. Raises InputError for a number outside, for another kind or shape, for lists of unequal lengths, and for
    masked entries.
    """
    within = f" in {low} .. {high}" if high < np.inf else ""
    allowed = f"{kind}{within}, of shape {shape}".replace("None", "n")
    try:
        array = np.asarray(given)
    except (ValueError, TypeError) as error:
        raise InputError(option, given, allowed) from error
    fits = array.ndim == len(shape) and all(n in (None, size) for n, size in zip(shape, array.shape, strict=True))
    has_kind = array.dtype.kind in KINDS[kind] or not array.size       # NumPy makes an empty list a float array
    if (is_masked := np.ma.is_masked(given)) or not fits or not has_kind:
        raise InputError(option, f"{'masked ' if is_masked else ''}{array.dtype} of shape {array.shape}", allowed)
    outside = array[~((array >= low) & (array <= high))] if within else array[:0]
    if len(outside):
        raise InputError(option, outside[0].item(), allowed)
    return array.astype(np.int64) if kind == "integers" else array


def to_host(array: Array) -> np.ndarray:
    """The array in the memory of the host: a NumPy array itself, or a copy of a CuPy array."""
    return array if isinstance(array, np.ndarray) else array.get()


def fft_of(array: Array) -> Any:
    """The module of Fourier transforms for an array. For NumPy arrays this is scipy.fft, which can use threads."""
    if isinstance(array, np.ndarray):
        from scipy import fft

        return fft
    return np.fft      # passes CuPy arrays on to cupy.fft


def special_of(array: Array) -> Any:
    """The module of special functions for an array."""
    if isinstance(array, np.ndarray):
        from scipy import special
    else:
        from cupyx.scipy import special
    return special


def erf(Z: Array) -> Array:
    """The error function of every element of Z."""
    return special_of(Z).erf(Z)
