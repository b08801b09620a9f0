"""What a computation runs on: NumPy on threads, or CuPy on a GPU.

The mathematics in this package is written once, with `np.` functions and operators. NumPy hands a call to the array's
own library (NEP 13, NEP 18 and NEP 35), so the same line runs on NumPy and on CuPy arrays, and mixing the two raises
at once. What is left to decide lies here; no other module imports cupy.
"""

import logging
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from minimod.errors import InputError

DEVICES = ("auto", "cpu", "gpu")
NO_CUPY = "CuPy is not installed (pip install 'minimod[gpu]')"


@dataclass(frozen=True)
class Backend:
    """An array module, and a way to apply a function to many blocks of examples.

    xp: numpy or cupy.
    map: like the built-in `map` of one iterable; on the CPU it spreads the calls over threads and keeps their order.
    threads: over how many.
    block_elements, block_examples: how many pre-activations and how many examples a block may have.
    description: one line for people.
    """

    xp: ModuleType
    map: Callable
    threads: int
    block_elements: int
    block_examples: int
    description: str

    def block_size(self, width: int) -> int:
        """Examples a block. On a device it depends on the width alone, so sums are reproducible."""
        return max(64, min(self.block_elements // max(1, width), self.block_examples))


# Blocks for the CPU: 2 MiB of float32 stay near a core, and narrow networks still make enough blocks to share out.
CPU_BLOCK = (2**19, 1280)
# For a GPU: 128 MiB of float32.
GPU_BLOCK = (2**25, 2**20)

SERIAL = Backend(np, map, 1, *CPU_BLOCK, "NumPy, the calling thread")


@contextmanager
def open_backend(device: str = "auto", threads: int | None = None) -> Iterator[Backend]:
    """The backend for `device` ("auto", "cpu" or "gpu"); its threads end with the `with` block.

    On the CPU, `threads` workers (None: one per available core) share the blocks, and BLAS keeps to one thread per
    worker: the workers already own the cores. Raises InputError where "gpu" is asked for and there is none to use;
    "auto" then takes the CPU, and logs a warning, once, if CuPy is installed but cannot use a GPU.
    """
    if device not in DEVICES:
        raise InputError("device", device, "one of " + ", ".join(DEVICES))
    problem = "the CPU was asked for" if device == "cpu" else gpu_problem()
    if device == "gpu" and problem:
        raise InputError("device", device, f"auto or cpu here: {problem}")
    if device == "auto" and problem and problem != NO_CUPY:
        _warn_once(f"{problem}; NumPy is used")
    if not problem:
        import cupy

        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        yield Backend(cupy, map, 1, *GPU_BLOCK, f"CuPy {cupy.__version__}, {name}")
        return

    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import threadpool_limits

    threads = threads or available_cores()

    def spread(function, items):
        """The calling thread and the pool's take the next item when they have finished one."""
        items = list(items)
        results, queue = [None] * len(items), iter(range(len(items)))

        def work():
            for i in queue:
                results[i] = function(items[i])

        helpers = [pool.submit(work) for _ in range(min(threads, len(items)) - 1)]
        work()
        for helper in helpers:
            helper.result()
        return results

    # A diverging run overflows; training reports that once and in words, for a GPU as for NumPy.
    quiet = {"over": "ignore", "invalid": "ignore"}
    with (
        threadpool_limits(1, user_api="blas"),
        np.errstate(**quiet),
        ThreadPoolExecutor(threads, initializer=lambda: np.seterr(**quiet)) as pool,
    ):
        yield Backend(np, spread, threads, *CPU_BLOCK, f"NumPy {np.__version__}, {threads} threads")


def available_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@cache
def gpu_problem() -> str | None:
    """Why no GPU can be used, or None where one can. CuPy imports without a GPU: installed is not yet usable."""
    try:
        import cupy
    except ImportError:
        return NO_CUPY
    try:
        float((cupy.ones((2, 2)) @ cupy.ones((2, 2))).sum())
    except Exception as error:  # a missing driver, device, compiler or library: CuPy has an error of its own for each
        return f"CuPy {cupy.__version__} is installed but cannot use a GPU ({str(error).splitlines()[0]})"
    return None


def free_memory(xp: ModuleType) -> float:
    """Bytes that can still be had where the arrays of `xp` live; inf where the system does not tell."""
    if xp is not np:
        return xp.cuda.runtime.memGetInfo()[0]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return math.inf


@cache
def _warn_once(message: str) -> None:
    logging.getLogger(__name__).warning(message)


def to_host(array) -> np.ndarray:
    """The array in the host's memory: itself if it is NumPy's, else a copy."""
    return array if isinstance(array, np.ndarray) else array.get()


def erf(Z):
    """The error function of an array of any backend, element by element."""
    if isinstance(Z, np.ndarray):
        from scipy import special
    else:
        from cupyx.scipy import special
    return special.erf(Z)


def fft_module(array) -> ModuleType:
    """The Fourier transforms for an array: SciPy's, a third of NumPy's time at the lengths of interest, or CuPy's."""
    if isinstance(array, np.ndarray):
        from scipy import fft
    else:
        from cupyx.scipy import fft
    return fft


def take_rows(X, index, out=None):
    """X[index], the rows of an array of any backend, into `out` if it is given. The index must be in range."""
    if isinstance(X, np.ndarray):
        return X.take(index, axis=0, out=out, mode="clip")  # "raise" would go through another copy of `out`
    return X.take(index, axis=0, out=out)


def one_hot_matrix(index: np.ndarray, xp: ModuleType, dtype):
    """The k different values in `index`, sorted, and its transposed one-hot matrix (k, n), for the device of `xp`.

    The matrix times an array (n, M) sums that array's rows by index. It is sparse on the host. On a GPU it is dense:
    k is small where the examples are in tiles, and unlike cuSPARSE's, cuBLAS's products have the same bits every time.
    """
    values, positions, counts = np.unique(index, return_inverse=True, return_counts=True)
    if xp is not np:
        one_hot = np.equal.outer(np.arange(len(values)), positions)
        return xp.asarray(values), xp.asarray(one_hot.astype(dtype))
    from scipy.sparse import csr_matrix

    row_starts = np.concatenate([[0], counts.cumsum()])
    ones, columns = np.ones(len(index), dtype), positions.argsort(kind="stable")
    return values, csr_matrix((ones, columns, row_starts), shape=(len(values), len(index)))
