"""The vectors of a neuron as matrices in a group's component, their rank-one parts, and the ideal neuron.

Let ρ be the irreducible real representation of a component, of degree D. Let m be the dimension of its commutant, see
`irreps.KINDS`. A vector u is a function on the group. In the component, it has the matrix

    û = √(D / (m |G|)) Σ_g u(g) ρ(g),        and its part in the component is  √(D / (m |G|)) <ρ(g), û>.

Products in the group become products of matrices. So an ideal neuron has, with vectors x, y and z of unit length,

    u(g) ∝ xᵀ ρ(g) y,    v(g) ∝ yᵀ ρ(g) z,    w(g) ∝ xᵀ ρ(g) z,        and then  û v̂ ∝ ŵ.

The reason is that u(a) v(b), summed over y, is xᵀ ρ(a b) z. For Z_N the matrices are rotations, and û v̂ ∝ ŵ means
φ_a + φ_b = φ_c. Chughtai et al. (arXiv 2302.03025) and Stander et al. (arXiv 2312.06581) study networks that learn S_5.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minimod.arrays import Array
from minimod.groups.irreps import Component, Group
from minimod.network import TwoLayerNet
from minimod.rules import Bases

ROUNDS = 60         # of updates of x, y and z; for Z_N, a round divides the remaining angle by 4


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
        """B_aᵀ U, B_bᵀ V and B_cᵀ Wᵀ: the coefficients of u, v and w of every neuron, of shape (3, n, M)."""
        weights = (network.U, network.V, network.W.T)
        return np.stack([_like(B, X).T @ X for B, X in zip(self.bases, weights, strict=True)])

    def weights(self, coefficients: Array, like: TwoLayerNet) -> tuple[Array, Array, Array]:
        """The weights U, V and W that have these coefficients: the inverse of `coefficients`."""
        U, V, WT = (_like(B, like.U) @ C for B, C in zip(self.bases, coefficients, strict=True))
        return U, V, WT.T

    def power(self, coefficients: Array) -> Array:
        """The power of components 1 .. K, of shape (3, K, M). The sum over them is Σ (x - mean)² (Parseval)."""
        belongs = self.component_of == np.arange(1, self.component_of.max() + 1)[:, None]               # (K, n)
        return _like(belongs, coefficients) @ coefficients**2

    def preference(self, shares: Array) -> Array:
        """The numbers whose maximum gives the dominant component, of shape (3, K, M).

        They are the shares of the power, divided by the dimension of the component. This dimension is its number of
        basis vectors.
        """
        dimensions = np.bincount(self.component_of)[1:, None].astype(shares.dtype)
        return shares / np.asarray(dimensions, like=shares)

    def phase_error(self, network: TwoLayerNet, coefficients: Array, component: Array) -> Array:
        """The angle between û v̂ and ŵ in rad, in [0, π], of shape (M,); nan if u, v and w have different components."""
        error = np.full_like(network.U[0], np.nan)
        for each in self._by_component(network, component):
            error[each.neurons] = each.angle
        return error

    def ideal(self, network: TwoLayerNet, coefficients: Array, component: Array) -> tuple[tuple[Any, ...], float]:
        """U, V and W of ideal neurons fitted to the network's neurons, see `Matrices.ideal`, and their power."""
        U, V, WT = (np.zeros_like(X) for X in (network.U, network.V, network.W.T))
        for each in self._by_component(network, component):
            U[:, each.neurons], V[:, each.neurons], WT[:, each.neurons] = each.weights(each.ideal)
        return (U, V, WT.T), float(sum((X**2).sum() for X in (U, V, WT)))

    def entries(self, component: Component, like: Array) -> list[Array]:
        """R of a component, see `Component.entries`, over the tokens of a, b and c: three arrays of shape (P, D²)."""
        R = component.entries.astype(like.dtype)
        return [np.asarray(R[elements], like=like) for elements in self.elements]

    def _by_component(self, network: TwoLayerNet, component: Array) -> Iterator["Matrices"]:
        """For every component, the matrices of the neurons whose three vectors all have this dominant component."""
        for number, each in enumerate(self.group.components):
            if len(neurons := np.flatnonzero((component == number).all(axis=0))):
                yield Matrices(network, self.entries(each, network.U), each, neurons)


class Matrices:
    """The matrices û, v̂ and ŵ of n neurons whose vectors all have the same dominant component.

    hats: the matrices, of shape (3, n, D, D). neurons: the indices of the neurons, of shape (n,). entries: R over the
    tokens of a, b and c, see `Representations.entries`.
    """

    def __init__(self, network: TwoLayerNet, entries: list[Array], component: Component, neurons: np.ndarray):
        self.component, self.neurons, self._entries = component, neurons, entries
        D, weights = component.degree, (network.U[:, neurons], network.V[:, neurons], network.W[neurons].T)
        self.hats = np.stack([(R.T @ X).T.reshape(-1, D, D) for R, X in zip(entries, weights, strict=True)])

    def weights(self, hats: Array) -> list[Array]:
        """The vectors u, v and w that have the matrices `hats`: three arrays of shape (P, n)."""
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
        """The matrices of ideal neurons fitted to these neurons, of shape (3, n, D, D).

        û, v̂ and ŵ are divided by their norms. Then x, y and z maximise xᵀ û y + yᵀ v̂ z + xᵀ ŵ z. They start at the
        first singular vectors of û, and every round updates x, then y, then z. Then the amplitudes of u, v and w are
        fitted. If an amplitude is not positive, the neuron has no fit, and its fitted matrices are 0. An example is
        û v̂ = -ŵ for D = 1.
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
    """The columns scaled to unit length, of shape (n, D, 1). A column of zeros stays 0."""
    norm = np.sqrt((x**2).sum(axis=1, keepdims=True))
    return x / np.where(norm > 0, norm, 1)


def rank_one(
    network: TwoLayerNet, components: Representations, component: Array, generator: np.random.Generator | None = None
) -> tuple[Array, Array, Array]:
    """U, V and W with the best rank-one part of every vector's matrix in its dominant component.

    component: of shape (3, M). The best part is Q Qᵀ û with Q = [T x for T in the commutant]. Here x is the first left
    singular vector of û. Singular values come in groups of m equal values. The columns of Q span the left vectors of
    the first group. For a real representation, the best part is σ₁ x yᵀ.
    generator: if given, x is a random unit vector.
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
    """The array in the dtype of another array, and on its device."""
    return np.asarray(array.astype(other.dtype), like=other)
