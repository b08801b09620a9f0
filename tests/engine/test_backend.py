import functools
import importlib
import inspect
import re
import subprocess
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import strict_cupy
from strict_cupy import StrictArray

from minimod import TrainingConfig, train
from minimod.activations import ACTIVATIONS
from minimod.analysis.filtration import random_component
from minimod.analysis.masking import mask_curves, score_curves
from minimod.analysis.methods import METHODS
from minimod.analysis.readout import predict_ensemble
from minimod.analysis.structure import Structure
from minimod.engine import backend, device
from minimod.engine.predict import predict_table
from minimod.errors import InputError
from minimod.losses import LOSSES
from minimod.metrics import METRIC_COLUMNS
from minimod.optimizers import OPTIMIZERS

SMALL = TrainingConfig(modulus=11, width=16, epochs=6, eval_every=3)


@pytest.fixture
def cupy(monkeypatch):
    yield strict_cupy.install(monkeypatch)
    device.gpu_problem.cache_clear()


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


@pytest.mark.parametrize("block", [backend.GPU_BLOCK, (2**10, 64)], ids=["one block", "blocks"])
@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_training_on_device_arrays_gives_the_numbers_of_numpy(cupy, options, block, monkeypatch):
    """To rounding: sums are taken in another order."""
    monkeypatch.setattr(backend, "GPU_BLOCK", block)
    config = replace(SMALL, dtype="float64", **options)
    device, host = train(replace(config, device="gpu")), train(replace(config, device="cpu"))
    for name, array in host.network.arrays.items():
        assert type(device.network.arrays[name]) is np.ndarray
        np.testing.assert_allclose(device.network.arrays[name], array, rtol=1e-6, atol=1e-9)
    for name in METRIC_COLUMNS:
        if name != "seconds":
            np.testing.assert_allclose(device.history[name], host.history[name], rtol=1e-9)


def analysis(network, dataset):
    """What the methods and the rankings of a network predict."""
    structure = Structure(network, dataset.rule)
    ranking = np.asarray(np.random.default_rng(0).permutation(network.width), like=network.U)
    control = structure.keep(random_component(structure, np.random.default_rng(0)))
    curves = [*score_curves(structure, dataset).values(), mask_curves(network, ranking, dataset)]
    return [
        *(method.predict(structure) for method in METHODS.values()), predict_table(control),
        predict_ensemble([network, network.subnetwork(slice(0, 8))]),
        *(part[measure] for each in curves for part in (each.top, each.rest) for measure in part),
    ]


def test_the_analysis_of_a_network_on_the_device_is_that_of_numpy(cupy):
    run = train(replace(SMALL, modulus=23, width=32, dtype="float64", device="cpu"))
    device = analysis(run.network.convert(cupy.asarray), run.dataset)
    for ours, theirs in zip(device, analysis(run.network, run.dataset), strict=True):
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


def test_auto_takes_the_device_that_is_there(cupy):
    with backend.open_backend("auto") as opened:
        assert opened.xp is cupy
        assert opened.description == "CuPy stand-in, pretended GPU"


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


def test_block_sizes_depend_on_the_width_alone():
    assert [backend.SERIAL.block_size(width) for width in (1, 1024, 2048, 10**9)] == [1280, 512, 256, 64]


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


def test_the_real_cupy_has_every_function_and_method_that_is_called(monkeypatch, no_gpu_answer):
    """Run everything on the stand-in, which notes what is called, and hold each call against the installed CuPy."""
    pytest.importorskip("cupy")
    with monkeypatch.context() as patch:
        to_device = strict_cupy.install(patch).asarray
        for options in VARIANTS:
            run = train(replace(SMALL, device="gpu", epochs=1, **options))
        run.network.convert(to_device).gradient(run.dataset.train, "mse")
        run.network.convert(to_device).gradient(run.dataset.train, "cross_entropy")
        analysis(run.network.convert(to_device), run.dataset)
    device.gpu_problem.cache_clear()
    cupy = importlib.import_module("cupy")
    assert len(strict_cupy.calls) > 50
    for name, n_arguments, keywords in sorted(strict_cupy.calls | {("ndarray.get", 0, ())}):
        function = functools.reduce(getattr, name.split("."), cupy)
        if isinstance(function, (cupy.ufunc, type(cupy.matmul))):
            assert set(keywords) <= {"out", "dtype", "casting"}, name
        else:
            signature_of(function).bind(*[None] * n_arguments, **dict.fromkeys(keywords))
    assert importlib.import_module("cupyx.scipy.special").erf


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
        "import sys, minimod.commands; "
        "print([name for name in ('matplotlib', 'scipy', 'cupy') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
