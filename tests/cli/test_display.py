import time
from functools import partial
from math import nan

import click
import pytest

from minimod.cli.display import table, with_bar


def test_cells_stand_to_the_right_and_of_a_negative_width_to_the_left():
    text = table([["name", "share", "what"], ["first", 0.25, "  a word"], ["none", nan, 3], ["a line"]], -8, 6, -9)
    assert text == (
        "name     sharewhat\n"
        "first    0.250  a word\n"
        "none         -3\n"
        "a line"
    )  # fmt: skip


@pytest.mark.parametrize(("patience", "terminal", "flags", "is_shown"), [
    (0.02, True, {}, True), (60, True, {}, False), (0.02, False, {}, False), (0.02, True, {"quiet": True}, False),
])  # fmt: skip
def test_a_bar_is_shown_on_a_terminal_when_it_takes_long(patience, terminal, flags, is_shown, monkeypatch, capsys):
    monkeypatch.setattr("minimod.cli.display.PATIENCE", patience)
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    done = []
    with click.Context(click.Command("any"), obj=flags):
        with_bar([partial(done.append, 0), partial(time.sleep, 0.03), partial(done.append, 1)], "Here")
    assert done == [0, 1]
    printed = capsys.readouterr().err
    assert ("Here" in printed and "100%" in printed) == is_shown == bool(printed)
