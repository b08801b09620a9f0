"""The extraction methods: ways to make predictions from a trained network, and what each needs to know.

A method is a composition: which neurons (mask), which part of their weights (filtration), an activation to evaluate
them with, and a readout.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from minimod.analysis.filtration import predict_kept
from minimod.analysis.masking import CHOICES, Curves, mask_curves
from minimod.analysis.scores import COORDINATES, NOTHING, RULE, SCORES, TWO_INPUTS, needs_components, ranking
from minimod.analysis.structure import Structure
from minimod.arrays import Array, to_host
from minimod.data import Dataset
from minimod.engine.backend import SERIAL, Backend
from minimod.engine.predict import grid_logits, predict_table
from minimod.groups.rules import GroupRule
from minimod.network import TwoLayerNet
from minimod.readout import interaction
from minimod.rules import Rule


def predict_interaction(network: TwoLayerNet, backend: Backend = SERIAL) -> np.ndarray:
    """The class with the largest interaction for every pair (a, b), of shape (P, P), on the host; 3 P³ numbers."""
    return to_host(interaction(grid_logits(network, backend)).argmax(axis=2))


def predict_ensemble(networks: Iterable[TwoLayerNet], backend: Backend = SERIAL) -> np.ndarray:
    """As `predict_interaction`, for the sum of the networks' interactions, each divided by its standard deviation.

    For networks trained on the same data from different initial weights: the rule is in all of them alike, and what
    the memorised labels do to other pairs is in each another.
    """
    total: Array = 0
    for network in networks:
        effect = interaction(grid_logits(network, backend))
        total = total + effect / (effect.std() or 1)
    return to_host(total.argmax(axis=2))


# name -> from a network and a backend to the prediction table, of shape (P, P).
READOUTS: dict[str, Callable[[TwoLayerNet, Backend], np.ndarray]] = {
    "logits": predict_table, "interaction": predict_interaction,
}


@dataclass(frozen=True)
class Method:
    """One way to predict.

    needs: what it needs to know beyond the trained network.
    part: from the network's structure to the network to evaluate.
    activation: the one to evaluate it with; None: the one it was trained with.
    readout: a name of READOUTS.
    mask: a name of SCORES, for its top neurons alone; None: all neurons.
    choice: how their share is chosen, a name of CHOICES.
    """

    needs: str
    part: Callable[[Structure], TwoLayerNet] = attrgetter("network")
    activation: str | None = None
    readout: str = "logits"
    mask: str | None = None
    choice: str = "validation"

    def network(self, structure: Structure) -> TwoLayerNet:
        """The network to evaluate, with all of its neurons."""
        network = self.part(structure)
        return replace(network, activation=self.activation or network.activation)

    def curves(self, structure: Structure, dataset: Dataset, backend: Backend = SERIAL) -> Curves:
        """Those of the mask. The neurons are ranked as they are in the trained network."""
        assert self.mask
        return mask_curves(self.network(structure), ranking(self.mask, structure), dataset, backend)

    def predict(self, structure: Structure, backend: Backend = SERIAL, neurons: Array | None = None) -> np.ndarray:
        """The prediction table, of shape (P, P): of all neurons, or of those that the mask has chosen."""
        if self.part is DOMINANT and neurons is None and self.readout == "logits":
            return predict_kept(structure, structure.component, self.activation, backend)
        network = self.network(structure)
        return READOUTS[self.readout](network if neurons is None else network.subnetwork(neurons), backend)


# One frequency (or component) per neuron; what that leaves; ideal neurons in place of the trained ones; and of the
# component of a group with larger representations the best rank-one part.
DOMINANT, RESIDUAL, IDEAL = attrgetter("dominant"), attrgetter("residual"), attrgetter("ideal.network")
RANK_ONE = attrgetter("rank_one")


def _masked(score: str, readout: str = "logits", choice: str = "validation") -> Method:
    """The method of a score's top neurons."""
    needs = SCORES[score].needs
    needs = TWO_INPUTS if (needs, readout) == (NOTHING, "interaction") else needs
    return Method(f"{needs}, {CHOICES[choice].needs}", readout=readout, mask=score, choice=choice)


# The scores that know nothing: with the interaction readout, masks that do not know the rule either.
AGNOSTIC = tuple(name for name, score in SCORES.items() if score.needs == NOTHING)

# name -> method; +activation marks a swap. relu and reverse_relu differ by z, which has no interaction: one suffices.
METHODS: dict[str, Method] = {
    "raw": Method(NOTHING),
    "raw+relu": Method(NOTHING, activation="relu"),
    "raw+quadratic": Method(NOTHING, activation="quadratic"),
    "raw+reverse_relu": Method(NOTHING, activation="reverse_relu"),
    "interaction": Method(TWO_INPUTS, readout="interaction"),
    "interaction+relu": Method(TWO_INPUTS, activation="relu", readout="interaction"),
    "interaction+quadratic": Method(TWO_INPUTS, activation="quadratic", readout="interaction"),
    "dominant": Method(COORDINATES, DOMINANT),
    "dominant+relu": Method(COORDINATES, DOMINANT, "relu"),
    "dominant+quadratic": Method(COORDINATES, DOMINANT, "quadratic"),
    "dominant+reverse_relu": Method(COORDINATES, DOMINANT, "reverse_relu"),
    "residual": Method(COORDINATES, RESIDUAL),
    "rank one": Method(COORDINATES, RANK_ONE),
    "rank one+quadratic": Method(COORDINATES, RANK_ONE, "quadratic"),
    "ideal": Method(RULE, IDEAL),
    **{f"{score} subnetwork": _masked(score) for score in SCORES},
    **{f"{score}+interaction": _masked(score, "interaction") for score in AGNOSTIC},
    **{f"{score}+interaction, noisy": _masked(score, "interaction", "noisy") for score in AGNOSTIC},
}


def applicable(activation: str, rule: Rule) -> dict[str, Method]:
    """The methods for a network trained with this activation on this rule.

    Left out are those that swap the activation for itself, those that need components which the rule has not, and rank
    one where all representations have dimension one, so that it is `dominant`.
    """
    lacks = set() if isinstance(rule, GroupRule) and any(c.dimension > 1 for c in rule.group.components) else {RANK_ONE}
    has_components = rule.has_components.any()
    return {
        name: method for name, method in METHODS.items()
        if method.activation != activation and method.part not in lacks
        and (has_components or not needs_components(method.needs))
    }


def whole(methods: dict[str, Method]) -> dict[str, Method]:
    """Those of the methods that take all neurons."""
    return {name: method for name, method in methods.items() if not method.mask}
