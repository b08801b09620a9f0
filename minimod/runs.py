"""A run and its directory: what is in it, who may write to it, and how it is read.

    config.json      the configuration, and what it was trained with
    metrics.csv      a row per measured epoch
    checkpoint.npz   all that training needs to go on, replaced as it goes; the last one stays
    network.npz      the trained network; a directory that has it holds a finished run
    .lock            held by the process that trains; the system frees it when that process ends, however it does

Each is written whole or not at all, but for metrics.csv, which the checkpoint has a copy of.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

import minimod
from minimod.config import TrainingConfig
from minimod.data import Dataset, build_dataset
from minimod.errors import InputError, LockedError
from minimod.files import DamagedFileError, load_arrays, load_signed_json, save_arrays, save_signed_json, whole_file
from minimod.network import TwoLayerNet

METRICS = (
    "epoch", "seconds", "loss", "clean_accuracy", "noisy_accuracy", "repaired_accuracy", "validation_accuracy",
    "test_accuracy", "filtered_test_accuracy", "norm_U", "norm_V", "norm_W", "norm_mu",
)

# The format of a directory that this version writes, and the only one that it reads.
FORMAT = 1

# Options that do not change what a run computes: it may go on with others.
FREE_OPTIONS = ("threads",)

Row = dict[str, float]


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


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A run after some epoch, in the middle of its training.

    state: name -> array on the host, of the parameters and of the optimiser. rows: those of METRICS so far.
    """

    epoch: int
    seconds: float
    rows: list[Row]
    state: dict[str, np.ndarray]


def columns(rows: list[Row]) -> dict[str, np.ndarray]:
    """The rows of METRICS as a history: column -> numbers."""
    kinds = {"epoch": int}
    return {name: np.array([row[name] for row in rows], kinds.get(name, float)) for name in METRICS}


# Writing


@contextmanager
def claim_directory(directory: Path, config: TrainingConfig, device: str) -> Iterator[Checkpoint | None]:
    """Take a directory for training a run of this configuration; gives the checkpoint to go on from, or None.

    The directory is new or empty, or holds such a run, unfinished. Raises InputError if not, and where another process
    trains there now. Nothing is changed but that what a killed process left half-written is removed.
    """
    allowed = "new or empty, or that of an unfinished run"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError("run directory", str(directory), allowed) from error
    if not (directory / "config.json").exists() and not _is_empty(directory):
        raise InputError("run directory", str(directory), f"{allowed} (nothing is overwritten)")
    with locked(directory):
        for leftover in directory.glob("*.part"):
            leftover.unlink()
        checkpoint = None
        if (directory / "config.json").exists():
            _refuse_other(directory, config)
            checkpoint = load_checkpoint(directory, config)
        else:
            _save_config(directory, config, device)
        write_metrics(directory, checkpoint.rows if checkpoint else [])
        yield checkpoint


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


def _refuse_other(directory: Path, config: TrainingConfig) -> None:
    stored = asdict(load_config(directory))
    differing = [name for name, value in asdict(config).items() if value != stored[name] and name not in FREE_OPTIONS]
    if differing:
        named = ", ".join(f"{name} {stored[name]}" for name in differing)
        given = ", ".join(str(getattr(config, name)) for name in differing)
        allowed = f"new, or that of an unfinished run with the same options; it has {named} and not {given}"
        raise InputError("run directory", str(directory), allowed)
    if (directory / "network.npz").exists():
        allowed = "new, or that of an unfinished run; this one has finished, and --extend EPOCHS trains it further"
        raise InputError("run directory", str(directory), allowed)


def _save_config(directory: Path, config: TrainingConfig, device: str) -> None:
    versions = {"format": FORMAT, "minimod": minimod.__version__, "numpy": np.__version__, "device": device}
    save_signed_json(directory / "config.json", versions | {"config": config.to_dict()})


def write_metrics(directory: Path, rows: list[Row]) -> None:
    """Write metrics.csv anew."""
    with whole_file(directory / "metrics.csv") as file:
        writer = csv.DictWriter(file, METRICS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def append_metrics(directory: Path, row: Row) -> None:
    """Add one measured epoch, a dictionary with the names of METRICS, to metrics.csv, which must be there."""
    with open(directory / "metrics.csv", "r+", newline="") as file:
        file.seek(0, 2)
        csv.DictWriter(file, METRICS, lineterminator="\n").writerow(row)


def save_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Replace checkpoint.npz; the one before stays until this one is on disk."""
    arrays = {name: np.array(getattr(checkpoint, name)) for name in ("epoch", "seconds")}
    arrays["metrics"] = _table(checkpoint.rows)
    save_arrays(directory / "checkpoint.npz", arrays | {f"state_{name}": X for name, X in checkpoint.state.items()})


def save_network(directory: Path, network: TwoLayerNet) -> None:
    """Write network.npz, and with it finish the run."""
    save_arrays(directory / "network.npz", network.arrays)


def extend_run(directory: Path | str, epochs: int) -> TrainingConfig:
    """Make a finished run an unfinished one with `epochs` more to train; gives its new configuration.

    Raises InputError if the directory holds no finished run, or another process trains there.
    """
    directory = Path(directory)
    config = load_run(directory).config
    with locked(directory):
        load_checkpoint(directory, config)
        extended = replace(config, epochs=config.epochs + epochs)
        device = load_signed_json(directory / "config.json")["device"]
        (directory / "network.npz").unlink()  # the checkpoint has the same parameters: stopped here, nothing is lost
        _save_config(directory, extended, device)
    return extended


# Reading


def load_config(directory: Path | str) -> TrainingConfig:
    """The configuration of a run's directory. Raises InputError if it holds none that can be used."""
    path = Path(directory) / "config.json"
    try:
        content = load_signed_json(path)
        if content.get("format") != FORMAT:
            raise DamagedFileError(f"format {content.get('format')}, of minimod {content.get('minimod')}, is not known")
        return TrainingConfig.from_dict(content["config"])
    except (OSError, DamagedFileError, InputError, KeyError, TypeError) as error:
        raise _unusable("run directory", directory, "one written by minimod train", path, error) from error


def load_checkpoint(directory: Path, config: TrainingConfig) -> Checkpoint | None:
    """The checkpoint in a run's directory, or None where none was written yet. Raises InputError if it is damaged."""
    path = directory / "checkpoint.npz"
    if not path.exists():
        return None
    try:
        arrays = load_arrays(path)
        epoch, table = int(arrays.pop("epoch")), arrays.pop("metrics")
        if not 0 <= epoch <= config.epochs:
            raise DamagedFileError(f"it is of epoch {epoch}, past the last")
        rows = [dict(zip(METRICS, row, strict=True)) | {"epoch": int(row[0])} for row in table.tolist()]
        seconds = float(arrays.pop("seconds"))
        state = {name.removeprefix("state_"): array for name, array in arrays.items()}
    except (OSError, DamagedFileError, KeyError) as error:
        allowed = "whole; without it the run starts again from the beginning"
        raise _unusable("checkpoint", path, allowed, path, error) from error
    return Checkpoint(epoch, seconds, rows, state)


def load_metrics(directory: Path) -> list[Row]:
    """The rows of metrics.csv. Raises DamagedFileError if one is not a number for each of METRICS."""
    with open(directory / "metrics.csv", newline="", encoding="utf-8", errors="replace") as file:
        lines = file.readlines()
    if not lines or not lines[-1].endswith("\n"):
        raise DamagedFileError("its last line is cut")
    reader = csv.reader(lines)
    try:
        if next(reader) != list(METRICS):
            raise DamagedFileError("its first line does not name the columns")
        return [dict(zip(METRICS, map(float, row), strict=True)) | {"epoch": int(row[0])} for row in reader]
    except (ValueError, csv.Error) as error:
        raise DamagedFileError(f"line {reader.line_num}: {error}") from error


def load_network(directory: Path, config: TrainingConfig) -> TwoLayerNet:
    """The network in network.npz. Raises DamagedFileError if it is not one of this configuration."""
    arrays = load_arrays(directory / "network.npz")
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
    """The finished run in a directory. Raises InputError if it holds none, or one that did not finish."""
    directory = Path(directory)
    config = load_config(directory)
    path = directory / "network.npz"
    try:
        network = load_network(directory, config)
        path = directory / "metrics.csv"
        rows = load_metrics(directory)
        if not rows or rows[-1]["epoch"] != config.epochs:
            raise DamagedFileError(f"it does not reach epoch {config.epochs}")
    except (OSError, DamagedFileError) as error:
        allowed = "the whole of a finished run"
        if isinstance(error, FileNotFoundError) and path.name == "network.npz":
            allowed = f"that of a finished run; go on with this one by minimod train {directory} --resume"
        raise _unusable("run directory", directory, allowed, path, error) from error
    return Run(config, build_dataset(config), network, columns(rows), directory)


def check_run(directory: Path | str) -> tuple[str, dict[str, str]]:
    """The state of the run in a directory, "finished", "unfinished" or "damaged", and what is to say of each file.

    Finished: the network and its metrics are there, and are those of the last checkpoint. Unfinished: training can go
    on; metrics.csv, which may be cut then, will be written anew.
    """
    directory = Path(directory)
    files: dict[str, str] = {}

    def examine(name, load, describe):
        try:
            content = load()
            files[name] = describe(content)
            return content
        except (OSError, DamagedFileError, InputError) as error:
            files[name] = f"damaged: {error.__cause__ or error}"  # an InputError names the directory besides

    config = examine("config.json", lambda: load_config(directory), lambda config: "whole")
    if config is None:
        return "damaged", files
    checkpoint = examine(
        "checkpoint.npz", lambda: load_checkpoint(directory, config),
        lambda point: f"whole, epoch {point.epoch} of {config.epochs}" if point else "none",
    )
    finished = (directory / "network.npz").exists()
    if finished:
        run = examine("network.npz", lambda: load_network(directory, config), lambda network: "whole")
        rows = examine("metrics.csv", lambda: load_metrics(directory), lambda rows: f"whole, {len(rows)} rows")
        if run and checkpoint and any(
            not np.array_equal(array, checkpoint.state.get(name)) for name, array in run.parameters.items()
        ):
            files["network.npz"] = "damaged: it is not that of the last checkpoint"
        if rows and checkpoint and not np.array_equal(_table(rows), _table(checkpoint.rows), equal_nan=True):
            files["metrics.csv"] = "damaged: its rows are not those of the last checkpoint"
    if any(text.startswith("damaged") for text in files.values()):
        return "damaged", files
    return "finished" if finished else "unfinished", files


def _table(rows: list[Row]) -> np.ndarray:
    """The rows as an array of shape (rows, len(METRICS))."""
    return np.array([[row[name] for name in METRICS] for row in rows]).reshape(-1, len(METRICS))


def _unusable(what: str, value: Path | str, allowed: str, path: Path, error: Exception) -> InputError:
    return InputError(what, str(value), f"{allowed} ({path.name}: {error})")
