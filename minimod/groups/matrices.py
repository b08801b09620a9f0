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
from typing import Any

import numpy as np

from minimod.arrays import Array
from minimod.groups.irreps import Component, Group
from minimod.network import TwoLayerNet
from minimod.rules import Bases

ROUNDS = 60         # in which x, y and z are improved in turn: for Z_N the angle left falls to a quarter each time


class Representations:
    """The real isotypic components of a group's rule, for networks on its tokens, see `fourier.Frequencies`.

    A neuron's vectors u, v, w have the coefficients B_aᵀu, B_bᵀv, B_cᵀw in orthonormal bases. The squares of the
    coefficients of one component add up to its power.
    elements_a, elements_b: of shape (P,), the group's elements at the tokens of a and b.
    """

    def __init__(self, bases: Bases, group: Group, elements_a: np.ndarray, elements_b: np.ndarray):
        *self.bases, self.component_of = bases
        self.group, self.elements = group, (elements_a, elements_b, np.arange(len(elements_a)))

    def coefficients(self, network: TwoLayerNet) -> Array:
        """B_aᵀ U, B_bᵀ V and B_cᵀ Wᵀ: the coefficients of u, v, w of each neuron, of shape (3, n, M)."""
        weights = (network.U, network.V, network.W.T)
        return np.stack([_like(B, X).T @ X for B, X in zip(self.bases, weights, strict=True)])

    def weights(self, coefficients: Array, like: TwoLayerNet) -> tuple[Array, Array, Array]:
        """U, V and W with these coefficients."""
        U, V, WT = (_like(B, like.U) @ C for B, C in zip(self.bases, coefficients, strict=True))
        return U, V, WT.T

    def power(self, coefficients: Array) -> Array:
        """The power of each component but 0, of shape (3, K, M). Summed over all it is Σ (x - mean)² (Parseval)."""
        belongs = self.component_of == np.arange(1, self.component_of.max() + 1)[:, None]               # (K, n)
        return _like(belongs, coefficients) @ coefficients**2

    def preference(self, shares: Array) -> Array:
        """What decides the dominant component: each share of the power per dimension of the component, (3, K, M)."""
        dimensions = np.bincount(self.component_of)[1:, None].astype(shares.dtype)
        return shares / np.asarray(dimensions, like=shares)

    def phase_error(self, network: TwoLayerNet, coefficients: Array, component: Array) -> Array:
        """The angle between û v̂ and ŵ, in [0, π], of shape (M,); nan where the dominant components differ."""
        error = np.full_like(network.U[0], np.nan)
        for each in self._by_component(network, component):
            error[each.neurons] = each.angle
        return error

    def ideal(self, network: TwoLayerNet, coefficients: Array, component: Array) -> tuple[tuple[Any, ...], float]:
        """U, V and W of the ideal neurons fitted to the trained ones, see `Matrices.ideal`, and their power."""
        U, V, WT = (np.zeros_like(X) for X in (network.U, network.V, network.W.T))
        for each in self._by_component(network, component):
            U[:, each.neurons], V[:, each.neurons], WT[:, each.neurons] = each.weights(each.ideal)
        return (U, V, WT.T), float(sum((X**2).sum() for X in (U, V, WT)))

    def entries(self, component: Component, like: Array) -> list[Array]:
        """R of a component, see `Component.entries`, over the tokens of a, b and c: each of shape (P, D²)."""
        R = component.entries.astype(like.dtype)
        return [np.asarray(R[elements], like=like) for elements in self.elements]

    def _by_component(self, network: TwoLayerNet, component: Array) -> Iterator["Matrices"]:
        """The matrices of all neurons whose three vectors have one dominant component, component by component."""
        for number, each in enumerate(self.group.components):
            if len(neurons := np.flatnonzero((component == number).all(axis=0))):
                yield Matrices(network, self.entries(each, network.U), each, neurons)


class Matrices:
    """Some neurons, indices of shape (n,), in the one dominant component of all their vectors: hats, (3, n, D, D).

    entries: R over the tokens of a, b and c, see `Representations.entries`.
    """

    def __init__(self, network: TwoLayerNet, entries: list[Array], component: Component, neurons: np.ndarray):
        self.component, self.neurons, self._entries = component, neurons, entries
        D, weights = component.degree, (network.U[:, neurons], network.V[:, neurons], network.W[neurons].T)
        self.hats = np.stack([(R.T @ X).T.reshape(-1, D, D) for R, X in zip(entries, weights, strict=True)])

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


def rank_one(
    network: TwoLayerNet, components: Representations, component: Array, generator: np.random.Generator | None = None
) -> tuple[Array, Array, Array]:
    """U, V and W with the best rank-one part of every vector's matrix in its dominant component, (3, M).

    The best one is Q Qᵀ û, with Q = [T x for T in the commutant], x the first left singular vector: singular values
    come in groups of m, and Q has a group's vectors. For real representations it is σ₁ x yᵀ. A generator draws any x.
    """
    vectors = (network.U, network.V, network.W.T)
    kept = [np.zeros_like(X) for X in vectors]
    for number, each in enumerate(components.group.components):
        T, entries = _like(each.commutant, network.U), components.entries(each, network.U)
        for weights, new, R, k in zip(vectors, kept, entries, component, strict=True):
            if len(neurons := np.flatnonzero(k == number)):
                X = (R.T @ weights[:, neurons]).T.reshape(-1, each.degree, each.degree)
                if generator is None:
                    x = np.linalg.svd(X)[0][:, :, :1]
                else:
                    x = unit(_like(generator.standard_normal((*X.shape[:2], 1)), X))
                Q = np.concatenate([t @ x for t in T], axis=2)                  # (n, D, m)
                new[:, neurons] = R @ (Q @ (Q.transpose(0, 2, 1) @ X)).reshape(len(X), -1).T
    return kept[0], kept[1], kept[2].T


def _like(array: np.ndarray, other: Array) -> Any:
    """The array in the dtype, and on the device, of another one."""
    return np.asarray(array.astype(other.dtype), like=other)
