"""Frequency filtration (Liu & Lu, arXiv 2605.18022): a network -> its dominant and its residual network.

The text is that of any rule's components: see components.py, and `Structure.dominant` and `Structure.residual`.
"""

from typing import NamedTuple

import numpy as np

from minimod.analysis.structure import Structure
from minimod.network import Array, TwoLayerNet
from minimod.rules.rule import Rule


class Filtration(NamedTuple):
    """The dominant network G, one frequency per neuron, and the residual network R. Their weights add up."""

    dominant: TwoLayerNet
    residual: TwoLayerNet


def filter_frequencies(network: TwoLayerNet, rule: Rule, by: str = "joint") -> Filtration:
    """Split a network into the dominant frequency (or component) of each neuron and all the rest.

    `by` says whose power decides (see `components.dominant_components`). Component 0, μ, and the weights of tokens
    that the components leave out belong to the residual network. Raises InputError for a rule of another modulus.
    """
    structure = Structure(network, rule, by)
    return Filtration(structure.dominant, structure.residual)


def random_component(structure: Structure, generator: np.random.Generator) -> Array:
    """The control of filtration: a component drawn for each neuron, the same for u, v and w, of shape (3, M)."""
    n_components = structure.transform.label.max()
    component = np.stack([generator.integers(1, n_components + 1, structure.network.width)] * 3)
    return np.asarray(component, like=structure.network.U)
