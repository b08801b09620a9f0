"""Carries out the experiments of claims: many runs at once, a process each; a run that has finished is used again."""

import itertools
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from minimod.claims.claim import Claim, Result, Row, judge
from minimod.claims.named import find_claims
from minimod.engine.device import available_cores, machine
from minimod.runs.config import TrainingConfig
from minimod.runs.jobs import Store, WorkProgress, work
from minimod.runs.run import load_run
from minimod.runs.training import State
from minimod.sweeps.executors import in_processes, process_pool
from minimod.version import VERSION


def number_of_runs(claims: Mapping[str, Claim], scale: str, seeds: int | None) -> int:
    """How many runs the experiments of some claims have, without making them; what claims share counts once."""
    most: dict[TrainingConfig, int] = {}
    for claim in claims.values():
        for config in itertools.chain(*claim.experiments(scale)):
            most[config] = max(most.get(config, 0), seeds or claim.seeds)
    return sum(most.values())


class Reproduction:
    """The experiments of some claims, with their runs in a directory, in runs/.

    claims: see `find_claims`. scale: "quick" or "full". seeds: how many, from 0 on; None: each claim's own number.
    """

    def __init__(self, claims: Mapping[str, Claim], scale: str, directory: Path, seeds: int | None = None):
        self.claims, self.scale, self.store = claims, scale, Store(directory / "runs")
        # One entry for every measurement: the claim, the seed, and the runs that it is made on.
        self.measurements = [
            (argument, seed, tuple(replace(config, seed=seed) for config in configs))
            for argument, claim in claims.items()
            for seed in range(seeds or claim.seeds)
            for configs in claim.experiments(scale)
        ]

    def missing(self) -> list[TrainingConfig]:
        """The configurations of the runs that have not finished."""
        return self.store.missing(config for _, _, configs in self.measurements for config in configs)

    def train(self, configs: Sequence[TrainingConfig], progress: WorkProgress) -> None:
        """Train these runs, each on one thread and in a process of its own; a single one here, on all cores."""
        if len(configs) > 1:
            with process_pool() as executor:
                self.store.train(configs, executor, progress)
            return
        for config in configs:
            step = work(config) // max(1, config.epochs)

            def tell(state: State, step: int = step) -> None:
                line = f"epoch {state.epoch}, loss {state.metrics['loss']:.4f}" if state.metrics else None
                progress(step * (state.epoch > 0), line)

            self.store.get(replace(config, threads=available_cores()), tell)

    def results(self) -> Generator[Result, None, None]:
        """The measured rows of every claim, in their order, each once it has all. The runs must have finished."""
        tasks = [(argument, tuple(map(self.store.place, configs))) for argument, _, configs in self.measurements]
        measured = iter(in_processes(measure, tasks))
        for argument, claim in self.claims.items():
            seeds = [seed for other, seed, _ in self.measurements if other == argument]
            rows = [{"seed": seed} | row for seed, rows in zip(seeds, measured, strict=False) for row in rows]
            yield judge(argument, claim, self.scale, rows, **_here_and_now())


def _here_and_now() -> dict[str, str]:
    """When and on what something is measured now, see `Result`."""
    return {"date": str(date.today()), "minimod": VERSION, "numpy": np.__version__, "machine": machine()}


def measure(argument: str, directories: tuple[Path, ...]) -> list[Row]:
    """The rows that a claim makes of some finished runs. A claim cannot be sent to a process: it finds the claim."""
    (claim,) = find_claims([argument]).values()
    return claim.measure(*map(load_run, directories))
