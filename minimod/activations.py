"""The activations: name -> (φ, φ'), two pure functions that act on every element z of an array Z.

Z is a NumPy or CuPy array of any shape, and the result has the shape of Z. To add an activation, add an entry.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minimod.arrays import erf


class Activation(NamedTuple):
    """An activation φ and its derivative φ'. A derivative may return booleans; False counts as 0 and True as 1."""

    value: Callable[..., Any]
    derivative: Callable[..., Any]


def _normal_cdf(Z: Any) -> Any:
    # The distribution function of N(0, 1): (1 + erf(z / √2)) / 2.
    return 0.5 * (1 + erf(Z * math.sqrt(0.5)))


def _normal_pdf(Z: Any) -> Any:
    # The density of N(0, 1), the derivative of the distribution function: exp(-z² / 2) / √(2π).
    return np.exp(-0.5 * Z * Z) * (1 / math.sqrt(2 * math.pi))


ACTIVATIONS: dict[str, Activation] = {
    # φ(z) = max(z, 0). φ'(z) = 1 for z > 0, else 0.
    "relu": Activation(lambda Z: np.maximum(Z, 0), lambda Z: Z > 0),
    # φ(z) = z². φ'(z) = 2z. The square (cos α + cos β)² contains 2 cos α cos β = cos(α + β) + cos(α - β). So a neuron
    # with this activation can compute the cosine of a sum.
    "quadratic": Activation(lambda Z: Z * Z, lambda Z: 2 * Z),
    # φ(z) = z cdf(z). φ'(z) = cdf(z) + z pdf(z). Not the tanh approximation (Hendrycks & Gimpel, arXiv 1606.08415).
    "gelu": Activation(lambda Z: Z * _normal_cdf(Z), lambda Z: _normal_cdf(Z) + Z * _normal_pdf(Z)),
    # φ(z) = max(-z, 0). φ'(z) = -1 for z < 0, else 0.
    "reverse_relu": Activation(lambda Z: np.maximum(-Z, 0), lambda Z: np.minimum(np.sign(Z), 0)),
}
