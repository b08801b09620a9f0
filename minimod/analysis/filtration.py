"""Frequency filtration: a network -> its dominant and its residual network (Liu & Lu, arXiv 2605.18022)."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from minimod.analysis.fourier import dominant_frequencies, power, power_shares, spectra
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
    spectrum = spectra(network, rule)                                    # (3, ⌊N/2⌋ + 1, M)
    if frequency is None:
        frequency = dominant_frequencies(power_shares(power(spectrum, rule.order)), by)
    k = np.arange(spectrum.shape[1], like=spectrum)[None, :, None]
    spectrum[k != frequency[:, None, :]] = 0
    u, v, w = np.fft.irfft(spectrum, n=rule.order, axis=1)               # each (N, M)

    U, V, W = np.zeros_like(network.U), np.zeros_like(network.V), np.zeros_like(network.W)
    U[np.asarray(rule.tokens_a, like=U)] = u
    V[np.asarray(rule.tokens_b, like=V)] = v
    W[:, np.asarray(rule.tokens_c, like=W)] = w.T
    dominant = TwoLayerNet(U, V, W, np.zeros_like(network.mu), network.activation, has_bias=False)
    residual = replace(network, U=network.U - U, V=network.V - V, W=network.W - W)
    return Filtration(dominant, residual)
