import json
import math
from dataclasses import replace

import pytest

from minimod import train
from minimod.claims import CLAIMS
from minimod.claims.claim import FAILS, HOLDS, INCONCLUSIVE, judge
from minimod.claims.coexistence import GENTLE
from minimod.claims.results import section


@pytest.fixture(scope="module")
def headline(once):
    """The headline run and its control without noise, measured at their ends alone, and their result as a claim."""
    def make(directory):
        runs = [train(replace(config, eval_every=100)) for config in CLAIMS["headline"].configs("quick")]
        rows = [{"seed": 0} | row for run in runs for row in CLAIMS["headline"].measure(run)]
        (directory / "rows.json").write_text(json.dumps(rows))

    rows = json.loads((once("headline", make) / "rows.json").read_text())
    return judge("headline", CLAIMS["headline"], "quick", rows)


def test_the_headline_holds(headline):
    assert headline.verdict == HOLDS, section(headline)


def test_the_headline_beats_its_controls(headline):
    tests = {(row["noise_ratio"], row["method"]): row["test"] for row in headline.rows}
    assert tests[0.8, "dominant"] > tests[0.8, "random frequency"] + 0.3
    assert tests[0.0, "dominant+quadratic"] > tests[0.0, "random frequency+quadratic"] + 0.3
    assert tests[0.8, "interaction"] < 0.05, "no method without the coordinates gets there"
    assert max(test for (_, name), test in tests.items() if name.startswith("untrained") and "ideal" not in name) < 0.05


@pytest.mark.parametrize(("epochs", "fitted", "verdict"), [
    ((20, math.inf), 50, FAILS), ((math.inf, 20), 50, FAILS), ((20, 20), 50, HOLDS),
    ((20, 20), math.inf, INCONCLUSIVE),
])  # fmt: skip
def test_what_was_never_reached_fails_wherever_it_stands_and_what_was_never_fitted_tells_nothing(
    epochs, fitted, verdict
):
    rows = [
        {
            "seed": 0, "noise_ratio": ratio, "network": network, "dominant test 99 %": epoch, "training 99 %": fitted,
            "raw test at the end": float((network, ratio) == ("trained", 0.1)),
        }
        for network in ("trained", "frozen") for ratio, epoch in zip((0.1, 0.8), epochs, strict=True)
    ]
    assert judge("structure", CLAIMS["structure-before-output"], "quick", rows).verdict == verdict


def noise_first(*epochs):
    """The result of the claim noise-first whose 24 settings have these epochs, (clean, noisy), first of all AdamW's."""
    settings = [
        (optimizer, width, ratio) for optimizer in GENTLE for width in (256, 512) for ratio in (0.1, 0.3, 0.5)
    ]
    rows = [
        {"seed": 0, "optimizer": optimizer, "width": width, "noise_ratio": ratio, "clean 50 %": c, "noisy 50 %": n}
        for (optimizer, width, ratio), (c, n) in zip(settings, epochs, strict=True)
    ]
    return judge("noise-first", CLAIMS["noise-first"], "quick", rows)


NOISY, NOISY_ALONE, CLEAN, NEITHER = (50, 20), (math.inf, 20), (20, 50), (math.inf, math.inf)


@pytest.mark.parametrize(("epochs", "verdict"), [
    ([NOISY] * 20 + [NOISY_ALONE] * 4, HOLDS), ([NOISY] * 23 + [CLEAN], HOLDS), ([NOISY] * 22 + [CLEAN] * 2, FAILS),
    ([CLEAN] + [NOISY] * 23, FAILS), ([NOISY] * 20 + [NEITHER] * 4, HOLDS),
    ([NOISY] * 19 + [NEITHER] * 5, INCONCLUSIVE), ([NEITHER] * 24, INCONCLUSIVE),
    ([NEITHER] * 6 + [NOISY] * 18, INCONCLUSIVE), ([NEITHER] * 3 + [NOISY] * 21, INCONCLUSIVE),
])  # fmt: skip
def test_settings_in_which_neither_kind_is_fitted_decide_nothing(epochs, verdict):
    assert noise_first(*epochs).verdict == verdict


def test_the_settings_that_tell_are_counted():
    assert noise_first(*[NOISY] * 10, *[NEITHER] * 14).criteria[-1].values == [10]
