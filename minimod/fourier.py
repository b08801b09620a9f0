"""The Fourier transform of a network's neurons, and the filtration, which keeps one frequency per neuron.

A neuron has three vectors: u and v, its input weights for every token, and w, its output weights for every class. A
vector x over the N coordinates t of a cyclic rule (see rules.py) has the Fourier coefficients

    x̂_k = 1/√N Σ_t x_t exp(-2πi k t / N),    k = 0 .. ⌊N/2⌋.

A real vector has the same |x̂_k| at k and at N - k. So k and N - k count as one frequency:

    power_k = 2 |x̂_k|²,    and for k = N/2, where k = N - k,    power_k = |x̂_k|².

The sum of the power over all k > 0 is Σ_t (x_t - mean)² (Parseval). Frequency 0 is the mean. Its power is left out.

Arrays of all neurons stack the three vectors u, v, w along axis 0. M is the number of neurons. n = ⌊N/2⌋ + 1 is the
number of coefficients. K = ⌊N/2⌋ is the number of frequencies without 0. Coefficients have shape (3, n, M), with
frequency k at index k. Power and shares have shape (3, K, M), with frequency k at index k - 1.

Some functions also serve finite groups. They say "component" and not "frequency". The class of a group's components,
with the same methods, is in groups/matrices.py. The definitions come from Liu & Lu (arXiv 2605.18022) and from the
companion paper (arXiv 2610.11833).
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from minimod.arrays import Array, fft_of
from minimod.errors import InputError, check_type, choice
from minimod.network import TwoLayerNet

# What decides the dominant component of a neuron. joint: the sum of the shares of u, v and w. w: the share of w alone.
# each: u, v and w have their own dominant components, by their own shares.
COMPONENT_CHOICES = ("joint", "w", "each")


class Frequencies:
    """The frequencies of a cyclic rule of order N, for networks on its tokens.

    tokens_a, tokens_b, tokens_c: of shape (N,), the token at every coordinate, see `rules.CyclicRule`.
    component_of: of shape (n,), the frequency of every coefficient: 0, 1, ... n - 1.
    """

    def __init__(self, tokens_a: np.ndarray, tokens_b: np.ndarray, tokens_c: np.ndarray):
        self.tokens, self.order = (tokens_a, tokens_b, tokens_c), len(tokens_c)
        self.component_of = np.arange(self.order // 2 + 1)

    def in_coordinates(self, network: TwoLayerNet) -> Array:
        """The vectors u, v and w over the rule's coordinates, of shape (3, N, M)."""
        a, b, c = (np.asarray(tokens, like=network.U) for tokens in self.tokens)
        return np.stack([network.U[a], network.V[b], network.W[:, c].T])

    def coefficients(self, network: TwoLayerNet) -> Array:
        """x̂_k of the vectors u, v and w of every neuron, complex, of shape (3, n, M)."""
        x = self.in_coordinates(network)
        # norm="ortho" is the factor 1/√N, here and in the inverse.
        return fft_of(x).rfft(x, axis=1, norm="ortho")

    def weights(self, coefficients: Array, like: TwoLayerNet) -> tuple[Array, Array, Array]:
        """The weights U, V and W that have these coefficients: the inverse of `coefficients`.

        like: a network with the shapes and the dtype of the result. Weights of tokens without a coordinate are 0.
        """
        u, v, w = fft_of(coefficients).irfft(coefficients, n=self.order, axis=1, norm="ortho")      # (N, M)
        a, b, c = (np.asarray(tokens, like=like.U) for tokens in self.tokens)
        U, V, W = (np.zeros_like(array) for array in (like.U, like.V, like.W))
        U[a], V[b], W[:, c] = u, v, w.T
        return U, V, W

    def power(self, coefficients: Array) -> Array:
        """The power 2 |x̂_k|² of the frequencies k = 1 .. K, of shape (3, K, M). For k = N/2 it is |x̂_k|²."""
        squares = 2 * np.abs(coefficients[:, 1:]) ** 2
        if self.order % 2 == 0:      # N is even: the last frequency is N/2
            squares[:, -1] = np.abs(coefficients[:, -1]) ** 2
        return squares

    def preference(self, shares: Array) -> Array:
        """The numbers whose maximum over k gives the dominant frequency: the shares, of shape (3, K, M).

        The components of a group have different dimensions. So for groups, this method divides the shares by the
        dimension.
        """
        return shares

    def phase(self, coefficients: Array, component: Array) -> Array:
        """The phase φ of every vector at its frequency, in rad, of shape (3, M).

        component: of shape (3, M), the frequency k of every vector. The vector's part at k is λ cos(2πkt/N + φ).
        """
        return np.angle(pick(coefficients, component))

    def phase_error(self, network: TwoLayerNet, coefficients: Array, component: Array) -> Array:
        """The phase error φ_a + φ_b - φ_c of every neuron, in rad, in [-π, π), of shape (M,).

        φ_a, φ_b and φ_c are the phases of u, v and w. The error is 0 for an ideal neuron, and uniformly distributed for
        a random neuron. It has a meaning only if u, v and w have the same frequency. The phases are phases over
        coordinates. With phases over tokens, the error for subtraction is φ_a - φ_b - φ_c.
        """
        phase = self.phase(coefficients, component)
        return wrap(phase[0] + phase[1] - phase[2])

    def ideal(self, network: TwoLayerNet, coefficients: Array, component: Array) -> tuple[tuple[Any, ...], float]:
        """U, V and W of ideal neurons fitted to the network's neurons, and the power of the fitted weights.

        component: of shape (3, M), from `dominant_components` by "joint" or "w": one frequency per neuron. An ideal
        neuron has three cosines of this frequency, with φ_a + φ_b = φ_c. With e = φ_a + φ_b - φ_c, the fit is

            û ← û cos(e/3) exp(-ie/3),    v̂ ← v̂ cos(e/3) exp(-ie/3),    ŵ ← ŵ cos(e/3) exp(+ie/3).

        So every phase moves by a third of the error, and φ_a + φ_b = φ_c holds. The factor cos(e/3) projects the old
        coefficient on the new phase. If u, v and w have equal amplitudes, this fit keeps the share cos²(e/3) of their
        power. Two vectors as they are, and the third set to 0, would keep 2/3. So the fit is the least-squares fit for
        cos²(e/3) > 2/3, which is |e| < 1.85.
        """
        error = self.phase_error(network, coefficients, component)                         # e, (M,)
        # component[0] serves for u, v and w, which share one component here. The bound 1 lies between 0 and π.
        # A cosine of frequency N/2 has the phase 0 or π. So a neuron of this frequency has e = 0 or e = ±π. For ±π
        # there is no ideal neuron, and the fitted weights are 0. For every other frequency, `fits` is True.
        fits = (2 * component[0] < self.order) | (np.abs(error) < 1)
        turn = np.stack([-error, -error, error])[:, None] / 3             # -e/3, -e/3, e/3 for û, v̂, ŵ, (3, 1, M)
        fitted = keep(coefficients, self.component_of, component)         # the coefficients at the neuron's frequency
        fitted = (fitted * (fits * np.cos(turn) * np.exp(1j * turn))).astype(coefficients.dtype)
        return self.weights(fitted, network), float(self.power(fitted).sum())


def power_shares(power: Array) -> Array:
    """The share of every component in its vector's power, of the shape of `power`, (3, K, M).

    The shares of a vector add up to 1. The shares of a vector without power are 0.
    """
    total = power.sum(axis=1, keepdims=True)
    return power / np.where(total > 0, total, 1)      # 0 / 1 for a vector without power, not 0 / 0


def inverse_participation_ratio(shares: Array) -> Array:
    """The inverse participation ratio (IPR) Σ_k s_k² of every vector, of shape (3, M). s_k: see `power_shares`.

    For odd N it is (‖x̂‖₄ / ‖x̂‖₂)⁴ over k = 1 .. ⌊N/2⌋ (Liu & Lu). It is 1 for a pure cosine, about 2 / ⌊N/2⌋ for
    white noise, and 0 for a vector without power. Doshi et al. (arXiv 2310.13061) take the mean of the IPR over u, v
    and w; Liu & Lu take the IPR of w.
    """
    return (shares**2).sum(axis=1)


def dominant_components(preference: Array, by: str = "joint") -> Array:
    """The dominant component k of the vectors u, v and w of every neuron, integers of shape (3, M).

    preference: of shape (3, K, M), see `Frequencies.preference`. by = "joint": k is the argmax of the sum over u, v and
    w, one k per neuron. by = "w": k is the argmax for w, and u and v take the same k. by = "each": every vector takes
    its own argmax. Raises InputError for another `by`.
    """
    choice("by", by, COMPONENT_CHOICES)
    if by == "joint":
        preference = np.broadcast_to(preference.sum(axis=0), preference.shape)
    elif by == "w":
        preference = np.broadcast_to(preference[2], preference.shape)
    return 1 + preference.argmax(axis=1)      # component k is at index k - 1; without any power it is component 1


def keep(coefficients: Array, component_of: np.ndarray, component: Array) -> Array:
    """The coefficients, of shape (3, n, M), after all coefficients of other components than `component` are set to 0.

    component_of: of shape (n,), the component of every coefficient. component: of shape (3, M), the component that
    every vector keeps.
    """
    # Shapes: (1, n, 1) == (3, 1, M) gives (3, n, M). It compares every coefficient with every vector.
    is_kept = np.asarray(component_of, like=component)[None, :, None] == component[:, None, :]
    return np.where(is_kept, coefficients, 0)


def pick(values: Array, index: Array) -> Array:
    """One value per vector: values[i, index[i, m], m], of shape (3, M). values: (3, n, M). index: (3, M)."""
    return np.take_along_axis(values, index[:, None, :], axis=1)[:, 0, :]


def wrap(angle: Array) -> Array:
    """The angle in rad, shifted to [-π, π) by a multiple of 2π."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


class Filtration(NamedTuple):
    """The dominant network, with one frequency per neuron, and the residual network.

    Up to rounding, dominant.U + residual.U is the U of the network that was split. The same holds for V, W and μ.
    Neither network is tied.
    """

    dominant: TwoLayerNet
    residual: TwoLayerNet


def filter_frequencies(network: TwoLayerNet, rule: Any, by: str = "joint") -> Filtration:
    """Split a network into its dominant network and its residual network, see `Filtration`.

    rule: a `rules.Rule`, a file that imports this one. by: a name in COMPONENT_CHOICES. The dominant network has the
    weights of every neuron's dominant frequency (or component). It has no bias. The residual network has the rest: all
    other frequencies, frequency 0, μ, and the weights of tokens without a coordinate. Its mu is the same array as the
    given network's mu. Raises InputError for a rule of another modulus, for a rule without components, and for another
    `by`.
    """
    check_type("network", network, TwoLayerNet, "a TwoLayerNet, such as the run's `network`")
    if getattr(rule, "modulus", None) != network.modulus:
        raise InputError("rule", rule, f"a rule on {network.modulus} tokens, like the network")
    components = rule.components
    coefficients = components.coefficients(network)                                 # (3, n, M)
    shares = power_shares(components.power(coefficients))                           # (3, K, M)
    component = dominant_components(components.preference(shares), by)              # (3, M)
    U, V, W = components.weights(keep(coefficients, components.component_of, component), network)
    dominant = replace(network, U=U, V=V, W=W, mu=np.zeros_like(network.mu), has_bias=False)
    residual = replace(network, U=network.U - U, V=network.V - V, W=network.W - W)
    return Filtration(dominant, residual)
