import math

import numpy as np
import pytest

from minimod import TrainingConfig, analyze, train
from minimod.analysis.masking import agreement
from minimod.claims import CLAIMS
from minimod.claims.agnostic import (
    BLIND,
    BY_ALL,
    BY_MASK,
    BY_RANDOM,
    LONG,
    QUADRATIC,
    RELU,
    agnostic_limit,
    by_noisy_labels,
)
from minimod.claims.claim import FAILS, HOLDS, Result
from minimod.summary import open_analysis


def limit_rows(distance, shortfall):
    """Rows of agnostic-limit, whose interaction test falls from 1 to 0 at this distance from the limit."""
    return [
        {
            "seed": 0, "network": network, "modulus": modulus, "noise_ratio": agnostic_limit(modulus, 0.8) + step,
            "limit": agnostic_limit(modulus, 0.8),
            "interaction test": float(step < distance - (shortfall if network == RELU else 0)),
        }
        for network in (QUADRATIC, RELU) for modulus in (23, 41, 59) for step in np.arange(-0.4, 0.5, 0.05)
    ]


@pytest.mark.parametrize(("distance", "shortfall", "verdict"), [
    (0.01, 0.2, HOLDS), (0.01, 0.0, FAILS), (-0.3, 0.1, FAILS), (0.3, 0.1, FAILS),
])  # fmt: skip
def test_the_limit_claim_stands_and_falls_with_where_the_curves_fall(distance, shortfall, verdict):
    rows = limit_rows(distance, shortfall)
    assert Result("agnostic-limit", CLAIMS["agnostic-limit"], "quick", rows).verdict == verdict


def test_a_limit_that_does_not_grow_with_the_modulus_fails():
    rows = [row | {"interaction test": float(row["noise_ratio"] < 0.45)} for row in limit_rows(0, 0.2)]
    assert Result("agnostic-limit", CLAIMS["agnostic-limit"], "quick", rows).verdict == FAILS


@pytest.mark.parametrize(("modulus", "expected"), [(113, 0.65), (97, 0.64)])
def test_the_agnostic_limit_is_where_signal_and_noise_meet(modulus, expected):
    limit = agnostic_limit(modulus, 0.8)
    assert limit == pytest.approx(expected, abs=0.01)
    assert (1 - limit) * 0.8 * math.sqrt(modulus / 2) == pytest.approx(2.87 * math.sqrt(limit * 0.8))


def test_the_readout_claim_is_the_table_of_analyze():
    run = train(TrainingConfig(modulus=11, width=12, epochs=1, noise_ratio=0.3))
    rows = CLAIMS["readout"].measure(run)
    methods = analyze(run)["methods"]
    assert {row["method"]: row["test"] for row in rows} == {name: method["test"] for name, method in methods.items()}


def ends(changes):
    """Rows of self-training that should hold, but for some: by what relabels -> what changes in the last round."""
    numbers = {
        BY_MASK: (2, 1.0, 0.95), BY_ALL: (2, 0.5, 0.1), BY_RANDOM: (2, 0.5, 0.1), LONG: (0, 0.8, 0.7),
        BLIND: (4, 0.99, 0.95),
    }  # fmt: skip
    with_controls = [
        {"noise_ratio": 0.6, "relabelled_by": by, "round": number, "test": test, "repaired": repaired}
        | (changes.get(by, {}) if number == last else {"test": 0.2})
        for by, (last, test, repaired) in numbers.items() for number in range(last + 1)
    ]
    alone = [row | {"noise_ratio": 0.65, "test": 0.1, "repaired": 0.1} for row in with_controls[:3]]
    return [{"seed": 0} | row for row in (*alone, *with_controls)]


@pytest.mark.parametrize(("changes", "verdict"), [
    ({}, HOLDS), ({BY_MASK: {"test": 0.8}}, FAILS), ({BY_MASK: {"repaired": 0.5}}, FAILS),
    ({BLIND: {"test": 0.5}}, FAILS), ({LONG: {"repaired": 0.9}}, FAILS), ({BY_ALL: {"test": 1.0}}, FAILS),
    ({BY_RANDOM: {"test": 1.0}}, FAILS),
])  # fmt: skip
def test_self_training_is_judged_by_the_last_round_beside_its_controls(changes, verdict):
    assert Result("self-training", CLAIMS["self-training"], "quick", ends(changes)).verdict == verdict


def test_the_share_is_chosen_on_five_percent_of_the_noisy_labels():
    run = train(TrainingConfig(modulus=23, width=40, epochs=5, noise_ratio=0.4, train_fraction=0.76, threads=1))
    seen = []
    with open_analysis(run) as study, pytest.MonkeyPatch.context() as patch:
        patch.setattr("minimod.analysis.masking.agreement", lambda tables, pairs: seen.append(pairs) or agreement(
            tables, pairs
        ))
        by_noisy_labels(study)
    assert {len(pairs) for pairs in seen} == {round(0.76 * 23**2 / 19)}
    held_out = {(a, b): label for a, b, label in zip(*pairs_of(run.dataset.held_out), strict=True)}
    assert all(held_out[a, b] == label for a, b, label in zip(*pairs_of(seen[0]), strict=True))


def pairs_of(pairs):
    return pairs.a.tolist(), pairs.b.tolist(), pairs.label.tolist()


def test_rounds_of_stored_runs_are_kept_and_used_again(tmp_path):
    run = train(TrainingConfig(modulus=11, width=24, epochs=4, noise_ratio=0.4, threads=1), tmp_path / "runs" / "one")
    rows = CLAIMS["self-training"].measure(run)
    assert [row["round"] for row in rows] == [0, 1, 2]
    before = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "rounds").rglob("*.npz"))
    assert len(before) and CLAIMS["self-training"].measure(run) == rows
    assert sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "rounds").rglob("*.npz")) == before
