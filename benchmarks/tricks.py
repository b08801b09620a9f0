"""What each trick of the engine gains: the time of a training step without it over the time with it."""

import contextlib
import statistics
import time
from unittest.mock import patch

import numpy as np

from benchmarks import contenders
from minimod import TrainingConfig
from minimod.activations import Activation
from minimod.engine.backend import open_backend
from minimod.engine.kernels import IN_PLACE_ACTIVATIONS
from minimod.engine.memory import Kept

WIDTHS = (64, 256, 1024, 4096)


@contextlib.contextmanager
def _new_memory(self):
    yield self._make()


def _maximum(Z, out):
    return np.maximum(Z, 0, out=out)


# Trick -> a way to do without it.
TRICKS = {
    "the memory of Z, H, F and dW is kept": lambda: patch.object(Kept, "borrow", _new_memory),
    "a block is a square of all pairs": lambda: patch.object(contenders, "in_tiles", lambda pairs, *_: pairs),
    "ReLU by clip": lambda: patch.dict(
        IN_PLACE_ACTIVATIONS, relu=Activation(_maximum, IN_PLACE_ACTIVATIONS["relu"].derivative)
    ),
}


def measure(threads: int, rounds: int) -> dict[str, dict[int, float]]:
    """Trick -> width -> time without it over time with it, medians of steps taken in turn."""
    result = {trick: {} for trick in TRICKS}
    for width in WIDTHS:
        with open_backend("cpu", threads) as backend:
            steps = {}
            for name, without in ({"all": contextlib.nullcontext} | TRICKS).items():
                with without():
                    steps[name] = without, contenders.minimod(TrainingConfig(width=width), backend)[0], []
            for _ in range(10 * rounds):
                for without, step, times in steps.values():
                    with without():
                        step()
                        start = time.perf_counter()
                        step()
                        times.append(time.perf_counter() - start)
        medians = {name: statistics.median(times) for name, (_, _, times) in steps.items()}
        for trick in TRICKS:
            result[trick][width] = medians[trick] / medians["all"]
    return result
