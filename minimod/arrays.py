"""Arrays: of which library each is, pairs of tokens, and the streams of random numbers.

The mathematics is written once, with `np.` functions and operators. NumPy hands each call to the array's own library
(NEP 13, NEP 18 and NEP 35). So the same line runs on NumPy and on CuPy arrays, and mixing the two raises at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# An array of NumPy or of CuPy.
Array = Any

# Independent random streams of one seed: changing the noise changes no split. `control` is for random controls.
STREAMS = ("split", "noise", "initialisation", "batches", "control")


def random_stream(seed: int, name: str, *key: int) -> np.random.Generator:
    """The generator of the stream `name` of STREAMS; `key` picks an independent one within it, such as an epoch's."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAMS.index(name), *key)))


@dataclass(frozen=True, eq=False, repr=False)
class Pairs:
    """n pairs, sorted by a and then b; every array has shape (n,).

    label is what the network is trained or tested on, true_label what the rule says. is_noisy marks the labels that
    were drawn at random. Under the noise kind `uniform` some of these are right by chance.
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
        """Pairs whose arrays are `function` of these arrays: a choice of some pairs, a move to a device."""
        return Pairs(*map(function, (self.a, self.b, self.label, self.true_label, self.is_noisy)))


def to_host(array: Array) -> np.ndarray:
    """The array in the host's memory: itself if it is NumPy's, else a copy."""
    return array if isinstance(array, np.ndarray) else array.get()


def fft_of(array: Array) -> Any:
    """The module of Fourier transforms for an array. SciPy's, for NumPy arrays, can use threads."""
    if isinstance(array, np.ndarray):
        from scipy import fft

        return fft
    return np.fft


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
