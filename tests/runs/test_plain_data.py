"""Numbers as JSON has them."""

import math

import numpy as np
import pytest

from minimod.runs.files import plain_data, save_json


@pytest.mark.parametrize("value", [
    math.nan, math.inf, -math.inf, np.float64(math.nan), np.float32(math.inf), np.array(math.nan),
], ids=repr)
def test_what_is_not_finite_is_none(value):
    assert plain_data(value) is None


@pytest.mark.parametrize(("array", "expected"), [
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]), (np.array([True, False]), [True, False]),
    (np.array([1 / 3, 2 / 3]), [1 / 3, 2 / 3]), (np.array([0.5, math.nan, -math.inf]), [0.5, None, None]),
    (np.empty((2, 0)), [[], []]), (np.float64(1 / 3), 1 / 3), (np.int64(7), 7),
], ids=str)
def test_arrays_are_lists_of_pythons_own_numbers(array, expected):
    plain = plain_data(array)
    assert plain == expected and repr(plain) == repr(expected)


@pytest.mark.parametrize(("value", "expected"), [
    (0.052, 0.052), (1 / 3, 0.333333), (-2 / 3, -0.666667), (123456.7, 123457.0), (1234567.0, 1234570.0), (0, 0.0),
    (1e-30, 1e-30), (999999.5, 1e6), (math.nan, None),
])
def test_float32_has_six_digits(value, expected):
    assert plain_data(np.float32(value)) == plain_data(np.array([value], np.float32))[0] == expected


def test_all_of_this_is_so_in_whatever_it_lies():
    nested = {"a": [{"b": (np.float32(0.1), math.nan)}, np.array([math.inf, 1.0])], "c": {"d": None, "e": "text"}}
    assert plain_data(nested) == {"a": [{"b": [0.1, None]}, [None, 1.0]], "c": {"d": None, "e": "text"}}


def test_the_file_has_null(tmp_path):
    save_json(tmp_path / "data.json", {"x": np.array([math.nan, 1.0]), "y": -math.inf})
    assert (tmp_path / "data.json").read_text() == '{"x": [null, 1.0], "y": null}\n'
