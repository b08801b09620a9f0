"""Results of claims as files. So a page grows claim by claim, and can be written without measuring.

A file has the rows, and everything else that a page says about the claim. So the page of an experiment needs no code.
"""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from minimod.claims import CLAIMS
from minimod.claims.claim import Claim, Judged, Plot, Result, judge
from minimod.errors import InputError
from minimod.runs.files import checksum, load_checked_json, whole_file

# Scale -> the end of a file's name, after the name of the claim or after "results".
SUFFIXES = {"quick": "", "full": "-full"}

MEASURED = ("date", "minimod", "numpy", "machine")


def rows_file(directory: Path, name: str, scale: str) -> Path:
    """The path of the file with a claim's rows."""
    return directory / "rows" / f"{name}{SUFFIXES[scale]}.json"


def save_rows(directory: Path, result: Result) -> None:
    """Write a result with a checksum. Every row and every criterion has its own line.

    JSON has no nan (not measured), inf or -inf (never). They are written as text. No table uses these texts as names.
    """
    data = _leaves(result.plain(), _in_json)
    data |= {"sha256": checksum(data), "rows": data.pop("rows")}        # the rows last, because they are many
    lines = [f"{json.dumps(name)}: {_lines(value)}" for name, value in data.items()]
    path = rows_file(directory, result.name, result.scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write("{" + ",\n".join(lines) + "}\n")


def _lines(value: Any) -> str:
    """A value as JSON. A list of dictionaries has one line for each dictionary."""
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"
    return json.dumps(value)


def _leaves(value: Any, function: Callable[[Any], Any]) -> Any:
    """Nested dictionaries and lists, with the function applied to every value inside."""
    if isinstance(value, dict):
        return {name: _leaves(each, function) for name, each in value.items()}
    return [_leaves(each, function) for each in value] if isinstance(value, (list, tuple)) else function(value)


def _in_json(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _from_json(value: Any) -> Any:
    return float(value) if value in ("nan", "inf", "-inf") else value


def stored_results(directory: Path, scale: str, but: Iterable[str] = ()) -> list[Result]:
    """The results in a directory, at a scale: the paper's claims in the paper's order, then the other claims.

    but: the names of claims to leave out. Raises InputError for a file that is damaged, or does not name its claim.
    """
    full = SUFFIXES["full"]
    stems = [path.stem for path in (directory / "rows").glob("*.json")]
    names = {stem.removesuffix(full) for stem in stems if stem.endswith(full) == (scale == "full")}
    stored, refused = list[Result](), list[InputError]()
    for name in sorted(names.difference(but)):
        try:
            stored.append(load_rows(directory, name, scale))
        except InputError as error:
            refused.append(error)
    if refused:         # name all files at once: measuring one claim again would fail because of the other files
        files, allowed = zip(*((str(error.value), error.allowed) for error in refused), strict=True)
        raise InputError("rows file", " and ".join(files), "; ".join(allowed))
    order = {name: place for place, name in enumerate(CLAIMS)}
    return sorted(stored, key=lambda result: (order.get(result.argument, len(order)), result.argument))


def load_rows(directory: Path, name: str, scale: str, known: tuple[str, Claim] | None = None) -> Result:
    """The stored result of a claim.

    known: an argument of `minimod reproduce` and its claim. The stored rows are judged by this claim.
    Raises InputError if the file is damaged, or if the rows lack a column that the claim needs.
    """
    path = rows_file(directory, name, scale)
    try:
        data = _leaves(load_checked_json(path, limit=math.inf), _from_json)
        if (data["claim"], data["scale"]) != (name, scale):
            raise ValueError("it is of another claim or scale")
        if "argument" not in data and not known:        # minimod 0.3 and older wrote only the rows
            if name not in CLAIMS:
                raise ValueError(f"it says no claim; to mend it: minimod reproduce FILE.py::{name} --from-rows")
            known = name, CLAIMS[name]
        if known:
            result = judge(*known, scale, data["rows"], **{each: data[each] for each in MEASURED})
        else:
            judged = [Judged(**each) for each in data["criteria"]]
            parts = {each.name: data[each.name] for each in fields(Result) if each.name in data}
            result = Result(**parts | {"plot": Plot(**data["plot"]), "criteria": judged})
        plot = result.plot
        for column in sorted({"seed", *result.keys, plot.x, *plot.panel, *plot.columns}.union(*result.rows)):
            if any(column not in row for row in result.rows):
                raise ValueError(f"a row has no column {column!r}")
        if not result.rows:
            raise ValueError("it has no rows")
        return result
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        allowed = f"whole, with what the claim takes from it now ({error!s}); measure {name} at scale {scale} again"
        raise InputError("rows file", str(path), allowed) from error
