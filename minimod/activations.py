"""The activations: name -> (φ, φ'), pure functions of NumPy or CuPy arrays Z of any shape. A new one is an entry."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minimod.arrays import erf


class Activation(NamedTuple):
    """An activation φ and its derivative φ'. A derivative may be of booleans: they count as 0 and 1."""

    value: Callable[..., Any]
    derivative: Callable[..., Any]


def _normal_cdf(Z: Any) -> Any:
    return 0.5 * (1 + erf(Z * math.sqrt(0.5)))


def _normal_pdf(Z: Any) -> Any:
    return np.exp(-0.5 * Z * Z) * (1 / math.sqrt(2 * math.pi))


ACTIVATIONS: dict[str, Activation] = {
    # max(z, 0), with φ'(0) = 0.
    "relu": Activation(lambda Z: np.maximum(Z, 0), lambda Z: Z > 0),
    # z². Of a sum of two cosines it holds twice their product: the cosine of the sum plus that of the difference.
    "quadratic": Activation(lambda Z: Z * Z, lambda Z: 2 * Z),
    # z Φ(z) with the normal distribution function Φ, exact (Hendrycks & Gimpel, arXiv 1606.08415).
    "gelu": Activation(lambda Z: Z * _normal_cdf(Z), lambda Z: _normal_cdf(Z) + Z * _normal_pdf(Z)),
    # max(-z, 0), with φ'(0) = 0.
    "reverse_relu": Activation(lambda Z: np.maximum(-Z, 0), lambda Z: np.minimum(np.sign(Z), 0)),
}
