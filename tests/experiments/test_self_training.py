"""That self-training is judged beside its controls, and what relabels."""

import pytest
from self_training import BLIND, BY_ALL, BY_MASK, BY_RANDOM, CLAIMS, LONG, NARROW, WIDE, by_noisy_labels

from minimod import TrainingConfig, train
from minimod.analysis.analysis import Analysis
from minimod.analysis.masking import agreement
from minimod.claims.claim import FAILS, HOLDS, judge


def rows(ends):
    """Rows of rounds: by what relabels -> what comes out of the last one, its number first; .2 before."""
    return [
        {"seed": 0, "noise_ratio": 0.45, "relabelled_by": by, "round": number}
        | ({"test": test, "repaired": repaired} if number == last else {"test": 0.2, "repaired": 0.1})
        for by, (last, test, repaired) in ends.items() for number in range(last + 1)
    ]


@pytest.mark.parametrize(("changes", "verdict"), [
    ({}, HOLDS), ({BY_MASK: (2, 0.8, 0.95)}, FAILS), ({BY_MASK: (2, 1.0, 0.5)}, FAILS), ({BLIND: (4, 0.5, 0.9)}, FAILS),
])  # fmt: skip
def test_self_training_is_judged_by_the_last_round(changes, verdict):
    ends = {BY_MASK: (2, 1.0, 0.95), BLIND: (4, 0.99, 0.95)} | changes
    assert judge("self-training", CLAIMS["self-training"], "quick", rows(ends)).verdict == verdict


@pytest.mark.parametrize(("changes", "verdict"), [
    ({}, HOLDS), ({LONG: (0, 0.9, 0.84)}, HOLDS), ({LONG: (0, 0.9, 0.88)}, FAILS), ({LONG: (0, 0.96, 0.7)}, FAILS),
    ({BY_MASK: (2, 1.0, 0.84)}, FAILS),
    ({BY_ALL: (2, 1.0, 0.1)}, FAILS), ({BY_RANDOM: (2, 1.0, 0.1)}, FAILS),
])  # fmt: skip
def test_self_training_does_better_than_its_controls(changes, verdict):
    ends = {BY_MASK: (2, 1.0, 0.95), BY_ALL: (2, 0.5, 0.1), BY_RANDOM: (2, 0.5, 0.1), LONG: (0, 0.8, 0.7)} | changes
    result = judge("self-training-controls", CLAIMS["self-training-controls"], "quick", rows(ends))
    assert result.verdict == verdict


@pytest.mark.parametrize(("changes", "verdict"), [
    ({}, HOLDS), ({WIDE: (2, 0.7, 0.9)}, FAILS), ({WIDE: (2, 1.0, 0.7)}, FAILS), ({NARROW: (4, 0.9, 0.9)}, FAILS),
])  # fmt: skip
def test_a_wide_first_network_does_better_at_the_same_cost(changes, verdict):
    ends = rows({WIDE: (2, 1.0, 0.9), NARROW: (4, 0.2, 0.1)} | changes)
    for row in ends:
        row["test"] += 0.4 * (row["relabelled_by"] == WIDE and row["round"] == 0)
    assert judge("self-training-width", CLAIMS["self-training-width"], "quick", ends).verdict == verdict


def test_the_share_is_chosen_on_five_percent_of_the_noisy_labels():
    run = train(TrainingConfig(modulus=23, width=40, epochs=5, noise_ratio=0.4, train_fraction=0.76, threads=1))
    seen = []
    with Analysis(run) as study, pytest.MonkeyPatch.context() as patch:
        patch.setattr("minimod.analysis.masking.agreement", lambda tables, pairs: seen.append(pairs) or agreement(
            tables, pairs
        ))
        by_noisy_labels(study)
    assert {len(pairs) for pairs in seen} == {round(0.76 * 23**2 / 19)}
    held_out = {(a, b): label for a, b, label in zip(*pairs_of(run.dataset.noisy_validation), strict=True)}
    assert all(held_out[a, b] == label for a, b, label in zip(*pairs_of(seen[0]), strict=True))


def pairs_of(pairs):
    return pairs.a.tolist(), pairs.b.tolist(), pairs.label.tolist()


def test_rounds_of_stored_runs_are_kept_and_used_again(tmp_path):
    run = train(TrainingConfig(modulus=11, width=24, epochs=4, noise_ratio=0.4, threads=1), tmp_path / "runs" / "one")
    rows = CLAIMS["self-training-controls"].measure(run)
    assert [row["round"] for row in rows] == [0, 1, 2]
    before = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "rounds").rglob("*.npz"))
    assert len(before) and CLAIMS["self-training-controls"].measure(run) == rows
    assert sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "rounds").rglob("*.npz")) == before
