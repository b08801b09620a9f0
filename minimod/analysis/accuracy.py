"""Accuracies of anything that predicts a P x P grid of labels: counts over counts."""

import math

import numpy as np

from minimod.backend import SERIAL, Backend, to_host
from minimod.data import Dataset
from minimod.network import TwoLayerNet

MEASURES = ("clean", "noisy", "repaired", "validation", "test")


def predict(network: TwoLayerNet, a, b, backend: Backend = SERIAL) -> np.ndarray:
    """The class with the largest logit for inputs a and b of shape (n,), of shape (n,), on the host."""
    size = min(len(a), backend.block_size(network.width))
    unused = []      # buffers that no thread is using: fresh memory costs more than what is computed in it

    def block(start):
        rows = slice(start, start + size)
        buffers = unused.pop() if unused else network.new_buffers(size)
        labels = network.logits(a[rows], b[rows], [X[: len(a[rows])] for X in buffers]).argmax(axis=1)
        unused.append(buffers)
        return labels

    blocks = [to_host(labels) for labels in backend.map(block, range(0, len(a), size or 1))]
    return np.concatenate(blocks) if blocks else np.empty(0, int)


def predict_grid(network: TwoLayerNet, backend: Backend = SERIAL) -> np.ndarray:
    """The prediction for every pair (a, b), of shape (P, P)."""
    P = network.modulus
    return predict(network, *np.divmod(np.arange(P * P), P), backend).reshape(P, P)


def accuracies(grid: np.ndarray, dataset: Dataset) -> dict[str, float]:
    """The measures of a grid of predictions, of shape (P, P). A share of nothing is nan.

    clean: share of the uncorrupted training pairs that get their label, noisy: of the corrupted ones that get the
    label drawn for them (memorisation), repaired: of the corrupted ones that get their true label (generalisation in
    spite of the label seen). validation, test: share of the held-out pairs that get their true label.
    """
    train, validation, test = dataset.train, dataset.validation, dataset.test
    predicted = grid[train.a, train.b]
    hits = {
        "clean": (predicted == train.label)[~train.is_noisy],
        "noisy": (predicted == train.label)[train.is_noisy],
        "repaired": (predicted == train.true_label)[train.is_noisy],
        "validation": grid[validation.a, validation.b] == validation.true_label,
        "test": grid[test.a, test.b] == test.true_label,
    }
    return {name: share(hit) for name, hit in hits.items()}


def share(hits: np.ndarray) -> float:
    """The share of True in a boolean array; nan for an empty one."""
    return float(hits.mean()) if len(hits) else math.nan
