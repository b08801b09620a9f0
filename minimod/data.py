"""The dataset: all pairs, split into training, validation and test pairs, with a share of corrupted training labels."""

from dataclasses import dataclass

import numpy as np

from minimod.arrays import Pairs, random_stream
from minimod.errors import InputError, check_type, checked_number
from minimod.noise import Noise, check_noise, corrupt
from minimod.rules import Rule

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """The pairs of a rule in three parts: training, validation and test. Validation and test labels are true labels.

    noisy_validation: the validation pairs again, with labels as noisy as the training labels. In a setting without
    clean labels, choices are made with these labels. is_known: whether the true labels are known. If False, true_label
    is the given label, and is_noisy has no meaning.
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
    """The dataset of a rule. The same arguments give the same dataset.

    The rule is defined on n pairs: all P² pairs, or P(P - 1) for division. train_fraction: round(train_fraction n)
    random pairs are for training. Half of the other pairs are for validation, and half for test. If their number is
    odd, test gets one pair more. noise_ratio: round(noise_ratio n_train) training labels are corrupted; with noise of
    kind symmetric, the count may be one less. noise_kind: a name in NOISE_KINDS. noise_matrix: for noise of kind
    matrix, see `noise.by_matrix`.

    Raises InputError if `rule` is no Rule, for a share outside [0, 1], and if no pair is left for training. It also
    raises InputError for an unknown kind of noise, and for a kind that the rule cannot have. Noise of kind matrix
    raises InputError without a usable matrix. Another kind raises InputError with a matrix.
    """
    check_type("rule", rule, Rule, "a rule, such as make_rule('add') returns")
    check_noise(noise_kind, rule, noise_matrix)
    train_fraction = checked_number("train_fraction", train_fraction, 0, 1)
    noise_ratio = checked_number("noise_ratio", noise_ratio, 0, 1)
    defined = np.flatnonzero(rule.label_table >= 0)      # the pairs with a label, (a, b) as one number a P + b
    n_train = round(train_fraction * len(defined))
    if not n_train:
        raise InputError("train_fraction", train_fraction, f"large enough for one of the {len(defined)} pairs")
    n_validation = (len(defined) - n_train) // 2
    order = random_stream(seed, "split").permutation(len(defined))

    def part(indices: np.ndarray) -> Pairs:
        a, b = np.divmod(defined[np.sort(indices)], rule.modulus)      # sorted by a, then by b
        true_label = rule.label_table[a, b]
        return Pairs(a, b, true_label.copy(), true_label, np.zeros(len(a), bool))

    validation = order[n_train : n_train + n_validation]
    train, noisy_validation = part(order[:n_train]), part(validation)
    # Three independent generators. Key 2: the derangement, which training and validation share. No key: the training
    # labels. Key 1: the validation labels.
    noise = Noise(rule, random_stream(seed, "noise", 2), noise_matrix)
    corrupt(train, noise_ratio, noise_kind, noise, random_stream(seed, "noise"))
    corrupt(noisy_validation, noise_ratio, noise_kind, noise, random_stream(seed, "noise", 1))
    return Dataset(rule, train, part(validation), part(order[n_train + n_validation :]), noisy_validation)
