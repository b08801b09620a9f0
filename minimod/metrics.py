"""What is measured along training: the columns of metrics.csv.

A new metric is one entry at the end of METRICS. Runs from before it was there have no numbers for it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minimod.analysis.accuracy import MEASURES, accuracies, share
from minimod.analysis.structure import Structure
from minimod.data import Dataset, Pairs
from minimod.engine.backend import Backend
from minimod.engine.predict import predict
from minimod.network import TwoLayerNet

# One measured epoch, by METRIC_COLUMNS. Accuracies are shares of pairs, nan of none; norms are Frobenius norms.
Metrics = dict[str, float]


class Measured(NamedTuple):
    """What the metrics of an epoch are made from. filtered_test: of the dominant network, the share of test pairs."""

    network: TwoLayerNet
    loss: float
    accuracies: dict[str, float]
    filtered_test: float


def _accuracy(measure: str) -> Callable[[Measured], float]:
    return lambda measured: measured.accuracies[measure]


def _norm(name: str) -> Callable[[Measured], float]:
    return lambda measured: float(np.sqrt((measured.network.arrays[name] ** 2).sum()))


METRICS: dict[str, Callable[[Measured], float]] = {
    "loss": lambda measured: measured.loss,
    **{f"{measure}_accuracy": _accuracy(measure) for measure in MEASURES},
    "filtered_test_accuracy": lambda measured: measured.filtered_test,
    **{f"norm_{name}": _norm(name) for name in ("U", "V", "W", "mu")},
}

# Column -> the type of its numbers. `seconds` count from the start of training.
METRIC_COLUMNS: dict[str, type] = {"epoch": int, "seconds": float} | dict.fromkeys(METRICS, float)


def measure(
    network: TwoLayerNet, dataset: Dataset, loss: float, train: Pairs, predicted: np.ndarray, backend: Backend
) -> Metrics:
    """All METRICS of a network; `predicted` are the labels predicted for the pairs of `train`, in their order."""
    table, test = np.empty_like(dataset.rule.label_table), dataset.test
    table[train.a, train.b] = predicted
    for pairs in (dataset.validation, test):
        table[pairs.a, pairs.b] = predict(network, pairs.a, pairs.b, backend)
    filtered = predict(Structure(network, dataset.rule).dominant, test.a, test.b, backend)
    measured = Measured(network, loss, accuracies(table, dataset), share(filtered == test.true_label))
    return {name: metric(measured) for name, metric in METRICS.items()}


def history_of(rows: list[Metrics]) -> dict[str, np.ndarray]:
    """The rows as columns: name -> one number per measured epoch; nan for what was not measured then."""
    return {name: np.array([row.get(name, np.nan) for row in rows], kind) for name, kind in METRIC_COLUMNS.items()}
