"""Small runs, and helpers that their tests share. Programs that tests start import this file too."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from minimod import TrainingConfig, load_run, train  # noqa: F401  for programs
from minimod.optimizers import OPTIMIZERS
from minimod.runs.data import Job, UserData
from minimod.runs.files import load_arrays
from minimod.runs.metrics import METRIC_COLUMNS
from minimod.runs.training import extend

# The environment in which a program that a test starts finds this module.
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}

SMALL = TrainingConfig(modulus=7, width=8, epochs=12, eval_every=4, threads=1)


class Stopped(Exception):
    """Raised by the progress callback. It acts like a stop in the middle of an epoch."""


def stop_at(epoch):
    def callback(state):
        if state.epoch == epoch:
            raise Stopped

    return callback


def by_epoch(function):
    """A callback that calls a function with epoch and metrics, and ignores what the function returns."""
    def callback(state):
        function(state.epoch, state.metrics)

    return callback


def train_on(config, directory, **options):
    """Extend the finished run in a directory, so that it has this configuration."""
    stored = load_run(directory).config
    changes = {name: value for name, value in vars(config).items() if value != getattr(stored, name)}
    return extend(directory, changes.pop("epochs", stored.epochs) - stored.epochs, **changes, **options)


def build_dataset(config, **data):
    """The dataset of a configuration with this user data, which is not checked."""
    return Job(config, UserData(**data)).dataset()


def contents(directory):
    """Everything that a run stores, bit for bit, except the seconds."""
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
