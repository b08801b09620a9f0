from dataclasses import replace

import numpy as np
import pytest
from minimod.analysis.filtration import predict_kept, random_component
from planted import ideal_network, random_network

from minimod import filter_frequencies, make_rule
from minimod.analysis.structure import Structure
from minimod.engine.backend import open_backend
from minimod.engine.predict import predict_table


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


def test_given_frequencies_are_the_ones_kept():
    network = random_network(P=13, M=50)
    frequency = np.stack([np.full(50, k) for k in (2, 3, 5)])
    dominant = Structure(network, make_rule("add", 13)).keep(frequency)
    kept = [np.abs(np.fft.rfft(x, axis=0)).argmax(axis=0) for x in (dominant.U, dominant.V, dominant.W.T)]
    assert (np.stack(kept) == frequency).all()


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


@pytest.mark.parametrize("P", [22, 23])
def test_the_control_draws_a_frequency_for_each_neuron(P):
    structure = Structure(random_network(P=P, M=300), make_rule("add", P))
    component = random_component(structure, np.random.default_rng(0))
    assert (component == component[0]).all()
    assert set(component[0].tolist()) == set(range(1, 12))
    assert (random_component(structure, np.random.default_rng(1)) != component).any()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("activation", [None, "quadratic", "gelu"])
@pytest.mark.parametrize(("name", "P"), [("add", 23), ("sub", 24), ("mul", 23), ("D7", 14), ("S4", 24)])
def test_components_answer_by_component_what_their_network_answers(name, P, activation, threads):
    """Cosines and sines, the Nyquist frequency, tokens without components, and components of more dimensions."""
    structure = Structure(random_network(P=P, M=60), make_rule(name, P))
    component = random_component(structure, np.random.default_rng(0))
    network = structure.keep(component)
    with open_backend("cpu", threads) as backend:
        answers = predict_kept(structure, component, activation, backend)
        expected = predict_table(replace(network, activation=activation or network.activation), backend)
    assert (answers == expected).all()
