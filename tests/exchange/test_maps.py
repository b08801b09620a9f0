"""Maps are read as arithmetic on arrays, and nothing else: whatever is wrong is one line that names the map."""

import numpy as np
import pytest

from minimod.errors import InputError
from minimod.exchange import maps as maps_module
from minimod.exchange.maps import apply_maps, parse_maps
from minimod.exchange.networks import network_from

P, M, D = 7, 12, 5

PHI = {"relu": lambda Z: np.maximum(Z, 0), "quadratic": lambda Z: Z**2}

rng = np.random.default_rng(0)
W_IN, W_OUT, W_A, W_B = (rng.standard_normal(shape) for shape in [(M, P), (P, M), (M, P), (M, P)])
BOTH, EMBEDDING = rng.standard_normal((M, 2 * P)), rng.standard_normal((P, D))
HIDDEN, HIDDEN_BOTH, OTHER = (rng.standard_normal(shape) for shape in [(M, D), (M, 2 * D), (P, D)])
B_IN, B_OUT = rng.standard_normal(M), rng.standard_normal(P)
E = np.eye(P)

# Arrays as published, the maps of them, and their logits for one-hot columns x and y, by their authors' formula.
NETWORKS = {
    "published": ({"W_in": W_IN, "W_out": W_OUT}, {"U": "W_in.T", "W": "W_out.T"},
                  lambda φ, x, y: W_OUT @ φ(W_IN @ (x + y))),
    "the other way round": ({"W_in": W_IN.T, "W_out": W_OUT.T}, {"U": "W_in", "W": "W_out"},
                            lambda φ, x, y: W_OUT @ φ(W_IN @ (x + y))),
    "numbers for names": ({"0.weight": W_IN, "2.weight": W_OUT}, {"U": '"0.weight".T', "W": "'2.weight'.T"},
                          lambda φ, x, y: W_OUT @ φ(W_IN @ (x + y))),
    "slashes": ({"Dense_0/kernel": W_IN.T, "Dense_1/kernel": W_OUT.T},
                {"U": '"Dense_0/kernel"', "W": '"Dense_1/kernel"'}, lambda φ, x, y: W_OUT @ φ(W_IN @ (x + y))),
    "concatenated": ({"fc1.weight": BOTH, "fc2.weight": W_OUT, "fc2.bias": B_OUT},
                     {"U": "fc1.weight.T[:7]", "V": "fc1.weight[:, -7:].T", "W": "fc2.weight.T", "mu": "fc2.bias"},
                     lambda φ, x, y: W_OUT @ φ(BOTH @ np.concatenate([x, y])) + B_OUT[:, None]),
    "two matrices": ({"W_b": W_B, "W_a": W_A, "W": W_OUT.T}, {"U": "W_a.T", "V": "W_b.T", "W": "W"},
                     lambda φ, x, y: W_OUT @ φ(W_A @ x + W_B @ y)),
    "an embedding": ({"embed.weight": EMBEDDING, "in": HIDDEN, "out": W_OUT},
                     {"U": 'embed.weight @ "in".T', "W": "out.T"},
                     lambda φ, x, y: W_OUT @ φ(HIDDEN @ (EMBEDDING.T @ x + EMBEDDING.T @ y))),
    "an embedding, concatenated": (
        {"e": EMBEDDING, "x": HIDDEN_BOTH, "y": W_OUT}, {"U": "e @ x.T[:5]", "V": "e @ x.T[5:]", "W": "y.T"},
        lambda φ, x, y: W_OUT @ φ(HIDDEN_BOTH @ np.concatenate([EMBEDDING.T @ x, EMBEDDING.T @ y]))),
    "two embeddings": ({"W_x": EMBEDDING, "W_y": OTHER, "W": HIDDEN.T, "W_U": W_OUT, "b": B_IN},
                       {"U": "W_x @ W", "V": "W_y @ W", "W": "W_U.T", "hidden_bias": "b"},
                       lambda φ, x, y: W_OUT @ φ(HIDDEN @ (EMBEDDING.T @ x + OTHER.T @ y) + B_IN[:, None])),
    "an instance axis, a bias for each side": (
        {"U": np.stack([W_A.T, W_B.T]), "b": np.stack([B_IN, 3 * B_IN]), "W": W_OUT.T[None]},
        {"U": "U[1]", "W": "W[0]", "hidden_bias": "b[0] + b[1]"},
        lambda φ, x, y: W_OUT @ φ(W_B @ (x + y) + 4 * B_IN[:, None])),
    "a position, added to the embedding": (
        {"E": EMBEDDING, "pos": OTHER, "in": HIDDEN.T, "out": W_OUT.T},
        {"U": '(E + pos[0]) @ "in"', "V": '(E + pos[1]) @ "in"', "W": "out"},
        lambda φ, x, y: W_OUT @ φ(HIDDEN @ (EMBEDDING.T @ (x + y) + (OTHER[0] + OTHER[1])[:, None]))),
}  # fmt: skip

FILE = {"W_in": W_IN, "W_out": W_OUT, "fc.weight": W_IN, "fc.weight.T": W_B.T, "fc.bias": B_IN}
FILE["cube"] = np.ones((2, 3, 4))


@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize("name", NETWORKS)
def test_logits_are_those_of_the_authors_formula(name, activation):
    arrays, maps, formula = NETWORKS[name]
    a, b = np.divmod(np.arange(P * P), P)
    found, _ = network_from(arrays, maps, P, activation)
    np.testing.assert_allclose(found.logits(a, b), formula(PHI[activation], E[:, a], E[:, b]).T, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_without_v_is_tied(name):
    arrays, maps, _ = NETWORKS[name]
    assert network_from(arrays, maps, P, "relu")[0].tied == ("V" not in maps)


def test_the_longest_dotted_name_that_is_an_array_is_taken():
    values, used = apply_maps({"U": "fc.weight.T", "V": "fc.weight.T.T.T", "W": "fc.weight"}, FILE, P)
    assert (values["U"] == W_B.T).all() and (values["V"] == W_B.T).all() and (values["W"] == W_IN).all()
    assert used == {"fc.weight", "fc.weight.T"}


STATES = {f"file[{epoch}].W_in": W_IN + epoch for epoch in (0, 100, 2000)} | {"a.b[0].W": W_OUT, "a.b[1].W": 2 * W_OUT}


@pytest.mark.parametrize(("text", "found"), [
    ("file[-1].W_in.T", W_IN.T + 2000), ("file[100].W_in.T", W_IN.T + 100), ("file[-3].W_in.T", W_IN.T),
    ('"file[-2].W_in".T', W_IN.T + 100), ("file[-1].W_in[::-1].T", W_IN[::-1].T + 2000),
    ("file[0].W_in[-1:].T + file[-3].W_in.T", W_IN[-1:].T + W_IN.T),
])  # fmt: skip
def test_an_index_in_a_name_counts_from_the_end_too(text, found):
    np.testing.assert_array_equal(apply_maps({"U": text, "W": "a.b[-1].W.T"}, STATES, P)[0]["U"], found)


@pytest.mark.parametrize("text", ["file[-4].W_in", "file[-0].W_in", "file[1].W_in", "file[-1].W", "x[-1].W"])
def test_an_index_of_nothing_is_refused(text):
    with pytest.raises(InputError, match="is no array of floats in the file"):
        apply_maps({"U": text, "W": "a.b[-1].W.T"}, STATES, P)


@pytest.mark.parametrize(("text", "reason"), [
    ("W_inn.T", "(W_inn is no array of floats in the file, one of W_in, W_out"), ("fc.wait.T", "fc.wait is no array"),
    ("W_in * 2", "W_in * 2 is no array"), ("W_in - W_in", "is no array"), ("-W_in", "is no array"),
    ("W_in.real", "W_in.real is no array"), ("f'{W_in}'", "is no array"), ("3", "3 is no array"), ("b'x'", "no array"),
    ("W_in @ W_in", "shapes (12, 7) and (12, 7) do not multiply"), ("cube @ cube", "do not multiply"),
    ("W_in + cube", "shape mismatch"), ("W_in[12]", "index 12 is out of bounds"), ("W_in[0, 0, 0]", "too many indices"),
    ("W_in[True:'x']", "integer"), ("W_in[[0]]", "integer"), ("W_in[(0, 0), 0]", "integer"), ("W_in[None]", "integer"),
    ("W_in[...]", "integer"), ("W_in[2 * 3]", "malformed"), ("W_in[::0]", "zero"), ("W_in[{[]: 1}]", "unhashable"),
    ("W_in[9" + "9" * 30 + "]", "only integers"), ("W_in.T[", "was never closed"), ("W_in; W_in", "invalid syntax"),
    ("__import__('os').system('touch harm')", "is no array"), ("(W_in := W_out)", "no array"), ("", "invalid syntax"),
    ("(lambda: W_in)()", "is no array"), ("[W_in for x in W_in]", "is no array"), ("W_in\0", "null bytes"),
    ("\ud800", "surrogates"), ("(" * 250 + "W_in" + ")" * 40, "nested"), ("-" * 290 + "W_in", "is no array"),
    ("W_in" + ".T" * 149, "more than 300 letters"), ("W_in" + "[:]" * 97, "it must be such that U is of shape"),
])  # fmt: skip
def test_another_expression_is_refused_in_a_line(text, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        apply_maps({"U": text, "W": "W_out.T"}, FILE, P)
    assert caught.value.option == "map" and str(caught.value.value).startswith(f"U={text}")
    assert reason in str(caught.value) and "\n" not in str(caught.value) and not [*tmp_path.iterdir()]


@pytest.mark.parametrize("text", ["long + long.T", "long @ long.T", "long[:, :1] + long[:, 0]"])
def test_results_that_explode_are_refused_before_they_are_computed(text, monkeypatch):
    monkeypatch.setattr(maps_module, "LARGEST", 10**5)
    with pytest.raises(InputError, match="has more than 100000 numbers"):
        apply_maps({"U": text, "W": "W_out.T"}, FILE | {"long": np.ones((1000, 1))}, P)


@pytest.mark.parametrize(("maps", "said"), [
    ({"Q": "W_in"}, "map is 'Q'; it must be given for U and W, and for no other roles than U, V, W, mu, hidden_bias"),
    ({"U": "W_in.T"}, "given for U and W"), ({"V": "W_in.T", "W": "W_out"}, "given for U and W"), ({}, "given for U"),
    ({"U": "W_in", "W": "W_out.T"}, "map is 'U=W_in, of shape (12, 7)'; it must be such that U is of shape (7, M)"),
    ({"U": "W_in.T", "W": "W_out"}, "map is 'W=W_out, of shape (7, 12)'"),
    ({"U": "W_in.T", "V": "W_in", "W": "W_out.T"}, "map is 'V=W_in, of shape (12, 7)'"),
    ({"U": "W_in.T", "W": "W_out.T", "mu": "fc.bias"}, "map is 'mu=fc.bias, of shape (12,)'"),
    ({"U": "W_in.T", "W": "W_out.T", "hidden_bias": "fc.bias[1:]"}, "map is 'hidden_bias=fc.bias[1:], of shape (11,)'"),
    ({"U": "W_in.T[0, 0]", "W": "W_out.T"}, "of shape ()"), ({"U": "W_in.T[:, :0]", "W": "W_out.T[:0]"}, "(7, 0)"),
])  # fmt: skip
def test_maps_that_do_not_fit_are_refused(maps, said):
    with pytest.raises(InputError) as caught:
        apply_maps(maps, FILE, P)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_maps_are_read_from_the_command_line():
    assert parse_maps(["U=W_in.T", "W = a @ b"]) == {"U": "W_in.T", "W": "a @ b"}


@pytest.mark.parametrize("texts", [["U"], ["U="], ["U= "], ["=x"], ["u=x"], ["embedding=x"], ["U=x", "U=y"]])
def test_another_text_is_no_map(texts):
    with pytest.raises(InputError, match="ROLE=EXPRESSION"):
        parse_maps(texts)


# What becomes of the arrays


def test_arrays_are_copies_in_order():
    found, _ = network_from({"W_in": W_IN, "W_out": W_OUT}, {"U": "W_in.T", "W": "W_out.T"}, P, "relu")
    for array in found.arrays.values():
        assert array.flags.c_contiguous and array.base is None


def test_lines_say_what_became_of_every_array():
    arrays = {"fc1": BOTH, "fc2": W_OUT, "b1": B_IN, "losses": np.zeros(3)}
    maps = {"U": "fc1.T[:7]", "V": "fc1.T[7:]", "W": "fc2.T", "hidden_bias": "b1"}
    assert network_from(arrays, maps, P, "relu")[1] == [
        "U = fc1.T[:7] + (b1) / 2, of shape (7, 12)", "V = fc1.T[7:] + (b1) / 2, of shape (7, 12)",
        "W = fc2.T, of shape (12, 7)", "mu is 0: no bias", "all are float64",
        "the activation is relu, which no file tells", "not used: losses (3,)"]  # fmt: skip


def test_equal_halves_are_one_matrix():
    maps = {"U": "fc1.T[:7]", "V": "fc1.T[7:]", "W": "fc2.T"}
    found, lines = network_from({"fc1": np.hstack([W_IN, W_IN]), "fc2": W_OUT}, maps, P, "relu")
    assert found.tied and "V is U: the network is tied" in lines


def test_tied_is_refused_where_halves_differ():
    maps = {"U": "fc1.T[:7]", "V": "fc1.T[7:]", "W": "fc2.T"}
    with pytest.raises(InputError, match=r"tied is True; it must be False: fc1.T\[:7\] and fc1.T\[7:\] differ"):
        network_from({"fc1": BOTH, "fc2": W_OUT}, maps, P, "relu", tied=True)


def test_one_array_of_float64_makes_all_so():
    arrays, maps = {"x": W_IN.astype(np.float32), "y": W_OUT, "z": W_OUT.astype(np.float32)}, {"U": "x.T"}
    assert network_from(arrays, maps | {"W": "y.T"}, P, "relu")[0].U.dtype == np.float64
    assert network_from(arrays, maps | {"W": "z.T"}, P, "relu")[0].U.dtype == np.float32


@pytest.mark.parametrize("name", ["W_in", "W_out", "b_in", "b_out"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(name, value):
    arrays = {"W_in": W_IN, "W_out": W_OUT, "b_in": B_IN, "b_out": B_OUT}
    arrays[name] = arrays[name] * np.where(np.arange(arrays[name].size) == 3, value, 1).reshape(arrays[name].shape)
    maps = {"U": "W_in.T", "W": "W_out.T", "mu": "b_out", "hidden_bias": "b_in"}
    with pytest.raises(InputError, match=r"map is .* finite in every number"):
        network_from(arrays, maps, P, "relu")


def test_what_overflows_is_refused_without_a_warning(recwarn):
    arrays = {"x": np.full((P, P), 3e38, np.float32), "y": np.full((P, P), 3e38, np.float32)}
    for maps in ({"U": "x + x", "W": "y"}, {"U": "x @ x", "W": "y"}):
        with pytest.raises(InputError, match="finite in every number"):
            network_from(arrays, maps, P, "relu")
    assert not recwarn.list
