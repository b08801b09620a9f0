"""Numbers made from the rows of a claim's table, and the criteria that bound them."""

import math
from functools import partial
from typing import Any

import numpy as np

from minimod.claims.claim import Cell, Criterion, Number, Relation, Row

Column = str | tuple[str, str]      # or a pair, whose difference is meant, see `cell`
Key = Cell | tuple[Cell, Cell]

# What filtration answers with the quadratic activation, and its controls with the same swap.
SWAPPED = "dominant+quadratic test", "random frequency+quadratic test", "untrained dominant+quadratic test"
# Why a bound is where it is, if no other reason was written down when the claim was.
CHOSEN = "a number chosen when the claim was written"


def select(rows: list[Row], **keys: Cell) -> list[Row]:
    """The rows with these keys."""
    return [row for row in rows if all(row[key] == value for key, value in keys.items())]


def numbers(rows: list[Row], column: Column) -> list[float]:
    """The numbers in a column, row by row; of a pair of columns, the differences."""
    if isinstance(column, tuple):
        return [row[column[0]] - row[column[1]] for row in rows]
    return [row[column] for row in rows]


def by_number(rows: list[Row], column: str) -> list[Row]:
    """The rows in the order of a column's numbers."""
    return sorted(rows, key=lambda row: float(row[column]))


def cell(column: Column, **keys: Key) -> Number:
    """The number in the column of the row with these keys, as a function of the rows.

    A pair, of columns or of values of a key, stands for a difference: the first number less the second. The function
    raises ValueError where not exactly one row has the keys.
    """
    def number(rows: list[Row], place: int) -> Any:
        name, *values = (each[place] if isinstance(each, tuple) else each for each in (column, *keys.values()))
        (row,) = select(rows, **dict(zip(keys, values, strict=True)))
        return row[str(name)]

    if any(isinstance(each, tuple) for each in (column, *keys.values())):
        return lambda rows: float(number(rows, 0) - number(rows, 1))
    return lambda rows: number(rows, 0)


def lowest(column: Column, **keys: Cell) -> Number:
    """The lowest number in the column over the rows with these keys, as a function of the rows."""
    return lambda rows: float(np.min(numbers(select(rows, **keys), column)))


def highest(column: Column, **keys: Cell) -> Number:
    """The highest number in the column over the rows with these keys, as a function of the rows."""
    return lambda rows: float(np.max(numbers(select(rows, **keys), column)))


def furthest(column: str, level: float, **keys: Cell) -> Number:
    """The largest noise ratio up to which the column stays at the level or above, in the rows with these keys.

    -inf if not even the first is at the level, nan if it was not measured before. Raises ValueError without such rows.
    """
    def reached(rows: list[Row]) -> float:
        ratio = -math.inf
        if not (chosen := by_number(select(rows, **keys), "noise_ratio")):
            raise ValueError(f"no rows with {keys}")
        for row in chosen:
            if not row[column] >= level:
                return math.nan if math.isnan(row[column]) else ratio
            ratio = row["noise_ratio"]
        return ratio

    return reached


def criterion(
    relation: Relation, what: Column, bound: float, value: Number | None = None, because: str = "", before: str = "",
    **keys: Key,
) -> Criterion:
    """A bound on a number: one of the rows, with a name for it, or else the `cell` of a column and keys.

    because, before: as in `Criterion`.
    """
    where = ", ".join(_in_words(key, name.replace("_", " ")) for name, key in keys.items())
    statement = str(what) if value else f"{where}: {_in_words(what)}"
    is_cell = not value and not any(isinstance(each, tuple) for each in (what, *keys.values()))
    of: dict[str, Any] = {"column": what, "keys": keys} if is_cell else {}
    return Criterion(statement, value or cell(what, **keys), relation, bound, because, before, **of)


least, most = partial(criterion, "at least"), partial(criterion, "at most")


def note(what: Column, value: Number | None = None, because: str = "", before: str = "", **keys: Key) -> Criterion:
    """A number, as in `criterion`, that is shown and decides nothing."""
    return criterion("noted", what, math.nan, value, because, before, **keys)


def above_controls(where: str = "", **keys: Cell) -> tuple[Criterion, ...]:
    """That filtration with a swap beats its controls in the rows with these keys; `where` names these rows."""
    swapped, random, untrained = SWAPPED
    any_frequency = "else any frequency answers as much; 0.1 is 2.6 standard errors or more on 348 test pairs"
    return (
        least(f"{where}lowest {swapped} less {random}", 0.1, lowest((swapped, random), **keys), any_frequency),
        most(f"{where}highest {untrained}", 0.05, highest(untrained, **keys)),
    )


def _in_words(value: Key, name: str = "") -> str:
    """A column or a key; numbers stand behind the name of their key."""
    if isinstance(value, tuple):
        return " less ".join([_in_words(value[0], name), _in_words(value[1])])
    return value if isinstance(value, str) else f"{name} {value:g}".strip()
