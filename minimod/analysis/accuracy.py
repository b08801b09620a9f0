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


def share(hits: np.ndarray) -> Any:
    """The share of True, or the mean of numbers, along the last axis; a float if there is no other; nan of nothing."""
    shares = hits.mean(axis=-1) if hits.shape[-1] else np.full(hits.shape[:-1], math.nan)
    return shares if shares.ndim else float(shares)


def mean_accuracies(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of every measure over some `accuracies`."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
