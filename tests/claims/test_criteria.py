import math

import pytest
from claim_cases import made_up_claim

from minimod.claims.claim import Criterion, judge
from minimod.claims.criteria import by_number, cell, furthest, highest, lowest, numbers, select

ROWS = [{"noise_ratio": ratio, "x": x} for ratio, x in ((0.4, 0.8), (0.0, 1.0), (0.2, 0.9), (0.6, 1.0))]


def test_a_method_reaches_as_far_as_it_stays_above_the_level():
    assert furthest("x", 0.9)(ROWS) == 0.2
    assert furthest("x", 1.1)(ROWS) == -math.inf


def test_how_far_a_method_reaches_is_unknown_where_it_was_not_measured():
    assert math.isnan(furthest("x", 0.85)([{"noise_ratio": 0.1, "x": math.nan}, *ROWS]))
    assert furthest("x", 0.95)([{"noise_ratio": 0.3, "x": math.nan}, *ROWS]) == 0.0, "it has broken down before"


def test_no_rows_are_no_break_down():
    with pytest.raises(ValueError, match="no rows with"):
        furthest("x", 0.9, width=7)([row | {"width": 8} for row in ROWS])


def test_numbers_are_made_of_the_rows_with_these_keys():
    assert cell("x", noise_ratio=0.4)(ROWS) == 0.8
    assert (lowest("x")(ROWS), highest("x")(ROWS)) == (0.8, 1.0)
    assert (lowest("x", noise_ratio=0.2)(ROWS), highest("x", noise_ratio=0.2)(ROWS)) == (0.9, 0.9)
    assert cell("x", noise_ratio=(0.0, 0.4))(ROWS) == 1.0 - 0.8
    assert select(ROWS, noise_ratio=0.2) == [ROWS[2]]
    assert [row["x"] for row in by_number(ROWS, "noise_ratio")] == [1.0, 0.9, 0.8, 1.0]


def test_what_was_not_measured_is_no_extreme():
    assert math.isnan(lowest("x")([*ROWS, {"noise_ratio": 0.8, "x": math.nan}]))
    assert math.isnan(highest("x")([*ROWS, {"noise_ratio": 0.8, "x": math.nan}]))


@pytest.mark.parametrize("keys", [{"noise_ratio": 0.5}, {"x": 1.0}], ids=["no row", "two rows"])
def test_a_cell_is_that_of_one_row(keys):
    with pytest.raises(ValueError):
        cell("x", **keys)(ROWS)


def test_numbers_of_a_pair_are_differences():
    rows = [{"x": 3.0, "y": 1.0, "key": key} for key in "ab"]
    assert numbers(rows, ("x", "y")) == [2.0, 2.0]
    assert cell(("x", "y"), key="b")(rows) == 2.0 and cell(("x", "y"), key=("a", "b"))(rows) == 2.0


@pytest.mark.parametrize("value", [
    cell("name"), cell(("name", "x")), lowest("name"), highest("name"), furthest("name", 0.5),
], ids=["cell", "pair", "lowest", "highest", "furthest"])  # fmt: skip
def test_a_name_is_no_number(value):
    """Such rows are refused, whatever the criterion."""
    claim = made_up_claim(Criterion("x", value, "at least", 0.5))
    with pytest.raises((TypeError, ValueError)):
        assert judge("made up", claim, "quick", [{"seed": 0, "x": 1.0, "name": "raw", "noise_ratio": 0.5}]).verdict
