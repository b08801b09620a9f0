"""All P² pairs: split into training, validation and test, and a share of the training labels corrupted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minimod.rules import make_rule
from minimod.rules.cyclic import CyclicRule

if TYPE_CHECKING:
    from minimod.config import TrainingConfig

# How a corrupted label is drawn. wrong: uniformly from the P - 1 wrong labels. uniform: from all P labels, so it may be
# the true one. symmetric: wrong, and (a, b) and (b, a) get the same one where both are training pairs.
NOISE_KINDS = ("wrong", "uniform", "symmetric")

# Independent random streams of one seed: changing the noise changes neither the split nor the initialisation. `control`
# is for random choices that a result is compared with.
STREAMS = ("split", "noise", "initialisation", "batches", "control")


def random_stream(seed: int, name: str, *key: int) -> np.random.Generator:
    """The generator of the stream `name` of STREAMS; `key` picks an independent one within it, such as an epoch's."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAMS.index(name), *key)))


@dataclass(frozen=True, eq=False, repr=False)
class Pairs:
    """n pairs, sorted by a and then b; every array has shape (n,).

    label is what the network is trained or tested on, true_label what the rule says. is_noisy marks the labels that
    were drawn at random: under the noise kind `uniform` some of them are right by chance.
    """

    a: np.ndarray
    b: np.ndarray
    label: np.ndarray
    true_label: np.ndarray
    is_noisy: np.ndarray

    def __repr__(self) -> str:
        return f"Pairs({len(self)}, {int(self.is_noisy.sum())} noisy)"

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, index: Any) -> "Pairs":
        return self.convert(lambda array: array[index])

    def convert(self, function: Callable[[Any], Any]) -> "Pairs":
        """Pairs whose arrays are `function` of these ones': a choice of some, a move to a device."""
        return Pairs(*map(function, (self.a, self.b, self.label, self.true_label, self.is_noisy)))


@dataclass(frozen=True, eq=False)
class Dataset:
    """The pairs of a rule in three parts, training, validation and test. Only training labels are corrupted.

    held_out: the validation pairs once more, with labels as noisy as those of training: what there is to choose by
    where nobody has clean labels.
    """

    rule: CyclicRule
    train: Pairs
    validation: Pairs
    test: Pairs
    held_out: Pairs


def build_dataset(config: "TrainingConfig") -> Dataset:
    """The dataset of a TrainingConfig, a function of its task, data and seed fields alone.

    round(train_fraction P²) pairs are for training, the rest is halved into validation and test (which takes the odd
    one). round(noise_ratio n_train) training labels are corrupted; with symmetric noise the count may be one less.
    """
    rule = make_rule(config.rule, config.modulus)
    n_pairs = config.modulus**2
    n_train = round(config.train_fraction * n_pairs)
    n_validation = (n_pairs - n_train) // 2
    order = random_stream(config.seed, "split").permutation(n_pairs)

    def part(indices: np.ndarray) -> Pairs:
        a, b = np.divmod(np.sort(indices), config.modulus)
        true_label = rule.label_table[a, b]
        return Pairs(a, b, true_label.copy(), true_label, np.zeros(len(a), bool))

    validation = order[n_train : n_train + n_validation]
    train, held_out = part(order[:n_train]), part(validation)
    for pairs, key in ((train, ()), (held_out, (1,))):
        generator = random_stream(config.seed, "noise", *key)
        corrupt(pairs, config.modulus, config.noise_ratio, config.noise_kind, generator)
    return Dataset(rule, train, part(validation), part(order[n_train + n_validation :]), held_out)


def corrupt(pairs: Pairs, modulus: int, ratio: float, kind: str, generator: np.random.Generator) -> None:
    """Draw round(ratio n) of the pairs' labels anew, in place, and mark them. See NOISE_KINDS for the kinds."""
    n_noisy = round(ratio * len(pairs))
    if kind == "symmetric":
        _corrupt_symmetrically(pairs, modulus, n_noisy, generator)
        return
    noisy = generator.permutation(len(pairs))[:n_noisy]
    if kind == "uniform":
        pairs.label[noisy] = generator.integers(0, modulus, n_noisy)
    else:
        pairs.label[noisy] = (pairs.true_label[noisy] + generator.integers(1, modulus, n_noisy)) % modulus
    pairs.is_noisy[noisy] = True


def _corrupt_symmetrically(pairs: Pairs, modulus: int, n_noisy: int, generator: np.random.Generator) -> None:
    """Corrupt whole orbits {(a, b), (b, a)} until the next would pass n_noisy, with labels wrong for both pairs."""
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
