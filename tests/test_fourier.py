import numpy as np
import pytest
from planted import ideal_network, random_network

from minimod import TwoLayerNet, make_rule
from minimod.analysis.fourier import (
    dominant_frequencies,
    in_coordinates,
    phase_error,
    phases,
    power,
    power_shares,
    spectra,
    wrap,
)
from minimod.errors import InputError


def structure(network, rule, by="joint"):
    spectrum = spectra(network, rule)
    shares = power_shares(power(spectrum, rule.order))
    return spectrum, shares, dominant_frequencies(shares, by)


def cosine_network(P, k_u, k_v, k_w, amplitudes=(1, 1, 1)):
    """One neuron with a planted tone in each vector, and a mean that no tone accounts for."""
    x = 2 * np.pi * np.arange(P)[:, None] / P
    u, v, w = (a * np.cos(k * x + 0.4) + 5 for a, k in zip(amplitudes, (k_u, k_v, k_w)))
    return TwoLayerNet(u, v, w.T, np.zeros(P))


@pytest.mark.parametrize("P", [2, 3, 10, 11, 113])
def test_a_tone_is_found_at_every_frequency(P):
    rule = make_rule("add", P)
    for k in range(1, P // 2 + 1):
        _, shares, frequency = structure(cosine_network(P, k, k, k), rule)
        assert frequency.tolist() == [[k]] * 3
        np.testing.assert_allclose(shares[:, k - 1], 1, rtol=1e-9)


def test_mul_tones_are_found_in_logarithmic_coordinates():
    rule = make_rule("mul", 13)
    for k in range(1, 7):
        network = random_network(P=13, M=1)
        for array, tokens in ((network.U, rule.tokens_a), (network.V, rule.tokens_b), (network.W.T, rule.tokens_c)):
            array[tokens, 0] = np.cos(2 * np.pi * k * np.arange(12) / 12 + 0.3)
        assert structure(network, rule)[2].tolist() == [[k]] * 3


@pytest.mark.parametrize("P", [10, 11])
def test_power_adds_up_to_the_squares_about_the_mean(P):
    rule, network = make_rule("add", P), random_network(P=P, M=4)
    x = in_coordinates(network, rule)
    total = power(spectra(network, rule), P).sum(axis=1)
    np.testing.assert_allclose(total, ((x - x.mean(axis=1, keepdims=True)) ** 2).sum(axis=1), rtol=1e-12)


def test_whose_power_decides():
    # u and v agree on 2, w has 4; u also has a strong mean, which counts for nothing.
    network, rule = cosine_network(11, 2, 2, 4, amplitudes=(1, 1, 100)), make_rule("add", 11)
    assert structure(network, rule, "joint")[2].ravel().tolist() == [2, 2, 2]
    assert structure(network, rule, "w")[2].ravel().tolist() == [4, 4, 4]
    assert structure(network, rule, "each")[2].ravel().tolist() == [2, 2, 4]
    assert dominant_frequencies(structure(network, rule)[1]).ravel().tolist() == [2, 2, 2]


def test_an_unknown_choice_of_whose_power_decides_is_refused():
    with pytest.raises(InputError, match="joint, w, each"):
        dominant_frequencies(np.ones((3, 5, 2)), "v")


def test_a_rule_without_frequencies_is_refused():
    with pytest.raises(InputError, match="at least 2"):
        power(np.ones((3, 1, 2)), 1)


def test_a_rule_of_another_modulus_is_refused():
    with pytest.raises(InputError, match="modulus of the rule is 7; it must be 11"):
        spectra(random_network(P=11), make_rule("add", 7))


def test_a_dead_neuron_has_no_shares_and_does_no_harm():
    network = TwoLayerNet(np.zeros((11, 1)), np.zeros((11, 1)), np.zeros((1, 11)), np.zeros(11))
    _, shares, frequency = structure(network, make_rule("add", 11))
    assert not shares.any() and (frequency == 1).all()


@pytest.mark.parametrize("k", [1, 3, 5])
def test_phases_are_those_of_the_cosines(k):
    x = 2 * np.pi * k * np.arange(11)[:, None] / 11
    network = TwoLayerNet(2 * np.cos(x + 0.5), np.cos(x - 2), np.cos(x + 3).T, np.zeros(11))
    spectrum, _, frequency = structure(network, make_rule("add", 11))
    np.testing.assert_allclose(phases(spectrum, frequency).ravel(), [0.5, -2, 3], rtol=1e-9)


@pytest.mark.parametrize("name", ["add", "sub", "mul"])
def test_ideal_neurons_have_no_phase_error_under_any_rule(name):
    rule = make_rule(name, 13)
    spectrum, _, frequency = structure(ideal_network(rule, "relu"), rule)
    np.testing.assert_allclose(phase_error(phases(spectrum, frequency)), 0, atol=1e-9)


def test_subtraction_over_tokens_is_a_difference_of_phases():
    """The paper's relation φ_a - φ_b = φ_c holds over tokens where φ_a + φ_b = φ_c holds over coordinates."""
    rule = make_rule("sub", 13)
    network = ideal_network(rule, "relu")
    spectrum = np.fft.rfft(np.stack([network.U, network.V, network.W.T]), axis=1)
    phase = phases(spectrum, structure(network, rule)[2])
    np.testing.assert_allclose(wrap(phase[0] - phase[1] - phase[2]), 0, atol=1e-9)


def test_random_phases_have_the_spread_that_the_figure_names():
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, (3, 100_000))
    assert phase_error(phase).std() == pytest.approx(np.pi / np.sqrt(3), rel=0.01)


def test_wrap_keeps_angles_in_one_turn():
    np.testing.assert_allclose(wrap(np.array([0.0, 4.0, -4.0, 7.0])), [0, 4 - 2 * np.pi, 2 * np.pi - 4, 7 - 2 * np.pi])
