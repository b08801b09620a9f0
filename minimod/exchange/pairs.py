"""Pairs of one's own: a CSV file with columns a, b, label, and maybe true_label and part, tokens being any words."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minimod.data import PARTS
from minimod.errors import InputError
from minimod.groups.rules import MOST_TOKENS
from minimod.runs.data import COLUMNS
from minimod.runs.files import MAX_NUMBERS_BYTES, read_bytes

NEEDED = COLUMNS[:3]


def load_pairs(path: Path, tokens: Sequence[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The pairs in a CSV file, as `train` takes them, and their tokens.

    The tokens are all words of the columns a, b, label and true_label, sorted, as numbers if all are whole numbers; or
    those given, where the file may have no others. Columns with other names, and rows without a label, are left alone.
    Where true_label is not there or empty, it is not known; without part all pairs are for training. The pairs are
    integers of shape (n, 5), see `data.given_dataset`, the tokens texts of shape (P,). Raises InputError for anything
    that is not such a file, or has a pair twice.
    """
    try:
        lines = read_bytes(path, MAX_NUMBERS_BYTES).decode("utf-8-sig").splitlines(keepends=True)
        first = lines[0] if lines else ""
        reader = csv.reader(lines, delimiter=max(",;\t", key=first.count), strict=True)
        header = [name.strip().lower() for name in next(reader, [])]
        if missing := [name for name in NEEDED if name not in header]:
            raise ValueError(f"its first line has no {' and no '.join(missing)}")
        there = [name for name in COLUMNS if name in header]
        if len(set(header) & set(COLUMNS)) < sum(name in COLUMNS for name in header):
            raise ValueError("its first line has a column twice")
        rows = [_checked(row, header, there, reader.line_num) for row in reader if _has_label(row, header)]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError("pairs", str(path), f"a CSV file with columns {', '.join(COLUMNS[:3])} ({error})") from error
    columns = dict(zip(there, zip(*rows, strict=True), strict=True)) if rows else {}
    words = {word for name in COLUMNS[:4] for word in columns.get(name, ())} - {""}
    known = _sorted(words) if tokens is None else list(tokens)
    number = {word: place for place, word in enumerate(known)}
    if outside := sorted(words - number.keys()):
        raise InputError("pairs", str(path), f"of {known[0]} to {known[-1]} alone, and {outside[0]!r} is none of them")
    if not rows or not 2 <= len(known) <= MOST_TOKENS:
        allowed = f"of one pair and two tokens at least, and {MOST_TOKENS} at most"
        raise InputError("pairs", f"{path}, with {len(known)} tokens and {len(rows)} pairs", allowed)
    (both, times), = Counter(zip(columns["a"], columns["b"], strict=True)).most_common(1)
    if times > 1:
        raise InputError("pairs", str(path), f"of each pair once, and {' '.join(both)} comes {times} times")
    pairs = np.zeros((len(rows), len(COLUMNS)), np.int64)
    pairs[:, COLUMNS.index("true_label")] = -1
    numbers = {**number, "": -1}            # a true label that is not known
    for name, column in columns.items():
        pairs[:, COLUMNS.index(name)] = [PARTS.index(word) if name == "part" else numbers[word] for word in column]
    return pairs, np.array(known)


def _has_label(row: list[str], header: list[str]) -> bool:
    """Whether a row is to be read: it is not empty, and its label is none of the blanks that `predictions` leaves."""
    return bool(row) and (len(row) != len(header) or bool(row[header.index("label")].strip()))


def _checked(row: list[str], header: list[str], there: list[str], line: int) -> list[str]:
    """The words of a row in the columns that count. Raises ValueError where one is none, or no part's name."""
    if len(row) != len(header):
        raise ValueError(f"line {line} has {len(row)} cells and the first {len(header)}")
    words = [row[header.index(name)].strip() for name in there]
    for name, word in zip(there, words, strict=True):
        if (len(word.splitlines()) != 1 or "\0" in word) and (name, word) != ("true_label", ""):
            raise ValueError(f"{name} is {word!r} in line {line}, and no word")
        if name == "part" and word not in PARTS:
            raise ValueError(f"part is {word!r} in line {line}, and not {', '.join(PARTS)}")
    return words


def _sorted(words: set[str]) -> list[str]:
    """The words in order: of numbers if all are whole numbers, and none is written in two ways."""
    try:
        values = {int(word): word for word in words if word.isascii()}
    except ValueError:
        values = {}
    return [values[value] for value in sorted(values)] if len(values) == len(words) else sorted(words)
