"""The structure of a network: coefficients, shares, dominant components and phases, each computed once."""

import math
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from minimod.arrays import Array
from minimod.errors import InputError
from minimod.fourier import (
    Frequencies,
    dominant_components,
    inverse_participation_ratio,
    keep,
    pick,
    power_shares,
    wrap,
)
from minimod.groups.matrices import rank_one
from minimod.network import TwoLayerNet
from minimod.rules import Rule


class IdealFit(NamedTuple):
    """The network of ideal neurons that are fitted to the trained neurons, and their share of the weights' power."""

    network: TwoLayerNet
    power_share: float


class Structure:
    """A network in the components of a rule. What several analyses need is computed here, once.

    by: see `fourier.dominant_components`. Raises InputError if the rule has another modulus than the network.
    """

    def __init__(self, network: TwoLayerNet, rule: Rule, by: str = "joint"):
        if network.modulus != rule.modulus:
            raise InputError("modulus of the rule", rule.modulus, f"{network.modulus}, the modulus of the network")
        self.network, self.rule, self.by = network, rule, by

    @cached_property
    def components(self) -> Any:
        """The rule's components. Everything that needs them raises InputError for a rule without components."""
        return self.rule.components

    @cached_property
    def coefficients(self) -> Array:
        """The coefficients of u, v and w of each neuron, of shape (3, n, M); spectra, if the rule is cyclic."""
        return self.components.coefficients(self.network)

    @cached_property
    def power(self) -> Array:
        """The power of each component except 0, of shape (3, K, M)."""
        return self.components.power(self.coefficients)

    @cached_property
    def shares(self) -> Array:
        """Each component's share of its vector's power, of shape (3, K, M)."""
        return power_shares(self.power)

    @cached_property
    def component(self) -> Array:
        """The dominant component of each vector, of shape (3, M); frequencies, if the rule is cyclic."""
        return dominant_components(self.components.preference(self.shares), self.by)

    @cached_property
    def ipr(self) -> Array:
        """The inverse participation ratio of u, v and w of each neuron, of shape (3, M)."""
        return inverse_participation_ratio(self.shares)

    @cached_property
    def dominant_share(self) -> Array:
        """Each vector's share of power in its dominant component, of shape (3, M)."""
        return pick(self.shares, self.component - 1)

    @cached_property
    def phase(self) -> Array:
        """The phases of u, v and w at their frequencies, in rad, (3, M), see `Frequencies.phase`. For cyclic rules."""
        return self.components.phase(self.coefficients, self.component)

    @cached_property
    def phase_error(self) -> Array:
        """How far each neuron is from φ_a + φ_b = φ_c, in rad, of shape (M,): see `phase_error` of the components."""
        return self.components.phase_error(self.network, self.coefficients, self.component)

    @cached_property
    def dominant(self) -> TwoLayerNet:
        """The network with every vector's dominant component alone. It has no μ."""
        return self.keep(self.component)

    @cached_property
    def residual(self) -> TwoLayerNet:
        """The network minus `dominant`, with μ. The weights of `dominant` and `residual` add up to the network's."""
        network, dominant = self.network, self.dominant
        return replace(network, U=network.U - dominant.U, V=network.V - dominant.V, W=network.W - dominant.W)

    @cached_property
    def ideal(self) -> IdealFit:
        """The network of ideal neurons, with joint components, fitted to the trained neurons.

        Ideal neurons have the phase relation by construction. So even the fit to an *untrained* network answers by the
        rule. The evidence is the share of power, compared with the untrained network's share. It is a share of the
        power about the vectors' means; nan if there is no such power.
        """
        if self.by != "joint":
            return Structure(self.network, self.rule).ideal
        weights, explained = self.components.ideal(self.network, self.coefficients, self.component)
        total = float(self.power.sum())
        return IdealFit(self._network(*weights), explained / total if total else math.nan)

    def keep(self, component: Array) -> TwoLayerNet:
        """The network with one component for each vector alone. component: of shape (3, M). It has no μ."""
        kept = keep(self.coefficients, self.components.component_of, component)
        return self._network(*self.components.weights(kept, self.network))

    @cached_property
    def rank_one(self) -> TwoLayerNet:
        """The network of the best rank-one part of every vector's dominant component, see groups/matrices.py."""
        return self.random_rank_one(None)

    def random_rank_one(self, generator: np.random.Generator | None) -> TwoLayerNet:
        """The control of `rank_one`: a random rank-one part of every vector's dominant component."""
        return self._network(*rank_one(self.network, self.components, self.component, generator))

    def random_component(self, generator: np.random.Generator) -> Array:
        """The control of filtration: a component drawn for each neuron, the same for u, v and w, of shape (3, M)."""
        component = generator.integers(1, self.components.component_of.max() + 1, self.network.width)
        return np.asarray(np.stack([component] * 3), like=self.network.U)

    @property
    def has_matrices(self) -> bool:
        """Whether some component is a matrix: it has more dimensions than a cosine and a sine."""
        return bool(np.bincount(self.components.component_of)[1:].max() > 2)

    @property
    def has_phases(self) -> bool:
        """Whether the components are frequencies, so that a vector has a phase in each."""
        return isinstance(self.components, Frequencies)

    @property
    def order(self) -> np.ndarray:
        """The neurons by the dominant component of w, and then by their mean share, largest first, of shape (M,)."""
        return np.lexsort((-self.dominant_share.mean(axis=0), self.component[2]))

    @cached_property
    def neurons(self) -> dict[str, np.ndarray]:
        """Name -> array over neurons, of shape (M,): components of u, v, w, their shares of power, the phase error.

        frequency_u, frequency_v, frequency_w; for a group the names of its components, component_u and so on.
        share_u, share_v, share_w: the vector's share of power in its component. share: the mean of the three.
        phase_a, phase_b, phase_c, phase_sum = φ_a + φ_b: in rad; left out for a group.
        phase_error: as `phase_error`. phase_sum and phase_error are nan if the three components differ.
        """
        component, share, kind = self.component, self.dominant_share, self.rule.component_kind
        names = component if self.has_phases else np.array(self.rule.component_names)[component - 1]
        table = {f"{kind}_{vector}": row for vector, row in zip("uvw", names, strict=True)}
        table |= {"share": share.mean(axis=0), "share_u": share[0], "share_v": share[1], "share_w": share[2]}
        same = (component == component[0]).all(axis=0)
        if self.has_phases:
            a, b, c = self.phase
            table |= {"phase_a": a, "phase_b": b, "phase_c": c, "phase_sum": np.where(same, wrap(a + b), np.nan)}
        return table | {"phase_error": np.where(same, self.phase_error, np.nan)}

    @property
    def phase_error_rms(self) -> float:
        """The root mean square of the neurons' phase errors, over the neurons that have one; nan if none has one."""
        errors = self.neurons["phase_error"]
        errors = errors[~np.isnan(errors)]
        return float(np.sqrt(np.mean(errors**2))) if len(errors) else math.nan

    @property
    def typical(self) -> dict[str, float]:
        """Numbers of the typical neuron.

        neurons_with_one_frequency: how many neurons have a phase error. phase_error_rms: see the property of this name.
        median_share: the median of the neurons' mean shares. ideal_power_share: see `ideal`.
        """
        return {
            "neurons_with_one_frequency": int((~np.isnan(self.neurons["phase_error"])).sum()),
            "median_share": float(np.median(self.neurons["share"])), "phase_error_rms": self.phase_error_rms,
            "ideal_power_share": self.ideal.power_share,
        }

    def _network(self, U: Array, V: Array, W: Array) -> TwoLayerNet:
        return TwoLayerNet(U, V, W, np.zeros_like(self.network.mu), self.network.activation, has_bias=False)


def coordinate_of(neurons: dict[str, np.ndarray]) -> str:
    """What the components in `Structure.neurons` are: "frequency" under a cyclic rule, else "component"."""
    return "frequency" if "frequency_u" in neurons else "component"
