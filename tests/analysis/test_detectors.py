"""Detectors on planted evidence, and the numbers that judge them."""

from dataclasses import replace

import numpy as np
import pytest
from planted import random_network

from minimod import TrainingConfig, train
from minimod.analysis.detection import detect
from minimod.analysis.detectors import (
    DETECTORS,
    Evidence,
    auroc,
    collisions,
    precision,
    probability_margins,
    ridge_margins,
    scores,
)
from minimod.analysis.rows import DEFAULT_METHOD
from minimod.analysis.self_training import by_method, extract
from minimod.arrays import Pairs
from minimod.engine.kernels import confidence
from minimod.errors import InputError
from minimod.runs.data import UserData

RANDOM = np.random.default_rng(0)
N, P = 60, 7
LABEL, WRONG = RANDOM.integers(0, P, N), RANDOM.random(N) < 0.3


def judges(flip=1):
    """Margins, of shape (N,), that speak against the wrong labels, or (-1) for them."""
    return RANDOM.normal(size=N) + np.where(WRONG, -9, 9) * flip


def evidence(**changes):
    a, b = np.divmod(np.arange(N), P)
    margin = judges()
    course = {"margin": -1.0 * WRONG, "probability": 1.0 - WRONG, "forgotten": np.where(WRONG, np.inf, 1),
              "half_loss": 2.0 * WRONG}  # fmt: skip
    given = {"label_record": course, "loss": -margin, "ridge": margin, "interaction": margin, "masked": margin}
    given |= {"retrained": margin}
    return Evidence(a % P, b, LABEL, P, np.random.default_rng(1), **given | changes)


CONTROLS = {"random", "collisions", "discovery"}


def test_every_detector_tells_what_its_evidence_tells():
    found = scores(evidence(held_out=judges(), table=np.zeros((P, P), int)))
    assert found.keys() == DETECTORS.keys() and all(score.shape == (N,) for score in found.values())
    for name in DETECTORS.keys() - CONTROLS:
        assert auroc(found[name], WRONG) == 1, name


def test_what_has_no_evidence_is_left_out():
    by_record = ("aum", "cartography", "forgetting", "half-fitted loss")
    assert scores(evidence(label_record=None)).keys().isdisjoint(by_record)
    record = evidence().label_record | {"half_loss": np.full(N, np.nan)}
    assert "half-fitted loss" not in scores(evidence(label_record=record))
    assert "masked readout" not in scores(evidence(masked=None))


def test_collisions_are_counted_in_row_and_column():
    a, b, label = np.array([[0, 0, 3], [0, 1, 3], [0, 2, 1], [1, 0, 3], [2, 2, 1]]).T
    assert collisions(a, b, label, 4).tolist() == [2, 1, 1, 1, 1]


def test_a_latin_square_has_no_collisions():
    a, b = np.divmod(np.arange(49), 7)
    assert not collisions(a, b, (a + b) % 7, 7).any()


@pytest.mark.parametrize("block", [4096, 5])
def test_ridge_margins_are_of_a_fit_without_the_label(block, monkeypatch):
    monkeypatch.setattr("minimod.analysis.readouts.BLOCK", block)
    generator = np.random.default_rng(0)
    X, label, n = generator.normal(size=(12, 4)), np.arange(12) % 3, 12
    penalty, Y = 0.1 * n * (X**2).mean() * np.eye(4), np.eye(3)[np.arange(12) % 3]
    expected = []
    for i in range(n):
        rest = np.arange(n) != i
        F = X[i] @ np.linalg.solve(X[rest].T @ X[rest] + penalty, X[rest].T @ Y[rest])
        expected.append(F[label[i]] - np.delete(F, label[i]).max())
    np.testing.assert_allclose(ridge_margins(X.__getitem__, label, 3, 0.1), expected, rtol=1e-9)


@pytest.mark.parametrize("scale", [1, 300])
def test_confidence_is_margin_and_cross_entropy(scale):
    F = scale * np.random.default_rng(0).normal(size=(9, 5))
    label, before = np.arange(9) % 5, F.copy()
    margin, loss = confidence(F, label)
    own = F[np.arange(9), label]
    others = np.where(np.arange(5) == label[:, None], -np.inf, F)
    np.testing.assert_allclose(margin, own - others.max(axis=1))
    np.testing.assert_allclose(loss, np.logaddexp.reduce(F, axis=1) - own, atol=1e-12)
    assert (F == before).all()


def test_a_confident_loss_does_not_round_to_0():
    assert confidence(np.array([[50.0, 0]], np.float32), np.array([0]))[1] == pytest.approx(np.exp(-50), rel=1e-5)


def test_auroc_is_the_chance_that_a_wrong_label_is_ranked_higher():
    score, wrong = np.random.default_rng(0).integers(0, 6, 40), np.random.default_rng(1).random(40) < 0.4
    pairs = [(s > t) + (s == t) / 2 for s in score[wrong] for t in score[~wrong]]
    assert auroc(score, wrong) == pytest.approx(np.mean(pairs))
    assert auroc(-score, wrong) == pytest.approx(1 - np.mean(pairs))
    assert np.isnan(auroc(score, np.zeros(40, bool))) and np.isnan(auroc(score, np.ones(40, bool)))


@pytest.mark.parametrize(("score", "expected"), [
    ([9, 8, 1, 1, 1], 1), ([9, 1, 8, 1, 1], (1 + 0) / 2), ([9, 1, 1, 1, 1], (1 + 1 / 4) / 2),
    ([0, 0, 0, 0, 0], 2 / 5), ([np.inf, np.inf, np.inf, 0, 0], 2 / 3), ([0, 0, 1, 1, 1], 0),
])  # fmt: skip
def test_precision_is_that_of_as_many_as_are_wrong(score, expected):
    wrong = np.array([True, True, False, False, False])
    assert precision(np.array(score, float), wrong) == pytest.approx(expected)
    assert np.isnan(precision(np.array(score, float), wrong & False))


SMALL = TrainingConfig(modulus=13, width=40, noise_ratio=0.3, epochs=30, learning_rate=0.03, threads=1, record=True)


def test_detect_judges_the_labels_of_a_run():
    run = train(SMALL)
    found, pairs = detect(run), run.dataset.train
    assert found["wrong"] == pairs.is_noisy.sum() and (found["label"] == pairs.label).all()
    assert {*found["scores"]} == {*DETECTORS} - {"self-training", "held-out folds", "discovery"} == {*found["auroc"]}
    assert found["scores"]["collisions"].tolist() == collisions(pairs.a, pairs.b, pairs.label, 13).tolist()
    assert found["auroc"]["collisions"] > 0.7 and abs(found["auroc"]["random"] - 0.5) < 0.2
    again = detect(run)
    assert all((again["scores"][name] == score).all() for name, score in found["scores"].items())


def test_detect_never_looks_at_the_true_labels():
    run = train(SMALL)
    hidden = replace(run.dataset.train, true_label=run.dataset.train.true_label * 0, is_noisy=np.zeros(135, bool))
    blind = detect(replace(run, dataset=replace(run.dataset, train=hidden)))["scores"]
    assert all((blind[name] == score).all() for name, score in detect(run)["scores"].items())


def test_an_extracted_network_must_be_of_the_same_data():
    run = train(SMALL)
    for method, more in ((DEFAULT_METHOD, ""), ("raw", ""), ("ideal", ", the rule")):
        needs = detect(run, extract(run, 1, answers=by_method(method))[-1].run)["needs"]["self-training"]
        assert needs == DETECTORS["self-training"].needs + more
    for other in (run, train(replace(SMALL, seed=1, epochs=0), data=UserData(labels=run.dataset.train.label))):
        with pytest.raises(InputError, match="a run that minimod extract made from this run"):
            detect(run, other)


def test_only_pairs_that_were_trained_on_are_judged():
    kept = np.arange(135) % 3 > 0
    run = train(SMALL, data=UserData(subset=kept))
    found, pairs = detect(run, held_out=np.zeros(135)), run.dataset.train[kept]
    assert (found["a"] == pairs.a).all() and found["wrong"] == pairs.is_noisy.sum()
    assert all(score.shape == (kept.sum(),) for score in found["scores"].values())
    assert "held-out folds" in found["scores"] and "aum" in found["scores"]


def test_where_nothing_is_held_out_no_mask_can_be_chosen():
    assert "masked readout" not in detect(train(replace(SMALL, train_fraction=1)))["scores"]


def test_held_out_folds_rank_as_cleanlab_does():
    rank = pytest.importorskip("cleanlab.rank")
    network, a = random_network(P=P), np.arange(N) % P
    F = network.logits(a, LABEL)
    probability = np.exp(F) / np.exp(F).sum(axis=1, keepdims=True)
    theirs = rank.get_normalized_margin_for_each_label(LABEL, probability)
    ours = -probability_margins(network, Pairs(a, LABEL, LABEL, LABEL, WRONG))
    np.testing.assert_allclose(ours, 1 - 2 * theirs, atol=1e-12)
