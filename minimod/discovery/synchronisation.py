"""Group synchronisation: find a matrix for every token, if the products of most labelled pairs are known.

Give every token x a unit complex number χ(x), or a d × d unitary matrix. Ask that χ(a) χ(b) = χ(c) for most pairs
(a, b) with label c. A start that works ends in a character of the group, or in an irreducible representation. The names
of the tokens do not matter. Different starts end in different representations. Let all tokens except x be given. The
best guess at χ(x) is the guess of a mean field. Add up what the equations with x say about χ(x):

    R(x) = Σ_{a = x} χ(c) χ(b)† + Σ_{b = x} χ(a)† χ(c) + Σ_{c = x} χ(a) χ(b).

Then subtract the mean over all x, and make the result unitary again. Without the subtraction, all starts could end in
the trivial character, since it fulfils all equations.

Sources: angular synchronisation and its generalised power method (Boumal, arXiv 1601.06114); message passing for
synchronisation over compact groups (Perry, Wein, Bandeira & Moitra, arXiv 1610.04583). Huh's HyperCube (arXiv
2402.17002) is close: it makes such a problem of a group's table, too, but without noise.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np

from minimod.arrays import Array, special_of

# Assumption -> which unknown each of a, b and c has. A group: all have the same matrices. "c apart": a and b have the
# same matrices. An isotope of a group: x_a y_b = z_c, all differ.
SHARING = {"group": (0, 0, 0), "c apart": (0, 0, 1), "isotope": (0, 1, 2)}

# The inverse temperature of the von Mises mean field, times the mean number of equations with the same a.
BETA = 27.0

# A start is at rest if no number moves further than REST in a sweep. At the latest, it is at rest after SWEEPS sweeps,
# or after SWEEPS_OF_MATRICES sweeps for matrices.
REST, SWEEPS, SWEEPS_OF_MATRICES = 1e-3, 60, 40


class Equations(NamedTuple):
    """n equations x_a y_b = z_c. a, b, c: of shape (n,), tokens in 0 .. P-1."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    n_tokens: int


class Solver:
    """The mean field of some equations. They are kept sorted by a, by b and by c, so that sums are over pieces.

    xp: numpy or cupy, which computes. The equations are on the host.
    """

    def __init__(self, equations: Equations, xp: ModuleType = np):
        self.equations, self.xp, self.weight = equations, xp, weights(equations)
        self._weight = xp.asarray(self.weight)
        self._pieces = []
        tokens = equations[:3]
        for place in range(3):
            order = np.argsort(tokens[place], kind="stable")
            there, first = np.unique(tokens[place][order], return_index=True)
            sorted_tokens = [xp.asarray(column[order]) for column in tokens]
            self._pieces.append((sorted_tokens, xp.asarray(there), xp.asarray(first)))

    def field(self, place: int, x: Array, y: Array, z: Array) -> Array:
        """What the equations say about the unknowns in a place. 0: the x of a; 1: the y of b; 2: the z of c.

        x, y, z and the result: of shape (P, S) for S starts of complex numbers, (P, S, d, d) for matrices.
        """
        (a, b, c), there, first = self._pieces[place]
        weight = self._weight.reshape(-1, *[1] * (z.ndim - 1))
        if place < 2:
            z = weight * z
        if place == 0:
            said = times(z[c], dagger(y[b]))                            # x = z y†
        elif place == 1:
            said = times(dagger(x[a]), z[c])                            # y = x† z
        else:
            said = times(x[a], y[b])                                    # z = x y
        R = np.zeros_like(x)
        R[there] = sums_of_pieces(said, first)
        return R if place < 2 else weight * R

    def synchronise(self, unknowns: Sequence[Array], sharing: str, sweeps: int | None = None) -> list[Array]:
        """x, y and z at rest. unknowns: a start for each unknown of SHARING, of shape (P, S) or (P, S, d, d)."""
        places, unknowns = SHARING[sharing], [self.xp.asarray(x) for x in unknowns]
        per_token = float(self.weight[self.equations.c].sum()) / self.equations.n_tokens
        for _ in range(sweeps or (SWEEPS if unknowns[0].ndim == 2 else SWEEPS_OF_MATRICES)):
            moved = 0.0
            for number in dict.fromkeys(places):
                x, y, z = (unknowns[place] for place in places)
                R = sum(self.field(place, x, y, z) for place in range(3) if places[place] == number)
                R = R - R.mean(axis=0)
                new = von_mises(R, BETA / per_token) if R.ndim == 2 else polar(R)
                moved = max(moved, float(np.abs(new - unknowns[number]).max()))
                unknowns[number] = new
            if moved < REST:
                break
        return [unknowns[place] for place in places]

    def value(self, x: Array, y: Array, z: Array) -> Array:
        """How well starts fulfil the equations: the mean of Re tr(x_a y_b z_c†) / d, of shape (S,); 1 is best."""
        a, b, c, _ = self.equations
        z = self.weight.reshape(-1, *[1] * (z.ndim - 1)) * z
        product = (times(x[a], y[b]) * z[c].conj()).real.sum(axis=0) / self.weight[c].sum()
        return product if x.ndim == 2 else product.sum(axis=(-2, -1)) / x.shape[-1]


def weights(equations: Equations) -> np.ndarray:
    """The weight of each token as a label, of shape (P,): 1, or less for a label that is too common.

    In the products of a group, all elements are about equally frequent. Let m be the median, and n the number of
    equations with this label. Chance explains n up to m + 3 √m. If n is larger, what exceeds m is wrong. So a share of
    m / n of the equations may be right, and this is the weight.
    """
    n = np.bincount(equations.c, minlength=equations.n_tokens)
    usual = np.median(n[n > 0]) if len(equations.c) else 0
    return np.where(n > usual + 3 * np.sqrt(usual), usual / np.maximum(n, 1), 1).astype(np.float32)


def times(x: Array, y: Array) -> Array:
    """The product of numbers, of shape (n, S), or of matrices, (n, S, d, d)."""
    return x * y if x.ndim == 2 else x @ y


def dagger(x: Array) -> Array:
    """The conjugate of numbers, the conjugate transpose of matrices."""
    return x.conj() if x.ndim == 2 else x.conj().swapaxes(-1, -2)


def von_mises(R: Array, beta: float) -> Array:
    """The mean of a von Mises distribution around R with concentration β|R|: R/|R| · I₁(β|R|) / I₀(β|R|)."""
    size = np.abs(R)
    return R * (bessel_ratio(beta * size) / np.maximum(size, 1e-20)).astype(size.dtype)


def polar(R: Array) -> Array:
    """The unitary matrices nearest to R, of shape (..., d, d): U Vᴴ of the singular value decomposition."""
    U, _, V = np.linalg.svd(R)
    return U @ V


def unit(x: Array) -> Array:
    """Numbers scaled to length 1; 0 stays 0. Matrices are unitary already, and stay as they are."""
    return x / np.maximum(np.abs(x), 1e-20) if x.ndim == 2 else x


def random_start(generator: np.random.Generator, n_tokens: int, n_starts: int, d: int) -> Array:
    """Uniform unit numbers, of shape (P, S), or for d > 1 unitary matrices, of shape (P, S, d, d), complex64."""
    if d == 1:
        return np.exp(2j * np.pi * generator.random((n_tokens, n_starts))).astype(np.complex64)
    parts = generator.standard_normal((2, n_tokens, n_starts, d, d))
    return polar((parts[0] + 1j * parts[1]).astype(np.complex64))


def bessel_ratio(X: Array) -> Array:
    """I₁(x) / I₀(x), modified Bessel functions of the first kind, element by element."""
    special = special_of(X)
    return special.i1e(X) / special.i0e(X)


def sums_of_pieces(X: Array, first: Array) -> Array:
    """Sums over the rows of X, of shape (n, ...), from each index in `first`, (k,), to the next index: (k, ...).

    CuPy's own reduceat takes differences of running sums, which loses digits. So for CuPy, all pieces are padded to one
    length.
    """
    if isinstance(X, np.ndarray):
        return np.add.reduceat(X, first, axis=0)
    n = len(X)
    ends = np.concatenate([first[1:], np.asarray([n], like=first)])
    rows = first[:, None] + np.arange(int((ends - first).max()), like=first)                # (k, length of the longest)
    inside = (rows < ends[:, None]).reshape(*rows.shape, *[1] * (X.ndim - 1))
    return (X[np.minimum(rows, n - 1)] * inside).sum(axis=1)
