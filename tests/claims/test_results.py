import json
import math

from claim_cases import made_up_result

from minimod.claims.results import number, page, spread, table


def test_numbers_are_written_as_people_read_them():
    assert [number(x) for x in (0.5, 1.0, 0.0, 113, 5.0, math.nan, math.inf, "relu")] == [
        "0.500", "1.000", "0.000", "113", "5", "-", "never", "relu",
    ]  # fmt: skip
    assert spread([5, 7, math.inf]) == "never (5 to never)"
    assert spread([5, 7, math.nan]) == spread([math.nan, 5, 7]) == "-"
    assert spread([0.5, 0.7]) == "0.600 (0.500 to 0.700)"
    assert spread([0.5, 0.5]) == "0.500"
    assert spread(["a", "b", "a"]) == "a / b"


def test_a_table_has_columns_of_one_width():
    lines = table([["name", "x"], ["long name", "1"], ["b", "0.25"]]).splitlines()
    assert lines[1] == "|-----------|-----:|"
    assert lines[3] == "| b         | 0.25 |"


def test_the_page_links_to_every_claim():
    text = page([made_up_result(0.9), made_up_result(0.1)], "minimod reproduce all")
    assert "[made up](#made up-holds)" in text and "[made up](#made up-does-not-hold)" in text


def test_plain_results_are_json():
    assert json.loads(json.dumps(made_up_result(0.9, 0.8).plain()))["criteria"][0]["values"] == [0.9, 0.8]
