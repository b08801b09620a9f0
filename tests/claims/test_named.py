"""Which claims the arguments of `minimod reproduce` stand for, and what files of claims may be."""

import re
import sys

import pytest
from claim_cases import EXPERIMENTS, FILES

from minimod.claims import CLAIMS
from minimod.claims.claim import name_of
from minimod.claims.named import find_claims, load_claims
from minimod.errors import InputError

FILE = """
from minimod.claims import CLAIMS as PAPERS

CLAIMS = {"first": PAPERS["tied"], "second": PAPERS["swap"]}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*arguments):
    with pytest.raises(InputError) as caught:
        find_claims(arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_names_are_the_papers_claims_and_all_is_all_of_them():
    assert find_claims(["tied", "swap"]) == {"tied": CLAIMS["tied"], "swap": CLAIMS["swap"]}
    assert find_claims(["all"]) == CLAIMS and len(CLAIMS) == 15


def test_the_papers_claims_have_phrases_of_their_own():
    phrases = {claim.phrase for claim in CLAIMS.values()}
    assert len(phrases) == 15 and all(re.fullmatch(r".{10,80}\.", phrase) for phrase in phrases)


def test_a_file_stands_for_its_claims_and_a_name_behind_it_for_one(here):
    (here / "mine.py").write_text(FILE)
    assert list(find_claims(["mine.py"])) == ["mine.py::first", "mine.py::second"]
    assert list(find_claims(["mine.py::second", "headline"])) == ["mine.py::second", "headline"]
    assert name_of("mine.py::second") == "second" and name_of("headline") == "headline"


def test_the_experiments_are_found_beside_the_papers_claims():
    found = find_claims(["all", *(str(path) for path in FILES)])
    assert len(found) == 15 + len(EXPERIMENTS) and len({name_of(argument) for argument in found}) == len(found)
    assert len(EXPERIMENTS) == 27


def test_experiments_import_nothing_that_is_private():
    for path in FILES:
        for line in path.read_text().splitlines():
            assert not re.search(r"import.*\b_\w", line), f"{path.name}: {line}"


def test_a_file_may_import_the_files_beside_it_from_anywhere(here):
    (here / "folder").mkdir()
    (here / "folder/mine.py").write_text("from neighbour_of_mine import CLAIMS\n")
    (here / "folder/neighbour_of_mine.py").write_text(FILE)
    before = list(sys.path)
    assert list(load_claims("folder/mine.py")) == ["first", "second"]
    assert sys.path == before


def test_a_file_that_was_changed_is_read_anew(here):
    (here / "mine.py").write_text(FILE)
    load_claims("mine.py")
    (here / "mine.py").write_text(FILE.replace("second", "third, "[:5]))
    assert list(load_claims("mine.py")) == ["first", "third"]


@pytest.mark.parametrize(("text", "said"), [
    ("CLAIMS = {", "SyntaxError"), ("1 / 0", "ZeroDivisionError: division by zero"), ("", "no attribute 'CLAIMS'"),
    ("raise SystemExit(3)", "SystemExit"), ("import no_such_module", "no_such_module"),
    ("CLAIMS = {}", "CLAIMS is empty"), ("CLAIMS = ['tied']", "'list' object"),
    ("CLAIMS = {'first': 1}", "first is no Claim"),
    (FILE.replace("second", "headline"), "cannot be named headline"), (FILE.replace("second", "all"), "named all"),
    (FILE.replace("second", "a/b"), "cannot be named a/b"), (FILE.replace("second", "x-full"), "named x-full"),
    ("raise ValueError('one\\nanother')", "ValueError: one"),
])  # fmt: skip
def test_a_file_without_claims_is_named(here, text, said):
    (here / "mine.py").write_text(text)
    message = refused("mine.py")
    assert "'mine.py'" in message and said in message


def test_a_file_that_is_not_there_or_a_folder_is_named(here):
    (here / "folder.py").mkdir()
    assert "'none.py'" in refused("none.py") and "'folder.py'" in refused("folder.py")


def test_a_name_that_is_none_is_answered_with_the_nearest(here):
    (here / "mine.py").write_text(FILE)
    assert "must be headline" in refused("haedline")
    assert "one of second, first, of the claims in mine.py" in refused("mine.py::secnd")


@pytest.mark.parametrize("arguments", [
    ["tied", "tied"], ["all", "tied"], ["tied", "all"], ["mine.py", "mine.py"], ["mine.py", "mine.py::first"],
    ["mine.py", "other.py"],
])  # fmt: skip
def test_a_claim_is_given_once(here, arguments):
    """Two files may not name their claims alike either: rows are kept by name."""
    for name in ("mine.py", "other.py"):
        (here / name).write_text(FILE)
    assert "give each claim once" in refused(*arguments)
