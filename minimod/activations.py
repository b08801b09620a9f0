"""The activations: name -> (φ, φ'), functions of the pre-activations Z of any shape, on NumPy or CuPy arrays.

Both take `out`, an array for the result, as NumPy's functions do; it may be Z itself.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minimod.backend import erf


class Activation(NamedTuple):
    """An activation φ and its derivative φ'. Without `out`, a derivative may be of booleans: they count as 0 and 1."""

    value: Callable
    derivative: Callable


def _normal_cdf(Z):
    return 0.5 * (1 + erf(Z * math.sqrt(0.5)))


def _normal_pdf(Z):
    return np.exp(-0.5 * Z * Z) * (1 / math.sqrt(2 * math.pi))


ACTIVATIONS: dict[str, Activation] = {
    # max(z, 0), with φ'(0) = 0. Of NumPy's ways clip is the fastest: 1 to 4 % of a step (the tricks of
    # `python -m benchmarks`).
    "relu": Activation(
        lambda Z, out=None: np.clip(Z, 0, np.inf, out=out),
        lambda Z, out=None: np.greater(Z, 0, out=out),
    ),
    # z². Of a sum of two cosines it holds twice their product: the cosine of the sum plus that of the difference.
    "quadratic": Activation(
        lambda Z, out=None: np.multiply(Z, Z, out=out),
        lambda Z, out=None: np.multiply(Z, 2, out=out),
    ),
    # z Φ(z) with the normal distribution function Φ, exact (Hendrycks & Gimpel, arXiv 1606.08415).
    "gelu": Activation(
        lambda Z, out=None: np.multiply(Z, _normal_cdf(Z), out=out),
        lambda Z, out=None: np.add(_normal_cdf(Z), Z * _normal_pdf(Z), out=out),
    ),
    # max(-z, 0), with φ'(0) = 0.
    "reverse_relu": Activation(
        lambda Z, out=None: np.clip(np.negative(Z, out=out), 0, np.inf, out=out),
        lambda Z, out=None: np.minimum(np.sign(Z, out=out), 0, out=out),
    ),
}
