import math
from dataclasses import replace

import pytest

from minimod import train
from minimod.claims import CLAIMS
from minimod.claims.claim import FAILS, HOLDS, Result
from minimod.claims.results import section


@pytest.fixture(scope="module")
def headline():
    """The headline run itself, measured at its end alone, and its result as a claim."""
    run = train(replace(CLAIMS["headline"].configs("quick")[0], eval_every=100))
    rows = [{"seed": 0} | row for row in CLAIMS["headline"].measure(run)]
    return Result("headline", CLAIMS["headline"], "quick", rows)


def test_the_headline_holds(headline):
    assert headline.verdict == HOLDS, section(headline)


def test_the_headline_beats_its_controls(headline):
    tests = {row["method"]: row["test"] for row in headline.rows}
    repaired = {row["method"]: row["repaired"] for row in headline.rows}
    assert repaired["dominant"] > 0.99
    assert tests["dominant"] > tests["random frequency"] + 0.3
    assert tests["interaction"] < 0.05, "no method without the coordinates gets there"


@pytest.mark.parametrize(("epochs", "verdict"), [
    ((20, 20, math.inf), FAILS), ((math.inf, 20, 20), FAILS), ((20, 20, 20), HOLDS),
])
def test_what_was_never_reached_fails_wherever_it_stands(epochs, verdict):
    rows = [
        {"seed": 0, "noise_ratio": ratio, "dominant test 99 %": epoch, "training 99 %": 50, "raw test at the end": 0.0}
        for ratio, epoch in zip((0.1, 0.3, 0.8), epochs, strict=True)
    ]
    assert Result("structure", CLAIMS["structure-before-output"], "quick", rows).verdict == verdict
