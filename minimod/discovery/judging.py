"""What a search finds: the table of a group, what it says of the labels, and how likely it is an accident."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log

import numpy as np

from minimod.discovery.certificate import highest_chance, log_choices, log_tables, p_value
from minimod.discovery.disagreement import is_structured
from minimod.discovery.groups import names_of_order, recognise
from minimod.discovery.places import absorbing_tokens, looser, other_names, rare_tokens, tokens_of_places
from minimod.discovery.synchronisation import SHARING, Equations
from minimod.groups.rules import GroupRule, rule_of_table

# An absorbing token counts if its probability of an accident is below POSSIBLE. If the probability is above SURE, the
# search also tries without the absorbing token.
SURE, POSSIBLE = 1e-6, 0.05
FEWEST = 3                      # elements of a group
STRANGERS, RARE = 8, 0.5        # at most STRANGERS tokens may be no elements; they occur less than RARE · median

SIGNIFICANT = 0.05              # a table counts if the bound on the probability of an accident is below this
SMALL = 16                      # with fewer elements, structure may not show
DRAWS = 999                     # of hits at random, to compare the hits with, see `explains_alike`
HARDLY = 0.2                    # the least share of a token's labels that a table explains, if it explains the token


@dataclass(frozen=True, eq=False)
class Found:
    """What a search has found in n labels on P tokens.

    table: of shape (P, P). -1 where nothing is known, and everywhere if nothing was found.
    wrong: whether a label disagrees with the table, of shape (n,). False if a or b was left out, so that the table has
        no answer.
    chance: the largest share of the labels that this table is expected to agree with by chance. If nothing was found:
        the share of the commonest label.
    starts: the number of starts that were tried.
    assumption: a key of SHARING, or None if nothing was found.
    group: its name, or a description if minimod has no name for it. None if nothing was found.
    elements: the elements of the named group for the tokens of a, b and c, three arrays of shape (P,). -1 for a token
        that is no element. None if minimod has no name for the group.
    agreement: the share of the labels that the table gives.
    p_value: a bound on the probability of this agreement by chance, see certificate.py. 1 if nothing was found.
    log_count: the log of the number of tables that the search could have found as well. p_value depends on it.
    alike: whether the table explains the labels of all tokens, if noise may differ by token, see `explains_alike`. If
        not, this is the nearest group, and perhaps not the rule.
    structured: whether the labels that disagree agree with each other, see disagreement.py. If so, this is the nearest
        group, and these labels may be no noise.
    absorbing: the token that is the label of every pair with an absorbing token, or None. Under one naming it is the
        absorbing token itself.
    merged: token -> the token that it is another name of. None if the token was left out because it is no element.
    is_cut: whether `seconds` or `max_starts` ended the search.
    looked: assumption -> the dimensions of the representations that were looked for under it.
    refused: the name of a group that was found in a run, but does not count. The run's other labels are no evidence for
        this group.
    """

    table: np.ndarray = field(repr=False)
    wrong: np.ndarray = field(repr=False)
    chance: float
    starts: int = 0
    assumption: str | None = None
    group: str | None = None
    elements: tuple[np.ndarray, ...] | None = field(default=None, repr=False)
    agreement: float = 0.0
    p_value: float = 1.0
    alike: bool = True
    structured: bool = False
    absorbing: int | None = None
    merged: dict[int, int | None] = field(default_factory=dict)
    is_cut: bool = False
    log_count: float = 0.0
    looked: dict[str, list[int]] = field(default_factory=dict)
    refused: str | None = None

    @property
    def is_nearest(self) -> bool:
        """Whether this is the nearest group, and perhaps not the rule: not all disagreement looks like noise."""
        return self.structured or not self.alike


def nothing_found(n_tokens: int, label: np.ndarray) -> Found:
    """The result for n labels, of shape (n,), in which no group was found."""
    return Found(np.full((n_tokens, n_tokens), -1), np.zeros(len(label), bool), highest_chance(label))


class Problem:
    """n labels on P tokens, read in one way.

    A word is a token in a place (a, b or label): token + P k. SHARING[least] has the k of each place. So two places
    have the same words if they share their names.

    n_tokens: P. least: the strictest assumption that this reading allows, a key of SHARING.
    offsets: P k of a, b and label, of shape (3,). words: the words of a, b and label, of shape (3, n).
    same_as: token -> the token that stands for it in the words.
    zero: the absorbing words of a, b and label, each -1 if there is none.
    elements: for a, b and label, the words that may be elements. Rare words are last, the rarest at the end.
    sizes: the possible numbers of elements, the largest number first. The elements are the first words of `elements`.
    equations: the pairs whose words may all be elements, by the places of the words in `elements`.
    """

    def __init__(self, columns: Sequence[np.ndarray], n_tokens: int, least: str, kept: Sequence[np.ndarray],
                 zero: Sequence[int], same_as: dict[int, int]):
        offsets = n_tokens * np.array(SHARING[least])
        self.n_tokens, self.least, self.offsets, self.same_as = n_tokens, least, offsets, same_as
        self.words = np.stack(columns) + offsets[:, None]
        self.zero = np.where(np.array(zero) < 0, -1, zero + offsets)
        count = np.bincount(self.words[:, (self.words.T != self.zero).all(axis=1)].ravel(), minlength=3 * n_tokens)
        self.elements, common, number = list[np.ndarray](), FEWEST, np.full(3 * n_tokens, -1)
        for tokens, offset, z in zip(kept, offsets, self.zero, strict=True):
            words = np.setdiff1d(tokens + offset, z)
            rare = rare_tokens(count[words], RARE)[:STRANGERS]
            words = words[np.append(np.setdiff1d(np.arange(len(words)), rare), rare[::-1])]
            number[words] = np.arange(len(words))
            self.elements.append(words)
            common = max(common, len(words) - len(rare))
        self.sizes = range(max(map(len, self.elements)), common - 1, -1)
        numbers = number[self.words]
        a, b, c = numbers[:, (numbers >= 0).all(axis=0)]
        self.equations = Equations(a, b, c, max(map(len, self.elements)))

    def grid(self, size: int) -> np.ndarray:
        """The labels of the first `size` elements in every place, of shape (size, size); -1 for no label."""
        grid, (a, b, c, _) = np.full((size, size), -1), self.equations
        inside = (a < size) & (b < size) & (c < size)
        grid[a[inside], b[inside]] = c[inside]
        return grid

    def best(self, candidates: Iterable[np.ndarray], best: Found) -> Found:
        """The best of some candidate tables, each of shape (size, size), and of the best result before."""
        for candidate in candidates:
            rule = rule_of_table("found", candidate)
            found = self._judged(rule, best) if isinstance(rule, GroupRule) else best
            if not found.structured or self._is_supported(found, len(candidate)):
                best = found
        return best

    def is_final(self, found: Found) -> bool:
        """Whether the search may end: no other reading is likely to explain more.

        The labels that disagree may be structured. Then the group may be only the nearest abelian group of a group that
        is not abelian. Or the group has one element too many. A group with fewer than SMALL elements has few labels. So
        it is in doubt, too, if there are other groups of its order.
        """
        order = len(np.setdiff1d(found.table, [-1, -1 if found.absorbing is None else found.absorbing]))
        others = len(names_of_order(order)) > 1, found.structured and len(self.sizes) > 1
        is_in_doubt = (found.structured or order < SMALL) and any(others)
        return found.assumption is not None and found.alike and not is_in_doubt

    def _is_supported(self, found: Found, size: int) -> bool:
        """Whether the table gives more labels of every rare word among the elements than chance explains."""
        hits = (found.table[tuple(self.words[:2] % self.n_tokens)] >= 0) & ~found.wrong
        for rare in np.unique(np.concatenate([words[self.sizes[-1] : size] for words in self.elements])):
            of_rare = hits[(self.words == rare).any(axis=0)]
            if p_value(len(of_rare), int(of_rare.sum()), 1 / size, log(size)) > SIGNIFICANT:
                return False
        return True

    def _judged(self, rule: GroupRule, best: Found) -> Found:
        """The result for a group's table. Its elements are the first words of `elements` in every place.

        Returns `best` if the table may be an accident, or agrees with no more labels than `best`.
        """
        kept, (a, b, c), P = [words[: rule.modulus] for words in self.elements], self.words, self.n_tokens
        table = self._table(rule, kept)
        elements = np.setdiff1d(np.concatenate([*kept, self.zero]), -1)
        strangers = np.setdiff1d(self.words, elements)
        merged = {int(word): self._other_name(word, table, SIGNIFICANT / len(strangers)) for word in strangers}
        same = np.arange(len(table))
        same[[*merged]] = [*merged.values()]
        answer, label = table[same[a], same[b]], same[c]
        hits, assumption = (answer == label) & (answer >= 0), looser(assumption_of(rule), self.least)
        n_merged = sum(element >= 0 for element in merged.values()) + len(self.same_as)
        log_count = log(len(self.sizes)) + log_tables(rule.modulus + bool(self.zero.max() >= 0), assumption)
        log_count += log_choices(len(elements) + len(merged) + len(self.same_as), len(elements), n_merged)
        chance = highest_chance(answer)
        p = p_value(len(hits), int(hits.sum()), chance, log_count)
        if p >= SIGNIFICANT or hits.mean() <= best.agreement:
            return best
        inside = np.isin(self.words, np.concatenate(kept)).all(axis=0) & (answer >= 0)
        structured = is_structured(rule, self.grid(rule.modulus))
        alike = all(explains_alike(hits[inside], each[inside], 1 / rule.modulus, structured) for each in (a, b, answer))
        group, of_words = _named(rule, kept, len(table))
        for token, other in self.same_as.items():
            same[token + self.offsets] = same[other + self.offsets]
        of_a, of_b, of_c = (same[np.arange(P) + offset] for offset in self.offsets)
        answers = table[np.ix_(of_a, of_b)]         # a word that was left out has -1: the last row and column
        tokens = {word % P: None if element < 0 else element % P for word, element in merged.items()}
        tokens |= {token: tokens.get(other, other) for token, other in self.same_as.items()}
        return Found(
            np.where(answers < 0, -1, answers % P), (answer >= 0) & ~hits, chance, 0, assumption, group,
            of_words and tuple(each[place] for each, place in zip(of_words, (of_a, of_b, of_c), strict=True)),
            float(hits.mean()), p, alike, structured,
            None if self.zero[2] < 0 else int(self.zero[2] % P),
            {token: element for token, element in tokens.items() if token not in elements % P}, log_count=log_count,
        )  # fmt: skip

    def _table(self, rule: GroupRule, kept: list[np.ndarray]) -> np.ndarray:
        """The labels of all words, of shape (3 P + 1, 3 P + 1). The last row and column stand for no word: -1."""
        table = np.full((3 * self.n_tokens + 1, 3 * self.n_tokens + 1), -1)
        word_of_c = np.append(kept[2], np.full(rule.modulus - len(kept[2]), -1))
        table[np.ix_(*kept[:2])] = word_of_c[rule.label_table[: len(kept[0]), : len(kept[1])]]
        # A zero absorbs on a side only if pairs on this side show it.
        a, b = (z if (words == z).any() else -1 for words, z in zip(self.words[:2], self.zero[:2], strict=True))
        table[a, np.append(kept[1], b)] = table[np.append(kept[0], a), b] = self.zero[2]
        table[-1] = table[:, -1] = -1
        return table

    def _other_name(self, word: int, table: np.ndarray, level: float) -> int:
        """The element that a word is another name of, by the votes of its pairs. -1 if no element reaches this level.

        Each pair votes for the elements with which the table would agree. If the word is no element, the share of its
        votes for one element is limited. At most, it is the share of the commonest label, or of the table's commonest
        answer.
        """
        (a, b, c), n = self.words, 0
        votes = np.zeros(len(table), np.int64)
        for one, other, answers, zero in ((a, b, table, self.zero[1]), (b, a, table.T, self.zero[0])):
            rows = (one == word) & (other != zero)
            votes += (answers[:, other[rows]] == c[rows]).sum(axis=1)
            n += int(rows.sum())
        answers = table[a[c == word], b[c == word]]
        votes += np.bincount(answers[answers >= 0], minlength=len(votes))
        best, n = int(votes.argmax()), n + len(answers)
        chance = max(np.bincount(each[each >= 0], minlength=1).max() / len(c) for each in (c, table[a, b]))
        return best if p_value(n, int(votes[best]), chance, log(len(self.elements[0]))) < level else -1


def problems(a: np.ndarray, b: np.ndarray, label: np.ndarray, n_tokens: int) -> Iterator[Problem]:
    """The ways to read n labels, the likelier first: with or without other names, with or without absorbing tokens."""
    others = other_names(a, b, n_tokens)
    for each in [others, {}] if others else [{}]:
        same = np.arange(n_tokens)
        same[[*each]] = [*each.values()]
        columns = same[a], same[b], same[label]
        kept, least = tokens_of_places(*columns, n_tokens)
        zero, chance = absorbing_tokens(*columns, n_tokens, least)
        if chance < POSSIBLE:
            namings = [*SHARING][len({*zero}) - 1 if zero[0] == zero[1] else 2]     # z may have two or three names
            yield Problem(columns, n_tokens, looser(least, namings), kept, zero, each)
        if chance > SURE:
            yield Problem(columns, n_tokens, least, kept, (-1, -1, -1), each)


def explains_alike(hits: np.ndarray, token: np.ndarray, chance: float, structured: bool) -> bool:
    """Whether a table explains the labels of all tokens.

    hits: whether the table agrees with each label, of shape (n,). token: each label's a, or b, or the table's answer.

    A wrong table may be the table of a subgroup. Or its group may have a subgroup in common with the rule. Such a table
    explains the pairs of some tokens alone. Noise may differ by token, too, but then the labels that disagree do so at
    random. So there are two statistics.

    Labels disagree at random (not `structured`): no token may be left to chance. The statistic is Σ max(0, log LR) over
    tokens. LR is the likelihood of a token's hits at the rate `chance`, over their likelihood at the rate r. Here
    r = max(chance, min(HARDLY, mean rate)). A draw is at the rate r, or at the token's own rate if that is larger.

    Labels disagree by a rule (`structured`): the statistic is χ² of the hits. A draw deals the hits out anew among the
    tokens.

    DRAWS draws are made. The table explains all tokens if some draw's statistic is as large as the statistic of the
    hits. The probability that no draw is as large by accident is about 1 / (DRAWS + 1), for any number of labels.
    """
    _, place, n = np.unique(token, return_inverse=True, return_counts=True)
    h, mean, generator = np.bincount(place, hits).astype(int), hits.mean(), np.random.default_rng(0)
    if not structured:
        rate = max(chance, min(HARDLY, mean))
        drawn = np.stack([h, *generator.binomial(n, np.maximum(rate, h / n), (DRAWS, len(n)))])
        off = np.maximum(0, drawn * log(chance / rate) + (n - drawn) * log((1 - chance) / (1 - rate)))
    else:
        drawn = np.stack([h, *generator.multivariate_hypergeometric(n, h.sum(), DRAWS, method="marginals")])
        off = (drawn - n * mean) ** 2 / n
    first, *others = off.sum(axis=1)
    return bool(max(others) >= first * (1 - 1e-9))


def assumption_of(rule: GroupRule) -> str:
    """The strictest assumption that a table meets: one naming of a, b and c, one naming of a and b, or neither."""
    if (rule.elements_a == rule.elements_b).all():
        return "group" if (rule.elements_a == np.arange(rule.modulus)).all() else "c apart"
    return "isotope"


def _named(rule: GroupRule, kept: list[np.ndarray], n_tokens: int) -> tuple[str, tuple[np.ndarray, ...] | None]:
    """The name of a group, and its elements for the tokens of a, b and c, see `Found`."""
    name, isomorphism = recognise(rule.group)
    if isomorphism is None:
        return name, None
    named = np.argsort(isomorphism)                         # from the table's elements to the named group's
    elements, known = np.full((3, n_tokens), -1), (rule.elements_a, rule.elements_b, np.arange(rule.modulus))
    for new, tokens, each in zip(elements, kept, known, strict=True):
        new[tokens] = named[each[: len(tokens)]]
    return name, tuple(elements)
