"""Many runs: the directory of every job's run, the jobs that are missing, and their training, the longest run first.

A sweep is a grid of jobs. A claim is jobs with bounds. Both train through a `Store`. The caller brings the executor.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

from minimod.engine.device import available_cores
from minimod.groups.rules import table_path
from minimod.rules import RULES
from minimod.runs.config import FREE_FIELDS, TrainingConfig
from minimod.runs.data import Job
from minimod.runs.files import checksum
from minimod.runs.run import Run
from minimod.runs.training import Callback, finished_run, train

# Called with the `work` that was done since the last call, and with a line of text or None.
WorkProgress = Callable[[int, str | None], Any]


def run_name(config: TrainingConfig) -> str:
    """The name of a run: its main settings, and a hash of the fields that differ from their defaults."""
    changes = {name: value for name, value in config.fingerprint().items() if name not in FREE_FIELDS}
    settings = f"width{config.width}-noise{config.noise_ratio:g}-seed{config.seed}"
    path = table_path(config.rule)
    name = path.stem[:40] if path else config.rule
    rule = "".join(letter for letter in name if letter.isalnum())       # a path gets no / and no parentheses
    return f"{rule}{config.modulus if config.rule in RULES else ''}-{settings}-{checksum(changes)[:12]}"


def work(config: TrainingConfig) -> int:
    """The length of a run, in units that take about the same time in every run: epochs · examples · width · (P + 64).

    A step has three matrix products of n M P multiplications. Its other operations on n × M arrays take about as long
    as the products for P = 64.
    """
    P = config.modulus
    return max(1, config.epochs) * round(config.train_fraction * P**2) * config.width * (P + 64)


def estimated_seconds(configs: Iterable[TrainingConfig], jobs: int | None = None) -> float:
    """An estimate of the seconds that it takes to train these runs. It trains a short run to measure the speed.

    jobs: the number of runs at a time; None: the number of this machine's cores.
    """
    short = TrainingConfig(modulus=59, width=512, epochs=30, eval_every=30, threads=1, device="cpu")
    start = time.perf_counter()
    train(short)
    rate = (time.perf_counter() - start) / work(short)
    lengths = [work(config) for config in configs]
    return rate * max(max(lengths) if len(lengths) > 1 else 0, sum(lengths) / min(jobs or math.inf, available_cores()))


class Store:
    """A directory of runs, job -> run. The name of a run comes from its configuration, see `run_name`."""

    def __init__(self, directory: Path):
        self.directory = directory

    def place(self, config: TrainingConfig) -> Path:
        """The directory of a configuration's run."""
        return self.directory / run_name(config)

    def get(self, config: TrainingConfig, callback: Callback | None = None) -> Run:
        """The run of a configuration: loaded if it has finished, else trained to its end."""
        self.directory.mkdir(parents=True, exist_ok=True)
        return finished_run(Job(config), self.place(config), callback)

    def missing(self, configs: Iterable[TrainingConfig]) -> list[TrainingConfig]:
        """The configurations without a finished run, without repeats. Damage to a run shows only when it is read."""
        return [each for each in dict.fromkeys(configs) if not (self.place(each) / "network.npz").exists()]

    def train(self, configs: Sequence[TrainingConfig], executor: Executor, progress: WorkProgress) -> None:
        """Train these runs to their ends, with one thread per run. Raises what a run raises."""
        self.directory.mkdir(parents=True, exist_ok=True)
        jobs = {self.place(config): Job(replace(config, threads=1)) for config in configs}
        for place, future in longest_first(executor, _finish, jobs):
            future.result()
            progress(work(jobs[place].config), place.name)


def _finish(job: Job, directory: Path) -> None:
    """Train a run to its end. The run stays on disk, and is not sent to another process."""
    finished_run(job, directory)


def longest_first(
    executor: Executor, function: Callable[..., Any], jobs: Mapping[Path, Job], *arguments: Any
) -> Iterator[tuple[Path, Future[Any]]]:
    """(directory, future of function(job, directory, *arguments)) for all jobs, in the order in which they end.

    The longest jobs start first. A long job at the end would leave the other workers idle.
    """
    order = sorted(jobs, key=lambda directory: work(jobs[directory].config), reverse=True)
    futures = {executor.submit(function, jobs[directory], directory, *arguments): directory for directory in order}
    for future in as_completed(futures):
        yield futures.pop(future), future
