"""What is to be trained: the name, length and state of every run, an estimate for all, and the longest first.

Sweeps and claims both train their runs through this.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, TypeVar

from minimod.engine.device import available_cores
from minimod.groups.rules import table_path
from minimod.rules import RULES
from minimod.runs.config import FREE_FIELDS, TrainingConfig
from minimod.runs.files import checksum
from minimod.runs.run import files_of
from minimod.runs.training import train
from minimod.sweeps.executors import IN_FLIGHT, completed, in_turn

T = TypeVar("T")

# Short runs share a task of about so many seconds, at so many for a unit of `work`: a scheduler that hands out some
# hundreds of tasks a second then keeps thousands of cores busy.
TASK_SECONDS, SECONDS_OF_WORK = 10, 45e-12

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


def is_finished(directory: Path) -> bool:
    """Whether a directory holds a run that has been trained to its end; whether it is whole shows when it is read."""
    return (files_of(directory) / "network.npz").exists()


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
    yield from [task] * bool(task)


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
