"""Many runs: where the run of a job is kept, which jobs are missing, and training these, the longest first.

A sweep is a grid of jobs, a claim jobs with bounds, and both train through a `Store`. The caller brings the executor.
"""

import itertools
import math
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from minimod.engine.device import available_cores, first_line, is_gpu_error
from minimod.groups.rules import table_path
from minimod.rules import RULES
from minimod.runs.config import FREE_FIELDS, TrainingConfig
from minimod.runs.data import Job
from minimod.runs.files import checksum
from minimod.runs.run import Run
from minimod.runs.training import Callback, finished_run, train

T = TypeVar("T")

# Short runs share a task of about so many seconds, at so many for a unit of `work`: a scheduler that hands out some
# hundreds of tasks a second then keeps thousands of cores busy.
TASK_SECONDS, SECONDS_OF_WORK = 10, 45e-12

# So many tasks are handed to an executor at a time: enough for a large cluster, and few enough to keep account of.
IN_FLIGHT = 10_000

# Called with the `work` that was done since the last call, and with a line where there is something to say.
WorkProgress = Callable[[int, str | None], Any]


def run_name(config: TrainingConfig) -> str:
    """What a run is, in short, and a hash of the fields that differ from their defaults."""
    changes = {name: value for name, value in config.fingerprint().items() if name not in FREE_FIELDS}
    settings = f"width{config.width}-noise{config.noise_ratio:g}-seed{config.seed}"
    path = table_path(config.rule)
    name = path.stem[:40] if path else config.rule
    rule = "".join(letter for letter in name if letter.isalnum())       # neither / nor parentheses in a path
    return f"{rule}{config.modulus if config.rule in RULES else ''}-{settings}-{checksum(changes)[:12]}"


def work(config: TrainingConfig) -> int:
    """A run's length in units that take about as long for every run: epochs · examples · width · (P + 64).

    The three products of a step take n M P each; the passes over its n × M arrays about as long as at P = 64.
    """
    P = config.modulus
    return max(1, config.epochs) * round(config.train_fraction * P**2) * config.width * (P + 64)


def estimated_seconds(configs: Iterable[TrainingConfig], jobs: int | None = None) -> float:
    """How long it will take to train these runs, so many at a time, from a short run that is timed now.

    None: one at a time for each of this machine's cores.
    """
    short = TrainingConfig(modulus=59, width=512, epochs=30, eval_every=30, threads=1, device="cpu")
    start = time.perf_counter()
    train(short)
    rate = (time.perf_counter() - start) / work(short)
    lengths = [work(config) for config in configs]
    return rate * max(max(lengths) if len(lengths) > 1 else 0, sum(lengths) / min(jobs or math.inf, available_cores()))


class Store:
    """A directory of runs, each under a name made from its configuration: job -> run."""

    def __init__(self, directory: Path):
        self.directory = directory

    def place(self, config: TrainingConfig) -> Path:
        """Where the run of a configuration is kept."""
        return self.directory / run_name(config)

    def get(self, config: TrainingConfig, callback: Callback | None = None) -> Run:
        """The run of a configuration: loaded if it has finished, else trained to its end."""
        return finished_run(Job(config), self.place(config), callback)

    def missing(self, configs: Iterable[TrainingConfig]) -> list[TrainingConfig]:
        """The configurations, each once, whose runs have not finished; whether one is whole shows when it is read."""
        return [each for each in dict.fromkeys(configs) if not (self.place(each) / "network.npz").exists()]

    def train(self, configs: Sequence[TrainingConfig], executor: Executor, progress: WorkProgress) -> None:
        """Train these runs to their ends, each on one thread. Raises what a run raises."""
        runs = {self.place(config): replace(config, threads=1) for config in configs}
        for place, error in longest_first(executor, _finish, runs):
            if error:
                raise error
            progress(work(runs[place]), place.name)


def _finish(config: TrainingConfig, directory: Path) -> None:
    """See that a run has finished; it stays on disk, and is not sent from process to process."""
    finished_run(Job(config), directory)


def longest_first(
    executor: Executor, function: Callable[..., Any], runs: Mapping[Path, TrainingConfig], *arguments: Any
) -> Iterator[tuple[Path, Any]]:
    """(directory, what function(config, directory, *arguments) returns or raises) for all runs, as they are done.

    The longest are begun first: a long one at the end would leave the other workers waiting.
    """
    tasks = in_tasks({directory: work(config) for directory, config in runs.items()}, TASK_SECONDS / SECONDS_OF_WORK)
    calls = ((function, [(runs[directory], directory, *arguments) for directory in task]) for task in tasks)
    for (_, task), future in completed(executor, in_turn, calls):
        error = future.exception()
        results = [error] * len(task) if error else future.result()
        yield from ((directory, result) for (_, directory, *_), result in zip(task, results, strict=True))


def in_tasks(lengths: Mapping[T, float], most: float) -> Iterator[list[T]]:
    """The keys, the longest first, in lists whose lengths add up to at most `most`, or of a single one.

    There are so many lists, if there are so many keys, that IN_FLIGHT of them share all there is.
    """
    most = min(most, sum(lengths.values()) / IN_FLIGHT)
    task: list[T] = []
    total = 0.0
    for key in sorted(lengths, key=lambda key: lengths[key], reverse=True):
        if task and total + lengths[key] > most:
            yield task
            task, total = [], 0.0
        task.append(key)
        total += lengths[key]
    if task:
        yield task


def in_turn(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What function(*call) returns or raises, for all calls. The error of a single one is raised, and that of a GPU."""
    if len(calls) == 1:
        return [function(*calls[0])]
    results: list[Any] = []
    for call in calls:
        try:
            results.append(function(*call))
        except Exception as error:
            if is_gpu_error(error):
                raise
            try:
                pickle.dumps(error)
            except Exception:       # one that cannot be sent would be the error of all
                error = RuntimeError(f"{type(error).__name__}: {first_line(error)}")
            results.append(error)
    return results


def completed(
    executor: Executor, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[tuple[Any, ...], Future[Any]]]:
    """(task, future of function(*task)) for all tasks, as they are done."""
    remaining = iter(tasks)
    running: dict[Future[Any], tuple[Any, ...]] = {}
    done: SimpleQueue[Future[Any]] = SimpleQueue()
    while True:
        for task in itertools.islice(remaining, IN_FLIGHT - len(running)):
            future = executor.submit(function, *task)
            running[future] = task
            future.add_done_callback(done.put)
        if not running:
            return
        future = done.get()
        yield running.pop(future), future
