"""That the claim on detectors stands and falls with what its rows say."""

import pytest
from detectors import CLAIMS, FIELD, MEMORISES, SHOWS

from minimod.claims.claim import FAILS, HOLDS, judge


def rows_of(**changes):
    """Rows of detectors that hold, but for some: by setting and detector, AUROC at both noise ratios."""
    good = {
        (MEMORISES, "collisions"): 0.95, (MEMORISES, "loss"): 0.4, (MEMORISES, "interaction"): 0.9,
        (SHOWS, "collisions"): 0.8, (SHOWS, "interaction"): 1.0, (SHOWS, "masked readout"): 1.0, (SHOWS, "loss"): 1.0,
        **{(MEMORISES, name): 0.2 for name in FIELD},
        **{(MEMORISES, name): 0.5 for name in ("forgetting", "held-out folds")},
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
    assert judge("detectors", CLAIMS["detectors"], "quick", rows_of(**changes)).verdict == verdict
