"""Which tokens may be elements, in the places of a, b and c, and which token absorbs all others."""

import numpy as np

from minimod.discovery.certificate import divergence
from minimod.discovery.synchronisation import SHARING

ABSORBING = 1e-6        # an absorbing token counts below this probability of an accident, times the number of tokens


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
    n = np.stack([np.bincount(side, minlength=n_tokens) for side in (a, b)])
    hits = np.stack([np.bincount(side[side == label], minlength=n_tokens) for side in (a, b)])
    for z in np.flatnonzero((hits.sum(axis=0) > 1) & ((hits > 0) | (n == 0)).all(axis=0)).tolist():
        usual = (of_label[z] - hits[:, z].sum() + 1) / max(1, len(label) - n[:, z].sum()) + 1 / n_tokens
        shares = hits[:, z] / np.maximum(n[:, z], 1)
        if (shares[n[:, z] > 0] > 2 * usual).all() and usual < 0.5:
            chance = n_tokens * np.exp(-sum(n[:, z] * [divergence(float(share), float(usual)) for share in shares]))
            best = min(best, (float(chance), z), key=lambda each: each[0])
    return best[1]
