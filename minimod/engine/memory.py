"""Memory: arrays that are kept from one use to the next, and how much a training run needs."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from minimod.engine.backend import SHARDS, Backend

if TYPE_CHECKING:
    from minimod.config import TrainingConfig

T = TypeVar("T")


class Kept(Generic[T]):
    """Sets of arrays, as many as there are threads at work. Fresh memory costs more than what is computed in it."""

    def __init__(self, make: Callable[[], T]):
        self._make = make
        self._unused: list[T] = []

    @contextmanager
    def borrow(self) -> Iterator[T]:
        """A set that no other thread has, with whatever was left in it."""
        try:
            arrays = self._unused.pop()
        except IndexError:
            arrays = self._make()
        yield arrays
        self._unused.append(arrays)


def memory_needed(config: "TrainingConfig", backend: Backend) -> int:
    """About how many bytes `train` takes at its peak, from above, besides Python and its libraries.

    Three parts: the data, 150 bytes for each of the P² pairs; of the parameters' size, one gradient for each shard, the
    parameters with an optimiser's state, and what an evaluation's Fourier transforms take (21 times in all); and for
    each thread the blocks that it works on. A test holds this against the peak that is measured.
    """
    P, M, itemsize = config.modulus, config.width, np.dtype(config.dtype).itemsize
    parameters, n = (3 * P * M + P) * itemsize, min(backend.block_size(M), P * P)
    block = n * (3 * (M + P) + (1 + 2 * config.record) * P) * itemsize
    return 150 * P * P + (SHARDS + 13) * parameters + backend.threads * block


def free_memory(xp: ModuleType) -> float:
    """Bytes that can still be had where the arrays of `xp` live; inf where the system does not tell."""
    if xp is not np:     # what CuPy keeps for later counts as used there
        return float(xp.cuda.runtime.memGetInfo()[0] + xp.get_default_memory_pool().free_bytes())
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return math.inf
