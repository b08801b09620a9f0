import pytest

from minimod.claims import CLAIMS
from minimod.claims.claim import FAILS, HOLDS, judge

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
