"""How training labels are corrupted. None but `uniform` draws the true label; corrupted ones are noisy in any case."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from minimod.arrays import Pairs
from minimod.errors import InputError
from minimod.rules import Rule


@dataclass(frozen=True, eq=False)
class Noise:
    """What noise draws from. shared: a generator for all parts of a dataset. matrix: T, see `by_matrix`, or None."""

    rule: Rule
    shared: np.random.Generator
    matrix: np.ndarray | None = None

    @cached_property
    def derangement(self) -> np.ndarray:
        """A uniform one of the permutations of the tokens that leave none where it is, of shape (P,)."""
        tokens = np.arange(self.rule.modulus)
        while ((permutation := self.shared.permutation(tokens)) == tokens).any():
            pass
        return permutation


Corruption = Callable[[Pairs, int, Noise, np.random.Generator], None]     # of so many of the pairs, in place


def corrupt(pairs: Pairs, ratio: float, kind: str, noise: Noise, generator: np.random.Generator) -> None:
    """Draw round(ratio n) of the pairs' labels anew, in place, and mark them. See NOISE_KINDS for the kinds."""
    NOISE_KINDS[kind].corrupt(pairs, round(ratio * len(pairs)), noise, generator)


def check_noise(kind: str, rule: Rule) -> None:
    """Raise InputError for a kind of noise that a rule cannot have."""
    if kind == "symmetric" and rule.modulus == 2 and (rule.label_table != rule.label_table.T).any():
        raise InputError("noise_kind", kind, "another, where (a, b) and (b, a) have all labels between them")
    if kind == "bijective" and not rule.is_latin_square:
        raise InputError("noise_kind", "bijective", f"another with {rule.name}, whose table is no Latin square")


def each(draw: Callable[[Pairs, Noise, np.random.Generator], np.ndarray]) -> Corruption:
    """Corrupts pairs that are chosen at random, each for itself, by a function that draws their labels."""
    def corrupt(pairs: Pairs, n_noisy: int, noise: Noise, generator: np.random.Generator) -> None:
        noisy = generator.permutation(len(pairs))[:n_noisy]
        pairs.label[noisy] = draw(pairs[noisy], noise, generator)
        pairs.is_noisy[noisy] = True

    return corrupt


def wrong(pairs: Pairs, noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """Uniformly from the P - 1 wrong labels."""
    return np.asarray((pairs.true_label + generator.integers(1, noise.rule.modulus, len(pairs))) % noise.rule.modulus)


def uniform(pairs: Pairs, noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """Uniformly from all P labels, so that some are right."""
    return generator.integers(0, noise.rule.modulus, len(pairs))


def pair(pairs: Pairs, noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """The next label, c + 1 mod P: the pair flipping of Han et al. (arXiv 1804.06872)."""
    return np.asarray((pairs.true_label + 1) % noise.rule.modulus)


def bijective(pairs: Pairs, noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """c' = π(a) ∘ b with a derangement π. Where the rule's table is a Latin square, this is one that it never meets."""
    return np.asarray(noise.rule.label_table[noise.derangement[pairs.a], pairs.b])


def by_matrix(pairs: Pairs, noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """Label c' in place of c with a probability in proportion to T[c, c'], for a T of shape (P, P), see `checked`."""
    sums = np.cumsum(checked(noise.matrix, noise.rule.modulus), axis=1)
    number, labels = generator.random(len(pairs)), np.empty(len(pairs), int)
    order = pairs.true_label.argsort(kind="stable")
    for rows in np.split(order, np.searchsorted(pairs.true_label[order], np.arange(1, noise.rule.modulus))):
        of_row = sums[pairs.true_label[rows[:1]]].sum(axis=0)       # the row of their true label, or of none
        # The first label whose sum is above the random number: none of weight 0.
        labels[rows] = np.searchsorted(of_row / (of_row[-1] or 1), number[rows], side="right")
    return labels


def checked(matrix: np.ndarray | None, modulus: int) -> np.ndarray:
    """The matrix in float64. Raises InputError unless it can be used: its rows give other labels than their own."""
    if matrix is None:
        raise InputError("noise_matrix", None, "given where the noise is of the kind matrix")
    array = np.asarray(matrix)
    if array.shape != (modulus, modulus) or array.dtype.kind not in "iuf":
        raise InputError("noise_matrix", f"{array.dtype} of shape {array.shape}", f"numbers, {modulus} × {modulus}")
    array = array.astype(float)
    for row, weights in enumerate(array):
        if weights[row] or not np.isfinite(weights).all() or weights.min() < 0 or not 0 < weights.sum() < np.inf:
            given = np.array2string(weights, precision=3, threshold=6)
            allowed = f"weights of the labels, none negative, 0 for label {row} itself, and not 0 for all others"
            raise InputError(f"row {row} of noise_matrix", given, allowed)
    return array


def symmetric(pairs: Pairs, n_noisy: int, noise: Noise, generator: np.random.Generator) -> None:
    """Corrupt whole orbits {(a, b), (b, a)} until the next would pass n_noisy, with labels wrong for both pairs."""
    modulus = noise.rule.modulus
    _, orbit, sizes = np.unique(
        np.minimum(pairs.a, pairs.b) * modulus + np.maximum(pairs.a, pairs.b), return_inverse=True, return_counts=True
    )
    order = generator.permutation(len(sizes))
    noisy_orbits = order[np.cumsum(sizes[order]) <= n_noisy]
    pairs.is_noisy[:] = np.isin(orbit, noisy_orbits)

    # The true labels of an orbit: one, or two where the rule is not commutative.
    low, high = np.full(len(sizes), modulus), np.full(len(sizes), -1)
    np.minimum.at(low, orbit, pairs.true_label)
    np.maximum.at(high, orbit, pairs.true_label)
    # A uniform draw from the labels that are left, renumbered to step over the true ones.
    label = generator.integers(0, modulus - 1 - (low < high))
    label += label >= low
    label += (label >= high) & (low < high)
    pairs.label[pairs.is_noisy] = label[orbit[pairs.is_noisy]]


class NoiseKind(NamedTuple):
    """help: how a label is drawn. title: what labels are then. corrupt: from pairs, how many, noise and generator."""

    help: str
    title: str
    corrupt: Corruption


NOISE_KINDS: dict[str, NoiseKind] = {
    "wrong": NoiseKind("from the wrong labels", "wrong", each(wrong)),
    "uniform": NoiseKind("from all, so it may be right", "random", each(uniform)),
    "symmetric": NoiseKind("wrong, the same for (a, b) and (b, a)", "symmetrically wrong", symmetric),
    "pair": NoiseKind("one too high", "one too high", each(pair)),
    "bijective": NoiseKind("that of another Latin square", "of another Latin square", each(bijective)),
    "matrix": NoiseKind("by --noise-matrix", "drawn by a matrix", each(by_matrix)),
}
