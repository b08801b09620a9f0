"""How likely it is that a table agrees with that many labels by chance: a bound, with nothing simulated.

Take n labels that are independent of each other and of the pairs, with a probability q_c of each class. One given
table, which has class c for m_c of these pairs, is expected to agree with a share of q = Σ m_c q_c / n of them, and
agrees with h of them or more with a probability of at most

    exp(-n KL(h/n ‖ q)),        KL(r ‖ q) = r log(r/q) + (1 - r) log((1 - r)/(1 - q))        (Chernoff)

and any of T tables with at most T times as much. The q_c may differ as they like. They are not known, and they need not
be: they sum to 1, so q is at most the largest m_c / n. Nothing is estimated. Where each pair has a label, a table
without an absorbing token has q = 1/P, also if the q_c differ from row to row, or from column to column: it has every
class once in each. The search may try whatever it likes, as long as what it finds is one of the T. The bound refutes
that the labels are random and independent. It does not prove that the rule is this group's. Labels that are shuffled
are not independent of each other. Group tables on P tokens are at most P! for each kind of group of order P; isotopes
three times log P!, since a, b and c are named apart. Where there are more than P tokens, T also counts the choice of
the elements, and of tokens that are other names of elements, and how many sizes are tried. Pairs left open count as
disagreement.
"""

from math import exp, inf, lgamma, log
from typing import Any

import numpy as np

# Of orders up to each: the most kinds of groups that there are of one order (Besche, Eick & O'Brien 2002).
KINDS_OF_GROUPS = {
    7: 2, 15: 5, 31: 15, 63: 52, 127: 267, 255: 2_328, 511: 56_092, 1023: 10_494_213, 2000: 49_487_367_289,
}

# log P! so many times: how many renamings of the tokens each assumption leaves free.
RENAMINGS = {"group": 1, "c apart": 2, "isotope": 3}


def log_tables(n_tokens: int, assumption: str) -> float:
    """The log of a bound on how many tables there are under an assumption, times the assumptions that are tried.

    These are three, each without an absorbing token or with one of the P, in every naming.
    """
    kinds, namings = next((kinds for order, kinds in KINDS_OF_GROUPS.items() if n_tokens <= order), inf), RENAMINGS
    zeros = namings[assumption] * log(1 + n_tokens)
    return namings[assumption] * lgamma(n_tokens + 1) + log(kinds) + log(len(namings)) + zeros


def log_choices(n: int, k: int, m: int = 0) -> float:
    """The log of a bound on how many ways there are to choose k of n tokens as elements, and m others as their names.

    m is any number from 0 to n - k. There is one way if there are no more than k tokens.
    """
    others = max(0, n - k)
    return float(log_binomial(n, k) + log_binomial(others, m)) + m * log(k) + log(others + 1) if others else 0.0


def log_binomial(n: Any, k: Any) -> Any:
    """The log of the number of ways to choose k of n things, element by element."""
    from scipy.special import gammaln  # here, so that no command's help waits for SciPy

    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def highest_chance(answer: np.ndarray) -> float:
    """The largest m_c / n, the share of a table's commonest answer at n pairs, of shape (n,); 1 of none.

    -1 stands for no answer. No more of the labels is such a table expected to agree with.
    """
    return float(np.bincount(answer[answer >= 0], minlength=1).max()) / len(answer) if len(answer) else 1.0


def divergence(share: Any, chance: Any) -> Any:
    """KL(share ‖ chance) of two coins, in nats, element by element."""
    from scipy.special import rel_entr

    return rel_entr(share, chance) + rel_entr(1 - share, 1 - chance)


def p_value(n: int, hits: int, chance: float, log_count: float) -> float:
    """The bound on the probability that some of exp(log_count) tables agrees with so many of n labels by chance."""
    if not n or hits / n <= chance:
        return 1.0
    return exp(min(0.0, log_count - n * float(divergence(hits / n, chance))))
