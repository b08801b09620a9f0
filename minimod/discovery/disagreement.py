"""Whether the labels that disagree with a group's table are noise, or have their own structure.

Noise gives a pair with true label t another label c, independently of the other pairs. How often it does may depend on
a, b and t. The distribution of c may be any that depends on t, so noise may go into few labels. Each test is a sum K
whose mean is at most 0 under noise. Let x and y be the elements with c = t x and c = y t. Each test sees another
structure in the labels that disagree:

- `decided`: labels with the same t have the same c. So they are another table, c = π(t).
- `shared`: labels with different t have the same x. So labels are off by one element; or the rule is a loop that
  extends a group by a cocycle. The octonions and other Moufang loops are such loops.
- `repeated`: labels with the same b have the same x, or labels with the same a have the same y. So the rule is in
  pieces, such as a + b at some pairs and a - b at others.
- `rare`: labels with the same a, or the same b, have the same c more rarely than under noise. So they belong to another
  Latin square.
- `exchanged`: in two rows and two columns, the table has t and t' crosswise, and the labels have them exchanged. If a
  Latin square differs from the table in few labels, it has such 2 × 2 squares. For the sums, these squares are too few.
  Assume that noise exchanges each label as often as the other labels of its t. Then the expected number of squares is
  at most E. So one or more squares have at most the probability E.
- `closed`: in the table, a pair with the same a has c, and a pair with the same b has c. The labels of both pairs
  disagree, too. So all labels together are a Latin square in which some rows swap a few labels.
- `displaced`: in the table, a pair with the same a, or the same b, has c. The label of this pair disagrees, too. So all
  labels together are a Latin square. Every loop is a Latin square.

The tests do not see a structure in too few pairs. They also do not see a rule without these structures. Examples are
a² + b² at half of the pairs, and a random function. An example of too few pairs is one exchanged square on 16 tokens.
With 20 % noise, it keeps its four labels in 41 % of the tables. If it keeps three, their log-likelihood ratio is
3 log(0.8 / (0.2 / 15)) = 12.3. Z2^4 has 960 squares, so EVIDENCE + log 960 = 14.9 is needed. So at this level, even a
test that knows the noise and all squares finds at most 41 %.

By Bernstein's inequality, K has a probability of about exp(-K² / (2 V + 2 B K / 3)) under noise. V is the variance of
K, and B bounds its terms. We tried 24,000 tables of groups with 29 kinds of noise. One of them had a test above
EVIDENCE: `exchanged`.
"""

import numpy as np

from minimod.groups.rules import GroupRule

EVIDENCE = 8.0          # labels are structured if K² / (2 V + 2 B K / 3) of some test is larger
DECIDED = 2 / 3         # `decided` needs this share of the repeats that there would be if t decided c
SWEEPS = 20             # of the fit in `displaced`, over a, b and t
SHARED = 4              # of the keys that two lines share, at most this number count, see `repeated`
DEVIATIONS = 3          # standard deviations: a larger K of a line counts as this, see `rare`

Sum = tuple[float, float, float]        # K, V and B of a test


def is_structured(rule: GroupRule, grid: np.ndarray) -> bool:
    """Whether the labels that disagree with a group's table agree with each other more than noise would.

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
    """How often every pair of P values occurs in two arrays of shape (n,): counts of shape (P, P)."""
    return np.bincount(one * P + other, minlength=P * P).reshape(P, P).astype(float)


def decided(t: np.ndarray, c: np.ndarray, P: int) -> Sum:
    """`repeats` of c for the same t, minus DECIDED times their number if t decides c. p is the mean over all t."""
    K, V = repeats(t, c, np.zeros_like(t), P)
    n, q = np.bincount(t), np.bincount(c) / max(1, len(c))
    return K.sum() - DECIDED * (n * (n - 1)).sum() / 2 * (1 - q @ q), V.sum(), 1.0


def shared(t: np.ndarray, x: np.ndarray, identity: int, P: int) -> Sum:
    """The pairs of labels with the same x and different t, minus n_t n_t' / (P - 1) for every two classes.

    The variance is computed for x that are dealt out anew among the P - 1 elements, separately for each class.
    """
    M = np.delete(count(t, x, P), identity, axis=1)
    M -= M.mean(axis=1, keepdims=True)
    squares = np.sort((M**2).sum(axis=1))
    K, V = ((M.sum(axis=0) ** 2).sum() - squares.sum()) / 2, (squares.sum() ** 2 - (squares**2).sum()) / 2 / (P - 2)
    return K, V, np.sqrt(squares[-2] * squares[-1])


def repeats(line: np.ndarray, key: np.ndarray, t: np.ndarray, P: int) -> tuple[np.ndarray, np.ndarray]:
    """K and V of each line, both of shape (P,). K = Σ <e_i - p_i, e_j - p_j> over the pairs i, j of the line's labels.

    line: the a or the b of every label. e_i is the one-hot key, and p_i the mean of the keys with the same t. V is the
    variance of K for keys that are dealt out anew within each class t.
    """
    p = count(t, key, P)
    p /= np.maximum(1, p.sum(axis=1, keepdims=True))
    classes, squares, same = count(line, t, P), p**2, p @ p.T
    variance = same - squares @ p.T - p @ squares.T + same**2           # of the product, for every two classes
    alone = 1 - 2 * p[t, key] + squares.sum(axis=1)[t]                  # |e_i - p_i|²
    K = ((count(line, key, P) - classes @ p) ** 2).sum(axis=1) - np.bincount(line, alone, P)
    V = (classes @ variance * classes).sum(axis=1) - classes @ variance.diagonal()
    return K / 2, V / 2


def repeated(line: np.ndarray, across: np.ndarray, key: np.ndarray, t: np.ndarray, P: int) -> Sum:
    """`repeats`, summed over all lines. across: the other coordinate of every label, b or a.

    If annotators of two rows each prefer one label, the rows may have the same key in many columns. So at most SHARED
    of the keys that two such lines share are counted.
    """
    from scipy.sparse import csr_array  # here, so that no command's help waits for SciPy

    K, V = repeats(line, key, t, P)
    keys = csr_array((np.ones(len(key)), (across, line * P + key)), shape=(P, P * P))
    common = (keys @ keys.T).toarray()
    np.fill_diagonal(common, 0)
    return K.sum() - np.maximum(0, common - SHARED).sum() / 2, V.sum(), 1.0


def rare(a: np.ndarray, b: np.ndarray, c: np.ndarray, t: np.ndarray, P: int) -> Sum:
    """Minus `repeats` of c, over all rows and columns: positive if c repeats less than under noise.

    A line with many repeats counts as DEVIATIONS standard deviations. For example, 0 b is 0 for all b.
    """
    K, V = np.concatenate([repeats(line, c, t, P) for line in (a, b)], axis=1)
    return -np.minimum(K, DEVIATIONS * np.sqrt(np.maximum(V, 0))).sum(), V.sum(), 1.0


def exchanged(grid: np.ndarray, table: np.ndarray) -> tuple[int, float]:
    """The number of 2 × 2 squares in which the labels exchange the table's t and t'; and E under noise.

    In such a square, the table has the rows (t, t') and (t', t). The labels are (t', t) and (t, t').

    E sums over the squares of the table whose four labels all disagree. The probability that t becomes t' is the share
    of t' among all labels that disagree with t. This share leaves out the labels of the square itself. It adds
    1 / (P - 1) of a label.
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
    """N log(N / E) - N + E, for the N labels c of the following kind; 0 if N is at most E.

    The pair disagrees. The table has c at a pair of the same row and at a pair of the same column. Both of these pairs
    disagree, too. If rows of a Latin square swap a few labels, the swapped labels are of this kind. E is the expected
    number if t becomes c as often as in the other labels with this t. If labels are independent, N or more of this kind
    have at most the probability exp(-result).
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
    """Σ E(row pair) + E(column pair), over the labels c that disagree. The table has c at both of these pairs.

    The row pair has the same a as the label, the column pair the same b. E of a pair is 1 if its label disagrees, else
    0. From this, subtract the part that a, b and t of the pair explain. This part is a least-squares fit, by sweeps.
    The variance is the sum of the squared terms.
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
