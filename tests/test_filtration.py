from dataclasses import replace

import numpy as np
import pytest
from planted import ideal_network, random_network

from minimod import filter_frequencies, make_rule
from minimod.analysis.accuracy import predict_grid
from minimod.analysis.filtration import fit_ideal_neurons
from minimod.analysis.fourier import (
    dominant_frequencies,
    in_coordinates,
    phase_error,
    phases,
    power,
    power_shares,
    spectra,
)


@pytest.mark.parametrize("activation", ["relu", "quadratic"])
@pytest.mark.parametrize(("name", "P"), [("add", 23), ("add", 24), ("sub", 23), ("sub", 24), ("mul", 23)])
def test_ideal_neurons_answer_every_pair_that_has_coordinates(name, P, activation):
    rule = make_rule(name, P)
    right = predict_grid(ideal_network(rule, activation)) == rule.label_table
    assert right[rule.has_coordinates].all()


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


def test_given_frequencies_are_the_ones_kept():
    network = random_network(P=13, M=50)
    frequency = np.stack([np.full(50, k) for k in (2, 3, 5)])
    dominant, _ = filter_frequencies(network, make_rule("add", 13), frequency=frequency)
    kept = [np.abs(np.fft.rfft(x, axis=0)).argmax(axis=0) for x in (dominant.U, dominant.V, dominant.W.T)]
    assert (np.stack(kept) == frequency).all()


def test_filtering_a_random_network_leaves_it_at_chance():
    """The control: filtration finds the rule only where training put it."""
    rule = make_rule("add", 53)
    network = random_network(P=53, M=500)
    right = predict_grid(filter_frequencies(network, rule).dominant) == rule.label_table
    assert abs(right.mean() - 1 / 53) < 0.01


def test_a_tied_network_is_filtered_alike_for_both_inputs():
    network = random_network(P=13, M=50, tied=True)
    dominant, _ = filter_frequencies(network, make_rule("add", 13))
    np.testing.assert_allclose(dominant.U, dominant.V, rtol=1e-12)


@pytest.mark.parametrize(("name", "P"), [("add", 23), ("sub", 24), ("mul", 23)])
def test_the_ideal_fit_of_ideal_neurons_is_themselves(name, P):
    rule = make_rule(name, P)
    network = ideal_network(rule, "relu", n_frequencies=4)
    fit = fit_ideal_neurons(network, rule)
    assert fit.power_share == pytest.approx(1)
    for key in ("U", "V", "W"):
        np.testing.assert_allclose(fit.network.arrays[key], network.arrays[key], atol=1e-12)


@pytest.mark.parametrize(("name", "P"), [("add", 24), ("sub", 23), ("mul", 23)])
def test_fitted_neurons_obey_the_phase_relation_at_the_dominant_frequency(name, P):
    rule = make_rule(name, P)
    network = random_network(P=P, M=200)
    fit = fit_ideal_neurons(network, rule).network
    frequency = dominant_frequencies(power_shares(power(spectra(network, rule), rule.order)))
    fitted = spectra(fit, rule)
    kept = np.abs(fitted).sum(axis=1) > 1e-9                  # not those whose Nyquist frequency cannot be fitted
    assert kept.all(axis=0).mean() > 0.9
    np.testing.assert_allclose(phase_error(phases(fitted, frequency))[kept.all(axis=0)], 0, atol=1e-9)
    others = np.arange(fitted.shape[1])[:, None] != frequency[:, None, :]
    np.testing.assert_allclose(fitted[others], 0, atol=1e-9)


def test_the_ideal_fit_is_a_projection():
    """What it leaves out is at right angles to it, so that the shares of power add up to 1."""
    rule = make_rule("add", 13)
    network = random_network(P=13, M=30)
    fit = fit_ideal_neurons(network, rule)
    weights, fitted = in_coordinates(network, rule), in_coordinates(fit.network, rule)
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
    share = fit_ideal_neurons(network, make_rule("add", 13)).power_share
    assert share == pytest.approx(explained.max() / 3, abs=1e-3)
    assert share >= explained.max() / 3


def test_the_ideal_fit_of_an_untrained_network_answers_too():
    """The control: the phase relation is put in by hand."""
    rule = make_rule("add", 23)
    fit = fit_ideal_neurons(random_network(P=23, M=2000), rule)
    assert np.mean(predict_grid(fit.network) == rule.label_table) > 0.9
    assert fit.power_share < 0.2
