"""Memory: arrays that are kept from one use to the next, and how much is free."""

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
    """Copies of arrays of one kind, by name, that lie one after the other in one `buffer`.

    What is done to every number is one call on the buffer, whatever the arrays are.
    """

    def __init__(self, arrays: dict[str, Any]):
        self.buffer = np.concatenate([array.reshape(-1) for array in arrays.values()])
        self._shapes = {name: array.shape for name, array in arrays.items()}
        super().__init__(self.parts(self.buffer))

    def parts(self, buffer: Any) -> dict[str, Any]:
        """The arrays by name that lie in a buffer of this one's length: views."""
        parts, end = {}, 0
        for name, shape in self._shapes.items():
            start, end = end, end + math.prod(shape)
            parts[name] = buffer[start:end].reshape(shape)
        return parts


class BufferPool(Generic[T]):
    """Sets of arrays, as many as there are threads at work. Fresh memory costs more than what is computed in it.

    A thread has the one that it had before, which may still be in its core's cache.
    """

    def __init__(self, make: Callable[[], T]):
        self._make = make
        self._unused: defaultdict[int, list[T]] = defaultdict(list)      # by thread

    @contextmanager
    def borrow(self) -> Iterator[T]:
        """A set that nobody else has, with whatever was left in it."""
        unused = self._unused[threading.get_ident()]
        arrays = unused.pop() if unused else self._make()       # no other thread looks in here
        yield arrays
        unused.append(arrays)


def free_memory(xp: ModuleType) -> float:
    """Bytes that can still be had where the arrays of `xp` live; inf where the system does not tell."""
    if xp is not np:     # what CuPy keeps for later counts as used there
        return float(xp.cuda.runtime.memGetInfo()[0] + xp.get_default_memory_pool().free_bytes())
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return math.inf
