"""What several claims need: settings, numbers of a run, and numbers made from the rows of a table."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from minimod.analysis.accuracy import accuracies
from minimod.analysis.methods import METHODS
from minimod.analysis.summary import analyze
from minimod.backend import open_backend
from minimod.claims.claim import Criterion, Row
from minimod.config import TrainingConfig
from minimod.runs import Run

# Every experiment says what it changes of this. Runs are measured at their end alone, unless the history is wanted.
# Four times the headline's learning rate takes about a fourth of its epochs.
BASE = TrainingConfig(modulus=59, width=512, learning_rate=0.02, weight_decay=1, epochs=200, eval_every=10**6)


def setting(**changes) -> TrainingConfig:
    """BASE with some fields changed."""
    return replace(BASE, **changes)


def standard_runs(scale: str) -> list[TrainingConfig]:
    """The runs that several claims take apart: every label is fitted, at four noise ratios."""
    size = {"modulus": 59, "width": 512} if scale == "quick" else {"modulus": 113, "width": 1024}
    return [setting(noise_ratio=ratio, weight_decay=3, epochs=250, **size) for ratio in (0.1, 0.3, 0.5, 0.8)]


def large_runs(scale: str) -> list[TrainingConfig]:
    """Runs at the paper's modulus, trained long enough for the rule to show in the output, with their history."""
    size = {"modulus": 113, "learning_rate": 5e-3, "eval_every": None}
    return [
        setting(noise_ratio=0.1, width=1024, epochs=500, **size),
        setting(noise_ratio=0.3, width=512, epochs=3500, **size),
    ]


def measure_methods(run: Run) -> list[Row]:
    """The rows of the table that `analyze` makes."""
    return [
        {"noise_ratio": run.config.noise_ratio, "method": name} | {
            measure: math.nan if value is None else value for measure, value in row.items()
        }
        for name, row in analyze(run)["methods"].items()
    ]


def read(run: Run, *columns: str) -> Row:
    """Accuracies of methods on a run, by columns such as "dominant+quadratic test": a name of METHODS and a measure."""
    wanted = [column.rsplit(maxsplit=1) for column in columns]
    with open_backend("cpu", run.config.threads) as backend:
        measured = {
            name: accuracies(METHODS[name].predict(run.network, run.dataset.rule, backend=backend), run.dataset)
            for name in dict(wanted)
        }
    return {f"{name} {measure}": measured[name][measure] for name, measure in wanted}


def first_epoch(run: Run, level: float, *columns: str) -> float:
    """The first measured epoch at which all these columns of the history are at the level or above; inf if none is."""
    for i, epoch in enumerate(run.history["epoch"]):
        if all(run.history[column][i] >= level for column in columns):
            return float(epoch)
    return math.inf


def select(rows: list[Row], **keys) -> list[Row]:
    """The rows with these keys."""
    return [row for row in rows if all(row[key] == value for key, value in keys.items())]


def at(rows: list[Row], column: str, **keys) -> float:
    """The column of the one row with these keys. Raises ValueError where it is not one row."""
    (row,) = select(rows, **keys)
    return row[column]


def cell(column: str, **keys) -> Callable[[list[Row]], float]:
    """The number in the column of the one row with these keys, as a function of the rows."""
    return lambda rows: at(rows, column, **keys)


def lowest(column: str, **keys) -> Callable[[list[Row]], float]:
    """The lowest number in the column over the rows with these keys, as a function of the rows."""
    return lambda rows: float(np.min([row[column] for row in select(rows, **keys)]))


def highest(column: str, **keys) -> Callable[[list[Row]], float]:
    """The highest number in the column over the rows with these keys, as a function of the rows."""
    return lambda rows: float(np.max([row[column] for row in select(rows, **keys)]))


def furthest(column: str, level: float, **keys) -> Callable[[list[Row]], float]:
    """The largest noise ratio up to which the column stays at the level or above, in the rows with these keys.

    Rows are taken in the order of their noise ratios. -inf if not even the first is at the level.
    """
    def reached(rows):
        ratio = -math.inf
        for row in sorted(select(rows, **keys), key=lambda row: row["noise_ratio"]):
            if row[column] < level:
                break
            ratio = row["noise_ratio"]
        return ratio

    return reached


def difference(first: Callable, second: Callable) -> Callable[[list[Row]], float]:
    """The first number less the second, both functions of the rows."""
    return lambda rows: first(rows) - second(rows)


def note(statement: str, value: Callable[[list[Row]], float]) -> Criterion:
    """A number that is shown and decides nothing."""
    return Criterion(statement, value, "noted")


def least(statement: str, bound: float, value: Callable[[list[Row]], float]) -> Criterion:
    """A criterion: the value is at least the bound."""
    return Criterion(statement, value, "at least", bound)


def most(statement: str, bound: float, value: Callable[[list[Row]], float]) -> Criterion:
    """A criterion: the value is at most the bound."""
    return Criterion(statement, value, "at most", bound)
