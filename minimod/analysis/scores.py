"""Neuron scores: numbers that rank the neurons of a network, and what each needs to know of the rule."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minimod.activations import ACTIVATIONS
from minimod.analysis.structure import Structure
from minimod.arrays import Array

# What a score or a method needs to know. COORDINATES: the order of the tokens in which the rule is cyclic addition, or
# the group and the element of every token. RULE: also that the rule is addition there (or the group's product).
NOTHING, TWO_INPUTS, COORDINATES, RULE = "nothing", "two inputs", "coordinates", "the rule"


def ipr(structure: Structure) -> Array:
    """The mean of the IPR of u, v and w (Doshi et al., arXiv 2310.13061)."""
    return structure.ipr.mean(axis=0)


def strength(structure: Structure) -> Array:
    """‖w‖_∞ φ(s) with s = ‖u‖_∞ + ‖v‖_∞ (Liu & Lu). It looks at the network alone, and uses nothing about the task.

    It bounds the neuron's effect on any logit. max(φ(s), φ(-s)) stands for φ(s), since reverse ReLU is 0 at s. AdamW's
    weight decay can make the largest weights of all neurons alike. Then this score ranks nothing: see the claim
    `decay`.
    """
    network = structure.network
    largest = np.abs(network.U).max(axis=0) + np.abs(network.V).max(axis=0)
    value = ACTIVATIONS[network.activation].value
    return np.abs(network.W).max(axis=1) * np.maximum(value(largest), value(-largest))


def norm(structure: Structure) -> Array:
    """√(‖u‖² + ‖v‖² + ‖w‖²)."""
    return np.sqrt((_vectors(structure) ** 2).sum(axis=(0, 1)))


def flatness(structure: Structure) -> Array:
    """The sum over u, v and w of variance² / fourth central moment, the reciprocal of the kurtosis.

    A cosine adds 2/3, and a vector of Gaussian weights adds 1/3. A vector with one large weight adds about 1/P. A zero
    vector adds 0.
    """
    X = _vectors(structure)
    X = X - X.mean(axis=1, keepdims=True)
    largest = np.abs(X).max(axis=1, keepdims=True)
    X = X / (largest + (largest == 0))                       # the fourth power of a small float32 is 0
    squares = X * X
    fourth = (squares * squares).mean(axis=1)
    return (squares.mean(axis=1) ** 2 / (fourth + (fourth == 0))).sum(axis=0)


def _vectors(structure: Structure) -> Array:
    """u, v and w of every neuron, of shape (3, P, M)."""
    network = structure.network
    return np.stack([network.U, network.V, network.W.T])


class Score(NamedTuple):
    """What a score needs to know, and value(structure), of shape (M,)."""

    needs: str
    value: Callable[[Structure], Array]


# The higher a neuron's score, the more it is taken to belong to the rule.
SCORES: dict[str, Score] = {
    "ipr": Score(COORDINATES, ipr),
    "ipr_w": Score(COORDINATES, lambda structure: structure.ipr[2]),                # of w alone (Liu & Lu)
    # The share of its power that a vector has in its dominant component: the mean over u, v and w.
    "dominant_share": Score(COORDINATES, lambda structure: structure.dominant_share.mean(axis=0)),
    # 1 for an ideal neuron, 0 on average for a random one.
    "phase_alignment": Score(RULE, lambda structure: np.cos(structure.phase_error)),
    "strength": Score(NOTHING, strength),
    "norm": Score(NOTHING, norm),
    "flatness": Score(NOTHING, flatness),
    "norm_flatness": Score(NOTHING, lambda structure: norm(structure) * flatness(structure)),
}


def needs_components(needs: str) -> bool:
    """Whether a score or a method with these needs looks at the rule's components."""
    return needs.split(",")[0] in (COORDINATES, RULE)
