"""The page of all claims: a table of verdicts, criteria with bounds and seeds, and interactive figures."""

from collections import Counter
from pathlib import Path

from minimod.claims.chart import chart_of
from minimod.claims.claim import SCALES, Result
from minimod.claims.results import number
from minimod.report.page import write_page
from minimod.report.plot import plot

MARKS = {"holds": "✓", "does not hold": "✗", "inconclusive": "?"}


def write_claims_page(path: Path, stored: list[Result]) -> None:
    """Write the page of these stored results. Results of one claim at two scales are shown as one claim."""
    parts: dict[str, dict[str, dict[str, Result]]] = {"the paper": {}, "beyond the paper": {}}
    for each in stored:
        part = parts["the paper" if each.argument == each.name else "beyond the paper"]
        part.setdefault(each.name, {})[each.scale] = each
    plots = {(name := f"{each.name}-{each.scale}"): plot(chart_of(each), name) for each in stored}
    counts = {scale: verdicts for scale in SCALES
              if (verdicts := Counter(each.verdict for each in stored if each.scale == scale))}
    write_page(
        path, "claims.html", plots, parts=parts, counts=counts, marks=MARKS, number=number,
        n_claims=sum(map(len, parts.values())), columns=["claim", "what it says", *counts, "part", "measured"],
    )
