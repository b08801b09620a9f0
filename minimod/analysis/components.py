"""A network's weights in the components of a rule: coefficients, power, shares, dominant components.

A rule labels the vectors of orthonormal bases B_a, B_b, B_c with components (see rules/rule.py). A neuron's vectors
u, v, w have the coefficients B_aᵀu, B_bᵀv, B_cᵀw, and the squares of those with one label add up to the power of that
component. Component 0, the constants, counts for nothing here. Under a cyclic rule a component is a frequency k.

Arrays stack the three vectors of each neuron, in the order u, v, w. K is the number of components without 0, so that
an array over components has component k at index k - 1. The definitions are those of Liu & Lu (arXiv 2605.18022) and
of its companion (arXiv 2610.11833), who have them for frequencies.
"""

from typing import Any

import numpy as np

from minimod.engine.device import fft_of
from minimod.network import Array, TwoLayerNet
from minimod.rules.cyclic import CyclicRule
from minimod.rules.rule import Rule

# What decides a component: the sum of u's, v's and w's power shares, w's alone, or each vector's own.
COMPONENT_CHOICES = ("joint", "w", "each")


class BasisTransform:
    """C = Bᵀx and back, x = B C, of any rule that has bases. label: (n,), the component of each coefficient."""

    def __init__(self, rule: Rule):
        *self.bases, self.label = rule.bases

    def coefficients(self, network: TwoLayerNet) -> Array:
        """B_aᵀ U, B_bᵀ V and B_cᵀ Wᵀ: the coefficients of u, v, w of each neuron, of shape (3, n, M)."""
        weights = (network.U, network.V, network.W.T)
        return np.stack([_like(B, X).T @ X for B, X in zip(self.bases, weights, strict=True)])

    def weights(self, coefficients: Array, like: TwoLayerNet) -> tuple[Array, Array, Array]:
        """U, V and W with these coefficients. Weights of tokens that the components leave out are 0."""
        U, V, WT = (_like(B, like.U) @ C for B, C in zip(self.bases, coefficients, strict=True))
        return U, V, WT.T

    def power(self, coefficients: Array) -> Array:
        """The power of each component but 0, of shape (3, K, M). Summed over all it is Σ (x - mean)² (Parseval)."""
        belongs = self.label == np.arange(1, self.label.max() + 1)[:, None]                 # (K, n)
        return _like(belongs, coefficients) @ coefficients**2


class FourierTransform(BasisTransform):
    """The shortcut for cyclic rules, by the real FFT over coordinates: n = ⌊N/2⌋ + 1 complex numbers, a frequency each.

    x̂_k = 1/√N Σ_t x_t exp(-2πi k t / N) has in its real and imaginary part what cosine and sine of frequency k have; k
    and N - k are one frequency. (Without a norm, NumPy would compute in float64, whatever it is given.)
    """

    def __init__(self, rule: CyclicRule):
        self.order, self.tokens = rule.order, (rule.tokens_a, rule.tokens_b, rule.tokens_c)
        self.label = np.arange(rule.order // 2 + 1)

    def in_coordinates(self, network: TwoLayerNet) -> Array:
        """The weights over the rule's coordinates, of shape (3, N, M)."""
        a, b, c = (np.asarray(tokens, like=network.U) for tokens in self.tokens)
        return np.stack([network.U[a], network.V[b], network.W[:, c].T])

    def coefficients(self, network: TwoLayerNet) -> Array:
        weights = self.in_coordinates(network)
        return fft_of(weights).rfft(weights, axis=1, norm="ortho")

    def weights(self, coefficients: Array, like: TwoLayerNet) -> tuple[Array, Array, Array]:
        u, v, w = fft_of(coefficients).irfft(coefficients, n=self.order, axis=1, norm="ortho")      # each (N, M)
        a, b, c = (np.asarray(tokens, like=like.U) for tokens in self.tokens)
        U, V, W = (np.zeros_like(array) for array in (like.U, like.V, like.W))
        U[a], V[b], W[:, c] = u, v, w.T
        return U, V, W

    def power(self, coefficients: Array) -> Array:
        squares = 2 * np.abs(coefficients[:, 1:]) ** 2
        if self.order % 2 == 0:
            squares[:, -1] = np.abs(coefficients[:, -1]) ** 2           # k = N/2 is its own mirror
        return squares


def transform_of(rule: Rule) -> BasisTransform:
    """The fastest transform that there is for a rule."""
    return FourierTransform(rule) if isinstance(rule, CyclicRule) else BasisTransform(rule)


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


def dominant_components(shares: Array, by: str = "joint") -> Array:
    """The dominant component of u, v and w of each neuron, integers of shape (3, M), from `power_shares`, weighted.

    joint: argmax_k of the sum of the three shares, one k per neuron; w: of w's share, for all three; each: of its own.
    """
    if by != "each":
        shares = np.broadcast_to(shares.sum(axis=0) if by == "joint" else shares[2], shares.shape)
    return 1 + shares.argmax(axis=1)


def keep_component(coefficients: Array, label: np.ndarray, component: Array) -> Array:
    """The coefficients of every vector's own component, of shape (3, M), and 0 for all others."""
    return np.where(np.asarray(label, like=component)[None, :, None] == component[:, None, :], coefficients, 0)


def _like(array: np.ndarray, other: Array) -> Any:
    """The array in the dtype, and on the device, of another one."""
    return np.asarray(array.astype(other.dtype), like=other)
