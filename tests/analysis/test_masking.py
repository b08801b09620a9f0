import numpy as np
import pytest
from planted import random_network
from run_cases import build_dataset

from minimod import TrainingConfig
from minimod.analysis.masking import (
    CHOICES,
    MASK_SHARES,
    MEMORISED,
    RANDOM_RANKINGS,
    Curves,
    agreement,
    mask_curves,
    mask_predictions,
    mask_tables,
    memorising_share,
    random_rankings,
    sampled,
)
from minimod.arrays import Pairs
from minimod.engine.backend import open_backend
from minimod.readout import interaction
from minimod.runs.accuracy import MEASURES, accuracies

DATASET = build_dataset(TrainingConfig(modulus=13, noise_ratio=0.3))


@pytest.mark.parametrize("tied", [False, True])
def test_a_subnetwork_and_the_rest_add_up_to_the_network(tied):
    network = random_network(P=7, M=10, tied=tied)
    some, others = network.subnetwork(np.array([8, 1, 2])), network.subnetwork(np.array([0, 3, 4, 5, 6, 7, 9]))
    assert some.tied == others.tied == tied
    total = some.grid_logits() + others.grid_logits() - network.mu
    np.testing.assert_allclose(total, network.grid_logits(), atol=1e-12)


def mask_tables_by_hand(network, ranking):
    """What `mask_tables` computes, subnetwork by subnetwork."""
    tables = []
    for keep in MASK_SHARES:
        n = round(keep * network.width)
        first, others = (network.subnetwork(some).grid_logits() for some in (ranking[:n], ranking[n:]))
        tables.append([logits.argmax(axis=2) for logits in (first, interaction(first), others)])
    return np.stack(tables, axis=1)


@pytest.mark.parametrize(("M", "tied", "has_bias", "activation"), [
    (37, False, True, "relu"), (9, True, True, "quadratic"), (120, False, False, "gelu"), (1, False, True, "relu"),
])  # fmt: skip
def test_the_fast_tables_are_those_by_hand(M, tied, has_bias, activation):
    """But for no neurons: their interaction is rounding, and without a bias their logits all tie."""
    network = random_network(P=13, M=M, tied=tied, has_bias=has_bias, activation=activation, seed=5)
    ranking = np.random.default_rng(1).permutation(M)
    with open_backend("cpu", 2) as backend:
        fast, plain = mask_tables(network, ranking, backend), mask_tables_by_hand(network, ranking)
    assert fast.shape == plain.shape == (3, len(MASK_SHARES), 13, 13)
    sizes = np.array([round(keep * M) for keep in MASK_SHARES])
    for kind, some in enumerate([(sizes > 0) | has_bias, sizes > 0, (sizes < M) | has_bias]):
        assert (fast[kind][some] == plain[kind][some]).all()


@pytest.mark.parametrize("tied", [False, True])
def test_predictions_of_some_pairs_are_entries_of_the_tables(tied, monkeypatch):
    monkeypatch.setattr("minimod.analysis.masking.PAIRS", 7)
    network, ranking = random_network(P=13, M=37, seed=5, tied=tied), np.random.default_rng(1).permutation(37)
    a, b = np.random.default_rng(2).integers(0, 13, (2, 50))
    some, every = mask_predictions(network, ranking, a, b), mask_tables(network, ranking)[..., a, b]
    has_neurons = [round(keep * 37) > 0 for keep in MASK_SHARES]      # of no neurons, the interaction is rounding
    assert some.shape == every.shape == (3, len(MASK_SHARES), 50)
    assert (some[:, has_neurons] == every[:, has_neurons]).all() and (some[::2] == every[::2]).all()


def test_a_sample_has_so_many_of_each_kind_and_all_validation_pairs(monkeypatch):
    monkeypatch.setattr("minimod.analysis.masking.SAMPLED", 20)
    sample = sampled(DATASET, np.random.default_rng(0))
    assert (sample.train.is_noisy.sum(), len(sample.train)) == (20, 40)
    assert len(sample.test) == len(DATASET.test) == 17
    assert len(sample.validation) == len(DATASET.validation) and len(sample.noisy_validation) == len(DATASET.validation)
    for part in ("train", "test"):
        ours, whole = (getattr(each, part) for each in (sample, DATASET))
        place = ours.a * 13 + ours.b
        assert (np.diff(place) > 0).all() and np.isin(place, whole.a * 13 + whole.b).all()


def test_curves_are_the_accuracies_of_the_tables():
    network, ranking = random_network(P=13, M=37, seed=5), np.random.default_rng(1).permutation(37)
    curves, held_out = mask_curves(network, ranking, DATASET), DATASET.noisy_validation
    for part, tables in zip(curves[1:], mask_tables(network, ranking), strict=True):
        for i, table in enumerate(tables):
            hits = (table[held_out.a, held_out.b] == held_out.label).mean()
            expected = accuracies(table, DATASET)._asdict() | {"agreement": hits}
            assert {name: part[name][i] for name in expected} == expected
    nothing = np.full((13, 13), network.mu.argmax())
    assert curves.logits["test"][0] == curves.rest["test"][-1] == accuracies(nothing, DATASET).test


def test_random_rankings_differ():
    rankings = random_rankings(37, np.random.default_rng(0))
    assert len({tuple(ranking) for ranking in rankings}) == RANDOM_RANKINGS
    for ranking in rankings:
        assert sorted(ranking) == list(range(37))


def fabricated(validation, noisy):
    """Curves with these accuracies, at the shares given, and 0 elsewhere."""
    measures = (*MEASURES, "agreement", "standard_error")
    curves = Curves(np.arange(20), *({name: np.zeros(len(MASK_SHARES)) for name in measures} for _ in range(3)))
    for keep, value in validation.items():
        curves.logits["validation"][MASK_SHARES.index(keep)] = value
    for keep, value in noisy.items():
        curves.rest["noisy"][MASK_SHARES.index(keep)] = value
    return curves


def partition(curves):
    """γ_G and γ_R."""
    return curves.chosen("logits", "validation").share, memorising_share(curves)


def test_the_partition_takes_the_best_share_on_validation_and_the_least_that_memorises():
    curves = fabricated({0.3: 0.9, 0.6: 0.9, 1: 0.5}, {0: 1, 0.2: MEMORISED, 0.4: 0.9})
    curves.logits["test"][MASK_SHARES.index(0.8)] = 1
    assert partition(curves) == pytest.approx((0.3, 0.8))


def test_the_partition_counts_the_neurons_that_there_are():
    """With 8 neurons a share of 0.3 is two of them, and one of 0.05 none."""
    curves = fabricated({0.3: 1}, {0.05: 1})._replace(ranking=np.arange(8))
    assert partition(curves) == (0.25, 1)


def test_without_validation_pairs_or_noise_there_is_no_partition():
    curves = fabricated({}, {})
    curves.logits["validation"][:] = curves.rest["noisy"][:] = np.nan
    assert np.isnan(partition(curves)).all()
    assert np.isnan(memorising_share(fabricated({1: 1}, {}))), "nothing memorises"


def test_the_choice_on_noisy_labels_is_the_smallest_share_within_a_standard_error():
    curves = fabricated({0.3: 1}, {})
    curves.interaction["standard_error"][:] = 0.05
    curves.interaction["agreement"][[MASK_SHARES.index(keep) for keep in (0.2, 0.3, 0.4, 0.5)]] = 0.44, 0.46, 0.5, 0.45
    curves.interaction["test"][MASK_SHARES.index(0.3)] = 0.9
    chosen = curves.chosen("interaction", "noisy")
    assert (chosen.share, chosen.accuracies.test) == (0.3, 0.9) and list(chosen.neurons) == list(range(6))
    assert curves.chosen("logits", "validation").share == 0.3


def test_tables_that_answer_alike_are_told_apart_by_few_labels():
    """The best has 3 of 4 labels; the second table has one of them less, the third one more and two less."""
    a = np.arange(4)
    tables = np.zeros((3, 4, 4), int)
    tables[:, a, 0] = [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 1]]
    measured = agreement(tables, Pairs(a, 0 * a, 0 * a + 1, 0 * a, 0 * a > 0))
    np.testing.assert_allclose(measured["agreement"], [3 / 4, 2 / 4, 2 / 4])
    np.testing.assert_allclose(measured["standard_error"], [0, np.std([0, 0, -1, 0]) / 2, np.std([0, -1, -1, 1]) / 2])


@pytest.mark.parametrize("choice", CHOICES)
def test_without_pairs_nothing_is_chosen(choice):
    curves = fabricated({}, {})
    curves.logits[CHOICES[choice].measure][:] = np.nan
    chosen = curves.chosen("logits", choice)
    assert np.isnan([chosen.share, *chosen.accuracies]).all() and len(chosen.neurons) == 0
