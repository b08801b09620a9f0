import numpy as np
import pytest
from planted import ideal_network, random_network
from run_cases import build_dataset

from minimod import TrainingConfig, make_rule
from minimod.engine.predict import predict_table
from minimod.readout import interaction, predict_interaction


def table(P, classes, seed=0):
    """Random main effects of each input."""
    generator = np.random.default_rng(seed)
    return generator.standard_normal((P, 1, classes)) + generator.standard_normal((1, P, classes)) + 3


def test_main_effects_have_no_interaction():
    np.testing.assert_allclose(interaction(table(5, 4)), 0, atol=1e-14)


def test_interactions_have_no_main_effects_and_lose_nothing_else():
    logits = np.random.default_rng(1).standard_normal((5, 5, 4))
    effect = interaction(logits)
    np.testing.assert_allclose(effect.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(effect.mean(axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(interaction(logits + table(5, 4)), effect, atol=1e-13)
    np.testing.assert_allclose(interaction(effect), effect, atol=1e-14)


@pytest.mark.parametrize("activation", ["relu", "quadratic"])
def test_the_rule_comes_back_from_under_strong_main_effects(activation):
    """Neurons that look at one input alone drown ideal ones; the interaction readout does not see them."""
    rule = make_rule("add", 23)
    network = ideal_network(rule, activation)
    generator = np.random.default_rng(0)
    drowned = network.convert(np.copy)
    loud = 40 * generator.standard_normal((60, 23))
    one, other = np.zeros((23, 60)), np.abs(generator.standard_normal((23, 60)))
    drowned.U, drowned.V = np.hstack([network.U, one]), np.hstack([network.V, other])
    drowned.W = np.vstack([network.W, loud])
    assert np.mean(predict_table(drowned) == rule.label_table) < 0.2
    assert (predict_interaction(drowned) == rule.label_table).all()


def test_relu_and_reverse_relu_have_one_interaction():
    """Their difference is the pre-activation itself, a sum of main effects."""
    relu, reverse = (random_network(activation=name, seed=2).grid_logits() for name in ("relu", "reverse_relu"))
    np.testing.assert_allclose(interaction(relu), interaction(reverse), atol=1e-12)


@pytest.mark.parametrize("noise_ratio", [0.2, 0.8])
def test_the_true_class_of_a_held_out_pair_is_rarest_in_its_row(noise_ratio):
    """The counts from which readout.py derives why networks answer below chance: ρα against ρ."""
    dataset = build_dataset(TrainingConfig(modulus=113, noise_ratio=noise_ratio))
    counts = np.zeros((113, 113))
    np.add.at(counts, (dataset.train.a, dataset.train.label), 1)
    true = counts[dataset.test.a, dataset.test.true_label].mean()
    assert true == pytest.approx(0.8 * noise_ratio, rel=0.1)
    assert counts.mean() == pytest.approx(0.8, rel=0.01)
