import numpy as np
import pytest
from scipy.stats import spearmanr

from minimod.claims import CLAIMS
from minimod.claims.claim import FAILS, HOLDS, judge
from minimod.claims.features import ADAM, ADAMW, WIDE, rank_correlation

WHOLE = {"raw noisy": 1.0, "raw test": 0.4, "dominant test": 0.99}
# By setting, width and score: the subnetwork's test, its filtered test, γ_G + γ_R.
PARTITIONS = {
    (ADAM, 512, "strength"): (0.6, 0.9, 1.2), (ADAM, 512, "random"): (0.4, 0.99, 1.7),
    (WIDE, 2048, "strength"): (0.8, 1.0, 0.9), (WIDE, 2048, "random"): (0.6, 1.0, 1.5),
    (ADAMW, 512, "strength"): (0.4, 0.99, 1.6), (ADAMW, 512, "random"): (0.4, 0.99, 1.6),
}  # fmt: skip


def partition_result(**changes):
    """The result of numbers that should hold, but for one row: (setting, width, score) and what changes."""
    return judge("partition", CLAIMS["partition"], "quick", [
        {
            "seed": 0, "setting": setting, "width": width, "score": score, "subnetwork test": test,
            "filtered subnetwork test": filtered, "γ_G + γ_R": total,
        } | WHOLE | (changes["to"] if changes and (setting, width, score) == changes["row"] else {})
        for (setting, width, score), (test, filtered, total) in PARTITIONS.items()
    ])  # fmt: skip


def test_made_up_partitions_that_should_hold_hold():
    assert partition_result().verdict == HOLDS


@pytest.mark.parametrize(("row", "to"), [
    ((ADAM, 512, "strength"), {"subnetwork test": 0.45}), ((ADAM, 512, "random"), {"subnetwork test": 0.55}),
    ((ADAM, 512, "strength"), {"subnetwork test": 0.85}), ((ADAM, 512, "strength"), {"filtered subnetwork test": 1.0}),
    ((WIDE, 2048, "strength"), {"γ_G + γ_R": 1.05}), ((ADAMW, 512, "strength"), {"subnetwork test": 0.5}),
])  # fmt: skip
def test_made_up_partitions_that_should_fail_the_claim_fail_it(row, to):
    assert partition_result(row=row, to=to).verdict == FAILS


def test_the_rank_correlation_is_spearmans():
    generator = np.random.default_rng(0)
    x = generator.standard_normal(50)
    y = x + generator.standard_normal(50)
    ties = generator.integers(0, 3, 50)
    for first, second in ((x, y), (x, ties), (ties, -ties // 2)):
        assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second)[0])
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1) and rank_correlation(x, -(x**3)) == pytest.approx(-1)
