"""The Fourier view of a network: spectra, power, dominant frequencies, phases, in the coordinates of the rule.

For a vector x of shape (N,), x̂_k = Σ_t x_t exp(-2πi k t / N), and k and N - k are one frequency: k runs from 0 to
⌊N/2⌋. Arrays stack the three weight vectors of each neuron, in the order u, v, w. The definitions are those of Liu & Lu
(arXiv 2605.18022) and of its companion (arXiv 2610.11833).
"""

import numpy as np

from minimod.backend import fft_module
from minimod.errors import InputError
from minimod.network import TwoLayerNet
from minimod.tasks import Rule

# Whose power decides a neuron's frequency: all three vectors' together, w's, or each vector's own for itself.
FREQUENCY_CHOICES = ("joint", "w", "each")


def in_coordinates(network: TwoLayerNet, rule: Rule):
    """The weights over the rule's coordinates, u, v, w of each neuron, (3, N, M). Raises InputError for another P."""
    if network.modulus != rule.modulus:
        raise InputError("modulus of the rule", rule.modulus, f"{network.modulus}, that of the network")
    tokens_a, tokens_b, tokens_c = (
        np.asarray(tokens, like=network.U) for tokens in (rule.tokens_a, rule.tokens_b, rule.tokens_c)
    )
    return np.stack([network.U[tokens_a], network.V[tokens_b], network.W[:, tokens_c].T])


def spectra(network: TwoLayerNet, rule: Rule):
    """The real FFT of every weight vector, complex, of shape (3, ⌊N/2⌋ + 1, M)."""
    weights = in_coordinates(network, rule)
    return fft_module(weights).rfft(weights, axis=1)


def power(spectrum, order: int):
    """The power at k = 1 .. ⌊N/2⌋, of shape (3, ⌊N/2⌋, M): (2/N) |x̂_k|², and half that at k = N/2, its own mirror.

    Summed over k it is Σ_t (x_t - mean)² (Parseval). `spectrum` is from `spectra`, `order` is N. Raises InputError
    for N < 2.
    """
    if order < 2:
        raise InputError("order of the rule", order, "at least 2 for it to have frequencies")
    squares = (2 / order) * np.abs(spectrum[:, 1:]) ** 2
    if order % 2 == 0:
        squares[:, -1] /= 2
    return squares


def power_shares(power):
    """Each frequency's share of its vector's power, of the same shape; all 0 for a vector without power."""
    total = power.sum(axis=1, keepdims=True)
    return power / np.where(total > 0, total, 1)


def inverse_participation_ratio(shares):
    """IPR of every vector, of shape (3, M), from `power_shares`: Σ_k s_k² over its shares s_k at k = 1 .. ⌊N/2⌋.

    It is (‖x̂‖₄ / ‖x̂‖₂)⁴ over these frequencies (Liu & Lu): 1 for a pure cosine, about 2 / ⌊N/2⌋ for white noise, 0 for
    a vector without power. Doshi et al. (arXiv 2310.13061) take the mean over u, v and w, Liu & Lu that of w.
    """
    return (shares**2).sum(axis=1)


def dominant_frequencies(shares, by: str = "joint"):
    """The dominant frequency of u, v and w of each neuron, integers of shape (3, M), from `power_shares`.

    joint: argmax_k of the sum of the three shares, one k per neuron; w: argmax_k for w, used for all three; each:
    argmax_k of each vector for itself. Raises InputError for another `by`.
    """
    if by not in FREQUENCY_CHOICES:
        raise InputError("by", by, "one of " + ", ".join(FREQUENCY_CHOICES))
    if by == "joint":
        shares = np.broadcast_to(shares.sum(axis=0), shares.shape)
    elif by == "w":
        shares = np.broadcast_to(shares[2], shares.shape)
    return 1 + shares.argmax(axis=1)


def dominant_structure(network: TwoLayerNet, rule: Rule, by: str = "joint"):
    """A network's `spectra`, their `power_shares`, and the `dominant_frequencies`."""
    spectrum = spectra(network, rule)
    shares = power_shares(power(spectrum, rule.order))
    return spectrum, shares, dominant_frequencies(shares, by)


def pick(values, frequency):
    """From values at k = 0 .. ⌊N/2⌋, of shape (3, ⌊N/2⌋ + 1, M), those at each vector's frequency, of shape (3, M)."""
    return np.take_along_axis(values, frequency[:, None, :], axis=1)[:, 0, :]


def phases(spectrum, frequency):
    """The phases φ of λ cos(2π k t / N + φ), the vectors' parts at their frequency, in radians, of shape (3, M)."""
    return np.angle(pick(spectrum, frequency))


def phase_error(phase):
    """φ_a + φ_b - φ_c, wrapped to [-π, π), of shape (M,), from `phases`. 0 for ideal neurons, uniform for random ones.

    In the rule's coordinates this holds for every rule; over tokens it reads φ_a - φ_b - φ_c for subtraction.
    """
    return wrap(phase[0] + phase[1] - phase[2])


def wrap(angle):
    """The angle in radians, moved to [-π, π) by a multiple of 2π."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
