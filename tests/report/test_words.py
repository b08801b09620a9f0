import pytest

from minimod.analysis.rows import ROWS
from minimod.report.words import in_words, row_in_words


def test_every_row_has_words_of_its_own():
    said = {name: row_in_words(name) for name in ROWS}
    assert len(set(said.values())) == len(ROWS)
    assert all("_" not in text and "+" not in text for text in said.values())


@pytest.mark.parametrize(("column", "text"), [
    ("raw noisy", "wrong training labels, by the network itself"),
    ("dominant+quadratic test", "test pairs, by the filtered network, quadratic activation"),
    ("norm_flatness+interaction, noisy repaired",
     "wrong labels repaired, by the interactions of the top neurons by norm flatness, chosen on noisy labels"),
    ("untrained dominant clean", "right training labels, by the filtered network before training"),
    ("random subnetwork", "random neurons"), ("test", "test pairs"), ("share_cut", "share cut"),
])  # fmt: skip
def test_a_column_in_plain_words(column, text):
    assert in_words(column) == text
