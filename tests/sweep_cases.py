"""A small sweep, and what its tests share."""

from pathlib import Path

import pytest

from minimod.sweeps.table import load_sweep

CLI = str(Path(__file__).parents[1] / "cli.py")
STORED = Path(__file__).parent / "stored" / "0.1.0" / "sweep"
DEFINITION = {
    "preset": "default", "seeds": 2,
    "grid": {"modulus": [7], "epochs": [3], "width": [4, 8], "noise_ratio": [0.0, 0.5]},
}  # fmt: skip

# A value of every field that is not its default.
OTHERS = {
    "rule": "sub", "modulus": 11, "train_fraction": 0.5, "noise_ratio": 0.25, "noise_kind": "uniform", "seed": 7,
    "init_seed": 3, "width": 12, "activation": "gelu", "tied": True, "bias": False, "init_std": 0.2,
    "trained": "output", "loss": "mse", "label_smoothing": 0.1, "optimizer": "muon", "learning_rate": 0.01,
    "betas": (0.8, 0.95), "momentum": 0.7, "weight_decay": 0.3, "epochs": 2, "batch_size": 20, "eval_every": 2,
    "record": True, "dtype": "float64", "device": "cpu", "threads": 1, "snapshots": "log",
}  # fmt: skip


def with_grid(**values):
    """DEFINITION with other values of some fields."""
    return DEFINITION | {"grid": DEFINITION["grid"] | values}


def rows_of(directory):
    """The rows of a table without what is measured in seconds."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in load_sweep(directory)]


def ignore(work, status):
    """No progress."""


class Refusing:
    """An executor that must not be asked."""

    def submit(self, *task):
        pytest.fail("trained again")
