"""The Fourier transform of a network's neurons, and the filtration: one frequency kept per neuron.

A neuron has three vectors: u and v, its input weights for every token, and w, its output weights for every class. A
vector x over the N coordinates of a cyclic rule (see rules.py) has the Fourier coefficients

    x̂_k = 1/√N Σ_t x_t exp(-2πi k t / N),    k = 0 .. ⌊N/2⌋.

The power of frequency k is 2 |x̂_k|², since k and N - k are one frequency of a real vector. Summed over all k > 0 it is
Σ (x - mean)² (Parseval). Frequency 0, the constants, counts for nothing here.

Arrays stack the three vectors of each neuron, in the order u, v, w. K is the number of frequencies without 0. An array
over frequencies has frequency k at index k - 1. The definitions are those of Liu & Lu (arXiv 2605.18022) and of its
companion (arXiv 2610.11833). Finite groups have the same functions for their components, in groups/matrices.py.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from minimod.arrays import Array, fft_of
from minimod.errors import InputError, one_of
from minimod.network import TwoLayerNet

# What decides the component of a neuron: the sum of u's, v's and w's shares, w's alone, or each vector's own.
COMPONENT_CHOICES = ("joint", "w", "each")


class Frequencies:
    """The frequencies of a cyclic rule of order N, for networks on its tokens.

    tokens_a, tokens_b, tokens_c: of shape (N,), the token at every coordinate, see `rules.CyclicRule`.
    component_of: of shape (n,), the frequency of each of the n = ⌊N/2⌋ + 1 coefficients.
    """

    def __init__(self, tokens_a: np.ndarray, tokens_b: np.ndarray, tokens_c: np.ndarray):
        self.tokens, self.order = (tokens_a, tokens_b, tokens_c), len(tokens_c)
        self.component_of = np.arange(self.order // 2 + 1)

    def in_coordinates(self, network: TwoLayerNet) -> Array:
        """The weights over the rule's coordinates, of shape (3, N, M)."""
        a, b, c = (np.asarray(tokens, like=network.U) for tokens in self.tokens)
        return np.stack([network.U[a], network.V[b], network.W[:, c].T])

    def coefficients(self, network: TwoLayerNet) -> Array:
        """x̂_k of u, v and w of each neuron, complex, of shape (3, n, M). Without a norm, NumPy would use float64."""
        x = self.in_coordinates(network)
        return fft_of(x).rfft(x, axis=1, norm="ortho")

    def weights(self, coefficients: Array, like: TwoLayerNet) -> tuple[Array, Array, Array]:
        """U, V and W with these coefficients. Weights of tokens without a coordinate are 0."""
        u, v, w = fft_of(coefficients).irfft(coefficients, n=self.order, axis=1, norm="ortho")      # each (N, M)
        a, b, c = (np.asarray(tokens, like=like.U) for tokens in self.tokens)
        U, V, W = (np.zeros_like(array) for array in (like.U, like.V, like.W))
        U[a], V[b], W[:, c] = u, v, w.T
        return U, V, W

    def power(self, coefficients: Array) -> Array:
        """2 |x̂_k|² of each frequency but 0, of shape (3, K, M); |x̂_k|² for k = N/2, which is its own mirror."""
        squares = 2 * np.abs(coefficients[:, 1:]) ** 2
        if self.order % 2 == 0:
            squares[:, -1] = np.abs(coefficients[:, -1]) ** 2
        return squares

    def preference(self, shares: Array) -> Array:
        """What decides the dominant frequency: the shares of the power as they are, of shape (3, K, M)."""
        return shares

    def phase(self, coefficients: Array, component: Array) -> Array:
        """φ of λ cos(2πkt/N + φ), the vectors' parts at their frequency k, in rad, of shape (3, M)."""
        return np.angle(pick(coefficients, component))

    def phase_error(self, network: TwoLayerNet, coefficients: Array, component: Array) -> Array:
        """φ_a + φ_b - φ_c, in [-π, π), of shape (M,): 0 for ideal neurons, uniform for random ones.

        So in the coordinates of every cyclic rule. Over tokens it is φ_a - φ_b - φ_c for subtraction.
        """
        phase = self.phase(coefficients, component)
        return wrap(phase[0] + phase[1] - phase[2])

    def ideal(self, network: TwoLayerNet, coefficients: Array, component: Array) -> tuple[tuple[Any, ...], float]:
        """U, V and W of the ideal neurons fitted to the trained ones, and their power. `component` is joint.

        An ideal neuron has three cosines of one frequency, with φ_a + φ_b = φ_c. The phase error e = φ_a + φ_b - φ_c is
        shared equally: φ_a and φ_b lose e/3, φ_c gains it. Each amplitude is fitted to its new phase, which multiplies
        it by cos(e/3). For vectors of equal amplitude that is least squares up to |e| = 1.85. A neuron further off
        would be fitted better by two of its vectors alone.
        """
        error = self.phase_error(network, coefficients, component)
        # A cosine at N/2 has phase 0 or π: there an error of π leaves nothing to fit.
        fits = (2 * component[0] < self.order) | (np.abs(error) < 1)
        turn = np.stack([-error, -error, error])[:, None] / 3             # (3, 1, M)
        fitted = keep(coefficients, self.component_of, component)
        fitted = (fitted * (fits * np.cos(turn) * np.exp(1j * turn))).astype(coefficients.dtype)
        return self.weights(fitted, network), float(self.power(fitted).sum())


def power_shares(power: Array) -> Array:
    """Each component's share of its vector's power, of the same shape; all 0 for a vector without power."""
    total = power.sum(axis=1, keepdims=True)
    return power / np.where(total > 0, total, 1)


def inverse_participation_ratio(shares: Array) -> Array:
    """IPR of every vector, of shape (3, M), from `power_shares`: Σ_k s_k² over its shares s_k.

    For frequencies it is (‖x̂‖₄ / ‖x̂‖₂)⁴ over k = 1 .. ⌊N/2⌋ (Liu & Lu): 1 for a pure cosine, about 2 / ⌊N/2⌋ for white
    noise, 0 for a vector without power. Doshi et al. (arXiv 2310.13061) take the mean over u, v, w, Liu & Lu of w.
    """
    return (shares**2).sum(axis=1)


def dominant_components(preference: Array, by: str = "joint") -> Array:
    """The dominant component of u, v and w of each neuron, integers of shape (3, M).

    joint: argmax_k of the sum over u, v and w, one k per neuron. w: of w's, for all three. each: of the vector's own.
    Raises InputError for another `by`.
    """
    if by not in COMPONENT_CHOICES:
        raise InputError("by", by, one_of(COMPONENT_CHOICES, by))
    if by != "each":
        preference = np.broadcast_to(preference.sum(axis=0) if by == "joint" else preference[2], preference.shape)
    return 1 + preference.argmax(axis=1)


def keep(coefficients: Array, component_of: np.ndarray, component: Array) -> Array:
    """The coefficients of every vector's own component, of shape (3, M), and 0 for all others."""
    is_kept = np.asarray(component_of, like=component)[None, :, None] == component[:, None, :]
    return np.where(is_kept, coefficients, 0)


def pick(values: Array, index: Array) -> Array:
    """From values of shape (3, n, M), those at each vector's own index, of shape (3, M)."""
    return np.take_along_axis(values, index[:, None, :], axis=1)[:, 0, :]


def wrap(angle: Array) -> Array:
    """The angle in radians, moved to [-π, π) by a multiple of 2π."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


class Filtration(NamedTuple):
    """The dominant network G, one frequency per neuron, and the residual network R. Their weights add up."""

    dominant: TwoLayerNet
    residual: TwoLayerNet


def filter_frequencies(network: TwoLayerNet, rule: Any, by: str = "joint") -> Filtration:
    """Split a network into the dominant frequency (or component) of each neuron and all the rest.

    rule: a `rules.Rule`. by: a name of COMPONENT_CHOICES. Frequency 0, μ, and the weights of tokens without a
    coordinate belong to the residual network. Raises InputError for a rule of another modulus, and for one without
    components.
    """
    if network.modulus != rule.modulus:
        raise InputError("modulus of the rule", rule.modulus, f"{network.modulus}, that of the network")
    components = rule.components
    coefficients = components.coefficients(network)                                 # (3, n, M)
    shares = power_shares(components.power(coefficients))                           # (3, K, M)
    component = dominant_components(components.preference(shares), by)              # (3, M)
    U, V, W = components.weights(keep(coefficients, components.component_of, component), network)
    dominant = replace(network, U=U, V=V, W=W, mu=np.zeros_like(network.mu), has_bias=False)
    residual = replace(network, U=network.U - U, V=network.V - V, W=network.W - W)
    return Filtration(dominant, residual)
