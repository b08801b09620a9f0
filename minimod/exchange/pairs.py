"""A user's pairs: columns a, b, label, and maybe true_label and part; or equations a+b=c. Tokens are words."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minimod.data import PARTS
from minimod.discovery.places import rare_tokens
from minimod.errors import InputError, choice
from minimod.groups.rules import MOST_TOKENS
from minimod.runs.data import COLUMNS
from minimod.runs.files import DamagedFileError, refusing
from minimod.runs.reading import Row, read_lines, rows_of, say

NEEDED, TOKENS = COLUMNS[:3], COLUMNS[:4]           # the columns that a file must have; the columns that hold tokens

LEFT_OUT = {"true_label": "", "part": PARTS[0]}     # the cells of columns that a file does not have

REPEATS = ("majority",)     # ways to treat a pair with several labels

# a + b = c with blanks around any sign; or a+b=c, if no token has one of SIGNS, except a minus at its start.
SIGNS = r"+\-*/×·⋅∘∗⊕⊗,"
SPACED = re.compile(r"([^ =]+) ([^ =]+) ([^ =]+) ?==? ?([^ =]*)")
TIGHT = re.compile(rf"(-?[^ ={SIGNS}]+) ?([{SIGNS} ]) ?(-?[^ ={SIGNS}]+) ?==? ?(-?[^ ={SIGNS}]*)")

# A row: the word in each of COLUMNS. Its place is "line 7" or "row 7".
Rows = list[tuple[str, dict[str, str]]]


def load_pairs(
    path: Path, tokens: Sequence[str] | None = None, repeats: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs in a file, as `train` takes them: integers of shape (n, 5). Also their tokens, texts of shape (P,).

    For the columns of the pairs see `data.given_dataset`. tokens: the allowed words. None: all words of the columns a,
    b, label and true_label, sorted; as numbers if all are whole numbers. Columns with other names are ignored, and so
    are rows without a label. If true_label is missing or empty, it is not known. Without part, all pairs are for
    training. A pair may come again with the same label. repeats: with "majority", a pair may also come with other
    labels. The commonest label is taken, and a pair with a tie is left out. How the file was read is logged. Raises
    InputError for any other file.
    """
    if repeats is not None:
        choice("repeats", repeats, REPEATS)
    with refusing("pairs", path, f"a table with columns {', '.join(NEEDED)}, or equations a+b=c"):
        lines, said = read_lines(path)
        rows = _read_rows(_equations(lines, said) if "=" in lines[0][1] else rows_of(lines, said))
    rows = _once(path, _spelled_alike(rows, said), repeats, said)
    words = {row[name] for _, row in rows for name in TOKENS} - {""}
    known = _sorted(words) if tokens is None else list(tokens)
    if outside := sorted(words.difference(known)):
        raise InputError("pairs", str(path), f"of tokens {known[0]} to {known[-1]}, and {outside[0]!r} is none of them")
    if not rows or not 2 <= len(known) <= MOST_TOKENS:
        allowed = f"of at least one pair and two tokens, and at most {MOST_TOKENS} tokens"
        raise InputError("pairs", f"{path}, with {len(known)} tokens and {len(rows)} pairs", allowed)
    number = {"": -1} | {word: place for place, word in enumerate(known)}       # "": a true label that is not known
    pairs = np.array([[*(number[row[name]] for name in TOKENS), PARTS.index(row["part"])] for _, row in rows], np.int64)
    found, counts = np.unique(pairs[:, :3], return_counts=True)
    if rare := [f"{known[found[i]]!r} ({counts[i]} of {counts.sum()} words)" for i in rare_tokens(counts)]:
        said.append(f"rare tokens: {', '.join(rare[:5])}{', ...' if len(rare) > 5 else ''}: a typo?")
    if not np.isin(pairs[:, 2], pairs[:, :2]).any():
        said.append("no label is also an a or b")
    say(path, said)
    return pairs, np.array(known)


def _read_rows(found: list[Row]) -> Rows:
    """The rows that have a label, below a row of names. Raises DamagedFileError."""
    header = [name.lower() for name in found[0].cells]
    if missing := [name for name in NEEDED if name not in header]:
        raise DamagedFileError(f"its first line has no {' and no '.join(missing)}")
    if any(header.count(name) > 1 for name in COLUMNS):
        raise DamagedFileError("its first line has a column twice")
    rows = []
    for place, cells in found[1:]:
        row = LEFT_OUT | {name: cell for name, cell in zip(header, cells, strict=True) if name in COLUMNS}
        if row["label"]:            # `predictions` leaves unknown labels blank
            _check(row, place)
            rows.append((place, row))
    return rows


def _check(row: dict[str, str], place: str) -> None:
    """Raise DamagedFileError unless a row has words for its tokens, and the name of a part."""
    for name in TOKENS:
        if len(row[name].splitlines()) != 1 and (name, row[name]) != ("true_label", ""):
            raise DamagedFileError(f"{name} is {row[name]!r} in {place}, which is no word")
    if row["part"] not in PARTS:
        raise DamagedFileError(f"part is {row['part']!r} in {place}; it must be {', '.join(PARTS)}")


def _equations(lines: list[tuple[str, str]], said: list[str]) -> list[Row]:
    """The rows of equations, below a row of names. Raises DamagedFileError unless each line has the same sign."""
    rows, sign = [Row("", [*NEEDED])], ""
    for place, line in lines:
        text = " ".join(line.strip(' \t\r\n,;"').split())
        match = SPACED.fullmatch(text) or TIGHT.fullmatch(text)
        is_clear = match and not any(re.search(r"[%$<>]|\bmod\b|\(mod", word) or word.count("(") != word.count(")")
                                     for word in match.groups())
        if not match or not is_clear or match[2] != (sign or match[2]):
            allowed = f"no equation a{sign or '+'}b=c; if words have signs, put blanks around the sign between them"
            raise DamagedFileError(f"{place} is {text[:40]!r}, and {allowed}")
        sign = match[2]
        rows.append(Row(place, [match[1], match[3], match[4]]))
    said.append(f"equations a {sign} b = label")
    return rows


def _spelled_alike(rows: Rows, said: list[str]) -> Rows:
    """The rows with 3 for 3.0, if some token is 3 as well. The reason: pandas writes 3.0 in a column with gaps."""
    words = {row[name] for _, row in rows for name in TOKENS}
    floats = {word: word[:-2] for word in words if re.fullmatch(r"-?\d+\.0", word)}
    if not words & {*floats.values()}:
        return rows
    said.append(f"{min(floats)} is taken for {floats[min(floats)]}, and other numbers likewise")
    return [(place, row | {name: floats.get(row[name], row[name]) for name in TOKENS}) for place, row in rows]


def _once(path: Path, rows: Rows, repeats: str | None, said: list[str]) -> Rows:
    """One row for each pair. Raises InputError for a pair with two parts, two true labels, or two labels."""
    of_pair = defaultdict(list)
    for place, row in rows:
        of_pair[row["a"], row["b"]].append((place, row))
    if len(of_pair) == len(rows):
        return rows
    merged, several, ties = [], 0, 0
    for pair, same in of_pair.items():
        _check_same(path, pair, same, ("part", "true_label") if repeats else ("part", "true_label", "label"))
        (label, most), *others = Counter(row["label"] for _, row in same).most_common(2)
        several += len(others)
        if others and others[0][1] == most:
            ties += 1
            continue
        place, row = same[0]
        merged.append((place, row | {"label": label, "true_label": max(row["true_label"] for _, row in same)}))
    said.append(f"{len(rows) - len(of_pair)} rows repeat a pair, and are merged with it")
    if several:
        said.append(f"{several} pairs have several labels: {several - ties} get the commonest, {ties} tie and are out")
    return merged


def _check_same(path: Path, pair: tuple[str, str], rows: Rows, names: Sequence[str]) -> None:
    """Raise InputError if the rows of a pair have two words in a column."""
    for name in names:
        places: dict[str, str] = {}
        for place, row in rows:
            places.setdefault(row[name], place)
        places.pop("", None)
        if len(places) > 1:
            both = " and ".join(f"{word} in {place}" for word, place in [*places.items()][:2])
            way = "; or give --repeats majority" if name == "label" else ""
            allowed = f"given with each pair once; {' '.join(pair)} comes {len(rows)} times, its {name} is {both}{way}"
            raise InputError("pairs", str(path), allowed)


def _sorted(words: set[str]) -> list[str]:
    """The sorted words: by number, if all are whole numbers and no number is written in two ways."""
    try:
        values = {int(word): word for word in words if word.isascii()}
    except ValueError:
        values = {}
    return [values[value] for value in sorted(values)] if len(values) == len(words) else sorted(words)
