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
from minimod.analysis.methods import COORDINATES, NOTHING, RULE
from minimod.analysis.structure import Structure
from minimod.data import Dataset
from minimod.engine.backend import SERIAL, Backend
from minimod.engine.device import to_host
from minimod.engine.memory import Kept
from minimod.engine.predict import over_rows
from minimod.network import Array, TwoLayerNet

# The shares of neurons that a curve is measured at.
KEEP = tuple(round(step / 20, 2) for step in range(21))

# How many random rankings stand beside those of the scores.
RANDOM_RANKINGS = 10

# The noise counts as memorised from this noisy accuracy on.
MEMORISED = 0.95


def ipr(structure: Structure) -> Array:
    """The mean of the IPR of u, v and w (Doshi et al., arXiv 2310.13061)."""
    return structure.ipr.mean(axis=0)


def strength(structure: Structure) -> Array:
    """‖w‖_∞ φ(s) with s = ‖u‖_∞ + ‖v‖_∞ (Liu & Lu). It looks at the network alone, and uses nothing about the task.

    A bound on the neuron's effect on any logit. max(φ(s), φ(-s)) stands for φ(s), so that a neuron that answers to
    negative pre-activations (reverse ReLU) has a strength too.
    """
    network = structure.network
    largest = np.abs(network.U).max(axis=0) + np.abs(network.V).max(axis=0)
    value = ACTIVATIONS[network.activation].value
    return np.abs(network.W).max(axis=1) * np.maximum(value(largest), value(-largest))


class Score(NamedTuple):
    """What a score needs to know (see methods.py), and value(structure), of shape (M,)."""

    needs: str
    value: Callable[[Structure], Array]


# The higher a neuron's score, the more it is taken to belong to the rule.
SCORES: dict[str, Score] = {
    "ipr": Score(COORDINATES, ipr),
    "ipr_w": Score(COORDINATES, lambda structure: structure.ipr[2]),                # of w alone (Liu & Lu)
    # The share of its power that a vector has at the neuron's dominant frequency, mean of u, v and w.
    "dominant_share": Score(COORDINATES, lambda structure: structure.dominant_share.mean(axis=0)),
    # 1 for an ideal neuron, 0 on average for a random one.
    "phase_alignment": Score(RULE, lambda structure: np.cos(structure.phase_error)),
    "strength": Score(NOTHING, strength),
}


class Curves(NamedTuple):
    """A ranking of the neurons, of shape (M,), and the accuracies at every share of KEEP, measure -> (len(KEEP),).

    top: of the network of the first neurons; rest: of the network of the others.
    """

    ranking: Array
    top: dict[str, np.ndarray]
    rest: dict[str, np.ndarray]


def mask_curves(network: TwoLayerNet, ranking: Array, dataset: Dataset, backend: Backend = SERIAL) -> Curves:
    """What the first neurons of a ranking answer without the others, and the others without them; both have μ.

    `ranking` is a permutation of the neurons, of shape (M,), such as `(-score).argsort()`. The logits are sums over
    neurons: those of the top grow from one share of KEEP to the next, and the rest is what they lack of all.
    """
    ranked, P = network.subnetwork(np.asarray(ranking, like=network.U)), network.modulus
    ends = [round(keep * network.width) for keep in KEEP]
    memory = Kept(lambda: [np.empty((len(KEEP), P, P), network.U.dtype, like=network.U) for _ in range(2)])

    def predictions(rows: slice, H: Array) -> Array:
        """For top and rest, and for every share, of shape (2, len(KEEP), P): the predictions in one row."""
        with memory.borrow() as (top, rest):                             # logits, for every share
            start, before = 0, ranked.mu
            for end, logits in zip(ends, top, strict=True):
                np.matmul(H[:, start:end], ranked.W[start:end], out=logits)
                logits += before
                start, before = end, logits
            np.subtract(top[-1] + ranked.mu, top, out=rest)
            return np.stack([top.argmax(axis=2), rest.argmax(axis=2)])

    tables = np.stack([to_host(row) for row in over_rows(predictions, ranked, backend, n_rows=1)], axis=2)
    return Curves(ranking, *(accuracies(part, dataset) for part in tables))


def score_curves(structure: Structure, dataset: Dataset, backend: Backend = SERIAL) -> dict[str, Curves]:
    """The curves of the rankings by every score of SCORES, best first."""
    return {
        name: mask_curves(structure.network, (-score.value(structure)).argsort(), dataset, backend)
        for name, score in SCORES.items()
    }


def random_rankings(width: int, generator: np.random.Generator) -> list[np.ndarray]:
    """RANDOM_RANKINGS of them, for what any subnetwork of a size does."""
    return [generator.permutation(width) for _ in range(RANDOM_RANKINGS)]


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


def at_best_share(curves: Curves) -> dict[str, float]:
    """The accuracies of the top network at the share that is best on validation; nan without validation pairs."""
    validation = curves.top["validation"]
    if np.isnan(validation).any():
        return dict.fromkeys(MEASURES, math.nan)
    return {measure: float(values[validation.argmax()]) for measure, values in curves.top.items()}
