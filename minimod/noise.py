"""The noise: training labels are corrupted, which means that new labels replace them.

Only the kind `uniform` can draw the true label by chance. Such a label still counts as noisy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from minimod.arrays import Pairs, checked_array
from minimod.errors import InputError, choice
from minimod.rules import Rule


@dataclass(frozen=True, eq=False)
class Noise:
    """The arguments of a noise kind that do not depend on the pairs.

    shared: the random generator of the derangement, a permutation without fixed points. All parts of a dataset share
    it.
    matrix: the matrix T of `by_matrix`, or None.
    """

    rule: Rule
    shared: np.random.Generator
    matrix: np.ndarray | None = None

    @cached_property
    def derangement(self) -> np.ndarray:
        """A random permutation of the tokens without fixed points, of shape (P,).

        It is drawn at the first use and then kept. So all parts of a dataset have the same permutation.
        """
        tokens = np.arange(self.rule.modulus)
        permutation = self.shared.permutation(tokens)
        while (permutation == tokens).any():      # draw again until no token is a fixed point
            permutation = self.shared.permutation(tokens)
        return permutation


# corrupt(pairs, n_noisy, noise, generator) corrupts n_noisy of the pairs in place.
Corruption = Callable[[Pairs, int, Noise, np.random.Generator], None]


def corrupt(pairs: Pairs, ratio: float, kind: str, noise: Noise, generator: np.random.Generator) -> None:
    """Corrupt round(ratio n) labels of n pairs in place, and mark them in is_noisy. kind: a name in NOISE_KINDS."""
    NOISE_KINDS[kind].corrupt(pairs, round(ratio * len(pairs)), noise, generator)


def check_noise(kind: str, rule: Rule, matrix: Any = None) -> None:
    """Raise InputError for an unknown kind of noise, a kind that the rule cannot have, and an unused matrix."""
    choice("noise_kind", kind, NOISE_KINDS)
    if matrix is not None and kind != "matrix":
        raise InputError("noise_kind", kind, "matrix, since a noise_matrix is given")
    # If P = 2 and (a, b) and (b, a) have different labels, these are all labels. No label is wrong for both pairs.
    if kind == "symmetric" and rule.modulus == 2 and (rule.label_table != rule.label_table.T).any():
        raise InputError("noise_kind", kind, "another kind: no label is wrong for both (a, b) and (b, a)")
    if kind == "bijective" and not rule.is_latin_square:
        raise InputError("noise_kind", "bijective", f"another kind with {rule.name}, whose table is no Latin square")


def each(draw: Callable[[Pairs, Noise, np.random.Generator], np.ndarray]) -> Corruption:
    """The corruption of n_noisy random pairs, in which a new label does not depend on the other pairs.

    draw: the function that draws one new label for every chosen pair, of shape (number of chosen pairs,).
    """
    def corrupt_chosen(pairs: Pairs, n_noisy: int, noise: Noise, generator: np.random.Generator) -> None:
        noisy = generator.permutation(len(pairs))[:n_noisy]
        pairs.label[noisy] = draw(pairs[noisy], noise, generator)
        pairs.is_noisy[noisy] = True

    return corrupt_chosen


def wrong(pairs: Pairs, noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """c' = c + r mod P, where r is uniform in 1 .. P-1. So c' is uniform among the P - 1 wrong labels."""
    return np.asarray((pairs.true_label + generator.integers(1, noise.rule.modulus, len(pairs))) % noise.rule.modulus)


def uniform(pairs: Pairs, noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """c' is uniform among all P labels. So some c' are right by chance."""
    return generator.integers(0, noise.rule.modulus, len(pairs))


def pair(pairs: Pairs, noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """c' = c + 1 mod P, the next label: the pair flipping of Han et al. (arXiv 1804.06872)."""
    return np.asarray((pairs.true_label + 1) % noise.rule.modulus)


def bijective(pairs: Pairs, noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """c' = π(a) ∘ b, where π is a permutation without fixed points, see `Noise.derangement`.

    The label table of the rule must be a Latin square. Then c' ≠ a ∘ b for all pairs, and all c' form a Latin square.
    """
    return np.asarray(noise.rule.label_table[noise.derangement[pairs.a], pairs.b])


def by_matrix(pairs: Pairs, noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """c' with probability T[c, c'] / Σ_j T[c, j], where c is the true label and T the matrix, see `checked`."""
    sums = np.cumsum(checked(noise.matrix, noise.rule.modulus), axis=1)      # Σ_{j <= c'} T[c, j], (P, P)
    number, labels = generator.random(len(pairs)), np.empty(len(pairs), int)
    # Sort the pairs by true label, and split them into one group per true label c = 0 .. P-1.
    order = pairs.true_label.argsort(kind="stable")
    groups = np.split(order, np.searchsorted(pairs.true_label[order], np.arange(1, noise.rule.modulus)))
    for c, group in enumerate(groups):
        distribution = sums[c] / sums[c, -1]                                 # P(label <= c'), (P,)
        # Take the first label c' with P(label <= c') above the random number. This label has a weight above 0.
        labels[group] = np.searchsorted(distribution, number[group], side="right")
    return labels


def checked(matrix: np.ndarray | None, modulus: int) -> np.ndarray:
    """The matrix in float64, of shape (P, P). Row c has the weights of the new labels for the true label c.

    Raises InputError if there is no matrix, for another shape or dtype, and for a weight that is negative or not
    finite. It also raises InputError if row c has a weight for c itself, or no weight above 0.
    """
    if matrix is None:
        raise InputError("noise_matrix", None, "given with noise of kind matrix")
    array = checked_array("noise_matrix", matrix, (modulus, modulus), kind="numbers").astype(float)
    for row, weights in enumerate(array):
        if weights[row] or not np.isfinite(weights).all() or weights.min() < 0 or not 0 < weights.sum() < np.inf:
            given = np.array2string(weights, precision=3, threshold=6)
            allowed = f"finite weights of the labels, none negative, 0 for label {row} itself, and one above 0"
            raise InputError(f"row {row} of noise_matrix", given, allowed)
    return array


def symmetric(pairs: Pairs, n_noisy: int, noise: Noise, generator: np.random.Generator) -> None:
    """Corrupt (a, b) and (b, a) together, with one label that is wrong for both pairs.

    The set {(a, b), (b, a)} is an orbit. An orbit has one pair if a = b, or if the other pair is not among `pairs`.
    Orbits are corrupted in random order, as long as they have at most n_noisy pairs in all. So the count of corrupted
    pairs may be n_noisy - 1.
    """
    # orbit: of shape (n,), the number of every pair's orbit. sizes: the number of pairs in every orbit.
    modulus = noise.rule.modulus
    _, orbit, sizes = np.unique(
        np.minimum(pairs.a, pairs.b) * modulus + np.maximum(pairs.a, pairs.b), return_inverse=True, return_counts=True
    )
    order = generator.permutation(len(sizes))
    noisy_orbits = order[np.cumsum(sizes[order]) <= n_noisy]
    pairs.is_noisy[:] = np.isin(orbit, noisy_orbits)

    # The smallest and the largest true label of every orbit. They differ only if the rule is not commutative.
    low, high = np.full(len(sizes), modulus), np.full(len(sizes), -1)
    np.minimum.at(low, orbit, pairs.true_label)
    np.maximum.at(high, orbit, pairs.true_label)
    # Draw a number below the count of wrong labels, P - 1 or P - 2. Then skip the true labels: add 1 from `low` on, and
    # add 1 again from `high` on. For low = 2 and high = 4, the numbers 0 1 2 3 become the labels 0 1 3 5.
    has_two_labels = low < high
    label = generator.integers(0, modulus - 1 - has_two_labels)
    label += label >= low
    label += (label >= high) & has_two_labels
    pairs.label[pairs.is_noisy] = label[orbit[pairs.is_noisy]]


class NoiseKind(NamedTuple):
    """A kind of noise.

    help: how a label is drawn, for the help text. title: an adjective for such labels. corrupt: see `Corruption`.
    """

    help: str
    title: str
    corrupt: Corruption


NOISE_KINDS: dict[str, NoiseKind] = {
    "wrong": NoiseKind("from the wrong labels", "wrong", each(wrong)),
    "uniform": NoiseKind("from all, so it may be right", "random", each(uniform)),
    "symmetric": NoiseKind("wrong, the same for (a, b) and (b, a)", "symmetrically wrong", symmetric),
    "pair": NoiseKind("one too high", "one too high", each(pair)),
    "bijective": NoiseKind("from another Latin square", "of another Latin square", each(bijective)),
    "matrix": NoiseKind("by --noise-matrix", "drawn by a matrix", each(by_matrix)),
}
