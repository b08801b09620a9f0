"""A run, stored: its states, and how it is loaded. The files themselves are in contents.py."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from minimod.arrays import Pairs
from minimod.data import Dataset
from minimod.errors import DivergedRunError, InputError, UnfinishedRunError
from minimod.network import TwoLayerNet
from minimod.runs import contents
from minimod.runs.config import TrainingConfig
from minimod.runs.contents import EXTENSION, as_array
from minimod.runs.given import Data, build_dataset
from minimod.runs.metrics import history_of

# The states of a directory. none: there is no run. unfinished: training can go on; metrics.csv, which may be cut then,
# will be written anew. diverged: the loss was not finite, and training would come there again. finished: the network
# and its metrics are there. damaged: a file is not what was written, or belongs to another run or time.
NONE, UNFINISHED, DIVERGED, FINISHED, DAMAGED = "none", "unfinished", "diverged", "finished", "damaged"


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A finished training run, or what it was after an epoch.

    history: column of metrics.METRIC_COLUMNS -> one number per measured epoch.
    directory: where it is stored, or None.
    data: what the configuration cannot rebuild, see `train`.
    course: how each training pair was fitted, see `Record.course`; empty unless the configuration says `record`.
    snapshots: the epochs that `at` may be given, besides the last one, in order.
    epoch: whose network this is; None: the last one's.
    """

    config: TrainingConfig
    dataset: Dataset
    network: TwoLayerNet
    history: dict[str, np.ndarray]
    directory: Path | None = None
    data: Data = field(default_factory=dict)
    course: Data = field(default_factory=dict)
    snapshots: tuple[int, ...] = ()
    epoch: int | None = None

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.config.changes().items())
        test, epoch = self.history["test_accuracy"][-1], "" if self.epoch is None else f"epoch {self.epoch}, "
        return f"Run({options}; {epoch}test accuracy {test:.3f}, {self.directory or 'in memory'})"

    @property
    def fitted(self) -> Pairs:
        """The pairs that it was trained on, with the labels that were fitted."""
        train = self.dataset.train
        return replace(train, label=self.data.get("labels", train.label))[self.data.get("kept", slice(None))]

    @property
    def is_relabelled(self) -> bool:
        """Whether it was trained on other labels, or on fewer pairs, than its dataset has."""
        return bool({"labels", "kept"} & self.data.keys())

    @property
    def words(self) -> np.ndarray:
        """What the tokens stand for, texts of shape (P,): words of one's own, or their numbers."""
        return self.data.get("tokens", np.arange(self.network.modulus).astype(str))

    def at(self, epoch: int) -> "Run":
        """The run as it was after an epoch: its network, and the history up to there; `course` stays the whole one.

        Raises InputError for an epoch without a snapshot, unless it is the last, and if the snapshot is damaged.
        """
        last = self.config.epochs if self.epoch is None else self.epoch
        if epoch == last:
            return self
        if self.directory is None or epoch not in self.snapshots:
            raise InputError("epoch", epoch, f"one of {', '.join(map(str, sorted({*self.snapshots, last})))}")
        run = contents.Description(self.config, contents.checksums_of(self.data), "")
        network, measured = contents.load_snapshot(files_of(self.directory), run, epoch), self.history["epoch"] <= epoch
        history = {name: column[measured] for name, column in self.history.items()}
        snapshots = tuple(each for each in self.snapshots if each <= epoch)
        return replace(self, network=network, history=history, snapshots=snapshots, epoch=epoch)


def initial_network(config: TrainingConfig) -> TwoLayerNet:
    """The network that the training of a configuration begins with."""
    seed = config.seed if config.init_seed is None else config.init_seed
    return TwoLayerNet.init(
        config.modulus, config.width, seed, config.activation, config.tied, config.bias, config.init_std, config.dtype,
        config.trained,
    )


def files_of(directory: Path) -> Path:
    """Where the files of a run's directory are: in its extension, if that has finished and was not moved yet."""
    extension = directory / EXTENSION
    return extension if (extension / "network.npz").exists() else directory


def load_config(directory: Path | str) -> TrainingConfig:
    """The configuration of a run's directory. Raises InputError if it holds none that can be used."""
    return contents.load_description(files_of(Path(directory))).config


def load_run(directory: Path | str, epoch: int | None = None) -> Run:
    """The finished run in a directory, or what it was after an epoch, see `Run.at`.

    Raises UnfinishedRunError or DivergedRunError if it holds one that is unfinished or has diverged, and InputError if
    it holds none or a damaged one, or one without this epoch.
    """
    directory = Path(directory)
    found = _examine(directory)
    if found.state != FINISHED:
        errors = {UNFINISHED: UnfinishedRunError, DIVERGED: DivergedRunError}
        whole = f"the whole of a finished run ({found.reason})"
        allowed = "that of a finished run" if found.state == UNFINISHED else whole
        raise errors.get(found.state, InputError)("run directory", str(directory), allowed)
    run, trained, rows = (found.parts[name] for name in ("config.json", "network.npz", "metrics.csv"))
    data = found.parts.get("data", {})
    dataset = build_dataset(run.config, data)
    history = history_of(rows)
    run = Run(run.config, dataset, trained.network, history, directory, data, trained.course, trained.snapshots)
    return run if epoch is None else run.at(epoch)


def check_run(directory: Path | str) -> tuple[str, dict[str, str]]:
    """The state of a directory, and what is to say of each file. The states are explained at the top of this module."""
    directory = Path(directory)
    found = _examine(directory)
    if found.directory != directory:
        return found.state, {f"{EXTENSION}/{name}": text for name, text in found.files.items()}
    if found.state == FINISHED and (directory / EXTENSION / "config.json").exists():
        longer = Examination(directory / EXTENSION)
        is_going = longer.state == UNFINISHED
        told = f", to epoch {longer.parts['config.json'].config.epochs}" if is_going else f" ({longer.reason})"
        found.files[EXTENSION] = longer.state + told
    return found.state, found.files


def _examine(directory: Path) -> "Examination":
    """What there is. Damage is looked at again where another process has begun or ended to move an extension."""
    for _ in range(3):
        before = _where_and_when(directory)
        found = Examination(files_of(directory))
        if found.state not in (DAMAGED, NONE) or before == _where_and_when(directory):
            break
    return found


def _where_and_when(directory: Path) -> tuple[Path, int]:
    """Where the files of a run are, and when its description was written."""
    description = files_of(directory) / "config.json"
    try:
        return description, description.stat().st_mtime_ns
    except OSError:
        return description, 0


class Examination:
    """A run's files, held against each other. state: see above. files: what to say of each. parts: their contents."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.files: dict[str, str] = {}
        self.parts: dict[str, Any] = {}
        exists = {name for name in ("checkpoint.npz", "metrics.csv", "network.npz") if (directory / name).exists()}
        if not exists and not (directory / "config.json").exists():
            self.state, sweep = NONE, (directory / "sweep.json").exists()
            self.files["config.json"] = "none: this is " + ("a sweep, and no run" if sweep else "no run's directory")
            return
        run = self._examine(
            "config.json", contents.load_description,
            lambda run: f"{DIVERGED}: {run.diverged}" if run.diverged else "whole",
        )
        if run:
            self._examine_files(run, finished="network.npz" in exists)
        self.state = FINISHED if "network.npz" in exists else DIVERGED if run and run.diverged else UNFINISHED
        if any(text.startswith(DAMAGED) for text in self.files.values()):
            self.state = DAMAGED

    @property
    def reason(self) -> str:
        """Why it is no finished run, by the file that shows it."""
        shown = (f"{name}: {text}" for name, text in self.files.items() if text.startswith(self.state))
        return next(shown, self.state).replace(f"{self.state}: ", "")

    def _examine(self, name: str, load: Callable[..., Any], describe: Callable[[Any], str], *run: Any) -> Any:
        try:
            self.parts[name] = load(self.directory, *run)
            self.files[name] = describe(self.parts[name])
        except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            reason = error.__cause__ if isinstance(error, InputError) else error     # not with the directory's name
            self.files[name] = f"{DAMAGED}: {reason or error}"
        return self.parts.get(name)

    def _examine_files(self, run: contents.Description, finished: bool) -> None:
        if run.checksums:
            self._examine("data", contents.load_data, lambda data: f"whole: {', '.join(data)}", run)
        checkpoint = self._examine(
            "checkpoint.npz", contents.load_checkpoint,
            lambda point: f"whole, epoch {point.epoch} of {run.config.epochs}" if point else "none", run,
        )
        loaded = self._examine("network.npz", contents.load_network, lambda _: "whole", run) if finished else None
        if (listing := loaded or checkpoint) and listing.snapshots:
            said = f"whole, {len(listing.snapshots)} of them"
            self._examine("snapshots", contents.check_snapshots, lambda _: said, run, listing.snapshots)
        if not finished:
            return
        rows = self._examine("metrics.csv", contents.load_metrics, lambda rows: f"whole, {len(rows)} rows", run)
        if not loaded or not rows:
            return
        parameters = loaded.network.parameters
        if checkpoint and any(not np.array_equal(X, checkpoint.state.get(name)) for name, X in parameters.items()):
            self.files["network.npz"] = f"{DAMAGED}: it is not that of the last checkpoint"
        copies = {"checkpoint": checkpoint.rows if checkpoint else None, "network": loaded.rows}
        for name, copy in copies.items():
            if copy is not None and not np.array_equal(as_array(rows), as_array(copy), equal_nan=True):
                self.files["metrics.csv"] = f"{DAMAGED}: its rows are not those of the {name}"
