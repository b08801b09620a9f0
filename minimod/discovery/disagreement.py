"""Whether the labels that disagree with a group's table are noise, or have a structure of their own.

Noise gives a pair of true label t another label c, independently of the other pairs. How often, may depend on a, on b
and on t. c may be drawn from any distribution that depends on t, so noise may go into few labels. The tests are sums K
that have a mean of at most 0 under noise. Write c = t x and c = y t. Each test sees another structure:

- `decided`: labels of one t have one c. So they are another table, c = π(t).
- `shared`: labels of different t have the same x. Labels are off by one element; or the rule is a loop that extends a
  group by a cocycle. Such loops are the octonions' and other Moufang loops.
- `repeated`: labels with the same b have the same x, or with the same a the same y. The rule is in pieces, as a + b
  here and a - b there.
- `rare`: labels with the same a, or b, have the same c, but more rarely than noise. They are of another Latin square.
- `exchanged`: two rows and two columns of the table have the labels t and t' crosswise, and c has them exchanged. A
  Latin square in which few labels are turned has such squares, which are too few for the sums. Their number has an
  expected value of at most E, where each label is exchanged as often as others of its t are; so one or more has at most
  the probability E.
- `closed`: c is the table's label of a pair with the same a, and of one with the same b, and both disagree. So all
  labels together are a Latin square, where rows swap a few.
- `displaced`: c is the table's label of another pair with the same a, or b, and that pair disagrees too. So all labels
  together are a Latin square. Every loop is one.

The tests do not see what is in too few pairs, nor a rule without these, such as a² + b² at half of the pairs, or a
random function. One turned square on 16 tokens keeps its four labels in 41 % of the tables with 20 % noise. Three
labels have a log-likelihood ratio of 3 log(0.8 / (0.2 / 15)) = 12.3. Z2^4 has 960 squares, so that EVIDENCE + log 960 =
14.9 is needed: at this level, a test that knows the noise and all squares finds 41 % at most.

By Bernstein's inequality, K has a probability of about exp(-K² / (2 V + 2 B K / 3)) under noise, with V its variance,
and its terms at most B. Of 24,000 tables of groups with noise of 29 kinds, one had a test above EVIDENCE: `exchanged`.
"""

import numpy as np

from minimod.groups.rules import GroupRule

EVIDENCE = 8.0          # labels are structured from this K² / (2 V + 2 B K / 3) on, in one of the tests
DECIDED = 2 / 3         # t decides c if labels with one t have one c at least so often
SWEEPS = 20             # over the means by a, b and t
SHARED = 4              # keys of two lines that count
DEVIATIONS = 3          # of a line's K, as which a larger one counts

Sum = tuple[float, float, float]        # K, V and B of a test


def is_structured(rule: GroupRule, grid: np.ndarray) -> bool:
    """Whether the labels that disagree with a group's table agree with each other more than noise does.

    grid: the labels of all pairs, of shape (P, P), -1 where none is known.
    """
    P, table, group = rule.modulus, rule.label_table, rule.group
    a, b = ((grid >= 0) & (grid != table)).nonzero()
    c, t = grid[a, b], table[a, b]
    x, y = group.table[group.inverse[t], c], group.table[c, group.inverse[t]]
    sums = [decided(t, c, P), shared(t, x, group.identity, P), repeated(b, a, x, t, P), repeated(a, b, y, t, P),
            rare(a, b, c, t, P), displaced(grid, table)]
    found, expected = exchanged(grid, table)
    is_rare = (found > 0 and expected < np.exp(-EVIDENCE)) or closed(grid, table) > EVIDENCE
    return is_rare or any(K > 0 and K * K > 2 * EVIDENCE * (max(V, 0) + B * K / 3) for K, V, B in sums)


def count(one: np.ndarray, other: np.ndarray, P: int) -> np.ndarray:
    """How often each two of P values come together in two arrays, of shape (n,): of shape (P, P)."""
    return np.bincount(one * P + other, minlength=P * P).reshape(P, P).astype(float)


def decided(t: np.ndarray, c: np.ndarray, P: int) -> Sum:
    """`repeats` of c where t is the same, beyond DECIDED of what they are if t decides c; p is the mean over all t."""
    K, V = repeats(t, c, np.zeros_like(t), P)
    n, q = np.bincount(t), np.bincount(c) / max(1, len(c))
    return K.sum() - DECIDED * (n * (n - 1)).sum() / 2 * (1 - q @ q), V.sum(), 1.0


def shared(t: np.ndarray, x: np.ndarray, identity: int, P: int) -> Sum:
    """Pairs of labels that have the same x and different t, beyond n_t n_t' / (P - 1) for every two classes.

    The variance is that of classes whose x are dealt out anew among the P - 1 elements, for each class by itself.
    """
    M = np.delete(count(t, x, P), identity, axis=1)
    M -= M.mean(axis=1, keepdims=True)
    squares = np.sort((M**2).sum(axis=1))
    K, V = ((M.sum(axis=0) ** 2).sum() - squares.sum()) / 2, (squares.sum() ** 2 - (squares**2).sum()) / 2 / (P - 2)
    return K, V, np.sqrt(squares[-2] * squares[-1])


def repeats(line: np.ndarray, key: np.ndarray, t: np.ndarray, P: int) -> tuple[np.ndarray, np.ndarray]:
    """K of each line: Σ <e_i - p_i, e_j - p_j> over its pairs i, j of labels; and V of each, of shape (P,).

    line: a or b. e_i is the one-hot key, p_i its mean over t. The variance is that of keys which are dealt out anew
    within each class t.
    """
    p = count(t, key, P)
    p /= np.maximum(1, p.sum(axis=1, keepdims=True))
    classes, squares, same = count(line, t, P), p**2, p @ p.T
    variance = same - squares @ p.T - p @ squares.T + same**2           # of the product for each two classes
    alone = 1 - 2 * p[t, key] + squares.sum(axis=1)[t]                  # |e_i - p_i|²
    K = ((count(line, key, P) - classes @ p) ** 2).sum(axis=1) - np.bincount(line, alone, P)
    V = (classes @ variance * classes).sum(axis=1) - classes @ variance.diagonal()
    return K / 2, V / 2


def repeated(line: np.ndarray, across: np.ndarray, key: np.ndarray, t: np.ndarray, P: int) -> Sum:
    """`repeats` of all lines. across: the lines of the other kind, b or a.

    If annotators of two rows each prefer one label, the rows may have the same key in many columns. So of the keys that
    two lines across share, at most SHARED count.
    """
    from scipy.sparse import csr_array  # here, so that no command's help waits for SciPy

    K, V = repeats(line, key, t, P)
    keys = csr_array((np.ones(len(key)), (across, line * P + key)), shape=(P, P * P))
    common = (keys @ keys.T).toarray()
    np.fill_diagonal(common, 0)
    return K.sum() - np.maximum(0, common - SHARED).sum() / 2, V.sum(), 1.0


def rare(a: np.ndarray, b: np.ndarray, c: np.ndarray, t: np.ndarray, P: int) -> Sum:
    """Less `repeats` of c than noise has. A line that has many counts as DEVIATIONS: 0 b is 0 for all b."""
    K, V = np.concatenate([repeats(line, c, t, P) for line in (a, b)], axis=1)
    return -np.minimum(K, DEVIATIONS * np.sqrt(np.maximum(V, 0))).sum(), V.sum(), 1.0


def exchanged(grid: np.ndarray, table: np.ndarray) -> tuple[int, float]:
    """The 2 × 2 squares with t, t' and t', t in the table, and t', t and t, t' as labels; and E of those that may be.

    A square may be if all its labels disagree. The probability of t' for t is the share that it has of all labels that
    disagree with t, but those of the square; 1 / (P - 1) of one label is added to that.
    """
    P = len(grid)
    wrong = (grid >= 0) & (grid != table)
    row_of = np.argsort(table, axis=0)                          # row_of[t, b]: the row that has t in column b
    M = count(table[wrong], grid[wrong], P)
    n, number, expected = M.sum(axis=1), 0, 0.0
    for a in range(P):
        columns = np.flatnonzero(wrong[a])
        b, other = (columns[each] for each in np.triu_indices(len(columns), 1))
        t, u = table[a, b], table[a, other]
        row = row_of[u, b]
        may_be = (row > a) & (table[row, other] == t) & wrong[row, b] & wrong[row, other]
        b, other, t, u, row = (each[may_be] for each in (b, other, t, u, row))
        cells, labels = ((a, b), (a, other), (row, b), (row, other)), (u, t, t, u)
        number += int(np.all([grid[cell] == c for cell, c in zip(cells, labels, strict=True)], axis=0).sum())
        to_u, to_t = (
            (M[x, y] - sum((table[cell] == x) & (grid[cell] == y) for cell in cells) + 1 / (P - 1)) / (n[x] - 1)
            for x, y in ((t, u), (u, t))
        )
        expected += float(((to_u * to_t) ** 2).sum())
    return number, expected


def closed(grid: np.ndarray, table: np.ndarray) -> float:
    """N log(N / E) - N + E for the N labels whose c is the table's in their row and in their column, where they differ.

    So Latin squares have their labels where two rows swap a few. E is expected where N labels are c of others of their
    t as often as those are. N of independent labels, or more, have at most the probability exp(-(...)).
    """
    P, wrong, N, E = len(grid), (grid >= 0) & (grid != table), 0, 0.0
    M, in_column = count(table[wrong], grid[wrong], P), count(wrong.nonzero()[1], table[wrong], P)
    share = (M + 1 / (P - 1)) / np.maximum(1, M.sum(axis=1, keepdims=True))
    for a in range(P):
        b = np.flatnonzero(wrong[a])
        c, t = grid[a, b], table[a, b]
        may_be = in_column[b] * np.bincount(t, minlength=P)
        may_be[np.arange(len(b)), t] = 0
        is_there = may_be[np.arange(len(b)), c]
        N, E = N + is_there.sum(), E + (may_be * share[t]).sum() - (is_there / M[t].sum(axis=1)).sum()
    return float(N * np.log(N / E) - N + E) if N > E else 0.0


def displaced(grid: np.ndarray, table: np.ndarray) -> Sum:
    """Σ E at the pairs in the same row or column of which labels that disagree are the table's labels.

    E: whether a pair's label disagrees, less what is explained by its a, b and t: a least-squares fit, by sweeps. The
    variance is the sum of the squares.
    """
    P, known = len(grid), grid >= 0
    (a, b), c, t = known.nonzero(), grid[known], table[known]
    wrong, E = c != t, (c != t).astype(float)
    for key in (a, b, t) * SWEEPS:
        E -= (np.bincount(key, E, P) / np.maximum(1, np.bincount(key, minlength=P)))[key]
    terms = np.zeros((2, P, P))
    terms[0, a, t] = terms[1, b, t] = E
    terms *= [count(line[wrong], c[wrong], P) for line in (a, b)]
    return terms.sum(), (terms**2).sum(), np.abs(terms).max()
