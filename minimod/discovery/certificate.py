"""A bound on the probability that a table agrees with h of n labels by chance. Nothing is simulated.

Take n labels that are independent of each other and of the pairs. Let q_c be the probability of class c. A given table
has class c for m_c of the pairs. It is expected to agree with a share q = Σ m_c q_c / n of the labels. It agrees with h
labels or more with a probability of at most

    exp(-n KL(h/n ‖ q)),        KL(r ‖ q) = r log(r/q) + (1 - r) log((1 - r)/(1 - q))        (Chernoff)

For any of T tables, the probability is at most T times as large. The q_c may have any values. They are not known, and
need not be. They sum to 1, so q is at most the largest m_c / n. Nothing is estimated. A table without an absorbing
token has every class once in every row and in every column. So it has q = 1/P, if every pair has a label. This q holds
even if the q_c differ from row to row, or from column to column. The search may try anything, if what it finds is one
of the T tables.

The bound refutes that the labels are random and independent. It does not prove that the rule is this group's. Shuffled
labels are not independent of each other.

There are at most P! group tables on P tokens for each kind of group of order P. Isotopes count log P! three times,
since a, b and c are named apart. If there are more than P tokens, T also counts three choices: the choice of the
elements, the choice of other names of elements, and the choice of one of the sizes that are tried. A pair without an
answer counts as disagreement.
"""

from math import exp, inf, lgamma, log
from typing import Any

import numpy as np

# Order -> the largest number of kinds of groups of any one order up to it (Besche, Eick & O'Brien 2002).
KINDS_OF_GROUPS = {
    7: 2, 15: 5, 31: 15, 63: 52, 127: 267, 255: 2_328, 511: 56_092, 1023: 10_494_213, 2000: 49_487_367_289,
}

# Assumption -> how many renamings of the tokens it leaves free. Each renaming counts log P!.
RENAMINGS = {"group": 1, "c apart": 2, "isotope": 3}


def log_tables(n_tokens: int, assumption: str) -> float:
    """The log of a bound on the number of tables under an assumption, times the number of assumptions.

    Three assumptions are tried. In every naming, no token or one of the P tokens is absorbing.
    """
    kinds, namings = next((kinds for order, kinds in KINDS_OF_GROUPS.items() if n_tokens <= order), inf), RENAMINGS
    zeros = namings[assumption] * log(1 + n_tokens)
    return namings[assumption] * lgamma(n_tokens + 1) + log(kinds) + log(len(namings)) + zeros


def log_choices(n: int, k: int, m: int = 0) -> float:
    """The log of a bound on the number of ways to choose k elements and m other names of elements among n tokens.

    m may be any number from 0 to n - k, and the bound counts this choice. If n <= k, there is one way.
    """
    others = max(0, n - k)
    return float(log_binomial(n, k) + log_binomial(others, m)) + m * log(k) + log(others + 1) if others else 0.0


def log_binomial(n: Any, k: Any) -> Any:
    """The log of the number of ways to choose k of n things, element by element."""
    from scipy.special import gammaln  # here, so that no command's help waits for SciPy

    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def highest_chance(answer: np.ndarray) -> float:
    """The largest m_c / n: the share of a table's commonest answer. It is 1 if n is 0.

    answer: at n pairs, of shape (n,), -1 for no answer. The table is expected to agree with at most this share of
    random labels.
    """
    return float(np.bincount(answer[answer >= 0], minlength=1).max()) / len(answer) if len(answer) else 1.0


def divergence(share: Any, chance: Any) -> Any:
    """KL(share ‖ chance) of two coins, in nats, element by element."""
    from scipy.special import rel_entr

    return rel_entr(share, chance) + rel_entr(1 - share, 1 - chance)


def p_value(n: int, hits: int, chance: float, log_count: float) -> float:
    """The bound on the probability that some of exp(log_count) tables agrees with `hits` of n labels by chance."""
    if not n or hits / n <= chance:
        return 1.0
    return exp(min(0.0, log_count - n * float(divergence(hits / n, chance))))
