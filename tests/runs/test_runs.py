import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from run_cases import by_epoch, train_on

from minimod import TrainingConfig, load_run, train
from minimod.errors import InputError
from minimod.runs import metrics
from minimod.runs.data import UserData
from minimod.runs.files import array_checksum, load_arrays
from minimod.runs.metrics import METRIC_COLUMNS
from minimod.runs.run import check_run

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
    for name in METRIC_COLUMNS:
        assert run.history[name].dtype == loaded.history[name].dtype
        np.testing.assert_array_equal(run.history[name], loaded.history[name])
    assert (run.dataset.train.label == loaded.dataset.train.label).all()


def test_the_files_are_those_of_the_design(directory):
    assert sorted(path.name for path in directory.iterdir()) == [
        ".lock", "checkpoint.npz", "config.json", "metrics.csv", "network.npz",
    ]  # fmt: skip
    described = json.loads((directory / "config.json").read_text())
    assert described["config"] == json.loads(json.dumps(SMALL.to_dict()))
    assert described.keys() == {"format", "minimod", "numpy", "device", "data", "config", "sha256"}
    assert (directory / "metrics.csv").read_text().splitlines()[0] == ",".join(METRIC_COLUMNS)


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
    with pytest.raises(InputError, match=r"new( or empty)?, or hold an unfinished run"):
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


@pytest.mark.parametrize("how", ["missing", "empty", "cut", "nonsense"])
def test_the_table_of_metrics_is_an_export_and_the_run_does_without(directory, how):
    before = load_run(directory).history
    break_file(directory / "metrics.csv", how)
    after = load_run(directory).history
    assert all(np.array_equal(column, after[name], equal_nan=True) for name, column in before.items())
    assert check_run(directory)[0] == "finished"


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


# Files of another run


@pytest.fixture
def other(tmp_path):
    """A run of the same shapes on other labels."""
    train(replace(SMALL, seed=1), tmp_path / "other")
    return tmp_path / "other"


def test_a_network_of_another_run_is_refused(directory, other):
    shutil.copy(other / "network.npz", directory)
    with pytest.raises(InputError, match=r"network\.npz: it belongs to another run"):
        load_run(directory)
    state, files = check_run(directory)
    assert (state, files["network.npz"]) == ("damaged", "damaged: it belongs to another run")


def test_a_checkpoint_of_another_run_is_refused(directory, other):
    (directory / "network.npz").unlink()
    shutil.copy(other / "checkpoint.npz", directory)
    with pytest.raises(InputError, match=r"checkpoint\.npz: it belongs to another run"):
        train(SMALL, directory)
    state, files = check_run(directory)
    assert (state, files["checkpoint.npz"]) == ("damaged", "damaged: it belongs to another run")


def test_a_run_with_the_checkpoint_of_another_is_not_extended(directory, other):
    shutil.copy(other / "checkpoint.npz", directory)
    with pytest.raises(InputError, match=r"checkpoint\.npz: it belongs to another run"):
        train_on(replace(SMALL, epochs=5), directory)
    assert check_run(directory)[0] == "damaged"


def test_a_network_of_a_shorter_run_is_refused(directory, tmp_path):
    train(replace(SMALL, epochs=2), tmp_path / "shorter")
    shutil.copy(tmp_path / "shorter" / "network.npz", directory)
    with pytest.raises(InputError, match=r"network\.npz: it was written beside another config\.json"):
        load_run(directory)


# What the configuration cannot rebuild

LABELS = np.random.default_rng(0).integers(0, 7, 39)


@pytest.fixture
def labelled(tmp_path):
    """A run on labels of its own."""
    train(SMALL, tmp_path / "labelled", data=UserData(labels=LABELS))
    return tmp_path / "labelled"


def test_data_are_kept_with_their_checksums(labelled):
    assert (load_run(labelled).data.labels == LABELS).all()
    stored = load_arrays(labelled / "data" / "labels.npz")
    assert json.loads((labelled / "config.json").read_text())["data"] == {"labels": array_checksum(stored)}
    assert check_run(labelled) == ("finished", check_run(labelled)[1] | {"data": "whole: labels"})


def test_a_stopped_run_goes_on_with_the_data_that_it_has(labelled, tmp_path):
    def stop(epoch, row):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SMALL, tmp_path / "stopped", data=UserData(labels=LABELS), callback=by_epoch(stop), checkpoint_every=1)
    (tmp_path / "stopped" / "data" / "labels.npz.123.part").write_text("half")
    resumed, whole = train(SMALL, tmp_path / "stopped"), load_run(labelled)
    assert (resumed.data.labels == LABELS).all()
    assert all((array == whole.network.arrays[name]).all() for name, array in resumed.network.arrays.items())
    assert (resumed.history["loss"] == whole.history["loss"]).all()
    assert [path.name for path in (tmp_path / "stopped" / "data").iterdir()] == ["labels.npz"]


def test_a_run_on_other_data_is_refused(labelled):
    (labelled / "network.npz").unlink()
    with pytest.raises(InputError, match="on the same data"):
        train(SMALL, labelled, data=UserData(labels=(LABELS + 1) % 7))


@pytest.mark.parametrize("how", ["missing", "empty", "cut", "nonsense", "exchanged"])
def test_damaged_data_are_refused_and_named(labelled, tmp_path, how):
    path = labelled / "data" / "labels.npz"
    if how == "exchanged":
        train(SMALL, tmp_path / "other", data=UserData(labels=(LABELS + 1) % 7))
        shutil.copy(tmp_path / "other" / "data" / "labels.npz", path)
    else:
        break_file(path, how)
    with pytest.raises(InputError, match=r"labels\.npz"):
        load_run(labelled)
    state, files = check_run(labelled)
    assert state == "damaged" and files["data"].startswith("damaged: ")


@pytest.mark.parametrize("given", [None, LABELS], ids=["no labels", "its labels"])
@pytest.mark.parametrize("how", ["empty", "cut", "nonsense"])
def test_a_run_does_not_go_on_with_damaged_data(labelled, how, given):
    """Not even with the labels that were there: the directory would end as one that cannot be loaded."""
    (labelled / "network.npz").unlink()
    break_file(labelled / "data" / "labels.npz", how)
    with pytest.raises(InputError, match=r"labels\.npz"):
        train(SMALL, labelled, data=UserData(labels=given))


def test_data_that_a_killed_process_did_not_write_are_written(labelled):
    (labelled / "network.npz").unlink()
    (labelled / "data" / "labels.npz").unlink()
    train(SMALL, labelled, data=UserData(labels=LABELS))
    assert (load_run(labelled).data.labels == LABELS).all()


def test_a_network_trained_on_other_data_is_refused(labelled, tmp_path):
    train(SMALL, tmp_path / "other", data=UserData(labels=(LABELS + 1) % 7))
    shutil.copy(tmp_path / "other" / "network.npz", labelled)
    with pytest.raises(InputError, match="another run"):
        load_run(labelled)


# Growth

def test_a_metric_that_came_later_is_missing_and_no_damage(directory, monkeypatch):
    monkeypatch.setitem(metrics.METRICS, "new", lambda measured: 1.0)
    monkeypatch.setitem(metrics.METRIC_COLUMNS, "new", float)
    run = load_run(directory)
    assert np.isnan(run.history["new"]).all() and run.history["epoch"].tolist() == [0, 1, 2, 3]
    assert check_run(directory)[0] == "finished"
    extended = train_on(replace(SMALL, epochs=5), directory)
    assert np.isnan(extended.history["new"]).tolist() == [True] * 4 + [False] * 2
    np.testing.assert_array_equal(load_run(directory).history["new"], extended.history["new"])


def test_a_field_that_came_later_changes_no_run_s_checksum():
    assert SMALL.changes() == {"modulus": 7, "width": 8, "epochs": 3, "threads": 1}


@pytest.mark.parametrize("word", ["a\r\nb", "a\nb", "a,b", 'a"b', "∘", ""])
def test_words_come_back_as_they_were(tmp_path, word):
    tokens = np.array([word, *"cdefgh"])
    train(SMALL, tmp_path / "run", data=UserData(tokens=tokens))
    assert (load_run(tmp_path / "run").words == tokens).all()


@pytest.mark.parametrize("word", ["a\rb", "a\0b", "\udcff", "a\r"])
def test_words_that_a_file_could_not_keep_are_refused(tmp_path, word):
    with pytest.raises(InputError, match=r"tokens is .*; it must be words in UTF-8"):
        train(SMALL, tmp_path / "run", data=UserData(tokens=np.array([word, *"cdefgh"])))
    assert not (tmp_path / "run").exists()
