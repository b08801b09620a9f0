"""The table of a sweep, results.csv: a row a run, its configuration, its last metrics, and what the methods answer.

The types of the columns are known here, once: what is read are numbers, booleans, words, and None where a row has
nothing. A table of an earlier version lacks the columns that came later.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from minimod.analysis.methods import METHODS
from minimod.config import CONSTRAINTS, FREE_FIELDS, TrainingConfig
from minimod.constraints import Pair
from minimod.errors import InputError, one_of
from minimod.metrics import METRIC_COLUMNS
from minimod.store.files import whole_file
from minimod.store.runs import FINISHED, Run
from minimod.summary import measure_methods

FAILED = "failed"

# What the table says of each method's predictions.
TABLE_MEASURES = ("noisy", "repaired", "test")

# Fields of the configuration that are columns, with their defaults.
OPTIONS = {option.name: option.default for option in fields(TrainingConfig) if option.name not in FREE_FIELDS}


class Column(NamedTuple):
    """kind: the type of its values; parse: from text to a value, raises ValueError."""

    kind: type
    parse: Callable[[str], Any]


def _option_column(name: str) -> Column:
    constraint = CONSTRAINTS[name]
    kind = tuple if isinstance(constraint, Pair) else constraint.kind
    return Column(kind, lambda text: constraint.check(constraint.parse(text)))


COLUMNS: dict[str, Column] = {
    **dict.fromkeys(("run", "status", "error"), Column(str, str)),
    **{name: _option_column(name) for name in OPTIONS},
    # `loss` is the option.
    **{"final_loss" if name == "loss" else name: Column(kind, kind) for name, kind in METRIC_COLUMNS.items()},
    **{f"{name}_{measure}": Column(float, float) for name in METHODS for measure in TABLE_MEASURES},
}

TableRow = dict[str, Any]


def result_row(name: str, run: Run) -> TableRow:
    """The row of a finished run, by COLUMNS; methods that do not apply have none."""
    last = {column: numbers[-1].item() for column, numbers in run.history.items()}
    row = {"run": name, "status": FINISHED} | options_of(run.config) | {"final_loss": last.pop("loss")} | last
    return row | {
        f"{method}_{measure}": measured[measure]
        for method, measured in measure_methods(run, threads=1).items() for measure in TABLE_MEASURES
    }


def failed_row(name: str, config: TrainingConfig, error: BaseException) -> TableRow:
    """The row of a run that could not be trained."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return {"run": name, "status": FAILED, "error": text} | options_of(config)


def options_of(config: TrainingConfig) -> TableRow:
    """The columns that tell which run a row is of."""
    return {name: getattr(config, name) for name in OPTIONS}


def identity(row: TableRow) -> tuple[Any, ...]:
    """Which run a row is of, whatever its name: its OPTIONS, with the default of what it lacks."""
    return tuple(default if row[name] is None else row[name] for name, default in OPTIONS.items())


def write_rows(path: Path, rows: Iterable[TableRow]) -> None:
    """Write a table anew."""
    with whole_file(path) as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def load_sweep(directory: Path | str, columns: Iterable[str] | None = None) -> Iterator[TableRow]:
    """The rows of a sweep's table, or some columns of them; a line that is not whole is left out.

    Raises InputError for a column that there is not, and for a table that is of another version or is none.
    """
    path = Path(directory) / "results.csv"
    columns = list(COLUMNS if columns is None else columns)
    for column in columns:
        if column not in COLUMNS:
            raise InputError("column", column, one_of(COLUMNS, column))
    if not path.exists():
        return
    with open(path, newline="", errors="replace") as file:
        reader = csv.reader(line for line in file if line.endswith("\n"))
        header = next(reader, [])
        if not set(header) <= COLUMNS.keys() or "run" not in header:
            raise InputError("table", str(path), "one of this version or an earlier one; its columns are others")
        places = {column: header.index(column) for column in columns if column in header}
        for line in reader:
            if len(line) == len(header):
                values = {column: _value(path, column, line[place]) for column, place in places.items()}
                yield dict.fromkeys(columns) | values


def _value(path: Path, column: str, text: str) -> Any:
    try:
        return COLUMNS[column].parse(text) if text else None
    except ValueError as error:
        raise InputError("table", str(path), f"one whose {column} is never {text!r}") from error


def curves(directory: Path | str, x: str, y: str, by: str | None = None) -> dict[Any, dict[Any, list[float]]]:
    """Of the finished runs: value of `by` (or None) -> value of x -> the numbers y, one for every run that has them.

    Raises InputError for a column that there is not, where y has no numbers, and where no run has finished.
    """
    result: dict[Any, dict[Any, list[float]]] = {}
    for row in load_sweep(directory, dict.fromkeys(["status", x, y, *([by] if by else [])])):
        if COLUMNS[y].kind not in (int, float):
            raise InputError("y", y, "a column of numbers")
        if row["status"] == FINISHED and row[y] is not None:
            result.setdefault(row[by] if by else None, {}).setdefault(row[x], []).append(row[y])
    if not result:
        raise InputError("sweep directory", str(directory), f"one with finished runs that have {y}")
    return result
