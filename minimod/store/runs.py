"""A run and its directory: what is in it, who may write to it, and how it is read.

    config.json      the configuration, what it was trained with, and the checksums of data/
    data/            arrays that the configuration alone cannot rebuild, an npz file each; most runs have none
    metrics.csv      a row per measured epoch
    checkpoint.npz   all that training needs to go on, replaced as it goes; the last one stays
    network.npz      the trained network; a directory that has it holds a finished run
    .lock            held by the process that trains; the system frees it when that process ends, however it does

Each is written whole or not at all, but for metrics.csv, which the checkpoint has a copy of. Checkpoint and network
name the run that they belong to by its checksum.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minimod.config import FREE_FIELDS, TrainingConfig
from minimod.data import Dataset, build_dataset
from minimod.errors import FinishedRunError, InputError, LockedError, UnfinishedRunError
from minimod.metrics import METRIC_COLUMNS, Metrics, history_of
from minimod.network import TwoLayerNet
from minimod.store import files
from minimod.store.files import DamagedFileError, load_arrays, save_arrays
from minimod.version import VERSION

# The format of a directory that this version writes, and all that it reads. Format 1, of minimod 0.1.0, has no data/,
# and its checkpoints and networks do not name their run.
FORMAT, KNOWN_FORMATS = 2, (1, 2)

# Fields besides the free ones that may differ between a run and the same run, stopped, extended or on another device.
COURSE_FIELDS = ("epochs", "eval_every", "device")

# Arrays that the configuration cannot rebuild, by name.
Data = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Run:
    """A finished training run.

    history: column of metrics.METRIC_COLUMNS -> one number per measured epoch.
    directory: where it is stored, or None.
    data: what the configuration cannot rebuild, see `train`.
    """

    config: TrainingConfig
    dataset: Dataset
    network: TwoLayerNet
    history: dict[str, np.ndarray]
    directory: Path | None = None
    data: Data = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A run after some epoch, in the middle of its training.

    state: name -> array on the host, of the parameters and of the optimiser. rows: those of metrics so far.
    """

    epoch: int
    seconds: float
    rows: list[Metrics]
    state: dict[str, np.ndarray]


class Description(NamedTuple):
    """What config.json says. checksums: of the arrays in data/, by name; device: in words; format: its own."""

    config: TrainingConfig
    checksums: dict[str, str]
    device: str
    format: int

    @property
    def owner(self) -> str:
        """The checksum by which a file names the run that it belongs to: of all that determines the run's course."""
        changes = {k: v for k, v in self.config.changes().items() if k not in (*FREE_FIELDS, *COURSE_FIELDS)}
        return files.checksum([changes, self.checksums])


# Writing


@contextmanager
def claim_directory(
    directory: Path, config: TrainingConfig, device: str, data: Data
) -> Iterator[tuple[Description, Checkpoint | None, Data]]:
    """Take a directory for training a run of this configuration.

    Gives its description, the checkpoint to go on from or None, and its data: those given, or if none are, those that
    the directory has. The directory is new or empty, or holds such a run, unfinished. Raises InputError if it holds
    anything else, and where another process trains there now. Nothing is changed but that what a killed process left
    half-written is removed.
    """
    allowed = "new or empty, or that of an unfinished run"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError("run directory", str(directory), allowed) from error
    if not (directory / "config.json").exists() and not _is_empty(directory):
        raise InputError("run directory", str(directory), f"{allowed} (nothing is overwritten)")
    with locked(directory):
        for leftover in directory.rglob("*.part"):
            leftover.unlink()
        if (directory / "config.json").exists():
            run = load_description(directory)
            _refuse_other(directory, run, config, data)
        else:
            run = Description(config, _checksums(data), device, FORMAT)
            _save_description(directory, run)
        _save_data(directory, data)
        checkpoint = load_checkpoint(directory, run)
        write_metrics(directory, checkpoint.rows if checkpoint else [])
        yield run, checkpoint, load_data(directory, run)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a directory. Raises LockedError where another process does."""
    from filelock import FileLock, Timeout  # here, so that `minimod --help` does not wait for it

    lock = FileLock(directory / ".lock", blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise LockedError("directory", str(directory), "one that no other process trains in now") from error
    try:
        yield
    finally:
        lock.release()


def _is_empty(directory: Path) -> bool:
    """Whether nothing is there but what a process leaves that is killed in its first instant."""
    return all(path.name == ".lock" or path.suffix == ".part" for path in directory.iterdir())


def _refuse_other(directory: Path, stored: Description, config: TrainingConfig, data: Data) -> None:
    ours, theirs = asdict(config), asdict(stored.config)
    differing = [name for name, value in ours.items() if value != theirs[name] and name not in FREE_FIELDS]
    if differing:
        named = ", ".join(f"{name} {theirs[name]}" for name in differing)
        given = ", ".join(str(ours[name]) for name in differing)
        allowed = f"new, or that of an unfinished run with the same options; it has {named} and not {given}"
        raise InputError("run directory", str(directory), allowed)
    if data and stored.checksums != _checksums(data):
        raise InputError("run directory", str(directory), "new, or that of an unfinished run on the same data")
    if (directory / "network.npz").exists():
        raise FinishedRunError("run directory", str(directory), "new, or that of an unfinished run; it has finished")


def _save_description(directory: Path, run: Description) -> None:
    content: dict[str, Any] = {"format": run.format, "minimod": VERSION, "numpy": np.__version__}
    content |= {"device": run.device, "data": run.checksums, "config": run.config.to_dict()}
    files.save_checked_json(directory / "config.json", content)


def _save_data(directory: Path, data: Data) -> None:
    """Write what is not there yet: a run that was killed early may lack some."""
    for name, array in data.items():
        path = directory / "data" / f"{name}.npz"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            save_arrays(path, {name: array})


def write_metrics(directory: Path, rows: list[Metrics]) -> None:
    """Write metrics.csv anew."""
    with files.whole_file(directory / "metrics.csv") as file:
        writer = csv.DictWriter(file, METRIC_COLUMNS, restval="nan", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def append_metrics(directory: Path, row: Metrics) -> None:
    """Add one measured epoch, a dictionary with the names of METRIC_COLUMNS, to metrics.csv, which must be there."""
    with open(directory / "metrics.csv", "r+", newline="") as file:
        file.seek(0, 2)
        csv.DictWriter(file, METRIC_COLUMNS, lineterminator="\n").writerow(row)


def save_checkpoint(directory: Path, run: Description, checkpoint: Checkpoint) -> None:
    """Replace checkpoint.npz of a run; the one before stays until this one is on disk."""
    arrays = {name: np.array(getattr(checkpoint, name)) for name in ("epoch", "seconds")}
    arrays |= {"run": np.array(run.owner), "metrics": _as_array(checkpoint.rows)}
    save_arrays(directory / "checkpoint.npz", arrays | {f"state_{name}": X for name, X in checkpoint.state.items()})


def save_network(directory: Path, run: Description, network: TwoLayerNet) -> None:
    """Write network.npz, and with it finish a run."""
    labels = {"run": np.array(run.owner), "epoch": np.array(run.config.epochs)}
    save_arrays(directory / "network.npz", network.arrays | labels)


def extend_run(directory: Path | str, epochs: int) -> TrainingConfig:
    """Make a finished run an unfinished one with `epochs` more to train; gives its new configuration.

    Raises InputError if the directory holds no finished run, or another process trains there.
    """
    directory = Path(directory)
    load_run(directory)
    with locked(directory):
        run = load_description(directory)
        load_checkpoint(directory, run)
        extended = replace(run.config, epochs=run.config.epochs + epochs)
        (directory / "network.npz").unlink()  # the checkpoint has the same parameters: stopped here, nothing is lost
        _save_description(directory, run._replace(config=extended))
    return extended


# Reading


def load_description(directory: Path | str) -> Description:
    """What a run's config.json says. Raises InputError if there is none that can be used."""
    path = Path(directory) / "config.json"
    try:
        content = files.load_checked_json(path)
        if content.get("format") not in KNOWN_FORMATS:
            raise DamagedFileError(f"format {content.get('format')}, of minimod {content.get('minimod')}, is not known")
        config = TrainingConfig.from_dict(content["config"])
        return Description(config, dict(content.get("data", {})), content["device"], content["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable("run directory", directory, "one written by minimod train", path, error) from error


def load_config(directory: Path | str) -> TrainingConfig:
    """The configuration of a run's directory. Raises InputError if it holds none that can be used."""
    return load_description(directory).config


def load_data(directory: Path, run: Description) -> dict[str, np.ndarray]:
    """The arrays in a run's data/, by name. Raises InputError unless all are those that config.json names."""
    data: dict[str, np.ndarray] = {}
    for name, expected in run.checksums.items():
        path = directory / "data" / f"{name}.npz"
        try:
            arrays = load_arrays(path)
            if _checksums(arrays) != {name: expected}:
                raise DamagedFileError("it is not the one that config.json names")
        except (OSError, DamagedFileError) as error:
            raise _unusable("run directory", directory, "one with all of its data", path, error) from error
        data |= arrays
    return data


def load_checkpoint(directory: Path, run: Description) -> Checkpoint | None:
    """The checkpoint in a run's directory, or None where none was written yet. Raises InputError if it is damaged."""
    path = directory / "checkpoint.npz"
    if not path.exists():
        return None
    try:
        arrays = _load_arrays_of(run, path)
        epoch, table = int(arrays.pop("epoch")), arrays.pop("metrics")
        if not 0 <= epoch <= run.config.epochs:
            raise DamagedFileError(f"it is of epoch {epoch}, past the last")
        rows = [_row(line) for line in table.tolist()]
        seconds = float(arrays.pop("seconds"))
        state = {name.removeprefix("state_"): array for name, array in arrays.items()}
    except (OSError, KeyError, ValueError, TypeError, OverflowError) as error:
        allowed = "whole; without it the run starts again from the beginning"
        raise _unusable("checkpoint", path, allowed, path, error) from error
    return Checkpoint(epoch, seconds, rows, state)


def load_metrics(directory: Path) -> list[Metrics]:
    """The rows of metrics.csv, of this version's columns or the first of them, which an earlier one had.

    Raises DamagedFileError if it is anything else.
    """
    with open(directory / "metrics.csv", newline="", encoding="utf-8", errors="replace") as file:
        lines = file.readlines()
    if not lines or not lines[-1].endswith("\n"):
        raise DamagedFileError("its last line is cut")
    reader = csv.reader(lines)
    try:
        header = next(reader)
        if header != list(METRIC_COLUMNS)[: len(header)] or "norm_mu" not in header:
            raise DamagedFileError("its first line does not name the columns")
        rows = list(reader)
        if any(len(row) != len(header) for row in rows):
            raise DamagedFileError("a line has not one number for each column")
        return [_row(row) for row in rows]
    except (ValueError, csv.Error) as error:
        raise DamagedFileError(f"line {reader.line_num}: {error}") from error


def load_network(directory: Path, run: Description) -> TwoLayerNet:
    """The network in network.npz. Raises DamagedFileError if it is not that of this run."""
    config = run.config
    arrays = _load_arrays_of(run, directory / "network.npz")
    if run.format > 1 and arrays.get("epoch") != config.epochs:
        raise DamagedFileError(f"it is of epoch {arrays.get('epoch')} and not {config.epochs}")
    P, M = config.modulus, config.width
    for name, shape in {"U": (P, M), "V": (P, M), "W": (M, P), "mu": (P,)}.items():
        array = arrays.get(name, np.empty(0))
        if array.shape != shape or array.dtype != config.dtype:
            raise DamagedFileError(f"{name} is {array.dtype} of shape {array.shape} and not {config.dtype} of {shape}")
        if not np.isfinite(array).all():
            raise DamagedFileError(f"{name} is not finite")
    U, V, W, mu = (arrays[name] for name in ("U", "V", "W", "mu"))
    return TwoLayerNet(U, U if config.tied else V, W, mu, config.activation, config.bias)


def load_run(directory: Path | str) -> Run:
    """The finished run in a directory.

    Raises InputError if it holds none, and UnfinishedRunError if it holds one that did not finish.
    """
    directory = Path(directory)
    run, path = load_description(directory), directory / "network.npz"
    config, data = run.config, load_data(directory, run)
    if not path.exists():
        raise UnfinishedRunError("run directory", str(directory), "that of a finished run")
    try:
        network = load_network(directory, run)
        path = directory / "metrics.csv"
        rows = load_metrics(directory)
        if not rows or rows[-1]["epoch"] != config.epochs:
            raise DamagedFileError(f"it does not reach epoch {config.epochs}")
    except (OSError, DamagedFileError) as error:
        raise _unusable("run directory", directory, "the whole of a finished run", path, error) from error
    return Run(config, build_dataset(config), network, history_of(rows), directory, data)


def check_run(directory: Path | str) -> tuple[str, dict[str, str]]:
    """The state of the run in a directory, "finished", "unfinished" or "damaged", and what is to say of each file.

    Finished: the network and its metrics are there, and are those of the last checkpoint. Unfinished: training can go
    on; metrics.csv, which may be cut then, will be written anew.
    """
    directory = Path(directory)
    found: dict[str, str] = {}

    def examine(name: str, load: Callable[[], Any], describe: Callable[[Any], str]) -> Any:
        try:
            content = load()
            found[name] = describe(content)
            return content
        except (OSError, DamagedFileError, InputError) as error:
            found[name] = f"damaged: {error.__cause__ or error}"  # an InputError names the directory besides

    run = examine("config.json", lambda: load_description(directory), lambda run: "whole")
    if run is None:
        return "damaged", found
    if run.checksums:
        examine("data", lambda: load_data(directory, run), lambda data: f"whole: {', '.join(data)}")
    checkpoint = examine(
        "checkpoint.npz", lambda: load_checkpoint(directory, run),
        lambda point: f"whole, epoch {point.epoch} of {run.config.epochs}" if point else "none",
    )
    finished = (directory / "network.npz").exists()
    if finished:
        network = examine("network.npz", lambda: load_network(directory, run), lambda network: "whole")
        rows = examine("metrics.csv", lambda: load_metrics(directory), lambda rows: f"whole, {len(rows)} rows")
        if network and checkpoint and any(
            not np.array_equal(array, checkpoint.state.get(name)) for name, array in network.parameters.items()
        ):
            found["network.npz"] = "damaged: it is not that of the last checkpoint"
        if rows and checkpoint and not np.array_equal(_as_array(rows), _as_array(checkpoint.rows), equal_nan=True):
            found["metrics.csv"] = "damaged: its rows are not those of the last checkpoint"
    if any(text.startswith("damaged") for text in found.values()):
        return "damaged", found
    return "finished" if finished else "unfinished", found


def _load_arrays_of(run: Description, path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file. Raises DamagedFileError if it belongs to another run."""
    arrays = load_arrays(path)
    owner = arrays.pop("run", None)
    if run.format > 1 and (owner is None or str(owner) != run.owner):
        raise DamagedFileError("it belongs to another run")
    return arrays


def _row(numbers: Sequence[Any]) -> Metrics:
    """The numbers of an epoch by the first of METRIC_COLUMNS. Raises ValueError where there are more than that."""
    names = list(METRIC_COLUMNS)[: len(numbers)]
    return {name: METRIC_COLUMNS[name](number) for name, number in zip(names, numbers, strict=True)}


def _as_array(rows: list[Metrics]) -> np.ndarray:
    """The rows as an array of shape (rows, columns)."""
    return np.stack(list(history_of(rows).values()), axis=1) if rows else np.empty((0, len(METRIC_COLUMNS)))


def _checksums(data: Data) -> dict[str, str]:
    return {name: files.array_checksum({name: array}) for name, array in data.items()}


def _unusable(what: str, value: Path | str, allowed: str, path: Path, error: Exception) -> InputError:
    return InputError(what, str(value), f"{allowed} ({path.name}: {error})")
