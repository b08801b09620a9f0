"""Write the small runs and the sweep of 0.2.0 or 0.3.0, with the code of that version itself.

In a checkout of the version (7cac8a4 is the last commit of 0.2.0, 3f59190 was the last before the rebuild of 0.3.0):

    PYTHONPATH=. python PLACE/make.py PLACE/0.3.0

Here, PLACE is the directory of this file. 0.1.0/ was written by `train` and the command line of 0.1.0 (cab8161), which
this does not know.
"""

# ruff: noqa: I001  the modules are those of another version
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from minimod.config import TrainingConfig
from minimod.errors import DivergenceError
from minimod.store import claiming
from minimod.sweeps.sweep import Sweep
from minimod.training import train
from minimod.version import VERSION

PLACE = Path(__file__).resolve().parent
SMALL = TrainingConfig(modulus=5, width=3, epochs=4, eval_every=2, noise_ratio=0.4, threads=1, device="cpu")
N_TRAIN = 20
LABELS, KEPT = np.arange(N_TRAIN) % 5, np.arange(N_TRAIN) % 4 > 0
A, B = (index.ravel() for index in np.indices((5, 5)))
PARTS = np.where(A == B, np.where(A < 2, 1, 2), 0)
PAIRS = np.stack([A, B, (A + B + (A == 0)) % 5, (A + B) % 5, PARTS], axis=1)
WORDS = np.array(["null", "eins", "zwei", "drei", "fünf"])
TABLE = np.array([[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]])
MATRIX = (np.ones((5, 5)) - np.eye(5)) / 4
GRID = {"modulus": [5], "width": [3], "epochs": [2], "noise_ratio": [0.4], "train": ["all", "output"]}


class Stopped(Exception):
    """Raised out of the progress callback."""


def finished(directory: str, **options: object) -> None:
    """Train the small run with other fields, and with arrays of one's own."""
    fields = {name: options.pop(name) for name in [*options] if hasattr(SMALL, name)}
    train(replace(SMALL, **fields), directory, **options)


def stopped(config: TrainingConfig, directory: str, epoch: int, extend: bool = False) -> None:
    """Train up to an epoch, with a checkpoint at every second one before it."""
    def progress(now: int, metrics: object) -> None:
        if now == epoch:
            raise Stopped

    with suppress(Stopped):
        train(config, directory, progress, checkpoint_every=2, extend=extend)


def write_runs() -> None:
    finished("finished", record=True, snapshots=(0, 1, 3))
    finished("frozen", train="output")
    finished("relabelled", labels=LABELS, kept=KEPT)
    finished("pairs", rule="pairs", noise_ratio=0.0, pairs=PAIRS, tokens=WORDS)
    np.savetxt("own.csv", TABLE, "%d", ",")
    finished("table", rule="table:own.csv", noise_kind="matrix", noise_matrix=MATRIX)
    Path("own.csv").unlink()
    stopped(SMALL, "unfinished", 3)
    finished("extending", snapshots=(0, 1))
    stopped(replace(SMALL, epochs=8, snapshots=(0, 1, 6)), "extending", 7, extend=True)
    with suppress(DivergenceError):
        finished("diverged", optimizer="sgd", learning_rate=1e30)


def write_extensions() -> None:
    """Two more extensions, one of a run of 0.1.0, one as if killed before it was moved over the run. 0.2.0 has none."""
    shutil.copytree(PLACE / "0.1.0" / "run", "extending-0.1.0")
    longer = TrainingConfig(modulus=7, width=8, epochs=8, eval_every=2, noise_ratio=0.4, threads=1)
    stopped(longer, "extending-0.1.0", 7, extend=True)
    finished("extended")
    claiming._move_up = lambda directory: None
    finished("extended", epochs=6, extend=True)


def write_sweep() -> None:
    """A sweep of two runs, one of them not trained yet."""
    sweep = Sweep("sweep", {"preset": "headline", "grid": GRID, "seeds": 1})
    with ThreadPoolExecutor(1) as executor:
        sweep.run(executor, lambda work, status: None, keep_checkpoints=True)
    for name, config in sweep.configs.items():
        if config.train == "all":
            shutil.rmtree(Path("sweep", "runs", name))
            lines = Path("sweep/results.csv").read_text().splitlines(keepends=True)
            Path("sweep/results.csv").write_text("".join(line for line in lines if not line.startswith(name)))


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir()
    os.chdir(sys.argv[1])
    write_runs()
    write_sweep()
    if VERSION == "0.3.0":
        write_extensions()
    for lock in Path().rglob(".lock"):
        lock.unlink()
