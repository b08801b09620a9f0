import json
import math
import re

from claim_cases import made_up_result

from minimod.claims.results import number, page, spread, table


def test_numbers_are_written_as_people_read_them():
    assert [number(x) for x in (0.5, 1.0, 0.0, 113, 5.0, math.nan, math.inf, "relu")] == [
        "0.500", "1.000", "0.000", "113", "5", "-", "never", "relu",
    ]  # fmt: skip
    assert [number(x) for x in (1e-4, 3e-5, -2e-4)] == ["0.0001", "3e-05", "-0.0002"]
    assert spread([5, 7, math.inf]) == "never (5 to never)"
    assert spread([5, 7, math.nan]) == spread([math.nan, 5, 7]) == "-"
    assert spread([0.5, 0.7]) == "0.600 (0.500 to 0.700)"
    assert spread([0.5, 0.5]) == "0.500"
    assert spread(["a", "b", "a"]) == "a / b"


def test_a_table_has_columns_of_one_width():
    lines = table([["name", "x"], ["long name", "1"], ["b", "0.25"]]).splitlines()
    assert lines[1] == "|-----------|-----:|"
    assert lines[3] == "| b         | 0.25 |"


def stored(*values, **changes):
    """A made-up result as it is loaded."""
    measured = {"date": "2026-11-24", "minimod": "0.1.0", "numpy": "2.4.6", "machine": "2 cores"}
    return made_up_result(*values, **measured | changes)


def test_the_page_links_to_every_claim():
    text = page([stored(0.9), stored(0.1)], "quick")
    assert "[made up](#made up-holds)" in text and "[made up](#made up-does-not-hold)" in text


def test_the_page_says_for_each_claim_when_and_by_which_version_it_was_measured():
    text = page([stored(0.9), stored(0.1, date="2026-12-01", minimod="0.2.0")], "quick")
    assert re.search(r"-holds\) .* 2026-11-24 \| +0\.1\.0 \|", text)
    assert re.search(r"-not-hold\) .* 2026-12-01 \| +0\.2\.0 \|", text)


def test_one_machine_for_all_is_named_once():
    assert page([stored(0.9), stored(0.1)], "quick").count("with NumPy 2.4.6 on 2 cores") == 1


def test_different_machines_are_named_with_each_claim():
    first, second = page([stored(0.9), stored(0.1, machine="64 cores")], "quick").split("\n### ")[1:]
    assert "Measured with NumPy 2.4.6 on 2 cores." in first and "Measured with NumPy 2.4.6 on 64 cores." in second


def test_above_a_section_stands_the_command_for_its_scale_and_seeds():
    assert "minimod reproduce made up --scale quick --seeds 2\n" in page([stored(0.9, 0.8)], "quick")


def test_the_page_at_full_scale_has_a_title_and_figures_of_its_own():
    text = page([stored(0.9, scale="full")], "full")
    assert text.startswith("# Results at full scale\n") and "(figures/made up-full.png)" in text


def test_the_page_has_a_part_for_the_paper_and_a_part_beyond_it():
    text = page([stored(0.9), stored(0.1, argument="experiments/mine.py::my-claim")], "quick")
    assert re.findall(r"^##+ .*", text, re.MULTILINE) == [
        "## The paper", "### made up: holds", "## Beyond the paper", "### my-claim: does not hold",
    ]  # fmt: skip
    paper, beyond = text.split("## Beyond the paper")
    assert "[made up](#made up-holds)" in paper and "[my-claim](#my-claim-does-not-hold)" in beyond
    assert "minimod reproduce experiments/mine.py::my-claim --scale quick --seeds 1\n" in beyond
    assert "(figures/my-claim.png)" in beyond


def test_a_part_without_claims_is_left_out():
    assert "## Beyond the paper" not in page([stored(0.9)], "quick")
    assert "## The paper" not in page([stored(0.9, argument="mine.py::my-claim")], "quick")


def test_plain_results_are_json():
    assert json.loads(json.dumps(made_up_result(0.9, 0.8).plain()))["criteria"][0]["values"] == [0.9, 0.8]
