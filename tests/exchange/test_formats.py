"""Files of other projects are read without trust: plain arrays come in, and no code is run."""

import json
import os
import pickle
import shlex
import subprocess
import sys
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest

from minimod.errors import InputError
from minimod.exchange import formats
from minimod.exchange.formats import read_arrays, write_network
from minimod.exchange.layouts import find_layout
from minimod.exchange.networks import network_from
from minimod.network import TwoLayerNet

P, M = 7, 12

rng = np.random.default_rng(0)


def network(tied=True, bias=True, dtype="float32", width=M):
    U, V = rng.standard_normal((2, P, width)).astype(dtype)
    mu = rng.standard_normal(P) if bias else np.zeros(P)
    W = rng.standard_normal((width, P)).astype(dtype)
    return TwoLayerNet(U, U if tied else V, W, mu.astype(dtype), "relu", bias)


def needs(library, *values):
    return pytest.param(*values, marks=pytest.mark.skipif(not find_spec(library), reason=f"needs {library}"))


def imported(path):
    arrays = read_arrays(path)
    return network_from(arrays, find_layout(arrays, P)[0], P, "relu")[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("width", [M, P, 2 * P])
@pytest.mark.parametrize("suffix", [".npz", needs("safetensors", ".safetensors"), needs("torch", ".pth")])
def test_what_was_written_comes_back_bit_for_bit(tmp_path, suffix, width, tied, bias, dtype):
    written = network(tied, bias, dtype, width)
    write_network(written, tmp_path / f"net{suffix}")
    read = imported(tmp_path / f"net{suffix}")
    assert (read.tied, read.has_bias) == (tied, bias)
    for name, array in written.arrays.items():
        assert (read.arrays[name].dtype, read.arrays[name].tobytes()) == (array.dtype, array.tobytes())


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_half_precision_becomes_single(tmp_path, save):
    save(tmp_path / "x.npz", a=np.arange(3, dtype=np.float16), n=np.arange(3), big=np.arange(3, dtype=">f8"))
    arrays = read_arrays(tmp_path / "x.npz")
    assert {name: array.dtype.str for name, array in arrays.items()} == {
        "a": "<f4", "n": "<f8", "big": "<f8"}


@pytest.mark.parametrize("V", [np.arange(P * M) % 5, np.ones(P * M, bool), 1j * np.ones(P * M), np.ones(P * M) * 1.5])
def test_no_array_is_left_out_before_a_layout_is_chosen(tmp_path, V):
    U, W = rng.standard_normal((P, M)), rng.standard_normal((M, P))
    np.savez(tmp_path / "x.npz", U=U, V=V.reshape(P, M), W=W, steps=np.int64(3))
    if V.dtype == complex:
        with pytest.raises(InputError, match="finite in every number"):
            imported(tmp_path / "x.npz")
    else:
        np.testing.assert_array_equal(imported(tmp_path / "x.npz").V, V.reshape(P, M))


def test_integers_and_other_types_of_safetensors_are_there(tmp_path):
    pytest.importorskip("safetensors")
    header = json.dumps({"n": {"dtype": "I32", "shape": [1], "data_offsets": [0, 4]},
                         "f": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [4, 6]}}).encode()
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\7\0\0\0ab")
    arrays = read_arrays(tmp_path / "x.safetensors")
    assert arrays["n"].tolist() == [7] and np.isnan(arrays["f"]).tolist() == [True, True]


def test_integers_and_complex_numbers_of_torch_are_there(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"n": torch.arange(2), "c": torch.ones(2, dtype=torch.complex64), "s": torch.tensor(4)},
               tmp_path / "x.pth")
    arrays = read_arrays(tmp_path / "x.pth")
    assert arrays["n"].tolist() == [0, 1] and np.isnan(arrays["c"]).all() and "s" not in arrays


def test_bfloat16_of_safetensors_becomes_single(tmp_path):
    pytest.importorskip("safetensors")
    header = json.dumps({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\x80\x3f\x20\xc0")
    assert read_arrays(tmp_path / "x.safetensors")["a"].tolist() == [1.0, -2.5]


def test_an_archive_that_unpacks_to_more_than_is_allowed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "MAX_NUMBERS_BYTES", 10**5)
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(10**5))
    with pytest.raises(InputError, match="longer than 100000 bytes"):
        read_arrays(tmp_path / "x.npz")


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "x.npz")
    with pytest.raises(InputError, match="no regular file"):
        read_arrays(tmp_path / "x.npz")


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "x.npz")


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".HDF5"])
def test_what_makes_another_kind_of_file_readable_is_told_as_a_command(tmp_path, suffix):
    with pytest.raises(InputError, match=r"a file that ends in .npz, .*; x\.\w+ becomes one by: ") as caught:
        read_arrays(tmp_path / f"x{suffix}")
    words = shlex.split(str(caught.value).partition("becomes one by: ")[2])
    code = words[words.index("-c") + 1]
    compile(code, "-", "exec")
    assert "FILE" not in code and "numpy.savez('" in code


def test_what_takes_the_weights_out_of_a_keras_file_is_told(tmp_path):
    with pytest.raises(InputError, match=r"\.ckpt; first take its weights: unzip x.keras model.weights.h5"):
        read_arrays(tmp_path / "x.keras")


@pytest.mark.parametrize("use", [read_arrays, lambda path: write_network(network(), path)])
def test_another_ending_is_refused(tmp_path, use):
    with pytest.raises(InputError, match=r"\.npz, \.safetensors, \.pth, \.pt"):
        use(tmp_path / "x.bin")


@pytest.mark.parametrize(("library", "suffix"), [("torch", ".pth"), ("safetensors", ".safetensors")])
def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch, library, suffix):
    (tmp_path / f"x{suffix}").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match="pip install '?" + library):
        read_arrays(tmp_path / f"x{suffix}")


def test_a_torch_that_runs_code_is_refused(tmp_path, monkeypatch):
    (tmp_path / "x.pth").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "torch", type("torch", (), {"__version__": "2.5.1+cpu"}))
    with pytest.raises(InputError, match="later torch"):
        read_arrays(tmp_path / "x.pth")


class Harm:
    """What makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_no_code_of_an_npz_file_is_run(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array([Harm(tmp_path / "marker")], dtype=object), allow_pickle=True)
    with pytest.raises(InputError):
        read_arrays(tmp_path / "x.npz")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("container", ["zip", "bare"])
def test_no_code_of_a_pytorch_file_is_run(tmp_path, container):
    torch = pytest.importorskip("torch")
    path, harm = tmp_path / "x.pth", {"W_in": Harm(tmp_path / "marker")}
    if container == "zip":
        torch.save(harm, path)
    else:
        path.write_bytes(pickle.dumps(harm))
    with pytest.raises(InputError):
        read_arrays(path)
    assert not (tmp_path / "marker").exists()


def test_nested_dictionaries_of_pytorch_get_dotted_names(tmp_path):
    torch = pytest.importorskip("torch")
    half = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    torch.save({"model": {"fc1": {"weight": half}}, "optimizer": {"state": {0: half}}, "epoch": 3}, tmp_path / "x.pth")
    arrays = read_arrays(tmp_path / "x.pth")
    assert {name: array.dtype.str for name, array in arrays.items()} == {"model.fc1.weight": "<f4"}


def test_items_of_lists_and_epochs_get_an_index(tmp_path):
    torch = pytest.importorskip("torch")
    state = {"fc1.weight": torch.ones(2)}
    states = {"state_dicts": [state, dict(state)], "epochs": {100: dict(state)}, "losses": [0.5] * 9}
    torch.save(states, tmp_path / "x.pt")
    torch.save([dict(state), {"0": {"w": torch.ones(1)}}], tmp_path / "list.pt")
    torch.save({7: torch.ones(1)}, tmp_path / "number.pt")
    torch.save(torch.ones(1), tmp_path / "one.pt")
    names = ["state_dicts[0].fc1.weight", "state_dicts[1].fc1.weight", "epochs[100].fc1.weight"]
    assert [*read_arrays(tmp_path / "x.pt")] == names
    assert [*read_arrays(tmp_path / "list.pt")] == ["file[0].fc1.weight", "file[1].0.w"]
    assert [*read_arrays(tmp_path / "number.pt")] == ["file[7]"] and [*read_arrays(tmp_path / "one.pt")] == ["file"]


def test_two_tensors_of_one_name_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"a.b": torch.ones(1), "a": {"b": torch.ones(1)}}, tmp_path / "x.pt")
    with pytest.raises(InputError, match=r"two tensors have the name a\.b"):
        read_arrays(tmp_path / "x.pt")


@pytest.mark.parametrize("depth", [1, 40])
def test_what_holds_itself_or_doubles_at_every_level_is_refused(tmp_path, depth):
    torch = pytest.importorskip("torch")
    states = [{"w": torch.ones(1)}]
    if depth == 1:
        states.append(states)
    for _ in range(depth - 1):
        states = [states, states]
    torch.save(states, tmp_path / "x.pt")
    with pytest.raises(InputError, match="it has too many parts, or a part holds itself"):
        read_arrays(tmp_path / "x.pt")


def test_one_state_at_two_places_of_a_list_is_there_twice(tmp_path):
    torch = pytest.importorskip("torch")
    best, other = {"w": torch.ones(1)}, {"w": torch.zeros(1)}
    torch.save({"model": best, "states": [best, other, best]}, tmp_path / "x.pt")
    assert {name: X[0] for name, X in read_arrays(tmp_path / "x.pt").items()} == {
        "model.w": 1, "states[0].w": 1, "states[1].w": 0, "states[2].w": 1}


MODULE = """
import torch
net = torch.nn.Sequential(torch.nn.Linear(14, 12), torch.nn.ReLU(), torch.nn.Linear(12, 7))
torch.save({}, "model.pt")
"""


@pytest.mark.parametrize("saved", [
    "net", "{'model': net}", "{'model': net.state_dict(), 'args': __import__('argparse').Namespace()}"])
def test_how_to_save_the_state_alone_is_told_as_a_command_that_works(tmp_path, saved):
    pytest.importorskip("torch")
    subprocess.run([sys.executable, "-c", MODULE.replace("{}", saved)], cwd=tmp_path, check=True)
    with pytest.raises(InputError, match=r"of tensors alone, without (torch\.nn|argparse)\.") as caught:
        read_arrays(tmp_path / "model.pt")
    assert len(str(caught.value).splitlines()) == 1
    command = str(caught.value).partition("if you trust it: ")[2].partition(" (")[0]
    words = shlex.split(str(caught.value).partition("if you trust it: ")[2])
    assert words[0] == "python" and command.startswith("python -c")
    subprocess.run([sys.executable, *words[1:3]], cwd=tmp_path, check=True)
    assert imported(tmp_path / "state.pth").U.shape == (P, M)


def test_tensors_that_repeat_one_number_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.ones(1).expand(10**6, 10**6)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match="repeat"):
        read_arrays(tmp_path / "x.pth")


def mutations(content, n):
    """The content with bytes flipped, cut and inserted: one to four times."""
    stream = np.random.default_rng(1)
    for _ in range(n):
        mutated = bytearray(content)
        for _ in range(stream.integers(1, 5)):
            kind, at = stream.integers(3), int(stream.integers(max(len(mutated), 1)))
            if kind == 0:
                mutated[at : at + 1] = stream.bytes(1)
            elif kind == 1:
                del mutated[at : at + int(stream.integers(1, 40))]
            else:
                mutated[at:at] = stream.bytes(int(stream.integers(1, 9)))
        yield bytes(mutated)


@pytest.mark.parametrize(
    ("suffix", "n"), [(".npz", 600), needs("safetensors", ".safetensors", 600), needs("torch", ".pth", 300)])
def test_a_mutated_file_is_refused_or_gives_a_finite_network(tmp_path, suffix, n):
    path = tmp_path / f"x{suffix}"
    write_network(network(tied=False), path)
    for content in mutations(path.read_bytes(), n):
        path.write_bytes(content)
        try:
            found = imported(path)
        except InputError as error:
            assert len(str(error).splitlines()) == 1
        else:
            assert all(np.isfinite(array).all() for array in found.arrays.values())


def test_a_part_of_an_archive_that_is_no_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.txt", "mine")
    with pytest.raises(InputError, match="npz file of plain arrays"):
        read_arrays(tmp_path / "x.npz")


@pytest.mark.parametrize(("name", "shown"), [("net.h5", "'net.h5'"), ("x');import os;('.h5", "'FILE'")])
def test_a_command_that_is_shown_has_plain_names_alone(name, shown, tmp_path):
    with pytest.raises(InputError) as caught:
        read_arrays(tmp_path / name)
    assert f"h5py.File({shown})" in caught.value.allowed
