from dataclasses import replace

import numpy as np
import pytest
from planted import ideal_network, join, random_network

from minimod import make_rule
from minimod.analysis.scores import SCORES, flatness, ipr, norm, strength
from minimod.analysis.structure import Structure

RULE = make_rule("add", 13)


def test_the_two_iprs_are_that_of_w_and_the_mean_of_three():
    tone, flat = np.cos(2 * np.pi * np.arange(13) / 13), np.eye(13)[0]
    network = replace(random_network(P=13, M=1), U=flat[:, None], V=flat[:, None], W=tone[None])
    structure = Structure(network, RULE)
    assert SCORES["ipr_w"].value(structure) == pytest.approx(1)
    assert ipr(structure) == pytest.approx((1 + 1 / 6 + 1 / 6) / 3)


@pytest.mark.parametrize("score", ["ipr", "ipr_w", "dominant_share", "phase_alignment", "flatness"])
@pytest.mark.parametrize("name", ["add", "sub", "mul"])
def test_ideal_neurons_are_told_from_random_ones(name, score):
    """Random neurons are aligned by chance now and then, so the phases of these are turned by a quarter or more."""
    rule = make_rule(name, 59)
    ideal = ideal_network(rule, "relu")
    random = random_network(P=59, M=4 * ideal.width, seed=3)
    alignment = SCORES["phase_alignment"].value(Structure(random, rule))
    random = random.subnetwork(np.flatnonzero(alignment < 0)[: ideal.width])
    assert random.width == ideal.width
    values = SCORES[score].value(Structure(join(random, ideal), rule))
    assert values[random.width :].min() > values[: random.width].max()


def test_halves_that_differ_in_norm_alone_are_told_apart_by_what_looks_at_norms_alone():
    weak = random_network(P=13, M=20, has_bias=False)
    network = join(weak, weak.convert(lambda array: 5 * array))
    structure = Structure(network, RULE)
    values = {name: score.value(structure) for name, score in SCORES.items()}
    for name in ("strength", "norm"):
        assert values[name][20:].min() > values[name][:20].max()
    np.testing.assert_allclose(values["norm_flatness"][20:], 5 * values["norm_flatness"][:20])
    for name in ("ipr", "ipr_w", "dominant_share", "phase_alignment", "flatness"):
        np.testing.assert_allclose(values[name][20:], values[name][:20], err_msg=name)


@pytest.mark.parametrize(("activation", "expected"), [("relu", 4 * 5), ("quadratic", 4 * 25), ("reverse_relu", 4 * 5)])
def test_strength_bounds_the_effect_on_a_logit(activation, expected):
    network = random_network(P=3, M=1, activation=activation)
    network.U[:, 0], network.V[:, 0], network.W[0] = [1, -2, 0], [3, 1, 1], [0, 1, -4]
    assert strength(Structure(network, make_rule("add", 3))).tolist() == [expected]


def test_the_norm_is_that_of_all_three_vectors():
    network = random_network(P=3, M=2)
    network.U[:, 0], network.V[:, 0], network.W[0] = [2, 0, 0], [0, 1, 2], [0, 4, 0]
    assert norm(Structure(network, make_rule("add", 3)))[0] == 5


@pytest.mark.parametrize("scale", [1, 1e-15, 1e15])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_flatness_is_two_for_cosines_one_for_gaussians_and_little_for_single_weights(dtype, scale):
    """2/3 for each vector of a neuron, 1/3, and about 1/59; whatever their scale."""
    cosine = ideal_network(make_rule("add", 59), "relu").subnetwork([0])
    gaussian = random_network(P=59, M=400)
    peak = cosine.convert(lambda array: (array == array.max()) * 1.0)
    nothing = cosine.convert(np.zeros_like)
    network = join(cosine, peak, nothing, gaussian).convert(lambda array: (scale * array).astype(dtype))
    values = flatness(Structure(network, make_rule("add", 59)))
    assert values[0] == pytest.approx(2, abs=1e-4) and values[1] < 3 / 50 and values[2] == 0
    assert values[3:].mean() == pytest.approx(1, abs=0.1) and values[3:].max() < 1.6
