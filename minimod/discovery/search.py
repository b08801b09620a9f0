"""The search: many starts under one assumption after another, until a table is a group's and no accident."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from minimod.arrays import checked_array, to_host
from minimod.discovery import reading
from minimod.discovery.groups import nearest_group_table
from minimod.discovery.judging import Found, Problem, nothing_found, problems
from minimod.discovery.places import looser
from minimod.discovery.reading import Triple
from minimod.discovery.synchronisation import SHARING, Solver, random_start, unit
from minimod.engine.backend import Backend, open_backend
from minimod.errors import InputError, check_type, checked_number, known_keywords

# The assumption (a key of SHARING), the dimension d of the representations, and the number of starts. Cheap and likely
# stages come first.
STAGES = (
    ("group", 1, 64), ("isotope", 1, 64), ("group", 2, 32), ("group", 4, 32),
    ("group", 1, 2048), *(("group", d, 32) for d in (3, 5, 6)),
    ("isotope", 1, 2048), *(("isotope", d, 32) for d in (2, 4, 3, 5, 6)), ("c apart", 1, 1024),
    ("group", 1, 4096), *(("group", d, 256) for d in (2, 4, 3, 5, 6)),
)

QUICK = 64                      # a stage with more starts is left out if some group explains the labels
CLEAN = 0.9                     # no search if the nearest group's table agrees with a larger share of the labels
WAVE, BATCH = 4, 32             # at most: batches that run at a time, and starts in a batch
MOST_SEARCHED = 512             # more tokens would take gigabytes and hours

Wave = tuple[Problem, Solver, str, int, Triple]         # see `_waves`

# CANDIDATES: at most this number of the likeliest characters of a wave are tried one by one. The squares of each
# candidate need a value above BEYOND_NOISE / √n. (On noise, 64 starts reached 3, 4 and 5, by assumption.) TOGETHER: at
# most this number of representations by matrices are polished together.
CANDIDATES, TOGETHER = 4, 16
BEYOND_NOISE = {"group": 2.7, "c apart": 4.2, "isotope": 5.2}

ASSUMED_NOISE = 0.88            # the share of wrong labels that beliefs assume; with fewer, they are not needed
BELIEVABLE = 2**25              # pairs times tokens; with more, beliefs take too much memory
POLISH_RATIO = 3.0              # answers are polished if right this many times as often as the commonest label


@known_keywords
def discover(
    a: Any, b: Any, label: Any, n_tokens: int | None = None, seed: int = 0, seconds: float = 120,
    max_starts: int | None = None, device: str = "auto", threads: int | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> Found:
    """The group that may be behind n labels of pairs of tokens, integers of shape (n,) in 0 .. P-1.

    Nothing is known about the group: not which group it is, and not which token is which element. n_tokens: P. None:
    the largest token + 1. tell: it is called with a line of text after every wave of starts.

    The labels may be read in several ways, see `judging.problems`. First, the nearest group's table is looked for
    without a search. Then the search begins: under one naming of a, b and c, with c named apart, or with all three
    named apart. A table is found if it is a group's, and agrees with more labels than chance explains. The search ends
    with the first table that explains the labels of all tokens. If the labels that disagree are structured, or the
    group is small, the search continues for a while. Another group may be nearer. At the latest, it ends after STAGES,
    or after a wave of starts if `seconds` or `max_starts` are used up. Then the best table counts.

    Tokens that occur neither as a nor as b are left open. If a, b and c have their own words, nearly all elements have
    to occur in each place, see `places.tokens_of_places`. The same seed gives the same result, for any number of
    threads, unless time runs out.

    Raises InputError for arrays that are no such labels, a pair that comes twice, and more tokens than MOST_SEARCHED.
    Also raises it for any other argument that cannot be used.
    """
    a, b, label, n_tokens = _checked(a, b, label, n_tokens)
    seed = checked_number("seed", seed, 0, kind=int)
    seconds = seconds if seconds == np.inf else checked_number("seconds", seconds, 0)
    max_starts = None if max_starts is None else checked_number("max_starts", max_starts, 1, kind=int)
    check_type("tell", tell, Callable)
    direct = best = nothing_found(n_tokens, label)
    looked: dict[str, list[int]] = {}
    read, tried, is_over, begin = [*problems(a, b, label, n_tokens)], 0, False, time.perf_counter()
    with open_backend(device, threads) as backend:
        for problem in read:
            grids = (nearest_group_table(problem.grid(size)) for size in problem.sizes)
            direct = problem.best((grid for grid in grids if grid is not None), direct)
        if direct.alike and direct.agreement > CLEAN:       # below that, the search may find more
            return direct
        waves = [_waves(problem, seed, backend, lambda: best.assumption is not None and best.alike) for problem in read]
        for problem, solver, sharing, d, triple in _in_turn(waves):
            tried += triple[0].shape[1]
            looked[sharing] = sorted({*looked.get(sharing, []), d})
            for tables in _tables(solver, problem.sizes, sharing, triple, seed):
                best = problem.best(tables, best)
                if problem.is_final(best):
                    return replace(best, starts=tried, looked=looked)
            tell(f"{tried} starts, {time.perf_counter() - begin:.0f} s: {sharing}, dimension {d}")
            is_over = time.perf_counter() - begin > seconds or (max_starts is not None and tried >= max_starts)
            if is_over:
                break
    best = max(direct, best, key=lambda found: found.agreement)
    return replace(best, starts=tried, is_cut=is_over, looked=looked)


def _checked(a: Any, b: Any, label: Any, n_tokens: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """The arrays as integers, and the number of tokens. Raises InputError, see `discover`."""
    most = MOST_SEARCHED if n_tokens is None else checked_number("n_tokens", n_tokens, 1, MOST_SEARCHED, kind=int)
    a = checked_array("a", a, (None,), 0, most - 1)
    b, label = (checked_array(name, each, a.shape, 0, most - 1) for name, each in {"b": b, "label": label}.items())
    P = most if n_tokens is not None else 1 + int(np.max([a, b, label], initial=0))
    if len(np.unique(a * P + b)) < len(a):
        raise InputError("pairs", len(a), "given with each pair once: the same label again is no further evidence")
    return a, b, label, P


def _waves(
    problem: Problem, seed: int, backend: Backend, is_known: Callable[[], bool]
) -> Iterator[Wave]:
    """The waves of all stages: the problem, its solver, the assumption, d, and the triple in which the starts ended.

    No stage is stricter than `problem.least`. There are no waves for too few tokens, or for fewer than two different
    labels. If a group is known, stages with more than QUICK starts are left out. Fewer starts would have found another
    group.
    """
    equations = problem.equations
    if not problem.sizes or len(np.unique(equations.c)) < 2:
        return
    solver = Solver(equations)
    there = solver if backend.xp is np else Solver(equations, backend.xp)
    for number, (sharing, d, n_starts) in enumerate(STAGES):
        if d * d >= equations.n_tokens or (n_starts > QUICK and is_known()):
            continue
        sharing = looser(sharing, problem.least)
        size = max(1, min(BATCH, n_starts, reading.NUMBERS // (len(equations.a) * d * d)))
        batches = [(seed, number, each, size) for each in range(-(-n_starts // size))]
        for first in range(0, len(batches), WAVE):
            ended = list(backend.map(partial(_batch, there, sharing, d), batches[first : first + WAVE]))
            yield problem, solver, sharing, d, [np.concatenate(parts, axis=1) for parts in zip(*ended, strict=True)]


def _in_turn(iterators: list[Iterator[Wave]]) -> Iterator[Wave]:
    """One wave of every reading in turn. So a wrong reading costs no more starts than the right reading."""
    while iterators:
        for each in [*iterators]:
            try:
                yield next(each)
            except StopIteration:
                iterators.remove(each)


def _batch(solver: Solver, sharing: str, d: int, which: tuple[int, ...]) -> Triple:
    """Where the starts of a batch end, on the host. which: the seed, the stage, the batch, the number of starts."""
    generator, P = np.random.default_rng(which), solver.equations.n_tokens
    unknowns = [random_start(generator, P, which[-1], d) for _ in set(SHARING[sharing])]
    return [to_host(unit(x)) for x in solver.synchronise(unknowns, sharing)]


def _tables(solver: Solver, sizes: range, sharing: str, triple: Triple, seed: int) -> Iterator[list[np.ndarray]]:
    """Tables that the representations of a wave may stand for, of shape (size, size), one list after the other.

    The best attempt of each list is read if enough of its answers are right. First it is read as it is. If the table
    then has a row in which a token repeats, the attempt is also polished and read again. This is tried for every size.
    The elements are the first `size` tokens.
    """
    generator, (of_a, of_b, of_c, _) = np.random.default_rng(seed), solver.equations
    weight = solver.weight[of_c] / solver.weight[of_c].sum()
    chance = float(np.bincount(of_c, weight).max())
    for attempts in _attempts(solver, sharing, triple, generator):
        shares = [float(weight @ (reading.answers(attempt, of_a, of_b) == of_c)) for attempt in attempts]
        if attempts and max(shares) > min(POLISH_RATIO * chance, (1 + chance) / 2):
            tables, best = list[np.ndarray](), attempts[int(np.argmax(shares))]
            for first in ([x[:size] for x in best] for size in sizes):
                tables.append(reading.table_of(first))
                if (np.sort(tables[-1], axis=1) != np.arange(len(first[0]))).any():
                    few = reading.pick(first, slice(TOGETHER if first[0].ndim > 2 else None))
                    tables.append(reading.table_of(reading.polish(few, sharing, len(first[0]), generator)))
            yield tables


def _attempts(
    solver: Solver, sharing: str, triple: Triple, generator: np.random.Generator
) -> Iterator[list[Triple]]:
    """Representations that may answer together, in three kinds of lists.

    First: the likeliest 1, 2, 4 and so on. Second: what grows from one representation. Third: what beliefs make of one
    representation. The last two kinds are for characters alone.
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
        yield [reading.characters_of(reading.believe(solver, sharing, each, ASSUMED_NOISE, kappa))
               for each in rough for kappa in (2.0, 4.0)]
