"""Accuracies of anything that predicts a label for every pair: counts over counts."""

import math
from typing import Any

import numpy as np

from minimod.data import Dataset

MEASURES = ("clean", "noisy", "repaired", "validation", "test")


def accuracies(table: np.ndarray, dataset: Dataset) -> dict[str, Any]:
    """The measures of a prediction table, of shape (P, P), or of several, (..., P, P). A share of nothing is nan.

    clean: share of the uncorrupted training pairs that get their label, noisy: of the corrupted ones that get the
    label drawn for them (memorisation), repaired: of the corrupted ones that get their true label (generalisation in
    spite of the label seen). validation, test: share of the held-out pairs that get their true label. Where the true
    labels are not known, the first three are nan, and the given labels of held-out pairs count as true.
    """
    train, validation, test = dataset.train, dataset.validation, dataset.test
    if not dataset.is_known:
        train = train[:0]
    predicted = table[..., train.a, train.b]
    hits = {
        "clean": (predicted == train.label)[..., ~train.is_noisy],
        "noisy": (predicted == train.label)[..., train.is_noisy],
        "repaired": (predicted == train.true_label)[..., train.is_noisy],
        "validation": table[..., validation.a, validation.b] == validation.true_label,
        "test": table[..., test.a, test.b] == test.true_label,
    }
    return {name: share(hit) for name, hit in hits.items()}


# What becomes of a pair, by `outcomes`. The first is no pair of the rule's, or one that no part of a dataset has.
OUTCOMES = (
    "not asked", "held out, right", "held out, not right", "right label, fitted", "right label, not fitted",
    "wrong label, memorised", "wrong label, repaired", "wrong label, neither",
)


def outcomes(table: np.ndarray, dataset: Dataset) -> np.ndarray:
    """What becomes of every pair in a prediction table, of shape (P, P): a number of OUTCOMES, uint8, (P, P)."""
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
    """The share of True, or the mean of numbers, along the last axis; a float if there is no other; nan of nothing."""
    shares = hits.mean(axis=-1) if hits.shape[-1] else np.full(hits.shape[:-1], math.nan)
    return shares if shares.ndim else float(shares)


def mean_accuracies(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of every measure over some `accuracies`."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
