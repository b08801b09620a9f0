"""Run the experiments of claims. Many runs train at once, one process for each. A finished run is used again."""

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
    """The number of runs of these claims. It trains nothing, and counts a run that several claims share once."""
    most: dict[TrainingConfig, int] = {}
    for claim in claims.values():
        for config in itertools.chain(*claim.experiments(scale)):
            most[config] = max(most.get(config, 0), seeds or claim.seeds)
    return sum(most.values())


class Reproduction:
    """The experiments of some claims, with their runs in the folder runs/ of a directory.

    claims: see `find_claims`. scale: "quick" or "full".
    seeds: the number of seeds, which are 0, 1, ... None: the number that each claim names.
    """

    def __init__(self, claims: Mapping[str, Claim], scale: str, directory: Path, seeds: int | None = None):
        self.claims, self.scale, self.store = claims, scale, Store(directory / "runs")
        # One entry for every measurement: the claim, the seed, and the runs that `measure` gets.
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
        """Train these runs: several in processes, with one thread for each run; a single run here, on all cores."""
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
        """The results, in the order of the claims. A result comes when all its rows are measured.

        The runs must have finished.
        """
        tasks = [(argument, tuple(map(self.store.place, configs))) for argument, _, configs in self.measurements]
        measured = iter(in_processes(measure, tasks))
        for argument, claim in self.claims.items():
            seeds = [seed for other, seed, _ in self.measurements if other == argument]
            rows = [{"seed": seed} | row for seed, rows in zip(seeds, measured, strict=False) for row in rows]
            yield judge(argument, claim, self.scale, rows, **_here_and_now())


def _here_and_now() -> dict[str, str]:
    """The date, the versions and the machine of a measurement that is made now, see `Result`."""
    return {"date": str(date.today()), "minimod": VERSION, "numpy": np.__version__, "machine": machine()}


def measure(argument: str, directories: tuple[Path, ...]) -> list[Row]:
    """The rows that a claim measures on these finished runs.

    A claim has functions that cannot be sent to another process. So the argument is sent, and the claim is found here.
    """
    (claim,) = find_claims([argument]).values()
    return claim.measure(*map(load_run, directories))
