"""Pairs of one's own: a CSV file with columns a, b, label, and maybe true_label and part, tokens being any words."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minimod.data import PARTS
from minimod.errors import InputError
from minimod.groups.rules import MOST_TOKENS
from minimod.runs.data import COLUMNS
from minimod.runs.files import read_table

NEEDED, TOKENS = COLUMNS[:3], COLUMNS[:4]           # the columns that a file must have; the columns that hold tokens

LEFT_OUT = {"true_label": "", "part": PARTS[0]}     # what stands in the columns that a file does not have


def load_pairs(path: Path, tokens: Sequence[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The pairs in a CSV file, as `train` takes them, and their tokens.

    The tokens are all words of the columns a, b, label and true_label, sorted, as numbers if all are whole numbers; or
    those given, where the file may have no others. Columns with other names, and rows without a label, are left alone.
    Where true_label is not there or empty, it is not known; without part all pairs are for training. The pairs are
    integers of shape (n, 5), see `data.given_dataset`, the tokens texts of shape (P,). Raises InputError for anything
    that is not such a file, or has a pair twice.
    """
    try:
        rows = _read_rows(path)
    except ValueError as error:
        raise InputError("pairs", str(path), f"a CSV file with columns {', '.join(NEEDED)} ({error})") from error
    words = {row[name] for row in rows for name in TOKENS} - {""}
    known = _sorted(words) if tokens is None else list(tokens)
    if outside := sorted(words.difference(known)):
        raise InputError("pairs", str(path), f"of {known[0]} to {known[-1]} alone, and {outside[0]!r} is none of them")
    if not rows or not 2 <= len(known) <= MOST_TOKENS:
        allowed = f"of one pair and two tokens at least, and {MOST_TOKENS} at most"
        raise InputError("pairs", f"{path}, with {len(known)} tokens and {len(rows)} pairs", allowed)
    (both, times), = Counter((row["a"], row["b"]) for row in rows).most_common(1)
    if times > 1:
        raise InputError("pairs", str(path), f"of each pair once, and {' '.join(both)} comes {times} times")
    number = {"": -1} | {word: place for place, word in enumerate(known)}       # "": a true label that is not known
    pairs = [[*(number[row[name]] for name in TOKENS), PARTS.index(row["part"])] for row in rows]
    return np.array(pairs, np.int64), np.array(known)


def _read_rows(path: Path) -> list[dict[str, str]]:
    """The rows that have a label: the word in each of COLUMNS. Raises what reading raises, and ValueError."""
    head, lines = read_table(path)
    header = [name.strip().lower() for name in head]
    if missing := [name for name in NEEDED if name not in header]:
        raise ValueError(f"its first line has no {' and no '.join(missing)}")
    if any(header.count(name) > 1 for name in COLUMNS):
        raise ValueError("its first line has a column twice")
    rows = []
    for line, cells in lines:
        row = LEFT_OUT | {name: cell.strip() for name, cell in zip(header, cells, strict=True) if name in COLUMNS}
        if row["label"]:            # `predictions` leaves the labels blank that it does not know
            _check(row, line)
            rows.append(row)
    return rows


def _check(row: dict[str, str], line: int) -> None:
    """Raise ValueError unless a row has words for its tokens, and the name of a part."""
    for name in TOKENS:
        if len(row[name].splitlines()) != 1 and (name, row[name]) != ("true_label", ""):
            raise ValueError(f"{name} is {row[name]!r} in line {line}, and no word")
    if row["part"] not in PARTS:
        raise ValueError(f"part is {row['part']!r} in line {line}, and not {', '.join(PARTS)}")


def _sorted(words: set[str]) -> list[str]:
    """The words in order: of numbers if all are whole numbers, and none is written in two ways."""
    try:
        values = {int(word): word for word in words if word.isascii()}
    except ValueError:
        values = {}
    return [values[value] for value in sorted(values)] if len(values) == len(words) else sorted(words)
