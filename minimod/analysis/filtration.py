"""Frequency filtration (Liu & Lu, arXiv 2605.18022): a network -> its dominant and its residual network, its ideal.

The text is that of any rule's components, see components.py; ideal neurons are cosines, of cyclic rules alone.
"""

import math
from typing import NamedTuple

import numpy as np

from minimod.analysis.components import keep_component
from minimod.analysis.structure import Structure
from minimod.network import Array, TwoLayerNet
from minimod.rules.cyclic import CyclicRule
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


class IdealFit(NamedTuple):
    """The network of the ideal neurons fitted to the trained ones, and their share of the weights' power."""

    network: TwoLayerNet
    power_share: float


def fit_ideal_neurons(structure: Structure) -> IdealFit:
    """Replace every neuron by three cosines of its dominant frequency with φ_a + φ_b = φ_c. The rule is cyclic.

    The phase error e = φ_a + φ_b - φ_c, in [-π, π), is shared equally: φ_a and φ_b lose e/3, φ_c gains it, and each
    amplitude is fitted to its new phase, which multiplies it by cos(e/3). For vectors of equal amplitude that is least
    squares up to |e| = 1.85; a neuron further off would be fitted better by two of its vectors alone. The phase
    relation is put in by hand: also an *untrained* network's fit answers by the rule. What tells is the share of power
    (that about the vectors' means; nan of none), beside the untrained network's.
    """
    structure = Structure(structure.network, structure.rule) if structure.by != "joint" else structure
    assert isinstance(structure.rule, CyclicRule)
    spectrum, frequency, error = structure.coefficients, structure.component, structure.phase_error
    # A cosine at the Nyquist frequency has phase 0 or π: there an error of π leaves nothing to fit.
    fits = (2 * frequency[0] < structure.rule.order) | (np.abs(error) < 1)
    turn = np.stack([-error, -error, error])[:, None] / 3                # (3, 1, M)
    fitted = keep_component(spectrum, structure.transform.label, frequency)
    fitted = (fitted * (fits * np.cos(turn) * np.exp(1j * turn))).astype(spectrum.dtype)
    explained, total = (float(power.sum()) for power in (structure.transform.power(fitted), structure.power))
    return IdealFit(structure.rebuild(fitted), explained / total if total else math.nan)

