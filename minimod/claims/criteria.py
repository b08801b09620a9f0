"""Numbers that are computed from the rows of a claim's table, and criteria: bounds on these numbers."""

import math
from functools import partial
from typing import Any

import numpy as np

from minimod.claims.claim import Cell, Criterion, Number, Relation, Row

Column = str | tuple[str, str]      # a pair means the difference of two columns, see `cell`
Key = Cell | tuple[Cell, Cell]

# The test accuracy of filtration with the quadratic activation, and of its two controls with the same activation.
SWAPPED = "dominant+quadratic test", "random frequency+quadratic test", "untrained dominant+quadratic test"
# The `because` of a bound for which no other reason was written down with the claim.
CHOSEN = "a number chosen when the claim was written"


def select(rows: list[Row], **keys: Cell) -> list[Row]:
    """The rows with these keys."""
    return [row for row in rows if all(row[key] == value for key, value in keys.items())]


def numbers(rows: list[Row], column: Column) -> list[float]:
    """The numbers in a column, row by row. For a pair of columns, the first number less the second."""
    if isinstance(column, tuple):
        return [row[column[0]] - row[column[1]] for row in rows]
    return [row[column] for row in rows]


def by_number(rows: list[Row], column: str) -> list[Row]:
    """The rows, sorted by the numbers in a column."""
    return sorted(rows, key=lambda row: float(row[column]))


def cell(column: Column, **keys: Key) -> Number:
    """The number in the column of the row with these keys, as a function of the rows.

    A pair of columns, or a pair of values of a key, means a difference: the first number less the second. The function
    raises ValueError unless exactly one row has the keys.
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
    """The largest noise ratio up to which the column stays at the level or above. Rows without these keys do not count.

    -inf if the first row is below the level already. nan if a number is missing before the column falls below the
    level. Raises ValueError if no row has the keys.
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
    """A bound on a number.

    The number is `value`, and `what` is its name. Without `value`, it is the `cell` of the column `what` and the keys.
    because, before: as in `Criterion`.
    """
    where = ", ".join(_in_words(key, name.replace("_", " ")) for name, key in keys.items())
    statement = str(what) if value else f"{where}: {_in_words(what)}"
    is_cell = not value and not any(isinstance(each, tuple) for each in (what, *keys.values()))
    of: dict[str, Any] = {"column": what, "keys": keys} if is_cell else {}
    return Criterion(statement, value or cell(what, **keys), relation, bound, because, before, **of)


least, most = partial(criterion, "at least"), partial(criterion, "at most")


def note(what: Column, value: Number | None = None, because: str = "", before: str = "", **keys: Key) -> Criterion:
    """A number, as in `criterion`, without a bound: it is shown and decides nothing."""
    return criterion("noted", what, math.nan, value, because, before, **keys)


def above_controls(where: str = "", **keys: Cell) -> tuple[Criterion, ...]:
    """The criteria that filtration with a swap beats its two controls, in the rows with these keys.

    where: a name for these rows, at the beginning of the criteria's statements.
    """
    swapped, random, untrained = SWAPPED
    any_frequency = "otherwise any frequency answers as much; 0.1 is at least 2.6 standard errors on 348 test pairs"
    return (
        least(f"{where}lowest {swapped} less {random}", 0.1, lowest((swapped, random), **keys), any_frequency),
        most(f"{where}highest {untrained}", 0.05, highest(untrained, **keys)),
    )


def _in_words(value: Key, name: str = "") -> str:
    """A column or a key, in words. A number stands after the name of its key."""
    if isinstance(value, tuple):
        return " less ".join([_in_words(value[0], name), _in_words(value[1])])
    return value if isinstance(value, str) else f"{name} {value:g}".strip()
