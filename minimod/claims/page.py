"""The page of all claims: verdicts at a glance, criteria with bounds and seeds, and figures that answer to a hand."""

from collections import Counter
from pathlib import Path

from minimod.claims.chart import chart_of
from minimod.claims.claim import Result
from minimod.claims.results import number
from minimod.report.page import write_page
from minimod.report.plot import plot

MARKS = {"holds": "✓", "does not hold": "✗", "inconclusive": "?"}


def write_claims_page(path: Path, stored: list[Result]) -> None:
    """The page of the claims whose rows are stored."""
    claims = {f"{each.name}-{each.scale}": each for each in stored}
    plots = {name: plot(chart_of(each), name) for name, each in claims.items()}
    verdicts = Counter(each.verdict for each in stored)
    write_page(path, "claims.html", plots, claims=claims, verdicts=verdicts, marks=MARKS, number=number)
