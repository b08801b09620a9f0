import pytest

from minimod import TrainingConfig, analyze, train
from minimod.claims import CLAIMS
from minimod.claims.claim import FAILS, HOLDS, judge
from minimod.claims.variations import TOKENS

TIED = {
    "untied, wrong noise": (1.0, 1.0), "untied, symmetric noise": (1.0, 1.0),
    "tied, wrong noise": (0.5, 1.0), "tied, symmetric noise": (1.0, 1.0),
}  # fmt: skip


def tied_result(**changes):
    """The result of numbers that should hold, but for some: network -> what changes."""
    return judge("tied", CLAIMS["tied"], "quick", [
        {"seed": 0, "network": name, "raw noisy": noisy, "dominant test": test} | changes.get(name, {})
        for name, (noisy, test) in TIED.items()
    ])  # fmt: skip


def test_made_up_numbers_that_should_hold_hold():
    assert tied_result().verdict == HOLDS


@pytest.mark.parametrize(("network", "column", "value"), [
    ("tied, wrong noise", "raw noisy", 0.9), ("tied, symmetric noise", "raw noisy", 0.9),
    ("untied, wrong noise", "raw noisy", 0.9), ("tied, symmetric noise", "dominant test", 0.5),
])  # fmt: skip
def test_made_up_numbers_that_should_fail_a_claim_fail_it(network, column, value):
    assert tied_result(**{network: {column: value}}).verdict == FAILS


def test_the_rows_of_rules_are_those_of_analyze_and_of_token_coordinates():
    run = train(TrainingConfig(rule="mul", modulus=11, width=40, epochs=3, noise_ratio=0.3, threads=1))
    rows = {row["score"]: row for row in CLAIMS["rules"].measure(run)}
    methods = analyze(run)["methods"]
    for score, row in rows.items():
        if score != TOKENS:
            assert row["subnetwork test"] == methods[f"{score} subnetwork"]["test"]
        assert row["dominant test"] == methods["dominant"]["test"]
    assert rows["strength"]["rank correlation with Strength"] == 1
    assert rows[TOKENS]["rank correlation with Strength"] != rows["ipr"]["rank correlation with Strength"]
