"""The paper's claims, and the names that a file with other claims needs. A claim is an experiment with a verdict."""

from minimod.claims import coexistence, features, variations
from minimod.claims.claim import Claim, Criterion, Number, Plot, Row
from minimod.claims.criteria import by_number, cell, furthest, highest, least, lowest, most, note, numbers, select
from minimod.claims.settings import CLEAN, FROZEN, L2, all_of, method_rows, read, reading, runs, setting

__all__ = [
    "CLAIMS", "CLEAN", "FROZEN", "L2", "Claim", "Criterion", "Number", "Plot", "Row", "all_of", "by_number", "cell",
    "furthest", "highest", "least", "lowest", "method_rows", "most", "note", "numbers", "read",
    "reading", "runs", "select", "setting",
]

CLAIMS: dict[str, Claim] = coexistence.CLAIMS | features.CLAIMS | variations.CLAIMS
