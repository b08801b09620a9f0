"""All P² pairs: split into training, validation and test, and a share of the training labels corrupted."""

from dataclasses import dataclass

import numpy as np

from minimod.arrays import Pairs, random_stream
from minimod.errors import InputError
from minimod.noise import Noise, check_noise, corrupt
from minimod.rules import Rule

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """The pairs of a rule in three parts, training, validation and test. Only training labels are corrupted.

    noisy_validation: the validation pairs once more, with labels as noisy as those of training. Where nobody has clean
    labels, choices are made on them. is_known: whether the true labels are known. If not, the given labels stand for
    them, and nothing can be said of noise.
    """

    rule: Rule
    train: Pairs
    validation: Pairs
    test: Pairs
    noisy_validation: Pairs
    is_known: bool = True


def make_dataset(
    rule: Rule, train_fraction: float = 0.8, noise_ratio: float = 0.8, noise_kind: str = "wrong", seed: int = 0,
    noise_matrix: np.ndarray | None = None,
) -> Dataset:
    """The dataset of a rule, a function of these arguments alone.

    Of the n pairs that the rule is defined on (all P², but under division), round(train_fraction n) are for training.
    The rest is halved into validation and test, which takes the odd one. round(noise_ratio n_train) training labels are
    corrupted; with symmetric noise the count may be one less. noise_kind: a name of NOISE_KINDS. noise_matrix: for
    noise of kind matrix, see `noise.by_matrix`. Raises InputError for noise that the rule cannot have, for a matrix
    that cannot be used or is missing, and for a share of less than one training pair.
    """
    check_noise(noise_kind, rule)
    defined = np.flatnonzero(rule.label_table >= 0)
    n_train = round(train_fraction * len(defined))
    if not n_train:
        raise InputError("train_fraction", train_fraction, f"enough for one of the {len(defined)} pairs")
    n_validation = (len(defined) - n_train) // 2
    order = random_stream(seed, "split").permutation(len(defined))

    def part(indices: np.ndarray) -> Pairs:
        a, b = np.divmod(defined[np.sort(indices)], rule.modulus)
        true_label = rule.label_table[a, b]
        return Pairs(a, b, true_label.copy(), true_label, np.zeros(len(a), bool))

    validation = order[n_train : n_train + n_validation]
    train, noisy_validation = part(order[:n_train]), part(validation)
    noise = Noise(rule, random_stream(seed, "noise", 2), noise_matrix)
    for pairs, key in ((train, ()), (noisy_validation, (1,))):
        corrupt(pairs, noise_ratio, noise_kind, noise, random_stream(seed, "noise", *key))
    return Dataset(rule, train, part(validation), part(order[n_train + n_validation :]), noisy_validation)
