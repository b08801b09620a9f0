"""A finite group, and the functions on it: characters, isotypic components, irreducible representations.

A group acts on the functions on its elements by left translation, (L_g f)(h) = f(g⁻¹ h). A class function c is constant
on conjugacy classes. It acts by convolution, (c * f)(g) = Σ_h c(h) f(h⁻¹ g). These convolutions commute with each other
and with all translations. So their common eigenspaces depend on no choice. They are the isotypic components; for Z_N,
they are the frequencies.

Take an irreducible representation with character χ and dimension d. The projection on its component is the convolution
with (d / |G|) χ. A component can contain several copies of the representation. Right translations commute with left
translations. So an eigenspace of a random combination of right translations is one copy.

BLAS uses one thread here. So the bases have the same bits for any number of threads.

Sources: Serre, Linear Representations of Finite Groups, chapters 2, 6 and 13. Dixon (Math. Comp. 24, 1970) finds the
matrices from random elements of the commutant.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minimod.engine.backend import ONE_BLAS_THREAD

# kind of a component -> (m, D / d). m is the real dimension of the commutant K, the matrices that commute with the real
# representation. K is the real numbers, the complex numbers or the quaternions. D is the dimension of the irreducible
# real representation, and d is the dimension of the irreducible complex representation.
KINDS = {"real": (1, 1), "complex": (2, 2), "quaternionic": (4, 2)}

ATTEMPTS = 20           # the most draws of a random element; the next draw follows if two eigenvalues nearly collide


@dataclass(frozen=True, eq=False)
class Group:
    """A finite group on the elements 0 .. P-1. table: its multiplication table, of shape (P, P)."""

    table: np.ndarray

    @cached_property
    def identity(self) -> int:
        """e, the element with e x = x for all x."""
        return int((self.table == np.arange(len(self.table))).all(axis=1).argmax())

    @cached_property
    def inverse(self) -> np.ndarray:
        """x⁻¹ of every x, of shape (P,)."""
        return np.asarray((self.table == self.identity).argmax(axis=1))

    @cached_property
    def orders(self) -> np.ndarray:
        """The order of every element x, of shape (P,): the smallest n > 0 with xⁿ = e."""
        x = np.arange(len(self.table))
        power, orders = x, np.zeros(len(x), int)
        for n in range(1, len(x) + 1):
            orders[(power == self.identity) & (orders == 0)] = n
            power = self.table[power, x]
        return orders

    @cached_property
    def classes(self) -> np.ndarray:
        """The number of the conjugacy class {g x g⁻¹} of every x, of shape (P,).

        Class 0 is {e}. The other classes are sorted by their smallest elements.
        """
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

        Component 0 is the constant functions. A character of complex type shares a component with its conjugate. So the
        number of components is the number of conjugacy classes. Here a class and its inverse class count as one.

        Let e_k be the function whose convolution is the projection on component k. The convolution with Σ_k k e_k is a
        symmetric operator with eigenvalues 0, 1, 2, ... Its eigenspaces give the bases.
        """
        characters, order = self.characters, len(self.table)
        kinds = [{1: "real", 0: "complex", -1: "quaternionic"}[int(nu)] for nu in indicators(self, characters)]

        def conjugate(i: int) -> int:
            return int(np.abs(characters - characters[i].conj()).max(axis=1).argmin())

        chosen = [i for i, kind in enumerate(kinds) if kind != "complex" or conjugate(i) > i]
        # χ, or for the complex type χ + its conjugate, which is twice the real part.
        real = np.array([characters[i].real * (1 + (kinds[i] == "complex")) for i in chosen])
        dimensions = np.rint(characters[chosen, 0].real).astype(int)
        central = (np.arange(len(chosen)) * dimensions / order) @ real          # Σ_k k e_k, a number per class
        values, vectors = np.linalg.eigh(central[self.classes[self.table[:, self.inverse]]])    # entry (g, h) at g h⁻¹
        bases = [vectors[:, np.abs(values - k) < 0.5] for k in range(len(chosen))]
        names = [f"{d}{_letters(int((dimensions[:k] == d).sum()))}" for k, d in enumerate(dimensions)]
        return [
            Component(name, int(d), kinds[i], basis, self)
            for name, d, i, basis in zip(names, dimensions, chosen, bases, strict=True)
        ]


@ONE_BLAS_THREAD
def character_table(group: Group, generator: np.random.Generator) -> np.ndarray:
    """χ(C) for every irreducible complex character χ and conjugacy class C, of shape (r, r), complex.

    Characters are eigenvectors of the convolution with any class function c. A random c has a different eigenvalue for
    every character. c(g⁻¹) is the conjugate of c(g), so the operator is Hermitian. This first step gives rough
    characters. The second step is the convolution with Σ_k k (d_k / |G|) χ_k. Its eigenvalues are 0 .. r-1, so its
    eigenvectors are accurate. If two eigenvalues of the first step nearly collide, the eigenvalues of the second step
    are no whole numbers. Then another c is drawn.

    The characters are sorted by dimension, and then by their values, the largest first. So the trivial character is
    number 0, and the characters of Z_N are in the order of their frequencies.
    """
    sizes = np.bincount(group.classes)
    r, order, first = len(sizes), len(group.classes), np.unique(group.classes, return_index=True)[1]
    inverse = group.classes[group.inverse[first]]                       # the inverse class of every class
    products = group.classes[group.table[group.inverse][:, first]]      # the class of h⁻¹ g_i, of shape (P, r)
    root = np.sqrt(sizes)

    def eigenvectors(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The eigenvalues of the convolution with a class function c, of shape (r,), and the characters as rows."""
        weights = c[group.classes]
        rows = [np.bincount(products[:, i], weights.real, r) + 1j * np.bincount(products[:, i], weights.imag, r)
                for i in range(r)]
        values, vectors = np.linalg.eigh(np.array(rows) * root[:, None] / root)
        characters = np.sqrt(order) * vectors.T / root
        at_identity = characters[:, :1]             # χ(e), which the factor |χ(e)| / χ(e) makes real and positive
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
    """Σ_g χ(g²) / |G| of every character, of shape (r,): 1 is real, 0 complex, -1 quaternionic (Frobenius & Schur)."""
    squares = group.classes[np.diagonal(group.table)]
    return np.asarray(np.rint(characters[:, squares].mean(axis=1).real).astype(int))


def _letters(number: int) -> str:
    """The letters of a number 0, 1, ...: a to z, then aa, ab and so on."""
    return (_letters(number // 26 - 1) if number > 25 else "") + chr(ord("a") + number % 26)


@dataclass(frozen=True, eq=False)
class Component:
    """A real isotypic component: the functions on a group that are sums of matrix entries of one representation.

    name: the dimension and a letter. dimension: d, of the irreducible complex representation. kind: a name in KINDS.
    basis: an orthonormal basis, of shape (P, n). n = d² for the kinds real and quaternionic, and n = 2 d² for complex.
    """

    name: str
    dimension: int
    kind: str
    basis: np.ndarray
    group: Group

    @property
    def degree(self) -> int:
        """D, the dimension of the irreducible real representation: d for the kind real, 2 d for the other kinds."""
        return self.dimension * KINDS[self.kind][1]

    @cached_property
    def matrices(self) -> np.ndarray:
        """ρ(g) of every element g, of shape (P, D, D): an irreducible real representation by orthogonal matrices.

        ρ(g) = Eᵀ L_g E, where E is an orthonormal basis of one copy of the representation, of shape (P, D). A copy is
        an eigenspace of Σ_g s(g) R_g, where R_g is the right translation by g. The numbers s(g) are random, with
        s(g⁻¹) = s(g), so the operator is symmetric. It commutes with all left translations. So every eigenvalue has D
        eigenvectors in this component. If two eigenvalues nearly collide, another s is drawn.
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
            right = (s + s[inverse])[table[inverse].T]                          # entry (g, h) is s at h⁻¹ g
            values, vectors = np.linalg.eigh(B.T @ right @ B)
            if values[D] - values[D - 1] > 1e-6 * (values[-1] - values[0]):
                return np.asarray(B @ vectors[:, :D])
        raise ArithmeticError(f"no random right translation told the copies of representation {self.name} apart")

    @cached_property
    def commutant(self) -> np.ndarray:
        """A basis of the matrices that commute with all ρ(g), of shape (m, D, D). All are orthogonal matrices.

        Divided by √D, the basis is orthonormal. The matrices multiply like the units of K. The units are 1 for the real
        numbers, 1 and i for the complex numbers, and 1, i, j and k for the quaternions. The matrices are found as means
        of ρ(g) X ρ(g)ᵀ over the group.
        """
        D, generator = self.degree, np.random.default_rng(0)
        means = [np.eye(D)]
        for _ in range(KINDS[self.kind][0] - 1):
            X = generator.standard_normal((D, D))
            means.append((self.matrices @ (X - X.T) @ self.matrices.transpose(0, 2, 1)).mean(axis=0))
        orthonormal, R = np.linalg.qr(np.stack(means).reshape(len(means), -1).T)
        # The sign makes the first matrix 1, not -1.
        return np.asarray(np.sqrt(D) * (orthonormal * np.sign(np.diag(R))).T.reshape(-1, D, D))

    @cached_property
    def entries(self) -> np.ndarray:
        """R, of shape (P, D²): row g has the entries of √(D / (m |G|)) ρ(g). R Rᵀ is the projection on the component.

        So Rᵀ u has the entries of the matrix û = √(D / (m |G|)) Σ_g u(g) ρ(g). R û is the part of u in the component.
        The factor 1/m is there because only D² / m of the D² entries are independent.
        """
        scale = np.sqrt(self.degree / (KINDS[self.kind][0] * len(self.matrices)))
        return np.asarray(scale * self.matrices.reshape(len(self.matrices), -1))
