import math

import pytest
from dilation import CLAIMS, FEWER, HALF, RIGHT, SOME, WIDTHS, fall

from minimod import train
from minimod.claims.claim import FAILS, HOLDS, INCONCLUSIVE, judge
from minimod.claims.settings import setting

COURSE = CLAIMS["dilation-course"]


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


def course_rows(change):
    """Rows of dilation-course as it holds, four epochs a network; change: (labels, width, column) -> other values."""
    networks = [(HALF, 512), *((SOME, width) for width in WIDTHS), (RIGHT, 512), (FEWER, 512)]
    columns = {
        "1/NC1, clean": [-0.01, 0.01, 0.02, 0.06], "1/NC1, as few clean": [-0.01, 0.01, 0.02, 0.05],
        "1/NC1, corrupted": [0.0, 0.045, 0.03, 0.05], "1/NC1, test": [-0.01, 0.01, 0.02, 0.05],
        "raw noisy": [0.0, 0.5, 1.0, 1.0],
    }  # fmt: skip
    right = {"1/NC1, clean": [-0.01, 0.02, 0.06, 0.13], "1/NC1, corrupted": [math.nan] * 4, "raw noisy": [math.nan] * 4}
    rows = []
    for labels, width in networks:
        of = columns | (right if labels in (RIGHT, FEWER) else {})
        of = {name: change.get((labels, width, name), values) for name, values in of.items()}
        for i, epoch in enumerate((0, 23, 64, 480)):
            rows.append({"seed": 0, "labels": labels, "width": width, "epoch": epoch}
                        | {name: values[i] for name, values in of.items()})
    return rows


@pytest.mark.parametrize(("change", "verdict"), [
    ({}, HOLDS),
    *[({(labels, width, "1/NC1, corrupted"): [0.0, 0.03, 0.03, 0.05]}, FAILS)
      for labels, width in ((HALF, 512), *((SOME, width) for width in WIDTHS))],
    ({(SOME, 128, "1/NC1, as few clean"): [0.0, 0.04, 0.03, 0.05]}, FAILS),
    ({(SOME, 2048, "1/NC1, test"): [0.0, 0.04, 0.06, 0.05]}, FAILS),
    ({(SOME, 512, "1/NC1, clean"): [0.0, 0.01, 0.02, 0.12]}, FAILS),
    ({(FEWER, 512, "1/NC1, clean"): [0.0, 0.01, 0.02, 0.11]}, FAILS),
    ({(SOME, 128, "raw noisy"): [0.0, 0.1, 0.2, 0.5]}, INCONCLUSIVE),
])  # fmt: skip
def test_dilation_along_training_is_judged_network_by_network(change, verdict):
    assert judge("dilation-course", COURSE, "quick", course_rows(change)).verdict == verdict


@pytest.mark.parametrize(("values", "factor"), [
    ([-1.0, 0.5, 1.0], 1.0), ([0.2, 0.8, 0.4, 0.6], 2.0), ([0.5, -1.0, 0.25], 2.0), ([3.0, -1.0, 1.0, 2.0], 3.0),
])  # fmt: skip
def test_the_largest_fall_looks_at_every_later_value(values, factor):
    assert fall(values) == factor
    assert math.isnan(fall([-1.0, 0.0]))


def test_the_course_is_that_of_the_snapshots(tmp_path):
    config = setting(modulus=13, width=24, epochs=8, noise_ratio=0.3, snapshots="log", threads=1)
    run = train(config, tmp_path / "run")
    rows = COURSE.measure(run)
    assert [row["epoch"] for row in rows] == [*run.snapshots]
    assert rows[-1]["raw noisy"] == run.history["noisy_accuracy"][-1]
    assert all(math.isfinite(row["1/NC1, corrupted"]) for row in rows)
