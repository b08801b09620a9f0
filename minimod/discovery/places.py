"""The tokens that may be elements in the places of a, b and c, the other names, and the absorbing tokens."""

import numpy as np

from minimod.discovery.certificate import divergence, log_binomial
from minimod.discovery.synchronisation import SHARING

TOGETHER = 1.25         # two names of one element have at most TOGETHER times the pairs of another element


def rare_tokens(counts: np.ndarray, share: float = 0.0) -> np.ndarray:
    """The tokens that occur much more rarely than the others, the rarest first.

    counts: how often every token occurs, of shape (P,). With the median m, rare is below m - 3 √m, or below share · m.
    """
    order, median = np.argsort(counts, kind="stable"), np.median(counts) if len(counts) else 0
    return np.asarray(order[counts[order] < max(share * median, median - 3 * np.sqrt(median))])


def other_names(a: np.ndarray, b: np.ndarray, n_tokens: int) -> dict[int, int]:
    """Rare tokens that are probably other names of commoner tokens: rare token -> commoner token.

    Every pair comes once. So an element meets each partner under only one of its names. Two names of one element have
    no partner in common, and together as many pairs as another element. Say that two elements have n and m of N
    partners, drawn at random. They have none in common with a probability of C(N - n, m) / C(N, m). A token counts as
    another name if fewer than one such accident is expected among all tokens. The labels are not used.
    """
    log_p, pairs = np.full((n_tokens, n_tokens), 2 * np.log(n_tokens)), np.zeros(n_tokens)
    for one, other in ((a, b), (b, a)):
        met = np.zeros((n_tokens, n_tokens))
        met[one, other] = 1
        N, n = met.any(axis=0).sum(), met.sum(axis=1)
        apart = (met @ met.T == 0) & (n[:, None] + n <= N)
        rest = np.where(apart, N - n[:, None], N)
        log_p += np.where(apart, log_binomial(rest, n) - log_binomial(N, n), np.inf)
        pairs += n
    found: dict[int, int] = {}
    usual = np.median(pairs[pairs > 0]) if pairs.any() else 0
    log_p[(pairs[:, None] + pairs > TOGETHER * usual) | (pairs[:, None] > pairs)] = np.inf
    for token in np.argsort(pairs, kind="stable").tolist():
        partner = int(log_p[token].argmin())
        if log_p[token, partner] < 0 and token not in found.values():
            found[token] = found.get(partner, partner)
    return found


def tokens_of_places(a: np.ndarray, b: np.ndarray, label: np.ndarray, n_tokens: int) -> tuple[list[np.ndarray], str]:
    """The tokens that may be elements in the places of a, b and c, and the strictest fitting assumption of SHARING.

    Under one naming ("group"), the elements of every place are all tokens that occur as a or b.

    a and b are named apart ("isotope") under two conditions. First, most pairs have an a that is never a b, and most
    have a b that is never an a. Second, fewer than a tenth of the labels are tokens of one of these two kinds.

    c is named apart ("c apart") if most labels are never an a or b. For this, a label counts at most as often as an
    element would. c is also named apart if such a label takes the place of an element. That means that the label is
    frequent, and that some a or b is hardly ever a label. A label for everything unknown is no element, and may be as
    common as it likes.

    If c is named apart, or a and b are, the elements of c are the commonest labels.
    """
    of_a, of_b, of_c = (np.bincount(each, minlength=n_tokens) for each in (a, b, label))
    inputs, n = np.flatnonzero(of_a + of_b), len(a)
    most = np.minimum(of_c, n / max(1, len(inputs)))
    strange = most * (of_a + of_b == 0)
    alone = [first * (second == 0) for first, second in ((of_a, of_b), (of_b, of_a))]
    apart = min(each.sum() for each in alone) > n / 2 and min(of_c[each > 0].sum() for each in alone) < n / 10
    usual = np.median(of_c[inputs]) if n else 0                     # how often a token is expected among the labels
    by_chance = len(inputs) * np.exp(-usual) > 0.01                 # that some token is never a label
    replaced = not by_chance and min(usual, strange.max()) > max(usual / 2, 4 * of_c[inputs].min(initial=n))
    if not apart and not replaced and strange.sum() <= most[inputs].sum():
        return [inputs] * 3, "group"
    kept = [np.flatnonzero(of_a), np.flatnonzero(of_b)] if apart else [inputs] * 2
    commonest = np.argsort(-of_c, kind="stable")[: max(map(len, kept))]
    return [*kept, np.sort(commonest[of_c[commonest] > 0])], "isotope" if apart else "c apart"


def looser(first: str, second: str) -> str:
    """The looser of two assumptions: the key of SHARING that comes later."""
    return max(first, second, key=[*SHARING].index)


def absorbing_tokens(
    a: np.ndarray, b: np.ndarray, label: np.ndarray, n_tokens: int, least: str
) -> tuple[tuple[int, int, int], float]:
    """The tokens z of a, b and c with z x = x z = z, and a bound on the probability of an accident.

    Under one naming, z may absorb on one side alone if it never occurs on the other side. With names apart, z may
    always absorb on one side alone. Then its token on the other side is -1.
    """
    of_label, evidence, n_of = np.bincount(label, minlength=n_tokens), [], []
    for side in (a, b):
        hits = np.bincount(side * n_tokens + label, minlength=n_tokens**2).reshape(n_tokens, n_tokens)
        n = hits.sum(axis=1, keepdims=True)                     # pairs of every token; `hits` counts them by label
        usual = (of_label - hits + 1) / np.maximum(1, len(label) - n) + 1 / n_tokens
        share = hits / np.maximum(n, 1)
        is_more = (share > 2 * usual) & (usual < 0.5)
        evidence.append(np.where(is_more, n * divergence(share, np.minimum(usual, 0.5)), 0.0))
        n_of.append(n[:, 0])
    one, other = evidence
    same = np.stack([np.diagonal(one), np.diagonal(other)])
    same = same.sum(axis=0) * ((same > 0) | (np.stack(n_of) == 0)).all(axis=0)
    best_a, best_b = one.max(axis=0), other.max(axis=0)         # for each label
    apart = (best_a + best_b) * ((least == "isotope") | ((best_a > 0) & (best_b > 0)))
    z, c = int(same.argmax()), int(apart.argmax())
    if same[z] + 2 * np.log(n_tokens) >= apart[c]:              # one token is chosen, or three
        return (z, z, z), float(n_tokens * np.exp(-same[z]))
    za, zb = (int(each[:, c].argmax()) if each[:, c].any() else -1 for each in evidence)
    return (za, zb, c), float(n_tokens**3 * np.exp(-apart[c]))
