"""Networks from elsewhere compute what their authors' formula says, and what cannot be told is refused."""

import json
import os
import pickle
import sys
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest

from minimod.errors import InputError
from minimod.exchange import formats
from minimod.exchange.foreign import network_from, parse_mapping
from minimod.exchange.formats import read_arrays, write_network
from minimod.network import TwoLayerNet

P, M, D = 7, 12, 5

PHI = {"relu": lambda Z: np.maximum(Z, 0), "quadratic": lambda Z: Z**2}

rng = np.random.default_rng(0)
W_IN, W_OUT, W_A, W_B = (rng.standard_normal(shape) for shape in [(M, P), (P, M), (M, P), (M, P)])
BOTH, EMBEDDING = rng.standard_normal((M, 2 * P)), rng.standard_normal((P, D))
HIDDEN, HIDDEN_BOTH = rng.standard_normal((M, D)), rng.standard_normal((M, 2 * D))
B_IN, B_OUT = rng.standard_normal(M), rng.standard_normal(P)
SQUARE = {"W_in": rng.standard_normal((P, P)), "W_out": rng.standard_normal((P, P))}
E = np.eye(P)

# Arrays as published, and their logits for one-hot columns x and y, by their authors' formula.
LAYOUTS = {
    "published": ({"W_in": W_IN, "W_out": W_OUT}, lambda φ, x, y: W_OUT @ φ(W_IN @ (x + y))),
    "no names": ({"0.weight": W_IN, "2.weight": W_OUT}, lambda φ, x, y: W_OUT @ φ(W_IN @ (x + y))),
    "the other way round": ({"W_in": W_IN.T, "W_out": W_OUT.T}, lambda φ, x, y: W_OUT @ φ(W_IN @ (x + y))),
    "names against PyTorch": ({"fc2": W_IN, "fc1": W_OUT}, lambda φ, x, y: W_IN.T @ φ(W_OUT.T @ (x + y))),
    "of one shape": ({"embed": W_IN, "unembed": W_OUT.T}, lambda φ, x, y: W_OUT @ φ(W_IN @ (x + y))),
    "concatenated": ({"fc1.weight": BOTH, "fc2.weight": W_OUT, "fc2.bias": B_OUT},
                     lambda φ, x, y: W_OUT @ φ(BOTH @ np.concatenate([x, y])) + B_OUT[:, None]),
    "two matrices": ({"W_b": W_B, "W_a": W_A, "W": W_OUT.T}, lambda φ, x, y: W_OUT @ φ(W_A @ x + W_B @ y)),
    "embedding": ({"embed.weight": EMBEDDING, "in": HIDDEN, "out": W_OUT},
                  lambda φ, x, y: W_OUT @ φ(HIDDEN @ (EMBEDDING.T @ x + EMBEDDING.T @ y))),
    "embedding, concatenated": ({"e": EMBEDDING, "x": HIDDEN_BOTH, "y": W_OUT}, lambda φ, x, y: W_OUT @ φ(
        HIDDEN_BOTH @ np.concatenate([EMBEDDING.T @ x, EMBEDDING.T @ y]))),
    "hidden bias": ({"0.weight": W_IN, "0.bias": B_IN, "2.weight": W_OUT, "2.bias": B_OUT},
                    lambda φ, x, y: W_OUT @ φ(W_IN @ (x + y) + B_IN[:, None]) + B_OUT[:, None]),
    "all": ({"embed": EMBEDDING, "fc1": HIDDEN_BOTH, "b1": B_IN, "fc2": W_OUT, "b2": B_OUT}, lambda φ, x, y: W_OUT @ φ(
        HIDDEN_BOTH @ np.concatenate([EMBEDDING.T @ x, EMBEDDING.T @ y]) + B_IN[:, None]) + B_OUT[:, None]),
}  # fmt: skip


def network(tied=True, bias=True, dtype="float32", width=M):
    U, V = rng.standard_normal((2, P, width)).astype(dtype)
    mu = rng.standard_normal(P) if bias else np.zeros(P)
    W = rng.standard_normal((width, P)).astype(dtype)
    return TwoLayerNet(U, U if tied else V, W, mu.astype(dtype), "relu", bias)


def needs(library, *values):
    return pytest.param(*values, marks=pytest.mark.skipif(not find_spec(library), reason=f"needs {library}"))


@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_logits_are_those_of_the_authors_formula(layout, activation):
    arrays, formula = LAYOUTS[layout]
    a, b = np.divmod(np.arange(P * P), P)
    found, _ = network_from(arrays, P, activation)
    np.testing.assert_allclose(found.logits(a, b), formula(PHI[activation], E[:, a], E[:, b]).T, rtol=0, atol=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_network_is_tied_where_its_inputs_share_their_weights(layout):
    two = ("concatenated", "two matrices", "embedding, concatenated", "all")
    assert network_from(LAYOUTS[layout][0], P, "relu")[0].tied == (layout not in two)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("width", [M, P, 2 * P])
@pytest.mark.parametrize("suffix", [".npz", needs("safetensors", ".safetensors"), needs("torch", ".pth")])
def test_what_was_written_comes_back_bit_for_bit(tmp_path, suffix, width, tied, bias, dtype):
    written = network(tied, bias, dtype, width)
    write_network(written, tmp_path / f"net{suffix}")
    read, _ = network_from(read_arrays(tmp_path / f"net{suffix}"), P, "relu")
    assert (read.tied, read.has_bias) == (tied, bias)
    for name, array in written.arrays.items():
        assert (read.arrays[name].dtype, read.arrays[name].tobytes()) == (array.dtype, array.tobytes())


def test_arrays_are_copies_in_order():
    found, _ = network_from({"W_in": W_IN, "W_out": W_OUT}, P, "relu")
    for array in found.arrays.values():
        assert array.flags.c_contiguous and array.base is None


def test_lines_say_what_became_of_every_array():
    arrays = {"fc1": BOTH, "fc2": W_OUT, "b1": B_IN, "losses": np.zeros(3)}
    assert network_from(arrays, P, "relu")[1] == [
        "U = fc1.T[:7] + b1 / 2, of shape (7, 12)", "V = fc1.T[7:] + b1 / 2, of shape (7, 12)",
        "W = fc2.T, of shape (12, 7)", "mu is 0: no bias", "all are float64",
        "the activation is relu, which no file tells", "not used: losses (3,)"]  # fmt: skip


@pytest.mark.parametrize("more", [{"layers.2.weight": np.eye(M)}, {"offset": np.zeros(M)}], ids=["layer", "bias"])
def test_what_could_be_a_layer_is_not_left_out_without_a_word(more):
    arrays = {"layers.0.weight": W_IN, "layers.4.weight": W_OUT} | more
    with pytest.raises(InputError, match="if these are no part of the network"):
        network_from(arrays, P, "relu")
    assert network_from(arrays, P, "relu", mapping={"U": "layers.0.weight.T", "W": "layers.4.weight.T"})[0].width == M


def test_a_modulus_that_the_transposed_weights_fit_is_told():
    assert f"transposed, they would fit modulus {P} and width {M} too" in network_from(
        {"W_in": W_IN, "W_out": W_OUT}, M, "relu")[1]


def test_equal_halves_are_one_matrix():
    found, lines = network_from({"fc1": np.hstack([W_IN, W_IN]), "fc2": W_OUT}, P, "relu")
    assert found.tied and "V is U: the network is tied" in lines


def test_tied_is_refused_where_halves_differ():
    with pytest.raises(InputError, match=r"tied is True; it must be False: fc1.T\[:7\] and fc1.T\[7:\] differ"):
        network_from({"fc1": BOTH, "fc2": W_OUT}, P, "relu", tied=True)


def test_one_array_of_float64_makes_all_so():
    arrays = {"W_in": W_IN.astype(np.float32), "W_out": W_OUT}
    assert network_from(arrays, P, "relu")[0].U.dtype == np.float64


@pytest.mark.parametrize(("arrays", "said"), [
    (SQUARE, "U=W_in W=W_out or U=W_in W=W_out.T or"),
    ({"first": W_IN, "encoder": W_OUT, "third": W_OUT}, "U=first.T W=encoder.T or U=first.T W=third.T"),
    ({"x": W_IN, "y": W_OUT.T}, "U=x.T W=y or U=y.T W=x; the arrays are x (12, 7), y (12, 7)"),
    ({"e": rng.standard_normal((P, M)), "in": rng.standard_normal((M, M)), "out": W_OUT}, "U=in"),
    ({"W_in": W_IN, "bias": B_OUT}, "such that U is of shape (7, M)"),
    ({"W_E": W_IN.T, "W_in": HIDDEN.T, "W_out": HIDDEN, "W_U": W_IN}, "such that U is of shape (7, M)"),
    ({"e": SQUARE["W_in"], "in": W_IN, "out": W_OUT}, "U=in.T W=out.T or embedding=e U=in.T W=out.T"),
    ({f"x{i}": SQUARE["W_in"] for i in range(40)}, ", or another"),
    ({}, "the arrays are none"),
    ({"W_in": W_IN, "W_out": W_OUT, "bias_a": B_OUT, "bias_b": B_OUT}, "such that mu"),
], ids=["square", "two outputs", "one shape", "square hidden", "no output", "transformer", "square embedding", "many",
        "nothing", "two biases"])  # fmt: skip
def test_what_can_be_read_in_several_ways_or_in_none_is_refused(arrays, said):
    with pytest.raises(InputError) as caught:
        network_from(arrays, P, "relu")
    assert caught.value.option == "map" and said in str(caught.value)


@pytest.mark.parametrize("turn", [lambda X: X, np.transpose])
def test_a_mapping_says_how_square_weights_lie(turn):
    text = ".T" if turn is np.transpose else ""
    found, _ = network_from(SQUARE, P, "relu", mapping={"U": f"W_in{text}", "W": "W_out"})
    np.testing.assert_array_equal(found.U, turn(SQUARE["W_in"]))


def test_our_own_names_say_how_square_weights_lie():
    found, _ = network_from({"E": np.eye(3), "U": SQUARE["W_in"], "W": SQUARE["W_out"]}, P, "relu")
    np.testing.assert_array_equal(found.W, SQUARE["W_out"])


def test_a_mapping_of_u_alone_leaves_the_network_tied():
    found, _ = network_from(LAYOUTS["two matrices"][0], P, "relu", mapping={"U": "W_b.T"})
    assert found.tied


def test_what_a_mapping_leaves_out_is_found():
    arrays = {"e": rng.standard_normal((P, M)), "fc1": rng.standard_normal((M, M)), "fc2": W_OUT}
    found, _ = network_from(arrays, P, "relu", mapping={"U": "fc1.T"})
    np.testing.assert_allclose(found.U, arrays["e"] @ arrays["fc1"].T)


@pytest.mark.parametrize(("mapping", "said"), [
    ({"Q": "W_in"}, "map is 'Q=W_in'; it must be of a role, one of U, V, W"),
    ({"U": "W_inn.T"}, "map is 'U=W_inn.T'; it must be of an array, one of W_in, W_out"),
    ({"U": "W_in"}, "such that U is of shape"),
    ({"mu": "losses"}, "such that mu, the bias of the output, is of shape (7,)"),
    ({"mu": "W_in"}, "map is 'mu=W_in'; it must be of an array, one of losses"),
])  # fmt: skip
def test_a_mapping_that_does_not_fit_is_refused(mapping, said):
    with pytest.raises(InputError) as caught:
        network_from({"W_in": W_IN, "W_out": W_OUT, "losses": np.zeros(3)}, P, "relu", mapping=mapping)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["W_in", "W_out", "b_in", "b_out"])
def test_weights_that_are_not_finite_are_refused(name):
    arrays = {"W_in": W_IN, "W_out": W_OUT, "b_in": B_IN, "b_out": B_OUT}
    arrays[name] = arrays[name] * np.where(np.arange(arrays[name].size) == 3, np.nan, 1).reshape(arrays[name].shape)
    with pytest.raises(InputError, match="finite"):
        network_from(arrays, P, "relu")


def test_a_mapping_is_read_from_the_command_line():
    assert parse_mapping(["U=W_in.T", "W=a=b"]) == {"U": "W_in.T", "W": "a=b"}


@pytest.mark.parametrize("texts", [["U"], ["U="], ["=x"], ["u=x"], ["U=x", "U=y"]])
def test_another_text_is_no_mapping(texts):
    with pytest.raises(InputError, match="ROLE=NAME"):
        parse_mapping(texts)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_half_precision_becomes_single(tmp_path, save):
    save(tmp_path / "x.npz", a=np.arange(3, dtype=np.float16), n=np.arange(3), big=np.arange(3, dtype=">f8"))
    arrays = read_arrays(tmp_path / "x.npz")
    assert {name: array.dtype.str for name, array in arrays.items()} == {"a": "<f4", "big": "<f8"}


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
            found, _ = network_from(read_arrays(path), P, "relu")
        except InputError as error:
            assert len(str(error).splitlines()) == 1
        else:
            assert all(np.isfinite(array).all() for array in found.arrays.values())


def test_a_part_of_an_archive_that_is_no_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.txt", "mine")
    with pytest.raises(InputError, match="npz file of plain arrays"):
        read_arrays(tmp_path / "x.npz")
