"""What is trained in a directory: a new run, an unfinished one that goes on, or a finished one that is extended.

Whether a job is refused is known before anything is written. An extension keeps the finished run's network.npz until
the longer run has finished. So whenever a process is killed, one of the two is whole.
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

GOING_ON = (*FREE_FIELDS, "device")         # fields that may change where a run goes on
TASK = {"rule", "modulus", "train_fraction", "noise_kind", "seed"}      # that the data of a run are made for

# What a process that was killed leaves of a file that it was writing, or up to 0.3.0 of an extension that it removed.
LEFTOVER = re.compile(r".*\.(json|csv|npz|extension)\.\d+\.part")
SNAPSHOT = re.compile(r"\d+\.npz")          # a network along training, by its epoch


class Plan(NamedTuple):
    """What is to be trained.

    job: with all of its data. run: its description, which is still to be written if `is_new`, and then still lacks the
    device. checkpoint: to go on from, or None. has_new_data: whether data/ is still to be written. stamp: of what the
    plan was made from, see `stamp_of`.
    """

    job: Job
    run: Description
    checkpoint: Saved | None = None
    is_new: bool = False
    has_new_data: bool = False
    stamp: Any = None


def plan(directory: Path | None, job: Job, extend: bool = False) -> Plan:
    """What is to be done for a job in a directory, or in memory. Changes nothing.

    The directory is new or empty, or holds the job's run, unfinished, or another one that has diverged, which is then
    overwritten; with `extend` it holds a finished run, of fewer epochs. The data are those given or, if none are, those
    that the directory has. Raises InputError where the directory holds anything else, or data do not fit.
    """
    if directory is None:
        return _new(resolve(*job).with_table())
    found = examine(directory)
    if job.config.modulus is None and found.run and found.run.config.rule == job.config.rule:   # its file may have gone
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
    """For a run that has not finished, or an extension that has not. Raises FinishedRunError for one that has."""
    run = found.description
    job = job.with_table() if found.lacks_data and not job.data.stored else job
    if found.has_network:
        finished = found.finished
        if finished.epochs == run.config.epochs or not _differing(job.config, finished, GOING_ON):
            _refuse_other(found, finished, job)
            allowed = "new, or that of an unfinished run; it has finished"
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
        allowed = f"new, or one that has not diverged ({run.diverged})"
        raise DivergedRunError("run directory", str(found.directory), allowed)
    has_new_data = found.lacks_data and bool(job.data.stored)       # the run was killed before all were written
    if not has_new_data:
        found.require("data")
    found.require("checkpoint.npz", "snapshots")
    if found.checkpoint and found.has_network:      # the extension's; the run's were looked at
        contents.check_snapshots(found.directory, run, found.checkpoint.snapshots)
    data = job.data if has_new_data else found.data
    return Plan(Job(job.config, data).with_table(), run, found.checkpoint, has_new_data=has_new_data)


def _extension(found: Examination, job: Job) -> Plan:
    """For a finished run, of which the job has more epochs."""
    finished, run, config, directory = found.finished, found.description, job.config, str(found.directory)
    if run.config.epochs > finished.epochs and not run.diverged:
        allowed = f"one without an extension in the making, and this one has one to epoch {run.config.epochs}"
        raise UnfinishedRunError("run directory", directory, allowed)
    for name in _differing(config, finished, (*FREE_FIELDS, *COURSE_FIELDS)):
        raise InputError(name, getattr(config, name), f"that of the run, {getattr(finished, name)}")
    if found.checkpoint is None:
        allowed = "one with its last checkpoint.npz, to be extended from (a sweep keeps them with --keep-checkpoints)"
        raise InputError("run directory", directory, allowed)
    if config.epochs <= found.checkpoint.epoch:
        raise InputError("epochs", config.epochs, f"more than the run has, {found.checkpoint.epoch}")
    if run.diverged and config.epochs >= run.config.epochs:
        raise InputError("epochs", config.epochs, f"less than {run.config.epochs}: with so many, {run.diverged}")
    longer = run._replace(config=config, format=contents.FORMAT, diverged="", finished=finished)
    return Plan(Job(config, found.data).with_table(), longer, found.checkpoint, is_new=True)


def _differing(config: TrainingConfig, stored: TrainingConfig, free: tuple[str, ...]) -> list[str]:
    """The fields in which two configurations differ, but for the free ones."""
    theirs = asdict(stored)
    return [name for name, value in asdict(config).items() if value != theirs[name] and name not in free]


def _refuse_other(found: Examination, stored: TrainingConfig, job: Job) -> None:
    """Raise InputError where the job is not that of the directory, whose configuration is `stored`."""
    if differing := _differing(job.config, stored, GOING_ON):
        named = ", ".join(f"{name} {getattr(stored, name)}" for name in differing)
        given = ", ".join(str(getattr(job.config, name)) for name in differing)
        allowed = f"new, or that of an unfinished run with the same options; it has {named} and not {given}"
        raise InputError("run directory", str(found.directory), allowed)
    given_sums = job.data.checksums
    # A rule's table may be left out, and its words.
    theirs = {k: v for k, v in found.description.checksums.items() if k not in ("table", "tokens") or k in given_sums}
    if given_sums and given_sums != theirs:
        raise InputError("run directory", str(found.directory), "new, or that of an unfinished run on the same data")


def _refuse_foreign(directory: Path) -> None:
    """Raise InputError for a directory of no run that is not empty, and for what can be no directory."""
    nearest = next(place for place in (directory, *directory.parents) if os.path.lexists(place))
    there = {path.name for path in directory.iterdir()} if nearest == directory and directory.is_dir() else set()
    if not nearest.is_dir() or any(name != ".lock" and not LEFTOVER.fullmatch(name) for name in there):
        allowed = "new or empty, or that of an unfinished run (nothing is overwritten)"
        raise InputError("run directory", str(directory), allowed)


def begin(held: HeldDirectory, found: Plan, device: str) -> Description:
    """Write what a run has before its first epoch, in place of what a killed process or a diverged run has left.

    Raises LockedError where another process has trained in the directory since the plan was made.
    """
    directory = held.file()
    if stamp_of(directory) != found.stamp:
        raise LockedError("directory", str(directory), "one that no other process has trained in meanwhile")
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
    if is_described:        # killed in between, the same call begins it anew: the description is still the old one
        contents.save_data(directory, found.job.data)
    if found.is_new:
        contents.save_description(directory, run)
    if found.has_new_data and not is_described:
        contents.save_data(directory, found.job.data)
    return run


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
