"""A small sweep, and helpers that its tests share."""

import math
from pathlib import Path

import numpy as np
import pytest

from minimod.sweeps.table import OPTIONS, Point, load_sweep

CLI = str(Path(__file__).parents[1] / "cli.py")
STORED = Path(__file__).parent / "stored" / "0.1.0" / "sweep"
DEFINITION = {
    "preset": "default", "seeds": 2,
    "grid": {"modulus": [7], "epochs": [3], "width": [4, 8], "noise_ratio": [0.0, 0.5]},
}  # fmt: skip

# For every field, a value that is not the default.
OTHERS = {
    "rule": "sub", "modulus": 11, "train_fraction": 0.5, "noise_ratio": 0.25, "noise_kind": "uniform", "seed": 7,
    "init_seed": 3, "width": 12, "activation": "gelu", "tied": True, "bias": False, "init_std": 0.2,
    "trained": "output", "loss": "mse", "label_smoothing": 0.1, "optimizer": "muon", "learning_rate": 0.01,
    "betas": (0.8, 0.95), "momentum": 0.7, "weight_decay": 0.3, "epochs": 2, "batch_size": 20, "eval_every": 2,
    "record": True, "dtype": "float64", "device": "cpu", "threads": 1, "snapshots": "log",
}  # fmt: skip


def with_grid(**values):
    """DEFINITION with other values of these fields of its grid."""
    return DEFINITION | {"grid": DEFINITION["grid"] | values}


def rows_of(directory):
    """The rows of a table without the column of seconds."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in load_sweep(directory)]


def ignore(work, status):
    """A progress function that does nothing."""


class Refusing:
    """An executor that must not be used: the test fails if it is."""

    def submit(self, *task):
        pytest.fail("trained again")


def points_of(numbers, panel=None, over="seed", **settings):
    """The points that `curves` makes. numbers: by -> x -> the numbers y of the runs. over: the option that varies."""
    points = []
    for by, line in numbers.items():
        for x, ys in line.items():
            finite, never = [y for y in ys if math.isfinite(y)], ys.count(math.inf)
            mean, low, high = (choose(finite or [math.nan]) for choose in (np.mean, min, max))
            several = {over: len(finite) + never} if len(finite) + never > 1 else {}
            fixed = {name: value for name, value in (OPTIONS | settings).items() if name not in several}
            points.append(Point(panel, by, x, len(ys), len(finite), never, mean, low, high, several, fixed))
    return points
