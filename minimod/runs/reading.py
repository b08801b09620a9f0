"""Reading a user's tables, matrices and pairs: a text becomes rows of cells. Remarks say how the text was understood.

Cells are separated by semicolons, tabs, commas or blanks. Rows are lines, or the innermost brackets, as Python, GAP,
Sage, Mathematica and MATLAB print them. No code runs. A text that can be read in two ways is refused.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minimod.engine.device import warn_once
from minimod.runs.files import DamagedFileError, decoded_lines, load_npy, refusing

SEPARATORS = {";": "semicolons", "\t": "tabs", ",": "commas", " ": "blanks"}
DRAWN = re.compile(r"(?=.*(---|===))[\s|+:=-]+")
INNERMOST = re.compile(r"[\[{]([^\[\]{}]*)[\]}]")
# The text around brackets may be A := [...] or np.array([...]). Another function is refused, because it may transpose.
MAKERS = r"((np|numpy|torch)\.)?(array|matrix|Matrix|list|tensor)\("
AROUND = re.compile(rf"([\w.]+:?=)?({MAKERS})*[\[{{]*[\]}}]*(dtype=[\w.]+)?\)*")
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?|nan|[+-]?inf", re.ASCII | re.IGNORECASE)
FROM_ZERO = "the labels are taken from 0: neither 0 nor"
WHOLE = re.compile(r"0|-?[1-9]\d*", re.ASCII)


class Row(NamedTuple):
    """The cells of a row. place: where the row is in the file, in words."""

    place: str
    cells: list[str]


def say(path: Path, said: Sequence[str]) -> None:
    """Log the remarks on how a file was understood, the first time that the file is read."""
    if said:
        warn_once(f"{path}: {'; '.join(said)}")


def read_lines(path: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """The lines of a file with their places, and remarks. Empty lines and comments (# or %) are left out.

    Sage and Markdown draw a line below the head, and bars between columns. These are left out, too. Raises
    DamagedFileError for a file that is empty, and as `decoded_lines` does.
    """
    lines = [(f"line {number}", line) for number, line in enumerate(decoded_lines(path), 1) if line.strip(" \t\r\n,;")]
    rows = [(place, line) for place, line in lines if line.lstrip()[0] not in "#%"]
    said = [f"lines left out as comments: {len(lines) - len(rows)}"] if len(rows) < len(lines) else []
    if any(DRAWN.fullmatch(line) for _, line in rows):
        rows = [(place, line.replace("|", " ")) for place, line in rows if not DRAWN.fullmatch(line)]
    if not rows:
        raise DamagedFileError("it is empty")
    return rows, said


def rows_of(lines: list[tuple[str, str]], said: list[str], is_square: bool = False) -> list[Row]:
    """The rows of a text, all with the same number of cells. Remarks on how they were found are added to `said`.

    is_square: whether the rows are a square table. R and Sage leave out its empty corner, which is then added. Raises
    DamagedFileError for other rows.
    """
    text = "".join(line for _, line in lines)
    is_object = re.match(r'\s*\{\s*"[^"]*"\s*:', text)
    rows = _from_json(text) if is_object else _split(_in_brackets(text, said) or lines, said)
    if is_square and len(rows[-1].cells) == len(rows) == len(rows[0].cells) + 1:
        rows[0] = Row(rows[0].place, ["", *rows[0].cells])
    width = len(rows[0].cells)
    for place, n in ((place, len(cells)) for place, cells in rows):
        if n != width:
            raise DamagedFileError(f"{place} has {n} cell{'' if n == 1 else 's'}, and the first {width}")
    if is_square and not 1 < len(rows) == width:
        raise DamagedFileError(f"it has shape {len(rows), width}; a first row of names needs a first column of names")
    return rows


def _from_json(text: str) -> list[Row]:
    """The rows of a JSON object: its table, with its elements as head, if it has elements. Raises DamagedFileError."""
    try:
        data = json.loads(text)
        rows = [*data["table"]] or [[]]
        if elements := data.get("elements"):
            rows = [["", *elements], *([name, *row] for name, row in zip(elements, rows, strict=True))]
        return [Row(f"row {number}", [str(cell).strip() for cell in row]) for number, row in enumerate(rows, 1)]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamagedFileError("its JSON is no object with a table (a list of rows) and an element per row") from error


def _in_brackets(text: str, said: list[str]) -> list[tuple[str, str]]:
    """The innermost brackets of a text, with their places. Empty if all have one cell, since [0] may be a word."""
    rows = INNERMOST.findall(text)
    around = re.sub(r"[\s,;]", "", INNERMOST.sub("", text)) if rows else text
    if not AROUND.fullmatch(around) or not any(re.search(r"[\s,]", row.strip()) for row in rows):
        return []
    said.append("rows are in brackets")
    if len(rows) == 1:         # MATLAB writes all rows in one pair of brackets
        rows = re.split("[;\n]", rows[0])
    rows = [re.sub("(?<![^ ,])'([^']*)'(?![^ ,])", r'"\1"', " ".join(row.split())) for row in rows]
    return [(f"row {number}", row) for number, row in enumerate(filter(None, rows), 1)]


def _split(lines: list[tuple[str, str]], said: list[str]) -> list[Row]:
    """The rows of lines, split at the separator of the first line. Raises DamagedFileError for an open quote."""
    first = re.sub('"[^"]*"', "q", lines[0][1]).strip(" ,;\r\n")
    signs = ";," if re.search(" [ \t]|\t ", first) else ";\t,"       # a tab next to a blank counts as a blank
    separator = next((sign for sign in signs if sign in first), " ")
    if separator != ",":
        said.append(f"cells are separated by {SEPARATORS[separator]}")
    texts = (line.replace("\t", " ") if separator == " " else line for _, line in lines)
    reader = csv.reader(texts, delimiter=separator, strict=True, skipinitialspace=True)
    rows: list[Row] = []
    try:
        for cells in reader:
            width = len(rows[0].cells) if rows else 0
            while len(cells) > width and not cells[-1].strip():     # the line ends with a separator
                cells.pop()
            rows.append(Row(lines[reader.line_num - 1][0], [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise DamagedFileError(f"{lines[reader.line_num - 1][0]} has {error}") from error
    return rows


def _values(rows: list[Row], head: int, value_of: Mapping[str, float], what: str) -> np.ndarray:
    """The values of the cells below and right of a head. head: 1 if the first row and column are names, else 0.

    Raises DamagedFileError for a cell without a value.
    """
    for place, cells in rows[head:]:
        for j, cell in enumerate(cells[head:], head + 1):
            if cell not in value_of:
                raise DamagedFileError(f"{place}, cell {j}: {cell[:40]!r} is {what}")
    return np.array([[value_of[cell] for cell in cells[head:]] for _, cells in rows[head:]])


def _arranged(values: np.ndarray, rows: list[Row], head: int, names: Sequence[str]) -> np.ndarray:
    """The values in the order of the names. Raises DamagedFileError unless rows and columns have the same names.

    Without a head, the names of rows and columns must also be in the same order. This holds if the identity is first.
    """
    across, down = rows[0].cells[head:], [cells[0] for _, cells in rows[head:]]
    for i, name in enumerate(down):
        if not name or name not in across or name not in names or name in down[:i] or (not head and name != across[i]):
            reason = f"the first row and column must both be {_some(names)}"
            raise DamagedFileError(f"{rows[head + i].place}, cell 1 is {name[:40]!r}: {reason}")
    return values[np.ix_([down.index(name) for name in names], [across.index(name) for name in names])]


def _places(words: Collection[str], P: int) -> dict[str, int]:
    """number as a word -> its place, for the numbers 0 .. P-1; for 1 .. P if the words contain P, but not 0."""
    first = int(str(P) in words and "0" not in words)
    return {str(i + first): i for i in range(P)}


def _words(rows: list[Row], head: int = 0) -> set[str]:
    """The words in the cells below and right of a head."""
    return {cell for _, cells in rows[head:] for cell in cells[head:]}


def _some(words: Sequence[str]) -> str:
    return ", ".join(repr(word[:40]) for word in words[:5]) + (", ..." if len(words) > 5 else "")


def read_weights(path: Path) -> np.ndarray:
    """The numbers of a matrix in a file, in float64, of shape (P, P). Raises InputError for a file without a matrix.

    The first row and column may be the numbers of the tokens.
    """
    with refusing("noise_matrix", path, "a table of numbers, the same number in every line, or an npy file"):
        if path.suffix.lower() == ".npy":
            return load_npy(path)
        lines, said = read_lines(path)
        rows = rows_of(lines, said, is_square=True)
        value_of = {word: float(word.replace(",", ".")) for word in _words(rows) if NUMBER.fullmatch(word)}
        if commas := [word for word in value_of if "," in word]:
            if all(re.fullmatch(r"[+-]?\d+,\d{3}", word) for word in commas):
                raise DamagedFileError(f"the comma in {commas[0]!r} may be decimal or not: write a point instead")
            said.append("commas are decimal")
        head = int(rows[0].cells[0] not in value_of)
        weights = _values(rows, head, value_of, "no number")
        if head:
            names = [*_places(rows[0].cells, len(weights))]
            said.append("cells of the first row and column are the numbers of the tokens")
            weights = _arranged(weights, rows, head, names)
        say(path, said)
        return weights


def read_labels(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The table in a file, and the words of its tokens. Row a and column b have the label of (a, b).

    Tokens are whole numbers from 0 or from 1, or have names in the first row and column. The words are None if they are
    0 .. P-1. Raises InputError for a file without a table, and for a file that can be read in two ways.
    """
    with refusing("table file", path, "P × P labels in 0 .. P-1, or words that its first row and column name"):
        if path.suffix.lower() == ".npy":
            table = load_npy(path)
            if table.size and table.min() == 1 and table.max() == len(table):
                table -= 1
                say(path, [f"1 .. {len(table)} are taken for 0 .. {len(table) - 1}"])
            elif table.size and 0 < table.min() <= table.max() < len(table):
                say(path, [f"{FROM_ZERO} {len(table)} is a label"])
            return table, None
        lines, said = read_lines(path)
        rows = rows_of(lines, said, is_square=True)
        plain = {cell: _plain(cell) for cell in _words(rows)}
        table, words = _labels([Row(place, [plain[cell] for cell in cells]) for place, cells in rows], said)
        say(path, said)
        return table, words


def _plain(cell: str) -> str:
    """The cell, with a whole number as Python writes it: 3 for 3.0. Other cells stay as they are."""
    is_whole = "." in cell and NUMBER.fullmatch(cell) and float(cell).is_integer()
    return str(int(float(cell))) if is_whole else cell


def _labels(rows: list[Row], said: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """As `read_labels`, for a square table of cells from `_plain`."""
    words, n = _words(rows), len(rows)
    numbers = _places(words, n)
    # Other numbers, as 1, 3, 5, 7, are names if the first row and the first column are equal. Otherwise they are typos.
    has_typo = all(map(WHOLE.fullmatch, words)) and rows[0].cells != [cells[0] for _, cells in rows]
    if words <= {*numbers} or has_typo:
        if "0" not in numbers:
            said.append(f"1 .. {n} are taken for 0 .. {n - 1}")
        elif "0" not in words:
            said.append(f"{FROM_ZERO} {n} is a label")
        if _words(rows, 1) <= {*rows[0].cells[1:]} == {cells[0] for _, cells in rows[1:]}:
            if _is_even(rows, 1) and not _is_even(rows, 0):
                raise DamagedFileError("its first row and column may be names: leave the first cell empty then")
            said.append(f"it is taken as it stands, {n} × {n} labels, and no names in the first row and column")
        return _values(rows, 0, numbers, f"no element: these are {_some([*numbers])}"), None
    head = int(_has_head(rows))
    names, labels = rows[0].cells[head:], _words(rows, head)
    names = sorted(names, key=int) if all(map(WHOLE.fullmatch, names)) else names
    places = _places(labels, len(names))
    if not head or not labels <= {*places} or labels & {*names}:
        places = {name: i for i, name in enumerate(names)}
    elif not labels & {"0", str(len(names))}:
        said.append(f"{FROM_ZERO} {len(names)} is a label")
    table = _arranged(_values(rows, head, places, f"no element: these are {_some([*places])}"), rows, head, names)
    where = "cells of" if head else "no head is there, and"
    said.append(f"{where} the first row and column name the elements: 0 .. {len(names) - 1} are {_some(names)}")
    return table, None if names == [str(i) for i in range(len(names))] else np.array(names)


def _has_head(rows: list[Row]) -> bool:
    """Whether the first row and column are names: then the corner is no label. Raises DamagedFileError if unclear."""
    corner = rows[0].cells[0]
    has_head = len(rows) > 2 and corner not in _words(rows, 1)
    is_mark = not re.search(r"\w", corner)
    if has_head != is_mark and not _is_even(rows, int(has_head)):
        raise DamagedFileError(f"its first cell {corner[:40]!r} may be an element or none: leave it empty")
    return has_head


def _is_even(rows: list[Row], head: int) -> bool:
    """Whether every word below and right of a head occurs once per row on average, as in a group's table."""
    counts = Counter(cell for _, cells in rows[head:] for cell in cells[head:])
    return {*counts.values()} == {len(rows) - head}
