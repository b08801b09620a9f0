"""The floors of the house: an import goes down, never up, never round."""

import ast
import subprocess
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "minimod"

# Folder -> floor. The files at the top of the package are the heart; __init__ and __main__ are its doors, and stand on
# everything.
HEART, DOORS = "heart", ("__init__", "__main__")
FLOORS = {
    HEART: 0, "engine": 1, "groups": 1, "runs": 2, "analysis": 3, "discovery": 3, "sweeps": 4, "exchange": 4,
    "claims": 5, "report": 5, "cli": 6,
}  # fmt: skip


def name_of(path):
    """The dotted name of a module below the package: "network", "engine.backend", "runs" for runs/__init__.py."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


def room_of(module):
    """The folder of a module; the heart for a file at the top."""
    first, _, rest = module.partition(".")
    return first if rest or first in FLOORS else HEART


def imported(path):
    """The modules of the package that a file imports, anywhere in it: also in functions and under TYPE_CHECKING."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            names = [f"{node.module}.{each.name}" for each in node.names]
        for name in names:
            if name.partition(".")[0] == "minimod":
                inside = name.removeprefix("minimod").lstrip(".")
                while inside and inside not in MODULES:
                    inside = inside.rpartition(".")[0]
                yield inside or "__init__"


IMPORTS = {module: {*imported(path)} - {module} for module, path in MODULES.items()}


def test_every_folder_has_a_floor():
    assert {room_of(module) for module in MODULES if module not in DOORS} == set(FLOORS)


@pytest.mark.parametrize("module", [module for module in MODULES if module not in DOORS])
def test_an_import_goes_down(module):
    rooms = {other: room_of(other) for other in IMPORTS[module]}
    up = [other for other, room in rooms.items()
          if other in DOORS or (room != room_of(module) and FLOORS[room] > FLOORS[room_of(module)])]
    assert not up, f"{module} imports {up}, which is above it"


def test_no_import_goes_round():
    """Among files, by removing those that import nothing which is left."""
    left = dict(IMPORTS)
    while done := [module for module, others in left.items() if not others & left.keys()]:
        for module in done:
            del left[module]
    assert not left, f"these import each other in a circle: {sorted(left)}"


def test_between_two_folders_of_one_floor_imports_go_in_one_direction():
    arrows = defaultdict(set)
    for module, others in IMPORTS.items():
        for other in others:
            arrows[room_of(module)].add(room_of(other))
    for one, other in combinations(FLOORS, 2):
        assert FLOORS[one] != FLOORS[other] or not (other in arrows[one] and one in arrows[other]), (one, other)


def test_the_network_loads_no_more_than_eight_of_our_files():
    code = "import sys, minimod.network; print(*[name for name in sys.modules if name.startswith('minimod')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "minimod.network" in loaded and len(loaded) <= 8
    assert not {room_of(name.removeprefix("minimod.")) for name in loaded[1:]} - {HEART}
