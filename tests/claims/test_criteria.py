import math

import pytest

from minimod.claims.criteria import at, by_number, cell, furthest, highest, lowest, number_in, select

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
        at(ROWS, "x", **keys)


def test_a_name_is_no_number():
    with pytest.raises(TypeError, match="method is raw, which is no number"):
        number_in({"method": "raw"}, "method")
