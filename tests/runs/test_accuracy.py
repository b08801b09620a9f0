import math

import numpy as np
from run_cases import build_dataset

from minimod import TrainingConfig
from minimod.arrays import Pairs
from minimod.data import Dataset
from minimod.groups.rules import make_rule
from minimod.runs.accuracy import Accuracies, accuracies, share


def pairs(a, b, label, true_label):
    a, b, label, true_label = (np.array(x, int) for x in (a, b, label, true_label))
    return Pairs(a, b, label, true_label, label != true_label)


def test_accuracies_are_counts_over_counts():
    dataset = Dataset(
        make_rule("add", 3),
        train=pairs([0, 0, 0, 1, 1], [0, 1, 2, 0, 1], [0, 1, 2, 0, 0], [0, 1, 2, 1, 2]),
        validation=pairs([1], [2], [0], [0]),
        test=pairs([2, 2, 2], [0, 1, 2], [2, 0, 1], [2, 0, 1]),
        noisy_validation=pairs([], [], [], []),
    )
    table = np.array([[0, 0, 2], [1, 0, 0], [1, 0, 2]])
    assert accuracies(table, dataset) == Accuracies(
        clean=2 / 3,        # (0, 0) and (0, 2), not (0, 1)
        noisy=1 / 2,        # (1, 1) is 0, the label drawn
        repaired=1 / 2,     # (1, 0) is 1, the true label
        validation=1,       # (1, 2)
        test=1 / 3,         # (2, 1), not (2, 0) and (2, 2)
    )


def test_a_corrupted_label_that_is_right_by_chance_counts_as_corrupted():
    right = np.array([True, True])
    train = Pairs(np.array([0, 1]), np.array([0, 0]), np.array([0, 1]), np.array([0, 1]), right)
    empty = pairs([], [], [], [])
    measured = accuracies(np.array([[0, 0], [0, 0]]), Dataset(make_rule("add", 2), train, empty, empty, empty))
    assert (measured.noisy, measured.repaired) == (1 / 2, 1 / 2) and math.isnan(measured.clean)


def test_a_share_of_nothing_is_nan():
    assert math.isnan(share(np.array([], bool)))
    assert share(np.array([True, False])) == 0.5


def test_several_tables_are_counted_as_each_alone():
    dataset = build_dataset(TrainingConfig(modulus=7, noise_ratio=0.5))
    tables = np.random.default_rng(0).integers(0, 7, (2, 3, 7, 7))
    together = accuracies(tables, dataset)
    for place in np.ndindex(2, 3):
        assert tuple(shares[place] for shares in together) == accuracies(tables[place], dataset)
    nothing = accuracies(tables, build_dataset(TrainingConfig(modulus=7, noise_ratio=0))).noisy
    assert nothing.shape == (2, 3) and np.isnan(nothing).all()
