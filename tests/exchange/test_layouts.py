"""A file is read by itself only where one layout fits it exactly; else it is refused with maps to start from."""

import shlex

import numpy as np
import pytest

from minimod.errors import InputError
from minimod.exchange.layouts import LAYOUTS, find_layout
from minimod.exchange.maps import parse_maps
from minimod.exchange.networks import network_from

P, M, D = 7, 12, 5

rng = np.random.default_rng(0)
U, V, W, B, MU = (rng.standard_normal(shape) for shape in [(P, M), (P, M), (M, P), (M,), (P,)])
BESIDE, EMBEDDING, OTHER, HIDDEN = (rng.standard_normal(shape) for shape in [(M, 2 * P), (P, D), (P, D), (D, M)])
TWICE = rng.standard_normal((M, 2 * D))
SQUARE = {"W_in": rng.standard_normal((P, P)), "W_out": rng.standard_normal((P, P))}

LEFT, RIGHT, B2 = HIDDEN, rng.standard_normal((D, M)), rng.standard_normal(M)
EMBEDDED = {"embedding_left": EMBEDDING, "embedding_right": OTHER}
MODULES = {f"{name}.weight": X for name, X in EMBEDDED.items()}


# Layout -> first and second layer, and what their matrices and biases are called.
LAYERS = {
    "sequential": ("0", "2", "weight", "bias"), "fc1-fc2": ("fc1", "fc2", "weight", "bias"),
    "linear1-linear2": ("linear1", "linear2", "weight", "bias"), "flax": ("Dense_0", "Dense_1", "kernel", "bias"),
    "keras": ("dense", "dense_1", "kernel", "bias"), "keras2": ("dense.dense", "dense_1.dense_1", "kernel", "bias"),
    "keras3": ("dense", "dense_1", "vars.0", "vars.1"),
}  # fmt: skip


def layers(first, second, matrix, bias):
    """Files of two layers, and U, V and the hidden bias of their networks."""
    turn = (lambda X: X.T) if matrix == "weight" else (lambda X: X)
    last = {f"{second}.{matrix}": turn(W), f"{second}.{bias}": MU}
    beside = {f"{first}.{matrix}": turn(BESIDE.T), f"{first}.{bias}": B, **last}
    return (beside, BESIDE.T[:P], BESIDE.T[P:], B), ({f"{first}.{matrix}": turn(U), **last}, U, U, 0)


# Files of every layout, which is named before the comma, and U, V and the hidden bias of the network that its authors
# mean. W and mu are those above.
FILES = {
    "minimod": ({"U": U, "V": V, "W": W, "mu": MU}, U, V, 0), "minimod-tied": ({"U": U, "W": W, "mu": MU}, U, U, 0),
    "pytorch": ({"hidden.weight": BESIDE, "output.weight": W.T, "output.bias": MU}, BESIDE.T[:P], BESIDE.T[P:], 0),
    "groups": ({"W_in": U.T, "W_out": W.T, "basis": np.eye(P)}, U, U, 0),
    "groups-embedded": ({"embed.W_E": EMBEDDING.T, "mlp.W_in": HIDDEN.T, "mlp.W_out": W.T, "mlp.basis": np.eye(P)},
                        EMBEDDING @ HIDDEN, EMBEDDING @ HIDDEN, 0),
    "embed-unembed": ({"W_E": U, "W_U": W, "b_U": MU}, U, U, 0),
    "embedded": ({"W_x": EMBEDDING, "W_y": OTHER, "W": TWICE.T, "W_U": W},
                        EMBEDDING @ TWICE.T[:D], OTHER @ TWICE.T[D:], 0),
    "embedded, sum": ({"W_x": EMBEDDING, "W_y": OTHER, "W": HIDDEN, "W_U": W}, EMBEDDING @ HIDDEN, OTHER @ HIDDEN, 0),
    "left-right-modules": (
        MODULES | {"linear_left.weight": LEFT.T, "linear_left.bias": B, "linear_right.weight": RIGHT.T,
                   "linear_right.bias": B2, "unembedding.weight": W.T, "unembedding.bias": MU},
        EMBEDDING @ LEFT, OTHER @ RIGHT, B + B2),
    "left-right": (EMBEDDED | {"linear_left": LEFT, "linear_right": RIGHT, "unembedding": W, "unembed_bias": MU},
                   EMBEDDING @ LEFT, OTHER @ RIGHT, 0),
    "left-right-direct": ({"embedding_left": U, "embedding_right": V, "unembedding": W, "unembed_bias": MU}, U, V, 0),
}  # fmt: skip
ASIDE = {"basis", "mlp.basis"}
for name, two in LAYERS.items():
    FILES[name], FILES[f"{name}, sum"] = layers(*two)

# Files that no layout fits, and U of the network that they are, if it is the first layer that comes first.
STRANGE = {
    "scikit-learn": ({"coefs_0": U, "coefs_1": W}, U), "JAX": ({"params[0][0]": U, "params[1][0]": W}, U),
    "no names": ({"arr_0": U, "arr_1": W}, U),
    "PyTorch": ({"linear_0.weight": U.T, "linear_1.weight": W.T}, U), "keywords": ({"for": U.T, "for.if": W}, U),
    "quotes": ({"a'\"b": U, "c d": W}, U), "signs": ({"a;b=c": U, "{c}": W}, U),
    "the micro sign": ({"µ": U, "ﬁ": W}, U),
    "a wide layer": ({"layer0": BESIDE, "layer1": W.T}, BESIDE.T[:P]), "two": ({"W_a": U, "W_b": V, "W_c": W}, U),
    "biases": ({"x": U, "b": B, "y": W, "c": MU}, U + B / 2), "an embedding": ({"e": EMBEDDING, "h": HIDDEN, "y": W},
                                                                              EMBEDDING @ HIDDEN),
    "an embedding, twice": ({"e": EMBEDDING, "h": TWICE, "y": W.T}, EMBEDDING @ TWICE.T[:D]),
    "two embeddings": ({"W_x": EMBEDDING, "W_y": OTHER, "W": HIDDEN, "W_U": W.T}, EMBEDDING @ HIDDEN),
    "two embeddings, beside": ({"W_x": EMBEDDING, "W_y": OTHER, "W": TWICE, "W_U": W.T}, EMBEDDING @ TWICE.T[:D]),
    "two hidden layers": ({"E_l": EMBEDDING, "E_r": OTHER, "l": HIDDEN, "r": 2 * HIDDEN, "out": W}, EMBEDDING @ HIDDEN),
    "turned": ({"W_E": U.T, "W_U": W.T}, U), "turned, sum": ({"W_in": U, "W_out": W}, U),
    "Stander": ({"lembed.weight": EMBEDDING, "linear.weight": TWICE, "rembed.weight": OTHER, "unembed.weight": W.T},
                EMBEDDING @ TWICE.T[:D]),
    "two hidden biases": ({"E_l": EMBEDDING, "E_r": OTHER, "l": HIDDEN, "r": RIGHT, "b_l": B, "b_r": B2, "out": W},
                          EMBEDDING @ HIDDEN + (B + B2) / 2),
    "the last first": ({"decoder.weight": W.T, "encoder.weight": U.T}, U), "out first": ({"W_U": W.T, "W_E": U}, U),
    "ten layers": ({"layers.10.weight": W.T, "layers.9.weight": U.T}, U),
    "a pattern that is not the layout's": ({"hidden.weight": U.T, "output.weight": W.T}, U),
    "another one": ({"W_in": BESIDE, "W_out": W.T}, BESIDE.T[:P]),
    "lin": ({"lin1.weight": U.T, "lin2.weight": W.T}, U),
    "one matrix for each side": ({"U": U.T, "V": V.T, "W": W}, U),
    "left, right, sum": (EMBEDDED | {"linear": LEFT, "unembedding": W, "unembed_bias": MU}, EMBEDDING @ LEFT),
    "left, right, beside": (
        MODULES | {"linear.weight": TWICE, "linear.bias": B, "unembedding.weight": W.T, "unembedding.bias": MU},
        EMBEDDING @ TWICE.T[:D] + B / 2),
    "down first": ({"down_proj": W, "up_proj": U.T}, U),
    "a hidden bias, tied": ({"fc1.weight": U.T, "fc1.bias": B, "fc2.weight": W.T}, U + B / 2),
    "instances": ({"E": np.stack([U, V]), "out": np.stack([W, 2 * W]), "b": np.stack([B, B])}, U + B / 2),
}  # fmt: skip


def test_every_layout_has_a_file():
    assert {name.split(",")[0] for name in FILES} == {*LAYOUTS}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_layout_is_read_as_it_says(name):
    arrays, its_U, its_V, bias = FILES[name]
    maps, found = find_layout(arrays, P)
    assert found == name.split(",")[0]
    network, lines = network_from(arrays, maps, P, "relu")
    np.testing.assert_allclose(network.U, its_U + bias / 2, rtol=0, atol=1e-12)
    np.testing.assert_allclose(network.V, its_V + bias / 2, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(network.W, W)
    np.testing.assert_array_equal(network.mu, MU if network.has_bias else 0)
    assert network.has_bias == any(X is MU for X in arrays.values()) and network.tied == np.array_equal(its_U, its_V)
    assert [line for line in lines if "not used" in line] == [f"not used: {key} (7, 7)" for key in {*arrays} & ASIDE]


@pytest.mark.parametrize("name", FILES)
def test_biases_may_be_missing(name):
    arrays = {key: X for key, X in FILES[name][0].items() if X.ndim == 2}
    maps, found = find_layout(arrays, P)
    assert found == name.split(",")[0] and not network_from(arrays, maps, P, "relu")[0].has_bias


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("written", ["params/{}", "model.net.{}", "state_dicts[3].{}", "file[200].model.{}"])
def test_what_all_names_start_with_does_not_matter(name, written):
    arrays = {written.format(key): X for key, X in FILES[name][0].items()}
    if name == "groups-embedded" and "/" in written:
        arrays = {key.replace(".", "/"): X for key, X in arrays.items()}
    maps, found = find_layout(arrays, P)
    assert found.split(",")[0] == name.split(",")[0]
    np.testing.assert_allclose(network_from(arrays, maps, P, "relu")[0].U, FILES[name][1] + FILES[name][3] / 2)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["transposed", "modulus", "more", "less", "renamed"])
def test_a_file_that_fits_not_exactly_is_refused(name, change):
    arrays, modulus = {key: X for key, X in FILES[name][0].items() if key not in ASIDE}, P
    if change == "transposed":
        arrays = {key: X.T for key, X in arrays.items()}
    elif change == "modulus":
        modulus = M
    elif change == "more":
        arrays["losses"] = np.zeros(3)
    elif change == "less":
        del arrays[[key for key, X in arrays.items() if X.ndim == 2][-1]]
    else:
        arrays["its"] = arrays.pop(next(iter(arrays)))
    with pytest.raises(InputError, match="the arrays are "):
        find_layout(arrays, modulus)


def test_a_square_matrix_of_others_does_not_tell_how_it_lies():
    with pytest.raises(InputError, match="or name the layout: groups; a square matrix may be transposed"):
        find_layout(SQUARE, P)
    found, _ = network_from(SQUARE, find_layout(SQUARE, P, "groups")[0], P, "relu")
    np.testing.assert_array_equal(found.U, SQUARE["W_in"].T)


def test_our_own_names_say_how_square_weights_lie():
    assert find_layout({"U": SQUARE["W_in"], "W": SQUARE["W_out"]}, P)[1] == "minimod-tied"
    assert find_layout({name: SQUARE["W_in"] for name in "UVW"}, P)[1] == "minimod"


def test_another_layout_is_refused():
    with pytest.raises(InputError, match="layout is 'grups'; it must be groups, or another of 17 names"):
        find_layout({}, P, "grups")


@pytest.mark.parametrize("name", STRANGE)
def test_a_file_of_no_layout_is_refused_with_maps_that_work_when_pasted(name):
    arrays, expected = STRANGE[name]
    with pytest.raises(InputError) as caught:
        find_layout(arrays, P)
    said = str(caught.value)
    assert caught.value.option == "map" and "\n" not in said
    assert all(f"{key} {X.shape}" in said for key, X in arrays.items())
    words = shlex.split(said.partition("if they are in the order of the layers: ")[2])
    assert {*words[::2]} == {"--map"}
    found, lines = network_from(arrays, parse_maps(words[1::2]), P, "relu")
    np.testing.assert_allclose(found.U, expected, rtol=1e-12)
    assert not any("not used" in line for line in lines)


@pytest.mark.parametrize("arrays", [
    {}, {"W_in": U, "bias": MU}, {"x": np.zeros((2, 3, 4))}, {f"x{i}": SQUARE["W_in"] for i in range(40)},
    {"W_E": U, "W_in": HIDDEN, "W_out": HIDDEN.T, "W_U": W}, {"U": U, "W": W[:5], "mu": np.array(1.0)},
    {"U": np.ones((0, P, M)), "W": np.ones((0, M, P))},
], ids=["nothing", "no output", "a cube", "many", "a transformer", "a number", "no instance"])  # fmt: skip
def test_where_nothing_is_to_start_from_arrays_and_shapes_are_told(arrays):
    with pytest.raises(InputError, match=r"such that U is of shape \(7, M\), V as U.*the arrays are ") as caught:
        find_layout(arrays, P)
    assert "--map" not in str(caught.value) and len(str(caught.value)) < 700


@pytest.mark.parametrize(("name", "written"), [
    ("keras", "{}/{}:0"), ("keras2", "{0}/{0}/{1}:0"), ("flax", "params/{}/{}")])
def test_files_are_read_as_frameworks_name_them(name, written):
    first, second, matrix, bias = LAYERS[name]
    names = {(first, matrix): BESIDE.T, (first, bias): B, (second, matrix): W, (second, bias): MU}
    arrays = {written.format(layer.split(".")[0], array): X for (layer, array), X in names.items()}
    maps, found = find_layout(arrays, P)
    assert found == name
    np.testing.assert_array_equal(network_from(arrays, maps, P, "relu")[0].V, BESIDE.T[P:] + B / 2)


def refusal(arrays):
    with pytest.raises(InputError) as caught:
        find_layout(arrays, P)
    return str(caught.value)


def test_equal_shapes_get_their_biases_in_order():
    said = refusal({"x": SQUARE["W_in"], "b": MU, "y": SQUARE["W_out"], "c": MU})
    assert said.endswith(": --map U=x --map W=y --map hidden_bias=b --map mu=c")


def test_the_reverse_order_is_shown_where_only_that_has_the_right_shapes():
    assert refusal({"y": W, "x": BESIDE}).endswith(": --map 'U=x.T[:7]' --map 'V=x.T[7:]' --map W=y")


def test_names_that_differ_in_a_slash_are_two():
    said = refusal({"fc1.weight": U.T, "fc1/weight": V.T, "fc2.weight": W.T})
    assert "fc1.weight (12, 7), fc1/weight (12, 7), fc2.weight (7, 12)" in said


def test_what_the_roles_are_and_that_attention_is_none_is_said():
    said = refusal({"x_embed": U, "blocks.0.attn.W_Q": np.zeros((4, 5, 6))})
    assert "U and V take one-hot a and b to hidden neurons, W takes hidden neurons to labels" in said
    assert "no map can express attention" in said


# Which of many networks


STATE, OLDER = {"W_in": U.T, "W_out": W.T}, {"W_in": V.T, "W_out": W.T}


def numbered(start, states):
    return {f"{start}[{number}].{key}": X for number, state in states.items() for key, X in state.items()}


@pytest.mark.parametrize(("arrays", "taken"), [
    (numbered("state_dicts", {0: OLDER, 1: OLDER, 2: STATE}), "groups, of state_dicts[2], the last of 3"),
    (numbered("file", {2000: STATE, 100: OLDER, 900: OLDER}), "groups, of file[2000], the last of 3"),
    ({f"model.{key}": X for key, X in STATE.items()} | numbered("all", {0: OLDER, 1: OLDER}),
     "groups, beside the 2 states of all"),
    (numbered("all", {0: OLDER, 1: STATE}) | {"losses": MU}, "groups, of all[1], the last of 2"),
    ({f"layers[{i}].{key}": X for i, (key, X) in enumerate(STATE.items())}, None),
    (numbered("a", {0: STATE, 1: STATE}) | numbered("b", {0: STATE, 1: STATE}), None),
    ({f"{name}.{key}": X for name in ("model", "average") for key, X in STATE.items()}, None),
    ({key: np.stack([X, 2 * X]) for key, X in STATE.items()}, "groups, [0] of 2 instances"),
    ({key: X[None] for key, X in STATE.items()}, "groups"),
], ids=["a list", "epochs", "one beside a list", "losses beside", "a list of layers", "two lists", "two names",
        "two instances", "one instance"])  # fmt: skip
def test_the_last_of_many_states_is_read_and_none_is_mixed(arrays, taken):
    if taken is None:
        assert "the arrays are" in refusal(arrays)
    else:
        maps, found = find_layout(arrays, P)
        assert found == taken
        np.testing.assert_array_equal(network_from(arrays, maps, P, "relu")[0].U, U)


def test_a_layout_that_is_given_is_read_from_the_last_state_too():
    arrays = numbered("state_dicts", {0: OLDER | {"more": MU}, 1: STATE | {"more": MU}})
    assert find_layout(arrays, P, "groups")[0] == {"U": "state_dicts[1].W_in.T", "W": "state_dicts[1].W_out.T"}


def test_vectors_of_layer_norms_are_no_biases():
    norms = {f"1.{name}": np.ones(M) for name in ("weight", "bias", "mean")}
    with pytest.raises(InputError) as caught:
        find_layout({"0.weight": U.T, "0.bias": B, **norms, "2.weight": W.T}, P)
    assert "hidden_bias=" not in str(caught.value) and "--map U=" in str(caught.value).replace("'", "")
