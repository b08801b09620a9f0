from dataclasses import replace

import numpy as np
import pytest
from planted import ideal_network, random_network

from minimod import TwoLayerNet, make_rule
from minimod.analysis.structure import Structure
from minimod.engine.predict import predict_table
from minimod.errors import InputError
from minimod.fourier import wrap


def test_a_rule_of_another_modulus_is_refused():
    with pytest.raises(InputError, match="modulus of the rule is 7; it must be 11"):
        Structure(random_network(P=11), make_rule("add", 7))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_phases_are_those_of_the_cosines(k):
    x = 2 * np.pi * k * np.arange(11)[:, None] / 11
    network = TwoLayerNet(2 * np.cos(x + 0.5), np.cos(x - 2), np.cos(x + 3).T, np.zeros(11))
    np.testing.assert_allclose(Structure(network, make_rule("add", 11)).phase.ravel(), [0.5, -2, 3], rtol=1e-9)


@pytest.mark.parametrize("name", ["add", "sub", "mul"])
def test_ideal_neurons_have_no_phase_error_under_any_rule(name):
    rule = make_rule(name, 13)
    np.testing.assert_allclose(Structure(ideal_network(rule, "relu"), rule).phase_error, 0, atol=1e-9)


def test_subtraction_over_tokens_is_a_difference_of_phases():
    """The paper's relation φ_a - φ_b = φ_c holds over tokens where φ_a + φ_b = φ_c holds over coordinates."""
    rule = make_rule("sub", 13)
    network = ideal_network(rule, "relu")
    spectrum = np.fft.rfft(np.stack([network.U, network.V, network.W.T]), axis=1)
    k = Structure(network, rule).component[:, None]
    phase = np.angle(np.take_along_axis(spectrum, k, axis=1)[:, 0])
    np.testing.assert_allclose(wrap(phase[0] - phase[1] - phase[2]), 0, atol=1e-9)


def test_random_phases_have_the_spread_that_the_figure_names():
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, (3, 100_000))
    assert wrap(phase[0] + phase[1] - phase[2]).std() == pytest.approx(np.pi / np.sqrt(3), rel=0.01)


def test_wrap_keeps_angles_in_one_turn():
    np.testing.assert_allclose(wrap(np.array([0.0, 4.0, -4.0, 7.0])), [0, 4 - 2 * np.pi, 2 * np.pi - 4, 7 - 2 * np.pi])


@pytest.mark.parametrize(("name", "P"), [("add", 23), ("sub", 24), ("mul", 23)])
def test_the_ideal_fit_of_ideal_neurons_is_themselves(name, P):
    rule = make_rule(name, P)
    network = ideal_network(rule, "relu", n_frequencies=4)
    fit = Structure(network, rule).ideal
    assert fit.power_share == pytest.approx(1)
    for key in ("U", "V", "W"):
        np.testing.assert_allclose(fit.network.arrays[key], network.arrays[key], atol=1e-12)


@pytest.mark.parametrize(("name", "P"), [("add", 24), ("sub", 23), ("mul", 23)])
def test_fitted_neurons_obey_the_phase_relation_at_the_dominant_frequency(name, P):
    rule = make_rule(name, P)
    network = random_network(P=P, M=200)
    structure = Structure(network, rule)
    fit = structure.ideal.network
    frequency, fitted = structure.component, Structure(fit, rule).coefficients
    kept = np.abs(fitted).sum(axis=1) > 1e-9                  # not those whose Nyquist frequency cannot be fitted
    assert kept.all(axis=0).mean() > 0.9
    phase = np.angle(np.take_along_axis(fitted, frequency[:, None], axis=1)[:, 0])
    np.testing.assert_allclose(wrap(phase[0] + phase[1] - phase[2])[kept.all(axis=0)], 0, atol=1e-9)
    others = np.arange(fitted.shape[1])[:, None] != frequency[:, None, :]
    np.testing.assert_allclose(fitted[others], 0, atol=1e-9)


def test_the_ideal_fit_is_a_projection():
    """What it leaves out is at right angles to it, so that the shares of power add up to 1."""
    rule = make_rule("add", 13)
    network = random_network(P=13, M=30)
    fit = Structure(network, rule).ideal
    weights, fitted = map(rule.components.in_coordinates, (network, fit.network))
    weights = weights - weights.mean(axis=1, keepdims=True)
    left = ((weights - fitted) ** 2).sum() / (weights**2).sum()
    assert left == pytest.approx(1 - fit.power_share)


def test_no_phases_fit_better():
    """For vectors of equal amplitude, sharing the error equally is least squares: checked against a grid."""
    error, grid = 1.3, np.linspace(-np.pi, np.pi, 181)
    a, b = np.meshgrid(grid, grid, indexing="ij")
    c = a + b + error                                        # turns that make the phases agree
    explained = np.cos(a) ** 2 + np.cos(b) ** 2 + np.cos(c) ** 2
    x = 2 * np.pi * np.arange(13) / 13
    u, v, w = np.cos(2 * x + error), np.cos(2 * x), np.cos(2 * x)
    network = replace(random_network(P=13, M=1), U=u[:, None], V=v[:, None], W=w[None])
    share = Structure(network, make_rule("add", 13)).ideal.power_share
    assert share == pytest.approx(explained.max() / 3, abs=1e-3)
    assert share >= explained.max() / 3


def test_the_ideal_fit_of_an_untrained_network_answers_too():
    """The control: the phase relation is put in by hand."""
    rule = make_rule("add", 23)
    fit = Structure(random_network(P=23, M=2000), rule).ideal
    assert np.mean(predict_table(fit.network) == rule.label_table) > 0.9
    assert fit.power_share < 0.2


def test_given_frequencies_are_the_ones_kept():
    network = random_network(P=13, M=50)
    frequency = np.stack([np.full(50, k) for k in (2, 3, 5)])
    dominant = Structure(network, make_rule("add", 13)).keep(frequency)
    kept = [np.abs(np.fft.rfft(x, axis=0)).argmax(axis=0) for x in (dominant.U, dominant.V, dominant.W.T)]
    assert (np.stack(kept) == frequency).all()


@pytest.mark.parametrize("P", [22, 23])
def test_the_control_draws_a_frequency_for_each_neuron(P):
    structure = Structure(random_network(P=P, M=300), make_rule("add", P))
    component = structure.random_component(np.random.default_rng(0))
    assert (component == component[0]).all()
    assert set(component[0].tolist()) == set(range(1, 12))
    assert (structure.random_component(np.random.default_rng(1)) != component).any()
