"""Who may train in a directory: a new run, an unfinished one that goes on, or a finished one that is extended.

Whether a claim is refused is known before anything is written. An extension keeps the finished run's network.npz until
the longer run has finished. So whenever a process is killed, one of the two is whole.
"""

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
from minimod.runs.contents import COURSE_FIELDS, Description, Saved
from minimod.runs.data import Job, UserData
from minimod.runs.run import load_run

GOING_ON = (*FREE_FIELDS, "device")         # fields that may change where a run goes on
TASK = {"rule", "modulus", "train_fraction", "noise_kind", "seed"}      # that the data of a run are made for

# What a process that was killed leaves of a file that it was writing, or up to 0.3.0 of an extension that it removed.
LEFTOVER = re.compile(r".*\.(json|csv|npz|extension)\.\d+\.part")
SNAPSHOT = re.compile(r"\d+\.npz")          # a network along training, by its epoch


class Plan(NamedTuple):
    """What is to be trained in a directory.

    run: its description; of a new run or extension, the one to be written, still without a device. checkpoint: to go on
    from, or None. data: of the run. is_new: whether the description is still to be written.
    """

    run: Description
    checkpoint: Saved | None
    data: UserData
    is_new: bool = False


@contextmanager
def claim_directory(directory: Path, job: Job, device: str, extend: bool = False) -> Iterator[Plan]:
    """Take a directory for training a job, or with `extend` a finished run on to the epochs of the job.

    The directory is new or empty, or holds such a run, unfinished, or another one that has diverged, which is then
    overwritten. The data are those given or, if none are, those that the directory has. Raises InputError if it holds
    anything else, and LockedError where another process trains there now. `plan` says beforehand what is refused.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError("run directory", str(directory), "new or empty, or that of an unfinished run") from error
    with locked(directory):
        for place in (directory, directory / "data", directory / "snapshots"):
            _remove_matching(place, LEFTOVER)
        found = plan(directory, job, extend)
        if found.is_new:
            found = found._replace(run=found.run._replace(device=device))
            _begin(directory, found)
        contents.save_data(directory, found.data)
        yield found._replace(data=contents.load_data(directory, found.run))


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


def plan(directory: Path, job: Job, extend: bool = False) -> Plan:
    """What `claim_directory` would do. Raises InputError where nothing may be done. Changes nothing."""
    if extend:
        return _plan_extension(directory, job)
    if not any((directory / name).exists() for name in ("config.json", "network.npz")):
        if directory.exists() and not (directory.is_dir() and _is_empty(directory)):
            allowed = "new or empty, or that of an unfinished run (nothing is overwritten)"
            raise InputError("run directory", str(directory), allowed)
        return Plan(Description(job.config, job.data.checksums, ""), None, job.data, is_new=True)
    if (directory / "network.npz").exists():
        finished = load_run(directory)          # raises InputError where it is damaged
        stored = contents.load_description(directory)
        if finished.config.epochs == stored.config.epochs or not _differing(job.config, finished.config, GOING_ON):
            _refuse_other(directory, stored._replace(config=finished.config), job)
            allowed = "new, or that of an unfinished run; it has finished"
            raise FinishedRunError("run directory", str(directory), allowed)
    return _plan_to_go_on(directory, job)


def _plan_to_go_on(directory: Path, job: Job) -> Plan:
    """For a run that has not finished, or an extension that has not."""
    run, config, data = contents.load_description(directory), job.config, job.data
    differing = _differing(config, run.config, GOING_ON)
    data_fit = data.stored or not run.checksums or not TASK & set(differing)
    if run.diverged and differing and data_fit and not run.finished:
        data = data if data.stored else contents.load_data(directory, run)
        return Plan(Description(config, data.checksums, ""), None, data, is_new=True)
    _refuse_other(directory, run, job)
    if run.diverged and run.finished:
        raise InputError("run directory", str(directory), f"extended by fewer epochs: with more, {run.diverged}")
    if run.diverged:
        raise DivergedRunError("run directory", str(directory), f"new, or one that has not diverged ({run.diverged})")
    is_there = [contents.data_path(directory, name).exists() for name in run.checksums]
    if not data.stored or all(is_there):       # killed early, it may lack some, which are given then
        data = contents.load_data(directory, run)
    if checkpoint := contents.load_checkpoint(directory, run):
        contents.check_snapshots(directory, run, checkpoint.snapshots)
    return Plan(run, checkpoint, data)


def _plan_extension(directory: Path, job: Job) -> Plan:
    """For a finished run, of which the job has more epochs."""
    finished, run, config = load_run(directory), contents.load_description(directory), job.config
    if run.config.epochs > finished.config.epochs and not run.diverged:
        allowed = f"one without an extension in the making, and this one has one to epoch {run.config.epochs}"
        raise UnfinishedRunError("run directory", str(directory), allowed)
    for name in _differing(config, finished.config, (*FREE_FIELDS, *COURSE_FIELDS)):
        raise InputError(name, getattr(config, name), f"that of the run, {getattr(finished.config, name)}")
    checkpoint = contents.load_checkpoint(directory, run)
    if checkpoint is None:
        allowed = "one with its last checkpoint.npz, to be extended from (a sweep keeps them with --keep-checkpoints)"
        raise InputError("run directory", str(directory), allowed)
    if config.epochs <= checkpoint.epoch:
        raise InputError("epochs", config.epochs, f"more than the run has, {checkpoint.epoch}")
    if run.diverged and config.epochs >= run.config.epochs:
        raise InputError("epochs", config.epochs, f"less than {run.config.epochs}: with so many, {run.diverged}")
    if _is_other(job.data, run):
        raise InputError("run directory", str(directory), "one on the same data")
    longer = run._replace(config=config, format=contents.FORMAT, diverged="", finished=finished.config)
    return Plan(longer, checkpoint, finished.data, is_new=True)


def _differing(config: TrainingConfig, stored: TrainingConfig, free: tuple[str, ...]) -> list[str]:
    """The fields in which two configurations differ, but for the free ones."""
    theirs = asdict(stored)
    return [name for name, value in asdict(config).items() if value != theirs[name] and name not in free]


def _refuse_other(directory: Path, stored: Description, job: Job) -> None:
    """Raise InputError where the job is not that of the directory."""
    if differing := _differing(job.config, stored.config, GOING_ON):
        named = ", ".join(f"{name} {getattr(stored.config, name)}" for name in differing)
        given = ", ".join(str(getattr(job.config, name)) for name in differing)
        allowed = f"new, or that of an unfinished run with the same options; it has {named} and not {given}"
        raise InputError("run directory", str(directory), allowed)
    if _is_other(job.data, stored):
        raise InputError("run directory", str(directory), "new, or that of an unfinished run on the same data")


def _is_other(data: UserData, stored: Description) -> bool:
    """Whether data are given that are not those stored; a rule's table may be left out, see `resolve`."""
    given = data.checksums
    expected = {name: sum for name, sum in stored.checksums.items() if name != "table" or name in given}
    return bool(given) and given != expected


def _begin(directory: Path, found: Plan) -> None:
    """Describe a new run, where something diverged may lie, or an extension of a finished one."""
    if found.checkpoint:
        _name_files(directory)
    else:
        for name in ("checkpoint.npz", "metrics.csv"):
            (directory / name).unlink(missing_ok=True)
        _remove_matching(directory / "snapshots", SNAPSHOT)
        if (directory / "config.json").exists():
            contents.save_data(directory, found.data, anew=True)
    contents.save_description(directory, found.run)


def _name_files(directory: Path) -> None:
    """Write the files of a finished run of format 1 anew, with the name of their run and their epoch.

    Raises InputError if the run is damaged.
    """
    stored = contents.load_description(directory)
    if stored.format > 1:
        return
    load_run(directory)         # raises InputError
    named, checkpoint = stored._replace(format=contents.FORMAT), contents.load_checkpoint(directory, stored)
    contents.save(directory / "network.npz", named, contents.load_network(directory, stored))
    if checkpoint:
        contents.save(directory / "checkpoint.npz", named, checkpoint)


def adopt_extension(directory: Path) -> None:
    """Bring in an extension that a version up to 0.3.0 was making in .extension/, beside the finished run."""
    place = directory / contents.EXTENSION
    if not (place / "config.json").exists():
        return
    with locked(directory):
        longer, shorter = contents.load_description(place), contents.load_description(directory)
        if longer.owner != shorter.owner:
            raise InputError("run directory", str(directory), f"one whose {place.name} is of the same run")
        if (place / "network.npz").exists():
            copy_run(place, directory)
        else:
            _name_files(directory)
            finished = shorter.finished or shorter.config
            contents.save_description(directory, longer._replace(format=contents.FORMAT, finished=finished))
            _copy(place, directory)
        shutil.rmtree(place)


def copy_run(source: Path, directory: Path) -> None:
    """Copy a run's files over another's, each whole; the network, with which it is finished, goes first, comes last."""
    networks = [place / "network.npz" for place in (source, directory)]
    if networks[1].exists() and networks[0].read_bytes() == networks[1].read_bytes():
        return
    networks[1].unlink(missing_ok=True)
    _copy(source, directory, but=())


def _copy(source: Path, directory: Path, but: tuple[str, ...] = ("config.json",)) -> None:
    """Copy the files of a run, but for some names, each whole; the network comes last."""
    paths = [path for path in source.rglob("*") if path.is_file() and path.name not in (".lock", *but)]
    for path in sorted(paths, key=lambda path: path.name == "network.npz"):
        target = directory / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.whole_file(target, "wb") as file:
            file.write(path.read_bytes())


def _remove_matching(directory: Path, pattern: re.Pattern[str]) -> None:
    """Remove what is in a directory, if that is there, under names of this pattern."""
    for path in directory.iterdir() if directory.is_dir() else ():
        if pattern.fullmatch(path.name):
            path.unlink() if path.is_file() else shutil.rmtree(path)


def _is_empty(directory: Path) -> bool:
    """Whether nothing is there but what a process leaves that is killed in its first instant."""
    return all(path.name == ".lock" or LEFTOVER.fullmatch(path.name) for path in directory.iterdir())
