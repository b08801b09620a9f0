import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from claim_cases import made_up_claim

from minimod.claims import CLAIMS
from minimod.claims.claim import Criterion, Result
from minimod.claims.criteria import cell
from minimod.claims.results import page
from minimod.claims.rows import SUFFIXES, save_rows, stored_results
from minimod.errors import InputError

DOCS = Path(__file__).parents[2] / "docs"
ROWS = [{"seed": 0, "x": 0.1 + 0.2, "name": "a", "n": 1}, {"seed": 1, "x": math.inf, "name": "nano", "n": -math.inf}]


@pytest.fixture(autouse=True)
def made_up(monkeypatch):
    """Two claims on x, the last ones there are."""
    for name in ("first", "second"):
        monkeypatch.setitem(CLAIMS, name, made_up_claim(Criterion("x", cell("x"), "at least", 0.5)))


def save(directory, name="first", scale="quick", rows=ROWS):
    save_rows(directory, Result(name, CLAIMS[name], scale, rows))


def refused(directory, but=()):
    """What is said of the rows in a directory."""
    with pytest.raises(InputError) as caught:
        stored_results(directory, "quick", but)
    return str(caught.value)


def test_rows_come_back_as_they_were(tmp_path):
    save(tmp_path)
    rows = stored_results(tmp_path, "quick")[0].result.rows
    assert rows == ROWS and type(rows[0]["n"]) is int


def test_what_was_not_measured_comes_back_as_that(tmp_path):
    save(tmp_path, rows=[{"seed": 0, "x": math.nan}])
    assert math.isnan(stored_results(tmp_path, "quick")[0].result.rows[0]["x"])


def test_a_file_is_strict_json_with_a_line_for_every_row(tmp_path):
    save(tmp_path)
    text = (tmp_path / "rows/first.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["claim"] == "first"
    assert '\n{"seed": 1, "x": "inf", "name": "nano", "n": "-inf"}\n]}\n' in text


def test_each_scale_has_files_of_its_own(tmp_path):
    save(tmp_path)
    save(tmp_path, "second", "full")
    stored = {scale: [each.result.name for each in stored_results(tmp_path, scale)] for scale in SUFFIXES}
    assert stored == {"quick": ["first"], "full": ["second"]}


def test_claims_come_in_their_order_whenever_they_were_measured(tmp_path):
    save(tmp_path, "second")
    save(tmp_path, "first")
    assert [each.result.name for each in stored_results(tmp_path, "quick")] == ["first", "second"]


@pytest.mark.parametrize("damage", [
    lambda path: os.truncate(path, 100), lambda path: path.write_text(path.read_text().replace("0.3", "0.4")),
    lambda path: path.write_text("[]"), lambda path: path.write_bytes(b"\xff"),
], ids=["cut off", "a digit", "no object", "no text"])  # fmt: skip
def test_a_damaged_file_is_named_with_what_helps(tmp_path, damage):
    save(tmp_path)
    damage(tmp_path / "rows/first.json")
    said = refused(tmp_path)
    assert str(tmp_path / "rows/first.json") in said and said.endswith("measure first at scale quick again")


def test_a_claim_that_is_to_be_measured_again_may_have_any_file(tmp_path):
    save(tmp_path)
    os.truncate(tmp_path / "rows/first.json", 100)
    assert stored_results(tmp_path, "quick", but=["first"]) == []


def test_a_file_under_another_name_is_refused(tmp_path):
    save(tmp_path)
    os.rename(tmp_path / "rows/first.json", tmp_path / "rows/second.json")
    assert "of another claim or scale" in refused(tmp_path)


def test_a_file_of_no_claim_is_to_be_deleted(tmp_path, monkeypatch):
    save(tmp_path)
    monkeypatch.delitem(CLAIMS, "first")
    said = refused(tmp_path)
    assert str(tmp_path / "rows/first.json") in said and said.endswith("delete it")


@pytest.mark.parametrize("changes", [
    {"plot": replace(CLAIMS["tied"].plot, x="x", columns=("y",))}, {"keys": ("y",)},
    {"criteria": (Criterion("y", cell("y"), "noted"),)}, {"criteria": (Criterion("x", cell("x", y=1), "noted"),)},
], ids=["plot", "keys", "criterion", "key of a criterion"])  # fmt: skip
def test_rows_without_a_column_that_is_needed_now_are_refused(tmp_path, monkeypatch, changes):
    save(tmp_path)
    monkeypatch.setitem(CLAIMS, "first", replace(CLAIMS["first"], **changes))
    said = refused(tmp_path)
    assert "'y'" in said and said.endswith("measure first at scale quick again")


def test_a_file_without_rows_is_refused(tmp_path):
    save(tmp_path, rows=[])
    assert "it has no rows" in refused(tmp_path)


def test_rows_that_a_criterion_does_not_find_are_refused(tmp_path, monkeypatch):
    save(tmp_path)
    wanted = Criterion("x", cell("x", n=7), "noted")
    monkeypatch.setitem(CLAIMS, "first", replace(CLAIMS["first"], criteria=(wanted,)))
    assert refused(tmp_path).endswith("measure first at scale quick again")


@pytest.mark.parametrize("scale", SUFFIXES)
def test_the_committed_page_is_that_of_the_committed_rows(scale):
    stored = stored_results(DOCS, scale)
    if not stored:
        pytest.skip("no rows at this scale yet")
    assert (DOCS / f"results{SUFFIXES[scale]}.md").read_text() == page(stored, scale)


def test_the_committed_page_has_every_claim(monkeypatch):
    for name in ("first", "second"):
        monkeypatch.delitem(CLAIMS, name)
    stored = stored_results(DOCS, "quick")
    if not stored:
        pytest.skip("no rows at this scale yet")
    assert [each.result.name for each in stored] == list(CLAIMS)
