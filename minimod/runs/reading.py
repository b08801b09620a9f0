"""Tables, matrices and pairs that people bring: cells are found by content, and what was taken for what is said.

Cells may be separated by semicolons, commas, tabs or spaces. Rows may stand in brackets, as Python, GAP, Sage,
Mathematica and MATLAB print them, or in JSON. No code runs. What can be read in two ways is refused.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minimod.engine.device import warn_once
from minimod.runs.files import DamagedFileError, decoded_lines, load_npy, refusing

SEPARATORS = {";": "semicolons", ",": "commas", "\t": "tabs", " ": "spaces"}
OPENING = re.compile(r"\s*([\w.]+\s*:?=\s*)?([\w.]+\s*\(\s*)*[\[{]")      # [, or A := [, or np.array([
INNERMOST = re.compile(r"[\[{]([^\[\]{}]*)[\]}]")
OUTSIDE = re.compile(r"([\w.]+:?=)?[\w.(]*[\[{]*[\]}]*(\w+=[\w.]+)?\)*")        # what may stand around the rows
CELL = re.compile(r"""'[^']*'|"[^"]*"|(?:\([^()]*\))+|[^\s,;]+""")
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
CYCLE = re.compile(r"\([^()\n]*\)")       # (1,2,3) is in one cell


class Row(NamedTuple):
    """The cells of a row, and its place in the file, in words."""

    place: str
    cells: list[str]


class Text(NamedTuple):
    """The lines of a file, each with its number, but for empty lines, comments and drawn lines.

    said: what was left out or taken for what, in words.
    """

    lines: list[tuple[int, str]]
    said: list[str]


def say(path: Path, said: Sequence[str]) -> None:
    """Log what a file was taken for, the first time that it is read."""
    if said:
        warn_once(f"{path}: {'; '.join(said)}")


def read_text(path: Path) -> Text:
    """The lines of a file. Raises DamagedFileError as `decoded_lines` does.

    A comment begins with # or %. Where no blank follows and the line has as many words as the first one, it is no
    comment: the mark may belong to a word.
    """
    lines = [(number, line.rstrip("\r\n") + "\n") for number, line in enumerate(decoded_lines(path), 1)]
    lines = [(number, line) for number, line in lines if line.strip(" \t\n,;")]
    usual = next((_words(line) for _, line in lines if line.lstrip()[0] not in "#%"), 0)
    kept = [
        (number, line) for number, line in lines
        if not re.match(r"\s*[#%]", line) or (re.match(r"\s*[#%]+\S", line) and _words(line) == usual)
    ]
    said = [f"lines left out as comments: {len(lines) - len(kept)}"] if len(kept) < len(lines) else []
    if marked := [line.split()[0][:40] for _, line in kept if line.lstrip()[0] in "#%"]:
        said.append(f"{marked[0]!r} begins a row and no comment")
    # Sage and Markdown draw a line below a head, and bars between columns.
    rows = [(number, line) for number, line in kept if line.strip(" \t\n|+:=-") or not re.search("---|===", line)]
    if len(rows) < len(kept):
        rows = [(number, line.replace("|", " ")) for number, line in rows]
    return Text(rows, said)


def _words(line: str) -> int:
    return len(re.split(r"[,;\s]+", line.strip()))


def rows_of(text: Text) -> list[Row]:
    """The rows of a text. What separates the cells is added to `said`, if that is no comma. Raises DamagedFileError."""
    if not text.lines:
        return []
    rows = _in_brackets(text) or _separated(text)
    head = rows[0].cells
    for place, cells in rows:
        if cut := {"...", "…"}.intersection(cells):
            raise DamagedFileError(f"{place} is cut short by {cut.pop()}: save it whole")
        while cells and not cells[-1] and (cells is head or len(cells) > len(head)):       # a separator at the end
            cells.pop()
    return rows


def check_even(rows: Sequence[Row]) -> None:
    """Raise DamagedFileError unless each row has as many cells as the first."""
    for place, cells in rows:
        width = len(rows[0].cells)
        if len(cells) != width:
            raise DamagedFileError(f"{place} has {len(cells)} cell{'s' * (len(cells) != 1)}, and the first {width}")


def _separated(text: Text) -> list[Row]:
    """The rows by the first separator that gives each row as many cells, or, as people do, the first row one less."""
    first = text.lines[0][1]
    for separator in SEPARATORS:
        try:
            rows = _split(text.lines, separator)
        except DamagedFileError:
            continue
        head, *widths = (len(row.cells) for row in rows)
        width = widths[0] if widths else head
        is_split = separator == "\t" or not any("\t" in cell for row in rows for cell in row.cells)
        if {*widths} <= {width} and 1 < width and width - 1 <= head <= width and is_split:
            break
    else:
        separator = max(SEPARATORS, key=first.count)
        rows = _split(text.lines, separator)
    if separator != "," and separator in first:
        text.said.append(f"cells are separated by {SEPARATORS[separator]}")
    return rows


def _split(lines: list[tuple[int, str]], separator: str) -> list[Row]:
    """The rows of lines with a separator; spaces are any blanks. Raises DamagedFileError for an open quote."""
    def hidden(line: str) -> str:
        line = CYCLE.sub(lambda cycle: cycle[0].replace(separator, "\0"), line)
        if separator == " ":
            parts = line.strip().split('"')
            parts[::2] = [re.sub(r"\s+", "\t", part) for part in parts[::2]]     # the others are quoted
            line = '"'.join(parts)
        return line

    delimiter, rows = separator.replace(" ", "\t"), []
    reader = csv.reader((hidden(line) for _, line in lines), delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            cells = [cell.strip().replace("\0", separator) for cell in cells]
            rows.append(Row(f"line {lines[reader.line_num - 1][0]}", cells))
    except csv.Error as error:
        raise DamagedFileError(f"line {lines[reader.line_num - 1][0]} has {error}") from error
    return [row for row in rows if any(row.cells)]


def _in_brackets(text: Text) -> list[Row] | None:
    """The rows in brackets. None if there are no brackets, or if each holds one cell: [0] may be a word."""
    joined = "".join(line for _, line in text.lines)
    if not OPENING.match(joined):
        return None
    if '"' in joined:
        try:
            data = json.loads(joined)
        except (ValueError, RecursionError):        # {{"a", "b"}, ...} is Mathematica's
            data = None
        if data is not None:
            text.said.append("it is JSON")
            return _from_json(data)
    found = [*INNERMOST.finditer(joined)]
    parts = r"(?s).+" if len(found) > 1 else r"[^;\n]+"        # MATLAB has all rows in one pair of brackets
    rows, line, last = [], 0, 0
    for match in found:
        for part in re.finditer(parts, match[1]):
            start = match.start(1) + part.start()
            line, last = line + joined.count("\n", last, start), start
            if cells := [_unquoted(cell) for cell in CELL.findall(part[0])]:
                rows.append(Row(f"line {text.lines[line][0]}", cells))
    if all(len(row.cells) == 1 for row in rows):
        return None
    outside = re.sub(r"[\s,;]+", "", INNERMOST.sub("", joined))
    if len(outside) > 100 or not OUTSIDE.fullmatch(outside):
        raise DamagedFileError(f"{outside[:30]!r} stands outside of its brackets")
    if len({row.place for row in rows}) < len(rows):
        rows = [Row(f"row {number}", row.cells) for number, row in enumerate(rows, 1)]
    text.said.append("rows are in brackets")
    return rows


def _unquoted(cell: str) -> str:
    return cell[1:-1] if cell[0] in "\"'" and cell[-1] == cell[0] else cell


def _from_json(data: Any) -> list[Row]:
    """The rows of a list of lists; or of an object with a table, under its elements if it has any."""
    elements = None
    if isinstance(data, dict):
        data, elements = data.get("table"), data.get("elements")
    lists = [data, *data] if isinstance(data, list) else [data]
    if not all(isinstance(each, list) and each for each in [*lists, *([elements] if elements is not None else [])]):
        raise DamagedFileError("its JSON is no list of lists, and no object with a table and elements")
    if any(isinstance(cell, (dict, list, bool, type(None))) for row in [*data, elements or []] for cell in row):
        raise DamagedFileError("its JSON has cells that are neither numbers nor words")
    rows = [[str(cell).strip() for cell in row] for row in data]
    if elements is not None:
        names = [str(element).strip() for element in elements]
        if len(names) != len(rows):
            raise DamagedFileError(f"its JSON has {len(names)} elements, and {len(rows)} rows")
        rows = [["", *names], *([name, *row] for name, row in zip(names, rows, strict=True))]
    return [Row(f"row {number}", row) for number, row in enumerate(rows, elements is None)]


def _with_corner(rows: list[Row]) -> list[Row]:
    """Even rows: the first gets an empty cell before it, where it has one less, as R and Sage leave the corner out."""
    if not rows:
        raise DamagedFileError("it is empty")
    place, head = rows[0]
    if len(rows) == len(head) + 1 > 2 and all(len(cells) == len(rows) for _, cells in rows[1:]):
        rows = [Row(place, ["", *head]), *rows[1:]]
    check_even(rows)
    return rows


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell)
    except ValueError:
        return False
    return True


def _plain(cell: str) -> str:
    """A whole number as Python writes it, as 3 for 3.0; another cell, as 03, as it is."""
    if not cell.isascii() or re.search(r"[_,]|^[+-]?0\d", cell) or not _is_number(cell):
        return cell
    value = float(cell)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else cell


def _is_whole(cell: str) -> bool:
    return re.fullmatch(r"0|-?[1-9]\d*", cell, re.ASCII) is not None


def _shown(cell: str) -> str:
    return cell if _is_whole(cell) else repr(cell[:40])


def read_weights(path: Path) -> np.ndarray:
    """The numbers of a matrix in a file, in float64, of shape (n, m). Raises InputError for another file.

    A first row and column may have the numbers of the tokens, in order.
    """
    with refusing("noise_matrix", path, "a table of numbers, as many in every line, or an npy file"):
        if path.suffix.lower() == ".npy":
            return load_npy(path)
        text = read_text(path)
        rows = _with_corner(rows_of(text))
        n, width = len(rows), len(rows[0].cells)
        has_corner = n == width and not _is_number(rows[0].cells[0])
        top, left = n == width + 1 or has_corner, width == n + 1 or has_corner
        heads = [rows[0].cells[left:]] * top + [[row.cells[0] for row in rows[top:]]] * left
        for head in heads:
            if head not in [[str(i + first) for i in range(len(head))] for first in (0, 1)]:
                raise DamagedFileError(f"{_named(top, left)} are not the numbers of the tokens in order")
        text.said.extend([f"{_named(top, left)} are the numbers of the tokens"] * bool(heads))
        weights = np.empty((n - top, width - left))
        for i, (place, cells) in enumerate(rows[top:]):
            for j, cell in enumerate(cells[left:]):
                if not _is_number(cell):
                    raise DamagedFileError(f"{place}, cell {j + left + 1}: {_shown(cell)} is no number")
                weights[i, j] = float(cell.replace(",", "."))
        if any("," in cell for _, cells in rows for cell in cells):
            text.said.append("commas are decimal")
        say(path, text.said)
        return weights


def _named(top: bool, left: bool) -> str:
    return "cells of the first " + " and ".join(["row"] * top + ["column"] * left)


def read_labels(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The labels of (a, b) in row a and column b of a file, and the words of its tokens; None for 0 .. P-1.

    Tokens are whole numbers from 0 or from 1, or have names in the first row and column. Raises InputError for a file
    that is no table, or one in two ways.
    """
    with refusing("table file", path, "P × P labels in 0 .. P-1, or words that its first row and column name"):
        if path.suffix.lower() == ".npy":
            table, said, words = load_npy(path), [], None
            if table.ndim == 2 and table.size and (table >= 1).all() and table.max() == len(table):
                table, said = table - 1, [_from_one(len(table))]
        else:
            text = read_text(path)
            rows, said = _with_corner(rows_of(text)), text.said
            plain = {cell: _plain(cell) for cell in {*chain.from_iterable(row.cells for row in rows)}}
            table, words = _labels([Row(place, [plain[cell] for cell in cells]) for place, cells in rows], said)
        say(path, said)
        return table, words


def _from_one(P: int) -> str:
    return f"1 .. {P} are taken for 0 .. {P - 1}"


def _lowest(cells: set[str], P: int) -> int:
    """The number of the first of P tokens: 1 if there is a P, and no 0."""
    return int(str(P) in cells and "0" not in cells)


def _labels(rows: list[Row], said: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """As `read_labels`, of rows of as many plain cells in each."""
    n, width = len(rows), len(rows[0].cells)
    cells = [row.cells for row in rows]
    if min(n, width) < 2 or abs(n - width) > 1:
        raise DamagedFileError(f"it has shape {n, width}")
    for i, (place, row) in enumerate(rows):
        if "" in row[not i:]:
            raise DamagedFileError(f"{place}, cell {row.index('', not i) + 1} is empty")
    if n == width and all(map(_is_whole, {*chain(*cells)})):
        table = _numbers(rows, said)
        return (table, None) if table is not None else _by_names(rows, False, False, said)
    if n == width:
        has_names = _has_names(cells)
        return _by_names(rows, has_names, has_names, said)
    top, left = n > width, width > n
    if not _is_latin([row[left:] for row in cells[top:]]):      # it may be a line too many
        raise DamagedFileError(f"it has shape {n, width}")
    return _by_names(rows, top, left, said)


def _by_names(rows: list[Row], top: bool, left: bool, said: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """As `read_labels`. top, left: whether the first row, the first column are names of the elements, and no labels.

    Without either, the labels of the first row and column are the names in order, as where the identity comes first.
    """
    cells = [row.cells for row in rows]
    down = [row[0] for row in cells[top:]]
    given = cells[0][left:] if top or not left else down
    names = sorted(given, key=int) if all(map(_is_whole, given)) else given
    number, P = {name: i for i, name in enumerate(names)}, len(names)
    if len(number) < P:
        twice = Counter(names).most_common(1)[0][0]
        raise DamagedFileError(f"{_named(top or not left, left and not top)} have {_shown(twice)} twice")
    some = ", ".join(map(_shown, names[:3])) + ", ..." * (P > 4) + f", {_shown(names[-1])}" * (P > 3)
    labels = {*chain(*(row[left:] for row in cells[top:]))}
    places = {str(i + _lowest(labels, P)): i for i in range(P)}
    number_of = places if top and left and not any(map(_is_whole, names)) and labels <= {*places} else number
    for place, row in rows[top:]:
        for j, cell in enumerate(row[left:], left + 1):
            if cell not in number_of:
                raise DamagedFileError(f"{place}, cell {j}: {_shown(cell)} is no element: these are {some}")
    for i, (place, row) in enumerate(rows[top:]):
        if top == left and (row[0] not in number or row[0] in down[:i] or (row[0] != given[i] and not top)):
            raise DamagedFileError(f"{place}, cell 1: {_shown(row[0])} names no row, as the first row names columns")
    table = np.empty((P, P), np.int64)
    of_a, of_b = ([number[name] for name in each] for each in (down if left else given, given))
    table[np.ix_(of_a, of_b)] = [[number_of[cell] for cell in row[left:]] for row in cells[top:]]
    if names == [str(i) for i in range(P)]:
        return table, None
    where = _named(top, left) if top or left else "no head is there, and the first row and column"
    said.append(f"{where} name the elements: 0 .. {P - 1} are {some}")
    return table, np.array(names)


def _numbers(rows: list[Row], said: list[str]) -> np.ndarray | None:
    """The labels of P × P whole numbers from 0 or 1; None where other numbers name the elements, in order."""
    P, cells = len(rows), [row.cells for row in rows]
    first = _lowest({*chain(*cells)}, P)
    table = np.array([[int(cell) for cell in row] for row in cells]) - first
    outside = np.argwhere((table < 0) | (table >= P))
    across, down = cells[0], [row[0] for row in cells]
    if not len(outside):
        if across[1:] == down[1:] and {*chain(*(row[1:] for row in cells[1:]))} <= {*across[1:]} and P > 2:
            said.append(f"it is taken as it stands, {P} × {P} labels, and no names in the first row and column")
        said.extend([_from_one(P)] * first)
        return table
    if across == down == sorted({*across}, key=int):
        return None
    i, j = outside[0]
    raise DamagedFileError(f"{rows[i].place}, cell {j + 1}: {cells[i][j]} is none of {first} .. {P - 1 + first}")


def _has_names(cells: list[list[str]]) -> bool:
    """Whether the first row and column are names: the corner is no label. Raises DamagedFileError for a doubt."""
    corner, inner = cells[0][0], [row[1:] for row in cells[1:]]
    has_names, is_mark = corner not in {*chain(*inner)}, not re.search(r"\w", corner)
    if has_names != is_mark and not _is_latin(inner if has_names else cells):
        raise DamagedFileError(f"its first cell {_shown(corner)} may be an element or none: leave it empty")
    return has_names


def _is_latin(cells: Sequence[Sequence[str]]) -> bool:
    """Whether each row and column has each of the same n cells once."""
    return {len({*line}) for line in [*cells, *zip(*cells, strict=True)]} | {len({*chain(*cells)})} == {len(cells)}
