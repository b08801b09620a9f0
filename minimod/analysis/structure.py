"""The structure of a network: coefficients, shares, dominant components and phases, computed once and handed on."""

import math
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from minimod.analysis import components, matrices
from minimod.analysis.components import COMPONENT_CHOICES
from minimod.errors import InputError, one_of
from minimod.network import Array, TwoLayerNet
from minimod.rules.cyclic import CyclicRule
from minimod.rules.groups import GroupRule
from minimod.rules.rule import Rule


class IdealFit(NamedTuple):
    """The network of the ideal neurons fitted to the trained ones, and their share of the weights' power."""

    network: TwoLayerNet
    power_share: float


class Structure:
    """A network, looked at in the components of a rule. What several analyses need is computed here, once.

    by: see `components.dominant_components`. Raises InputError for another modulus, and for an unknown `by`.
    """

    def __init__(self, network: TwoLayerNet, rule: Rule, by: str = "joint"):
        if network.modulus != rule.modulus:
            raise InputError("modulus of the rule", rule.modulus, f"{network.modulus}, that of the network")
        if by not in COMPONENT_CHOICES:
            raise InputError("by", by, one_of(COMPONENT_CHOICES, by))
        self.network, self.rule, self.by = network, rule, by

    @cached_property
    def transform(self) -> components.BasisTransform:
        """Between weights and coefficients. Raises InputError for a rule without components, as all that needs it."""
        return components.transform_of(self.rule)

    @cached_property
    def coefficients(self) -> Array:
        """Those of u, v and w of each neuron, of shape (3, n, M); spectra, if the rule is cyclic."""
        return self.transform.coefficients(self.network)

    @cached_property
    def power(self) -> Array:
        """The power of each component but 0, of shape (3, K, M)."""
        return self.transform.power(self.coefficients)

    @cached_property
    def shares(self) -> Array:
        """Each component's share of its vector's power, of shape (3, K, M)."""
        return components.power_shares(self.power)

    @cached_property
    def component(self) -> Array:
        """The dominant component of each vector, of shape (3, M); frequencies, if the rule is cyclic.

        By share of the power per dimension; but by the plain share of frequencies, N/2 among them.
        """
        if isinstance(self.rule, CyclicRule):
            return components.dominant_components(self.shares, self.by)
        dimensions = np.bincount(self.transform.label)[1:, None].astype(self.shares.dtype)
        return components.dominant_components(self.shares / np.asarray(dimensions, like=self.shares), self.by)

    @cached_property
    def ipr(self) -> Array:
        """The inverse participation ratio of u, v and w of each neuron, of shape (3, M)."""
        return components.inverse_participation_ratio(self.shares)

    @cached_property
    def dominant_share(self) -> Array:
        """The share of its power that each vector has in its dominant component, of shape (3, M)."""
        return _pick(self.shares, self.component - 1)

    @cached_property
    def phase(self) -> Array:
        """The phases φ of λ cos(2πkt/N + φ), the vectors' parts at their frequency k, in rad, (3, M). Cyclic rules."""
        return np.angle(_pick(self.coefficients, self.component))

    @cached_property
    def phase_error(self) -> Array:
        """φ_a + φ_b - φ_c, in [-π, π), of shape (M,). 0 for ideal neurons, uniform for random ones.

        So in the coordinates of every cyclic rule; over tokens it is φ_a - φ_b - φ_c for subtraction. For other groups
        it is the angle between û v̂ and ŵ, in [0, π], see matrices.py; nan where their dominant components differ.
        """
        if isinstance(self.rule, GroupRule):
            error = np.full_like(self.network.U[0], np.nan)
            for each in matrices.by_component(self):
                error[each.neurons] = each.angle
            return error
        return wrap(self.phase[0] + self.phase[1] - self.phase[2])

    @cached_property
    def dominant(self) -> TwoLayerNet:
        """The network of every vector's dominant component alone. It has no μ."""
        return self.keep(self.component)

    @cached_property
    def residual(self) -> TwoLayerNet:
        """The network of all that `dominant` leaves, μ included: the weights of the two add up to the network's."""
        network, dominant = self.network, self.dominant
        return replace(network, U=network.U - dominant.U, V=network.V - dominant.V, W=network.W - dominant.W)

    @cached_property
    def ideal(self) -> "IdealFit":
        """The network with three cosines for every neuron, of its dominant frequency, φ_a + φ_b = φ_c.

        The phase error e = φ_a + φ_b - φ_c, in [-π, π), is shared equally: φ_a and φ_b lose e/3, φ_c gains it, and each
        amplitude is fitted to its new phase, which multiplies it by cos(e/3). For vectors of equal amplitude that is
        least squares up to |e| = 1.85; a neuron further off would be fitted better by two of its vectors alone. The
        phase relation is put in by hand: also an *untrained* network's fit answers by the rule. What tells is the share
        of power (that about the vectors' means; nan of none), beside the untrained network's. For other groups see
        `matrices.Matrices.ideal`, which is the same for Z_N.
        """
        if self.by != "joint":
            return Structure(self.network, self.rule).ideal
        total = float(self.power.sum())
        if isinstance(self.rule, GroupRule):
            U, V, WT = (np.zeros_like(X) for X in (self.network.U, self.network.V, self.network.W.T))
            for each in matrices.by_component(self):
                U[:, each.neurons], V[:, each.neurons], WT[:, each.neurons] = each.weights(each.ideal)
            explained = float(sum((X**2).sum() for X in (U, V, WT)))
            return IdealFit(self._network(U, V, WT.T), explained / total if total else math.nan)
        assert isinstance(self.rule, CyclicRule)
        spectrum, error = self.coefficients, self.phase_error
        # A cosine at the Nyquist frequency has phase 0 or π: there an error of π leaves nothing to fit.
        fits = (2 * self.component[0] < self.rule.order) | (np.abs(error) < 1)
        turn = np.stack([-error, -error, error])[:, None] / 3             # (3, 1, M)
        fitted = components.keep_component(spectrum, self.transform.label, self.component)
        fitted = (fitted * (fits * np.cos(turn) * np.exp(1j * turn))).astype(spectrum.dtype)
        explained = float(self.transform.power(fitted).sum())
        return IdealFit(self.rebuild(fitted), explained / total if total else math.nan)

    def keep(self, component: Array) -> TwoLayerNet:
        """The network of these components alone, of shape (3, M): one for each vector."""
        return self.rebuild(components.keep_component(self.coefficients, self.transform.label, component))

    def rebuild(self, coefficients: Array) -> TwoLayerNet:
        """A network of this kind with these coefficients, and no μ."""
        return self._network(*self.transform.weights(coefficients, self.network))

    @cached_property
    def rank_one(self) -> TwoLayerNet:
        """The network of the best rank-one part of every vector's dominant component, see matrices.py. Groups."""
        return self._network(*matrices.rank_one(self))

    def random_rank_one(self, generator: np.random.Generator) -> TwoLayerNet:
        """The control of `rank_one`: a random rank-one part of every vector's dominant component."""
        return self._network(*matrices.rank_one(self, generator))

    def _network(self, U: Array, V: Array, W: Array) -> TwoLayerNet:
        return TwoLayerNet(U, V, W, np.zeros_like(self.network.mu), self.network.activation, has_bias=False)


def wrap(angle: Array) -> Array:
    """The angle in radians, moved to [-π, π) by a multiple of 2π."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _pick(values: Array, index: Array) -> Array:
    """From values of shape (3, n, M), those at each vector's own index, of shape (3, M)."""
    return np.take_along_axis(values, index[:, None, :], axis=1)[:, 0, :]


def neuron_table(structure: Structure) -> dict[str, np.ndarray]:
    """Per neuron: the frequencies of u, v, w, their shares of the power and the mean share, the phases, their error.

    φ_a + φ_b and the phase error are nan where the three frequencies differ. For a rule that is a group, the names of
    the components, component_u and so on, stand in place of frequencies, and there are no phases, but their error.
    """
    component, share = structure.component, structure.dominant_share
    same = (component == component[0]).all(axis=0)
    shares = {"share": share.mean(axis=0), "share_u": share[0], "share_v": share[1], "share_w": share[2]}
    if not isinstance(structure.rule, CyclicRule):
        names = np.array(structure.rule.component_names)[component - 1]
        named = {f"component_{vector}": row for vector, row in zip("uvw", names, strict=True)}
        return named | shares | {"phase_error": structure.phase_error}
    phase = structure.phase
    return {f"frequency_{vector}": row for vector, row in zip("uvw", component, strict=True)} | shares | {
        "phase_a": phase[0], "phase_b": phase[1], "phase_c": phase[2],
        "phase_sum": np.where(same, wrap(phase[0] + phase[1]), np.nan),
        "phase_error": np.where(same, structure.phase_error, np.nan),
    }


def coordinate_of(neurons: dict[str, np.ndarray]) -> str:
    """What the components of a `neuron_table` are: "frequency" under a cyclic rule, else "component"."""
    return "frequency" if "frequency_u" in neurons else "component"


def typical(neurons: dict[str, np.ndarray]) -> dict[str, float]:
    """Of a `neuron_table`: the median share, the root mean square phase error, and over how many neurons that is."""
    errors = neurons["phase_error"][~np.isnan(neurons["phase_error"])]
    return {
        "neurons_with_one_frequency": len(errors), "median_share": float(np.median(neurons["share"])),
        "phase_error_rms": float(np.sqrt(np.mean(errors**2))) if len(errors) else math.nan,
    }
