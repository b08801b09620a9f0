"""The rows of measured claims as files, so that a page grows claim by claim and can be made without measuring."""

import json
import math
import platform
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minimod.claims import CLAIMS
from minimod.claims.claim import Cell, Result
from minimod.engine.device import available_cores
from minimod.errors import InputError
from minimod.runs.files import checksum, load_checked_json, whole_file
from minimod.version import VERSION

# What the names of a scale's files have behind the claim's name, or behind "results".
SUFFIXES = {"quick": "", "full": "-full"}


class Stored(NamedTuple):
    """A result with when it was measured and what by: a date in ISO format, versions, and the machine in words."""

    result: Result
    date: str
    minimod: str
    numpy: str
    machine: str


def rows_file(directory: Path, name: str, scale: str) -> Path:
    """Where the rows of a claim are kept."""
    return directory / "rows" / f"{name}{SUFFIXES[scale]}.json"


def save_rows(directory: Path, result: Result) -> None:
    """Write the rows of a claim measured here and now, with a checksum, one a line.

    JSON knows no nan (not measured), inf or -inf (never): they are written as text, which is no name in any table.
    """
    head = {
        "claim": result.name, "scale": result.scale, "date": str(date.today()), "minimod": VERSION,
        "numpy": np.__version__, "machine": f"{available_cores()} cores ({platform.machine()}, {platform.system()})",
    }
    rows = [{column: _to_json(np.asarray(cell).item()) for column, cell in row.items()} for row in result.rows]
    head["sha256"] = checksum(head | {"rows": rows})
    heads = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    path = rows_file(directory, result.name, result.scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write("{" + ",\n".join([*heads, '"rows": [\n' + ",\n".join(map(json.dumps, rows))]) + "\n]}\n")


def _to_json(cell: Cell) -> Cell:
    """A number that JSON knows, or the text of one that it does not."""
    return str(cell) if isinstance(cell, float) and not math.isfinite(cell) else cell


def stored_results(directory: Path, scale: str, but: Collection[str] = ()) -> list[Stored]:
    """The results whose rows are in a directory, at a scale, in the order of CLAIMS, without some claims.

    Raises InputError for a file that is damaged, of no claim, or without what its claim now takes from its rows.
    """
    full = SUFFIXES["full"]
    stems = [path.stem for path in (directory / "rows").glob("*.json")]
    stored = {stem.removesuffix(full) for stem in stems if stem.endswith(full) == (scale == "full")}
    for name in sorted(stored.difference(CLAIMS)):
        raise InputError("rows file", str(rows_file(directory, name, scale)), "of a claim that there is; delete it")
    return [_load(rows_file(directory, name, scale), name, scale) for name in CLAIMS if name in stored.difference(but)]


def _load(path: Path, name: str, scale: str) -> Stored:
    claim = CLAIMS[name]
    needed = {"seed", *claim.keys, claim.plot.x, *claim.plot.panel, *claim.plot.columns}
    try:
        data = load_checked_json(path, limit=math.inf)
        if (data["claim"], data["scale"]) != (name, scale):
            raise ValueError("it is of another claim or scale")
        rows = [
            {column: float(cell) if cell in ("nan", "inf", "-inf") else cell for column, cell in row.items()}
            for row in data["rows"]
        ]
        for column in sorted(needed.union(*rows)):
            if any(column not in row for row in rows):
                raise ValueError(f"a row has no column {column!r}")
        result = Result(name, claim, scale, rows)
        if not (result.seeds and result.values):        # the criteria are evaluated: one may lack a row that it needs
            raise ValueError("it has no rows")
        return Stored(result, data["date"], data["minimod"], data["numpy"], data["machine"])
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        allowed = f"whole, with what the claim takes from it now ({error!s}); measure {name} at scale {scale} again"
        raise InputError("rows file", str(path), allowed) from error
