"""Results of a claim that is made up."""

from dataclasses import replace

from minimod.claims import CLAIMS
from minimod.claims.claim import Criterion, Result
from minimod.claims.criteria import cell


def made_up_claim(*criteria):
    """A claim with these criteria."""
    return replace(CLAIMS["tied"], keys=(), criteria=criteria)


def made_up_result(*values, relation="at least", bound=0.5):
    """The result of a claim whose only number has these values, seed by seed."""
    claim = made_up_claim(Criterion("x", cell("x"), relation, bound))
    return Result("made up", claim, "quick", [{"seed": seed, "x": value} for seed, value in enumerate(values)])
