"""Claims of a file, and rows that are judged again. Claims of a file are found by processes too."""

import json
import re
import shutil
from pathlib import Path

import click
import pytest

from minimod.claims import CLAIMS
from minimod.claims.results import number
from minimod.claims.rows import stored_results
from minimod.cli import commands
from minimod.cli.display import fitted
from minimod.cli.reproduce import criteria

MINE = """
from minimod.claims import Claim, Plot, least, reading, runs

MINE = Claim(
    statement="A statement of my own.", experiment="Tiny runs.",
    configs=runs({"modulus": 7}, {"modulus": 11}, width=8, epochs=2, noise_ratio=[0.1, 0.3]),
    measure=reading(("noise_ratio",), "raw test", "dominant test"), keys=("noise_ratio",), seeds=1,
    criteria=(least("raw test", 0.0, noise_ratio=0.1),), plot=Plot("noise_ratio", ("raw test",)),
)
CLAIMS = {"mine": MINE, "again": MINE}
"""


@pytest.fixture
def mine(minimod):
    """Two claims in mine.py, in an empty directory."""
    Path("mine.py").write_text(MINE)


def heads(page="reproduced/results.md"):
    return re.findall(r"^#{2,3} .*", Path(page).read_text(), re.MULTILINE)


def test_the_claims_of_a_file_are_measured_in_processes_and_stay_on_the_page_without_it(minimod, mine):
    answer = minimod("reproduce", "mine.py")
    assert answer.returncode == 0, answer.stderr
    assert "2 runs in all" in answer.stderr, "both claims are of the same runs"
    assert [line.split() for line in answer.stdout.splitlines()[:2]] == [["mine", "holds"], ["again", "holds"]]
    assert {path.name for path in Path("reproduced/rows").iterdir()} == {"mine.json", "again.json"}
    assert {path.name for path in Path("reproduced/figures").iterdir()} == {"mine.png", "again.png"}
    assert heads() == ["## Beyond the paper", "### again: holds", "### mine: holds"]
    assert "minimod reproduce mine.py::again --scale quick --seeds 1\n" in Path("reproduced/results.md").read_text()
    shutil.move("mine.py", "yours.py")
    answer = minimod("reproduce", "yours.py::again", "--json", "--quiet")
    assert json.loads(answer.stdout)[0]["argument"] == "yours.py::again"
    assert heads() == ["## Beyond the paper", "### mine: holds", "### again: holds"]


def test_a_narrow_terminal_cuts_no_number_of_a_criterion(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for result in stored_results(Path(__file__).parents[2] / "docs", "quick"):
        with click.Context(commands, obj={}).scope():
            lines = fitted(criteria(result)).splitlines()[1 : 1 + len(result.criteria)]
        for each, line in zip(result.criteria, lines, strict=True):
            assert line.split()[:len(each.values)] == [number(value) for value in each.values]
            assert each.bound_in_words in line


def test_one_claim_of_a_file_prints_its_section(minimod, mine):
    assert minimod("reproduce", "mine.py::mine", "--quiet").stdout.startswith("mine: holds. A statement of my own.\n")
    section = Path("reproduced/results.md").read_text().partition("### mine: holds\n")[2]
    whole = minimod("reproduce", "mine.py::mine", "--quiet", "--all").stdout
    assert whole.startswith("## mine: holds\n") and all(line in section for line in whole.splitlines() if "|" in line)
    assert {path.name for path in Path("reproduced/rows").iterdir()} == {"mine.json"}


def test_rows_are_judged_and_drawn_again_by_the_claim_as_it_is_now(minimod, mine):
    minimod("reproduce", "mine.py", "--quiet")
    before = json.loads(Path("reproduced/rows/mine.json").read_text())
    shutil.rmtree("reproduced/runs")
    Path("reproduced/figures/mine.png").unlink()
    Path("mine.py").write_text(MINE.replace("my own", "mine").replace('"raw test", 0.0,', '"raw test", 1.1,'))
    answer = minimod("reproduce", "mine.py::mine", "--from-rows")
    assert answer.stdout.startswith("mine: does not hold. A statement of mine.\n\n") and answer.stderr == ""
    assert re.search(r" s\. The page is reproduced/results\.md\.\n$", answer.stdout)
    after = json.loads(Path("reproduced/rows/mine.json").read_text())
    assert all(after[key] == before[key] for key in ("rows", "date", "machine")) and after["verdict"] != "holds"
    assert Path("reproduced/figures/mine.png").exists() and not Path("reproduced/runs").exists()
    assert heads() == ["## Beyond the paper", "### again: holds", "### mine: does not hold"]


def test_all_with_from_rows_takes_the_claims_that_have_rows(minimod, mine):
    minimod("reproduce", "mine.py::mine", "--quiet")
    answer = minimod("reproduce", "all", "mine.py", "--from-rows")
    assert answer.returncode == 0 and answer.stdout.splitlines()[0].split() == ["mine", "holds"]


@pytest.mark.parametrize(("arguments", "said"), [
    (["mine.py", "--from-rows", "--seeds", 2], "--from-rows measures nothing: it goes without --seeds"),
    (["mine.py", "--from-rows"], "a directory with rows of these claims at scale quick"),
    (["none.py"], "claim is 'none.py'"), (["mine.py::other"], "one of mine, again"),
    (["mine.py", "mine.py::mine"], "give each claim once"),
])  # fmt: skip
def test_what_cannot_be_reproduced_is_one_line(minimod, mine, arguments, said):
    answer = minimod("reproduce", *arguments)
    assert answer.returncode == 2 and answer.stdout == ""
    assert said in answer.stderr and len(answer.stderr.strip().splitlines()) == 1
    assert not Path("reproduced").exists()


def test_help_names_each_claim_with_a_phrase(minimod):
    lines = minimod("reproduce", "--help").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    told = " ".join(" ".join(lines).split())
    for name, claim in CLAIMS.items():
        assert f" {name} {claim.phrase}" in told
    assert "experiments/*.py" in told
