"""The files in a run's directory: how they are written and read.

    config.json      the configuration, the versions and the device of the training, and the checksums of data/
    data/            arrays that the configuration cannot rebuild, one npz file per array, words as CSV; often missing
    checkpoint.npz   everything that training needs to resume, and the metrics so far; replaced during training
    network.npz      the trained network and its metrics; a directory with this file holds a finished run
    metrics.csv      an export of the metrics, one row per measured epoch, for other programs
    snapshots/       the networks after the epochs that the configuration names, one npz file per epoch
    .lock            held by the process that trains; the system frees it when that process ends in any way

All files but metrics.csv are written whole or not at all. The files name their run. While a finished run is extended,
config.json has the longer configuration, and the shorter configuration as `finished`. network.npz stays the shorter
run's network until the longer run has finished.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minimod.network import TwoLayerNet
from minimod.runs import files
from minimod.runs.config import FREE_FIELDS, TrainingConfig
from minimod.runs.data import UserData
from minimod.runs.files import DamagedFileError, load_arrays, save_arrays
from minimod.runs.metrics import METRIC_COLUMNS, Metrics, history_of
from minimod.version import VERSION

# The format of a directory that this version writes, and all formats that it reads. Format 1, of minimod 0.1.0, has no
# data/. Its checkpoints and networks do not name their run, and its networks have no metrics: metrics.csv has them.
FORMAT, KNOWN_FORMATS = 3, (1, 2, 3)

# More fields, besides FREE_FIELDS, that may change when a run is resumed, extended or moved to another device.
COURSE_FIELDS = ("epochs", "eval_every", "device", "snapshots")

EXTENSION = ".extension"        # versions up to 0.3.0 trained an extension in this folder of the run's directory


class Saved(NamedTuple):
    """The content of an npz file of a run: the run after an epoch.

    arrays: by name, on the host. A checkpoint has the parameters, the optimiser's state, and the seconds so far. A
    snapshot and network.npz have U, V, W and mu. network.npz also has `Record.label_record`.
    rows: the metrics so far. snapshots: the epochs whose networks were saved so far.
    """

    epoch: int
    arrays: dict[str, np.ndarray]
    rows: Sequence[Metrics] = ()
    snapshots: tuple[int, ...] = ()

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays whose names begin with a prefix, by their names without it. prefix: "state_" or "course_"."""
        return {name.removeprefix(prefix): array for name, array in self.arrays.items() if name.startswith(prefix)}


class Description(NamedTuple):
    """The content of config.json.

    checksums: of the arrays in data/, by name. device: in words. diverged: how the run diverged, or "". finished: the
    configuration of the finished run that this run extends, or None. answers_of: as in `UserData`; empty in files of
    earlier versions.
    """

    config: TrainingConfig
    checksums: dict[str, str]
    device: str
    format: int = FORMAT
    diverged: str = ""
    finished: TrainingConfig | None = None
    answers_of: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """The checksum by which files name their run. It covers everything that determines the course of the run."""
        changes = {k: v for k, v in self.config.fingerprint().items() if k not in (*FREE_FIELDS, *COURSE_FIELDS)}
        return files.checksum([changes, self.checksums])

    @property
    def labels(self) -> list[str]:
        """The checksums of the whole configuration, and of the configuration that it extends.

        network.npz and checkpoint.npz have the checksum of the configuration that they were written with.
        """
        return [files.checksum(each.fingerprint()) for each in (self.config, self.finished) if each]

    @property
    def largest_file(self) -> int:
        """A number of bytes that no file of this run reaches. A longer file is refused before it is read."""
        P, M = self.config.modulus, self.config.width
        return 10**6 + 64 * (P * P + P * M) * np.dtype(self.config.dtype).itemsize + 1000 * (self.config.epochs + 1)


def save_description(directory: Path, run: Description) -> None:
    """Write config.json."""
    content: dict[str, Any] = {"format": run.format, "minimod": VERSION, "numpy": np.__version__}
    content |= {"device": run.device, "data": run.checksums, "config": run.config.to_dict()}
    content |= {"diverged": run.diverged} if run.diverged else {}
    content |= {"finished": run.finished.to_dict()} if run.finished else {}
    content |= {"answers_of": run.answers_of} if run.answers_of else {}
    files.save_checked_json(directory / "config.json", content)


def load_description(directory: Path | str) -> Description:
    """The content of a run's config.json. Raises InputError if the file is missing or cannot be used."""
    path = Path(directory) / "config.json"
    with files.refusing("run directory", directory, "one written by minimod train", path):
        content = files.load_checked_json(path)
        if content.get("format") not in KNOWN_FORMATS:
            raise DamagedFileError(f"format {content.get('format')}, of minimod {content.get('minimod')}, is not known")
        config, finished = TrainingConfig.from_dict(content["config"]), content.get("finished")
        return Description(
            config, dict(content.get("data", {})), content["device"], content["format"], content.get("diverged", ""),
            TrainingConfig.from_dict(finished) if finished else None, tuple(map(str, content.get("answers_of", ()))),
        )


def save_data(directory: Path, data: UserData) -> None:
    """Write all files of data/."""
    for name, array in data.stored.items():
        path = data_path(directory, name)
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".csv":
            files.save_columns(path, {"number": np.arange(len(array)), name: array})
        else:
            save_arrays(path, {name: array})


def data_path(directory: Path, name: str) -> Path:
    """The path of an array in data/. Words are in a CSV file, so that people can read them."""
    return directory / "data" / f"{name}.{'csv' if name == 'tokens' else 'npz'}"


def load_data(directory: Path, run: Description) -> UserData:
    """The arrays in a run's data/. Raises InputError unless their checksums are the checksums in config.json."""
    arrays: dict[str, np.ndarray] = {}
    for name, expected in run.checksums.items():
        path = data_path(directory, name)
        with files.refusing("run directory", directory, "one with all of its data", path):
            arrays |= {name: files.load_words(path)} if path.suffix == ".csv" else load_arrays(path, run.largest_file)
            if files.array_checksum({name: arrays[name]}) != expected:
                raise DamagedFileError("it is not the one that config.json names")
    with files.refusing("run directory", directory, "one with data of known names", directory / "data"):
        return UserData.from_stored({**arrays, "answers_of": run.answers_of})


def write_metrics(directory: Path, rows: list[Metrics]) -> None:
    """Write metrics.csv with these rows. An older metrics.csv is replaced."""
    with files.whole_file(directory / "metrics.csv") as file:
        writer = csv.DictWriter(file, METRIC_COLUMNS, restval="nan", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def append_metrics(directory: Path, row: Metrics) -> None:
    """Append one measured epoch to metrics.csv, which must exist. row: a dictionary by METRIC_COLUMNS."""
    with open(directory / "metrics.csv", "r+", newline="", encoding="utf-8") as file:
        file.seek(0, 2)
        csv.DictWriter(file, METRIC_COLUMNS, lineterminator="\n").writerow(row)


def read_metrics(directory: Path) -> list[Metrics]:
    """The rows of metrics.csv, for format 1. Raises DamagedFileError if a line cannot be read."""
    _, lines = files.read_table(directory / "metrics.csv")
    try:
        return [_row(line) for _, line in lines]
    except ValueError as error:
        raise DamagedFileError(f"it has a line of {error}") from error


def save(path: Path, run: Description, saved: Saved) -> None:
    """Write an npz file of a run. An older file stays until the new file is on disk.

    The file names the run. A file with metrics also names the whole configuration. A snapshot does not, because an
    extended run has another configuration and keeps its snapshots.
    """
    path.parent.mkdir(exist_ok=True)
    arrays = {"run": np.array(run.owner), "epoch": np.array(saved.epoch)} | saved.arrays
    if saved.rows:
        arrays |= {"config": np.array(run.labels[0]), "metrics": as_array(saved.rows)}
    if saved.snapshots:
        arrays["snapshots"] = np.array(saved.snapshots)
    save_arrays(path, arrays)


def load(path: Path, run: Description) -> Saved:
    """The content of a file that `save` wrote.

    Raises DamagedFileError if the file belongs to another run. Raises ValueError, TypeError or OverflowError for parts
    of another type.
    """
    arrays = load_arrays(path, run.largest_file)
    owner, label = arrays.pop("run", None), arrays.pop("config", None)
    if run.format > 1 and owner != run.owner:
        raise DamagedFileError("it belongs to another run")
    if label is not None and label not in run.labels:
        raise DamagedFileError("it was written beside another config.json")
    epoch = int(arrays.pop("epoch", run.config.epochs))
    rows = [_row(line) for line in arrays.pop("metrics", np.empty((0, 0))).tolist()]
    snapshots = tuple(map(int, arrays.pop("snapshots", ())))
    return Saved(epoch, arrays, rows, snapshots)


def load_checkpoint(directory: Path, run: Description) -> Saved | None:
    """The checkpoint in a run's directory, or None if no file exists yet. Raises InputError if it is damaged."""
    path = directory / "checkpoint.npz"
    if not path.exists():
        return None
    with files.refusing("checkpoint", path, "whole; without it the run starts again from the beginning", path):
        saved = load(path, run)
        if not 0 <= saved.epoch <= run.config.epochs:
            raise DamagedFileError(f"it is of epoch {saved.epoch}, past the last")
        float(saved.arrays["seconds"])
        return saved


def load_network(directory: Path, run: Description) -> Saved:
    """The content of network.npz. Raises InputError if it is not the network of this run at its end."""
    path = directory / "network.npz"
    with files.refusing("network", path, "whole", path):
        saved = load(path, run)
        saved = saved if saved.rows else saved._replace(rows=read_metrics(directory))
        network_of(run.config, saved)
        if not saved.rows or saved.rows[-1]["epoch"] != saved.epoch:
            raise DamagedFileError(f"its metrics do not reach epoch {saved.epoch}")
        return saved


def load_snapshot(directory: Path, run: Description, epoch: int) -> TwoLayerNet:
    """The network after an epoch. Raises InputError if its snapshot is missing or damaged."""
    path = directory / "snapshots" / f"{epoch}.npz"
    with files.refusing("run directory", directory, "one with all of its snapshots", path):
        saved = load(path, run)
        if saved.epoch != epoch:
            raise DamagedFileError("it is of another epoch")
        return network_of(run.config, saved)


def check_snapshots(directory: Path, run: Description, epochs: tuple[int, ...]) -> tuple[int, ...]:
    """The same epochs. Raises InputError if the snapshot of an epoch is missing or damaged."""
    for epoch in epochs:
        load_snapshot(directory, run, epoch)
    return epochs


def network_of(config: TrainingConfig, saved: Saved) -> TwoLayerNet:
    """The network with the arrays of a file.

    Raises DamagedFileError if the arrays do not fit the configuration, or are not finite.
    """
    P, M = config.modulus, config.width
    for name, shape in {"U": (P, M), "V": (P, M), "W": (M, P), "mu": (P,)}.items():
        array = saved.arrays.get(name, np.empty(0))
        if array.shape != shape or array.dtype != config.dtype:
            raise DamagedFileError(f"{name} is {array.dtype} of shape {array.shape} and not {config.dtype} of {shape}")
        if not np.isfinite(array).all():
            raise DamagedFileError(f"{name} is not finite")
    U, V, W, mu = (saved.arrays[name] for name in ("U", "V", "W", "mu"))
    return TwoLayerNet(U, U if config.tied else V, W, mu, config.activation, config.bias, config.trained)


def _row(numbers: Sequence[Any]) -> Metrics:
    """The numbers of an epoch by METRIC_COLUMNS. Earlier versions had fewer columns.

    Raises ValueError if there are more numbers than columns.
    """
    names = list(METRIC_COLUMNS)[: len(numbers)]
    return {name: METRIC_COLUMNS[name](number) for name, number in zip(names, numbers, strict=True)}


def as_array(rows: Sequence[Metrics]) -> np.ndarray:
    """The rows as an array of shape (rows, columns)."""
    return np.stack(list(history_of(rows).values()), axis=1) if rows else np.empty((0, len(METRIC_COLUMNS)))
