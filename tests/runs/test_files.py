"""Files come back as they were written, or are refused in words, whatever has happened to them."""

import json
import os
import zipfile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minimod import TrainingConfig, load_run, train
from minimod.errors import InputError
from minimod.losses import LOSSES
from minimod.noise import NOISE_KINDS
from minimod.optimizers import OPTIMIZERS
from minimod.runs.contents import load_checkpoint, load_description
from minimod.runs.files import (
    DamagedFileError,
    load_arrays,
    load_checked_json,
    save_arrays,
    save_checked_json,
    save_json,
    whole_file,
)
from minimod.runs.run import check_run

SMALL = TrainingConfig(modulus=5, width=3, epochs=2, threads=1)


def test_a_file_keeps_its_old_content_until_the_new_is_complete(tmp_path):
    path = tmp_path / "data.json"
    save_json(path, {"old": 1})
    with pytest.raises(OSError, match="disk full"), whole_file(path) as file:
        file.write("half of the ne")
        raise OSError("disk full")
    assert json.loads(path.read_text()) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["data.json"]


def test_json_with_a_checksum_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        save_checked_json(tmp_path / "data.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_arrays_come_back_with_their_dtype_and_shape(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.array(3), "c": np.empty((0, 4), np.float32)}
    save_arrays(tmp_path / "x.npz", arrays)
    loaded = load_arrays(tmp_path / "x.npz")
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (loaded[name].dtype, loaded[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(loaded[name], array)


def write_header(path, shape, dtype="<f8"):
    """An npz file of one array that says it is large, and has no data."""
    with zipfile.ZipFile(path, "w") as archive, archive.open("a.npy", "w") as part:
        np.lib.format.write_array_header_1_0(part, {"descr": dtype, "fortran_order": False, "shape": shape})


@pytest.mark.parametrize("what", ["huge", "compressed", "pickle", "object header", "no checksum", "text", "empty"])
def test_arrays_that_were_not_written_by_us_are_refused(tmp_path, what):
    path = tmp_path / "x.npz"
    if what == "huge":
        write_header(path, (10**9, 10**9))
    elif what == "compressed":
        np.savez_compressed(path, a=np.zeros(10**6))
    elif what == "pickle":
        np.savez(path, a=np.array([print], dtype=object), allow_pickle=True)
    elif what == "object header":
        write_header(path, (0,), "|O")
    elif what == "no checksum":
        np.savez(path, a=np.zeros(3))
    else:
        path.write_bytes(b"mine" if what == "text" else b"")
    with pytest.raises(DamagedFileError):
        load_arrays(path)


def test_arrays_that_were_changed_with_all_their_care_are_refused(tmp_path):
    save_arrays(tmp_path / "x.npz", {"a": np.zeros(3)})
    with np.load(tmp_path / "x.npz") as arrays:
        np.savez(tmp_path / "x.npz", **dict(arrays) | {"a": np.ones(3)})
    with pytest.raises(DamagedFileError, match="checksum"):
        load_arrays(tmp_path / "x.npz")


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"3", b'{"a": 1}', b" " * 2_000_000, b"\xff\xfe"])
def test_json_that_was_not_written_by_us_is_refused(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DamagedFileError):
        load_checked_json(tmp_path / "x.json")


def test_checked_json_comes_back(tmp_path):
    data = {"x": 1.5, "nested": {"y": [None, True, "φ"]}}
    save_checked_json(tmp_path / "x.json", data)
    assert load_checked_json(tmp_path / "x.json") == data


configs = st.builds(
    TrainingConfig,
    rule=st.sampled_from(["add", "sub"]), modulus=st.integers(2, 300), noise_ratio=st.floats(0, 1),
    train_fraction=st.floats(0.3, 1), noise_kind=st.sampled_from(list(NOISE_KINDS)), seed=st.integers(0, 2**70),
    init_seed=st.none() | st.integers(0, 9), width=st.integers(1, 10**12), tied=st.booleans(), bias=st.booleans(),
    init_std=st.none() | st.floats(1e-300, 1e300), loss=st.sampled_from(list(LOSSES)),
    optimizer=st.sampled_from(list(OPTIMIZERS)), learning_rate=st.floats(1e-300, 1e300),
    betas=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)), weight_decay=st.floats(0, 1e300),
    epochs=st.integers(0, 10**30), batch_size=st.none() | st.integers(1, 10**30),
    dtype=st.sampled_from(["float32", "float64"]),
)  # fmt: skip


@given(config=configs)
@settings(max_examples=200, deadline=None)
def test_a_configuration_survives_json(config):
    assert TrainingConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-2, 3), st.floats(), st.text(max_size=5),
    st.lists(st.floats() | st.integers() | st.none(), max_size=3), st.just(10**400), st.just({}),
)  # fmt: skip


@example(name="snapshots", value=[3.0, 0, 3.0])
@given(name=st.sampled_from(list(SMALL.to_dict())), value=anything)
@settings(max_examples=500, deadline=None)
def test_any_value_of_a_field_is_taken_or_refused_by_name(name, value):
    try:
        config = TrainingConfig.from_dict(SMALL.to_dict() | {name: value})
    except InputError as error:
        assert error.option == name or name in ("rule", "modulus", "train_fraction")
    else:
        taken = config.to_dict()[name]
        stands_for_113 = name == "modulus" and value is None and taken == 113
        in_order = sorted(set(value)) if name == "snapshots" and isinstance(value, list) else value
        if isinstance(taken, float) and isinstance(value, int):         # beyond 2⁵³ it is rounded
            in_order = float(value)
        assert stands_for_113 or taken == in_order or list(taken) == in_order


def mutate(content, generator):
    """One of the things that disks, editors and transfers do to a file."""
    kind = generator.integers(5)
    data = bytearray(content)
    at = int(generator.integers(len(data)))
    if kind == 0:
        data[at] ^= 1 << int(generator.integers(8))
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        end = at + int(generator.integers(1, 64))
        data[at:end] = generator.bytes(len(data[at:end]))
    elif kind == 3:
        data[at:at] = generator.bytes(int(generator.integers(1, 64)))
    else:
        end = at + int(generator.integers(1, 512))
        data[at:end] = bytes(len(data[at:end]))
    return bytes(data)


def test_two_thousand_mutated_files_are_refused_or_loaded_as_they_were(tmp_path):
    """Checkpoints, networks and configurations; the count of each outcome is printed (pytest -s)."""
    run = train(SMALL, tmp_path)
    state = load_checkpoint(tmp_path, load_description(tmp_path)).part("state_")
    generator = np.random.default_rng(0)
    refused = loaded = 0
    for number in range(2000):
        path = tmp_path / ("checkpoint.npz", "config.json", "network.npz")[number % 3]
        original = path.read_bytes()
        path.write_bytes(mutate(original, generator))
        try:
            config = load_description(tmp_path).config
            checkpoint = load_checkpoint(tmp_path, load_description(tmp_path))
            again = load_run(tmp_path)
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            assert config == SMALL and checkpoint.epoch == 2
            assert all((X == checkpoint.arrays[f"state_{name}"]).all() for name, X in state.items())
            assert all((X == again.network.arrays[name]).all() for name, X in run.network.arrays.items())
            loaded += 1
        finally:
            path.write_bytes(original)
    print(f"2000 mutated files: {refused} refused in one line, {loaded} loaded as written")
    assert refused + loaded == 2000 and refused > 1500


@pytest.mark.parametrize("name", ["config.json", "checkpoint.npz", "network.npz"])
def test_check_finds_a_cut_file(tmp_path, name):
    train(SMALL, tmp_path)
    assert check_run(tmp_path)[0] == "finished"
    os.truncate(tmp_path / name, (tmp_path / name).stat().st_size - 9)
    found, files = check_run(tmp_path)
    assert found == "damaged" and files[name].startswith("damaged: ")


@pytest.mark.parametrize(("part", "value"), [
    ("epoch", np.zeros(3)), ("epoch", np.array(np.inf)), ("epoch", np.array("x")), ("seconds", np.zeros(3)),
    ("seconds", np.array("x")), ("metrics", np.zeros(3)), ("metrics", np.array(3.0)), ("metrics", np.array([["x"]])),
], ids=str)  # fmt: skip
def test_checkpoints_whose_parts_are_of_another_kind_are_refused(tmp_path, part, value):
    train(SMALL, tmp_path)
    save_arrays(tmp_path / "checkpoint.npz", load_arrays(tmp_path / "checkpoint.npz") | {part: value})
    state, files = check_run(tmp_path)
    assert state == "damaged" and files["checkpoint.npz"].startswith("damaged: ")


@pytest.mark.parametrize("data", [3, None, ["labels"], "labels"])
def test_checksums_of_data_that_are_no_table_are_refused(tmp_path, data):
    train(SMALL, tmp_path)
    save_checked_json(tmp_path / "config.json", load_checked_json(tmp_path / "config.json") | {"data": data})
    with pytest.raises(InputError, match=r"run directory is .*config\.json"):
        load_run(tmp_path)
    assert check_run(tmp_path)[1]["config.json"].startswith("damaged: ")


def test_check_tells_an_unfinished_run(tmp_path):
    train(SMALL, tmp_path)
    (tmp_path / "network.npz").unlink()
    assert check_run(tmp_path)[0] == "unfinished"


def test_check_finds_a_network_that_is_not_the_checkpoints(tmp_path):
    train(SMALL, tmp_path / "one")
    train(TrainingConfig.from_dict(SMALL.to_dict() | {"seed": 1}), tmp_path / "two")
    (tmp_path / "two" / "network.npz").replace(tmp_path / "one" / "network.npz")
    assert check_run(tmp_path / "one")[0] == "damaged"


def test_a_run_of_a_newer_version_is_refused_by_its_version(tmp_path):
    train(SMALL, tmp_path)
    data = load_checked_json(tmp_path / "config.json")
    save_checked_json(tmp_path / "config.json", data | {"format": 4, "minimod": "9.9"})
    with pytest.raises(InputError, match=r"format 4, of minimod 9\.9"):
        load_description(tmp_path)
