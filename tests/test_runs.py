import json

import numpy as np
import pytest

from minimod import TrainingConfig, load_run, train
from minimod.errors import InputError
from minimod.runs import METRICS

SMALL = TrainingConfig(modulus=7, width=8, epochs=3, threads=1)


@pytest.fixture
def directory(tmp_path):
    train(SMALL, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("options", [{}, {"tied": True}, {"bias": False}, {"dtype": "float64"}, {"noise_ratio": 0}])
def test_a_run_comes_back_as_it_was(tmp_path, options):
    config = TrainingConfig(**SMALL.to_dict() | options)
    run = train(config, tmp_path / "run")
    loaded = load_run(str(tmp_path / "run"))
    assert loaded.config == config
    assert loaded.network.tied == config.tied and loaded.network.has_bias == config.bias
    for name, array in run.network.arrays.items():
        assert array.dtype == loaded.network.arrays[name].dtype
        assert (array == loaded.network.arrays[name]).all()
    for name in METRICS:
        assert run.history[name].dtype == loaded.history[name].dtype
        np.testing.assert_array_equal(run.history[name], loaded.history[name])
    assert (run.dataset.train.label == loaded.dataset.train.label).all()


def test_the_files_are_those_of_the_design(directory):
    assert sorted(path.name for path in directory.iterdir()) == [
        ".lock", "checkpoint.npz", "config.json", "metrics.csv", "network.npz",
    ]  # fmt: skip
    described = json.loads((directory / "config.json").read_text())
    assert described["config"] == json.loads(json.dumps(SMALL.to_dict()))
    assert described.keys() == {"format", "minimod", "numpy", "device", "config", "sha256"}
    assert (directory / "metrics.csv").read_text().splitlines()[0] == ",".join(METRICS)


@pytest.mark.parametrize("what", ["a run", "a stray file", "a file in its place", "a file above it"])
def test_nothing_is_overwritten(tmp_path, what):
    path = tmp_path / "run"
    if what == "a run":
        train(SMALL, path)
    elif what == "a stray file":
        path.mkdir()
        (path / "notes.txt").write_text("mine")
    else:
        path.write_text("mine")
        path = path / "below" if what == "a file above it" else path
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(InputError, match=r"new( or empty)?, or that of an unfinished run"):
        train(SMALL, path)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_an_empty_directory_is_used(tmp_path):
    assert train(SMALL, tmp_path).directory == tmp_path
    assert (tmp_path / "network.npz").exists()


def break_file(path, how):
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    else:
        path.write_bytes(b"\xff\x00nonsense")


@pytest.mark.parametrize("how", ["missing", "empty", "cut", "nonsense"])
@pytest.mark.parametrize("name", ["config.json", "network.npz"])
def test_a_broken_directory_is_refused_by_name(directory, name, how):
    break_file(directory / name, how)
    with pytest.raises(InputError, match=r"run directory is .*run"):
        load_run(directory)


def test_a_directory_without_metrics_is_refused(directory):
    (directory / "metrics.csv").unlink()
    with pytest.raises(InputError, match="the whole of a finished run"):
        load_run(directory)


def test_a_table_of_metrics_without_rows_is_refused(directory):
    (directory / "metrics.csv").write_text(",".join(METRICS) + "\n")
    with pytest.raises(InputError, match=r"metrics\.csv: it does not reach epoch 3"):
        load_run(directory)


def test_absurdly_nested_json_is_refused(directory):
    (directory / "config.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="run directory"):
        load_run(directory)


def test_pickles_are_not_loaded(directory):
    with np.load(directory / "network.npz") as arrays:
        np.savez(directory / "network.npz", **dict(arrays) | {"mu": np.array([print], dtype=object)})
    with pytest.raises(InputError, match="allow_pickle"):
        load_run(directory)


@pytest.mark.parametrize("change", [
    {"U": np.zeros((7, 9), np.float32)}, {"W": np.zeros((8, 7))}, {"mu": np.full(7, np.nan, np.float32)},
], ids=["shape", "dtype", "nan"])  # fmt: skip
def test_arrays_that_do_not_fit_the_configuration_are_refused(directory, change):
    with np.load(directory / "network.npz") as arrays:
        np.savez(directory / "network.npz", **dict(arrays) | change)
    with pytest.raises(InputError, match="run directory"):
        load_run(directory)
