"""A run and its directory: files are written whole or not at all, and loading one runs no code from it."""

import csv
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zipfile import BadZipFile

import numpy as np

import minimod
from minimod.config import TrainingConfig
from minimod.data import Dataset, build_dataset
from minimod.errors import InputError
from minimod.network import TwoLayerNet

METRICS = (
    "epoch", "seconds", "loss", "clean_accuracy", "noisy_accuracy", "repaired_accuracy", "validation_accuracy",
    "test_accuracy", "filtered_test_accuracy", "norm_U", "norm_V", "norm_W", "norm_mu",
)


@dataclass(frozen=True, eq=False)
class Run:
    """A finished training run.

    history: column of METRICS -> one number per measured epoch. Accuracies are shares of pairs (nan of none), seconds
        count from the start of training, norms are Frobenius norms.
    directory: where it is stored, or None.
    """

    config: TrainingConfig
    dataset: Dataset
    network: TwoLayerNet
    history: dict[str, np.ndarray]
    directory: Path | None = None


@contextmanager
def whole_file(path: Path, mode: str = "w") -> Iterator[IO]:
    """A file to write that takes its name only once it is complete and on disk; an older one stays until then."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_json(path: Path, data: dict, indent: int | None = None) -> None:
    """Write plain data as JSON. Raises ValueError for nan and infinity, which JSON does not have."""
    with whole_file(path) as file:
        json.dump(data, file, indent=indent, allow_nan=False)
        file.write("\n")


def create_directory(directory: Path, config: TrainingConfig, device: str) -> None:
    """Make a run's directory and write its config.json. Raises InputError if it is there already and not empty."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        occupied = any(directory.iterdir())
    except (FileExistsError, NotADirectoryError):
        occupied = True
    if occupied:
        raise InputError("run directory", str(directory), "new or empty (nothing is overwritten, nor continued)")
    versions = {"minimod": minimod.__version__, "numpy": np.__version__, "device": device}
    save_json(directory / "config.json", versions | {"config": config.to_dict()}, indent=1)


def append_metrics(directory: Path, row: dict[str, float]) -> None:
    """Add one measured epoch, a dictionary with the names of METRICS, to metrics.csv."""
    with open(directory / "metrics.csv", "a", newline="") as file:
        writer = csv.DictWriter(file, METRICS)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)


def save_network(directory: Path, network: TwoLayerNet) -> None:
    """Write network.npz; a directory that has it holds a finished run."""
    with whole_file(directory / "network.npz", "wb") as file:
        np.savez(file, U=network.U, V=network.V, W=network.W, mu=network.mu)


def load_config(directory: Path) -> TrainingConfig:
    """The configuration of a run's directory. Raises InputError if it holds none."""
    try:
        return TrainingConfig.from_dict(json.loads((directory / "config.json").read_text())["config"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError("run directory", str(directory), f"one written by minimod train ({error})") from error


def discard_unfinished(directory: Path) -> None:
    """Empty a directory that holds nothing but an unfinished run; leave any other as it is."""
    if not directory.is_dir() or (directory / "network.npz").exists():
        return
    files = [directory / "metrics.csv", *directory.glob("*.part"), directory / "config.json"]
    if set(directory.iterdir()) <= set(files):
        for file in files:
            file.unlink(missing_ok=True)


def load_run(directory: Path | str) -> Run:
    """The finished run in a directory. Raises InputError if it holds none, or one that did not finish."""
    directory = Path(directory)
    config = load_config(directory)
    try:
        with open(directory / "metrics.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        history = {name: np.array([float(row[name]) for row in rows]) for name in METRICS}
        history["epoch"] = history["epoch"].astype(int)
        with open(directory / "network.npz", "rb") as file, np.load(file, allow_pickle=False) as arrays:
            U, V, W, mu = (arrays[name].astype(config.dtype, casting="no") for name in ("U", "V", "W", "mu"))
        if U.shape != (config.modulus, config.width):
            raise ValueError(f"U has shape {U.shape} and not {(config.modulus, config.width)}")
        if not rows or not all(np.isfinite(array).all() for array in (U, V, W, mu)):
            raise ValueError("metrics.csv is empty or network.npz not finite")
        network = TwoLayerNet(U, U if config.tied else V, W, mu, config.activation, config.bias)
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise InputError("run directory", str(directory), f"the whole of a finished run ({error})") from error
    return Run(config, build_dataset(config), network, history, directory)
