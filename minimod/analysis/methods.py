"""The extraction methods: ways to make predictions from a trained network, and what each needs to know.

A method is a network made from the trained one, an activation to evaluate it with, and a readout of its logits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from minimod.analysis.accuracy import predict_grid
from minimod.analysis.filtration import filter_frequencies, fit_ideal_neurons
from minimod.analysis.readout import predict_interaction
from minimod.backend import SERIAL, Backend
from minimod.network import TwoLayerNet
from minimod.tasks import Rule

# What a method needs to know. The rule's Fourier coordinates: in which order of the tokens the rule is cyclic addition.
# The rule: also that it is addition there, and not some other function of the coordinates.
NOTHING, TWO_INPUTS, COORDINATES, RULE = "nothing", "two inputs", "coordinates", "the rule"


def _trained(network: TwoLayerNet, rule: Rule, by: str) -> TwoLayerNet:
    return network


def _dominant(network: TwoLayerNet, rule: Rule, by: str) -> TwoLayerNet:
    return filter_frequencies(network, rule, by).dominant


def _residual(network: TwoLayerNet, rule: Rule, by: str) -> TwoLayerNet:
    return filter_frequencies(network, rule, by).residual


def _ideal(network: TwoLayerNet, rule: Rule, by: str) -> TwoLayerNet:
    return fit_ideal_neurons(network, rule).network


@dataclass(frozen=True)
class Method:
    """One way to predict.

    needs: what it needs to know beyond the trained network.
    extract: from the network, the rule and whose power decides (see `filter_frequencies`) to the network to evaluate.
    activation: the one to evaluate it with; None: the one it was trained with.
    readout: from that network and a backend to the predictions, of shape (P, P).
    """

    needs: str
    extract: Callable[[TwoLayerNet, Rule, str], TwoLayerNet] = _trained
    activation: str | None = None
    readout: Callable[[TwoLayerNet, Backend], np.ndarray] = predict_grid

    def predict(self, network: TwoLayerNet, rule: Rule, by: str = "joint", backend: Backend = SERIAL) -> np.ndarray:
        """The prediction for every pair (a, b), of shape (P, P)."""
        extracted = self.extract(network, rule, by)
        return self.readout(replace(extracted, activation=self.activation or extracted.activation), backend)


# name -> method; +activation marks a swap. relu and reverse_relu differ by z, which has no interaction: one suffices.
METHODS: dict[str, Method] = {
    "raw": Method(NOTHING),
    "raw+relu": Method(NOTHING, activation="relu"),
    "raw+quadratic": Method(NOTHING, activation="quadratic"),
    "raw+reverse_relu": Method(NOTHING, activation="reverse_relu"),
    "interaction": Method(TWO_INPUTS, readout=predict_interaction),
    "interaction+relu": Method(TWO_INPUTS, activation="relu", readout=predict_interaction),
    "interaction+quadratic": Method(TWO_INPUTS, activation="quadratic", readout=predict_interaction),
    "dominant": Method(COORDINATES, _dominant),
    "dominant+relu": Method(COORDINATES, _dominant, "relu"),
    "dominant+quadratic": Method(COORDINATES, _dominant, "quadratic"),
    "dominant+reverse_relu": Method(COORDINATES, _dominant, "reverse_relu"),
    "residual": Method(COORDINATES, _residual),
    "ideal": Method(RULE, _ideal),
}


def applicable(activation: str) -> dict[str, Method]:
    """The methods for a network trained with this activation: those that swap it for itself are left out."""
    return {name: method for name, method in METHODS.items() if method.activation != activation}
