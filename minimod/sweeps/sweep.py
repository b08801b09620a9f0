"""Many runs at once: a grid of configurations, their training by an executor, and one table of what came out.

    sweep.json     the grid, and a name by which workers know whether they see this directory
    runs/          a directory a run
    results.csv    the table, see table.py
"""

import csv
import tempfile
import uuid
from collections.abc import Iterator, Set
from concurrent.futures import BrokenExecutor, Executor
from pathlib import Path
from typing import Any, NamedTuple

from minimod.config import TrainingConfig
from minimod.errors import DivergenceError, InputError
from minimod.store.claiming import locked
from minimod.store.files import DamagedFileError, load_checked_json, save_checked_json, whole_file
from minimod.sweeps import table
from minimod.sweeps.grid import configurations
from minimod.sweeps.schedule import WorkProgress, finished_run, longest_first, run_name, work
from minimod.sweeps.table import FAILED, TableRow


class Outcome(NamedTuple):
    """What a worker sends back: the row of the table, and the run's files by name where the caller cannot see them."""

    row: TableRow
    files: dict[str, bytes]


def train_and_measure(config: TrainingConfig, directory: Path, sweep_id: str) -> Outcome:
    """One run of a sweep, on one thread: in its directory if this process sees it, else in a temporary one.

    An error that a user can mend becomes the row of a failed run.
    """
    try:
        if _sees(directory.parent.parent, sweep_id):
            return Outcome(table.result_row(directory.name, finished_run(config, directory, threads=1)), {})
        with tempfile.TemporaryDirectory() as temporary:
            elsewhere = Path(temporary) / directory.name
            row = table.result_row(directory.name, finished_run(config, elsewhere, threads=1))
            files = {path.name: path.read_bytes() for path in elsewhere.iterdir() if path.name != ".lock"}
            return Outcome(row, files)
    except (InputError, DivergenceError, MemoryError, OSError) as error:
        return Outcome(table.failed_row(directory.name, config, error), {})


def _sees(directory: Path, sweep_id: str) -> bool:
    try:
        return bool(load_checked_json(directory / "sweep.json")["id"] == sweep_id)
    except (OSError, ValueError, KeyError):
        return False


class Sweep:
    """The runs of a grid in a directory. One process at a time may hold it, while `run` is at work.

    definition: {"preset", "grid", "seeds"} as plain data; None: the one the directory has. Raises InputError if there
    is none, and where another process holds the directory.
    """

    def __init__(self, directory: Path | str, definition: dict[str, Any] | None = None):
        self.directory = Path(directory)
        path = self.directory / "sweep.json"
        try:
            stored = load_checked_json(path) if path.exists() else {}
        except DamagedFileError as error:
            raise InputError("sweep directory", str(directory), f"one whose sweep.json is whole ({error})") from error
        if definition is None and not stored:
            raise InputError("sweep directory", str(directory), "one that has been swept, or given with a grid")
        self.definition = definition or stored["definition"]
        self.id = stored.get("id") or uuid.uuid4().hex
        base = TrainingConfig.from_preset(self.definition["preset"])
        # A run that the table has keeps the name that it has there: an earlier version named it otherwise.
        named = {table.identity(row): row["run"] for row in table.load_sweep(self.directory, ["run", *table.OPTIONS])}
        self.configs = {
            named.get(table.identity(table.options_of(config)), run_name(config)): config
            for config in configurations(base, self.definition["grid"], self.definition["seeds"])
        }

    def run(self, executor: Executor, progress: WorkProgress, retry_failed: bool = False) -> None:
        """Train and measure what the table does not have yet, the longest first.

        `progress` is told every run that is done and its status. Failed runs stay as they are unless `retry_failed`.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with locked(self.directory):
            save_checked_json(self.directory / "sweep.json", {"id": self.id, "definition": self.definition})
            missing = self.missing(retry_failed)
            self._tidy(without=missing.keys())
            runs = {self.directory / "runs" / name: config for name, config in missing.items()}
            with open(self.directory / "results.csv", "a", newline="") as file:
                writer = csv.DictWriter(file, table.COLUMNS, lineterminator="\n")
                for directory, future in longest_first(executor, train_and_measure, runs, self.id):
                    config, error = runs[directory], future.exception()
                    if isinstance(error, BrokenExecutor) or (error and not isinstance(error, Exception)):
                        raise error
                    outcome = Outcome(table.failed_row(directory.name, config, error), {}) if error else future.result()
                    self._write_files(directory, outcome.files)
                    writer.writerow(outcome.row)
                    file.flush()
                    progress(work(config), outcome.row["status"])
            self._tidy()

    def missing(self, retry_failed: bool = False) -> dict[str, TrainingConfig]:
        """The configurations that `run` would train, by the names of their runs."""
        again = {FAILED} if retry_failed else set()
        done = {row["run"] for row in self.rows() if row["status"] not in again}
        return {name: config for name, config in self.configs.items() if name not in done}

    def rows(self) -> Iterator[TableRow]:
        """Name, status and error of the runs in the table."""
        return table.load_sweep(self.directory, ["run", "status", "error"])

    def _tidy(self, without: Set[str] = frozenset()) -> None:
        """Write the table anew, in the order of the grid, but for some runs; those of an earlier grid come last."""
        by_run = {row["run"]: row for row in table.load_sweep(self.directory)}
        order = [*(name for name in self.configs if name in by_run), *(n for n in by_run if n not in self.configs)]
        table.write_rows(self.directory / "results.csv", (by_run[name] for name in order if name not in without))

    def _write_files(self, directory: Path, files: dict[str, bytes]) -> None:
        """Write what a worker sent; the network last, since it tells that the run is whole."""
        for name in sorted(files, key=lambda name: name == "network.npz"):
            directory.mkdir(parents=True, exist_ok=True)
            with whole_file(directory / name, "wb") as file:
                file.write(files[name])
