"""The search: many starts under one assumption after the other, until a table is a group's and no accident."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from minimod.arrays import checked_array, to_host
from minimod.discovery import reading
from minimod.discovery.certificate import highest_chance, log_choices, log_tables, p_value
from minimod.discovery.groups import recognise
from minimod.discovery.places import absorbing_token, looser, names
from minimod.discovery.reading import Triple
from minimod.discovery.synchronisation import SHARING, Equations, Solver, random_start, unit
from minimod.engine.backend import Backend, open_backend
from minimod.errors import InputError, check_type, checked_number, known_keywords
from minimod.groups.rules import GroupRule, rule_of_table

# What is assumed (of SHARING), the dimension d of representations that are looked for, and how many starts. The cheap
# and likely first.
STAGES = (
    ("group", 1, 64), ("isotope", 1, 64), ("group", 2, 32), ("group", 4, 32),
    ("group", 1, 2048), *(("group", d, 32) for d in (3, 5, 6)),
    ("isotope", 1, 2048), *(("isotope", d, 32) for d in (2, 4, 3, 5, 6)), ("c apart", 1, 1024),
    ("group", 1, 4096), *(("group", d, 256) for d in (2, 4, 3, 5, 6)),
)

SIGNIFICANT = 0.05              # what is found counts below this probability of an accident
WAVE, BATCH = 4, 32             # batches that are worked on at a time, and starts in each, at most
MOST_SEARCHED = 512             # more tokens would take gigabytes and hours

# How many of the likeliest characters of a wave are looked at by themselves, if the value of their squares is so many
# times 1 / √n (64 starts on noise reached 3, 4 and 5); and how many of the matrices are polished together.
CANDIDATES, TOGETHER = 4, 16
BEYOND_NOISE = {"group": 2.7, "c apart": 4.2, "isotope": 5.2}

RECKONED = 0.88                 # the share of wrong labels that beliefs reckon with: for less, they are not needed
BELIEVABLE = 2**25              # pairs times tokens: for more, beliefs are not worth their memory
WORTH = 3.0                     # answers are polished from so many times the commonest label's share, or half-way, on
ALIKE = 6.0                     # standard deviations of χ² that the hits of tokens may be off, to be explained alike


@dataclass(frozen=True, eq=False)
class Found:
    """What a search has found in n labels on P tokens.

    table: of shape (P, P), -1 where nothing is known; all of it, if nothing was found.
    wrong: the labels that disagree, of shape (n,).
    chance: the most of the labels, as a share, that any one table is expected to agree with.
    starts: how many were tried.
    assumption: of SHARING, or None if nothing was found.
    group: its name, or what there is to say of it; None if nothing was found.
    elements: for the tokens of a, b and c, the elements of the group of that name, -1 for tokens that are none, each
        of shape (P,); None where it is no name of minimod's.
    agreement: the share of the labels that the table gives.
    p_value: a bound on the probability of that by chance, see certificate.py; 1 if nothing was found.
    alike: whether all tokens' labels agree alike; if not, this is the nearest group, and perhaps not the rule.
    absorbing: a token that is the product of itself with any other, or None.
    """

    table: np.ndarray = field(repr=False)
    wrong: np.ndarray = field(repr=False)
    chance: float
    starts: int
    assumption: str | None = None
    group: str | None = None
    elements: tuple[np.ndarray, ...] | None = field(default=None, repr=False)
    agreement: float = 0.0
    p_value: float = 1.0
    alike: bool = True
    absorbing: int | None = None


def nothing_found(n_tokens: int, n_labels: int, chance: float, starts: int) -> Found:
    """What there is to say where no group was found."""
    return Found(np.full((n_tokens, n_tokens), -1), np.zeros(n_labels, bool), chance, starts)


@known_keywords
def discover(
    a: Any, b: Any, label: Any, n_tokens: int | None = None, seed: int = 0, seconds: float = 120,
    max_starts: int | None = None, device: str = "auto", threads: int | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> Found:
    """The group that may be behind n labels of pairs of tokens, integers of shape (n,) in 0 .. P-1.

    Nothing is known of it: not which group, nor which token is which element. n_tokens: P, by default as many as there
    are. tell: called with a line now and then. It ends with the first table that is a group's, under one naming of a, b
    and c, or with c or all three named apart, that agrees with more labels than chance explains, and with those of all
    tokens alike; or with the best there was, after STAGES, or between two waves of them after so many seconds or
    starts. What occurs neither as a nor as b is left open. Where a, b and c have words of their own, see
    `places.names`, nearly all elements have to occur in each place. The same seed gives the same, for any number of
    threads, unless time runs out. Raises InputError for arrays that are no such labels, a pair that comes twice, more
    tokens than MOST_SEARCHED, and any other argument that cannot be used.
    """
    a, b, label, n_tokens = _checked(a, b, label, n_tokens)
    seed = checked_number("seed", seed, 0, kind=int)
    seconds = seconds if seconds == np.inf else checked_number("seconds", seconds, 0)
    max_starts = None if max_starts is None else checked_number("max_starts", max_starts, 1, kind=int)
    check_type("tell", tell, Callable)
    kept, least = names(a, b, label, n_tokens)
    zero = absorbing_token(a, b, label, n_tokens) if least == "group" else None
    chance = highest_chance(label, max(map(len, kept)), zero is not None)
    kept = [np.setdiff1d(tokens, [] if zero is None else [zero]) for tokens in kept]
    P, numbers = max(map(len, kept)), np.full((3, n_tokens), -1)
    for number, tokens in zip(numbers, kept, strict=True):
        number[tokens] = np.arange(len(tokens))
    numbers = np.take_along_axis(numbers, np.stack([a, b, label]), axis=1)          # each token's, in its place
    inside = (numbers >= 0).all(axis=0)
    solver = Solver(Equations(numbers[0, inside], numbers[1, inside], numbers[2, inside], P))
    word_of_c = np.append(kept[2], np.full(P - len(kept[2]), -1))
    best, tried, begin = nothing_found(n_tokens, len(label), chance, 0), 0, time.perf_counter()
    with open_backend(device, threads) as backend:
        for sharing, d, triple in _waves(solver, least, seed, backend):
            tried += triple[0].shape[1]
            for candidate in _tables(solver, sharing, triple, seed):
                rule = rule_of_table("found", candidate)
                if not isinstance(rule, GroupRule):
                    continue
                table, assumption = np.full((n_tokens, n_tokens), -1), looser(assumption_of(rule), least)
                table[np.ix_(*kept[:2])] = word_of_c[candidate[: len(kept[0]), : len(kept[1])]]
                if zero is not None:            # on the sides on which there are pairs to say so
                    table[zero, np.unique(b)] = np.where((a == zero).any(), zero, -1)
                    table[np.unique(a), zero] = np.where((b == zero).any(), zero, -1)
                hits = table[a, b] == label
                log_count = log_tables(P + (zero is not None), assumption) + log_choices(len(np.unique(label)), P)
                p, agreement = p_value(len(label), int(hits.sum()), chance, log_count), float(hits.mean())
                if p < SIGNIFICANT and agreement > best.agreement:
                    alike = all(explains_alike(hits[inside], tokens[inside]) for tokens in (a, b))
                    group, elements = _named(rule, kept, n_tokens)
                    best = Found(
                        table, ~hits, chance, tried, assumption, group, elements, agreement, p, alike, absorbing=zero
                    )
                    if alike:
                        return best
            tell(f"{tried} starts, {time.perf_counter() - begin:.0f} s: {sharing}, dimension {d}")
            if time.perf_counter() - begin > seconds or (max_starts is not None and tried >= max_starts):
                break
    return best if best.assumption else replace(best, starts=tried)


def _checked(a: Any, b: Any, label: Any, n_tokens: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """The arrays as integers, and how many tokens there are. Raises InputError, see `discover`."""
    most = MOST_SEARCHED if n_tokens is None else checked_number("n_tokens", n_tokens, 1, MOST_SEARCHED, kind=int)
    a = checked_array("a", a, (None,), 0, most - 1)
    b, label = (checked_array(name, each, a.shape, 0, most - 1) for name, each in {"b": b, "label": label}.items())
    P = most if n_tokens is not None else 1 + int(np.max([a, b, label], initial=0))
    if len(np.unique(a * P + b)) < len(a):
        raise InputError("pairs", len(a), "each pair once: the same label again is no further evidence")
    return a, b, label, P


def _waves(solver: Solver, least: str, seed: int, backend: Backend) -> Iterator[tuple[str, int, Triple]]:
    """The stages, a wave at a time: what is assumed, d, and where the starts have ended. Each assumes at least `least`.

    There are none for less than three tokens, or two labels.
    """
    equations = solver.equations
    if equations.n_tokens < 3 or len(np.unique(equations.c)) < 2:
        return
    there = solver if backend.xp is np else Solver(equations, backend.xp)
    for number, (sharing, d, n_starts) in enumerate(STAGES):
        if d * d >= equations.n_tokens:
            continue
        sharing = looser(sharing, least)
        size = max(1, min(BATCH, n_starts, reading.NUMBERS // (len(equations.a) * d * d)))
        batches = [(seed, number, each, size) for each in range(-(-n_starts // size))]
        for first in range(0, len(batches), WAVE):
            ended = list(backend.map(partial(_batch, there, sharing, d), batches[first : first + WAVE]))
            yield sharing, d, [np.concatenate(parts, axis=1) for parts in zip(*ended, strict=True)]


def _batch(solver: Solver, sharing: str, d: int, which: tuple[int, ...]) -> Triple:
    """Where the starts of a batch end, on the host. which: seed, stage, number in it, and how many starts."""
    generator, P = np.random.default_rng(which), solver.equations.n_tokens
    unknowns = [random_start(generator, P, which[-1], d) for _ in set(SHARING[sharing])]
    return [to_host(unit(x)) for x in solver.synchronise(unknowns, sharing)]


def _tables(solver: Solver, sharing: str, triple: Triple, seed: int) -> Iterator[np.ndarray]:
    """Tables, of shape (P, P), that the representations of a wave may stand for, one after the other.

    Of each list of attempts the best one as it is, and polished, if it is worth it.
    """
    generator, (of_a, of_b, of_c, P) = np.random.default_rng(seed), solver.equations
    a, b = np.divmod(np.arange(P * P), P)
    chance = float(np.bincount(of_c).max() / len(of_c))
    for attempts in _attempts(solver, sharing, triple, generator):
        shares = [float((reading.answers(attempt, of_a, of_b) == of_c).mean()) for attempt in attempts]
        if attempts and max(shares) > min(WORTH * chance, (1 + chance) / 2):
            best = attempts[int(np.argmax(shares))]
            yield reading.answers(best, a, b).reshape(P, P)
            few = reading.pick(best, slice(TOGETHER if best[0].ndim > 2 else None))
            yield reading.answers(reading.polish(few, sharing, P, generator), a, b).reshape(P, P)


def _attempts(
    solver: Solver, sharing: str, triple: Triple, generator: np.random.Generator
) -> Iterator[list[Triple]]:
    """Representations that may answer together: the likeliest, then what grows from one, then what beliefs make of one.

    The latter two are for characters alone.
    """
    n, order = len(solver.equations.a), reading.best_first(solver, triple)
    yield [reading.pick(triple, order[: 2**k]) for k in range(int(np.log2(len(order))) + 1)]
    if triple[0].ndim > 2:
        return
    squares = solver.value(*(x[:, order[:CANDIDATES]] ** 2 for x in triple))
    likely = order[:CANDIDATES][squares * np.sqrt(n) > BEYOND_NOISE[sharing]]
    alone = [reading.pick(triple, [k]) for k in likely]
    yield [reading.grow(solver, sharing, each, generator) for each in alone]
    rough = [each for each in alone if np.abs((each[2] ** 2).mean()) < 0.5]         # not of order two
    if n * solver.equations.n_tokens <= BELIEVABLE:
        yield [reading.characters_of(reading.believe(solver, sharing, each, RECKONED, kappa))
               for each in rough for kappa in (2.0, 4.0)]


def explains_alike(hits: np.ndarray, token: np.ndarray) -> bool:
    """Whether a table's hits, booleans of shape (n,), are spread over tokens, (n,), as chance would, by χ².

    The table of a subgroup, or of another group that has one in common, explains the pairs of some tokens alone.
    """
    _, place, n = np.unique(token, return_inverse=True, return_counts=True)
    rate, freedom = hits.mean(), max(1, len(n) - 1)
    chi = ((np.bincount(place, hits) - n * rate) ** 2 / np.maximum(n * rate * (1 - rate), 1e-9)).sum()
    return bool(rate == 1 or (chi - freedom) / np.sqrt(2 * freedom) < ALIKE)


def assumption_of(rule: GroupRule) -> str:
    """The least that has to be assumed for a table: that a, b and c have one naming, that a and b have, or nothing."""
    if (rule.elements_a == rule.elements_b).all():
        return "group" if (rule.elements_a == np.arange(rule.modulus)).all() else "c apart"
    return "isotope"


def _named(rule: GroupRule, kept: list[np.ndarray], n_tokens: int) -> tuple[str, tuple[np.ndarray, ...] | None]:
    """The name of a group, and its elements for the tokens of a, b and c, see `Found`."""
    name, isomorphism = recognise(rule.group)
    if isomorphism is None:
        return name, None
    named = np.argsort(isomorphism)                         # from the table's elements to those of the name
    elements, known = np.full((3, n_tokens), -1), (rule.elements_a, rule.elements_b, np.arange(rule.modulus))
    for new, tokens, each in zip(elements, kept, known, strict=True):
        new[tokens] = named[each[: len(tokens)]]
    return name, tuple(elements)
