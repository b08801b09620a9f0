"""A stand-in for CuPy on machines without a GPU: NumPy inside, as strict as a device outside.

A StrictArray raises an error in an operation with a host array, in an implicit conversion to a host array, and with a
host array as index. It follows NumPy's protocols, as the arrays of CuPy do. After `install`, `import cupy` and `import
cupyx` find modules of this kind. Transfers between host and device are counted. Every call is noted, for a comparison
with the real CuPy.
"""

import sys
from collections import Counter
from types import ModuleType, SimpleNamespace

import numpy as np
import scipy.special
from numpy.lib.mixins import NDArrayOperatorsMixin

transfers = Counter()
calls = set()               # (name, number of arguments, their keywords): "fft.rfft", "ndarray.take"


def note(name, args, kwargs):
    """Remember a call."""
    calls.add((name, len(args), tuple(sorted(kwargs))))


class StrictArray(NDArrayOperatorsMixin):
    """An array on the simulated device."""

    def __init__(self, host):
        self._host = np.asarray(host)

    def __array__(self, *args, **kwargs):
        raise TypeError("implicit conversion of a device array to a host array; use .get()")

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if method != "__call__":
            raise TypeError(f"{ufunc.__name__}.{method} is not for device arrays")
        if out is not None:
            kwargs["out"] = tuple(map(unwrap, out))
            check_out(kwargs["out"][0], inputs, ufunc is np.matmul)
        note(ufunc.__name__, inputs, kwargs)
        result = getattr(ufunc, method)(*map(unwrap, inputs), **kwargs)
        return out[0] if out is not None else StrictArray(result)

    def __array_function__(self, func, types, args, kwargs):
        note(".".join([*func.__module__.split(".")[1:], func.__name__]), args, kwargs)
        if func is np.asarray:      # called with like=: the way in for host data
            return asarray(*args, **kwargs)
        if "out" in kwargs:
            check_out(unwrap(kwargs["out"]), args)
        args = [type(arg)(map(unwrap, arg)) if isinstance(arg, (list, tuple)) else unwrap(arg) for arg in args]
        result = func(*args, **{name: unwrap(value) for name, value in kwargs.items()})
        return list(map(StrictArray, result)) if isinstance(result, (list, tuple)) else StrictArray(result)

    def __getitem__(self, index):
        return StrictArray(self._host[unwrap_index(index)])

    def __setitem__(self, index, value):
        self._host[unwrap_index(index)] = unwrap(value)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (StrictArray(row) for row in self._host)

    def __float__(self):
        transfers["to host"] += 1
        return float(self._host)

    def __int__(self):
        transfers["to host"] += 1
        return int(self._host)

    def __bool__(self):
        transfers["to host"] += 1
        return bool(self._host)

    def get(self):
        transfers["to host"] += 1
        return self._host.copy()

    @property
    def T(self):
        return StrictArray(self._host.T)

    def __getattr__(self, name):
        if name in ("shape", "dtype", "ndim", "size"):
            return getattr(self._host, name)
        if name not in METHODS:
            raise AttributeError(f"{name}: if CuPy's arrays have it, add it to the stand-in")

        def method(*args, **kwargs):
            note(f"ndarray.{name}", args, kwargs)
            kwargs = {keyword: unwrap(value) for keyword, value in kwargs.items()}
            if "out" in kwargs:
                check_out(kwargs["out"], [self, *args], at_random=True)
            return StrictArray(getattr(self._host, name)(*map(unwrap, args), **kwargs))

        return method


METHODS = (
    "all", "argmax", "argsort", "astype", "conj", "copy", "fill", "max", "mean", "reshape", "std", "sum", "swapaxes",
    "take", "transpose",
)


def unwrap(value):
    """The NumPy data of a device array, or a number unchanged. Raises TypeError for a host array."""
    if isinstance(value, StrictArray):
        return value._host
    if isinstance(value, (np.ndarray, list)):
        raise TypeError("a host array meets a device array")
    return value


def unwrap_index(index):
    """The same for an index, alone or in a tuple."""
    return tuple(map(unwrap, index)) if isinstance(index, tuple) else unwrap(index)


def check_out(out, inputs, at_random=False):
    """Raise ValueError if a device may compute a wrong result: `out` is not contiguous, or overlaps an input.

    An element-wise function may overwrite the same view that it reads. A function that reads `at_random` may not.
    """
    if not (out.flags.c_contiguous if at_random else out.flags.forc):
        raise ValueError("`out` is not contiguous")
    for array in (value._host for value in inputs if isinstance(value, StrictArray)):
        same = (array.__array_interface__["data"], array.shape, array.strides) == (
            out.__array_interface__["data"], out.shape, out.strides)
        if np.shares_memory(array, out) and (at_random or not same):
            raise ValueError("`out` overlaps an input")


def asarray(value):
    """Like cupy.asarray: copy host data to the device."""
    if isinstance(value, StrictArray):
        return value
    transfers["to device"] += 1
    return StrictArray(np.array(value))


class RawModule:
    """A strict stand-in for the package's only kernel. It checks types and layout, because a real device does not."""

    def __init__(self, code, options=(), name_expressions=()):
        assert all(name.partition("<")[0] in code for name in name_expressions)
        self._names = name_expressions

    def get_function(self, name):
        assert name in self._names

        def segment_sums(grid, block, arguments):
            X, rows, first, sums, M = arguments
            X, rows, first, sums = map(unwrap, (X, rows, first, sums))
            floating = {"segment_sums<float>": np.float32, "segment_sums<double>": np.float64}[name]
            assert (X.dtype, sums.dtype, rows.dtype, first.dtype) == (floating, floating, np.int32, np.int32)
            assert all(array.flags.c_contiguous for array in (X, rows, first, sums)) and type(M) is np.int32
            assert grid[0] * block[0] >= M == X.shape[1] == sums.shape[1] and grid[1] == len(first) - 1 == len(sums)
            for i in range(len(sums)):
                sums[i] = X[rows[first[i] : first[i + 1]]].sum(axis=0)

        return segment_sums


# Functions of cupyx.scipy.special.
SPECIAL = ("erf", "i0e", "i1e")


def install(monkeypatch):
    """Make `import cupy` and `import cupyx` find this stand-in until the test ends.

    It has two devices, and the second one is current.
    """
    from minimod.engine import device

    cupy = ModuleType("cupy")
    cupy.__version__ = "stand-in"
    cupy.asarray, cupy.RawModule = asarray, RawModule
    cupy.ones = lambda *args: StrictArray(np.ones(*args))
    cupy.arange = lambda *args: StrictArray(np.arange(*args))
    cupy.cuda = SimpleNamespace(runtime=SimpleNamespace(
        getDeviceCount=lambda: 2, getDevice=lambda: 1, memGetInfo=lambda: (10**9, 10**9),
        getDeviceProperties=lambda device: {"name": f"pretended GPU {device}".encode()},
    ))
    pool = SimpleNamespace(free_bytes=lambda: 10**8, free_all_blocks=lambda: note("free_all_blocks", (), {}))
    cupy.get_default_memory_pool = lambda: pool
    special = SimpleNamespace(**{
        name: lambda Z, name=name: StrictArray(getattr(scipy.special, name)(unwrap(Z))) for name in SPECIAL
    })
    cupyx = ModuleType("cupyx")
    cupyx.scipy = ModuleType("cupyx.scipy")
    cupyx.scipy.special = special
    modules = {"cupy": cupy, "cupyx": cupyx, "cupyx.scipy": cupyx.scipy, "cupyx.scipy.special": special}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    device.gpu_problem.cache_clear()
    device.gpu_problem()  # it tries the device, and this transfer must not be counted
    transfers.clear()
    return cupy
