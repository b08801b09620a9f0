from math import nan

from minimod.cli.display import table


def test_cells_stand_to_the_right_and_of_a_negative_width_to_the_left():
    text = table([["name", "share", "what"], ["first", 0.25, "  a word"], ["none", nan, 3], ["a line"]], -8, 6, -9)
    assert text == (
        "name     sharewhat\n"
        "first    0.250  a word\n"
        "none         -3\n"
        "a line"
    )  # fmt: skip
