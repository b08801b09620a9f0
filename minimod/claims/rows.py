"""Measured claims as files, so that a page grows claim by claim and can be made without measuring.

A file has the rows, and all else that a page tells of the claim: what an experiment claims is known without its code.
"""

import json
import math
import platform
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minimod.claims import CLAIMS
from minimod.claims.claim import Claim, Criterion, Number, Plot, Result
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


def measured_now(result: Result) -> Stored:
    """A result that was measured here and now."""
    machine = f"{available_cores()} cores ({platform.machine()}, {platform.system()})"
    return Stored(result, str(date.today()), VERSION, np.__version__, machine)


def rows_file(directory: Path, name: str, scale: str) -> Path:
    """Where the rows of a claim are kept."""
    return directory / "rows" / f"{name}{SUFFIXES[scale]}.json"


def save_rows(directory: Path, stored: Stored) -> None:
    """Write a result with a checksum, a row or a criterion a line.

    JSON knows no nan (not measured), inf or -inf (never): they are written as text, which is no name in any table.
    """
    result, *measured = stored
    data = _in_json(result.plain() | dict(zip(Stored._fields[1:], measured, strict=True)))
    data["sha256"] = checksum(data)
    lines = [f"{json.dumps(name)}: {_lines(value)}" for name, value in data.items()]
    path = rows_file(directory, result.name, result.scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write("{" + ",\n".join(lines) + "}\n")


def _lines(value: Any) -> str:
    """JSON, of a list of dictionaries with a line for each."""
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"
    return json.dumps(value)


def _in_json(value: Any) -> Any:
    """Plain data that JSON knows: tuples as lists, a number that is not finite as text."""
    if isinstance(value, dict):
        return {name: _in_json(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_json(each) for each in value]
    value = value.item() if isinstance(value, np.generic) else value
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _from_json(value: Any) -> Any:
    """What `_in_json` was given, but for tuples."""
    if isinstance(value, dict):
        return {name: _from_json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_from_json(each) for each in value]
    return float(value) if value in ("nan", "inf", "-inf") else value


def stored_results(directory: Path, scale: str, but: Iterable[str] = ()) -> list[Stored]:
    """The results in a directory, at a scale, without some claims: the paper's in their order, then the others.

    Raises InputError for a file that is damaged, or does not say what its claim is.
    """
    full = SUFFIXES["full"]
    stems = [path.stem for path in (directory / "rows").glob("*.json")]
    names = {stem.removesuffix(full) for stem in stems if stem.endswith(full) == (scale == "full")}
    stored = [load_rows(directory, name, scale) for name in sorted(names.difference(but))]
    order = {name: place for place, name in enumerate(CLAIMS)}
    return sorted(stored, key=lambda each: (order.get(each.result.argument, len(order)), each.result.argument))


def load_rows(directory: Path, name: str, scale: str, known: tuple[str, Claim] | None = None) -> Stored:
    """The stored result of a claim; known: judge its rows by this claim, of this argument of `minimod reproduce`.

    Raises InputError for a file that is damaged, or without what the claim takes from its rows.
    """
    path = rows_file(directory, name, scale)
    try:
        data = _from_json(load_checked_json(path, limit=math.inf))
        if (data["claim"], data["scale"]) != (name, scale):
            raise ValueError("it is of another claim or scale")
        argument, claim = known or _claim_in(data)
        rows, needed = data["rows"], {"seed", *claim.keys, claim.plot.x, *claim.plot.panel, *claim.plot.columns}
        for column in sorted(needed.union(*rows)):
            if any(column not in row for row in rows):
                raise ValueError(f"a row has no column {column!r}")
        result = Result(argument, claim, scale, rows)
        if not (result.seeds and result.values):        # the criteria are evaluated: one may lack a row that it needs
            raise ValueError("it has no rows")
        return Stored(result, *(data[name] for name in Stored._fields[1:]))
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        allowed = f"whole, with what the claim takes from it now ({error!s}); measure {name} at scale {scale} again"
        raise InputError("rows file", str(path), allowed) from error


def _claim_in(data: dict[str, Any]) -> tuple[str, Claim]:
    """The argument and the claim that a file of rows tells of: what there is to show, without runs to measure."""
    name = data["claim"]
    if "argument" not in data:              # written by minimod 0.3 or older, for which the paper's claims are known
        if name not in CLAIMS:
            raise ValueError(f"it says no claim; to mend it: minimod reproduce FILE.py::{name} --from-rows")
        return name, CLAIMS[name]
    seeds = sorted({row["seed"] for row in data["rows"]})

    def stored(values: list[float]) -> Number:
        by_seed = dict(zip(seeds, values, strict=True))
        return lambda rows: by_seed[rows[0]["seed"]]

    criteria = tuple(
        Criterion(each["statement"], stored(each["values"]), each["relation"], each["bound"])
        for each in data["criteria"]
    )
    plot: dict[str, Any] = {
        field: tuple(value) if isinstance(value, list) else value for field, value in data["plot"].items()
    }
    return data["argument"], Claim(
        data["statement"], data["experiment"], lambda scale: [], lambda *runs: [], tuple(data["keys"]), criteria,
        Plot(**plot), data["remark"],
    )
