"""Results of a claim that is made up."""

from dataclasses import replace

from minimod.claims import CLAIMS
from minimod.claims.claim import Criterion, Plot, Result
from minimod.claims.criteria import cell


def made_up_claim(*criteria):
    """A claim with these criteria, that draws x."""
    return replace(CLAIMS["tied"], keys=(), criteria=criteria, plot=Plot("x", ("x",)))


def made_up_result(*values, relation="at least", bound=0.5):
    """The result of a claim whose only number has these values, seed by seed."""
    claim = made_up_claim(Criterion("x", cell("x"), relation, bound))
    return Result("made up", claim, "quick", [{"seed": seed, "x": value} for seed, value in enumerate(values)])
