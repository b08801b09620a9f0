"""Text is UTF-8, whatever the locale says, and whatever bytes the names of files have."""

import os
import subprocess
import sys

import pytest
from sweep_cases import CLI

WORDS = ["ä", "ö", "ü"]


def minimod(directory, *arguments, locale="C.UTF-8"):
    """A command, where Python takes the locale's encoding for text."""
    environment = os.environ | {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, CLI, *map(str, arguments)]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_words_come_back_as_they_were(tmp_path, locale):
    lines = [f"{a},{b},{WORDS[(i + j) % 3]}" for i, a in enumerate(WORDS) for j, b in enumerate(WORDS)]
    (tmp_path / "pairs.csv").write_text("\n".join(["a,b,label", *lines]), encoding="utf-8")
    for arguments in (
        ["train", "run", "--pairs", "pairs.csv", "--width", 8, "--epochs", 2], ["check", "run"],
        ["export", "run", "out.csv"], ["train", "again", "--pairs", "out.csv", "--width", 8, "--epochs", 2],
        ["analyze", "run"], ["detect", "run"],
    ):
        answer = minimod(tmp_path, *arguments, locale=locale)
        assert answer.returncode == 0, answer.stderr
    assert set(WORDS) <= set((tmp_path / "out.csv").read_text(encoding="utf-8").replace("\n", ",").split(","))


def test_a_directory_may_have_a_name_that_is_no_utf_8(tmp_path):
    name = os.fsdecode(b"r\xff")
    for arguments in (["train", name, "--modulus", 7, "--width", 8, "--epochs", 2], ["analyze", name], ["check", name]):
        answer = minimod(tmp_path, *arguments)
        assert answer.returncode == 0, answer.stderr


def test_a_table_has_a_name_in_utf_8(tmp_path):
    """The table of a sweep could not hold another one."""
    (tmp_path / os.fsdecode(b"q\xff.csv")).write_text("0,1\n1,0\n")
    answer = minimod(tmp_path, "train", "run", "--rule", os.fsdecode(b"table:q\xff.csv"))
    assert answer.returncode == 2 and b"in UTF-8" in answer.stderr and not (tmp_path / "run").exists()
