"""What is to be trained: the name, length and state of every run, an estimate for all, and the longest first.

Sweeps and claims both train their runs through this.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from minimod.config import FREE_FIELDS, TrainingConfig
from minimod.engine.device import available_cores
from minimod.rules import RULES
from minimod.rules.tables import table_path
from minimod.store.files import checksum
from minimod.store.runs import files_of
from minimod.sweeps.executors import completed
from minimod.training import train

# Called with the `work` that was done since the last call, and with a line where there is something to say.
WorkProgress = Callable[[int, str | None], Any]


def run_name(config: TrainingConfig) -> str:
    """What a run is, in short, and a hash of the fields that differ from their defaults."""
    changes = {name: value for name, value in config.changes().items() if name not in FREE_FIELDS}
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


def is_finished(directory: Path) -> bool:
    """Whether a directory holds a run that has been trained to its end; whether it is whole shows when it is read."""
    return (files_of(directory) / "network.npz").exists()


def longest_first(
    executor: Executor, function: Callable[..., Any], runs: Mapping[Path, TrainingConfig], *arguments: Any
) -> Iterator[tuple[Path, Future[Any]]]:
    """(directory, future of function(config, directory, *arguments)) for all runs, as they are done.

    The longest are begun first: a long one at the end would leave the other workers waiting.
    """
    directories = sorted(runs, key=lambda directory: work(runs[directory]), reverse=True)
    tasks = ((runs[directory], directory, *arguments) for directory in directories)
    for (_, directory, *_), future in completed(executor, function, tasks):
        yield directory, future
