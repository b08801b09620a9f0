"""Numbers made from the rows of a claim's table, and the criteria that bound them."""

import math
from functools import partial

import numpy as np

from minimod.claims.claim import Cell, Criterion, Number, Relation, Row

Column = str | tuple[str, str]      # or a pair, whose difference is meant, see `cell`
Key = Cell | tuple[Cell, Cell]


def select(rows: list[Row], **keys: Cell) -> list[Row]:
    """The rows with these keys."""
    return [row for row in rows if all(row[key] == value for key, value in keys.items())]


def at(rows: list[Row], column: str, **keys: Cell) -> float:
    """The column of the one row with these keys. Raises ValueError where it is not one row."""
    (row,) = select(rows, **keys)
    return number_in(row, column)


def number_in(row: Row, column: str) -> float:
    """The number in a column of a row. Raises TypeError where a name stands there."""
    value = row[column]
    if isinstance(value, str):
        raise TypeError(f"{column} is {value}, which is no number")
    return value


def numbers(rows: list[Row], column: Column) -> list[float]:
    """The numbers in a column, row by row; of a pair of columns, the differences."""
    if isinstance(column, tuple):
        return [number_in(row, column[0]) - number_in(row, column[1]) for row in rows]
    return [number_in(row, column) for row in rows]


def by_number(rows: list[Row], column: str) -> list[Row]:
    """The rows in the order of a column's numbers."""
    return sorted(rows, key=lambda row: number_in(row, column))


def cell(column: Column, **keys: Key) -> Number:
    """The number in the column of the one row with these keys; of a pair, the first number less the second."""
    if not any(isinstance(value, tuple) for value in (column, *keys.values())):
        return lambda rows: at(rows, column, **keys)  # type: ignore[arg-type]

    def of(i: int) -> Number:
        column_i, *keys_i = (value[i] if isinstance(value, tuple) else value for value in (column, *keys.values()))
        return cell(str(column_i), **dict(zip(keys, keys_i, strict=True)))

    first, second = of(0), of(1)
    return lambda rows: first(rows) - second(rows)


def ratio(first: Number, second: Number) -> Number:
    """One number over another, as a function of the rows."""
    return lambda rows: first(rows) / second(rows)


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
            value = number_in(row, column)
            if not value >= level:
                return math.nan if math.isnan(value) else ratio
            ratio = number_in(row, "noise_ratio")
        return ratio

    return reached


def criterion(
    relation: Relation, what: Column, bound: float, value: Number | None = None, **keys: Key
) -> Criterion:
    """A bound on a number: one of the rows, with a name for it, or else the `cell` of a column and keys."""
    if value:
        return Criterion(str(what), value, relation, bound)
    where = (_in_words(key, name.replace("_", " ")) for name, key in keys.items())
    return Criterion(f"{', '.join(where)}: {_in_words(what)}", cell(what, **keys), relation, bound)


least, most = partial(criterion, "at least"), partial(criterion, "at most")


def note(what: Column, value: Number | None = None, **keys: Key) -> Criterion:
    """A number, as in `criterion`, that is shown and decides nothing."""
    return criterion("noted", what, math.nan, value, **keys)


def _in_words(value: Key, name: str = "") -> str:
    """A column or a key; numbers stand behind the name of their key."""
    if isinstance(value, tuple):
        return " less ".join([_in_words(value[0], name), _in_words(value[1])])
    return value if isinstance(value, str) else f"{name} {value:g}".strip()
