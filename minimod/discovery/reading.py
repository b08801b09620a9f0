"""From representations to a table: what they answer together, how they grow, and how they are made exact.

Representations of the tokens are a triple x, y, z with x_a y_b = z_c. Each has the shape (P, S) for S characters, or
(P, S, d, d) for S representations by matrices. Under one naming for a, b and c, the three are the same.
"""

from collections.abc import Sequence

import numpy as np

from minimod.arrays import Array
from minimod.discovery import synchronisation
from minimod.discovery.synchronisation import SHARING, Equations, Solver, times, unit

Triple = Sequence[Array]                    # x, y and z

# Two characters count as the same, or as conjugates, from the overlap SAME on. A product of two characters counts as a
# character if its overlap with its start stays above MIN_OVERLAP.
SAME, MIN_OVERLAP = 0.5, 0.6
PRODUCTS, SWEEPS, ROUNDS = 64, 12, 8        # products tried at a time; sweeps for them; rounds of products
NUMBERS = 2**22                             # numbers in the largest array at a time


def answers(triple: Triple, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The token c with the largest Σ Re tr(x_a y_b z_c†) over the representations, for n pairs, of shape (n,)."""
    x, y, z = triple
    answered, z = np.empty(len(a), np.int64), z.conj().reshape(len(z), -1).T
    for rows in np.array_split(np.arange(len(a)), 1 + len(a) * (x[0].size + z.shape[1]) // NUMBERS):
        product = times(x[a[rows]], y[b[rows]]).reshape(len(rows), -1)
        answered[rows] = (product @ z).real.argmax(axis=1)
    return answered


def table_of(triple: Triple) -> np.ndarray:
    """What the representations answer for every pair, of shape (P, P)."""
    P = len(triple[0])
    return answers(triple, *np.divmod(np.arange(P * P), P)).reshape(P, P)


def best_first(solver: Solver, triple: Triple) -> np.ndarray:
    """The order of a triple's representations, the likeliest first, of shape (S,).

    Matrices are ordered by their value in the equations, characters by the value of their squares. A start that fits
    noise does not fit it with its square.
    """
    judged = triple if triple[0].ndim > 2 else [each**2 for each in triple]
    return np.asarray((-solver.value(*judged)).argsort())


def unknowns_of(triple: Triple, sharing: str) -> list[Array]:
    """The different unknowns of a triple: one unknown if a, b and c share their names."""
    return [triple[SHARING[sharing].index(number)] for number in dict.fromkeys(SHARING[sharing])]


def pick(triple: Triple, which: np.ndarray | Sequence[int] | slice) -> list[Array]:
    """Some of the representations of a triple."""
    return [each[:, which] for each in triple]


def grow(solver: Solver, sharing: str, triple: Triple, generator: np.random.Generator) -> list[Array]:
    """Some characters, and the characters that their products lead to, until there are no more.

    The product or quotient of two characters is a start close to a character. It has to stay close to its start.
    Conjugates count as the same character.
    """
    triple = list(triple)
    for _ in range(ROUNDS):
        K = triple[0].shape[1]
        i, j = np.triu_indices(K)
        n_products = max(2, min(PRODUCTS, NUMBERS // (2 * len(solver.equations.a))))
        chosen = generator.permutation(len(i))[:n_products]
        i, j = i[chosen], j[chosen]
        starts = [np.concatenate([x, x[:, i] * x[:, j], x[:, i] * x[:, j].conj()], axis=1) for x in triple]
        ended = [unit(x) for x in solver.synchronise(unknowns_of(starts, sharing), sharing, SWEEPS)]
        overlap = np.abs((starts[2].conj() * ended[2]).sum(axis=0)) / len(starts[2])
        ended = pick(ended, np.flatnonzero(overlap > MIN_OVERLAP))
        new = pick(ended, different(ended[2], solver.value(*ended)))
        if new[0].shape[1] <= K:
            return new if new[0].shape[1] == K else triple
        triple = new
    return triple


def different(characters: Array, value: np.ndarray) -> list[int]:
    """The indices of the characters to keep, the best first. No two kept characters are the same or conjugates.

    characters: of shape (P, S). value: of shape (S,), the higher the better.
    """
    P, kept = len(characters), list[int]()
    for s in np.argsort(-value):
        others = characters[:, kept]
        overlaps = [np.abs(others.conj().T @ characters[:, s]), np.abs(others.T @ characters[:, s])]
        if not kept or max(map(np.max, overlaps)) < SAME * P:
            kept.append(int(s))
    return kept


def believe(solver: Solver, sharing: str, triple: Triple, alpha: float, kappa: float) -> list[np.ndarray]:
    """Belief propagation over Z_N, N = P, from one rough character: the elements of the tokens in x, y, z, each (P,).

    q(k) is the belief that a token is element k. It starts as a von Mises distribution around the token's phase. A pair
    tells its a what the beliefs in b and c say about c - b. This is a correlation, so a product of Fourier transforms.
    The Fourier transforms of beliefs are the powers of the character, all at once. So R is the field of
    synchronisation, for every frequency. Its transform E(k) is the number of votes for k. The new beliefs are exp(w E).
    They are made to sum to 1 over elements and over tokens in turn. The reason is that each element belongs to one
    token. w is the log-likelihood ratio of a vote if `alpha` is the share of wrong labels. The sharper the beliefs are,
    the smaller is w.
    """
    N, places = len(triple[0]), SHARING[sharing]
    turns = 2 * np.pi * np.arange(N) / N
    ratio = N * (1 - alpha) / max(alpha, 1e-3)

    def balanced(q: np.ndarray) -> np.ndarray:
        for _ in range(5):
            q = q / np.maximum(q.sum(axis=0), 1e-30)
            q = q / np.maximum(q.sum(axis=1, keepdims=True), 1e-30)
        return q

    first = unknowns_of([x[:, 0] for x in triple], sharing)
    beliefs = [balanced(np.exp(kappa * (np.cos(np.angle(x)[:, None] - turns) - 1))) for x in first]
    for _ in range(synchronisation.SWEEPS):
        moved = 0.0
        for number in range(len(beliefs)):
            Q = [np.fft.fft(beliefs[place], axis=1).astype(np.complex64) for place in places]
            R = sum(solver.field(place, *Q) for place in range(3) if places[place] == number)
            E = np.fft.ifft(R, axis=1).real
            sharpness = float((beliefs[number] ** 2).sum(axis=1).mean()) / np.sqrt(2)
            w = np.log(1 + ratio * sharpness) / sharpness
            new = balanced(np.exp(w * (E - E.max(axis=1, keepdims=True))) + 1e-12)
            moved = max(moved, float(np.abs(new - beliefs[number]).max()))
            beliefs[number] = new
        if moved < synchronisation.REST:
            break
    return [beliefs[place].argmax(axis=1) for place in places]


def characters_of(elements: Sequence[np.ndarray]) -> list[Array]:
    """All non-trivial characters of Z_N, one of each conjugate pair, at the tokens' elements: x, y and z."""
    N = len(elements[0])
    frequencies = np.arange(1, N // 2 + 1)
    return [np.exp(2j * np.pi * np.outer(each, frequencies) / N).astype(np.complex64) for each in elements]


def polish(triple: Triple, sharing: str, n_tokens: int, generator: np.random.Generator) -> Triple:
    """Make representations exact: fit them to their own answers for all pairs, until the answers stay the same.

    If most answers are right, they are equations with little noise, which the representations then fit.
    """
    a, b = np.divmod(np.arange(n_tokens**2), n_tokens)
    table = answers(triple, a, b)
    for _ in range(3):
        solver = Solver(Equations(a, b, table, n_tokens))
        triple = [unit(x) for x in solver.synchronise(unknowns_of(triple, sharing), sharing, SWEEPS)]
        if triple[0].ndim == 2:
            triple = grow(solver, sharing, triple, generator)
        new = answers(triple, a, b)
        if (new == table).all():
            break
        table = new
    return triple
