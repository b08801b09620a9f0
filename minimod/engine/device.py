"""Which device there is, and the one kernel for a GPU. Only this module and backend.py import cupy."""

import logging
import os
import platform
from functools import cache
from typing import Any

import numpy as np

NO_CUPY = "CuPy is not installed (pip install 'minimod[gpu]')"


def available_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """The cores, the kernels of the matrix products, and the system: `2 cores, SkylakeX kernels (x86_64, Linux)`.

    Other kernels add in another order and so round otherwise. `OPENBLAS_CORETYPE=Haswell` chooses other kernels.
    """
    from threadpoolctl import threadpool_info

    blas = {str(library.get("architecture")) for library in threadpool_info() if library["user_api"] == "blas"}
    system = f"({platform.machine()}, {platform.system()})"
    return f"{available_cores()} cores, {' and '.join(sorted(blas))} kernels {system}"


@cache
def gpu_problem() -> str | None:
    """Why no GPU can be used, or None where one can: tried by all that a run needs, since each is another library."""
    state = "is installed but fails to import"
    try:
        import cupy

        state = f"{cupy.__version__} is installed but cannot use a GPU"
        ones = cupy.ones((2, 2))
        float(np.abs(np.fft.rfft(ones @ ones)[ones.argmax(axis=1)]).sum())
    except Exception as error:  # a missing driver, device, compiler or library: each has an error of its own
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            return NO_CUPY
        return f"CuPy {state} ({first_line(error.__cause__ or error)})"    # CuPy wraps the cause in a page of advice
    return None


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names each. There must be one."""
    import cupy

    n, given = cupy.cuda.runtime.getDeviceCount(), os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.split(",")[:n] if given else [str(i) for i in range(n)]


def is_gpu_error(error: BaseException) -> bool:
    """Whether an error is one of CuPy's own: the driver's, a CUDA library's or the compiler's."""
    return type(error).__module__.partition(".")[0] in ("cupy", "cupy_backends", "cupyx")


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its name where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


@cache
def warn_once(message: str) -> None:
    """Log a warning, the first time that it is given."""
    logging.getLogger(__name__).warning(message)


# The one kernel of this package: CuPy has no sum of rows by segments that has the same bits every time. A thread sums
# one column of one segment, in order.
SEGMENT_SUMS = r"""
template<typename T> __global__ void segment_sums(const T* X, const int* rows, const int* first, T* sums, int M) {
    const int segment = blockIdx.y, m = blockIdx.x * blockDim.x + threadIdx.x;
    if (m >= M) return;
    T sum = 0;
    for (int j = first[segment]; j < first[segment + 1]; ++j) sum += X[(long long)rows[j] * M + m];
    sums[(long long)segment * M + m] = sum;
}"""
SEGMENT_SUMS_NAMES = {"float32": "segment_sums<float>", "float64": "segment_sums<double>"}


@cache
def _segment_sums_kernel(dtype: str) -> Any:
    import cupy

    names = list(SEGMENT_SUMS_NAMES.values())
    module = cupy.RawModule(code=SEGMENT_SUMS, options=("-std=c++11",), name_expressions=names)
    return module.get_function(SEGMENT_SUMS_NAMES[dtype])


def segment_sums(X: Any, rows: Any, first: Any) -> Any:
    """Sums of rows of X, (n, M), on a GPU: those numbered rows[first[i]] to rows[first[i + 1] - 1], for all i.

    rows and first are int32, of shape (n,) and (k + 1,); the result is (k, M).
    """
    k, M = len(first) - 1, X.shape[1]
    sums = np.empty_like(X, shape=(k, M))
    _segment_sums_kernel(str(X.dtype))((-(-M // 128), k), (128,), (X, rows, first, sums, np.int32(M)))
    return sums
