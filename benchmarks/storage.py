"""The time of storing: a checkpoint in the middle of training, and a sweep's table of 100,000 rows.

Run `python -m benchmarks.storage`.
"""

import statistics
import tempfile
import time
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from benchmarks.processes import peak_memory
from minimod import TrainingConfig, metrics
from minimod.report import curves as table_curves
from minimod.report.draw import draw
from minimod.report.style import save_figure
from minimod.runs.contents import Description, Saved, save
from minimod.runs.run import FINISHED, initial_network
from minimod.runs.training import make_optimizer
from minimod.sweeps.sweep import Outcome, Sweep
from minimod.sweeps.table import COLUMNS, curves, options_of

CHECKPOINT_SECONDS = 10
ROWS = 100_000


def checkpoint_milliseconds(width: int, rounds: int = 20) -> float:
    """The median time to write one checkpoint, with a hundred measured epochs."""
    config = TrainingConfig(width=width)
    network = initial_network(config)
    optimizer = make_optimizer(config, network.parameters)
    rows = [dict.fromkeys(metrics.METRIC_COLUMNS, 0.123456789)] * 100
    times = []
    described = Description(config, {}, "")
    with tempfile.TemporaryDirectory() as directory:
        for epoch in range(rounds):
            start = time.perf_counter()
            arrays = network.parameters | optimizer.state
            save(Path(directory) / "checkpoint.npz", described, Saved(epoch, arrays, rows))
            times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


class AtOnce:
    """An executor whose runs take no time. It returns a row of random numbers."""

    def __init__(self):
        self._random = np.random.default_rng(0)

    def submit(self, function, job, directory, *_):
        """A finished future with the outcome of a run."""
        row = {"run": directory.name, "status": FINISHED} | options_of(job.config)
        numbers = [name for name in COLUMNS if name not in row and name not in ("error", "epoch")]
        row |= dict(zip(numbers, self._random.random(len(numbers)).tolist(), strict=True))
        future = Future()
        future.set_result(Outcome(row, {}))
        return future


def table_seconds() -> tuple[float, float, float]:
    """Seconds to write a table of ROWS rows, one after the other; seconds to plot it; its size in MB."""
    grid = {"width": list(range(8, 1008)), "noise_ratio": [i / 20 for i in range(20)]}
    with tempfile.TemporaryDirectory() as directory:
        sweep = Sweep(directory, {"preset": "headline", "grid": grid, "seeds": ROWS // 20_000})
        start = time.perf_counter()
        sweep.run(AtOnce(), lambda work, status: None)
        written = time.perf_counter()
        data = curves(Path(directory), "width", "dominant_test", "noise_ratio")
        chart = table_curves.curves(data, "width", "dominant_test", "noise_ratio")
        save_figure(draw(chart), Path(directory) / "figure.png")
        size = (Path(directory) / "results.csv").stat().st_size / 1e6
        return written - start, time.perf_counter() - written, size


def main() -> None:
    """Print the time of a checkpoint and of a table."""
    for width in (256, 2048, 4096):
        milliseconds = checkpoint_milliseconds(width)
        share = 100 * milliseconds / (1e3 * CHECKPOINT_SECONDS)
        print(f"checkpoint at M = {width}: {milliseconds:.0f} ms, {share:.2f} % of {CHECKPOINT_SECONDS} s between two")
    written, plotted, size = table_seconds()
    print(f"table of {ROWS} rows, {size:.0f} MB: written in {written:.1f} s, plotted in {plotted:.1f} s,"
          f" with {peak_memory():.0f} MB of memory")


if __name__ == "__main__":
    main()
