"""The time of a large sweep, computed from the time of one run, and the rate at which Dask distributes runs.

Run `python -m benchmarks.scale`. For Dask, a run only sleeps, because the cluster has many more threads than this
machine has cores.
"""

import logging
import statistics
import time
from concurrent.futures import wait
from dataclasses import replace

import click
import numpy as np

from minimod import TrainingConfig, train
from minimod.runs.jobs import work
from minimod.sweeps.executors import dask_cluster

CORES = (2, 64, 4096)
RUNS = (10_000, 1_000_000)
SETTINGS = {
    "P = 59, M = 512, 200 epochs": TrainingConfig(modulus=59, width=512, epochs=200),
    "P = 113, M = 2048, 100 epochs": TrainingConfig(),
}
WORKERS, THREADS = 2, 64
MEANS = (4.0, 1.0, 0.25, 0.1, 0.03)


def picoseconds(rounds: int = 3) -> dict[str, float]:
    """Setting -> the time of a run on one thread over its `work`, the median. Runs have a tenth of the epochs."""
    result = {}
    for name, config in SETTINGS.items():
        short = replace(config, epochs=config.epochs // 10, eval_every=10**6, threads=1)
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            train(short)
            times.append(1e12 * (time.perf_counter() - start) / work(short))
        result[name] = statistics.median(times)
    return result


def duration(seconds: float) -> str:
    """A time in a readable unit."""
    for unit, length in {"days": 86400, "hours": 3600, "min": 60}.items():
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def sleep(seconds: float) -> float:
    """A run that only takes time."""
    time.sleep(seconds)
    return seconds


def dask_rates(seconds: float = 15) -> list[tuple[float, float, float]]:
    """For each mean length of a run: the mean length, the possible runs per second, and the measured runs per second.

    Lengths vary as in a grid of widths that double four times: five lengths, each twice as long as the one before.
    """
    from distributed import LocalCluster

    logging.disable()  # Dask logs errors about messages that it still sends when the cluster closes
    generator, result = np.random.default_rng(0), []
    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=THREADS, dashboard_address=None) as cluster,
        dask_cluster(cluster.scheduler_address) as executor,
    ):
        for mean in MEANS:
            possible = WORKERS * THREADS / mean
            lengths = mean * 2.0 ** generator.integers(0, 5, int(possible * seconds)) / np.mean(2.0 ** np.arange(5))
            every = -(-len(lengths) // int(600 * seconds))      # more than Dask can distribute would only take longer
            lengths = np.sort(lengths)[::-1][::every].tolist()
            start = time.perf_counter()
            wait([executor.submit(sleep, length) for length in lengths])
            result.append((mean, possible, len(lengths) / (time.perf_counter() - start)))
    return result


@click.command()
def main():
    """Print the time of large sweeps and the rates of Dask."""
    print("| a run | ps a unit of work | one run, one core | runs |" + "".join(f" {n} cores |" for n in CORES))
    print("| --- | --: | --: | --: |" + " --: |" * len(CORES))
    for name, constant in picoseconds().items():
        run = constant * work(SETTINGS[name]) / 1e12
        for n in RUNS:
            times = " | ".join(duration(max(run, run * n / cores)) for cores in CORES)
            print(f"| {name} | {constant:.0f} | {run:.1f} s | {n:,} | {times} |")
    print(f"\n| mean length of a run | runs/s, {WORKERS * THREADS} threads | done |")
    print("| --: | --: | --: |")
    for mean, *rates in dask_rates():
        print(f"| {mean:g} s |" + "".join(f" {rate:.0f} |" for rate in rates))


if __name__ == "__main__":
    main()
