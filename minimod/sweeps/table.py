"""The table of a sweep, results.csv: for every run, its configuration, its last metrics, and its methods' accuracies.

Values are read as numbers, booleans or words; an empty cell is None. Tables of earlier versions lack later columns.
"""

import csv
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minimod.analysis.analysis import Analysis
from minimod.analysis.rows import WHOLE
from minimod.errors import InputError, choice
from minimod.rules import MODULUS
from minimod.runs.config import CONSTRAINTS, FREE_FIELDS, RENAMED, TrainingConfig
from minimod.runs.files import DamagedFileError, as_path, read_table, whole_file
from minimod.runs.metrics import ACCURACIES, METRIC_COLUMNS, THRESHOLDS, first_epochs
from minimod.runs.run import FINISHED, Run

FAILED = "failed"
TABLE_MEASURES = ("noisy", "repaired", "test")      # of each method's predictions

# Fields of the configuration that are columns, with their defaults.
OPTIONS = {option.name: option.default for option in fields(TrainingConfig) if option.name not in FREE_FIELDS}
OPTIONS["modulus"] = MODULUS

# Column -> from a text to its value, or ValueError.
COLUMNS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("run", "status", "error"), str),
    **{name: lru_cache(1024)(CONSTRAINTS[name].read) for name in OPTIONS},
    # `loss` is the option.
    **{"final_loss" if name == "loss" else name: kind for name, kind in METRIC_COLUMNS.items()},
    **{f"{name}_{measure}": float for name in WHOLE for measure in TABLE_MEASURES},
    **{f"first_epoch_{part}_{threshold:.12g}": float for part in ACCURACIES for threshold in THRESHOLDS},
}

# Options whose other values repeat the same experiment.
SEEDS = ("seed", "init_seed")

TableRow = dict[str, Any]
Where = Mapping[str, Collection[Any]]       # option -> the values that count
EVERYWHERE: Where = {}
Place = tuple[Any, Any, Any]                # the values of panel, series and x


def result_row(name: str, run: Run) -> TableRow:
    """The row of a finished run, by COLUMNS. A method that does not apply has no values."""
    last = {column: numbers[-1].item() for column, numbers in run.history.items()}
    row = {"run": name, "status": FINISHED} | options_of(run.config) | {"final_loss": last.pop("loss")} | last
    with Analysis(run, threads=1) as analysis:
        methods = {name: analysis.row(name)._asdict() for name in WHOLE if name in analysis.needs}
    row |= {f"{name}_{measure}": methods[name][measure] for name in methods for measure in TABLE_MEASURES}
    return row | first_epochs(run.history)


def failed_row(name: str, config: TrainingConfig, error: BaseException) -> TableRow:
    """The row of a run that could not be trained."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return {"run": name, "status": FAILED, "error": text} | options_of(config)


def options_of(config: TrainingConfig) -> TableRow:
    """The columns that tell to which run a row belongs."""
    return {name: getattr(config, name) for name in OPTIONS}


def identity(row: TableRow) -> tuple[Any, ...]:
    """The OPTIONS of a row, which identify its run, whatever its name. A missing option has its default."""
    return tuple(default if row[name] is None else row[name] for name, default in OPTIONS.items())


def write_rows(path: Path, rows: Iterable[TableRow]) -> None:
    """Write a table anew."""
    with whole_file(path) as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def load_sweep(directory: Path | str, columns: Iterable[str] | None = None) -> Iterator[TableRow]:
    """The rows of a sweep's table, or some columns of them. An incomplete last line is left out.

    The table may have been saved by a spreadsheet: with a byte-order mark, and with semicolons or tabs. Raises
    InputError for a directory that does not exist, and for an unknown column. It also raises InputError for a table
    that is damaged, of another version, or no table.
    """
    if not as_path("directory", directory).is_dir():
        raise InputError("sweep directory", str(directory), "a directory that exists")
    columns = list(COLUMNS if columns is None else columns)
    for column in columns:
        choice("column", column, COLUMNS)
    return read_rows(directory, columns)


def read_rows(directory: Path | str, columns: Collection[str] = tuple(COLUMNS)) -> Iterator[TableRow]:
    """As `load_sweep`, for known columns. A sweep that has not begun has no rows."""
    path = Path(directory) / "results.csv"
    if not path.exists():
        return
    try:
        header, lines = read_table(path, growing=True)
        header = [RENAMED.get(name, name) for name in header]
        unknown = [name for name in header if name not in COLUMNS]
        if unknown or "run" not in header:
            others = f" ({', '.join(unknown)[:100]})" if unknown else ""
            raise DamagedFileError(f"its columns are not of this version or an earlier one{others}")
        places = {column: header.index(column) for column in columns if column in header}
        for number, line in lines:
            name = line[header.index("run")]
            if Path(name).name != name or name in ("", ".."):       # it names a directory in runs/
                raise DamagedFileError(f"line {number} has no name of a run")
            yield dict.fromkeys(columns) | {name: _value(path, name, line[n]) for name, n in places.items()}
    except DamagedFileError as error:
        allowed = f"a whole table of a sweep ({error}); remove the file, and the sweep writes it anew"
        raise InputError("table", str(path), allowed) from error


def _value(path: Path, column: str, text: str) -> Any:
    try:
        return COLUMNS[column](text) if text else None
    except ValueError as error:
        raise InputError("table", str(path), f"a table whose {column} is never {text!r}") from error


class Point(NamedTuple):
    """The finished runs at one value of x, of one series and one panel.

    measured: how many of them have a finite y. mean, low, high: of these y; nan if there are none. never: how many have
    y = inf, because they never reached a threshold. The other fields are about measured and never runs together.
    settings: the options that have one value. over: option -> number of its values, for the other options.
    """

    panel: Any
    by: Any
    x: Any
    runs: int
    measured: int
    never: int
    mean: float
    low: float
    high: float
    over: dict[str, int]
    settings: TableRow


def curves(
    directory: Path | str, x: str, y: str, by: str | None = None, panel: str | None = None, where: Where = EVERYWHERE,
) -> list[Point]:
    """The points of y over x, from the finished runs that have the values of `where`. Every value of `by` is a series.

    If all runs of a point lack y (None or nan), the point is left out. Raises InputError for an unknown column, if y
    has no numbers, and if no such run has finished.
    """
    numbers: dict[Place, list[float]] = {}
    first: dict[Place, tuple[Any, ...]] = {}
    values: dict[Place, dict[str, set[Any]]] = {}
    for row in load_sweep(directory, dict.fromkeys(["status", y, x, *filter(None, (by, panel)), *OPTIONS])):
        if isinstance(row[y], (str, bool, tuple)):
            raise InputError("y", y, "a column of numbers")
        number, options = row[y], identity(row)
        row |= dict(zip(OPTIONS, options, strict=True))
        if row["status"] == FINISHED and all(row[name] in allowed for name, allowed in where.items()):
            place = row[panel] if panel else None, row[by] if by else None, row[x]
            numbers.setdefault(place, []).append(math.nan if number is None else number)
            if not math.isnan(numbers[place][-1]):
                for name, one, other in zip(OPTIONS, first.setdefault(place, options), options, strict=True):
                    if one != other:
                        values.setdefault(place, {}).setdefault(name, {one}).add(other)
    points = [_point(place, numbers[place], options, values.get(place, {})) for place, options in first.items()]
    path = Path(directory) / "results.csv"
    if not path.exists():
        raise InputError("sweep directory", str(directory), "the directory of a sweep; it has no results.csv")
    if not points:
        those = "".join(f", of {name} {', '.join(map(str, values))}" for name, values in where.items())
        raise InputError("table", str(path), f"a table with finished runs that have {y}{those}")
    return points


def _point(
    place: Place, numbers: list[float], options: tuple[Any, ...], values: dict[str, set[Any]]
) -> Point:
    finite = [number for number in numbers if math.isfinite(number)]
    return Point(
        *place, len(numbers), len(finite), sum(map(math.isinf, numbers)), float(np.mean(finite or [math.nan])),
        min(finite, default=math.nan), max(finite, default=math.nan),
        {name: len(values[name]) for name in OPTIONS if name in values},
        {name: value for name, value in zip(OPTIONS, options, strict=True) if name not in values},
    )


def fixed_settings(points: Sequence[Point]) -> TableRow:
    """The options that have one value in all runs of some points."""
    first, *others = (point.settings for point in points)
    return {name: value for name, value in first.items()
            if all(name in each and each[name] == value for each in others)}
