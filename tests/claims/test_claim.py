import math

import pytest
from claim_cases import made_up_claim, made_up_result

from minimod.claims.claim import FAILS, HOLDS, INCONCLUSIVE, Criterion, Judged, judge
from minimod.claims.criteria import cell, note
from minimod.claims.results import section


@pytest.mark.parametrize(("relation", "value", "met"), [
    ("at least", 0.5, True), ("at least", 0.499, False), ("at least", math.inf, True), ("at least", -math.inf, False),
    ("at most", 0.5, True), ("at most", 0.501, False), ("at most", math.inf, False), ("at most", -math.inf, True),
    ("at least", math.nan, None), ("at most", math.nan, None), ("noted", 0.0, True), ("noted", math.nan, True),
])  # fmt: skip
def test_the_bound_itself_is_allowed_and_what_was_not_measured_is_neither(relation, value, met):
    assert Judged("x", relation, 0.5, [value]).met == [met]


@pytest.mark.parametrize(("relation", "values", "verdict"), [
    ("at least", (0.5, 0.9), HOLDS), ("at least", (0.4, 0.499), FAILS), ("at least", (0.4, 0.6), INCONCLUSIVE),
    ("at most", (0.5, 0.1), HOLDS), ("at most", (0.501, 0.9), FAILS), ("at most", (0.4, 0.6), INCONCLUSIVE),
    ("at least", (0.9, math.nan), INCONCLUSIVE), ("at least", (0.1, math.nan), INCONCLUSIVE),
    ("at most", (math.nan,), INCONCLUSIVE),
])  # fmt: skip
def test_a_verdict_needs_all_seeds_either_way(relation, values, verdict):
    assert made_up_result(*values, relation=relation).verdict == verdict


def test_a_claim_falls_with_one_criterion():
    claim = made_up_claim(*(Criterion(name, cell(name), "at least", 0.5) for name in "xy"))
    rows = [{"seed": seed, "x": 1.0, "y": 1.0} for seed in range(2)]
    assert judge("both", claim, "quick", rows).verdict == HOLDS
    rows = [row | {"y": 0.0} for row in rows]
    assert judge("both", claim, "quick", rows).verdict == FAILS


def test_a_noted_number_decides_nothing():
    for value in (0.0, 1e9, math.nan):
        noted = judge("noted", made_up_claim(note("x", cell("x"))), "quick", [{"seed": 0, "x": value}])
        assert noted.verdict == HOLDS and "noted" in section(noted)


def test_a_number_is_made_once_a_seed_whoever_asks():
    asked = []

    def value(rows):
        asked.append(rows[0]["seed"])
        return rows[0]["x"]

    claim = made_up_claim(Criterion("x", value, "at least", 0.5))
    result = judge("asked", claim, "quick", [{"seed": seed, "x": 1.0} for seed in range(3)])
    assert (result.verdict, result.verdict, result.criteria[0].values) == (HOLDS, HOLDS, [1.0] * 3)
    result.plain()
    section(result)
    assert asked == [0, 1, 2]
