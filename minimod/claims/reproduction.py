"""Carries out the experiments of claims: many runs at once, a process each; a run that has finished is used again."""

import itertools
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from minimod.claims import CLAIMS
from minimod.claims.claim import Result, Row
from minimod.engine.device import available_cores
from minimod.runs.config import TrainingConfig
from minimod.runs.jobs import Store, WorkProgress, work
from minimod.runs.run import load_run
from minimod.runs.training import State
from minimod.sweeps.executors import in_processes, process_pool


def number_of_runs(names: Iterable[str], scale: str, seeds: int | None) -> int:
    """How many runs the experiments of some claims have, without making them; what claims share counts once."""
    most: dict[TrainingConfig, int] = {}
    for name in names:
        for config in itertools.chain(*CLAIMS[name].experiments(scale)):
            most[config] = max(most.get(config, 0), seeds or CLAIMS[name].seeds)
    return sum(most.values())


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
        return Store(self.directory / "runs").place(config)

    def missing(self) -> dict[Path, TrainingConfig]:
        """The runs that have not finished, by directory."""
        runs = {self.run_directory(config): config for _, _, configs in self.measurements for config in configs}
        return {directory: config for directory, config in runs.items() if not (directory / "network.npz").exists()}

    def train(self, runs: Mapping[Path, TrainingConfig], progress: WorkProgress) -> None:
        """Train these runs, each on one thread and in a process of its own; a single one here, on all cores."""
        store = Store(self.directory / "runs")
        if len(runs) > 1:
            with process_pool() as executor:
                store.train([*runs.values()], executor, progress)
            return
        for config in runs.values():
            step = work(config) // max(1, config.epochs)

            def tell(state: State, step: int = step) -> None:
                row = state.metrics
                line = f"epoch {state.epoch}, loss {row['loss']:.4f}" if row else None
                progress(step * (state.epoch > 0), line)

            store.get(replace(config, threads=available_cores()), tell)

    def results(self) -> Generator[Result, None, None]:
        """The measured rows of every claim, in their order, each once it has all. The runs must have finished."""
        tasks = [
            (name, tuple(self.run_directory(config) for config in configs)) for name, _, configs in self.measurements
        ]
        measured = iter(in_processes(measure, tasks))
        for name in self.names:
            seeds = [seed for other, seed, _ in self.measurements if other == name]
            rows = [{"seed": seed} | row for seed, rows in zip(seeds, measured, strict=False) for row in rows]
            yield Result(name, CLAIMS[name], self.scale, rows)


def measure(name: str, directories: tuple[Path, ...]) -> list[Row]:
    """The rows that a claim makes of some finished runs."""
    return CLAIMS[name].measure(*map(load_run, directories))
