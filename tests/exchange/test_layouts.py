"""A file is read by itself only where one layout fits it exactly; else it is refused with maps to start from."""

import shlex

import numpy as np
import pytest

from minimod.errors import InputError
from minimod.exchange.layouts import LAYOUTS, find_layout, layout_maps, starting_maps
from minimod.exchange.maps import parse_maps
from minimod.exchange.networks import network_from

P, M, D = 7, 12, 5

rng = np.random.default_rng(0)
U, V, W, B, MU = (rng.standard_normal(shape) for shape in [(P, M), (P, M), (M, P), (M,), (P,)])
BESIDE, EMBEDDING, OTHER, HIDDEN = (rng.standard_normal(shape) for shape in [(M, 2 * P), (P, D), (P, D), (D, M)])
TWICE = rng.standard_normal((M, 2 * D))
SQUARE = {"W_in": rng.standard_normal((P, P)), "W_out": rng.standard_normal((P, P))}

FILES = {
    "minimod": {"U": U, "V": V, "W": W, "mu": MU}, "minimod-tied": {"U": U, "W": W, "mu": MU},
    "pytorch": {"hidden.weight": BESIDE, "output.weight": W.T, "output.bias": MU},
    "groups": {"W_in": U.T, "W_out": W.T},
    "sequential": {"0.weight": BESIDE, "0.bias": B, "2.weight": W.T, "2.bias": MU},
    "fc1-fc2": {"fc1.weight": BESIDE, "fc1.bias": B, "fc2.weight": W.T, "fc2.bias": MU},
}

# Files that no layout fits, and U of the network that they are, if it is the first layer that comes first.
STRANGE = {
    "embedding and unembedding": ({"W_E": U, "W_U": W}, U), "Flax": ({"Dense_0/kernel": U, "Dense_1/kernel": W}, U),
    "scikit-learn": ({"coefs_0": U, "coefs_1": W}, U), "no names": ({"arr_0": U, "arr_1": W}, U),
    "PyTorch": ({"linear_0.weight": U.T, "linear_1.weight": W.T}, U), "keywords": ({"in": U.T, "for.if": W}, U),
    "quotes": ({"a'\"b": U, "c d": W}, U), "the micro sign": ({"µ": U, "ﬁ": W}, U),
    "a wide layer": ({"layer0": BESIDE, "layer1": W.T}, BESIDE.T[:P]), "two": ({"W_a": U, "W_b": V, "W_c": W}, U),
    "biases": ({"x": U, "b": B, "y": W, "c": MU}, U + B / 2), "an embedding": ({"e": EMBEDDING, "h": HIDDEN, "y": W},
                                                                              EMBEDDING @ HIDDEN),
    "an embedding, twice": ({"e": EMBEDDING, "h": TWICE, "y": W.T}, EMBEDDING @ TWICE.T[:D]),
    "two embeddings": ({"W_x": EMBEDDING, "W_y": OTHER, "W": HIDDEN, "W_U": W.T}, EMBEDDING @ HIDDEN),
    "two hidden layers": ({"E_l": EMBEDDING, "E_r": OTHER, "l": HIDDEN, "r": 2 * HIDDEN, "out": W}, EMBEDDING @ HIDDEN),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_file_of_a_layout_is_read_as_it_says(name):
    assert find_layout(FILES[name], P) == name
    found, lines = network_from(FILES[name], layout_maps(name, FILES[name], P), P, "relu")
    biased, beside = name in ("sequential", "fc1-fc2"), name in ("pytorch", "sequential", "fc1-fc2")
    np.testing.assert_array_equal(found.U, (BESIDE.T[:P] if beside else U) + (B / 2 if biased else 0))
    np.testing.assert_array_equal(found.V, (BESIDE.T[P:] if beside else V) + (B / 2 if biased else 0)
                                  if "V" in LAYOUTS[name] else found.U)
    np.testing.assert_array_equal(found.W, W)
    assert found.has_bias == (name != "groups") and not any("not used" in line for line in lines)


@pytest.mark.parametrize("name", LAYOUTS)
def test_biases_may_be_missing(name):
    arrays = {key: X for key, X in FILES[name].items() if X.ndim == 2}
    assert find_layout(arrays, P) == name
    assert not network_from(arrays, layout_maps(name, arrays, P), P, "relu")[0].has_bias


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("change", ["transposed", "modulus", "more", "less", "renamed"])
def test_a_file_that_fits_not_exactly_is_refused(name, change):
    arrays, modulus = dict(FILES[name]), P
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
    with pytest.raises(InputError, match="layout groups by name, since a square matrix does not tell how it lies"):
        find_layout(SQUARE, P)
    found, _ = network_from(SQUARE, layout_maps("groups", SQUARE, P), P, "relu")
    np.testing.assert_array_equal(found.U, SQUARE["W_in"].T)


def test_our_own_names_say_how_square_weights_lie():
    assert find_layout({"U": SQUARE["W_in"], "W": SQUARE["W_out"]}, P) == "minimod-tied"


def test_another_layout_is_refused():
    with pytest.raises(InputError, match="layout is 'grups'; it must be one of groups, minimod"):
        layout_maps("grups", {}, P)


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
    {"W_E": U, "W_in": HIDDEN, "W_out": HIDDEN.T, "W_U": W},
], ids=["nothing", "no output", "a cube", "many", "a transformer"])  # fmt: skip
def test_where_nothing_is_to_start_from_arrays_and_shapes_are_told(arrays):
    assert starting_maps(arrays, P) == {}
    with pytest.raises(InputError, match=r"such that U is of shape \(7, M\), V as U.*the arrays are ") as caught:
        find_layout(arrays, P)
    assert "--map" not in str(caught.value) and len(str(caught.value)) < 600


def test_equal_shapes_get_their_biases_in_order():
    arrays = {"x": SQUARE["W_in"], "b": MU, "y": SQUARE["W_out"], "c": MU}
    assert starting_maps(arrays, P) == {"U": "x", "W": "y", "hidden_bias": "b", "mu": "c"}
