import numpy as np
import pytest
from planted import random_network
from run_cases import build_dataset

from minimod import TrainingConfig, TwoLayerNet, train
from minimod.activations import ACTIVATIONS
from minimod.arrays import Pairs
from minimod.errors import InputError
from minimod.losses import LOSSES
from minimod.runs.run import initial_network


def all_pairs(P=7, seed=1):
    a, b = np.divmod(np.arange(P * P), P)
    label = np.random.default_rng(seed).integers(0, P, P * P)
    return Pairs(a, b, label, label, np.zeros(P * P, bool))


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_matches_central_differences(activation, loss, tied, has_bias):
    """Along a random direction in all parameters: two forward passes, whatever the width."""
    network, pairs = random_network(activation=activation, tied=tied, has_bias=has_bias), all_pairs()
    _, gradient = network.gradient(pairs, loss)
    generator = np.random.default_rng(2)
    direction = {name: generator.standard_normal(theta.shape) for name, theta in network.parameters.items()}
    fixed = {"V": tied, "mu": not has_bias}
    assert gradient.keys() == {name for name in ("U", "V", "W", "mu") if not fixed.get(name)}

    h, values, signs = 1e-6, [], []
    for step in (+h, -2 * h):
        for name, theta in network.parameters.items():
            theta += step * direction[name]
        values.append(network.gradient(pairs, loss)[0])
        signs.append(np.sign(network.U[pairs.a] + network.V[pairs.b]))
    assert (signs[0] == signs[1]).all(), "the direction crosses a kink: choose another seed"
    numerical = (values[0] - values[1]) / (2 * h)
    analytical = sum((gradient[name] * direction[name]).sum() for name in direction)
    assert analytical == pytest.approx(numerical, rel=1e-6), f"{analytical=} {numerical=}"


def test_a_backward_pass_changes_nothing_and_can_be_taken_again():
    network, pairs = random_network(), all_pairs()
    before = network.convert(np.copy)
    F, backward = network.forward(pairs.a, pairs.b)
    logits, dF = F.copy(), np.ones_like(F)
    first = backward(dF)
    second = backward(dF)
    assert all((first[name] == second[name]).all() for name in first)
    assert (F == logits).all() and (dF == 1).all()
    assert all((X == before.arrays[name]).all() for name, X in network.arrays.items())


def test_logits_are_the_formula():
    network = random_network(activation="quadratic")
    e = np.eye(7)
    expected = network.W.T @ (network.U.T @ e[3] + network.V.T @ e[5]) ** 2 + network.mu
    np.testing.assert_allclose(network.logits([3], [5])[0], expected, rtol=1e-12)


@pytest.mark.parametrize(("a", "b", "problem"), [([0, -1], [0, 0], "a is -1"), ([0], [7], "b is 7")])
def test_tokens_outside_the_modulus_are_refused(a, b, problem):
    with pytest.raises(InputError, match=rf"{problem}; it must be integers in 0 \.\. 6"):
        random_network().logits(a, b)


def test_grid_logits_are_first_input_second_input_class():
    network = random_network()
    logits = network.grid_logits()
    assert logits.shape == (7, 7, 7)
    np.testing.assert_allclose(logits[2, 6], network.logits([2], [6])[0], rtol=1e-12)


def test_a_tied_network_is_symmetric():
    grid = random_network(tied=True).grid_logits()
    np.testing.assert_allclose(grid, grid.transpose(1, 0, 2), rtol=1e-12)


def test_convert_keeps_the_tie_and_copies():
    network = random_network(tied=True)
    copy = network.convert(np.copy)
    assert copy.tied and copy.U is not network.U


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"shape of W is \(7, 16\); it must be \(16, 7\)"):
        TwoLayerNet(np.zeros((7, 16)), np.zeros((7, 16)), np.zeros((7, 16)), np.zeros(7))


def test_an_unknown_activation_is_refused():
    with pytest.raises(InputError, match="relu, quadratic, gelu, reverse_relu"):
        TwoLayerNet(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((3, 2)), np.zeros(2), "tanh")


@pytest.mark.parametrize(("init_std", "expected"), [(None, 1024**-0.5), (0.3, 0.3)])
def test_initial_weights_have_the_standard_deviation_asked_for(init_std, expected):
    network = initial_network(TrainingConfig(width=1024, init_std=init_std))
    for name in ("U", "V", "W"):
        assert network.arrays[name].std() == pytest.approx(expected, rel=0.02)
        assert abs(network.arrays[name].mean()) < 0.02 * expected
    assert not network.mu.any()


def test_float32_and_float64_start_from_the_same_numbers():
    single, double = (
        initial_network(TrainingConfig(width=8, dtype=dtype))
        for dtype in ("float32", "float64")
    )
    assert single.U.dtype == np.float32 and double.U.dtype == np.float64
    assert (single.U == double.U.astype(np.float32)).all()


def test_the_seed_of_the_initialisation_can_be_another_than_that_of_the_data():
    config = TrainingConfig(modulus=11, width=8, seed=3)
    other = TrainingConfig(modulus=11, width=8, seed=3, init_seed=5)
    assert (initial_network(other).W == initial_network(TrainingConfig(modulus=11, width=8, seed=5)).W).all()
    assert (initial_network(other).W != initial_network(config).W).any()
    assert (build_dataset(other).train.label == build_dataset(config).train.label).all()


@pytest.mark.parametrize(("a", "b"), [([1.5], [1]), ([1, 2], [1]), ([True], [1]), ([[1]], [[1]]), (1, 1), (["1"], [1])])
def test_tokens_that_are_none_are_refused(a, b):
    with pytest.raises(InputError, match=r"^[ab] is .* integers in 0 \.\. 4, of shape \((n|1|2),\)"):
        random_network(P=5).logits(a, b)


def test_what_a_notebook_shows_is_one_line():
    run = train(TrainingConfig(modulus=7, width=8, epochs=1, tied=True, threads=1))
    assert repr(run.network) == "TwoLayerNet(modulus 7, width 8, relu, tied, float32)"
    assert repr(run.dataset.rule) == "CyclicRule('add', modulus 7)"
    assert repr(run.dataset.train) == "Pairs(39, 31 noisy)"
    assert repr(run).startswith("Run(modulus=7, width=8, tied=True, epochs=1, threads=1; test accuracy ")
    assert all(repr(each).count("\n") == 0 for each in (run, run.dataset))


@pytest.mark.parametrize("a", [[-1], [5], [1.5], [[1]], [1, [2]]])
def test_hidden_vectors_are_of_tokens(a):
    network = TwoLayerNet.init(5, 8)
    assert network.hidden([1, 4], [0, 2]).shape == (2, 8)
    with pytest.raises(InputError, match="a is "):
        network.hidden(a, [0] * len(a))
