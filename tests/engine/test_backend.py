import functools
import importlib
import inspect
import re
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import strict_cupy
from strict_cupy import StrictArray
from threadpoolctl import threadpool_info, threadpool_limits

from minimod import TrainingConfig, discover_run, train
from minimod.activations import ACTIVATIONS
from minimod.analysis.analysis import Analysis
from minimod.analysis.readouts import READOUTS, predict_ensemble
from minimod.analysis.scores import SCORES
from minimod.arrays import to_host
from minimod.engine import backend, device
from minimod.engine.memory import free_memory
from minimod.errors import InputError
from minimod.losses import LOSSES
from minimod.optimizers import OPTIMIZERS
from minimod.runs.metrics import METRIC_COLUMNS
from minimod.runs.training import memory_needed

GIVEN_BACK = ("free_all_blocks", 0, ())
SMALL = TrainingConfig(modulus=11, width=16, epochs=6, eval_every=3)


@pytest.fixture
def no_gpu_answer():
    device.gpu_problem.cache_clear()
    yield
    device.gpu_problem.cache_clear()


VARIANTS = [
    {}, {"tied": True, "bias": False}, {"batch_size": 30}, {"rule": "mul"},
    *({"activation": name} for name in ACTIVATIONS),
    *({"loss": name} for name in LOSSES),
    *({"optimizer": name} for name in OPTIMIZERS),
]  # fmt: skip


# By dtype: how far the weights may be from those of NumPy, and the metrics.
ROUNDING = {"float64": ({"rtol": 1e-6, "atol": 1e-9}, {"rtol": 1e-9}), "float32": ({"atol": 1e-4}, {"rtol": 1e-5})}


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("block", [backend.GPU_BLOCK, (2**10, 64)], ids=["one block", "blocks"])
@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_training_on_device_arrays_gives_the_numbers_of_numpy(cupy, options, block, dtype, monkeypatch):
    """To rounding: sums are taken in another order."""
    monkeypatch.setattr(backend, "GPU_BLOCK", block)
    config = replace(SMALL, dtype=dtype, **options)
    device, host = train(replace(config, device="gpu")), train(replace(config, device="cpu"))
    for name, array in host.network.arrays.items():
        assert (type(device.network.arrays[name]), device.network.arrays[name].dtype) == (np.ndarray, array.dtype)
        np.testing.assert_allclose(device.network.arrays[name], array, **ROUNDING[dtype][0])
    for name in METRIC_COLUMNS:
        if name != "seconds":
            np.testing.assert_allclose(device.history[name], host.history[name], **ROUNDING[dtype][1])


def answers(run, network):
    """What the rows and the rankings of a network answer, in place of a run's own; not what begins on the host."""
    analysis = Analysis(replace(run, network=network))
    ranking = np.asarray(np.random.default_rng(0).permutation(network.width), like=network.U)
    curves = [*analysis.scored.values(), analysis.curves(ranking), analysis.random[0]]
    return [
        *(analysis.predict(name) for name in analysis.needs if not name.startswith("untrained")),
        *(analysis.table(network.subnetwork(ranking[:8]), readout=readout) for readout in READOUTS),
        predict_ensemble([network, network.subnetwork(slice(0, 8))]),
        *(part[measure] for each in curves for part in (each.logits, each.interaction, each.rest) for measure in part),
    ]


@pytest.mark.parametrize("score", SCORES)
def test_neurons_of_one_score_keep_their_order_on_every_device(cupy, score):
    """Zero neurons have one score exactly. NumPy's default sort mixes equal numbers from 17 on."""
    run = train(replace(SMALL, width=200, epochs=0, device="cpu"))
    zero = np.arange(200) % 4 > 0
    U, V, W = (run.network.arrays[name] for name in "UVW")
    network = replace(run.network, U=np.where(zero, 0, U), V=np.where(zero, 0, V), W=np.where(zero[:, None], 0, W))
    values = SCORES[score].value(Analysis(replace(run, network=network)).structure)
    assert len(np.unique(values[zero])) == 1
    for each in (network, network.convert(cupy.asarray)):
        ranking = to_host(Analysis(replace(run, network=each)).ranking(score))
        assert ranking.tolist() == sorted(range(200), key=lambda m: -values[m])


@pytest.mark.parametrize("options", [{"noise_ratio": 0.3}, {"rule": "S3", "train_fraction": 0.95, "noise_ratio": 0}])
def test_what_is_discovered_on_the_device_is_what_numpy_finds(cupy, options):
    run = train(replace(SMALL, modulus=None if "rule" in options else 13, width=1, epochs=0, device="cpu", **options))
    for source in ("labels", "predictions"):
        there, here = (discover_run(run, source, max_starts=200, device=each) for each in ("gpu", "cpu"))
        assert (there.table == here.table).all() and there.starts == here.starts
    assert strict_cupy.transfers["to device"] > 0


@pytest.mark.parametrize(("rule", "modulus"), [("add", 23), ("SL(2,3)", 24)])
@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("many", [500, 20_000])
def test_the_analysis_of_a_network_on_the_device_is_that_of_numpy(cupy, dtype, rule, modulus, many, monkeypatch):
    monkeypatch.setattr("minimod.analysis.readouts.MANY_PAIRS", many)
    monkeypatch.setattr("minimod.analysis.masking.SAMPLED", 50)
    run = train(replace(SMALL, rule=rule, modulus=modulus, width=32, dtype=dtype, device="cpu"))
    device = answers(run, run.network.convert(cupy.asarray))
    for ours, theirs in zip(device, answers(run, run.network), strict=True):
        assert type(ours) is np.ndarray
        np.testing.assert_array_equal(ours, theirs)


def test_transfers_are_a_fixed_number_per_evaluation_and_none_per_epoch(cupy):
    counts = {}
    for epochs, every in ((10, 5), (20, 5), (100, 50)):
        strict_cupy.transfers.clear()
        train(replace(SMALL, device="gpu", epochs=epochs, eval_every=every))
        counts[epochs] = strict_cupy.transfers.copy()
    assert counts[10] == counts[100]                     # three evaluations each
    assert counts[20] != counts[10]                      # five


def test_transfers_do_not_depend_on_the_number_of_batches(cupy):
    counts = {}
    for size, epochs in ((90, 5), (10, 5), (10, 6)):
        strict_cupy.transfers.clear()
        train(replace(SMALL, device="gpu", batch_size=size, epochs=epochs, eval_every=10))
        counts[size, epochs] = strict_cupy.transfers.copy()
    assert counts[90, 5] == counts[10, 5]
    assert counts[10, 6] - counts[10, 5] == {"to device": 1}           # an epoch's order


@pytest.mark.parametrize("options", [
    {"modulus": 101, "width": 8}, {"modulus": 101, "width": 8, "batch_size": 500},
    {"activation": "gelu"}, {"dtype": "float64", "loss": "mse"},
], ids=str)  # fmt: skip
def test_the_estimate_of_memory_counts_all_that_is_on_the_device(cupy, options, monkeypatch):
    """And what is on the host, which the stand-in does not tell apart."""
    monkeypatch.setattr(backend, "GPU_BLOCK", (2**17, 2**10))
    config = TrainingConfig(**{"modulus": 59, "width": 128, "epochs": 2, "device": "gpu"} | options)
    train(config)       # imports, of which some wait for a network of this size
    with backend.open_backend("gpu") as opened:
        needed = memory_needed(config, opened)
    tracemalloc.start()
    train(config)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= needed <= 3 * peak


def test_what_cupy_keeps_for_later_counts_as_free(cupy):
    assert free_memory(cupy) == 10**9 + 10**8


def test_what_does_not_fit_on_the_device_is_refused(cupy):
    with pytest.raises(MemoryError, match=r"needs about [\d.]+ GB of memory, and 1\.1 GB are free"):
        train(replace(SMALL, device="gpu", modulus=1009, width=64))


def test_memory_goes_back_to_the_device_when_the_block_ends_by_an_error(cupy):
    strict_cupy.calls.discard(GIVEN_BACK)
    with pytest.raises(ZeroDivisionError), backend.open_backend("gpu"):
        assert GIVEN_BACK not in strict_cupy.calls
        raise ZeroDivisionError
    assert GIVEN_BACK in strict_cupy.calls


@pytest.mark.parametrize("name", backend.TF32)
def test_an_environment_that_rounds_to_tf32_is_refused(cupy, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(InputError, match=f"{name} is '1'; it must be 0 or unset"), backend.open_backend("auto"):
        pass


def test_auto_takes_the_device_that_is_there(cupy):
    with backend.open_backend("auto") as opened:
        assert opened.xp is cupy
        assert opened.description == "CuPy stand-in, pretended GPU 1"


@pytest.fixture
def cupy_without_gpu(monkeypatch, no_gpu_answer):
    def fail(*_):
        raise RuntimeError("cudaErrorNoDevice: no device\nmore")

    cupy = ModuleType("cupy")
    cupy.__version__, cupy.ones = "14", fail
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    device.warn_once.cache_clear()


def test_auto_falls_back_with_one_line_where_cupy_finds_no_gpu(cupy_without_gpu, caplog):
    for _ in range(2):
        with backend.open_backend("auto") as opened:
            assert opened.xp is np
    assert [record.getMessage() for record in caplog.records] == [
        "CuPy 14 is installed but cannot use a GPU (cudaErrorNoDevice: no device); NumPy is used"
    ]


class FailsToImport:
    """A finder of modules, by which the import of cupy raises an error."""

    def __init__(self, error):
        self.error = error

    def find_spec(self, name, path=None, target=None):
        if name == "cupy":
            raise self.error


@pytest.mark.parametrize(("error", "reason"), [
    (ImportError("libcuda.so.1: cannot open shared object file"), "libcuda.so.1: cannot open shared object file"),
    (ModuleNotFoundError("No module named 'fastrlock'", name="fastrlock"), "No module named 'fastrlock'"),
    (OSError("\nlibnvrtc.so.12\nmore"), "libnvrtc.so.12"), (RuntimeError(), "RuntimeError"),
])  # fmt: skip
def test_a_cupy_that_fails_to_import_is_not_called_missing(monkeypatch, no_gpu_answer, caplog, error, reason):
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(sys, "meta_path", [FailsToImport(error), *sys.meta_path])
    device.warn_once.cache_clear()
    for _ in range(2):
        with backend.open_backend("auto") as opened:
            assert opened.xp is np
    expected = f"CuPy is installed but fails to import ({reason}); NumPy is used"
    assert [record.getMessage() for record in caplog.records] == [expected]


def test_the_reason_is_the_cause_where_cupy_wraps_it(monkeypatch, no_gpu_answer):
    wrapped = ImportError("\n=====\nFailed to import CuPy.\n")
    wrapped.__cause__ = ImportError("libcudart.so.12: cannot open")
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(sys, "meta_path", [FailsToImport(wrapped), *sys.meta_path])
    assert device.gpu_problem() == "CuPy is installed but fails to import (libcudart.so.12: cannot open)"


@pytest.mark.parametrize("missing", ["matmul", "rfft", "argmax"])
def test_a_gpu_that_lacks_a_library_that_a_run_needs_is_not_used(cupy, monkeypatch, missing):
    def fail(*_):
        raise RuntimeError(f"no {missing}")

    for name in ("__array_ufunc__", "__array_function__"):
        protocol = getattr(StrictArray, name)

        def broken(self, function, *args, protocol=protocol, **kwargs):
            return fail() if function.__name__ == missing else protocol(self, function, *args, **kwargs)

        monkeypatch.setattr(StrictArray, name, broken)
    if missing == "argmax":
        monkeypatch.setattr(StrictArray, "__getitem__", fail)
    device.gpu_problem.cache_clear()
    assert device.gpu_problem() == f"CuPy stand-in is installed but cannot use a GPU (no {missing})"


def test_gpu_is_refused_without_a_warning_where_cupy_finds_none(cupy_without_gpu, caplog):
    with pytest.raises(InputError, match="cannot use a GPU"), backend.open_backend("gpu"):
        pass
    assert not caplog.records


def test_without_cupy_auto_is_numpy_and_gpu_is_refused(monkeypatch, no_gpu_answer):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with backend.open_backend("auto", threads=3) as opened:
        assert opened.xp is np
        assert opened.description.endswith("3 threads")
    with (
        pytest.raises(InputError, match="device is 'gpu'; it must be auto or cpu here: CuPy is not installed"),
        backend.open_backend("gpu"),
    ):
        pass


def test_block_sizes_depend_on_the_network_alone():
    assert [backend.SERIAL.block_size(width, 113) for width in (1, 1024, 2048, 10**9)] == [4096, 691, 363, 256]


def test_examples_are_cut_into_few_blocks_that_threads_can_share():
    """One where there is little to do, then 2, 4, 8 or 16; as many as it takes where the cache is what limits them."""
    cases = ((423, 64), (2554, 64), (10215, 64), (10215, 256), (10215, 1024), (10215, 4096))
    assert [backend.SERIAL.n_blocks(n, width, 113) for n, width in cases] == [1, 2, 4, 8, 16, 40]
    on_a_gpu = backend.Backend(strict_cupy, map, 1, *backend.GPU_BLOCK, "")
    assert [on_a_gpu.n_blocks(n, width, 113) for n, width in cases] == [1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("n", [1, 2, 5, 8, 13])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_sum_is_that_of_a_fixed_tree(n, threads):
    """Whichever comes first: the sum of parts that are late by turns is the same expression."""
    def tree(parts):
        pairs = [sorted(parts[i : i + 2]) for i in range(0, len(parts), 2)]
        return parts[0] if len(parts) == 1 else tree([add(*pair) if len(pair) > 1 else pair[0] for pair in pairs])

    def add(x, y):
        return f"({'+'.join(sorted([x, y]))})"

    def late(i):
        time.sleep(0.002 * generator.random())
        return chr(97 + i)

    generator = np.random.default_rng(n)
    with backend.open_backend("cpu", threads) as opened:
        for _ in range(3):
            added = opened.sum(late, n, add)
            assert added == tree([chr(97 + i) for i in range(n)])


@pytest.mark.parametrize("fails_in", ["main", "helper"])
def test_after_an_interrupt_no_further_blocks_are_begun(fails_in):
    main, begun, both = threading.main_thread(), [], threading.Barrier(2)

    def block(i):
        begun.append(i)
        if i < 2:
            both.wait()
            if (threading.current_thread() is main) == (fails_in == "main"):
                raise KeyboardInterrupt
        time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt), backend.open_backend("cpu", 2) as opened:
        opened.map(block, range(5000))
    assert len(begun) < 2500


def test_the_stand_in_refuses_what_a_device_refuses():
    device, host = StrictArray(np.arange(3.0)), np.arange(3)
    refused = [
        lambda: device + host, lambda: host + device, lambda: np.stack([device, host]), lambda: np.asarray(device),
        lambda: device[host], lambda: device.__setitem__(0, host), lambda: np.where(device > 0, device, host),
        lambda: device[[0, 1]], lambda: device.sum(host),
    ]  # fmt: skip
    for attempt in refused:
        with pytest.raises(TypeError, match="host array"):
            attempt()


X, PART = StrictArray(np.eye(4)), StrictArray(np.arange(2))


@pytest.mark.parametrize(("attempt", "fault"), [
    (lambda: np.add(X, 1, out=X[:, :2]), "contiguous"), (lambda: X[:2].take(PART, axis=0, out=X[:2].T), "contiguous"),
    (lambda: np.clip(X[:3], 0, 1, out=X[1:]), "overlaps"), (lambda: np.matmul(X, X, out=X), "overlaps"),
    (lambda: X.take(PART, axis=0, out=X[:2]), "overlaps"),
])  # fmt: skip
def test_the_stand_in_refuses_an_out_that_a_device_may_write_wrongly(attempt, fault):
    with pytest.raises(ValueError, match=fault):
        attempt()


def test_the_stand_in_lets_an_elementwise_function_write_where_it_reads():
    np.testing.assert_array_equal(np.add(X, 0, out=X).get(), np.eye(4))


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.mark.parametrize("leaves_first", [0, 1])
def test_blas_has_its_threads_again_after_blocks_that_overlap(leaves_first):
    usual = threadpool_limits(3, user_api="blas")
    with threadpool_limits():                       # lets other threads change it
        pass
    before, blocks = blas_threads(), [backend.open_backend("cpu", 1) for _ in range(2)]
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        threads = [first, second]
        for thread, block in zip(threads, blocks, strict=True):
            thread.submit(block.__enter__).result()
        threads[leaves_first].submit(blocks[leaves_first].__exit__, None, None, None).result()
        assert set(blas_threads()) == {1}
        threads[1 - leaves_first].submit(blocks[1 - leaves_first].__exit__, None, None, None).result()
        assert blas_threads() == before
    with usual:                                     # restores
        pass


def test_the_real_cupy_has_every_function_and_method_that_is_called(monkeypatch, no_gpu_answer):
    """Run everything on the stand-in, which notes what is called, and hold each call against the installed CuPy."""
    pytest.importorskip("cupy")
    with monkeypatch.context() as patch:
        to_device = strict_cupy.install(patch).asarray
        for options in VARIANTS:
            run = train(replace(SMALL, device="gpu", epochs=1, **options))
        run.network.convert(to_device).gradient(run.dataset.train, "mse")
        run.network.convert(to_device).gradient(run.dataset.train, "cross_entropy")
        answers(run, run.network.convert(to_device))
        discover_run(train(replace(SMALL, noise_ratio=1.0)), device="gpu", max_starts=200)         # also with matrices
    device.gpu_problem.cache_clear()
    cupy = importlib.import_module("cupy")
    assert len(strict_cupy.calls) > 50
    for name, n_arguments, keywords in sorted(strict_cupy.calls - {GIVEN_BACK} | {("ndarray.get", 0, ())}):
        function = functools.reduce(getattr, name.split("."), cupy)
        if isinstance(function, (cupy.ufunc, type(cupy.matmul))):
            assert set(keywords) <= {"out", "dtype", "casting"}, name
        else:
            signature_of(function).bind(*[None] * n_arguments, **dict.fromkeys(keywords))
    assert all(hasattr(importlib.import_module("cupyx.scipy.special"), name) for name in strict_cupy.SPECIAL)
    assert cupy.get_default_memory_pool().free_bytes and cupy.get_default_memory_pool().free_all_blocks
    assert cupy.cuda.runtime.getDevice and cupy.cuda.runtime.getDeviceCount and cupy.cuda.runtime.memGetInfo
    assert device.is_gpu_error(cupy.cuda.runtime.CUDARuntimeError(1))


def signature_of(function):
    """Of a compiled method of CuPy's arrays it is the first line of the docstring: `_ndarray_base.take(self, ...)`."""
    if inspect.isfunction(function):
        return inspect.signature(function)
    first = re.search(r"\(self(?:, )?(.*?)\)(?: ->|$)", function.__doc__.splitlines()[0])[1]
    parameters, kind = [], inspect.Parameter.POSITIONAL_OR_KEYWORD
    for argument in filter(None, first.split(", ")):
        name = argument.split("=")[0].split()[-1]
        if name.startswith("*"):
            parameters.append(inspect.Parameter(name.lstrip("*"), inspect.Parameter.VAR_POSITIONAL))
            kind = inspect.Parameter.KEYWORD_ONLY
        else:
            parameters.append(inspect.Parameter(name, kind, default=None))
    return inspect.Signature(parameters)


def test_help_does_not_wait_for_heavy_imports():
    code = (
        "import sys, minimod.cli; "
        "print([name for name in ('matplotlib', 'scipy', 'cupy') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
