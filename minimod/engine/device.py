"""The devices of this machine, and the only GPU kernel of the package. Only this module and backend.py import cupy."""

import logging
import os
import platform
from functools import cache
from typing import Any

import numpy as np

NO_CUPY = "CuPy is not installed (pip install 'minimod[gpu]')"


def available_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def blas_libraries() -> Any:
    """The libraries for matrix products that threadpoolctl finds at the first call. To find them takes a millisecond.

    NumPy's library is loaded by then, and minimod uses no other. A library that is loaded later is not among them.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def machine() -> str:
    """The cores, the kernels of the matrix products, and the system: `2 cores, SkylakeX kernels (x86_64, Linux)`.

    Other kernels add in another order, so their results round differently. The environment variable
    `OPENBLAS_CORETYPE=Haswell` chooses other kernels.
    """
    kernels = sorted({str(library.get("architecture")) for library in blas_libraries().info()})
    return f"{available_cores()} cores, {' and '.join(kernels)} kernels ({platform.machine()}, {platform.system()})"


@cache
def gpu_problem() -> str | None:
    """Why no GPU can be used, or None if a GPU can be used.

    It tries every operation that a run needs, since they come from several CUDA libraries.
    """
    state = "is installed but fails to import"
    try:
        import cupy

        state = f"{cupy.__version__} is installed but cannot use a GPU"
        ones = cupy.ones((2, 2))
        float(np.abs(np.fft.rfft(ones @ ones)[ones.argmax(axis=1)]).sum())
    except Exception as error:  # a missing driver, device, compiler or library: they raise different exceptions
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            return NO_CUPY
        return f"CuPy {state} ({first_line(error.__cause__ or error)})"    # CuPy's own message is a page of advice
    return None


def visible_gpus() -> list[str]:
    """The names, as in CUDA_VISIBLE_DEVICES, of the GPUs that this process may use. One must be usable."""
    import cupy

    n, given = cupy.cuda.runtime.getDeviceCount(), os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.split(",")[:n] if given else [str(i) for i in range(n)]


def is_gpu_error(error: BaseException) -> bool:
    """Whether an error comes from CuPy: from the driver, from a CUDA library or from the compiler."""
    return type(error).__module__.partition(".")[0] in ("cupy", "cupy_backends", "cupyx")


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its class if the message is empty."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


@cache
def warn_once(message: str) -> None:
    """Log a warning. The same message is logged only once."""
    logging.getLogger(__name__).warning(message)


# The only GPU kernel of this package. CuPy has sums of rows by segment, but their bits differ from call to call. Here a
# thread sums one column of one segment, in order.
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
    """Sums of rows of X on a GPU, of shape (k, M): sums[i] = Σ_j X[rows[j]] over j = first[i] .. first[i + 1] - 1.

    X: of shape (n, M). rows: numbers of rows of X, int32, one segment after the other. first: int32, of shape (k + 1,).
    """
    k, M = len(first) - 1, X.shape[1]
    sums = np.empty_like(X, shape=(k, M))
    _segment_sums_kernel(str(X.dtype))((-(-M // 128), k), (128,), (X, rows, first, sums, np.int32(M)))
    return sums
