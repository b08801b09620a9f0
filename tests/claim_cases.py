"""All claims, by their arguments of `minimod reproduce`, and results of a made-up claim."""

from dataclasses import replace
from pathlib import Path

from minimod.claims import CLAIMS
from minimod.claims.claim import Criterion, Plot, judge
from minimod.claims.criteria import cell
from minimod.claims.named import load_claims

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "experiments").glob("*.py"))
EXPERIMENTS = {
    f"experiments/{path.name}::{name}": claim for path in FILES for name, claim in load_claims(str(path)).items()
}
ALL_CLAIMS = CLAIMS | EXPERIMENTS


def made_up_claim(*criteria):
    """A claim with these criteria. Its plot shows the column x."""
    return replace(CLAIMS["tied"], keys=(), criteria=criteria, plot=Plot("x", ("x",)))


def made_up_result(*values, argument="made up", scale="quick", relation="at least", bound=0.5, **measured):
    """The result of a claim with one criterion, on x. The values are x for seed 0, seed 1 and so on."""
    claim = made_up_claim(Criterion("x", cell("x"), relation, bound))
    rows = [{"seed": seed, "x": value} for seed, value in enumerate(values)]
    return judge(argument, claim, scale, rows, **measured)
