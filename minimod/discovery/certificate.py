"""How likely it is that a table agrees with that many labels by chance: a bound, with nothing simulated.

Take n labels that are independent of each other and of the pairs, with a probability q_c of each class. One given
table, which has class c for m_c of these pairs, is expected to agree with a share of q = Σ m_c q_c / n of them, and
agrees with h of them or more with a probability of at most

    exp(-n KL(h/n ‖ q)),        KL(r ‖ q) = r log(r/q) + (1 - r) log((1 - r)/(1 - q))        (Chernoff)

and any of T tables with at most T times as much. The q_c are not known, but a group's table has each class once in a
row, so m_c ≤ P and q ≤ P/n; the zero of a multiplication has a row and a column. And q is at most the largest q_c,
which is estimated, with three standard deviations on top. Labels that are shuffled are not independent of each other.
So the search may have tried whatever it liked, as long as what it found is one of the T. It refutes that labels are
random; that the rule is this group's it does not prove. Group tables on P tokens are at most P! for each kind of group
of order P; isotopes three times log P!, since a, b and c are named apart. Pairs left open count as disagreement.
"""

from math import exp, inf, lgamma, log, sqrt

import numpy as np

# Of orders up to each: the most kinds of groups that there are of one order (Besche, Eick & O'Brien 2002).
KINDS_OF_GROUPS = {
    7: 2, 15: 5, 31: 15, 63: 52, 127: 267, 255: 2_328, 511: 56_092, 1023: 10_494_213, 2000: 49_487_367_289,
}

# log P! so many times: how many renamings of the tokens each assumption leaves free.
RENAMINGS = {"group": 1, "c apart": 2, "isotope": 3}


def log_tables(n_tokens: int, assumption: str) -> float:
    """The log of a bound on how many tables there are under an assumption, times the assumptions that are tried.

    These are three, each without an absorbing token or with one of the P.
    """
    kinds = next((kinds for order, kinds in KINDS_OF_GROUPS.items() if n_tokens <= order), inf)
    tried = len(RENAMINGS) * (1 + n_tokens)
    return RENAMINGS[assumption] * lgamma(n_tokens + 1) + log(kinds) + log(tried)


def log_choices(n: int, k: int) -> float:
    """The log of how many ways there are to choose k of n words to be the labels; 0 where there are no more than k."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) if n > k else 0.0


def highest_chance(label: np.ndarray, n_tokens: int, absorbing: bool = False) -> float:
    """q of n labels, of shape (n,): the most of them that any one table is expected to agree with; 1 of none.

    P/n, or 2P/n with an absorbing token; or the share of the commonest label plus three standard deviations, if less.
    """
    if not len(label):
        return 1.0
    commonest = float(np.bincount(label).max())
    return min(1.0, (commonest + 3 * sqrt(commonest)) / len(label), (1 + absorbing) * n_tokens / len(label))


def divergence(share: float, chance: float) -> float:
    """KL(share ‖ chance) of two coins, in nats."""
    parts = ((share, chance), (1 - share, 1 - chance))
    return sum(p * log(p / q) if q > 0 else inf for p, q in parts if p > 0)


def p_value(n: int, hits: int, chance: float, log_count: float) -> float:
    """The bound on the probability that some of exp(log_count) tables agrees with so many of n labels by chance."""
    if not n or hits / n <= chance:
        return 1.0
    return exp(min(0.0, log_count - n * divergence(hits / n, chance)))
