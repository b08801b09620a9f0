"""Many runs at once: a grid of configurations, their training by an executor, and one table of the results.

    sweep.json     the grid, and an id by which workers know whether they see this directory
    tables.npz     the tables of rules that are given as table:FILE, as the files were when the sweep began
    runs/          one directory for each run
    results.csv    the table, see table.py
"""

import csv
import itertools
import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Set
from concurrent.futures import BrokenExecutor, CancelledError, Executor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from minimod.errors import DivergenceError, InputError
from minimod.runs.config import TrainingConfig
from minimod.runs.contents import load_description
from minimod.runs.data import Job, UserData
from minimod.runs.files import (
    DamagedFileError,
    load_arrays,
    load_checked_json,
    save_arrays,
    save_checked_json,
    whole_file,
)
from minimod.runs.holding import hold
from minimod.runs.jobs import WorkProgress, longest_first, run_name, work
from minimod.runs.run import FINISHED, check_run
from minimod.runs.training import finished_run
from minimod.sweeps import table
from minimod.sweeps.grid import configurations, number_of_runs, stored_definition, values_of, with_tables
from minimod.sweeps.table import FAILED, TableRow
from minimod.version import VERSION


class Outcome(NamedTuple):
    """What a worker sends back: the row of the table, and the run's files by name if the caller cannot see them."""

    row: TableRow
    files: dict[str, bytes]


def train_and_measure(job: Job, directory: Path, sweep_id: str, keep_checkpoint: bool = False) -> Outcome:
    """Train and measure one run of a sweep: in its directory if this process sees it, else in a temporary directory.

    The last checkpoint is three quarters of a run's files. It is removed when the run has finished, unless
    `keep_checkpoint`. An error that a user can mend becomes the row of a failed run.
    """
    try:
        if _sees(directory.parent.parent, sweep_id):
            return Outcome(_finish(job, directory, keep_checkpoint), {})
        with tempfile.TemporaryDirectory() as temporary:
            elsewhere = Path(temporary) / directory.name
            row = _finish(job, elsewhere, keep_checkpoint)
            paths = [path for path in elsewhere.rglob("*") if path.is_file() and path.name != ".lock"]
            files = {path.relative_to(elsewhere).as_posix(): path.read_bytes() for path in paths}
            return Outcome(row, files)
    except (InputError, DivergenceError, MemoryError, OSError) as error:
        return Outcome(table.failed_row(directory.name, job.config, error), {})


def _finish(job: Job, directory: Path, keep_checkpoint: bool) -> TableRow:
    row = table.result_row(directory.name, finished_run(job, directory))
    if not keep_checkpoint:
        (directory / "checkpoint.npz").unlink(missing_ok=True)
    return row


def _sees(directory: Path, sweep_id: str) -> bool:
    try:
        return bool(load_checked_json(directory / "sweep.json")["id"] == sweep_id)
    except (OSError, ValueError, KeyError):     # also for a file of another user
        return False


def _refuse_inside(directory: Path) -> None:
    """Raise InputError for a file, and for a path in, or equal to, a run's directory or a sweep's runs/."""
    whole = Path(os.path.realpath(directory))
    if whole.exists() and not whole.is_dir():
        raise InputError("sweep directory", str(directory), "a directory")
    for above in (whole, *whole.parents):
        if (above / "config.json").exists() and (above / "metrics.csv").exists():
            raise InputError("sweep directory", str(directory), f"outside of the run in {above}")
        if above.name == "runs" and (above.parent / "sweep.json").exists():
            raise InputError("sweep directory", str(directory), f"outside of the runs of the sweep in {above.parent}")


def problem_of(directory: Path, row: TableRow) -> str | None:
    """Why a directory does not hold the finished run of a row; None if it does.

    "" if the run is gone or can be resumed. Otherwise: what is damaged, or that config.json is of another run.
    """
    state, files = check_run(directory)
    if state == "none":
        return ""
    if state == "damaged":
        return "; ".join(f"{name} is {text}" for name, text in files.items() if text.startswith("damaged"))
    if table.identity(row) != table.identity(table.options_of(load_description(directory).config)):
        return "config.json is of another run"
    return None if state == "finished" else ""


class Sweep:
    """The runs of a grid in a directory. While `run` is at work, no other process may hold the directory.

    definition: {"preset", "grid", "seeds"} as plain data. None: the directory's own definition. Raises InputError if
    there is none. `run` raises LockedError if another process holds the directory.
    """

    def __init__(self, directory: Path | str, definition: dict[str, Any] | None = None):
        self.directory = Path(directory).absolute()
        _refuse_inside(self.directory)
        path, tables = self.directory / "sweep.json", self.directory / "tables.npz"
        try:
            stored = load_checked_json(path) if path.exists() else {}
            copies = load_arrays(tables) if tables.exists() else {}
        except DamagedFileError as error:
            allowed = f"a directory whose sweep.json and tables.npz are whole ({error})"
            raise InputError("sweep directory", str(directory), allowed) from error
        if definition is None and not stored:
            raise InputError("sweep directory", str(directory), "the directory of a sweep, or given with a grid")
        self.definition = definition or stored_definition(stored)
        self.tables = with_tables(self.definition, copies)
        if "matrix" in values_of(self.definition, self.tables)["noise_kind"]:
            raise InputError("noise_kind", "matrix", "another kind in a sweep: its runs have no noise matrix")
        self.id = stored.get("id") or uuid.uuid4().hex
        self.keep_checkpoints = stored.get("keep_checkpoints", False)

    @cached_property
    def configs(self) -> dict[str, TrainingConfig]:
        """Name of the run -> configuration of the grid. Raises InputError for a configuration that is not allowed."""
        base = TrainingConfig.from_preset(self.definition["preset"])
        # A run in the table keeps its name there: an earlier version may have given it another name.
        named = {table.identity(row): row["run"] for row in table.read_rows(self.directory, ["run", *table.OPTIONS])}
        return {
            self._name(config, named.get(table.identity(table.options_of(config)))): config
            for config in configurations(base, self.definition["grid"], self.definition["seeds"], self.tables)
        }

    def _name(self, config: TrainingConfig, name: str | None) -> str:
        """The name of a run. Its name in the table is kept unless the directory is damaged, or another run's."""
        if name and name != run_name(config):
            place = self.directory / "runs" / name
            if not problem_of(place, table.options_of(config)):
                return name
        return run_name(config)

    @cached_property
    def problems(self) -> dict[str, str]:
        """Name of the run -> `problem_of`, for runs that have finished by the table, but not by their directory."""
        found = (
            (row["run"], problem_of(self.directory / "runs" / row["run"], row))
            for row in table.read_rows(self.directory, ["run", "status", *table.OPTIONS]) if row["status"] == FINISHED
        )
        return {name: problem for name, problem in found if problem is not None}

    def run(
        self, executor: Executor, progress: WorkProgress, retry_failed: bool = False, keep_checkpoints: bool = False
    ) -> None:
        """Train and measure the runs that the table does not have, or whose directory is gone; the longest first.

        `progress` is called after every run, with its work and its status. A damaged run counts as failed. Failed runs
        stay as they are unless `retry_failed`; then damaged directories are renamed. Finished runs keep their last
        checkpoint if `keep_checkpoints` was ever given for this sweep. Without a checkpoint, a run cannot be extended.
        """
        with hold(self.directory) as held:
            self.keep_checkpoints |= keep_checkpoints
            described = {
                "id": self.id, "definition": self.definition, "keep_checkpoints": self.keep_checkpoints,
                "minimod": VERSION,
            }
            if self.tables:
                save_arrays(held.file("tables.npz"), self.tables)
            save_checked_json(held.file("sweep.json"), described)
            missing = self.missing(retry_failed)
            if retry_failed:
                self._move_damaged_aside(missing)
            self._tidy(without=missing.keys())
            held.file("runs").mkdir(exist_ok=True)
            jobs = {self.directory / "runs" / name: self._job(config) for name, config in missing.items()}
            with open(held.file("results.csv"), "a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, table.COLUMNS, lineterminator="\n")
                arguments = self.id, self.keep_checkpoints
                for directory, future in longest_first(executor, train_and_measure, jobs, *arguments):
                    try:
                        row, files = future.result()
                    except (BrokenExecutor, CancelledError):        # all runs are concerned
                        raise
                    except Exception as error:
                        row, files = table.failed_row(directory.name, jobs[directory].config, error), {}
                    held.file()
                    self._write_files(directory, files)
                    writer.writerow(row)
                    file.flush()
                    progress(work(jobs[directory].config), row["status"])
            held.file()
            self._tidy()

    def _job(self, config: TrainingConfig) -> Job:
        return Job(replace(config, threads=1), UserData(table=self.tables.get(config.rule)))

    def missing(self, retry_failed: bool = False) -> dict[str, TrainingConfig]:
        """Name of the run -> configuration, for all runs that `run` would train."""
        status = {row["run"]: row["status"] for row in self.rows()}
        status |= {name: FAILED if problem else None for name, problem in self.problems.items()}
        done = {FINISHED} if retry_failed else {FINISHED, FAILED}
        return {name: config for name, config in self.configs.items() if status.get(name) not in done}

    def rows(self) -> Iterator[TableRow]:
        """Name, status and error of the runs in the table."""
        return table.read_rows(self.directory, ["run", "status", "error"])

    def state(self) -> dict[str, Any]:
        """How many runs have finished, have failed, or are missing in the table, and the error of every failed run."""
        rows = {row["run"]: row for row in self.rows()}
        failures = {name: row["error"] for name, row in rows.items() if row["status"] == FAILED}
        finished = sum(row["status"] == FINISHED for row in rows.values())
        missing = len(self.configs.keys() - rows.keys())
        return {"finished": finished, "failed": len(failures), "missing": missing, "failures": failures}

    def _move_damaged_aside(self, names: Iterable[str]) -> None:
        """Rename the directories of runs that cannot be resumed to NAME.damaged. Nothing is deleted."""
        for name in names:
            directory = self.directory / "runs" / name
            if problem_of(directory, table.options_of(self.configs[name])):
                aside = (directory.with_name(f"{name}.damaged{n or ''}") for n in itertools.count())
                directory.rename(next(path for path in aside if not path.exists()))

    def _tidy(self, without: Set[str] = frozenset()) -> None:
        """Write the table anew, in the order of the grid, with what the directories hold, and without some runs.

        Runs of an earlier grid come last.
        """
        by_run = {row["run"]: row for row in table.read_rows(self.directory)}
        for name, problem in self.problems.items():
            row = by_run.pop(name)
            if problem:
                by_run[name] = {"run": name, "status": FAILED, "error": problem} | {n: row[n] for n in table.OPTIONS}
        order = [*(name for name in self.configs if name in by_run), *(n for n in by_run if n not in self.configs)]
        table.write_rows(self.directory / "results.csv", (by_run[name] for name in order if name not in without))
        self.problems = {}      # the table knows them now

    def _write_files(self, directory: Path, files: dict[str, bytes]) -> None:
        """Write the files that a worker sent. The network is last: if it is there, the run is complete."""
        for name in sorted(files, key=lambda name: name == "network.npz"):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            with whole_file(directory / name, "wb") as file:
                file.write(files[name])


def account(directory: Path) -> str:
    """What became of the runs of a sweep, in words. If the sweep is only a table: what became of its rows."""
    counts = {"finished": 0, "failed": 0, "of the grid": 0, "gone": 0}
    sweep = Sweep(directory) if (directory / "sweep.json").exists() else None
    values = values_of(sweep.definition, sweep.tables) if sweep else None
    for row in table.read_rows(directory, ["run", "status", *table.OPTIONS]):
        counts["finished" if row["status"] == FINISHED else "failed"] += 1
        options = zip(table.OPTIONS, table.identity(row), strict=True)
        counts["of the grid"] += values is not None and all(value in values[name] for name, value in options)
        counts["gone"] += row["status"] == FINISHED and not (directory / "runs" / row["run"]).exists()
    missing = number_of_runs(sweep.definition, sweep.tables) - counts["of the grid"] if sweep else 0
    total = counts["finished"] + counts["failed"] + missing
    parts = {"failed": counts["failed"], "missing": missing, "finished and gone": counts["gone"]}
    others = [f", {number} {what}" for what, number in parts.items() if number]
    return f"{counts['finished']} of {total} runs have finished{''.join(others)}"
