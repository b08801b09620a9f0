"""Carries out the experiments of claims: many runs at once, a process each; a run that has finished is used again."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from minimod.backend import available_cores
from minimod.claims import CLAIMS
from minimod.claims.claim import Result, Row
from minimod.config import TrainingConfig
from minimod.executors import in_processes
from minimod.runs import load_run
from minimod.sweep import finished_run, run_name, work


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
        """Where a run is kept."""
        return self.directory / "runs" / run_name(config)

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


def _finish(config: TrainingConfig, directory: Path, threads: int) -> None:
    """See that a run has finished; it stays on disk, and is not sent from process to process."""
    finished_run(config, directory, threads)


def measure(name: str, directories: tuple[Path, ...]) -> list[Row]:
    """The rows that a claim makes of some finished runs."""
    return CLAIMS[name].measure(*map(load_run, directories))
