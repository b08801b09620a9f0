from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from planted import ideal_group_network, random_network

from minimod import TwoLayerNet, make_rule
from minimod.analysis.structure import Structure
from minimod.engine.predict import predict_table
from minimod.groups.irreps import KINDS
from minimod.groups.matrices import Matrices
from minimod.groups.rules import rule_of_table

GROUPS = ["Q8", "SL(2,3)", "Z7:Z3", "S4", "D6", "Z12"]          # real, complex and quaternionic components


def matrices_of(structure, component, neurons):
    """The matrices of some neurons in a component."""
    return Matrices(structure.network, structure.components.entries(component, structure.network.U), component, neurons)



@cache
def structure_of(name, M=60, seed=0):
    rule = make_rule(name)
    return Structure(random_network(P=rule.modulus, M=M, seed=seed), rule)


@cache
def beside_the_fourier_transform(N):
    """A network's structure under Z_N as a group and as addition, and the neurons of one component in both."""
    network = random_network(P=N, M=300)
    group, cyclic = Structure(network, make_rule(f"Z{N}")), Structure(network, make_rule("add", N))
    return group, cyclic, (group.component == cyclic.component).all(axis=0)


def parts(network, neurons=slice(None)):
    return network.U[:, neurons], network.V[:, neurons], network.W[neurons].T


def assert_same(one, other, neurons=slice(None), atol=1e-9):
    for ours, theirs in zip(parts(one, neurons), parts(other, neurons)):
        np.testing.assert_allclose(ours, theirs, atol=atol)


def power(network):
    """Of u, v and w of every neuron, of shape (3, M)."""
    return np.stack([(X**2).sum(axis=0) for X in parts(network)])


def planted(rule, number, M=30, seed=0):
    """Ideal neurons of one component, with random x, y and z and amplitudes."""
    return ideal_group_network(rule, {number: M}, "quadratic", seed, amplitudes=(1.0, 0.5, 2.0))


def numbered(names):
    return [
        pytest.param(name, number, id=f"{name}-{component.name}")
        for name in names for number, component in enumerate(make_rule(name).group.components) if number
    ]


@pytest.mark.parametrize("N", [12, 13])
def test_z_n_as_a_group_has_the_components_of_the_fourier_transform(N):
    group, _, same = beside_the_fourier_transform(N)
    # Of even N, frequency N/2 has one dimension and counts twice: by share per dimension.
    at_nyquist = (group.component == N / 2).all(axis=0)
    assert same.mean() > 0.8 and (same | at_nyquist).all()


@pytest.mark.parametrize("N", [12, 13])
def test_the_angle_of_the_matrices_of_z_n_is_the_phase_error(N):
    group, cyclic, same = beside_the_fourier_transform(N)
    np.testing.assert_allclose(group.phase_error[same], np.abs(cyclic.phase_error[same]), atol=1e-7)


@pytest.mark.parametrize("N", [12, 13])
def test_the_dominant_network_of_z_n_is_that_of_the_fourier_transform(N):
    group, cyclic, same = beside_the_fourier_transform(N)
    assert_same(group.dominant, cyclic.dominant, same)


@pytest.mark.parametrize("N", [12, 13])
def test_the_ideal_network_of_z_n_is_that_of_the_fourier_transform(N):
    group, cyclic, same = beside_the_fourier_transform(N)
    assert_same(group.ideal.network, cyclic.ideal.network, same)


def test_the_ideal_fits_share_of_the_power_for_z_13_is_that_of_the_fourier_transform():
    group, cyclic, _ = beside_the_fourier_transform(13)
    assert group.ideal.power_share == pytest.approx(cyclic.ideal.power_share, abs=1e-12)


@pytest.mark.parametrize("name", ["Z12", "Z13", "Z7:Z3"])
def test_waves_are_their_own_rank_one_part(name):
    """The dominant part of a complex number is a number times a rotation: rank one over the complex numbers."""
    structure = structure_of(name)
    linear = np.array([c.dimension == 1 for c in structure.rule.group.components])[structure.component[0]]
    assert linear.sum() > 5
    assert_same(structure.rank_one, structure.dominant, linear)


@pytest.mark.parametrize("name", GROUPS)
def test_the_matrices_of_all_components_give_the_weights_back(name):
    structure = structure_of(name)
    sums = [0, 0, 0]
    for component in structure.rule.group.components:
        matrices = matrices_of(structure, component, np.arange(structure.network.width))
        sums = [total + part for total, part in zip(sums, matrices.weights(matrices.hats))]
    for total, X in zip(sums, parts(structure.network)):
        np.testing.assert_allclose(total, X, atol=1e-10)


@pytest.mark.parametrize("name", GROUPS)
def test_dominant_and_residual_add_up_to_the_network(name):
    structure = structure_of(name)
    np.testing.assert_allclose(structure.dominant.U + structure.residual.U, structure.network.U, atol=1e-12)
    assert (structure.residual.mu == structure.network.mu).all()


@pytest.mark.parametrize("name", GROUPS)
def test_the_phase_error_is_an_angle_where_the_components_agree(name):
    network, rule = structure_of(name).network, structure_of(name).rule
    structure = Structure(network, rule, by="each")
    agree = (structure.component == structure.component[0]).all(axis=0)
    assert (np.isnan(structure.phase_error) == ~agree).all()
    assert 0 < agree.sum() and ((structure.phase_error[agree] >= 0) & (structure.phase_error[agree] <= np.pi)).all()


@pytest.mark.parametrize("name", GROUPS)
def test_the_rank_one_part_of_a_rank_one_part_is_itself(name):
    once = structure_of(name).rank_one
    assert_same(Structure(once, structure_of(name).rule).rank_one, once)


@pytest.mark.parametrize("name", GROUPS)
def test_the_rank_one_part_lies_in_the_dominant_component(name):
    structure = structure_of(name)
    inside = Structure(structure.rank_one, structure.rule)
    np.testing.assert_allclose(inside.dominant_share, 1, atol=1e-10)
    assert (inside.component == structure.component).all()


@pytest.mark.parametrize("name", GROUPS)
def test_the_rank_one_part_is_a_projection(name):
    structure = structure_of(name)
    kept = structure.rank_one
    left = replace(kept, U=structure.network.U - kept.U, V=structure.network.V - kept.V,
                   W=structure.network.W - kept.W)
    np.testing.assert_allclose(power(kept) + power(left), power(structure.network), rtol=1e-10)


@pytest.mark.parametrize("name", GROUPS)
def test_no_random_rank_one_part_has_more_power(name):
    structure, best = structure_of(name), power(structure_of(name).rank_one)
    for seed in range(20):
        drawn = power(structure.random_rank_one(np.random.default_rng(seed)))
        assert (drawn <= best * (1 + 1e-10)).all()


@pytest.mark.parametrize("name", ["S4", "Z7:Z3", "SL(2,3)"])
def test_a_random_rank_one_part_differs_with_the_draw_and_has_less_power(name):
    structure = structure_of(name)
    one, other = (structure.random_rank_one(np.random.default_rng(seed)) for seed in (0, 1))
    assert not np.allclose(one.U, other.U) and power(one).sum() < 0.9 * power(structure.rank_one).sum()


@pytest.mark.parametrize("name", ["S4", "D6", "A5"])
def test_for_real_representations_the_rank_one_part_is_the_first_singular_triple(name):
    structure = structure_of(name)
    expected = [np.zeros_like(X) for X in parts(structure.network)]
    for number, component in enumerate(structure.rule.group.components):
        neurons, D = np.flatnonzero(structure.component[0] == number), component.degree
        for new, X in zip(expected, parts(structure.network, neurons)):
            for neuron, u in zip(neurons, X.T):
                scale = np.sqrt(D / len(u))
                left, sigma, right = np.linalg.svd(scale * np.einsum("g,gij->ij", u, component.matrices))
                new[:, neuron] = scale * sigma[0] * (component.matrices @ right[0] @ left[:, 0])
    for ours, theirs in zip(parts(structure.rank_one), expected):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("name", GROUPS)
def test_singular_values_come_in_groups_as_the_commutant_is_large(name):
    structure = structure_of(name)
    for component in structure.rule.group.components:
        hats, m = matrices_of(structure, component, np.arange(20)).hats, KINDS[component.kind][0]
        sigma = np.linalg.svd(hats, compute_uv=False).reshape(3, 20, -1, m)
        np.testing.assert_allclose(np.ptp(sigma, axis=-1), 0, atol=1e-10)


@pytest.mark.parametrize("weights", ["one-hot", "constant", "zero"])
@pytest.mark.parametrize("name", GROUPS)
def test_all_is_finite_where_there_is_nothing_to_choose(name, weights):
    rule = make_rule(name)
    P = rule.modulus
    X = {"one-hot": np.eye(P), "constant": np.ones((P, P)), "zero": np.zeros((P, P))}[weights]
    structure = Structure(TwoLayerNet(X, X[:, ::-1].copy(), X, np.zeros(P)), rule)
    networks = [structure.rank_one, structure.random_rank_one(np.random.default_rng(0)), structure.ideal.network]
    assert np.isfinite(structure.phase_error).all()
    assert all(np.isfinite(array).all() for network in networks for array in network.arrays.values())
    if weights != "one-hot":
        assert all(np.abs(array).max() < 1e-12 for network in networks for array in network.arrays.values())


@pytest.mark.parametrize(("name", "number"), numbered(GROUPS))
def test_planted_ideal_neurons_have_their_component_and_no_angle(name, number):
    rule = make_rule(name)
    structure = Structure(planted(rule, number), rule)
    assert (structure.component == number).all()
    np.testing.assert_allclose(structure.phase_error, 0, atol=1e-6)


@pytest.mark.parametrize(("name", "number"), numbered(GROUPS))
def test_planted_ideal_neurons_are_their_own_rank_one_part(name, number):
    rule = make_rule(name)
    network = planted(rule, number)
    assert_same(Structure(network, rule).rank_one, network)


@pytest.mark.parametrize(("name", "number"), numbered(GROUPS))
def test_planted_ideal_neurons_are_their_own_ideal_fit(name, number):
    rule = make_rule(name)
    network = planted(rule, number)
    fit = Structure(network, rule).ideal
    assert fit.power_share == pytest.approx(1)
    assert_same(fit.network, network)


@pytest.mark.parametrize("name", GROUPS)
def test_fitted_neurons_are_ideal(name):
    structure = structure_of(name)
    fit = structure.ideal.network
    fitted = (power(fit) > 1e-9).all(axis=0)
    assert fitted.mean() > 0.5
    np.testing.assert_allclose(Structure(fit, structure.rule).phase_error[fitted], 0, atol=1e-6)


@pytest.mark.parametrize("name", GROUPS)
def test_the_ideal_fit_leaves_what_is_at_right_angles_to_it(name):
    structure = structure_of(name)
    for fitted, X in zip(parts(structure.ideal.network), parts(structure.network)):
        np.testing.assert_allclose((fitted * (X - fitted)).sum(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize("name", GROUPS)
def test_the_ideal_fits_share_of_the_power_is_what_it_explains(name):
    structure = structure_of(name)
    explained = 1 - sum(((X - fitted) ** 2).sum() - X.shape[0] * (X.mean(axis=0) ** 2).sum() for fitted, X in zip(
        parts(structure.ideal.network), parts(structure.network))) / structure.power.sum()
    assert structure.ideal.power_share == pytest.approx(explained)


# So many ideal neurons of each component are enough.
ENOUGH = {"S4": 100, "Q8": 100, "SL(2,3)": 100, "Z7:Z3": 400}


def answering_network(name):
    rule = make_rule(name)
    return ideal_group_network(rule, dict.fromkeys(range(1, len(rule.group.components)), ENOUGH[name]), "quadratic")


@pytest.mark.parametrize("name", ENOUGH)
def test_many_ideal_neurons_answer_every_pair(name):
    rule, network = make_rule(name), answering_network(name)
    assert np.mean(predict_table(network) == rule.label_table) > 0.95


def test_random_weights_of_that_size_do_not_answer():
    rule = make_rule("S4")
    network = random_network(P=24, M=400, activation="quadratic", has_bias=False)
    assert np.mean(predict_table(network) == rule.label_table) < 0.2


def test_the_ideal_fit_of_random_weights_answers_with_little_of_the_power():
    """The control: how the matrices multiply is put in by hand."""
    rule = make_rule("S4")
    fit = Structure(random_network(P=24, M=400, activation="quadratic", has_bias=False), rule).ideal
    assert np.mean(predict_table(fit.network) == rule.label_table) > 0.9
    assert fit.power_share < 0.2


def test_neurons_that_are_ideal_for_s4_do_not_answer_another_group_of_order_24():
    network, other = answering_network("S4"), make_rule("SL(2,3)")
    assert np.mean(predict_table(network) == other.label_table) < 0.5
    assert Structure(network, other).ideal.power_share < Structure(network, make_rule("S4")).ideal.power_share - 0.2


def isotope(name, seed=0):
    """A group's rule and that of its table under three renamings, and what turns the weights of one to the other's."""
    rule, generator = make_rule(name), np.random.default_rng(seed)
    a, b, c = (generator.permutation(rule.modulus) for _ in range(3))
    table = np.empty_like(rule.label_table)
    table[np.ix_(a, b)] = c[rule.label_table]

    def turn(network):
        U, V, W, mu = (np.empty_like(array) for array in network.arrays.values())
        U[a], V[b], W[:, c], mu[c] = network.U, network.V, network.W, network.mu
        return replace(network, U=U, V=V, W=W, mu=mu)

    return rule, rule_of_table("table:x", table), turn


@pytest.mark.parametrize("name", ["Q8", "S4", "Z7:Z3", "Z12"])
def test_a_groups_table_under_other_names_has_the_same_rank_one_parts(name):
    rule, other, turn = isotope(name)
    network = random_network(P=rule.modulus, M=60)
    assert_same(Structure(turn(network), other).rank_one, turn(Structure(network, rule).rank_one))


@pytest.mark.parametrize("name", ["Q8", "S4", "Z7:Z3", "Z12"])
def test_a_groups_table_under_other_names_has_the_same_phase_errors(name):
    rule, other, turn = isotope(name)
    network = random_network(P=rule.modulus, M=60)
    ours, theirs = Structure(network, rule).phase_error, Structure(turn(network), other).phase_error
    np.testing.assert_allclose(np.cos(ours), np.cos(theirs), atol=1e-9)


@pytest.mark.parametrize("name", ["Q8", "S4", "Z7:Z3"])
def test_ideal_neurons_of_a_group_answer_its_table_under_other_names(name):
    _, other, turn = isotope(name)
    fit = Structure(turn(answering_network(name)), other).ideal.network
    assert np.mean(predict_table(fit) == other.label_table) > 0.95


@pytest.mark.parametrize("part", ["dominant", "rank_one", "ideal"])
@pytest.mark.parametrize("name", ["Q8", "S4", "Z7:Z3"])
def test_parts_predict_the_same_under_other_names(name, part):
    rule, other, turn = isotope(name)
    network = random_network(P=rule.modulus, M=60)
    ours, theirs = getattr(Structure(network, rule), part), getattr(Structure(turn(network), other), part)
    if part == "ideal":
        ours, theirs = ours.network, theirs.network
    assert (predict_table(turn(ours)) == predict_table(theirs)).all()


@pytest.mark.parametrize("name", ["S4", "SL(2,3)", "Z12"])
def test_single_precision_is_kept(name):
    structure = structure_of(name)
    single = Structure(structure.network.convert(lambda array: array.astype(np.float32)), structure.rule)
    for network in (single.dominant, single.rank_one, single.ideal.network):
        assert {array.dtype for array in network.arrays.values()} == {np.dtype(np.float32)}
    assert_same(single.rank_one, structure.rank_one, (single.component == structure.component).all(axis=0), atol=1e-4)


def test_entries_are_taken_at_the_elements_that_the_tokens_are():
    _, other, _ = isotope("S4")
    structure = Structure(random_network(P=24), other)
    component = other.group.components[3]
    entries = structure.components.entries(component, structure.network.U)
    for R, elements in zip(entries, (other.elements_a, other.elements_b, np.arange(24))):
        np.testing.assert_array_equal(R, component.entries[elements])
