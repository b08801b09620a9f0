"""That the claim on which labels come first stands and falls with what its rows say."""

import pytest
from noise_order import CLAIMS, LATIN, RANDOM

from minimod import TrainingConfig, train
from minimod.claims.claim import FAILS, HOLDS, judge


def order(lead):
    """Rows of noise-order, whose leads are made by a function of kind, ratio and the predicted lead."""
    rows = []
    for kind in (*RANDOM, *LATIN):
        for rule in ("add", "sub"):
            for ratio in (0.2, 0.5, 0.7):
                predicted = 2 * (1 - ratio) if kind in RANDOM else 2 * (1 - 2 * ratio)
                names = {"noise_kind": kind, "rule": rule, "noise_ratio": ratio, "predicted lead": predicted}
                rows.append({"seed": 0} | names | {"measured lead": lead(kind, ratio, predicted)})
    return rows


@pytest.mark.parametrize(("lead", "verdict"), [
    (lambda kind, ratio, predicted: 0.1 * predicted, HOLDS),
    (lambda kind, ratio, predicted: 0.1 * predicted + (0.3 if predicted == 0 else 0), HOLDS),
    (lambda kind, ratio, predicted: 0.1, FAILS), (lambda kind, ratio, predicted: -0.1 * predicted, FAILS),
    (lambda kind, ratio, predicted: 0.1 if kind in RANDOM else -0.1, FAILS),
    (lambda kind, ratio, predicted: -0.1 if (kind, ratio) == ("wrong", 0.2) else 0.1 * predicted, FAILS),
])  # fmt: skip
def test_who_is_first_is_held_against_the_prediction(lead, verdict):
    assert judge("noise-order", CLAIMS["noise-order"], "quick", order(lead)).verdict == verdict


@pytest.mark.parametrize(("kind", "expected"), [
    ("wrong", 2 * (0.8 - 0.2 / 30)), ("uniform", 2 * 0.8 * (1 - 1 / 31)), ("bijective", 2 * 0.6), ("pair", 2 * 0.6),
])  # fmt: skip
def test_the_predicted_lead_is_the_formula(kind, expected):
    """2 [(1 - α) - α / (P - 1)] for wrong labels, 2 (1 - α)(1 - 1/P) for uniform, 2 (1 - 2 α) for Latin squares."""
    leads = []
    for seed in range(20):
        config = TrainingConfig(modulus=31, noise_ratio=0.2, noise_kind=kind, width=2, epochs=1, seed=seed)
        leads += [row["predicted lead"] for row in CLAIMS["noise-order"].measure(train(config))]
    assert sum(leads) / 20 == pytest.approx(expected, abs=0.04)
