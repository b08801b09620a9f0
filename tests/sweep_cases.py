"""A small sweep, and what its tests share."""

from pathlib import Path

import pytest

from minimod.sweeps.table import load_sweep

CLI = str(Path(__file__).parents[1] / "cli.py")
STORED = Path(__file__).parent / "stored" / "0.1.0" / "sweep"
DEFINITION = {
    "preset": "headline", "seeds": 2,
    "grid": {"modulus": [7], "epochs": [3], "width": [4, 8], "noise_ratio": [0.0, 0.5]},
}  # fmt: skip


def with_grid(**values):
    """DEFINITION with other values of some fields."""
    return DEFINITION | {"grid": DEFINITION["grid"] | values}


def rows_of(directory):
    """The rows of a table without what is measured in seconds."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in load_sweep(directory)]


def ignore(work, status):
    """No progress."""


class Refusing:
    """An executor that must not be asked."""

    def submit(self, *task):
        pytest.fail("trained again")
