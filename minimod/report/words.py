"""Rows and measures of `analyze` in plain words, for readers of a chart who have not read the README."""

import re

from minimod.analysis.rows import RANDOM, ROWS
from minimod.report.style import words

MEASURE_WORDS = {
    "clean": "right training labels", "noisy": "wrong training labels", "repaired": "wrong labels repaired",
    "validation": "validation pairs", "test": "test pairs",
}

# The first part of a row's name, before + and after "untrained " -> its words.
ROW_WORDS = {
    "raw": "the network itself", "untrained": "the network before training",
    "interaction": "the interaction readout", "ensemble interaction": "the interactions of several networks",
    "dominant": "the filtered network", "residual": "what the filter removes",
    "rank one": "its best rank-one parts", "random rank one": "random rank-one parts",
    "ideal": "its ideal fit", "random frequency": "a random frequency per neuron", "rule": "the rule itself",
}


def row_in_words(name: str) -> str:
    """The words for a row, as "the filtered network, quadratic activation"."""
    if found := re.fullmatch(r"(\w+)( subnetwork|\+interaction)(, noisy)?", name):
        neurons = "random neurons" if found[1] == RANDOM else f"the top neurons by {words(found[1])}"
        readout = "" if "subnetwork" in name else "the interactions of "
        return f"{readout}{neurons}{', chosen on noisy labels' if found[3] else ''}"
    row, _, activation = name.partition("+")
    before = " before training" if row.startswith("untrained ") else ""
    swap = f", {words(activation).replace('relu', 'ReLU')} activation" if activation else ""
    return ROW_WORDS[row.removeprefix("untrained ")] + before + swap


def in_words(column: str) -> str:
    """A row, a measure, or the measure of a row, in plain words. Other names only lose their underscores."""
    row, _, measure = column.rpartition(" ")
    if row in ROWS and measure in MEASURE_WORDS:
        return f"{MEASURE_WORDS[measure]}, by {row_in_words(row)}"
    return MEASURE_WORDS.get(column) or (row_in_words(column) if column in ROWS else words(column))
