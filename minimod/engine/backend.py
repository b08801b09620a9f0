"""What a computation runs on: NumPy on threads, or CuPy on a GPU; and into what blocks it is cut."""

import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ContextDecorator, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from minimod.engine.device import NO_CUPY, available_cores, gpu_problem, warn_once
from minimod.errors import InputError, checked_number, choice

T = TypeVar("T")

DEVICES = ("auto", "cpu", "gpu")

# At most this many threads can share one gradient; every shard costs one set of gradients, written and summed.
SHARDS = 16
# A matrix product of so many multiplications is too small to share. Measured at widths 64 to 1024, on two threads.
SMALL = 2**22
# A block has at least so many examples, if the data have: matrix products of fewer are slow.
FEWEST_EXAMPLES = 256


@dataclass(frozen=True)
class Backend:
    """An array module, and a way to apply a function to many blocks of examples.

    xp: numpy or cupy.
    map: like the built-in `map` of one iterable; on the CPU it spreads the calls over threads and keeps their order.
    threads: over how many.
    block_elements, block_examples: how many pre-activations and logits, and how many examples, a block may have.
    description: one line for people.
    """

    xp: ModuleType
    map: Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
    threads: int
    block_elements: int
    block_examples: int
    description: str

    def block_size(self, width: int, modulus: int) -> int:
        """The most examples of a block. It depends on the network alone, so that sums are reproducible."""
        return min(self.block_examples, max(FEWEST_EXAMPLES, self.block_elements // (width + modulus)))

    def n_blocks(self, n: int, width: int, modulus: int) -> int:
        """In how many blocks of one size to cut n examples, whatever the number of threads.

        On the CPU 1, 2, 4, 8 or 16, so that threads can share them, or as many as the cache asks for if that is more.
        With the work, both the number of blocks and their length grow.
        """
        fewest = -(-n // self.block_size(width, modulus))
        if self.xp is not np:
            return fewest
        root = max(1, math.isqrt(n * width * modulus // SMALL))
        wanted = max(1, fewest, min(SHARDS // 2, 1 << (root.bit_length() - 1)))       # root, down to a power of two
        return wanted if wanted > SHARDS else 1 << (wanted - 1).bit_length()          # up to a power of two

    def sum(self, function: Callable[[int], T], n: int, add: Callable[[T, T], T]) -> T:
        """function(0) + ... + function(n - 1), where `add` may write over both of what it adds.

        Neighbours are added in a fixed tree, by whichever thread is the second to be there: nothing waits, few of the
        n are there at a time, and the sum has the same bits for any number of threads if x + y has those of y + x. A
        node of the tree is (its first i, how many i it has); for n = 6: ((0 + 1) + (2 + 3)) + (4 + 5).
        """
        there: dict[tuple[int, int], list[T]] = {}

        def add_up(i: int) -> None:
            part, size = [function(i)], 1
            while size < n:
                i -= i % (2 * size)
                if i + size < n:
                    neighbour = there.setdefault((i, size), part)     # in one go: one of the two is the first
                    if neighbour is part:
                        return
                    part = [add(*there.pop((i, size)), *part)]
                size *= 2
            there[0, n] = part

        list(self.map(add_up, range(n)))
        return there[0, n][0]


# Blocks for the CPU: 3 MiB of float32. Narrow networks' calls are few and long then: two threads that call NumPy at the
# same time wait for each other. Wide ones stay near a core's cache.
CPU_BLOCK = (3 * 2**18, 4096)
# For a GPU: 512 MiB of float32.
GPU_BLOCK = (2**27, 2**20)

SERIAL = Backend(np, map, 1, *CPU_BLOCK, "NumPy, the calling thread")

# Environment variables that let products of float32 be rounded to 10 bits.
TF32 = ("CUPY_TF32", "NVIDIA_TF32_OVERRIDE")

# What "auto" is in this process: left to be found out, but in the workers of a pool.
_auto = "auto"


def settle_auto(device: str) -> None:
    """From now on "auto" is this device in this process, whatever there is to use."""
    global _auto
    _auto = device


def choose_device(device: str) -> str:
    """Which of "cpu" and "gpu" one of DEVICES is here.

    Raises InputError where "gpu" is asked for and there is none to use; "auto" then is the CPU, and logs a warning,
    once, if CuPy is installed but cannot use a GPU.
    """
    choice("device", device, DEVICES)
    device = _auto if device == "auto" else device
    problem = None if device == "cpu" else gpu_problem()
    if device == "gpu" and problem:
        raise InputError("device", device, f"auto or cpu here: {problem}")
    if problem and problem != NO_CUPY:
        warn_once(f"{problem}; NumPy is used")
    return "cpu" if device == "cpu" or problem else "gpu"


class _OneBlasThread(ContextDecorator):
    """BLAS on one thread while any `with` block is in here: the first to enter limits it, the last to leave restores.

    What BLAS keeps to is the process's. Blocks in several threads overlap, so that none may restore what it found.
    """

    def __init__(self) -> None:
        self._lock, self._holders = threading.Lock(), 0
        self._limits: Any = None

    def __enter__(self) -> None:
        from threadpoolctl import threadpool_limits

        with self._lock:
            if not self._holders:
                self._limits = threadpool_limits(1, user_api="blas")
                with threadpool_limits():   # at the end of such a block, but not before, another thread may restore
                    pass
            self._holders += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._holders -= 1
            if not self._holders:
                with self._limits:          # restores
                    pass


ONE_BLAS_THREAD = _OneBlasThread()


@contextmanager
def open_backend(device: str = "auto", threads: int | None = None) -> Iterator[Backend]:
    """The backend for `device` ("auto", "cpu" or "gpu"); its threads end with the `with` block.

    On the CPU, `threads` workers (None: one per available core) share the blocks, and BLAS keeps to one thread per
    worker: the workers already own the cores. A GPU's memory is given back. Raises InputError as `choose_device` does,
    and where the environment makes a GPU round to TF32.
    """
    if choose_device(device) == "gpu":
        import cupy

        for name in TF32:
            if os.environ.get(name, "0") not in ("", "0"):
                raise InputError(name, os.environ[name], "0 or unset: TF32 changes the results")
        device_name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())["name"].decode()
        try:
            yield Backend(cupy, map, 1, *GPU_BLOCK, f"CuPy {cupy.__version__}, {device_name}")
        finally:
            cupy.get_default_memory_pool().free_all_blocks()
        return

    from concurrent.futures import ThreadPoolExecutor

    from scipy.fft import set_workers

    threads = available_cores() if threads is None else checked_number("threads", threads, 1, kind=int)

    def spread(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """The calling thread and the pool's take the next item when they have finished one."""
        items = list(items)
        results, queue = [None] * len(items), iter(range(len(items)))

        def work() -> None:
            try:
                for i in queue:
                    results[i] = function(items[i])
            except BaseException:           # Ctrl-C, for example: nobody takes a further item
                deque(queue, maxlen=0)
                raise

        helpers = [pool.submit(work) for _ in range(min(threads, len(items)) - 1)]
        work()
        for helper in helpers:
            helper.result()
        return results

    def be_quiet() -> None:
        """A diverging run overflows; training reports that once and in words, for a GPU as for NumPy."""
        np.seterr(over="ignore", invalid="ignore")

    pool = ThreadPoolExecutor(max(1, threads - 1), initializer=be_quiet)       # and the calling thread
    with ONE_BLAS_THREAD, set_workers(threads), np.errstate(), pool:
        be_quiet()
        yield Backend(np, spread, threads, *CPU_BLOCK, f"NumPy {np.__version__}, {threads} threads")
