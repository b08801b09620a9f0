"""A run, and how to load it from its directory. The format of the files is in contents.py."""

from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from minimod.arrays import Pairs
from minimod.data import Dataset
from minimod.errors import DivergedRunError, InputError, LostDirectoryError, UnfinishedRunError, checked_number
from minimod.network import TwoLayerNet
from minimod.runs import contents
from minimod.runs.config import TrainingConfig
from minimod.runs.contents import Description, Saved
from minimod.runs.data import NO_DATA, Job, UserData
from minimod.runs.files import as_path
from minimod.runs.metrics import history_of

# The states of a directory. none: it has no run. unfinished: training can be resumed. diverged: the loss was not
# finite, and the same training would diverge again. finished: it has the trained network; an extension may be in
# progress. damaged: a file is not what was written, or belongs to another run or another time.
NONE, UNFINISHED, DIVERGED, FINISHED, DAMAGED = "none", "unfinished", "diverged", "finished", "damaged"


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A trained run, at its end or after an earlier epoch.

    history: column of metrics.METRIC_COLUMNS -> one number per measured epoch.
    directory: where the run is stored, or None.
    data: arrays that the configuration cannot rebuild.
    label_record: how every training pair was fitted, see `Record.label_record`; empty without the option `record`.
    snapshots: the epochs whose networks `at` can load, in order; the last epoch needs no snapshot.
    epoch: the epoch of the network; None means the last epoch.
    """

    config: TrainingConfig
    dataset: Dataset
    network: TwoLayerNet
    history: dict[str, np.ndarray]
    directory: Path | None = None
    data: UserData = NO_DATA
    label_record: dict[str, np.ndarray] = field(default_factory=dict)
    snapshots: tuple[int, ...] = ()
    epoch: int | None = None

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.config.changes().items())
        test, epoch = self.history["test_accuracy"][-1], "" if self.epoch is None else f"epoch {self.epoch}, "
        return f"Run({options}; {epoch}test accuracy {test:.3f}, {self.directory or 'in memory'})"

    @property
    def fitted(self) -> Pairs:
        """The pairs that the run was trained on, with the fitted labels."""
        return self.data.fitted(self.dataset.train)

    @property
    def words(self) -> np.ndarray:
        """The words of the tokens, texts of shape (P,): the user's words, or the numbers of the tokens."""
        return np.arange(self.network.modulus).astype(str) if self.data.tokens is None else self.data.tokens

    def beside(self, name: str) -> Path:
        """The path of a file to write into the run's directory. Raises LostDirectoryError if the run is gone."""
        assert self.directory
        try:
            is_there = contents.load_description(self.directory).owner == self.description.owner
        except InputError:
            is_there = False
        if not is_there:
            raise LostDirectoryError(f"{self.directory} was removed, moved or replaced while this process was at work")
        return self.directory / name

    @property
    def description(self) -> Description:
        """The content of the run's config.json, without the device."""
        return Description(self.config, self.data.checksums, "")

    def at(self, epoch: int) -> "Run":
        """The run after an epoch: its network, and its history up to this epoch. `label_record` does not change.

        Raises InputError if the snapshot of the epoch is missing or damaged. The last epoch needs no snapshot.
        """
        last = self.config.epochs if self.epoch is None else self.epoch
        epoch = checked_number("epoch", epoch, -inf, kind=int)
        if epoch == last:
            return self
        if self.directory is None or epoch not in self.snapshots:
            raise InputError("epoch", epoch, f"one of {', '.join(map(str, sorted({*self.snapshots, last})))}")
        network = contents.load_snapshot(self.directory, self.description, epoch)
        measured = self.history["epoch"] <= epoch
        history = {name: column[measured] for name, column in self.history.items()}
        snapshots = tuple(each for each in self.snapshots if each <= epoch)
        return replace(self, network=network, history=history, snapshots=snapshots, epoch=epoch)


def initial_network(config: TrainingConfig) -> TwoLayerNet:
    """The network of a configuration before training."""
    seed = config.seed if config.init_seed is None else config.init_seed
    return TwoLayerNet.init(
        config.modulus, config.width, seed, config.activation, config.tied, config.bias, config.init_std, config.dtype,
        config.trained,
    )


def load_run(directory: Path | str, epoch: int | None = None) -> Run:
    """The finished run in a directory, or the run after an epoch, see `Run.at`.

    While a finished run is extended, this loads the finished run. Raises UnfinishedRunError for an unfinished run, and
    DivergedRunError for a diverged run. Raises InputError if the directory has no run or a damaged run, and for an
    epoch without a snapshot.
    """
    found = examine(as_path("directory", directory))
    config, end = found.finished, found.end
    assert end
    run = Run(config, Job(config, found.data).dataset(), contents.network_of(config, end), history_of(end.rows),
              found.directory, found.data, end.part("course_"), end.snapshots)
    return run if epoch is None else run.at(epoch)


def as_run(option: str, run: Run | Path | str) -> Run:
    """The given run, or the run in the given directory. Raises InputError for anything else, and as `load_run` does."""
    return run if isinstance(run, Run) else load_run(as_path(option, run, "a run, or its directory"))


def check_run(directory: Path | str) -> tuple[str, dict[str, str]]:
    """The state of a directory, and a remark on every file. The states are explained at the top of this module."""
    directory = Path(directory).absolute()
    found = examine(directory)
    return found.state, found.files | _earlier_extension(directory / contents.EXTENSION)


def _earlier_extension(place: Path) -> dict[str, str]:
    """A remark on the extension that an earlier version trained in the folder `place`. Empty without an extension."""
    if not (place / "config.json").exists():
        return {}
    try:
        run = contents.load_description(place)
    except InputError as error:
        return {"extension": f"{DAMAGED}: {error.__cause__}"}
    is_whole = (place / "network.npz").exists()
    return {"extension": f"{FINISHED}, to epoch {run.config.epochs}" if is_whole else _told(run)}


def _told(run: Description) -> str:
    """In words, the state of a run that has no network yet."""
    return f"{DIVERGED}: {run.diverged}" if run.diverged else f"{UNFINISHED}, to epoch {run.config.epochs}"


def stamp_of(directory: Path) -> tuple[tuple[int, int, int] | None, ...]:
    """A value that changes as soon as a process trains in the directory."""
    paths = [directory / name for name in ("config.json", "checkpoint.npz", "network.npz")]
    stats = [path.stat() if path.exists() else None for path in paths]
    return tuple(stat and (stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)


def examine(directory: Path) -> "Examination":
    """The examination of a directory. If files seem damaged, they are read again: a run may have grown in between."""
    found = Examination(directory)
    return Examination(directory) if found.state == DAMAGED else found


class Examination:
    """The files of a run, read and compared with each other.

    state: see the top of this module. files: name -> a remark on the file. problems: name -> the error of a damaged
    file. run, checkpoint, end: the contents of config.json, checkpoint.npz and network.npz; None if the file is missing
    or cannot be read. data: the content of data/. lacks_data: whether a file of data/ is missing. stamp: see
    `stamp_of`, from before the files were read.
    """

    def __init__(self, directory: Path):
        self.directory, self.files, self.problems = directory, dict[str, str](), dict[str, InputError]()
        self.stamp = stamp_of(directory)
        self.run: Description | None = None
        self.checkpoint: Saved | None = None
        self.end: Saved | None = None
        self.data, self.lacks_data = NO_DATA, False
        self.has_network = (directory / "network.npz").exists()
        if not self.has_network and not any((directory / name).exists() for name in ("config.json", "checkpoint.npz")):
            self.state, sweep = NONE, (directory / "sweep.json").exists()
            self.files["config.json"] = "none: this is " + ("a sweep, and no run" if sweep else "no run's directory")
            return
        self.run = self._read("config.json", contents.load_description)
        if self.run:
            self._read_parts(self.run)
        diverged = self.run is not None and bool(self.run.diverged)
        self.state = FINISHED if self.has_network else DIVERGED if diverged else UNFINISHED
        if any(text.startswith(DAMAGED) for text in self.files.values()):
            self.state = DAMAGED

    def _read_parts(self, run: Description) -> None:
        if run.diverged and not self.has_network:
            self.files["config.json"] = _told(run)
        self.checkpoint = self._read("checkpoint.npz", contents.load_checkpoint, run)
        if self.checkpoint:
            self.files["checkpoint.npz"] = f"whole, epoch {self.checkpoint.epoch} of {run.config.epochs}"
        if self.has_network:
            self.end = self._read("network.npz", contents.load_network, run)
        if run.checksums:
            self.data = self._read("data", contents.load_data, run) or NO_DATA
            self.lacks_data = any(not contents.data_path(self.directory, name).exists() for name in run.checksums)
            if "data" not in self.problems:
                self.files["data"] += f": {', '.join(run.checksums)}"
            elif self.lacks_data and not self.has_network and not self.checkpoint:
                self.files["data"] = "not there yet: the run was stopped before; to resume it, give the data again"
        listing = self.end or self.checkpoint
        if listing and listing.snapshots:
            if self._read("snapshots", contents.check_snapshots, run, listing.snapshots):
                self.files["snapshots"] = f"whole, {len(listing.snapshots)} of them"
        if self.end and self.end.epoch < run.config.epochs:
            self.files["extension"] = _told(run)

    def _read(self, name: str, load: Any, *arguments: Any) -> Any:
        """The content of a file, or None if it is missing or damaged. A remark on the file is added to `files`."""
        part = None
        try:
            part = load(self.directory, *arguments)
            self.files[name] = "none" if part is None else "whole"
        except InputError as error:
            self.problems[name] = error
            self.files[name] = f"{DAMAGED}: {error.__cause__}".replace(f"{DAMAGED}: {name}: ", f"{DAMAGED}: ")
        return part

    def require(self, *names: str) -> None:
        """Raise the error of the first of these files that is damaged."""
        for name in names:
            if name in self.problems:
                raise self.problems[name]

    @property
    def description(self) -> Description:
        """The content of config.json. Raises InputError if it is damaged or missing."""
        self.require("config.json")
        assert self.run
        return self.run

    @property
    def finished(self) -> TrainingConfig:
        """The configuration of the finished run, which is whole.

        Raises UnfinishedRunError for an unfinished run, DivergedRunError for a diverged run, and InputError for no run
        or a damaged run.
        """
        if self.state != FINISHED or not self.end:
            errors = {UNFINISHED: UnfinishedRunError, DIVERGED: DivergedRunError}
            whole = f"the whole of a finished run ({self.reason})"
            allowed = "the directory of a finished run" if self.state == UNFINISHED else whole
            raise errors.get(self.state, InputError)("run directory", str(self.directory), allowed)
        longer, shorter = self.description.config, self.description.finished
        return shorter if shorter and shorter.epochs == self.end.epoch else longer

    @property
    def reason(self) -> str:
        """Why this is no finished run: the remark on the first file that shows it."""
        shown = (f"{name}: {text}" for name, text in self.files.items() if text.startswith(self.state))
        return next(shown, self.state).replace(f"{self.state}: ", "")
