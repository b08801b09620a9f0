"""A finite group, and the functions on it: characters, isotypic components, irreducible representations.

A group acts on the functions on its elements by left translation, (L_g f)(h) = f(g⁻¹ h). Functions that are constant on
conjugacy classes act on them too, by convolution, (c * f)(g) = Σ_h c(h) f(h⁻¹ g); these operators commute with all
others, so that their eigenspaces depend on no choice: the isotypic components, which frequencies are for Z_N. For
an irreducible representation with character χ and dimension d the projection on its component is convolution with
(d / |G|) χ. Inside a component, a copy of the representation is an eigenspace of what commutes with left translations:
right ones.

BLAS keeps to one thread here: the bases then have the same bits on any number of them.

Sources: Serre, Linear Representations of Finite Groups, chapters 2, 6 and 13; Dixon (Math. Comp. 24, 1970) for reading
matrices off random elements of the commutant.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minimod.engine.backend import ONE_BLAS_THREAD

# Kind of a component -> the real dimension m of what commutes with its representation, K: the reals, the complex
# numbers, the quaternions; and how many times the complex dimension the real one is.
KINDS = {"real": (1, 1), "complex": (2, 2), "quaternionic": (4, 2)}

ATTEMPTS = 20           # to draw a random element whose eigenvalues do not nearly collide


@dataclass(frozen=True, eq=False)
class Group:
    """A finite group on the elements 0 .. P-1, by its multiplication table, of shape (P, P)."""

    table: np.ndarray

    @cached_property
    def identity(self) -> int:
        """e, with e x = x for all x."""
        return int((self.table == np.arange(len(self.table))).all(axis=1).argmax())

    @cached_property
    def inverse(self) -> np.ndarray:
        """x⁻¹ of every x, of shape (P,)."""
        return np.asarray((self.table == self.identity).argmax(axis=1))

    @cached_property
    def orders(self) -> np.ndarray:
        """The order of every element, the least n > 0 with xⁿ = e, of shape (P,)."""
        x = np.arange(len(self.table))
        power, orders = x, np.zeros(len(x), int)
        for n in range(1, len(x) + 1):
            orders[(power == self.identity) & (orders == 0)] = n
            power = self.table[power, x]
        return orders

    @cached_property
    def classes(self) -> np.ndarray:
        """The number of the conjugacy class {g x g⁻¹} of every x, of shape (P,): 0 is {e}, then by smallest element."""
        smallest = self.table[self.table, self.inverse[:, None]].min(axis=0)        # over all g
        smallest[self.identity] = -1
        return np.unique(smallest, return_inverse=True)[1]

    @cached_property
    def characters(self) -> np.ndarray:
        """The irreducible complex characters, of shape (r, r), see `irreps.character_table`."""
        return character_table(self, np.random.default_rng(0))

    @cached_property
    @ONE_BLAS_THREAD
    def components(self) -> "list[Component]":
        """The real isotypic components of the functions on the group, in the order of `characters`.

        The first is the constants'. A character of complex type shares a component with its conjugate. So there are as
        many components as pairs of mutually inverse classes. The bases are the eigenspaces of convolution with
        Σ_k k e_k, e_k the projection on component k. That operator is symmetric, with eigenvalues 0, 1, 2 and so on.
        """
        characters, order = self.characters, len(self.table)
        kinds = [{1: "real", 0: "complex", -1: "quaternionic"}[int(nu)] for nu in indicators(self, characters)]

        def conjugate(i: int) -> int:
            return int(np.abs(characters - characters[i].conj()).max(axis=1).argmin())

        chosen = [i for i, kind in enumerate(kinds) if kind != "complex" or conjugate(i) > i]
        real = np.array([characters[i].real * (1 + (kinds[i] == "complex")) for i in chosen])   # χ, or χ + conjugate
        dimensions = np.rint(characters[chosen, 0].real).astype(int)
        central = (np.arange(len(chosen)) * dimensions / order) @ real
        values, vectors = np.linalg.eigh(central[self.classes[self.table[:, self.inverse]]])    # at g h⁻¹
        bases = [vectors[:, np.abs(values - k) < 0.5] for k in range(len(chosen))]
        names = [f"{d}{_letters(int((dimensions[:k] == d).sum()))}" for k, d in enumerate(dimensions)]
        return [
            Component(name, int(d), kinds[i], basis, self)
            for name, d, i, basis in zip(names, dimensions, chosen, bases, strict=True)
        ]


@ONE_BLAS_THREAD
def character_table(group: Group, generator: np.random.Generator) -> np.ndarray:
    """χ(C) for every irreducible complex character χ and conjugacy class C, of shape (r, r), complex.

    Characters are eigenvectors of convolution with any class function. A random one, with c(g⁻¹) the conjugate of c(g)
    so that the operator is Hermitian, tells them apart; convolution with Σ_k k (d_k / |G|) χ_k then has the eigenvalues
    0 .. r-1, which makes them exact. Where two eigenvalues of the first nearly collide, those of the second are no
    whole numbers, and another one is drawn. Sorted by dimension, then by values, the largest first: the trivial
    character is number 0, and those of Z_N are in the order of their frequencies.
    """
    sizes = np.bincount(group.classes)
    r, order, first = len(sizes), len(group.classes), np.unique(group.classes, return_index=True)[1]
    inverse = group.classes[group.inverse[first]]                       # of every class
    products = group.classes[group.table[group.inverse][:, first]]      # the class of h⁻¹ g_i, of shape (P, r)
    root = np.sqrt(sizes)

    def eigenvectors(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The eigenvalues of convolution with a class function, of shape (r,), and characters, a row each."""
        weights = c[group.classes]
        rows = [np.bincount(products[:, i], weights.real, r) + 1j * np.bincount(products[:, i], weights.imag, r)
                for i in range(r)]
        values, vectors = np.linalg.eigh(np.array(rows) * root[:, None] / root)
        characters = np.sqrt(order) * vectors.T / root
        at_identity = characters[:, :1]
        return values, characters * (np.abs(at_identity) / np.where(at_identity == 0, 1, at_identity))

    for _ in range(ATTEMPTS):
        z = generator.standard_normal(r) + 1j * generator.standard_normal(r)
        _, rough = eigenvectors(z + z[inverse].conj())
        weights = np.arange(r) * rough[:, 0].real / order
        values, characters = eigenvectors(weights @ rough)
        if np.abs(values - np.arange(r)).max() < 1e-3:
            break
    else:
        raise ArithmeticError(f"no random element of the centre told the {r} characters apart")
    dimensions = np.rint(characters[:, 0].real).astype(int)
    keys = np.stack([-characters.real, -characters.imag], axis=2).reshape(r, -1).round(6) + 0.0
    return np.asarray(characters[np.lexsort((*keys.T[::-1], dimensions))])


def indicators(group: Group, characters: np.ndarray) -> np.ndarray:
    """Σ_g χ(g²) / |G| of every character, of shape (r,): 1 for real, 0 complex, -1 quaternionic (Frobenius & Schur)."""
    squares = group.classes[np.diagonal(group.table)]
    return np.asarray(np.rint(characters[:, squares].mean(axis=1).real).astype(int))


def _letters(number: int) -> str:
    """a to z, then aa, ab and so on."""
    return (_letters(number // 26 - 1) if number > 25 else "") + chr(ord("a") + number % 26)


@dataclass(frozen=True, eq=False)
class Component:
    """A real isotypic component: the functions on a group that are sums of matrix entries of one representation.

    name: its dimension and a letter. dimension: d, of the irreducible complex representation. kind: of KINDS.
    basis: an orthonormal one, of shape (P, n), n = d² for the kinds real and quaternionic, 2 d² for complex.
    """

    name: str
    dimension: int
    kind: str
    basis: np.ndarray
    group: Group

    @property
    def degree(self) -> int:
        """D, the dimension of the irreducible real representation: d, or 2 d where the kind is not real."""
        return self.dimension * KINDS[self.kind][1]

    @cached_property
    def matrices(self) -> np.ndarray:
        """ρ(g) of every element g, of shape (P, D, D): an irreducible real representation, orthogonal matrices.

        Right translations by a random s with s(g⁻¹) = s(g) are symmetric, commute with all left ones, and have in this
        component D-fold eigenvalues (and multiples of that, by chance: then another s is drawn). For one eigenspace, an
        orthonormal basis E of shape (P, D): ρ(g) = Eᵀ L_g E.
        """
        E, table, inverse = self._one_copy(), self.group.table, self.group.inverse
        return np.stack([E.T @ E[table[g]] for g in inverse])                   # (L_g E)[h] = E[g⁻¹ h]

    @ONE_BLAS_THREAD
    def _one_copy(self) -> np.ndarray:
        D, B, table, inverse = self.degree, self.basis, self.group.table, self.group.inverse
        generator = np.random.default_rng(0)
        if B.shape[1] == D:
            return B
        for _ in range(ATTEMPTS):
            s = generator.standard_normal(len(table))
            right = (s + s[inverse])[table[inverse].T]                          # at h⁻¹ g, of shape (g, h)
            values, vectors = np.linalg.eigh(B.T @ right @ B)
            if values[D] - values[D - 1] > 1e-6 * (values[-1] - values[0]):
                return np.asarray(B @ vectors[:, :D])
        raise ArithmeticError(f"no random right translation told the copies of representation {self.name} apart")

    @cached_property
    def commutant(self) -> np.ndarray:
        """What commutes with all ρ(g): an orthonormal basis, up to √D, of shape (m, D, D). All are orthogonal matrices.

        They multiply as the units of K do: 1; 1 and i; 1, i, j and k. Found as means over the group of ρ(g) X ρ(g)ᵀ.
        """
        D, generator = self.degree, np.random.default_rng(0)
        means = [np.eye(D)]
        for _ in range(KINDS[self.kind][0] - 1):
            X = generator.standard_normal((D, D))
            means.append((self.matrices @ (X - X.T) @ self.matrices.transpose(0, 2, 1)).mean(axis=0))
        orthonormal, R = np.linalg.qr(np.stack(means).reshape(len(means), -1).T)
        return np.asarray(np.sqrt(D) * (orthonormal * np.sign(np.diag(R))).T.reshape(-1, D, D))     # 1, not -1

    @cached_property
    def entries(self) -> np.ndarray:
        """R = √(D / (m |G|)) ρ(g), each matrix as a row, of shape (P, D²). R Rᵀ is the projection on the component.

        So Rᵀ u are the entries of the matrix û = √(D / (m |G|)) Σ_g u(g) ρ(g), and R û gives back u's part in the
        component: the factor 1/m is that of the D² entries only D² / m are independent.
        """
        scale = np.sqrt(self.degree / (KINDS[self.kind][0] * len(self.matrices)))
        return np.asarray(scale * self.matrices.reshape(len(self.matrices), -1))
