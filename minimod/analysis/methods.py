"""The extraction methods: ways to make predictions from a trained network, and what each needs to know.

A method is a part of the trained network, an activation to evaluate it with, and a readout of its logits.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from minimod.analysis.accuracy import accuracies
from minimod.analysis.readout import predict_interaction
from minimod.analysis.structure import Structure
from minimod.data import Dataset
from minimod.engine.backend import SERIAL, Backend
from minimod.engine.predict import predict_table
from minimod.network import TwoLayerNet

# What a method needs to know. The rule's coordinates: in which order of the tokens the rule is cyclic addition.
# The rule: also that it is addition there, and not some other function of the coordinates.
NOTHING, TWO_INPUTS, COORDINATES, RULE = "nothing", "two inputs", "coordinates", "the rule"


@dataclass(frozen=True)
class Method:
    """One way to predict.

    needs: what it needs to know beyond the trained network.
    part: from the network's structure to the network to evaluate.
    activation: the one to evaluate it with; None: the one it was trained with.
    readout: from that network and a backend to the prediction table, of shape (P, P).
    """

    needs: str
    part: Callable[[Structure], TwoLayerNet] = attrgetter("network")
    activation: str | None = None
    readout: Callable[[TwoLayerNet, Backend], np.ndarray] = predict_table

    def predict(self, structure: Structure, backend: Backend = SERIAL) -> np.ndarray:
        """The prediction table, of shape (P, P)."""
        network = self.part(structure)
        return self.readout(replace(network, activation=self.activation or network.activation), backend)


# One frequency (or component) per neuron; what that leaves; ideal neurons in place of the trained ones.
DOMINANT, RESIDUAL, IDEAL = attrgetter("dominant"), attrgetter("residual"), attrgetter("ideal.network")

# name -> method; +activation marks a swap. relu and reverse_relu differ by z, which has no interaction: one suffices.
METHODS: dict[str, Method] = {
    "raw": Method(NOTHING),
    "raw+relu": Method(NOTHING, activation="relu"),
    "raw+quadratic": Method(NOTHING, activation="quadratic"),
    "raw+reverse_relu": Method(NOTHING, activation="reverse_relu"),
    "interaction": Method(TWO_INPUTS, readout=predict_interaction),
    "interaction+relu": Method(TWO_INPUTS, activation="relu", readout=predict_interaction),
    "interaction+quadratic": Method(TWO_INPUTS, activation="quadratic", readout=predict_interaction),
    "dominant": Method(COORDINATES, DOMINANT),
    "dominant+relu": Method(COORDINATES, DOMINANT, "relu"),
    "dominant+quadratic": Method(COORDINATES, DOMINANT, "quadratic"),
    "dominant+reverse_relu": Method(COORDINATES, DOMINANT, "reverse_relu"),
    "residual": Method(COORDINATES, RESIDUAL),
    "ideal": Method(RULE, IDEAL),
}


def applicable(activation: str) -> dict[str, Method]:
    """The methods for a network trained with this activation: those that swap it for itself are left out."""
    return {name: method for name, method in METHODS.items() if method.activation != activation}


def method_accuracies(
    structure: Structure, dataset: Dataset, names: Iterable[str], backend: Backend = SERIAL
) -> dict[str, dict[str, float]]:
    """The accuracies of some of METHODS, by name."""
    return {name: accuracies(METHODS[name].predict(structure, backend), dataset) for name in names}
