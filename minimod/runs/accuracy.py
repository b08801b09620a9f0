"""Accuracies of anything that predicts a label for every pair: counts over counts."""

import math
from typing import Any, NamedTuple

import numpy as np

from minimod.data import Dataset


class Accuracies(NamedTuple):
    """The shares of pairs that get a certain label. A share of no pairs is nan.

    clean: of the training pairs with a right label, the share that get this label.
    noisy: of the training pairs with a wrong label, the share that get this wrong label. The network memorised them.
    repaired: of the training pairs with a wrong label, the share that get their true label.
    validation, test: of the held-out pairs, the share that get their true label.
    """

    clean: float
    noisy: float
    repaired: float
    validation: float
    test: float


MEASURES = Accuracies._fields


def accuracies(table: np.ndarray, dataset: Dataset) -> Accuracies:
    """The accuracies of a prediction table, of shape (P, P). For several tables, (..., P, P), they are arrays (...).

    If the true labels are not known, clean, noisy and repaired are nan. Held-out pairs then count by the given labels.
    """
    train, validation, test = dataset.train, dataset.validation, dataset.test
    if not dataset.is_known:
        train = train[:0]
    predicted = table[..., train.a, train.b]
    return Accuracies(
        clean=share((predicted == train.label)[..., ~train.is_noisy]),
        noisy=share((predicted == train.label)[..., train.is_noisy]),
        repaired=share((predicted == train.true_label)[..., train.is_noisy]),
        validation=share(table[..., validation.a, validation.b] == validation.true_label),
        test=share(table[..., test.a, test.b] == test.true_label),
    )


# The outcome of a pair, see `outcomes`. "not asked": the rule leaves out the pair, or no part of the dataset has it.
OUTCOMES = (
    "not asked", "held out, right", "held out, not right", "right label, fitted", "right label, not fitted",
    "wrong label, memorised", "wrong label, repaired", "wrong label, neither",
)


def outcomes(table: np.ndarray, dataset: Dataset) -> np.ndarray:
    """The outcome of every pair, as an index into OUTCOMES, uint8, of shape (P, P). table: predictions, (P, P)."""
    result = np.zeros(table.shape, np.uint8)
    for held in (dataset.validation, dataset.test):
        result[held.a, held.b] = np.where(table[held.a, held.b] == held.true_label, 1, 2)
    train = dataset.train
    predicted = table[train.a, train.b]
    fitted = predicted == train.label
    lies = np.select([fitted, predicted == train.true_label], [5, 6], 7)
    result[train.a, train.b] = np.where(train.is_noisy, lies, np.where(fitted, 3, 4))
    return result


def share(hits: np.ndarray) -> Any:
    """The share of True, or the mean of numbers, along the last axis. One axis gives a float; no entries give nan."""
    shares = hits.mean(axis=-1) if hits.shape[-1] else np.full(hits.shape[:-1], math.nan)
    return shares if shares.ndim else float(shares)
