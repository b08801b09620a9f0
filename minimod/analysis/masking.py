"""Neuron scores, the subnetworks that they rank, and the partition into a generalising and a memorising part.

Source: Algorithm 1 of Liu & Lu (arXiv 2605.18022). A score ranks the neurons; the top share of them is to hold the
rule, the bottom share the noise. Which score separates the two, if any, is what the curves of this module show.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minimod.activations import ACTIVATIONS
from minimod.analysis.accuracy import MEASURES, accuracies
from minimod.analysis.fourier import dominant_structure, inverse_participation_ratio, phase_error, phases
from minimod.analysis.methods import COORDINATES, NOTHING, RULE
from minimod.backend import SERIAL, Backend, to_host
from minimod.data import Dataset
from minimod.network import TwoLayerNet
from minimod.tasks import Rule

# The shares of neurons that a curve is measured at.
KEEP = tuple(round(step / 20, 2) for step in range(21))

# How many random rankings stand beside those of the scores.
RANDOM_RANKINGS = 10

# The noise counts as memorised from this noisy accuracy on.
MEMORISED = 0.95


def ipr(network: TwoLayerNet, rule: Rule):
    """The mean of the IPR of u, v and w (Doshi et al., arXiv 2310.13061)."""
    _, shares, _ = dominant_structure(network, rule)
    return inverse_participation_ratio(shares).mean(axis=0)


def ipr_w(network: TwoLayerNet, rule: Rule):
    """The IPR of w alone (Liu & Lu)."""
    _, shares, _ = dominant_structure(network, rule)
    return inverse_participation_ratio(shares)[2]


def strength(network: TwoLayerNet, rule: Rule | None = None):
    """‖w‖_∞ φ(s) with s = ‖u‖_∞ + ‖v‖_∞ (Liu & Lu), which uses nothing about the task, so `rule` is not looked at.

    A bound on the neuron's effect on any logit. max(φ(s), φ(-s)) stands for φ(s), so that a neuron that answers to
    negative pre-activations (reverse ReLU) has a strength too.
    """
    largest = np.abs(network.U).max(axis=0) + np.abs(network.V).max(axis=0)
    value = ACTIVATIONS[network.activation].value
    return np.abs(network.W).max(axis=1) * np.maximum(value(largest), value(-largest))


def dominant_share(network: TwoLayerNet, rule: Rule):
    """The share of its power that a vector has at the neuron's dominant frequency, mean of u, v and w."""
    _, shares, k = dominant_structure(network, rule)
    return np.take_along_axis(shares, k[:, None] - 1, axis=1)[:, 0].mean(axis=0)


def phase_alignment(network: TwoLayerNet, rule: Rule):
    """cos(φ_a + φ_b - φ_c) at the neuron's dominant frequency: 1 for an ideal neuron, 0 on average for a random one."""
    spectrum, _, k = dominant_structure(network, rule)
    return np.cos(phase_error(phases(spectrum, k)))


class Score(NamedTuple):
    """What a score needs to know (see methods.py), and value(network, rule), of shape (M,)."""

    needs: str
    value: Callable


# The higher a neuron's score, the more it is taken to belong to the rule.
SCORES: dict[str, Score] = {
    "ipr": Score(COORDINATES, ipr),
    "ipr_w": Score(COORDINATES, ipr_w),
    "dominant_share": Score(COORDINATES, dominant_share),
    "phase_alignment": Score(RULE, phase_alignment),
    "strength": Score(NOTHING, strength),
}


class Curves(NamedTuple):
    """A ranking of the neurons, of shape (M,), and the accuracies at every share of KEEP, measure -> (len(KEEP),).

    top: of the network of the first neurons; rest: of the network of the others.
    """

    ranking: np.ndarray
    top: dict[str, np.ndarray]
    rest: dict[str, np.ndarray]


def mask_curves(network: TwoLayerNet, ranking, dataset: Dataset, backend: Backend = SERIAL) -> Curves:
    """What the first neurons of a ranking answer without the others, and the others without them; both have μ.

    `ranking` is a permutation of the neurons, of shape (M,), such as `(-score).argsort()`. The logits are sums over
    neurons, so all shares of KEEP together cost little more than one forward pass.
    """
    ends = [round(keep * network.width) for keep in KEEP]
    pieces = [network.subnetwork(neurons) for neurons in np.split(ranking, ends)]     # len(KEEP) + 1 of them
    tokens = np.arange(network.modulus, like=network.U)

    def row(a):
        logits = np.stack([piece.forward(np.full_like(tokens, a), tokens)[2] for piece in pieces]) - network.mu
        logits = logits.cumsum(axis=0)                                   # (len(KEEP) + 1, P, P)
        top, rest = logits[:-1], logits[-1] - logits[:-1]
        return np.stack([(part + network.mu).argmax(axis=2) for part in (top, rest)])

    grids = np.stack([to_host(grid) for grid in backend.map(row, range(network.modulus))], axis=2)
    return Curves(ranking, *(_by_measure([accuracies(grid, dataset) for grid in part]) for part in grids))


def _by_measure(rows: list[dict]) -> dict[str, np.ndarray]:
    return {measure: np.array([row[measure] for row in rows]) for measure in MEASURES}


def score_curves(network: TwoLayerNet, dataset: Dataset, backend: Backend = SERIAL) -> dict[str, Curves]:
    """The curves of the rankings by every score of SCORES, best first."""
    return {
        name: mask_curves(network, (-score.value(network, dataset.rule)).argsort(), dataset, backend)
        for name, score in SCORES.items()
    }


def random_curves(
    network: TwoLayerNet, dataset: Dataset, generator: np.random.Generator, backend: Backend = SERIAL
) -> list[Curves]:
    """The curves of RANDOM_RANKINGS random rankings: what any subnetwork of that size does."""
    rankings = (generator.permutation(network.width) for _ in range(RANDOM_RANKINGS))
    return [mask_curves(network, np.asarray(ranking, like=network.U), dataset, backend) for ranking in rankings]


class Partition(NamedTuple):
    """The shares of neurons that generalise and that memorise; nan where there is none, or no pairs to tell."""

    generalising: float
    memorising: float


def partition(curves: Curves) -> Partition:
    """γ_G and γ_R of a ranking. Where γ_G + γ_R <= 1 the two parts need not share a neuron.

    γ_G: the share of KEEP whose top network is best on the validation pairs, the smallest of several.
    γ_R: the smallest share of bottom neurons that still has a noisy accuracy of MEMORISED.
    """
    M, validation = len(curves.ranking), curves.top["validation"]
    top = np.array([round(keep * M) / M for keep in KEEP])
    generalising = math.nan if np.isnan(validation).any() else top[validation.argmax()]
    shares = (1 - top)[curves.rest["noisy"] >= MEMORISED]
    return Partition(float(generalising), float(shares.min()) if len(shares) else math.nan)
