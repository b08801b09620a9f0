"""The gain of every trick of the engine: the time of a training step without the trick over the time with it."""

import contextlib
import statistics
import time
from unittest.mock import Mock, patch

import numpy as np

from benchmarks import contenders
from minimod import TrainingConfig
from minimod.activations import Activation
from minimod.engine.backend import Backend, open_backend
from minimod.engine.kernels import IN_PLACE_ACTIVATIONS, IN_PLACE_LOSSES
from minimod.engine.memory import BufferPool

WIDTHS = (64, 256, 1024, 4096)


@contextlib.contextmanager
def _new_memory(self):
    yield self._make()


def _maximum(Z, out):
    return np.maximum(Z, 0, out=out)


def _old_number_of_blocks(self, n, width, modulus):
    return -(-n // max(64, min(2**19 // width, 1280)))


def _with_row_maxima(F, label, n_total):
    F -= F.max(axis=1, keepdims=True)
    return CROSS_ENTROPY(F, label, n_total)


CROSS_ENTROPY = IN_PLACE_LOSSES["cross_entropy"]

# Trick -> a patch that removes it.
TRICKS = {
    "the memory of Z, H, F and dW is kept": lambda: patch.object(BufferPool, "borrow", _new_memory),
    "a thread has the memory that it had before": lambda: patch(
        "minimod.engine.memory.threading", Mock(get_ident=lambda: 0)
    ),
    "blocks by the work there is, and not of 2 MiB": lambda: patch.object(Backend, "n_blocks", _old_number_of_blocks),
    "no largest logit of every row": lambda: patch.dict(IN_PLACE_LOSSES, cross_entropy=_with_row_maxima),
    "a block is a square of all pairs": lambda: patch.object(contenders, "in_tiles", lambda pairs, *_: pairs),
    "ReLU by clip": lambda: patch.dict(
        IN_PLACE_ACTIVATIONS, relu=Activation(_maximum, IN_PLACE_ACTIVATIONS["relu"].derivative)
    ),
    "all parameters are one array": lambda: patch("minimod.runs.training.AS_ONE", 0),
}


def measure(threads: int, rounds: int) -> dict[str, dict[int, float]]:
    """Trick -> width -> time without the trick over time with it, medians over steps that are taken in turn."""
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
