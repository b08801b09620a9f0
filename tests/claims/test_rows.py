import json
import math
import os
from dataclasses import replace

import pytest
from claim_cases import ALL_CLAIMS, EXPERIMENTS, ROOT, made_up_claim

from minimod.claims import CLAIMS
from minimod.claims.claim import Criterion, judge
from minimod.claims.criteria import cell
from minimod.claims.results import page
from minimod.claims.rows import SUFFIXES, load_rows, save_rows, stored_results
from minimod.errors import InputError
from minimod.runs.files import save_checked_json

DOCS = ROOT / "docs"
ROWS = [{"seed": 0, "x": 0.1 + 0.2, "name": "a", "n": 1}, {"seed": 1, "x": math.inf, "name": "nano", "n": -math.inf}]
CLAIM = made_up_claim(Criterion("x", cell("x"), "at least", 0.5), Criterion("noted", cell("x"), "noted"))
MEASURED = {"date": "2026-11-24", "minimod": "0.3.0", "numpy": "2.4.6", "machine": "2 cores"}


def save(directory, argument="first", scale="quick", rows=ROWS):
    save_rows(directory, judge(argument, CLAIM, scale, rows, **MEASURED))


def save_old(directory, name, rows=ROWS):
    """As minimod 0.3 wrote rows: nothing is said of the claim."""
    (directory / "rows").mkdir()
    written = [{key: str(cell) if cell in (math.inf, -math.inf) else cell for key, cell in row.items()} for row in rows]
    data = {"claim": name, "scale": "quick", **MEASURED, "rows": written}
    save_checked_json(directory / f"rows/{name}.json", data)


def refused(directory, but=()):
    """What is said of the rows in a directory."""
    with pytest.raises(InputError) as caught:
        stored_results(directory, "quick", but)
    return str(caught.value)


def told(result):
    """All that a result says; nan is nan."""
    return json.dumps(result.plain(), sort_keys=True)


def test_rows_come_back_as_they_were(tmp_path):
    save(tmp_path)
    rows = stored_results(tmp_path, "quick")[0].rows
    assert rows == ROWS and type(rows[0]["n"]) is int


def test_all_that_a_page_shows_comes_back_without_the_claim(tmp_path):
    result = judge("mine.py::my-claim", replace(CLAIM, keys=("x",), remark="Why."), "quick", ROWS, **MEASURED)
    save_rows(tmp_path, result)
    (stored,) = stored_results(tmp_path, "quick")
    assert told(stored) == told(result) and stored.verdict == result.verdict
    assert page([stored], "quick") == page([result], "quick")


def test_what_was_not_measured_comes_back_as_that(tmp_path):
    save(tmp_path, rows=[{"seed": 0, "x": math.nan}])
    (result,) = stored_results(tmp_path, "quick")
    assert math.isnan(result.rows[0]["x"]) and math.isnan(result.criteria[0].values[0])


def test_a_file_is_strict_json_with_a_line_for_every_row(tmp_path):
    save(tmp_path)
    text = (tmp_path / "rows/first.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["claim"] == "first"
    assert '\n{"seed": 1, "x": "inf", "name": "nano", "n": "-inf"}\n]' in text


def test_each_scale_has_files_of_its_own(tmp_path):
    save(tmp_path)
    save(tmp_path, "second", "full")
    stored = {scale: [each.name for each in stored_results(tmp_path, scale)] for scale in SUFFIXES}
    assert stored == {"quick": ["first"], "full": ["second"]}


def test_claims_come_in_their_order_whenever_they_were_measured(tmp_path):
    for argument in ("b.py::first", "a.py::second", "tied", "a.py::other", "headline"):
        save(tmp_path, argument)
    stored = [each.argument for each in stored_results(tmp_path, "quick")]
    assert stored == ["headline", "tied", "a.py::other", "a.py::second", "b.py::first"]


@pytest.mark.parametrize("damage", [
    lambda path: os.truncate(path, 100), lambda path: path.write_text(path.read_text().replace("0.3", "0.4")),
    lambda path: path.write_text("[]"), lambda path: path.write_bytes(b"\xff"),
], ids=["cut off", "a digit", "no object", "no text"])  # fmt: skip
def test_a_damaged_file_is_named_with_what_helps(tmp_path, damage):
    save(tmp_path)
    damage(tmp_path / "rows/first.json")
    said = refused(tmp_path)
    assert str(tmp_path / "rows/first.json") in said and said.endswith("measure first at scale quick again")


def test_all_damaged_files_are_named_at_once(tmp_path):
    for name in ("first", "second"):
        save(tmp_path, name)
        os.truncate(tmp_path / f"rows/{name}.json", 100)
    said = refused(tmp_path)
    assert all(str(tmp_path / f"rows/{name}.json") in said for name in ("first", "second"))
    assert "measure first at scale quick again; " in said and said.endswith("measure second at scale quick again")
    assert stored_results(tmp_path, "quick", but=["first", "second"]) == []


def test_a_claim_that_is_to_be_measured_again_may_have_any_file(tmp_path):
    save(tmp_path)
    os.truncate(tmp_path / "rows/first.json", 100)
    assert stored_results(tmp_path, "quick", but=["first"]) == []


def test_a_file_under_another_name_is_refused(tmp_path):
    save(tmp_path)
    os.rename(tmp_path / "rows/first.json", tmp_path / "rows/second.json")
    assert "of another claim or scale" in refused(tmp_path)


def test_old_rows_of_the_papers_claims_are_judged_by_the_claims_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setitem(CLAIMS, "tied", CLAIM)
    save_old(tmp_path, "tied")
    (result,) = stored_results(tmp_path, "quick")
    assert told(result) == told(judge("tied", CLAIM, "quick", ROWS, **MEASURED))


def test_old_rows_of_another_claim_are_named_with_what_helps(tmp_path):
    save_old(tmp_path, "first")
    said = refused(tmp_path)
    assert str(tmp_path / "rows/first.json") in said and "minimod reproduce FILE.py::first --from-rows" in said
    known = ("mine.py::first", CLAIM)
    assert told(load_rows(tmp_path, "first", "quick", known)) == told(judge(*known, "quick", ROWS, **MEASURED))


@pytest.mark.parametrize("changes", [
    {"plot": replace(CLAIMS["tied"].plot, x="x", columns=("y",))}, {"keys": ("y",)},
    {"criteria": (Criterion("y", cell("y"), "noted"),)}, {"criteria": (Criterion("x", cell("x", y=1), "noted"),)},
], ids=["plot", "keys", "criterion", "key of a criterion"])  # fmt: skip
def test_rows_without_a_column_that_is_needed_now_are_refused(tmp_path, changes):
    save(tmp_path)
    with pytest.raises(InputError) as caught:
        load_rows(tmp_path, "first", "quick", ("first", replace(CLAIM, **changes)))
    assert "'y'" in str(caught.value) and str(caught.value).endswith("measure first at scale quick again")


def test_a_file_without_rows_is_refused(tmp_path):
    save(tmp_path, rows=[])
    assert "it has no rows" in refused(tmp_path)


def test_rows_that_a_criterion_does_not_find_are_refused(tmp_path):
    save(tmp_path)
    wanted = Criterion("x", cell("x", n=7), "noted")
    with pytest.raises(InputError, match=r"measure first at scale quick again$"):
        load_rows(tmp_path, "first", "quick", ("first", replace(CLAIM, criteria=(wanted,))))


@pytest.mark.parametrize("scale", SUFFIXES)
def test_the_committed_page_is_that_of_the_committed_rows(scale):
    assert (DOCS / f"results{SUFFIXES[scale]}.md").read_text() == page(stored_results(DOCS, scale), scale)


def test_the_committed_page_has_every_claim():
    stored = [each.argument for each in stored_results(DOCS, "quick")]
    assert stored == [*CLAIMS, *sorted(EXPERIMENTS)]


@pytest.mark.parametrize("scale", SUFFIXES)
def test_the_committed_rows_say_what_the_claims_say(scale):
    """To mend it: minimod reproduce all experiments/*.py --from-rows --output docs, and with --scale full."""
    for stored in stored_results(DOCS, scale):
        known = stored.argument, ALL_CLAIMS[stored.argument]
        assert told(stored) == told(load_rows(DOCS, stored.name, scale, known))
