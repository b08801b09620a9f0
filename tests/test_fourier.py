from dataclasses import replace

import numpy as np
import pytest
from planted import ideal_network, random_network

from minimod import TwoLayerNet, filter_frequencies, make_rule
from minimod.analysis.structure import Structure
from minimod.engine.predict import predict_table
from minimod.errors import InputError
from minimod.fourier import Frequencies
from minimod.groups.matrices import Representations
from minimod.rules import CyclicRule


class ByBases(Representations):
    """The frequencies of a cyclic rule by its bases, as groups have their components; k = N/2 counts as any other."""

    def __init__(self, rule):
        super().__init__(rule.bases, None, rule.tokens_a, rule.tokens_b)

    def preference(self, shares):
        return shares


@pytest.fixture(params=["FFT", "bases"])
def transform(request, monkeypatch):
    """The shortcut of cyclic rules, and what any rule has: both must do."""
    if request.param == "bases":
        monkeypatch.setattr(CyclicRule, "components", property(ByBases))


def cosine_network(P, k_u, k_v, k_w, amplitudes=(1, 1, 1)):
    """One neuron with a planted tone in each vector, and a mean that no tone accounts for."""
    x = 2 * np.pi * np.arange(P)[:, None] / P
    u, v, w = (a * np.cos(k * x + 0.4) + 5 for a, k in zip(amplitudes, (k_u, k_v, k_w)))
    return TwoLayerNet(u, v, w.T, np.zeros(P))


@pytest.mark.parametrize("P", [2, 3, 10, 11, 113])
def test_a_tone_is_found_at_every_frequency(P, transform):
    rule = make_rule("add", P)
    for k in range(1, P // 2 + 1):
        structure = Structure(cosine_network(P, k, k, k), rule)
        assert structure.component.tolist() == [[k]] * 3
        np.testing.assert_allclose(structure.shares[:, k - 1], 1, rtol=1e-9)


def test_mul_tones_are_found_in_logarithmic_coordinates(transform):
    rule = make_rule("mul", 13)
    for k in range(1, 7):
        network = random_network(P=13, M=1)
        for array, tokens in ((network.U, rule.tokens_a), (network.V, rule.tokens_b), (network.W.T, rule.tokens_c)):
            array[tokens, 0] = np.cos(2 * np.pi * k * np.arange(12) / 12 + 0.3)
        assert Structure(network, rule).component.tolist() == [[k]] * 3


@pytest.mark.parametrize("P", [10, 11])
def test_power_adds_up_to_the_squares_about_the_mean(P, transform):
    rule, network = make_rule("add", P), random_network(P=P, M=4)
    x = Frequencies(rule.tokens_a, rule.tokens_b, rule.tokens_c).in_coordinates(network)
    total = Structure(network, rule).power.sum(axis=1)
    np.testing.assert_allclose(total, ((x - x.mean(axis=1, keepdims=True)) ** 2).sum(axis=1), rtol=1e-12)


def test_whose_power_decides(transform):
    # u and v agree on 2, w has 4; u also has a strong mean, which counts for nothing.
    network, rule = cosine_network(11, 2, 2, 4, amplitudes=(1, 1, 100)), make_rule("add", 11)
    for by, expected in {"joint": [2, 2, 2], "w": [4, 4, 4], "each": [2, 2, 4]}.items():
        assert Structure(network, rule, by).component.ravel().tolist() == expected
    assert Structure(network, rule).by == "joint"


def test_an_unknown_choice_of_whose_power_decides_is_refused():
    with pytest.raises(InputError, match="joint, w, each"):
        _ = Structure(random_network(P=11), make_rule("add", 11), "v").component


def test_a_dead_neuron_has_no_shares_and_does_no_harm(transform):
    network = TwoLayerNet(np.zeros((11, 1)), np.zeros((11, 1)), np.zeros((1, 11)), np.zeros(11))
    structure = Structure(network, make_rule("add", 11))
    assert not structure.shares.any() and (structure.component == 1).all()


def iprs(vectors, order):
    """The IPR of vectors of shape (N,), by way of a network whose u, v and w are all of them."""
    columns = np.stack(vectors, axis=1)
    network = replace(random_network(P=order, M=len(vectors)), U=columns, V=columns, W=columns.T)
    return Structure(network, make_rule("add", order)).ipr


@pytest.mark.parametrize("P", [10, 11])
def test_the_ipr_of_a_cosine_is_1_at_every_frequency_and_amplitude(P, transform):
    x = np.arange(P)
    tones = [3 + 7 * np.cos(2 * np.pi * k * x / P + (0.5 if 2 * k < P else 0)) for k in range(1, P // 2 + 1)]
    np.testing.assert_allclose(iprs(tones, P), 1)


def test_the_ipr_of_two_equal_tones_is_one_half(transform):
    x = 2 * np.pi * np.arange(11) / 11
    np.testing.assert_allclose(iprs([np.cos(2 * x) + np.sin(5 * x)], 11), 0.5)


def test_the_ipr_is_the_papers_ratio_of_norms(transform):
    vector = np.random.default_rng(0).standard_normal(113)
    spectrum = np.abs(np.fft.rfft(vector)[1:])
    expected = (np.linalg.norm(spectrum, 4) / np.linalg.norm(spectrum, 2)) ** 4
    np.testing.assert_allclose(iprs([vector], 113), expected)


@pytest.mark.parametrize(("name", "P"), [("add", 23), ("add", 24), ("sub", 24), ("mul", 23), ("add", 2)])
def test_the_shortcut_of_cyclic_rules_gives_what_their_bases_give(name, P, monkeypatch):
    rule, network = make_rule(name, P), random_network(P=P, M=40)
    fast = Structure(network, rule)
    assert isinstance(fast.components, Frequencies)
    monkeypatch.setattr(CyclicRule, "components", property(ByBases))
    plain = Structure(network, rule)
    assert isinstance(plain.components, ByBases)
    assert (fast.component == plain.component).all()
    for quantity in ("power", "shares", "ipr", "dominant_share"):
        np.testing.assert_allclose(getattr(fast, quantity), getattr(plain, quantity), rtol=1e-10, atol=1e-13)
    for part in ("dominant", "residual"):
        for key, array in getattr(fast, part).arrays.items():
            np.testing.assert_allclose(getattr(plain, part).arrays[key], array, rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "quadratic"])
@pytest.mark.parametrize(("name", "P"), [("add", 23), ("add", 24), ("sub", 23), ("sub", 24), ("mul", 23)])
def test_ideal_neurons_answer_every_pair_that_has_components(name, P, activation):
    rule = make_rule(name, P)
    right = predict_table(ideal_network(rule, activation)) == rule.label_table
    assert right[rule.has_components].all()


@pytest.mark.parametrize("by", ["joint", "w", "each"])
@pytest.mark.parametrize("name", ["add", "sub", "mul"])
def test_filtering_ideal_neurons_changes_nothing(name, by):
    rule = make_rule(name, 23)
    network = ideal_network(rule, "relu")
    dominant, residual = filter_frequencies(network, rule, by)
    for key in ("U", "V", "W"):
        np.testing.assert_allclose(dominant.arrays[key], network.arrays[key], atol=1e-12)
        np.testing.assert_allclose(residual.arrays[key], 0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "rounding"), [(np.float64, 1e-15), (np.float32, 5e-7)])
@pytest.mark.parametrize("by", ["joint", "w", "each"])
@pytest.mark.parametrize("P", [12, 13])
def test_dominant_and_residual_add_up_to_the_network(P, by, dtype, rounding):
    network = random_network(P=P, M=50).convert(lambda array: array.astype(dtype))
    dominant, residual = filter_frequencies(network, make_rule("add", P), by)
    for key, array in network.arrays.items():
        assert dominant.arrays[key].dtype == residual.arrays[key].dtype == dtype
        np.testing.assert_allclose(dominant.arrays[key] + residual.arrays[key], array, rtol=0, atol=rounding)


def test_the_dominant_network_has_one_frequency_per_neuron_and_no_mean():
    network, rule = random_network(P=13, M=50), make_rule("add", 13)
    dominant, _ = filter_frequencies(network, rule)
    for x in (dominant.U, dominant.V, dominant.W.T):
        sizes = np.abs(np.fft.rfft(x, axis=0))
        assert ((sizes > 1e-9).sum(axis=0) == 1).all()
        assert (sizes[0] < 1e-9).all()
    assert not dominant.mu.any() and not dominant.has_bias


def test_both_parts_keep_the_activation():
    for part in filter_frequencies(random_network(P=13, activation="gelu"), make_rule("add", 13)):
        assert part.activation == "gelu"


def test_whose_power_decides_is_heeded():
    network, rule = random_network(P=13, M=50), make_rule("add", 13)
    joint, w, each = (filter_frequencies(network, rule, by).dominant for by in ("joint", "w", "each"))
    assert (joint.W != w.W).any() and (each.W == w.W).all() and (each.U != w.U).any()


def test_the_residual_network_keeps_the_means_and_the_bias():
    network = random_network(P=13, M=50)
    _, residual = filter_frequencies(network, make_rule("add", 13))
    np.testing.assert_allclose(residual.U.mean(axis=0), network.U.mean(axis=0), rtol=1e-9)
    assert (residual.mu == network.mu).all()


def test_tokens_without_coordinates_belong_to_the_residual_network():
    network = random_network(P=13, M=50)
    dominant, residual = filter_frequencies(network, make_rule("mul", 13))
    for key, zero in (("U", np.s_[0]), ("V", np.s_[0]), ("W", np.s_[:, 0])):
        assert not dominant.arrays[key][zero].any()
        assert (residual.arrays[key][zero] == network.arrays[key][zero]).all()


def test_filtering_a_random_network_leaves_it_at_chance():
    """The control: filtration finds the rule only where training put it."""
    rule = make_rule("add", 53)
    network = random_network(P=53, M=500)
    right = predict_table(filter_frequencies(network, rule).dominant) == rule.label_table
    assert abs(right.mean() - 1 / 53) < 0.01


def test_a_tied_network_is_filtered_alike_for_both_inputs():
    network = random_network(P=13, M=50, tied=True)
    dominant, _ = filter_frequencies(network, make_rule("add", 13))
    np.testing.assert_allclose(dominant.U, dominant.V, rtol=1e-12)


@pytest.mark.parametrize("by", ["joint", "w", "each"])
@pytest.mark.parametrize("rule", [
    make_rule("add", 23), make_rule("add", 24), make_rule("sub", 24), make_rule("sub", 13), make_rule("mul", 23),
    make_rule("div", 23), make_rule("S3"), make_rule("Z2xZ6"),
], ids=repr)  # fmt: skip
def test_the_filtration_of_the_heart_is_that_of_structure(rule, by):
    network = random_network(P=rule.modulus, M=40)
    structure = Structure(network, rule, by)
    for part, expected in zip(filter_frequencies(network, rule, by), (structure.dominant, structure.residual)):
        assert all((part.arrays[name] == array).all() for name, array in expected.arrays.items())


def filtered_by_hand(x, k):
    """The frequency k of a vector over coordinates, from sums over cosine and sine: no FFT."""
    N, turn = len(x), 2 * np.pi * k * np.arange(len(x)) / len(x)
    scale = (1 if 2 * k == N else 2) / N
    return scale * ((x @ np.cos(turn)) * np.cos(turn) + (x @ np.sin(turn)) * np.sin(turn))


@pytest.mark.parametrize(("name", "P"), [("add", 11), ("add", 12), ("sub", 12), ("mul", 11), ("div", 11)])
def test_the_filtration_is_what_sums_by_hand_give(name, P):
    rule, network = make_rule(name, P), random_network(P=P, M=6)
    dominant = filter_frequencies(network, rule).dominant
    tokens = (rule.tokens_a, rule.tokens_b, rule.tokens_c)
    for m in range(6):
        vectors = [X[t, m] for X, t in zip((network.U, network.V, network.W.T), tokens)]
        kept = [X[t, m] for X, t in zip((dominant.U, dominant.V, dominant.W.T), tokens)]
        shares = [
            sum((filtered_by_hand(x, k) ** 2).sum() / ((x - x.mean()) ** 2).sum() for x in vectors)
            for k in range(1, rule.order // 2 + 1)
        ]
        k = 1 + int(np.argmax(shares))
        for x, found in zip(vectors, kept):
            np.testing.assert_allclose(found, filtered_by_hand(x, k), atol=1e-12)
