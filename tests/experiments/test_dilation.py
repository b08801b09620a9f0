import pytest
from dilation import CLAIMS

from minimod.claims.claim import FAILS, HOLDS, judge


@pytest.mark.parametrize(("change", "verdict"), [
    ({}, HOLDS), ({(0.0, 0.3): {"NC1, clean": 8.0}}, FAILS), ({(0.0, 0.5): {"NC1, clean": 17.0}}, FAILS),
    ({(0.0, 0.1): {"corrupted over clean": 1.0}}, FAILS), ({(0.1, 0.3): {"raw test": 0.4}}, FAILS),
    ({(0.1, 0.3): {"raw test": 0.592}}, FAILS),
])  # fmt: skip
def test_dilation_is_judged_by_the_networks_of_one_width(change, verdict):
    numbers = {0.0: 7.0, 0.1: 9.0, 0.3: 16.0, 0.5: 32.0}
    rows = [
        {"seed": 0, "label_smoothing": smoothing, "width": width, "noise_ratio": ratio,
         "NC1, clean": nc1 * (1 if width == 512 else 10), "corrupted over clean": 1.1, "raw test": 0.4 + 4 * smoothing}
        | (change.get((smoothing, ratio), {}) if width == 512 else {})
        for smoothing in (0.0, 0.1) for width in (512, 128) for ratio, nc1 in numbers.items()
    ]  # fmt: skip
    assert judge("dilation", CLAIMS["dilation"], "quick", rows).verdict == verdict
