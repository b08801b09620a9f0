"""Frequency filtration (Liu & Lu, arXiv 2605.18022): a network -> its dominant and its residual network, its ideal."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from minimod.analysis.fourier import dominant_structure, phase_error, phases, power
from minimod.backend import fft_module
from minimod.network import TwoLayerNet
from minimod.tasks import Rule


class Filtration(NamedTuple):
    """The dominant network G, one frequency per neuron, and the residual network R. Their weights add up."""

    dominant: TwoLayerNet
    residual: TwoLayerNet


def filter_frequencies(network: TwoLayerNet, rule: Rule, by: str = "joint", frequency=None) -> Filtration:
    """Split a network into the dominant frequency of each neuron and all the rest.

    `by` says whose power decides (see `dominant_frequencies`); or `frequency`, of shape (3, M), gives the frequencies
    to keep for u, v and w. The zero frequency, μ, and the weights of tokens without coordinates belong to the
    residual network.
    """
    spectrum, _, dominant_frequency = dominant_structure(network, rule, by)    # (3, ⌊N/2⌋ + 1, M) and (3, M)
    if frequency is None:
        frequency = dominant_frequency
    dominant = _from_spectrum(_keep(spectrum, frequency), network, rule)
    residual = replace(network, U=network.U - dominant.U, V=network.V - dominant.V, W=network.W - dominant.W)
    return Filtration(dominant, residual)


class IdealFit(NamedTuple):
    """The network of the ideal neurons fitted to the trained ones, and their share of the weights' power."""

    network: TwoLayerNet
    power_share: float


def fit_ideal_neurons(network: TwoLayerNet, rule: Rule) -> IdealFit:
    """Replace every neuron by three cosines of its dominant frequency with φ_a + φ_b = φ_c.

    The phase error e = φ_a + φ_b - φ_c, in [-π, π), is shared equally: φ_a and φ_b lose e/3, φ_c gains it, and each
    amplitude is fitted to its new phase, which multiplies it by cos(e/3). For vectors of equal amplitude that is least
    squares up to |e| = 1.85; a neuron further off would be fitted better by two of its vectors alone. The phase
    relation is put in by hand: also an *untrained* network's fit answers by the rule. What tells is the share of power
    (that about the vectors' means; nan of none), beside the untrained network's.
    """
    spectrum, _, frequency = dominant_structure(network, rule)           # frequency: (3, M), equal rows
    error = phase_error(phases(spectrum, frequency))                     # (M,)
    # A cosine at the Nyquist frequency has phase 0 or π: there an error of π leaves nothing to fit.
    fits = (2 * frequency[0] < rule.order) | (np.abs(error) < 1)
    turn = np.stack([-error, -error, error])[:, None] / 3                # (3, 1, M)
    fitted = _keep(spectrum, frequency) * (fits * np.cos(turn) * np.exp(1j * turn))
    fitted = fitted.astype(spectrum.dtype)
    explained, total = (float(power(x, rule.order).sum()) for x in (fitted, spectrum))
    return IdealFit(_from_spectrum(fitted, network, rule), explained / total if total else math.nan)


def _keep(spectrum, frequency):
    """The spectra with nothing but the frequency of every vector, of shape (3, M)."""
    k = np.arange(spectrum.shape[1], like=spectrum)[None, :, None]
    return np.where(k == frequency[:, None, :], spectrum, 0)


def _from_spectrum(spectrum, network: TwoLayerNet, rule: Rule) -> TwoLayerNet:
    """The network with these spectra in the rule's coordinates. Weights of tokens without coordinates are 0, like μ."""
    u, v, w = fft_module(spectrum).irfft(spectrum, n=rule.order, axis=1) # each (N, M)
    U, V, W = np.zeros_like(network.U), np.zeros_like(network.V), np.zeros_like(network.W)
    U[np.asarray(rule.tokens_a, like=U)] = u
    V[np.asarray(rule.tokens_b, like=V)] = v
    W[:, np.asarray(rule.tokens_c, like=W)] = w.T
    return TwoLayerNet(U, V, W, np.zeros_like(network.mu), network.activation, has_bias=False)
