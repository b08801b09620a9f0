from dataclasses import replace

import numpy as np
import pytest
from planted import ideal_network, join, random_network

from minimod import TrainingConfig, make_rule
from minimod.analysis.accuracy import MEASURES, accuracies
from minimod.analysis.masking import (
    KEEP,
    MEMORISED,
    RANDOM_RANKINGS,
    SCORES,
    Curves,
    ipr,
    mask_curves,
    partition,
    random_rankings,
    strength,
)
from minimod.analysis.structure import Structure
from minimod.data import build_dataset
from minimod.engine.backend import open_backend
from minimod.engine.predict import predict_table

DATASET = build_dataset(TrainingConfig(modulus=13, noise_ratio=0.3))
RULE = DATASET.rule


def test_the_two_iprs_are_that_of_w_and_the_mean_of_three():
    tone, flat = np.cos(2 * np.pi * np.arange(13) / 13), np.eye(13)[0]
    network = replace(random_network(P=13, M=1), U=flat[:, None], V=flat[:, None], W=tone[None])
    structure = Structure(network, RULE)
    assert SCORES["ipr_w"].value(structure) == pytest.approx(1)
    assert ipr(structure) == pytest.approx((1 + 1 / 6 + 1 / 6) / 3)


@pytest.mark.parametrize("score", ["ipr", "ipr_w", "dominant_share", "phase_alignment"])
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


def test_halves_that_differ_in_norm_alone_are_told_apart_by_strength_alone():
    weak = random_network(P=13, M=20, has_bias=False)
    network = join(weak, weak.convert(lambda array: 5 * array))
    structure = Structure(network, RULE)
    values = {name: score.value(structure) for name, score in SCORES.items()}
    assert values["strength"][20:].min() > values["strength"][:20].max()
    for name in SCORES.keys() - {"strength"}:
        np.testing.assert_allclose(values[name][20:], values[name][:20], err_msg=name)


@pytest.mark.parametrize(("activation", "expected"), [("relu", 4 * 5), ("quadratic", 4 * 25), ("reverse_relu", 4 * 5)])
def test_strength_bounds_the_effect_on_a_logit(activation, expected):
    network = random_network(P=3, M=1, activation=activation)
    network.U[:, 0], network.V[:, 0], network.W[0] = [1, -2, 0], [3, 1, 1], [0, 1, -4]
    assert strength(Structure(network, make_rule("add", 3))).tolist() == [expected]


@pytest.mark.parametrize("tied", [False, True])
def test_a_subnetwork_and_the_rest_add_up_to_the_network(tied):
    network = random_network(P=7, M=10, tied=tied)
    some, others = network.subnetwork(np.array([8, 1, 2])), network.subnetwork(np.array([0, 3, 4, 5, 6, 7, 9]))
    assert some.tied == others.tied == tied
    total = some.grid_logits() + others.grid_logits() - network.mu
    np.testing.assert_allclose(total, network.grid_logits(), atol=1e-12)


def test_curves_are_the_accuracies_of_the_subnetworks():
    network = random_network(P=13, M=37, seed=5)
    ranking = np.random.default_rng(1).permutation(37)
    with open_backend("cpu", 2) as backend:
        curves = mask_curves(network, ranking, DATASET, backend)
    for i, keep in enumerate(KEEP):
        n = round(keep * 37)
        for part, neurons in {"top": ranking[:n], "rest": ranking[n:]}.items():
            if len(neurons):
                expected = accuracies(predict_table(network.subnetwork(neurons)), DATASET)
                assert {name: getattr(curves, part)[name][i] for name in MEASURES} == expected
    nothing = np.full((13, 13), network.mu.argmax())
    assert curves.top["test"][0] == curves.rest["test"][-1] == accuracies(nothing, DATASET)["test"]


def test_random_rankings_differ():
    rankings = random_rankings(37, np.random.default_rng(0))
    assert len({tuple(ranking) for ranking in rankings}) == RANDOM_RANKINGS
    for ranking in rankings:
        assert sorted(ranking) == list(range(37))


def fabricated(validation, noisy):
    """Curves with these accuracies, at the shares given, and 0 elsewhere."""
    curves = Curves(np.arange(20), *({name: np.zeros(len(KEEP)) for name in MEASURES} for _ in range(2)))
    for keep, value in validation.items():
        curves.top["validation"][KEEP.index(keep)] = value
    for keep, value in noisy.items():
        curves.rest["noisy"][KEEP.index(keep)] = value
    return curves


def test_the_partition_takes_the_best_share_on_validation_and_the_least_that_memorises():
    curves = fabricated({0.3: 0.9, 0.6: 0.9, 1: 0.5}, {0: 1, 0.2: MEMORISED, 0.4: 0.9})
    curves.top["test"][KEEP.index(0.8)] = 1
    assert partition(curves) == pytest.approx((0.3, 0.8))


def test_the_partition_counts_the_neurons_that_there_are():
    """With 8 neurons a share of 0.3 is two of them, and one of 0.05 none."""
    curves = fabricated({0.3: 1}, {0.05: 1})._replace(ranking=np.arange(8))
    assert partition(curves) == (0.25, 1)


def test_without_validation_pairs_or_noise_there_is_no_partition():
    curves = fabricated({}, {})
    curves.top["validation"][:] = curves.rest["noisy"][:] = np.nan
    assert np.isnan(partition(curves)).all()
    assert np.isnan(partition(fabricated({1: 1}, {})).memorising), "nothing memorises"
