"""Many runs at once: a grid of configurations, their training by an executor, and one table of what came out.

    sweep.json     the grid, and a name by which workers know whether they see this directory
    runs/          a directory a run
    results.csv    a row a run: its configuration, its last metrics, and what the methods make of its network
"""

import csv
import hashlib
import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Set
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass, fields, replace
from pathlib import Path

from minimod.analysis.accuracy import accuracies
from minimod.analysis.methods import METHODS, applicable
from minimod.backend import available_cores, open_backend
from minimod.config import TrainingConfig
from minimod.errors import DivergenceError, InputError, LockedError
from minimod.executors import completed
from minimod.files import DamagedFileError, load_signed_json, save_signed_json, whole_file
from minimod.grid import configurations
from minimod.runs import FREE_OPTIONS, METRICS, Run, load_run, locked
from minimod.training import Progress, train

FINISHED, FAILED = "finished", "failed"

# What the table says of each method's predictions.
TABLE_MEASURES = ("noisy", "repaired", "test")

COLUMNS = (
    "run", "status", "error", *(option.name for option in fields(TrainingConfig) if option.name not in FREE_OPTIONS),
    *("final_loss" if name == "loss" else name for name in METRICS),  # `loss` is the option
    *(f"{name}_{measure}" for name in METHODS for measure in TABLE_MEASURES),
)

# Seconds between attempts where another process still trains a run, as after a sweep that was killed.
LOCK_WAIT = 0.5

def run_name(config: TrainingConfig) -> str:
    """What a run is, in short, and a hash of the whole configuration."""
    digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode()).hexdigest()[:12]
    return f"{config.rule}{config.modulus}-width{config.width}-noise{config.noise_ratio:g}-seed{config.seed}-{digest}"


def work(config: TrainingConfig) -> int:
    """A run's length in units that take about as long for every run: epochs · examples · width · (P + 64).

    The three products of a step take n M P each; the passes over its n × M arrays about as long as at P = 64.
    """
    P = config.modulus
    return max(1, config.epochs) * round(config.train_fraction * P**2) * config.width * (P + 64)


def estimated_seconds(configs: list[TrainingConfig]) -> float:
    """How long it will take to train these runs on this machine's cores, from a short run that is timed now."""
    short = TrainingConfig(modulus=59, width=512, epochs=30, eval_every=30, threads=1, device="cpu")
    start = time.perf_counter()
    train(short)
    rate = (time.perf_counter() - start) / work(short)
    longest, total = max(map(work, configs)), sum(map(work, configs))
    return rate * (max(longest, total / available_cores()) if len(configs) > 1 else total / available_cores())


def finished_run(config: TrainingConfig, directory: Path, threads: int, progress: Progress | None = None) -> Run:
    """The run of this configuration in the directory: loaded if it has finished, else trained to its end.

    Where another process trains there, waits for it. Raises InputError if the directory holds anything but a run of
    this configuration.
    """
    while not (directory / "network.npz").exists():
        try:
            return train(replace(config, threads=threads), directory, progress)
        except LockedError:
            time.sleep(LOCK_WAIT)
        except DivergenceError as error:
            raise DivergenceError(f"{directory.name}: {error}") from error
    run = load_run(directory)
    if replace(run.config, threads=config.threads) != config:
        raise InputError("run directory", str(directory), "a run of the configuration that is asked for")
    return run


@dataclass(frozen=True)
class Outcome:
    """What a worker sends back: the row of the table, and the run's files by name where the caller cannot see them."""

    row: dict
    files: dict[str, bytes]


def train_and_measure(config: TrainingConfig, directory: Path, sweep_id: str) -> Outcome:
    """One run of a sweep, on one thread: in its directory if this process sees it, else in a temporary one.

    An error that a user can mend becomes the row of a failed run.
    """
    try:
        if _sees(directory.parent.parent, sweep_id):
            return Outcome(result_row(directory.name, finished_run(config, directory, threads=1)), {})
        with tempfile.TemporaryDirectory() as temporary:
            elsewhere = Path(temporary) / directory.name
            row = result_row(directory.name, finished_run(config, elsewhere, threads=1))
            files = {path.name: path.read_bytes() for path in elsewhere.iterdir() if path.name != ".lock"}
            return Outcome(row, files)
    except (InputError, DivergenceError, MemoryError, OSError) as error:
        return Outcome(failed_row(directory.name, config, error), {})


def _sees(directory: Path, sweep_id: str) -> bool:
    try:
        return load_signed_json(directory / "sweep.json")["id"] == sweep_id
    except (OSError, ValueError, KeyError):
        return False


def result_row(name: str, run: Run) -> dict:
    """The table's row of a finished run, by COLUMNS; methods that do not apply have none."""
    row = {"run": name, "status": FINISHED} | _options(run.config)
    last = {name: column[-1].item() for name, column in run.history.items()}
    row |= {"final_loss": last.pop("loss")} | last
    with open_backend("cpu", 1) as backend:
        for method, how in applicable(run.network.activation).items():
            measured = accuracies(how.predict(run.network, run.dataset.rule, backend=backend), run.dataset)
            row |= {f"{method}_{measure}": measured[measure] for measure in TABLE_MEASURES}
    return row


def failed_row(name: str, config: TrainingConfig, error: Exception) -> dict:
    """The table's row of a run that could not be trained."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return {"run": name, "status": FAILED, "error": text} | _options(config)


def _options(config: TrainingConfig) -> dict:
    return {name: value for name, value in config.to_dict().items() if name not in FREE_OPTIONS}


class Sweep:
    """The runs of a grid in a directory. One process at a time may hold it, between `with` and its end.

    definition: {"preset", "grid", "seeds"} as plain data; None: the one the directory has. Raises InputError if there
    is none, and where another process holds the directory.
    """

    def __init__(self, directory: Path | str, definition: dict | None = None):
        self.directory = Path(directory)
        path = self.directory / "sweep.json"
        try:
            stored = load_signed_json(path) if path.exists() else {}
        except DamagedFileError as error:
            raise InputError("sweep directory", str(directory), f"one whose sweep.json is whole ({error})") from error
        if definition is None and not stored:
            allowed = "one that has been swept, or given with --grid or --file"
            raise InputError("sweep directory", str(directory), allowed)
        self.definition = definition or stored["definition"]
        self.id = stored.get("id") or uuid.uuid4().hex
        base = TrainingConfig.from_preset(self.definition["preset"])
        self.configs = {
            run_name(config): config
            for config in configurations(base, self.definition["grid"], self.definition["seeds"])
        }

    def run(
        self, executor: Executor, progress: Callable[[TrainingConfig, str], None], retry_failed: bool = False
    ) -> None:
        """Train and measure what the table does not have yet, the longest first.

        `progress` is told every run that is done and its status. Failed runs stay as they are unless `retry_failed`.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with locked(self.directory):
            save_signed_json(self.directory / "sweep.json", {"id": self.id, "definition": self.definition})
            missing = self.missing(retry_failed)
            self._tidy(without=missing.keys())
            longest_first = sorted(missing, key=lambda name: work(missing[name]), reverse=True)
            tasks = ((missing[name], self.directory / "runs" / name, self.id) for name in longest_first)
            with open(self.directory / "results.csv", "a", newline="") as table:
                writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
                for (config, directory, _), future in completed(executor, train_and_measure, tasks):
                    error = future.exception()
                    if isinstance(error, BrokenExecutor) or (error and not isinstance(error, Exception)):
                        raise error
                    outcome = Outcome(failed_row(directory.name, config, error), {}) if error else future.result()
                    self._write_files(directory, outcome.files)
                    writer.writerow(outcome.row)
                    table.flush()
                    progress(config, outcome.row["status"])
            self._tidy()

    def missing(self, retry_failed: bool = False) -> dict[str, TrainingConfig]:
        """The configurations that `run` would train, by the names of their runs."""
        again = {FAILED} if retry_failed else set()
        done = {row["run"] for row in self.rows() if row["status"] not in again}
        return {name: config for name, config in self.configs.items() if name not in done}

    def rows(self) -> Iterator[dict]:
        """Name, status and error of the runs in the table."""
        return read_table(self.directory, ["run", "status", "error"])

    def _tidy(self, without: Set[str] = frozenset()) -> None:
        """Write the table anew, in the order of the grid, but for some runs; those of an earlier grid come last."""
        path, header = self.directory / "results.csv", ",".join(COLUMNS) + "\n"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        if lines and lines[0] != header:
            raise InputError("table", str(path), "one of this version; its columns are others")
        by_run = {line.split(",", 1)[0]: line for line in lines[1:] if line.endswith("\n")}
        order = [*(name for name in self.configs if name in by_run), *(n for n in by_run if n not in self.configs)]
        with whole_file(path) as file:
            file.write(header)
            file.writelines(by_run[name] for name in order if name not in without)

    def _write_files(self, directory: Path, files: dict[str, bytes]) -> None:
        """Write what a worker sent; the network last, since it tells that the run is whole."""
        for name in sorted(files, key=lambda name: name == "network.npz"):
            directory.mkdir(parents=True, exist_ok=True)
            with whole_file(directory / name, "wb") as file:
                file.write(files[name])


def read_table(directory: Path, columns: Iterable[str]) -> Iterator[dict]:
    """Some columns of a sweep's results.csv, as text; a line that is not whole is left out.

    Raises InputError for a column that there is not, and csv.Error for what is no table at all.
    """
    path = Path(directory) / "results.csv"
    if not path.exists():
        return
    with open(path, newline="", errors="replace") as file:
        lines = (line for line in file if line.endswith("\n"))
        reader = csv.reader(lines)
        header = next(reader, [])
        for column in columns:
            if column not in header:
                raise InputError("column", column, "one of " + ", ".join(header))
        places = {column: header.index(column) for column in columns}
        for row in reader:
            if len(row) == len(header):
                yield {column: row[place] for column, place in places.items()}


def curves(directory: Path, x: str, y: str, by: str | None = None) -> dict[str, dict[str, list[float]]]:
    """Of the finished runs: value of `by` -> value of x -> the numbers y, one for every run that has them.

    Raises InputError for a column that there is not, and where no run has finished.
    """
    result: dict[str, dict[str, list[float]]] = {}
    for row in read_table(directory, dict.fromkeys(["status", x, y, *([by] if by else [])])):
        if row["status"] == FINISHED and row[y]:
            result.setdefault(row[by] if by else "", {}).setdefault(row[x], []).append(_number(y, row[y]))
    if not result:
        raise InputError("sweep directory", str(directory), f"one with finished runs that have {y}")
    return result


def _number(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError("y", column, f"a column of numbers, not of words such as {text!r}") from error
