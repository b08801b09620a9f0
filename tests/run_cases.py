"""Small runs, and what their tests share. Programs that tests start import this too."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from minimod import TrainingConfig, train  # noqa: F401  for programs
from minimod.optimizers import OPTIMIZERS
from minimod.runs.files import load_arrays
from minimod.runs.metrics import METRIC_COLUMNS

# Where a program that a test starts finds this module.
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}

SMALL = TrainingConfig(modulus=7, width=8, epochs=12, eval_every=4, threads=1)


class Stopped(Exception):
    """Raised out of the progress callback, as a stop in the middle of an epoch."""


def stop_at(epoch):
    def progress(now, row):
        if now == epoch:
            raise Stopped

    return progress


def contents(directory):
    """All that a run leaves, bit for bit, but the seconds."""
    rows = [line.split(",") for line in (directory / "metrics.csv").read_text().splitlines()]
    arrays = load_arrays(directory / "checkpoint.npz") | load_arrays(directory / "network.npz")
    del arrays["seconds"]
    arrays["metrics"][:, list(METRIC_COLUMNS).index("seconds")] = 0
    return [row[:1] + row[2:] for row in rows], {name: X.tobytes() for name, X in arrays.items()}


VARIANTS = [
    *({"optimizer": name} for name in OPTIMIZERS), {"batch_size": 10}, {"tied": True, "bias": False},
    {"trained": "output"}, {"dtype": "float64"}, {"eval_every": None}, {"noise_ratio": 0, "train_fraction": 1},
]  # fmt: skip

LONGER = replace(SMALL, epochs=20)
WILD = replace(SMALL, optimizer="sgd", learning_rate=1e30)


def files_in(directory):
    """Every file below a directory, with its bytes."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
