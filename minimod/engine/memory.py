"""Memory: arrays that are used again, and the number of free bytes."""

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import numpy as np

T = TypeVar("T")


class Flat(dict[str, Any]):
    """Copies of arrays of one dtype, by name. They are views into one `buffer`, one after the other.

    So one call on the buffer changes all numbers.
    """

    def __init__(self, arrays: dict[str, Any]):
        self.buffer = np.concatenate([array.reshape(-1) for array in arrays.values()])
        self._shapes = {name: array.shape for name, array in arrays.items()}
        super().__init__(self.parts(self.buffer))

    def parts(self, buffer: Any) -> dict[str, Any]:
        """The arrays by name as views into another buffer, which has the same length as `self.buffer`."""
        parts, end = {}, 0
        for name, shape in self._shapes.items():
            start, end = end, end + math.prod(shape)
            parts[name] = buffer[start:end].reshape(shape)
        return parts


class BufferPool(Generic[T]):
    """Sets of arrays, one for every thread at work. New memory costs more time than the computation in it.

    A thread gets its own set again, which may still be in its core's cache.
    """

    def __init__(self, make: Callable[[], T]):
        self._make = make
        self._unused: defaultdict[int, list[T]] = defaultdict(list)      # by thread

    @contextmanager
    def borrow(self) -> Iterator[T]:
        """A set of arrays for this `with` block alone. The arrays still hold old numbers."""
        unused = self._unused[threading.get_ident()]
        arrays = unused.pop() if unused else self._make()       # no other thread uses this list
        yield arrays
        unused.append(arrays)


def free_memory(xp: ModuleType) -> float:
    """The free bytes in the memory that holds the arrays of `xp`; inf if the system does not report them."""
    if xp is not np:     # memory that CuPy keeps for later use is free, too, but the driver counts it as used
        return float(xp.cuda.runtime.memGetInfo()[0] + xp.get_default_memory_pool().free_bytes())
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return math.inf
