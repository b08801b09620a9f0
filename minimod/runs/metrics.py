"""The metrics that are measured during training: the columns of metrics.csv.

A new column goes last, because earlier runs do not have it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from minimod.arrays import Pairs, to_host
from minimod.data import Dataset
from minimod.engine.backend import Backend
from minimod.engine.gradient import BlockOutput
from minimod.engine.predict import evaluate, predict
from minimod.errors import InputError, checked_number
from minimod.fourier import dominant_components, inverse_participation_ratio, keep, power_shares
from minimod.network import TwoLayerNet
from minimod.rules import Rule
from minimod.runs.accuracy import MEASURES, accuracies, share
from minimod.runs.config import TrainingConfig

# The numbers of one measured epoch, by METRIC_COLUMNS. Accuracies are shares of pairs, and nan for no pairs. Norms are
# Frobenius norms.
Metrics = dict[str, float]


class Measured(NamedTuple):
    """The numbers from which the metrics of an epoch are made.

    loss, accuracy: by part of the pairs. The part train has all pairs that are trained on, with the fitted labels. Its
    pairs with clean labels are the part clean, and its pairs with corrupted labels are the part noisy.
    """

    network: TwoLayerNet
    ipr: float
    loss: dict[str, float]
    accuracy: dict[str, float]


def _accuracy(part: str) -> Callable[[Measured], float]:
    return lambda measured: measured.accuracy[part]


def _loss(part: str) -> Callable[[Measured], float]:
    return lambda measured: measured.loss[part]


def _norm(name: str) -> Callable[[Measured], float]:
    return lambda measured: float(np.sqrt((measured.network.arrays[name] ** 2).sum()))


METRICS: dict[str, Callable[[Measured], float]] = {
    "loss": _loss("train"),
    **{f"{part}_accuracy": _accuracy(part) for part in (*MEASURES, "filtered_test")},
    **{f"norm_{name}": _norm(name) for name in ("U", "V", "W", "mu")},
    **{f"{part}_loss": _loss(part) for part in ("clean", "noisy", "validation", "test")},
    "train_accuracy": _accuracy("train"),
    "mean_ipr": lambda measured: measured.ipr,
}

# The parts that have accuracies, and the default thresholds of `first_epochs`.
ACCURACIES = tuple(name.removesuffix("_accuracy") for name in METRICS if name.endswith("_accuracy"))
THRESHOLDS = (0.5, 0.9, 0.99)

# Column -> the type of its numbers. `seconds` count from the start of training.
METRIC_COLUMNS: dict[str, type] = {"epoch": int, "seconds": float} | dict.fromkeys(METRICS, float)


def measure(
    network: TwoLayerNet, dataset: Dataset, config: TrainingConfig, train: Pairs, left_out: Pairs, train_loss: float,
    answers: BlockOutput, backend: Backend,
) -> Metrics:
    """All METRICS of a network.

    train: the pairs that are trained on, with the fitted labels, in the order of `answers`. left_out: the training
    pairs of the dataset that are not trained on.
    """
    n_noisy, predicted = int(train.is_noisy.sum()), to_host(answers.predicted)
    n_clean = (len(train) - n_noisy) * dataset.is_known
    losses = {
        "train": train_loss,
        "clean": float(answers.clean_loss) / n_clean if n_clean else math.nan,
        "noisy": float(answers.noisy_loss) / n_noisy if n_noisy else math.nan,
    }
    table, test = np.zeros((network.modulus, network.modulus), int), dataset.test
    table[train.a, train.b] = predicted
    table[left_out.a, left_out.b] = predict(network, left_out.a, left_out.b, backend)
    for part, pairs in (("validation", dataset.validation), ("test", test)):
        table[pairs.a, pairs.b], losses[part] = evaluate(network, pairs, config.loss, config.label_smoothing, backend)
    shares, ipr = {"train": share(predicted == train.label), "filtered_test": math.nan}, math.nan
    if dataset.rule.has_components.any():
        dominant, ipr = _dominant_and_ipr(network, dataset.rule)
        shares["filtered_test"] = share(predict(dominant, test.a, test.b, backend) == test.true_label)
    measured = Measured(network, ipr, losses, accuracies(table, dataset)._asdict() | shares)
    return {name: metric(measured) for name, metric in METRICS.items()}


def _dominant_and_ipr(network: TwoLayerNet, rule: Rule) -> tuple[TwoLayerNet, float]:
    """The network of every neuron's dominant component, and the mean IPR over u, v and w of all neurons."""
    components = rule.components
    coefficients = components.coefficients(network)
    shares = power_shares(components.power(coefficients))
    component = dominant_components(components.preference(shares))
    U, V, W = components.weights(keep(coefficients, components.component_of, component), network)
    dominant = TwoLayerNet(U, V, W, np.zeros_like(network.mu), network.activation, has_bias=False)
    return dominant, float(inverse_participation_ratio(shares).mean())


def history_of(rows: Sequence[Metrics]) -> dict[str, np.ndarray]:
    """The rows as columns: name -> one number per measured epoch, which is nan if it was not measured."""
    return {name: np.array([row.get(name, np.nan) for row in rows], kind) for name, kind in METRIC_COLUMNS.items()}


def first_epoch(history: Mapping[str, np.ndarray], level: float, *columns: str) -> float:
    """The first measured epoch at which all columns are at least `level`.

    It is inf without such an epoch, and nan if a column was never measured.
    """
    values = np.array([history[column] for column in columns])
    if np.isnan(values).all(axis=1).any():
        return math.nan
    reached = (values >= level).all(axis=0)
    return float(history["epoch"][reached.argmax()]) if reached.any() else math.inf


def first_epochs(history: Mapping[str, np.ndarray], thresholds: Iterable[float] = THRESHOLDS) -> dict[str, float]:
    """`first_epoch` for every accuracy and threshold, by names such as first_epoch_test_0.99.

    Raises InputError for a threshold outside [0, 1].
    """
    if not isinstance(thresholds, Iterable):
        raise InputError("thresholds", thresholds, "numbers in [0, 1]")
    thresholds = [checked_number("threshold", threshold, 0, 1) for threshold in thresholds]
    return {
        f"first_epoch_{part}_{threshold:.12g}": first_epoch(history, threshold, f"{part}_accuracy")
        for part in ACCURACIES if f"{part}_accuracy" in history for threshold in thresholds
    }
