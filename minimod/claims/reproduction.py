"""Carries out the experiments of claims: many runs at once, a process each; a run that has finished is used again."""

import hashlib
import json
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from minimod.backend import available_cores
from minimod.claims import CLAIMS
from minimod.claims.claim import Result, Row
from minimod.config import TrainingConfig
from minimod.errors import DivergenceError, InputError
from minimod.runs import Run, load_run
from minimod.training import Progress, train


class Reproduction:
    """The experiments of some claims, with their runs in a directory, in runs/.

    names: of CLAIMS. scale: "quick" or "full". seeds: how many, from 0 on; None: each claim's own number.
    """

    def __init__(self, names: Iterable[str], scale: str, directory: Path, seeds: int | None = None):
        self.names, self.scale, self.directory = tuple(names), scale, directory
        # One entry for every measurement: the claim, the seed, and the runs that it is made on.
        self.measurements = [
            (name, seed, tuple(replace(config, seed=seed) for config in configs))
            for name in self.names
            for seed in range(seeds or CLAIMS[name].seeds)
            for configs in CLAIMS[name].experiments(scale)
        ]

    def run_directory(self, config: TrainingConfig) -> Path:
        """Where a run is kept: what it is, in short, and a hash of the whole configuration."""
        digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode()).hexdigest()[:8]
        name = f"{config.rule}{config.modulus}-width{config.width}-noise{config.noise_ratio:g}-seed{config.seed}"
        return self.directory / "runs" / f"{name}-{digest}"

    def missing(self) -> list[TrainingConfig]:
        """The runs that have not finished, the longest first: a long one at the end would leave the others waiting."""
        configs = {config for _, _, configs in self.measurements for config in configs}
        unfinished = [config for config in configs if not (self.run_directory(config) / "network.npz").exists()]
        return sorted(unfinished, key=lambda config: (work(config), str(config)), reverse=True)

    def train(self, configs: list[TrainingConfig], progress: Callable[[int, str | None], None]) -> None:
        """Train these runs, each on one thread and in a process of its own; a single one here, on all cores.

        `progress` is called with the `work` done since its last call, and with a line where there is something to say.
        """
        if len(configs) == 1:
            (config,) = configs
            step = work(config) // max(1, config.epochs)
            finished_run(config, self.run_directory(config), available_cores(), lambda epoch, row: progress(
                step * (epoch > 0), row and f"epoch {epoch}, loss {row['loss']:.4f}"
            ))
            return
        tasks = {(config, self.run_directory(config), 1): config for config in configs}
        for task, _ in in_processes(_finish, tasks):
            progress(work(tasks[task]), task[1].name)

    def results(self) -> list[Result]:
        """The measured rows of every claim, whose runs must all have finished."""
        tasks = [
            (name, tuple(self.run_directory(config) for config in configs)) for name, _, configs in self.measurements
        ]
        measured = dict(in_processes(measure, tasks))
        results = {name: Result(name, CLAIMS[name], self.scale, []) for name in self.names}
        for (name, seed, _), task in zip(self.measurements, tasks, strict=True):
            results[name].rows.extend({"seed": seed} | row for row in measured[task])
        return list(results.values())


def finished_run(config: TrainingConfig, directory: Path, threads: int, progress: Progress | None = None) -> Run:
    """The run of this configuration in the directory: loaded if it has finished, else trained to its end.

    Raises InputError if the directory holds anything but a run of this configuration.
    """
    if not (directory / "network.npz").exists():
        try:
            return train(replace(config, threads=threads), directory, progress)
        except DivergenceError as error:
            raise DivergenceError(f"{directory.name}: {error}") from error
    run = load_run(directory)
    if replace(run.config, threads=config.threads) != config:
        raise InputError("run directory", str(directory), "a run of the claim's own configuration")
    return run


def _finish(config: TrainingConfig, directory: Path, threads: int) -> None:
    """See that a run has finished; it stays on disk, and is not sent from process to process."""
    finished_run(config, directory, threads)


def measure(name: str, directories: tuple[Path, ...]) -> list[Row]:
    """The rows that a claim makes of some finished runs."""
    return CLAIMS[name].measure(*map(load_run, directories))


def in_processes(function: Callable, tasks: Iterable[tuple]) -> Iterator[tuple]:
    """(task, function(*task)) for all tasks as they finish, a process a core; what is still going on ends with it."""
    tasks = list(tasks)
    if len(tasks) <= 1:
        yield from ((task, function(*task)) for task in tasks)
        return
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of BLAS's threads
    with ProcessPoolExecutor(min(available_cores(), len(tasks)), context, initializer=_start_worker) as pool:
        try:
            futures = {pool.submit(function, *task): task for task in tasks}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


def _start_worker() -> None:
    """Leave Ctrl-C and warnings, which reach every process of the terminal, to the one that started the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("minimod").setLevel(logging.ERROR)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it could not say so."""
    multiprocessing.parent_process().join()
    os._exit(1)


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
