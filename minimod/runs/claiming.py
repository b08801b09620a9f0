"""Who may train in a directory, and where in it: a new run, an unfinished one, or a longer one beside a finished one.

A longer run grows in .extension/, and the finished one stays what it is. When the longer one's network is there, it
counts as the run (`runs.files_of`); then its files are copied over the others, and .extension/ is removed. Whenever a
process is killed, one of the two is whole. Whether a claim is refused is known before anything is written.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from minimod.errors import DivergedRunError, FinishedRunError, InputError, LockedError, UnfinishedRunError
from minimod.runs import contents, files
from minimod.runs.config import FREE_FIELDS, TrainingConfig
from minimod.runs.contents import COURSE_FIELDS, EXTENSION, Checkpoint, Description
from minimod.runs.given import Data
from minimod.runs.run import files_of, load_run

GOING_ON = (*FREE_FIELDS, "device")         # fields that may change where a run goes on
TASK = {"rule", "modulus", "train_fraction", "noise_kind", "seed"}      # that the data of a run are made for

# What a process that was killed leaves of a file that it was writing, or of an extension that it was removing.
LEFTOVER = re.compile(r"(config\.json|metrics\.csv|checkpoint\.npz|network\.npz|\.extension)\.\d+\.part")
FILE_LEFTOVER = re.compile(r".+\.(npz|csv)\.\d+\.part")

SNAPSHOT = re.compile(r"\d+\.npz")          # a network along training, by its epoch


class Plan(NamedTuple):
    """Where to train what.

    place: the directory of the run's files. run: the one to go on with; None: a new one. began: on what device it, or
    the shorter one, did; nothing for a new one. checkpoint: to go on from, or None. data: for a new run.
    """

    place: Path
    run: Description | None
    began: str
    checkpoint: Checkpoint | None
    data: Data


class Claim(NamedTuple):
    """A run's directory, held; where in it its files are written, its description, checkpoint or None, and data."""

    directory: Path
    place: Path
    run: Description
    checkpoint: Checkpoint | None
    data: Data


@contextmanager
def claim_directory(
    directory: Path, config: TrainingConfig, device: str, data: Data, extend: bool = False
) -> Iterator[Claim]:
    """Take a directory for training a run of this configuration, or with `extend` a finished run on to its epochs.

    The directory is new or empty, or holds such a run, unfinished, or another one that has diverged, which then makes
    room. The data are those given or, if none are, those that the directory has. Raises InputError if it holds anything
    else, and LockedError where another process trains there now. `plan` says beforehand what is refused.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError("run directory", str(directory), "new or empty, or that of an unfinished run") from error
    with locked(directory):
        for place in (directory, directory / EXTENSION):
            _remove_matching(place, LEFTOVER)
            for name in ("data", "snapshots"):
                _remove_matching(place / name, FILE_LEFTOVER)
        _move_up(directory)
        place, run, _, checkpoint, data = plan(directory, config, data, extend)
        run = run or _begin(place, Description(config, contents.checksums_of(data), device), checkpoint, data)
        contents.save_data(place, data)
        yield Claim(directory, place, run, checkpoint, contents.load_data(place, run))
        _move_up(directory)


@contextmanager
def locked(directory: Path, wait: bool = False) -> Iterator[None]:
    """Hold a directory. Where another process does, waits for it or raises LockedError."""
    from filelock import FileLock, Timeout  # here, so that `minimod --help` does not wait for it

    lock = FileLock(directory / ".lock", blocking=wait)
    try:
        lock.acquire()
    except Timeout as error:
        raise LockedError("directory", str(directory), "one that no other process trains in now") from error
    try:
        yield
    finally:
        lock.release()


def description_to_go_on(directory: Path) -> Description:
    """That of what is unfinished in a directory: of the extension, if there is one, else of the run."""
    extension = directory / EXTENSION
    is_extended = (directory / "network.npz").exists() and (extension / "config.json").exists()
    return contents.load_description(extension if is_extended else directory)


def plan(directory: Path, config: TrainingConfig, data: Data, extend: bool) -> Plan:
    """What `claim_directory` would do. Raises InputError where nothing may be done. Changes nothing."""
    place = files_of(directory)
    if directory.name == EXTENSION:
        raise InputError("run directory", str(directory), f"that of the run, {directory.parent}, which this extends")
    if (place / "network.npz").exists():
        return _plan_beside(directory, config, data, extend)
    if extend:
        load_run(directory)             # says why it is no finished one
    if (place / "config.json").exists():
        return _plan_in(directory, config, data)
    if directory.exists() and not (directory.is_dir() and _is_empty(directory)):
        allowed = "new or empty, or that of an unfinished run (nothing is overwritten)"
        raise InputError("run directory", str(directory), allowed)
    return Plan(directory, None, "", None, data)


def _plan_in(place: Path, config: TrainingConfig, data: Data) -> Plan:
    """For a place that holds a run which is not finished."""
    run = contents.load_description(place)
    differing = _differing(config, run.config, GOING_ON)
    data_fit = data or not run.checksums or not TASK & set(differing)
    if run.diverged and differing and data_fit:
        return Plan(place, None, "", None, data or contents.load_data(place, run))
    _refuse_other(place, run, config, data)
    if run.diverged:
        raise DivergedRunError("run directory", str(place), f"new, or one that has not diverged ({run.diverged})")
    is_there = [contents.data_path(place, name).exists() for name in run.checksums]
    if not data or all(is_there):       # killed early, it may lack some, which are given then
        data = contents.load_data(place, run)
    if checkpoint := contents.load_checkpoint(place, run):
        contents.check_snapshots(place, run, checkpoint.snapshots)
    return Plan(place, run, run.device, checkpoint, data)


def _plan_beside(directory: Path, config: TrainingConfig, data: Data, extend: bool) -> Plan:
    """For a directory that holds a finished run."""
    finished, extension = load_run(directory), directory / EXTENSION
    run = contents.load_description(files_of(directory))
    if files_of(directory) == directory and (extension / "config.json").exists():
        longer = contents.load_description(extension)
        if not _differing(config, longer.config, GOING_ON):
            if longer.diverged:
                allowed = f"extended by fewer epochs: with more, {longer.diverged}"
                raise InputError("run directory", str(directory), allowed)
            return _plan_in(extension, config, data)
        if extend and not longer.diverged:
            allowed = f"one without an extension in the making, and this one has one to epoch {longer.config.epochs}"
            raise UnfinishedRunError("run directory", str(directory), allowed)
    if not extend:
        _refuse_other(directory, run, config, data)
        raise FinishedRunError("run directory", str(directory), "new, or that of an unfinished run; it has finished")
    for name in _differing(config, run.config, (*FREE_FIELDS, *COURSE_FIELDS)):
        raise InputError(name, getattr(config, name), f"that of the run, {getattr(run.config, name)}")
    if config.epochs <= run.config.epochs:
        raise InputError("epochs", config.epochs, f"more than the run has, {run.config.epochs}")
    if _is_other(data, run):
        raise InputError("run directory", str(directory), "one on the same data")
    checkpoint = contents.load_checkpoint(files_of(directory), run)
    if checkpoint is None:
        allowed = "one with its last checkpoint.npz, to be extended from (a sweep keeps them with --keep-checkpoints)"
        raise InputError("run directory", str(directory), allowed)
    return Plan(extension, None, run.device, checkpoint, finished.data)


def _differing(config: TrainingConfig, stored: TrainingConfig, free: tuple[str, ...]) -> list[str]:
    """The fields in which two configurations differ, but for the free ones."""
    theirs = asdict(stored)
    return [name for name, value in asdict(config).items() if value != theirs[name] and name not in free]


def _refuse_other(directory: Path, stored: Description, config: TrainingConfig, data: Data) -> None:
    if differing := _differing(config, stored.config, GOING_ON):
        named = ", ".join(f"{name} {getattr(stored.config, name)}" for name in differing)
        given = ", ".join(str(getattr(config, name)) for name in differing)
        allowed = f"new, or that of an unfinished run with the same options; it has {named} and not {given}"
        raise InputError("run directory", str(directory), allowed)
    if _is_other(data, stored):
        raise InputError("run directory", str(directory), "new, or that of an unfinished run on the same data")


def _is_other(data: Data, stored: Description) -> bool:
    """Whether data are given that are not those stored; a rule's table may be left out, see `training`."""
    expected = {name: sum for name, sum in stored.checksums.items() if name != "table" or name in data}
    return bool(data) and contents.checksums_of(data) != expected


def _begin(place: Path, run: Description, checkpoint: Checkpoint | None, data: Data) -> Description:
    """Describe a new run in a place, where something diverged may lie, or an extension that was never begun."""
    for name in ("checkpoint.npz", "metrics.csv"):
        _remove(place / name)
    _remove_matching(place / "snapshots", SNAPSHOT)
    if checkpoint or (place / "config.json").exists():      # killed before it is described, it begins again
        place.mkdir(exist_ok=True)
        contents.save_data(place, data, anew=True)
    if checkpoint:
        contents.save_checkpoint(place, run, checkpoint)
    contents.save_description(place, run)
    return run


def _move_up(directory: Path) -> None:
    """If there is a finished extension, copy its files over those of the run, and remove it."""
    extension = files_of(directory)
    if extension == directory:
        return
    copy_run(extension, directory)
    _remove(extension.rename(directory / f"{EXTENSION}.{os.getpid()}.part"))


def copy_run(source: Path, directory: Path) -> None:
    """Copy a run's files over another's, each whole; the network, with which it is finished, goes first, comes last."""
    networks = [place / "network.npz" for place in (source, directory)]
    if networks[1].exists() and networks[0].read_bytes() == networks[1].read_bytes():
        return
    networks[1].unlink(missing_ok=True)
    paths = [path for path in source.rglob("*") if path.is_file() and path.name != ".lock"]
    for path in sorted(paths, key=lambda path: path.name == "network.npz"):
        target = directory / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.whole_file(target, "wb") as file:
            file.write(path.read_bytes())


def _remove_matching(directory: Path, pattern: re.Pattern[str]) -> None:
    """Remove what is in a directory, if that is there, under names of this pattern."""
    for path in directory.iterdir() if directory.is_dir() else ():
        if pattern.fullmatch(path.name):
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a file or a directory, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_empty(directory: Path) -> bool:
    """Whether nothing is there but what a process leaves that is killed in its first instant."""
    return all(path.name == ".lock" or LEFTOVER.fullmatch(path.name) for path in directory.iterdir())
