"""The plan for a job in a directory: train a new run, resume an unfinished run, or extend a finished run.

A job is refused before anything is written. An extension keeps the finished run's network.npz until the longer run has
finished. So if the process is killed at any time, the finished run or the longer run is whole.
"""

import os
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from minimod.errors import DivergedRunError, FinishedRunError, InputError, LockedError, UnfinishedRunError
from minimod.runs import contents, files
from minimod.runs.config import FREE_FIELDS, TrainingConfig
from minimod.runs.contents import COURSE_FIELDS, Description, Saved
from minimod.runs.data import Job, resolve
from minimod.runs.holding import HeldDirectory, hold
from minimod.runs.run import NONE, Examination, examine, load_run, stamp_of

GOING_ON = (*FREE_FIELDS, "device")         # fields that may change when a run is resumed
TASK = {"rule", "modulus", "train_fraction", "noise_kind", "seed"}      # fields that the user's data must fit

# Names of what a killed process leaves behind: a file that it was writing. Up to version 0.3.0, it could also be an
# extension that it was removing.
LEFTOVER = re.compile(r".*\.(json|csv|npz|extension)\.\d+\.part")
SNAPSHOT = re.compile(r"\d+\.npz")          # the name of a snapshot: the epoch


class Plan(NamedTuple):
    """A plan for training.

    job: the job with all of its data. run: the description of the run. is_new: whether the description must still be
    written; it then lacks the device. checkpoint: the checkpoint to resume from, or None. has_new_data: whether data/
    must still be written. stamp: the stamp of the files that the plan was made from, see `stamp_of`.
    """

    job: Job
    run: Description
    checkpoint: Saved | None = None
    is_new: bool = False
    has_new_data: bool = False
    stamp: Any = None


def plan(directory: Path | None, job: Job, extend: bool = False) -> Plan:
    """The plan for a job in a directory, or in memory. This changes nothing.

    The directory may be new or empty. It may hold the job's unfinished run. It may hold a diverged run of another job,
    which will be overwritten. With `extend`, it must hold a finished run of fewer epochs. The data are the job's data,
    or if the job has none, the data in the directory. Raises InputError if the directory holds anything else, or if the
    data do not fit.
    """
    if directory is None:
        return _new(resolve(*job).with_table())
    found = examine(directory)
    if job.config.modulus is None and found.run and found.run.config.rule == job.config.rule:   # the file may be gone
        job = job._replace(config=replace(job.config, modulus=found.run.config.modulus))
    job = resolve(*job)
    if extend:
        planned = _extension(found, job)
    elif found.state == NONE:
        _refuse_foreign(directory)
        planned = _new(job.with_table())
    else:
        planned = _going_on(found, job)
    return planned._replace(stamp=found.stamp)


def _new(job: Job, has_new_data: bool = True) -> Plan:
    run = Description(job.config, job.data.checksums, "", answers_of=job.data.answers_of)
    return Plan(job, run, is_new=True, has_new_data=has_new_data)


def _going_on(found: Examination, job: Job) -> Plan:
    """The plan for an unfinished run, or for an unfinished extension. Raises FinishedRunError for a finished run."""
    run = found.description
    job = job.with_table() if found.lacks_data and not job.data.stored else job
    if found.has_network:
        finished = found.finished
        if finished.epochs == run.config.epochs or not _differing(job.config, finished, GOING_ON):
            _refuse_other(found, finished, job)
            allowed = "new, or hold an unfinished run; this run has finished"
            raise FinishedRunError("run directory", str(found.directory), allowed)
    differing = _differing(job.config, run.config, GOING_ON)
    data_fit = job.data.stored or not run.checksums or not TASK & set(differing)
    if run.diverged and differing and data_fit and not run.finished:
        if job.data.stored:
            return _new(job.with_table())
        found.require("data")
        anew = Job(job.config, found.data).with_table()
        return _new(anew, has_new_data=anew.data.checksums != run.checksums)
    _refuse_other(found, run.config, job)
    if run.diverged and run.finished:
        raise InputError("run directory", str(found.directory), f"extended by fewer epochs: with more, {run.diverged}")
    if run.diverged:
        allowed = f"new, or hold a run that has not diverged ({run.diverged})"
        raise DivergedRunError("run directory", str(found.directory), allowed)
    has_new_data = found.lacks_data and bool(job.data.stored)       # the run was killed before data/ was complete
    if not has_new_data:
        found.require("data")
    found.require("checkpoint.npz", "snapshots")
    if found.checkpoint and found.has_network:      # the extension's snapshots; the run's snapshots were checked before
        contents.check_snapshots(found.directory, run, found.checkpoint.snapshots)
    data = job.data if has_new_data else found.data
    return Plan(Job(job.config, data).with_table(), run, found.checkpoint, has_new_data=has_new_data)


def _extension(found: Examination, job: Job) -> Plan:
    """The plan for a finished run that the job trains for more epochs."""
    finished, run, config, directory = found.finished, found.description, job.config, str(found.directory)
    if run.config.epochs > finished.epochs and not run.diverged:
        allowed = f"a run without an unfinished extension; this run has an extension to epoch {run.config.epochs}"
        raise UnfinishedRunError("run directory", directory, allowed)
    for name in _differing(config, finished, (*FREE_FIELDS, *COURSE_FIELDS)):
        raise InputError(name, getattr(config, name), f"{getattr(finished, name)}, as in the run")
    if found.checkpoint is None:
        allowed = "a run with its last checkpoint.npz, to extend it (a sweep keeps them with --keep-checkpoints)"
        raise InputError("run directory", directory, allowed)
    if config.epochs <= found.checkpoint.epoch:
        raise InputError("epochs", config.epochs, f"more than {found.checkpoint.epoch}, the epochs of the run")
    if run.diverged and config.epochs >= run.config.epochs:
        raise InputError("epochs", config.epochs, f"less than {run.config.epochs}: by then, {run.diverged}")
    longer = run._replace(config=config, format=contents.FORMAT, diverged="", finished=finished)
    return Plan(Job(config, found.data).with_table(), longer, found.checkpoint, is_new=True)


def _differing(config: TrainingConfig, stored: TrainingConfig, free: tuple[str, ...]) -> list[str]:
    """The names of the fields in which two configurations differ, without the fields in `free`."""
    theirs = asdict(stored)
    return [name for name, value in asdict(config).items() if value != theirs[name] and name not in free]


def _refuse_other(found: Examination, stored: TrainingConfig, job: Job) -> None:
    """Raise InputError if the directory holds the run of another job. stored: the configuration of the run."""
    if differing := _differing(job.config, stored, GOING_ON):
        named = ", ".join(f"{name} {getattr(stored, name)}" for name in differing)
        given = ", ".join(str(getattr(job.config, name)) for name in differing)
        allowed = f"new, or hold an unfinished run with the same options; this run has {named} and not {given}"
        raise InputError("run directory", str(found.directory), allowed)
    given_sums = job.data.checksums
    # The job may lack the rule's table, and the words of the table.
    theirs = {k: v for k, v in found.description.checksums.items() if k not in ("table", "tokens") or k in given_sums}
    if given_sums and given_sums != theirs:
        raise InputError("run directory", str(found.directory), "new, or hold an unfinished run on the same data")


def _refuse_foreign(directory: Path) -> None:
    """Raise InputError for a directory that is not empty but has no run, and for a path that can be no directory."""
    nearest = next(place for place in (directory, *directory.parents) if os.path.lexists(place))
    there = {path.name for path in directory.iterdir()} if nearest == directory and directory.is_dir() else set()
    if not nearest.is_dir() or any(name != ".lock" and not LEFTOVER.fullmatch(name) for name in there):
        allowed = "new or empty, or hold an unfinished run (nothing is overwritten)"
        raise InputError("run directory", str(directory), allowed)


def begin(held: HeldDirectory, found: Plan, device: str) -> Description:
    """Write the files that a run has before its first epoch.

    The remains of a killed process or of a diverged run are removed. Raises LockedError if another process has trained
    in the directory since the plan was made.
    """
    directory = held.file()
    if stamp_of(directory) != found.stamp:
        raise LockedError("directory", str(directory), "a directory in which no other process has trained since")
    for place in (directory, directory / "data", directory / "snapshots"):
        _remove_matching(place, LEFTOVER)
    if found.is_new and found.checkpoint:
        _name_files(directory)
    elif found.is_new:
        for name in ("checkpoint.npz", "metrics.csv"):
            (directory / name).unlink(missing_ok=True)
        _remove_matching(directory / "snapshots", SNAPSHOT)
    run = found.run._replace(device=device) if found.is_new else found.run
    is_described = found.has_new_data and (directory / "config.json").exists()
    if is_described:        # if killed after this, the old description is still there, so the same call starts again
        contents.save_data(directory, found.job.data)
    if found.is_new:
        contents.save_description(directory, run)
    if found.has_new_data and not is_described:
        contents.save_data(directory, found.job.data)
    return run


def _name_files(directory: Path) -> None:
    """Write the files of a finished run of format 1 again, now with the run's name and the epoch.

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
    """Move an unfinished extension of a version up to 0.3.0 from .extension/ into the directory of the run."""
    place = directory / contents.EXTENSION
    if not (place / "config.json").exists():
        return
    with hold(directory) as held:
        longer, shorter = contents.load_description(place), contents.load_description(directory)
        if longer.owner != shorter.owner:
            raise InputError("run directory", str(directory), f"one whose {place.name} is of the same run")
        held.file()
        if (place / "network.npz").exists():
            copy_run(place, directory)
        else:
            _name_files(directory)
            finished = shorter.finished or shorter.config
            contents.save_description(directory, longer._replace(format=contents.FORMAT, finished=finished))
            _copy(place, directory)
        shutil.rmtree(place)


def copy_run(source: Path, directory: Path) -> None:
    """Copy a run's files over another run's files, every file whole.

    network.npz marks a finished run. So the old one is removed first, and the new one is copied last.
    """
    networks = [place / "network.npz" for place in (source, directory)]
    if networks[1].exists() and networks[0].read_bytes() == networks[1].read_bytes():
        return
    networks[1].unlink(missing_ok=True)
    _copy(source, directory, but=())


def _copy(source: Path, directory: Path, but: tuple[str, ...] = ("config.json",)) -> None:
    """Copy the files of a run, without the names in `but`, every file whole. network.npz is copied last."""
    paths = [path for path in source.rglob("*") if path.is_file() and path.name not in (".lock", *but)]
    for path in sorted(paths, key=lambda path: path.name == "network.npz"):
        target = directory / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.whole_file(target, "wb") as file:
            file.write(path.read_bytes())


def _remove_matching(directory: Path, pattern: re.Pattern[str]) -> None:
    """Remove all files and folders in a directory whose names match the pattern. The directory may be missing."""
    for path in directory.iterdir() if directory.is_dir() else ():
        if pattern.fullmatch(path.name):
            path.unlink() if path.is_file() else shutil.rmtree(path)
