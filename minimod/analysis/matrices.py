"""Inside a group's components: a neuron's vectors as matrices, their rank-one parts, and how the three fit together.

Let ρ be the irreducible real representation of a component, of degree D, and m the dimension of what commutes with it.
A vector u, as a function on the group, has there the matrix

    û = √(D / (m |G|)) Σ_g u(g) ρ(g),        and its part in the component is  √(D / (m |G|)) <ρ(g), û>.

Products in the group become products of matrices. So the vectors of an ideal neuron, x, y and z of unit length, are

    u(g) ∝ xᵀ ρ(g) y,    v(g) ∝ yᵀ ρ(g) z,    w(g) ∝ xᵀ ρ(g) z,        and then  û v̂ ∝ ŵ:

summed over y, u(a) v(b) is xᵀ ρ(a b) z. For Z_N the matrices are rotations, and û v̂ ∝ ŵ reads φ_a + φ_b = φ_c.
Chughtai et al. (arXiv 2302.03025) and Stander et al. (arXiv 2312.06581) look at what networks learn on S_5.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from minimod.network import Array
from minimod.rules.groups import GroupRule
from minimod.rules.irreps import Component

if TYPE_CHECKING:
    from minimod.analysis.structure import Structure

ROUNDS = 60         # in which x, y and z are improved in turn: for Z_N the angle left falls to a quarter each time


class Matrices:
    """Some neurons, indices of shape (n,), in the one dominant component of all their vectors: hats, (3, n, D, D)."""

    def __init__(self, structure: "Structure", component: Component, neurons: np.ndarray):
        self.component, self.neurons = component, neurons
        self._entries = entries_of(structure, component)
        network, D = structure.network, component.degree
        weights = (network.U[:, neurons], network.V[:, neurons], network.W[neurons].T)
        self.hats = np.stack([(R.T @ X).T.reshape(-1, D, D) for R, X in zip(self._entries, weights, strict=True)])

    def weights(self, hats: Array) -> list[Array]:
        """The vectors u, v and w of these neurons that have such matrices, each of shape (P, n)."""
        return [R @ X.reshape(len(X), -1).T for R, X in zip(self._entries, hats, strict=True)]

    @property
    def angle(self) -> Array:
        """The angle between û v̂ and ŵ in rad, in [0, π], of shape (n,): |φ_a + φ_b - φ_c| for Z_N."""
        product = self.hats[0] @ self.hats[1]
        norms = np.sqrt((product**2).sum(axis=(1, 2)) * (self.hats[2] ** 2).sum(axis=(1, 2)))
        cosine = (product * self.hats[2]).sum(axis=(1, 2)) / np.where(norms > 0, norms, 1)
        return np.arccos(np.clip(cosine, -1, 1))

    @property
    def ideal(self) -> Array:
        """The matrices of ideal neurons fitted to these, of shape (3, n, D, D).

        x, y and z are a maximum of xᵀ û y + yᵀ v̂ z + xᵀ ŵ z, of matrices over their norms: improved one after the
        other, from the first singular vectors of û on. Then each vector's amplitude is fitted. A neuron of which one
        would be negative, as where û v̂ = -ŵ are numbers, has nothing to fit.
        """
        norms = np.sqrt((self.hats**2).sum(axis=(2, 3), keepdims=True))
        u, v, w = self.hats / np.where(norms > 0, norms, 1)
        ut, vt, wt = (X.transpose(0, 2, 1) for X in (u, v, w))
        x = np.linalg.svd(u)[0][:, :, :1]                                       # (n, D, 1)
        y = unit(ut @ x)
        z = unit(vt @ y + wt @ x)
        for _ in range(ROUNDS):
            x = unit(u @ y + w @ z)
            y = unit(ut @ x + v @ z)
            z = unit(vt @ y + wt @ x)
        left, right = np.stack([x, y, x]), np.stack([y, z, z])                  # (3, n, D, 1)
        amplitude = left.transpose(0, 1, 3, 2) @ self.hats @ right
        fits = (amplitude > 0).all(axis=0)
        return len(self.component.commutant) * amplitude * fits * (left @ right.transpose(0, 1, 3, 2))


def unit(x: Array) -> Array:
    """The columns of unit length, of shape (n, D, 1); 0 stays 0."""
    norm = np.sqrt((x**2).sum(axis=1, keepdims=True))
    return x / np.where(norm > 0, norm, 1)


def entries_of(structure: "Structure", component: Component) -> list[Array]:
    """R of a component, see `Component.entries`, over the tokens of a, b and c: each of shape (P, D²)."""
    rule, U = structure.rule, structure.network.U
    assert isinstance(rule, GroupRule)
    R = component.entries.astype(U.dtype)
    return [np.asarray(each, like=U) for each in (R[rule.elements_a], R[rule.elements_b], R)]


def by_component(structure: "Structure") -> Iterator[Matrices]:
    """The matrices of all neurons whose three vectors have one dominant component, component by component."""
    assert isinstance(structure.rule, GroupRule)
    k = structure.component
    for number, component in enumerate(structure.rule.group.components):
        if len(neurons := np.flatnonzero((k == number).all(axis=0))):
            yield Matrices(structure, component, neurons)


def rank_one(structure: "Structure", generator: np.random.Generator | None = None) -> tuple[Array, Array, Array]:
    """U, V and W with the best rank-one part of every vector's matrix in its dominant component.

    The best one is Q Qᵀ û, with Q = [T x for T in the commutant], x the first left singular vector: singular values
    come in groups of m, and Q has a group's vectors. For real representations it is σ₁ x yᵀ. A generator draws any x.
    """
    network, rule = structure.network, structure.rule
    assert isinstance(rule, GroupRule)
    kept = [np.zeros_like(X) for X in (network.U, network.V, network.W.T)]
    for number, component in enumerate(rule.group.components):
        T = np.asarray(component.commutant.astype(network.U.dtype), like=network.U)
        entries = entries_of(structure, component)
        vectors = (network.U, network.V, network.W.T)
        for weights, new, R, k in zip(vectors, kept, entries, structure.component, strict=True):
            if len(neurons := np.flatnonzero(k == number)):
                X = (R.T @ weights[:, neurons]).T.reshape(-1, component.degree, component.degree)
                x = np.linalg.svd(X)[0][:, :, :1] if generator is None else _random_units(X, generator)
                Q = np.concatenate([each @ x for each in T], axis=2)            # (n, D, m)
                new[:, neurons] = R @ (Q @ (Q.transpose(0, 2, 1) @ X)).reshape(len(X), -1).T
    return kept[0], kept[1], kept[2].T


def _random_units(like: Array, generator: np.random.Generator) -> Array:
    x = generator.standard_normal((*like.shape[:2], 1)).astype(like.dtype)
    return unit(np.asarray(x, like=like))
