import math

import numpy as np
import pytest
from planted import random_network

from minimod.analysis.accuracy import MEASURES, accuracies, predict, predict_grid, share
from minimod.backend import Backend
from minimod.data import Dataset, Pairs
from minimod.tasks import make_rule


def pairs(a, b, label, true_label):
    a, b, label, true_label = (np.array(x, int) for x in (a, b, label, true_label))
    return Pairs(a, b, label, true_label, label != true_label)


def test_accuracies_are_counts_over_counts():
    dataset = Dataset(
        make_rule("add", 3),
        train=pairs([0, 0, 0, 1, 1], [0, 1, 2, 0, 1], [0, 1, 2, 0, 0], [0, 1, 2, 1, 2]),
        validation=pairs([1], [2], [0], [0]),
        test=pairs([2, 2, 2], [0, 1, 2], [2, 0, 1], [2, 0, 1]),
    )
    grid = np.array([[0, 0, 2], [1, 0, 0], [1, 0, 2]])
    assert accuracies(grid, dataset) == {
        "clean": 2 / 3,        # (0, 0) and (0, 2), not (0, 1)
        "noisy": 1 / 2,        # (1, 1) is 0, the label drawn
        "repaired": 1 / 2,     # (1, 0) is 1, the true label
        "validation": 1,       # (1, 2)
        "test": 1 / 3,         # (2, 1), not (2, 0) and (2, 2)
    }
    assert tuple(accuracies(grid, dataset)) == MEASURES


def test_a_corrupted_label_that_is_right_by_chance_counts_as_corrupted():
    right = np.array([True, True])
    train = Pairs(np.array([0, 1]), np.array([0, 0]), np.array([0, 1]), np.array([0, 1]), right)
    empty = pairs([], [], [], [])
    measured = accuracies(np.array([[0, 0], [0, 0]]), Dataset(make_rule("add", 2), train, empty, empty))
    assert (measured["noisy"], measured["repaired"]) == (1 / 2, 1 / 2) and math.isnan(measured["clean"])


def test_a_share_of_nothing_is_nan():
    assert math.isnan(share(np.array([], bool)))
    assert share(np.array([True, False])) == 0.5


@pytest.mark.parametrize("block_examples", [64, 10_000])
def test_predictions_are_the_largest_logits_whatever_the_blocks(block_examples):
    network = random_network(P=13)
    grid = predict_grid(network, Backend(np, map, 1, 10**9, block_examples, ""))
    assert (grid == network.grid_logits().argmax(axis=-1)).all()


def test_no_pairs_give_no_predictions():
    empty = np.array([], int)
    assert predict(random_network(), empty, empty).shape == (0,)
