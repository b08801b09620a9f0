"""That the claims on labels stand and fall with what their rows say."""

import pytest

from minimod import TrainingConfig, train
from minimod.claims import CLAIMS
from minimod.claims.claim import FAILS, HOLDS, Result
from minimod.claims.labels import FIELD, LATIN, MEMORISES, RANDOM, SHOWS


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
    (lambda kind, ratio, predicted: -0.1 if (kind, ratio) == ("wrong", 0.2) else 0.1 * predicted, FAILS),
])  # fmt: skip
def test_who_is_first_is_held_against_the_prediction(lead, verdict):
    assert Result("noise-order", CLAIMS["noise-order"], "quick", order(lead)).verdict == verdict


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


def detectors(**changes):
    """Rows of detectors that hold, but for some: by setting and detector, AUROC at both noise ratios."""
    good = {
        (MEMORISES, "collisions"): 0.95, (MEMORISES, "loss"): 0.4, (MEMORISES, "interaction"): 0.9,
        (SHOWS, "collisions"): 0.8, (SHOWS, "interaction"): 1.0, (SHOWS, "masked readout"): 1.0, (SHOWS, "loss"): 1.0,
        **{(MEMORISES, name): 0.2 for name in FIELD},
    }  # fmt: skip
    changed = {(MEMORISES if setting == "memorises" else SHOWS, name): x
               for setting, numbers in changes.items() for name, x in numbers.items()}  # fmt: skip
    return [
        {"seed": 0, "noise_ratio": ratio, "setting": setting, "detector": name, "AUROC": x, "precision": x}
        for ratio in (0.1, 0.3) for (setting, name), x in (good | changed).items()
    ]


@pytest.mark.parametrize(("changes", "verdict"), [
    ({}, HOLDS), ({"memorises": {"aum": 0.6}}, FAILS), ({"memorises": {"collisions": 0.6}}, FAILS),
    ({"shows": {"masked readout": 0.9}}, FAILS), ({"shows": {"loss": 0.7}}, FAILS),
    ({"memorises": {"loss": 0.7}}, FAILS), ({"memorises": {"interaction": 0.5}}, FAILS),
    ({"shows": {"interaction": 0.5}}, FAILS), ({"shows": {"collisions": 0.95}}, FAILS),
])  # fmt: skip
def test_detectors_are_judged_by_setting(changes, verdict):
    assert Result("detectors", CLAIMS["detectors"], "quick", detectors(**changes)).verdict == verdict


@pytest.mark.parametrize(("change", "verdict"), [
    ({}, HOLDS), ({(0.0, 0.3): {"NC1, clean": 8.0}}, FAILS), ({(0.0, 0.5): {"NC1, clean": 17.0}}, FAILS),
    ({(0.0, 0.1): {"corrupted over clean": 1.0}}, FAILS), ({(0.1, 0.3): {"raw test": 0.4}}, FAILS),
])  # fmt: skip
def test_dilation_is_judged_by_the_networks_of_one_width(change, verdict):
    numbers = {0.0: 7.0, 0.1: 9.0, 0.3: 16.0, 0.5: 32.0}
    rows = [
        {"seed": 0, "label_smoothing": smoothing, "width": width, "noise_ratio": ratio,
         "NC1, clean": nc1 * (1 if width == 512 else 10), "corrupted over clean": 1.1, "raw test": 0.4 + 4 * smoothing}
        | (change.get((smoothing, ratio), {}) if width == 512 else {})
        for smoothing in (0.0, 0.1) for width in (512, 128) for ratio, nc1 in numbers.items()
    ]  # fmt: skip
    assert Result("dilation", CLAIMS["dilation"], "quick", rows).verdict == verdict
