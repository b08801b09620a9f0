"""Who may train in a directory, and where in it: a new run, an unfinished one, or a longer one beside a finished one.

A longer run grows in .extension/, and the finished one stays what it is. When the longer one's network is there, it
counts as the run (`runs.files_of`); then its files are copied over the others, and .extension/ is removed. Whenever a
process is killed, one of the two is whole. Whether a claim is refused is known before anything is written.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from minimod.config import FREE_FIELDS, TrainingConfig
from minimod.errors import DivergedRunError, FinishedRunError, InputError, LockedError, UnfinishedRunError
from minimod.store import contents, files
from minimod.store.contents import COURSE_FIELDS, Checkpoint, Data, Description
from minimod.store.runs import EXTENSION, files_of, load_run

# Fields that may change where a run goes on.
GOING_ON = (*FREE_FIELDS, "device")


class Claim(NamedTuple):
    """A run's directory, where in it its files are written, its description, checkpoint or None, and data."""

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
    else, and LockedError where another process trains there now.
    """
    _plan(directory, config, data, extend)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError("run directory", str(directory), "new or empty, or that of an unfinished run") from error
    with locked(directory):
        for leftover in list(directory.rglob("*.part")):
            _remove(leftover)
        if files_of(directory) != directory:
            _move_up(directory)
        plan = _plan(directory, config, data, extend)       # again: another process may have been here
        run = plan.run or _begin(plan, config, device)
        contents.save_data(plan.place, plan.data)
        contents.write_metrics(plan.place, plan.checkpoint.rows if plan.checkpoint else [])
        yield Claim(directory, plan.place, run, plan.checkpoint, contents.load_data(plan.place, run))
        if files_of(directory) != directory:
            _move_up(directory)


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


def description_to_go_on(directory: Path) -> Description:
    """That of what is unfinished in a directory: of the extension, if there is one, else of the run."""
    extension = directory / EXTENSION
    return contents.load_description(extension if (extension / "config.json").exists() else directory)


class _Plan(NamedTuple):
    """Where to train. run: the one to go on with; None: a new one, which begins at the checkpoint if there is one."""

    place: Path
    run: Description | None
    checkpoint: Checkpoint | None
    data: Data


def _plan(directory: Path, config: TrainingConfig, data: Data, extend: bool) -> _Plan:
    """What to do in a directory. Raises InputError where nothing may be done. Changes nothing."""
    place = files_of(directory)
    if (place / "network.npz").exists():
        return _plan_beside(directory, config, data, extend)
    if extend:
        load_run(directory)             # says why it is no finished one
    if (place / "config.json").exists():
        return _plan_in(directory, config, data)
    if directory.exists() and not (directory.is_dir() and _is_empty(directory)):
        allowed = "new or empty, or that of an unfinished run (nothing is overwritten)"
        raise InputError("run directory", str(directory), allowed)
    return _Plan(directory, None, None, data)


def _plan_in(place: Path, config: TrainingConfig, data: Data) -> _Plan:
    """For a place that holds a run which is not finished."""
    run = contents.load_description(place)
    differing = _differing(config, run.config, GOING_ON)
    data_fit = data or not run.checksums or not {"rule", "modulus", "train_fraction"} & set(differing)
    if run.diverged and differing and data_fit:
        return _Plan(place, None, None, data or contents.load_data(place, run))
    _refuse_other(place, run, config, data)
    if run.diverged:
        raise DivergedRunError("run directory", str(place), f"new, or one that has not diverged ({run.diverged})")
    is_there = [(place / "data" / f"{name}.npz").exists() for name in run.checksums]
    if not data or all(is_there):       # killed early, it may lack some, which are given then
        contents.load_data(place, run)
    return _Plan(place, run, contents.load_checkpoint(place, run), data)


def _plan_beside(directory: Path, config: TrainingConfig, data: Data, extend: bool) -> _Plan:
    """For a directory that holds a finished run."""
    finished, extension = load_run(directory), directory / EXTENSION
    run = contents.load_description(files_of(directory))
    if files_of(directory) == directory and (extension / "config.json").exists():
        longer = contents.load_description(extension)
        if not _differing(config, longer.config, GOING_ON):
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
    if data and contents.checksums_of(data) != run.checksums:
        raise InputError("run directory", str(directory), "one on the same data")
    checkpoint = contents.load_checkpoint(files_of(directory), run)
    if checkpoint is None or checkpoint.epoch != run.config.epochs:
        raise InputError("run directory", str(directory), "one with its last checkpoint.npz, to be extended from")
    return _Plan(extension, None, checkpoint, finished.data)


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
    if data and stored.checksums != contents.checksums_of(data):
        raise InputError("run directory", str(directory), "new, or that of an unfinished run on the same data")


def _begin(plan: _Plan, config: TrainingConfig, device: str) -> Description:
    """Describe a new run in its place, where something diverged may lie, or an extension that was never begun."""
    place, run = plan.place, Description(config, contents.checksums_of(plan.data), device)
    for name in ("checkpoint.npz", "metrics.csv", "data"):
        _remove(place / name)
    if plan.checkpoint:                 # an extension; killed here, it has no description and begins again
        place.mkdir(exist_ok=True)
        contents.save_data(place, plan.data)
        contents.save_checkpoint(place, run, plan.checkpoint)
    contents.save_description(place, run)
    return run


def _move_up(directory: Path) -> None:
    """Copy the files of a finished extension over those of the run, and remove it."""
    extension = directory / EXTENSION
    for source in extension.rglob("*"):
        target = directory / source.relative_to(extension)
        if source.is_file():
            target.parent.mkdir(exist_ok=True)
            with files.whole_file(target, "wb") as file:
                file.write(source.read_bytes())
    _remove(extension.rename(directory / f"{EXTENSION}.{os.getpid()}.part"))


def _remove(path: Path) -> None:
    """Remove a file or a directory, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_empty(directory: Path) -> bool:
    """Whether nothing is there but what a process leaves that is killed in its first instant."""
    return all(path.name == ".lock" or path.suffix == ".part" for path in directory.iterdir())
