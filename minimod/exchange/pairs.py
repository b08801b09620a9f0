"""Pairs of one's own: columns a, b, label, and maybe true_label and part; or equations a+b=c. Tokens are any words."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minimod.data import PARTS
from minimod.errors import InputError, choice
from minimod.groups.rules import MOST_TOKENS
from minimod.runs.data import COLUMNS
from minimod.runs.files import DamagedFileError, refusing
from minimod.runs.reading import Text, check_even, read_text, rows_of, say

NEEDED, TOKENS = COLUMNS[:3], COLUMNS[:4]           # the columns that a file must have; the columns that hold tokens

LEFT_OUT = {"true_label": "", "part": PARTS[0]}     # what stands in the columns that a file does not have

REPEATS = ("majority",)     # what may be done with the labels of a pair that has several

EQUALS, MODULO = re.compile(" ?(?:==?|≡) ?"), re.compile(r"( mod| ?\(mod) ?\d+\)?$")

# A row: the word in each of COLUMNS. Its place is "line 7" or "row 7".
Rows = list[tuple[str, dict[str, str]]]


def load_pairs(
    path: Path, tokens: Sequence[str] | None = None, repeats: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs in a file, as `train` takes them, and their tokens.

    The tokens are all words of the columns a, b, label and true_label, sorted, as numbers if all are whole numbers; or
    those given, where the file may have no others. Columns with other names, and rows without a label, are left alone.
    Where true_label is not there or empty, it is not known; without part all pairs are for training. The pairs are
    integers of shape (n, 5), see `data.given_dataset`, the tokens texts of shape (P,). A pair may come again with the
    same label. repeats: with "majority" it may have other labels; the commonest is taken, and a tie is left out. What
    was taken for what is logged. Raises InputError for anything that is not such a file.
    """
    if repeats is not None:
        choice("repeats", repeats, REPEATS)
    with refusing("pairs", path, f"a table with columns {', '.join(NEEDED)}, or equations a+b=c"):
        text = read_text(path)
        first = text.lines[0][1].lower() if text.lines else ""
        is_table = not EQUALS.search(first) or {*NEEDED} <= {*re.split(r"\W+", first)}
        rows = _read_rows(text) if is_table else _equations(text)
    rows = _once(path, rows, repeats, text.said)
    words = {row[name] for _, row in rows for name in TOKENS} - {""}
    known = _sorted(words) if tokens is None else list(tokens)
    if outside := sorted(words.difference(known)):
        raise InputError("pairs", str(path), f"of {known[0]} to {known[-1]} alone, and {outside[0]!r} is none of them")
    if not rows or not 2 <= len(known) <= MOST_TOKENS:
        allowed = f"of one pair and two tokens at least, and {MOST_TOKENS} at most"
        raise InputError("pairs", f"{path}, with {len(known)} tokens and {len(rows)} pairs", allowed)
    if found := rare(Counter(word for _, row in rows for word in {row[name] for name in NEEDED})):
        some = ", ".join(f"{word!r} ({n} row{'s' * (n > 1)})" for word, n in found[:5]) + ", ..." * (len(found) > 5)
        text.said.append(f"rare tokens: {some}: a typo?")
    say(path, text.said)
    number = {"": -1} | {word: place for place, word in enumerate(known)}       # "": a true label that is not known
    pairs = [[*(number[row[name]] for name in TOKENS), PARTS.index(row["part"])] for _, row in rows]
    return np.array(pairs, np.int64), np.array(known)


def _read_rows(text: Text) -> Rows:
    """The rows that have a label. Raises DamagedFileError."""
    found = rows_of(text)
    check_even(found)
    header = [name.lower() for name in found[0].cells] if found else []
    if missing := [name for name in NEEDED if name not in header]:
        raise DamagedFileError(f"its first line has no {' and no '.join(missing)}")
    if any(header.count(name) > 1 for name in COLUMNS):
        raise DamagedFileError("its first line has a column twice")
    rows = []
    for place, cells in found[1:]:
        row = LEFT_OUT | {name: cell for name, cell in zip(header, cells, strict=True) if name in COLUMNS}
        if row["label"]:            # `predictions` leaves the labels blank that it does not know
            _check(row, place)
            rows.append((place, row))
    return rows


def _check(row: dict[str, str], place: str) -> None:
    """Raise DamagedFileError unless a row has words for its tokens, and the name of a part."""
    for name in TOKENS:
        if len(row[name].splitlines()) != 1 and (name, row[name]) != ("true_label", ""):
            raise DamagedFileError(f"{name} is {row[name]!r} in {place}, and no word")
    if row["part"] not in PARTS:
        raise DamagedFileError(f"part is {row['part']!r} in {place}, and not {', '.join(PARTS)}")


def _equations(text: Text) -> Rows:
    """The rows of equations that have a right side. Raises DamagedFileError for a line that is no such equation."""
    places, lefts, labels = [], [], []
    for number, line in text.lines:
        left, *right = EQUALS.split(MODULO.sub("", " ".join(line.split()).strip(' ,;"')))
        if len(right) != 1 or len(right[0].split()) > 1:
            raise DamagedFileError(f"line {number} is {line.strip()[:40]!r}, and no equation as a+b=c")
        places.append(f"line {number}")
        lefts.append(left)
        labels.append(right[0])
    operation, sides = _operation(places, lefts)
    text.said.append(f"equations a{operation}b=label")
    return [
        (place, LEFT_OUT | {"a": a, "b": b, "label": label})
        for place, (a, b), label in zip(places, sides, labels, strict=True) if label
    ]


def _operation(places: list[str], lefts: list[str]) -> tuple[str, list[tuple[str, str]]]:
    """What stands between a and b, the same in each left side, and a and b. Raises DamagedFileError."""
    split = [left.split() for left in lefts]
    if all(len(words) == 3 and words[1] == split[0][1] for words in split):
        return f" {split[0][1]} ", [(a, b) for a, _, b in split]
    ways, failed = {}, -1
    for sign in dict.fromkeys(re.findall(r"[^\w\s()]", lefts[0])):
        one = re.escape(sign)
        token = rf"([+-]?[\w(](?:[^\s{one}]*[^\s{one}+\-*/])?)"     # a sign may come first, and no other comes last
        matches = [re.fullmatch(rf"{token}\s*{one}\s*{token}", left) for left in lefts]
        if all(matches):
            ways[sign] = [(match[1], match[2]) for match in matches if match]
        else:
            failed = max(failed, matches.index(None))
    if not ways and all(len(words) == 2 for words in split):
        ways[" "] = [(a, b) for a, b in split]
    if not ways:
        failed = max(failed, 0)
        raise DamagedFileError(f"{places[failed]} begins with {lefts[failed][:40]!r}, not split as the first line is")
    if len(ways) > 1:
        raise DamagedFileError(f"its lines split at {' and at '.join(ways)}: put blanks around one of them")
    return ways.popitem()


def _once(path: Path, rows: Rows, repeats: str | None, said: list[str]) -> Rows:
    """The rows, those of a pair merged. Raises InputError for a pair of two parts, two true labels, or two labels."""
    if len({(row["a"], row["b"]) for _, row in rows}) == len(rows):
        return rows
    of_pair = defaultdict(list)
    for place, row in rows:
        of_pair[row["a"], row["b"]].append((place, row))
    merged, several, ties = [], 0, 0
    for pair, same in of_pair.items():
        places: dict[str, dict[str, str]] = {name: {} for name in ("part", "true_label", "label")}
        for place, row in same:
            for name, words in places.items():
                words.setdefault(row[name], place)
        places["true_label"].pop("", None)
        for name, words in places.items():
            if len(words) > 1 and (name != "label" or repeats is None):
                both = " and ".join(f"{word} in {place}" for word, place in [*words.items()][:2])
                way = ", or given with repeats majority" * (name == "label")
                allowed = f"of each pair once, and {' '.join(pair)} comes {len(same)} times, its {name} {both}{way}"
                raise InputError("pairs", str(path), allowed)
        (label, most), *others = Counter(row["label"] for _, row in same).most_common()
        several += bool(others)
        if others and others[0][1] == most:
            ties += 1
        else:
            place, row = same[0]
            merged.append((place, row | {"label": label, "true_label": next(iter(places["true_label"]), "")}))
    said.append(f"{len(rows) - len(of_pair)} rows repeat a pair, and are merged with it")
    if several:
        said.append(f"{several} pairs have several labels: {several - ties} get the commonest, {ties} ties are out")
    return merged


def rare(counts: Counter[str]) -> list[tuple[str, int]]:
    """The tokens that are in far fewer rows than the median token, and in how many, the rarest first.

    P(X ≤ n) < 0.01 / tokens for X of Poisson's distribution with the median as its mean, and n < median / 5.
    """
    median = float(np.median([*counts.values()]))

    def chance(n: int) -> float:
        return sum(math.exp(k * math.log(median) - median - math.lgamma(k + 1)) for k in range(n + 1))

    found = [(word, n) for word, n in counts.items() if n < median / 5 and chance(n) < 0.01 / len(counts)]
    return sorted(found, key=lambda each: each[1])


def _sorted(words: set[str]) -> list[str]:
    """The words in order: of numbers if all are whole numbers, and none is written in two ways."""
    try:
        values = {int(word): word for word in words if word.isascii()}
    except ValueError:
        values = {}
    return [values[value] for value in sorted(values)] if len(values) == len(words) else sorted(words)
