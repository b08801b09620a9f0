"""The one kernel: compiled where NVIDIA's compiler is (pip install nvidia-cuda-nvrtc-cu12), held to NumPy on a GPU."""

import ctypes
import itertools
from importlib.metadata import PackageNotFoundError, files

import numpy as np
import pytest

from minimod.engine.device import SEGMENT_SUMS, SEGMENT_SUMS_NAMES, gpu_problem, segment_sums


@pytest.fixture
def nvrtc():
    """NVIDIA's run-time compiler, a shared library in a wheel."""
    try:
        found = [path for path in files("nvidia-cuda-nvrtc-cu12") if path.name.startswith("libnvrtc.so")]
    except PackageNotFoundError:
        pytest.skip("nvidia-cuda-nvrtc-cu12 is not installed")
    return ctypes.CDLL(str(found[0].locate()))


@pytest.mark.parametrize("architecture", ["compute_70", "compute_90"])
def test_the_kernel_compiles(nvrtc, architecture):
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), SEGMENT_SUMS.encode(), b"segment_sums.cu", 0, None, None)
    for name in SEGMENT_SUMS_NAMES.values():
        assert nvrtc.nvrtcAddNameExpression(program, name.encode()) == 0
    options = (ctypes.c_char_p * 2)(f"--gpu-architecture={architecture}".encode(), b"-std=c++11")
    status = nvrtc.nvrtcCompileProgram(program, 2, options)
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    assert status == 0, log.value.decode()


@pytest.mark.parametrize("dtype", SEGMENT_SUMS_NAMES)
def test_on_a_gpu_the_kernel_sums_as_numpy_does(dtype):
    if gpu_problem():
        pytest.skip("there is no GPU")
    import cupy

    generator = np.random.default_rng(0)
    X, rows = generator.standard_normal((500, 300)).astype(dtype), generator.permutation(500).astype(np.int32)
    first = np.array([0, 100, 100, 101, 500], np.int32)                  # one segment is empty
    sums = segment_sums(*map(cupy.asarray, (X, rows, first))).get()
    expected = np.stack([X[rows[start:end]].sum(axis=0) for start, end in itertools.pairwise(first)])
    np.testing.assert_allclose(sums, expected, rtol=0, atol=1e-12 if dtype == "float64" else 1e-4)
    assert (segment_sums(*map(cupy.asarray, (X, rows, first))).get() == sums).all()
