"""The backend of a computation: NumPy on threads, or CuPy on a GPU. It also chooses the blocks of examples."""

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

from minimod.engine.device import NO_CUPY, available_cores, blas_libraries, gpu_problem, warn_once
from minimod.errors import InputError, checked_number, choice

T = TypeVar("T")

DEVICES = ("auto", "cpu", "gpu")

# A gradient is a sum of at most this many shards, so at most this many threads can share it. Every shard costs one more
# gradient to write and to add.
SHARDS = 16
# A matrix product with at most this many multiplications is too small to share. Measured at widths 64 to 1024, on two
# threads.
SMALL = 2**22
# A block has at least this many examples, if the data have that many. Matrix products of few rows are slow.
FEWEST_EXAMPLES = 256


@dataclass(frozen=True)
class Backend:
    """An array module, and a way to apply a function to many blocks of examples.

    xp: numpy or cupy.
    map: like the built-in `map` of one iterable. On the CPU, it spreads the calls over threads and keeps their order.
    threads: the number of these threads.
    block_elements: the most pre-activations and logits of a block. block_examples: the most examples of a block.
    description: one line of text for users.
    """

    xp: ModuleType
    map: Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
    threads: int
    block_elements: int
    block_examples: int
    description: str

    def block_size(self, width: int, modulus: int) -> int:
        """The most examples of a block. It depends on the network alone, so sums are reproducible."""
        return min(self.block_examples, max(FEWEST_EXAMPLES, self.block_elements // (width + modulus)))

    def n_blocks(self, n: int, width: int, modulus: int) -> int:
        """The number of equal blocks for n examples. It does not depend on the number of threads.

        On the CPU, it is 1, 2, 4, 8 or 16, so that threads can share the blocks. It is larger if more blocks are needed
        to keep to `block_size`. With more work, both the number of blocks and their length grow.
        """
        fewest = -(-n // self.block_size(width, modulus))
        if self.xp is not np:
            return fewest
        root = max(1, math.isqrt(n * width * modulus // SMALL))
        wanted = max(1, fewest, min(SHARDS // 2, 1 << (root.bit_length() - 1)))       # root, down to a power of two
        return wanted if wanted > SHARDS else 1 << (wanted - 1).bit_length()          # up to a power of two

    def sum(self, function: Callable[[int], T], n: int, add: Callable[[T, T], T]) -> T:
        """function(0) + ... + function(n - 1), where + is `add`, which may overwrite both of its arguments.

        Neighbours are added in a fixed tree. The thread that finishes second adds the two neighbours. So no thread
        waits, and few of the n values are in memory at a time. If x + y and y + x have the same bits, the number of
        threads does not change the bits of the sum. A node of the tree is (its first i, its number of i). For n = 6,
        the sum is ((0 + 1) + (2 + 3)) + (4 + 5).
        """
        there: dict[tuple[int, int], list[T]] = {}

        def add_up(i: int) -> None:
            part, size = [function(i)], 1
            while size < n:
                i -= i % (2 * size)
                if i + size < n:
                    neighbour = there.setdefault((i, size), part)     # atomic: exactly one neighbour comes first
                    if neighbour is part:
                        return
                    part = [add(*there.pop((i, size)), *part)]
                size *= 2
            there[0, n] = part

        list(self.map(add_up, range(n)))
        return there[0, n][0]


# The most elements and the most examples of a block on the CPU: 3 MiB of float32. For a narrow network, calls to NumPy
# are then few and long. Two threads that call NumPy at the same time wait for each other, so short calls are slow.
# For a wide network, a block stays near the size of a core's cache.
CPU_BLOCK = (3 * 2**18, 4096)
# The same for a GPU: 512 MiB of float32.
GPU_BLOCK = (2**27, 2**20)

SERIAL = Backend(np, map, 1, *CPU_BLOCK, "NumPy, the calling thread")

# Environment variables that turn on TF32, which rounds float32 numbers to 10 bits in matrix products.
TF32 = ("CUPY_TF32", "NVIDIA_TF32_OVERRIDE")

# The device for "auto" in this process. "auto" means that `choose_device` looks for a GPU. Only `settle_auto` sets it.
_auto = "auto"


def settle_auto(device: str) -> None:
    """From now on, "auto" means this device in this process, also if another device could be used."""
    global _auto
    _auto = device


def choose_device(device: str) -> str:
    """The device for a name in DEVICES: "cpu" or "gpu".

    Without a usable GPU, "gpu" raises InputError, and "auto" gives "cpu". If CuPy is installed but cannot use a GPU,
    "auto" also logs a warning, once.
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
    """A `with` block in which BLAS uses one thread.

    The BLAS thread limit is per process, and blocks in several threads can overlap. So the first block to enter sets
    the limit, and the last block to exit restores it.
    """

    def __init__(self) -> None:
        self._lock, self._holders = threading.Lock(), 0
        self._limits: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._holders:
                self._limits = blas_libraries().limit(limits=1)
                with blas_libraries().limit():      # once such a block has ended, another thread can restore
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
    """The backend for a device in DEVICES. Its threads end with the `with` block.

    On the CPU, `threads` workers share the blocks (None: one worker per available core). BLAS uses one thread per
    worker, since the workers already use all cores. On a GPU, the memory is freed at the end. Raises InputError as
    `choose_device` does, and for a GPU if an environment variable turns on TF32.
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
        """Like `map`. The calling thread and the pool's threads take the next item as soon as they are free."""
        items = list(items)
        results, queue = [None] * len(items), iter(range(len(items)))

        def work() -> None:
            try:
                for i in queue:
                    results[i] = function(items[i])
            except BaseException:           # for example Ctrl-C: empty the queue, so that no thread takes another item
                deque(queue, maxlen=0)
                raise

        helpers = [pool.submit(work) for _ in range(min(threads, len(items)) - 1)]
        work()
        for helper in helpers:
            helper.result()
        return results

    def be_quiet() -> None:
        """Turn off NumPy's warnings of overflow. A diverging run overflows, and training itself reports that, once."""
        np.seterr(over="ignore", invalid="ignore")

    pool = ThreadPoolExecutor(max(1, threads - 1), initializer=be_quiet)       # the calling thread works, too
    with ONE_BLAS_THREAD, set_workers(threads), np.errstate(), pool:
        be_quiet()
        yield Backend(np, spread, threads, *CPU_BLOCK, f"NumPy {np.__version__}, {threads} threads")
