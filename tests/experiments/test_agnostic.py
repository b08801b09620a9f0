import math

import numpy as np
import pytest
from agnostic import CLAIMS, NOISE_CONSTANT, QUADRATIC, RELU, agnostic_limit, fitted_constants, half_points

from minimod import TrainingConfig, analyze, train
from minimod.claims.claim import FAILS, HOLDS, judge


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
    (0.01, 0.2, HOLDS), (0.01, 0.0, FAILS), (-0.1, 0.1, FAILS), (0.1, 0.1, FAILS),
])  # fmt: skip
def test_the_limit_claim_stands_and_falls_with_where_the_curves_fall(distance, shortfall, verdict):
    rows = limit_rows(distance, shortfall)
    assert judge("agnostic-limit", CLAIMS["agnostic-limit"], "quick", rows).verdict == verdict


def test_a_network_that_never_answers_half_of_the_pairs_has_its_half_point_at_the_first_ratio_or_below():
    rows = limit_rows(0.01, 0.6)
    first = agnostic_limit(59, 0.8) - 0.4
    assert half_points([row | {"interaction test": 0.4} for row in rows], RELU)[-1] == pytest.approx(first)
    assert judge("agnostic-limit", CLAIMS["agnostic-limit"], "quick", rows).verdict == HOLDS
    assert math.isnan(half_points([row | {"interaction test": 0.6} for row in rows], RELU)[0])


@pytest.mark.parametrize("constant", [2.2, 2.87, 3.2, 3.8])
def test_the_constant_of_noise_is_fitted_at_the_half_points(constant):
    """Curves that fall at the limit of a constant: 2.2 and 3.8, of the former 2.7 to 4.3, are told apart from 2.87."""
    rows = []
    for modulus in (23, 41, 59):
        q = 2 * constant**2 / (0.8 * modulus)
        limit = 1 + q / 2 - math.sqrt(q + q**2 / 4)
        for ratio in np.arange(0.1, 0.9, 0.01):
            keys = {"seed": 0, "modulus": modulus, "noise_ratio": ratio}
            rows += [keys | {"network": name, "interaction test": float(ratio < limit - less)}
                     for name, less in ((QUADRATIC, 0), (RELU, 0.1))]  # fmt: skip
    assert fitted_constants(rows) * NOISE_CONSTANT == pytest.approx(constant, rel=0.03)
    verdict = judge("agnostic-limit", CLAIMS["agnostic-limit"], "quick", rows).verdict
    assert verdict == (HOLDS if 2.3 < constant < 3.6 else FAILS)


def test_a_limit_that_does_not_grow_with_the_modulus_fails():
    rows = [row | {"interaction test": float(row["noise_ratio"] < 0.45)} for row in limit_rows(0, 0.2)]
    assert judge("agnostic-limit", CLAIMS["agnostic-limit"], "quick", rows).verdict == FAILS


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
