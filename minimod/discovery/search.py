"""The search: many starts under one assumption after the other, until a table is a group's and no accident."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minimod.arrays import to_host
from minimod.discovery import reading
from minimod.discovery.certificate import divergence, highest_chance, log_choices, log_tables, p_value
from minimod.discovery.groups import recognise
from minimod.discovery.reading import Triple
from minimod.discovery.synchronisation import SHARING, Equations, Solver, random_start, unit
from minimod.engine.backend import SERIAL, Backend
from minimod.errors import InputError
from minimod.groups.rules import GroupRule, rule_of_table


class Stage(NamedTuple):
    """What is assumed (of SHARING), the dimension d of representations that are looked for, and how many starts."""

    sharing: str
    d: int
    starts: int


# The cheap and likely first.
STAGES = (
    Stage("group", 1, 64), Stage("isotope", 1, 64), Stage("group", 2, 32), Stage("group", 4, 32),
    Stage("group", 1, 2048), *(Stage("group", d, 32) for d in (3, 5, 6)),
    Stage("isotope", 1, 2048), *(Stage("isotope", d, 32) for d in (2, 4, 3, 5, 6)), Stage("c apart", 1, 1024),
    Stage("group", 1, 4096), *(Stage("group", d, 256) for d in (2, 4, 3, 5, 6)),
)

# What is found counts from this probability of an accident on; and an absorbing token, times the number of tokens.
SIGNIFICANT, ABSORBING = 0.05, 1e-6

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

# Called with a line now and then.
Tell = Callable[[str], object]


@dataclass(frozen=True, eq=False)
class Found:
    """What a search has found in n labels on P tokens.

    table: of shape (P, P), -1 where nothing is known; all of it, if nothing was found. assumption: of SHARING, or None.
    group: its name, or what there is to say of it; None if nothing was found. elements: for the tokens of a, b and c,
    the elements of the group of that name, -1 for tokens that are none, each (P,); None where it is no name of
    minimod's. agreement: the share of the labels that the table gives. chance: the most that any one table is expected
    to. p_value: a bound on the probability of that by chance, see certificate.py; 1 if nothing was found. alike:
    whether all tokens' labels agree alike; if not, this is the nearest group, and perhaps not the rule. wrong: the
    labels that disagree, of shape (n,). absorbing: a token that is the product of itself with any other, or None.
    starts: how many were tried.
    """

    table: np.ndarray = field(repr=False)
    assumption: str | None
    group: str | None
    elements: tuple[np.ndarray, ...] | None = field(repr=False)
    agreement: float
    chance: float
    p_value: float
    alike: bool
    wrong: np.ndarray = field(repr=False)
    absorbing: int | None
    starts: int


def search(
    a: np.ndarray, b: np.ndarray, label: np.ndarray, n_tokens: int, seed: int = 0, seconds: float = 120,
    max_starts: int | None = None, backend: Backend = SERIAL, tell: Tell = lambda line: None,
) -> Found:
    """The group that may be behind n labels of pairs of tokens, integers of shape (n,) in 0 .. P-1.

    Nothing is known of it: not which group, nor which token is which element. It ends with the first table that is a
    group's, under one naming of a, b and c, or with c or all three named apart, that agrees with more labels than
    chance explains, and with those of all tokens alike; or with the best there was, after STAGES, or between two waves
    of them after so many seconds or starts. What occurs neither as a nor as b is left open. Where a, b and c have words
    of their own, see `names`, nearly all elements have to occur in each place. The same seed gives the same, for any
    number of threads, unless time runs out. Raises InputError for arrays that are no such labels, a pair
    that comes twice, and more tokens than MOST_SEARCHED.
    """
    a, b, label = (_tokens(name, each, n_tokens) for name, each in {"a": a, "b": b, "label": label}.items())
    if not len(a) == len(b) == len(label):
        raise InputError("labels", len(label), f"as many as pairs, {len(a)} and {len(b)}")
    if len(np.unique(a * n_tokens + b)) < len(a):
        raise InputError("pairs", len(a), "each pair once: the same label again is no further evidence")
    kept, least = names(a, b, label, n_tokens)
    absorbing = absorbing_token(a, b, label, n_tokens) if least == "group" else None
    chance = highest_chance(label, max(map(len, kept)), absorbing is not None)
    kept = [np.setdiff1d(each, [] if absorbing is None else [absorbing]) for each in kept]
    P, places = max(map(len, kept)), [np.full(n_tokens, -1) for _ in kept]
    for place, tokens in zip(places, kept, strict=True):
        place[tokens] = np.arange(len(tokens))
    placed = np.stack([place[column] for place, column in zip(places, (a, b, label), strict=True)])
    inside = (placed >= 0).all(axis=0)
    equations = Equations(placed[0, inside], placed[1, inside], placed[2, inside], P)
    word_of_c = np.append(kept[2], np.full(P - len(kept[2]), -1))
    begin, tried = time.perf_counter(), 0
    best: Found | None = None
    solver = Solver(equations)
    waves = _waves(solver, least, seed, backend) if P > 2 and len(np.unique(equations.c)) > 1 else ()
    for stage, number, triple in waves:
        tried += number
        for table in _tables(solver, stage.sharing, triple, seed):
            rule = rule_of_table("found", table)
            if not isinstance(rule, GroupRule):
                continue
            whole = np.full((n_tokens, n_tokens), -1)
            whole[np.ix_(*kept[:2])] = word_of_c[table[: len(kept[0]), : len(kept[1])]]
            if absorbing is not None:           # on the sides on which there are pairs to say so
                whole[absorbing, np.unique(b)] = np.where((a == absorbing).any(), absorbing, -1)
                whole[np.unique(a), absorbing] = np.where((b == absorbing).any(), absorbing, -1)
            hits, assumption = whole[a, b] == label, looser(assumption_of(rule), least)
            log_count = log_tables(P + (absorbing is not None), assumption) + log_choices(len(np.unique(label)), P)
            p = p_value(len(label), int(hits.sum()), chance, log_count)
            if p < SIGNIFICANT and (best is None or hits.mean() > best.agreement):
                named, agreement = _named(rule, kept, n_tokens), float(hits.mean())
                alike = all(explains_alike(hits[inside], each[inside], n_tokens) for each in (a, b))
                best = Found(whole, assumption, *named, agreement, chance, p, alike, ~hits, absorbing, tried)
                if alike:
                    return best
        tell(f"{tried} starts, {time.perf_counter() - begin:.0f} s: {stage.sharing}, dimension {stage.d}")
        if time.perf_counter() - begin > seconds or (max_starts is not None and tried >= max_starts):
            break
    return best or nothing_found(n_tokens, len(label), chance, tried)


def nothing_found(n_tokens: int, n_labels: int, chance: float, starts: int) -> Found:
    """What there is to say where no group was found."""
    nothing = np.full((n_tokens, n_tokens), -1)
    return Found(nothing, None, None, None, 0.0, chance, 1.0, True, np.zeros(n_labels, bool), None, starts)


def _tokens(name: str, array: Any, n_tokens: int) -> np.ndarray:
    array = np.asarray(array)
    if not 1 <= n_tokens <= MOST_SEARCHED:
        raise InputError("tokens", n_tokens, f"1 to {MOST_SEARCHED}")
    inside = array.dtype.kind in "iu" and (not array.size or 0 <= array.min() <= array.max() < n_tokens)
    if array.ndim != 1 or not inside:
        raise InputError(name, f"{array.dtype} of shape {array.shape}", f"integers in 0 .. {n_tokens - 1}, shape (n,)")
    return np.asarray(array, np.int64)


def names(a: np.ndarray, b: np.ndarray, label: np.ndarray, n_tokens: int) -> tuple[list[np.ndarray], str]:
    """The tokens that may be elements in the places of a, b and c, and the least that has to be assumed, of SHARING.

    One naming has all that occur as a or b. There is none for a and b, if most pairs have an a that is never a b, and
    most a b that is never an a, unless labels are of both kinds. There is none for c, if most labels are never an a or
    b, or if some label that is not takes the place of one: that is frequent, and some a or b is hardly ever a label.
    Then each place has tokens of its own, those of c being the commonest.
    """
    of_a, of_b, of_c = (np.bincount(each, minlength=n_tokens) for each in (a, b, label))
    inputs, n, strange = np.flatnonzero(of_a + of_b), len(a), of_c * (of_a + of_b == 0)
    alone = [first * (second == 0) for first, second in ((of_a, of_b), (of_b, of_a))]
    apart = min(each.sum() for each in alone) > n / 2 and min(of_c[each > 0].sum() for each in alone) < n / 10
    usual = n / max(1, len(inputs))                                 # times that a token is expected among labels
    by_chance = len(inputs) * np.exp(-usual) > 0.01                 # that one never is
    replaced = not by_chance and strange.max() > max(usual / 2, 4 * of_c[inputs].min(initial=n))
    if not apart and not replaced and strange.sum() <= n / 2:
        return [inputs] * 3, "group"
    kept = [np.flatnonzero(of_a), np.flatnonzero(of_b)] if apart else [inputs] * 2
    commonest = np.argsort(-of_c, kind="stable")[: max(map(len, kept))]
    return [*kept, np.sort(commonest[of_c[commonest] > 0])], "isotope" if apart else "c apart"


def looser(first: str, second: str) -> str:
    """Of two assumptions that which assumes less: a key of SHARING that comes later."""
    return max(first, second, key=[*SHARING].index)


def absorbing_token(a: np.ndarray, b: np.ndarray, label: np.ndarray, n_tokens: int) -> int | None:
    """The token z with z x = x z = z beyond chance, or None. Where it is on one side alone, that side is enough."""
    best: tuple[float, int | None] = (ABSORBING, None)
    of_label = np.bincount(label, minlength=n_tokens)
    n, hits = (np.stack([np.bincount(each[rows], minlength=n_tokens) for each, rows in sides]) for sides in (
        [(a, slice(None)), (b, slice(None))], [(a, label == a), (b, label == b)]
    ))
    for z in np.flatnonzero((hits.sum(axis=0) > 1) & ((hits > 0) | (n == 0)).all(axis=0)).tolist():
        usual = (of_label[z] - hits[:, z].sum() + 1) / max(1, len(label) - n[:, z].sum()) + 1 / n_tokens
        shares = hits[:, z] / np.maximum(n[:, z], 1)
        if (shares[n[:, z] > 0] > 2 * usual).all() and usual < 0.5:
            chance = n_tokens * np.exp(-sum(n[:, z] * [divergence(float(share), float(usual)) for share in shares]))
            best = min(best, (float(chance), z), key=lambda each: each[0])
    return best[1]


def _waves(solver: Solver, least: str, seed: int, backend: Backend) -> Iterator[tuple[Stage, int, Triple]]:
    """The stages, a wave at a time: how many starts, and where they have ended. Each assumes at least so much."""
    equations = solver.equations
    there = solver if backend.xp is np else Solver(equations, backend.xp)
    for number, (sharing, d, n_starts) in enumerate(STAGES):
        if d * d >= equations.n_tokens:
            continue
        stage = Stage(looser(sharing, least), d, n_starts)
        size = max(1, min(BATCH, n_starts, reading.NUMBERS // (len(equations.a) * d * d)))
        batches = [(number, each, size) for each in range(-(-n_starts // size))]
        for first in range(0, len(batches), WAVE):
            ended = list(backend.map(partial(_batch, there, stage, seed), batches[first : first + WAVE]))
            together = [np.concatenate(parts, axis=1) for parts in zip(*ended, strict=True)]
            yield stage, together[0].shape[1], together


def _batch(solver: Solver, stage: Stage, seed: int, which: tuple[int, int, int]) -> Triple:
    """Where the starts of a batch end, on the host: of this stage, of this number in it, of this size."""
    generator, P = np.random.default_rng([seed, *which]), solver.equations.n_tokens
    unknowns = [random_start(generator, P, which[2], stage.d) for _ in set(SHARING[stage.sharing])]
    return [to_host(unit(x)) for x in solver.synchronise(unknowns, stage.sharing)]


def _tables(solver: Solver, sharing: str, triple: Triple, seed: int) -> Iterator[np.ndarray]:
    """Tables, of shape (P, P), that the representations of a wave may stand for, one after the other."""
    equations, generator = solver.equations, np.random.default_rng(seed)
    P = equations.n_tokens
    a, b = np.divmod(np.arange(P * P), P)
    chance = float(np.bincount(equations.c).max() / len(equations.c))
    order = reading.best_first(solver, triple)

    def share(triples: list[Triple]) -> float:
        return float((reading.answers(triples, equations.a, equations.b) == equations.c).mean())

    def tables(attempts: list[list[Triple]]) -> Iterator[np.ndarray]:
        """That of the best attempt as it is, and polished, if it is worth it."""
        shares = [share(attempt) for attempt in attempts]
        if attempts and max(shares) > min(WORTH * chance, (1 + chance) / 2):
            best = attempts[int(np.argmax(shares))]
            yield reading.answers(best, a, b).reshape(P, P)
            few = [reading.pick(each, slice(TOGETHER if each[0].ndim > 2 else None)) for each in best]
            yield reading.answers(reading.polish(few, sharing, P, generator), a, b).reshape(P, P)

    sizes = [2**k for k in range(int(np.log2(len(order))) + 1)]
    yield from tables([[reading.pick(triple, order[:size])] for size in sizes])
    if triple[0].ndim > 2:
        return
    squares = solver.value(*(x[:, order[:CANDIDATES]] ** 2 for x in triple))
    likely = order[:CANDIDATES][squares * np.sqrt(len(equations.a)) > BEYOND_NOISE[sharing]]
    alone = [reading.pick(triple, [k]) for k in likely]
    yield from tables([[reading.grow(solver, sharing, each, generator)] for each in alone])
    rough = [each for each in alone if np.abs((each[2] ** 2).mean()) < 0.5]         # not of order two
    if len(equations.a) * P > BELIEVABLE:
        return
    yield from tables([
        [reading.characters_of(reading.believe(solver, sharing, each, RECKONED, kappa))]
        for each in rough for kappa in (2.0, 4.0)
    ])


def explains_alike(hits: np.ndarray, token: np.ndarray, n_tokens: int) -> bool:
    """Whether a table's hits, booleans of shape (n,), are spread over tokens, (n,), as chance would, by χ².

    The table of a subgroup, or of another group that has one in common, explains the pairs of some tokens alone.
    """
    n, rate = np.bincount(token, minlength=n_tokens), hits.mean()
    there = n > 0
    expected = n[there] * rate
    spread = n[there] * rate * (1 - rate)
    chi = (((np.bincount(token, hits, n_tokens)[there] - expected) ** 2) / np.maximum(spread, 1e-9)).sum()
    freedom = max(1, int(there.sum()) - 1)
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
    elements = np.full((3, n_tokens), -1)
    for place, tokens in enumerate(kept):
        known = (rule.elements_a, rule.elements_b, np.arange(rule.modulus))[place]
        elements[place, tokens] = named[known[: len(tokens)]]
    return name, tuple(elements)
