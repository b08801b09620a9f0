import numpy as np
import pytest

from minimod import discover, make_rule
from minimod.discovery.disagreement import EVIDENCE, exchanged, is_structured
from minimod.discovery.judging import explains_alike
from minimod.groups.names import named_group
from minimod.groups.rules import group_rule, rule_of_table

# Noise: the rate at each pair, from a, b, t and a ratio; and the wrong labels, from t, a generator and P.

RATES = {
    "everywhere": lambda a, b, t, ratio: np.full(t.shape, ratio),
    "by a": lambda a, b, t, ratio: np.where(a % 2, ratio, ratio / 2),
    "by a and b": lambda a, b, t, ratio: np.where(a % 2, ratio, ratio / 3) * np.where(b % 3, 1, 0.5),
    "by class": lambda a, b, t, ratio: np.where(t % 3, ratio / 4, ratio),
    "in one row": lambda a, b, t, ratio: np.where(a == 1, ratio, 0.01),
}


def into(k):
    """Labels of k classes alone, some of them commoner than others."""
    return lambda t, rng, P: rng.choice(rng.permutation(P)[:k], t.shape, p=rng.dirichlet(np.ones(k)))


def by_class(t, rng, P):
    """Labels from a distribution that depends on the true label, with weight on few."""
    sums = rng.dirichlet(np.full(P, 0.2), size=P).cumsum(axis=1)
    return np.minimum((rng.random((*t.shape, 1)) > sums[t]).sum(axis=-1), P - 1)


WRONG = {
    "uniform": lambda t, rng, P: (t + rng.integers(1, P, t.shape)) % P,
    "one": into(1), "two": into(2), "five": into(5), "by class": by_class,
}


def noisy(table, rate, wrong, ratio, share, rng):
    """A share of the labels of a table, with noise; -1 elsewhere."""
    P = len(table)
    is_noisy = rng.random(table.shape) < RATES[rate](*np.indices(table.shape), table, ratio)
    label = np.where(is_noisy, WRONG[wrong](table, rng, P), table)
    return np.where(rng.random(table.shape) < share, label, -1)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("rate", RATES)
def test_noise_of_any_kind_is_not_structured(rate, wrong):
    rng = np.random.default_rng(0)
    for name in ("Z7", "Z2^3", "Z11", "D6", "Q16", "Z31"):
        rule = group_rule(name)
        for ratio, share in ((0.05, 1), (0.3, 1), (0.3, 0.3), (0.85, 1), (0.85, 0.5)):
            assert not is_structured(rule, noisy(rule.label_table, rate, wrong, ratio, share, rng))


def test_noise_that_is_the_same_for_both_orders_of_a_pair_is_not_structured():
    for seed in range(20):
        rule, (a, b) = group_rule("Z23"), np.indices((23, 23))
        label = noisy(rule.label_table, "everywhere", "uniform", 0.5, 1, np.random.default_rng(seed))
        assert not is_structured(rule, label[np.minimum(a, b), np.maximum(a, b)])


@pytest.mark.parametrize("P", [23, 113])
def test_few_wrong_labels_in_one_row_are_not_structured(P):
    rule = group_rule(f"Z{P}")
    for n in range(4):
        grid = rule.label_table.copy()
        grid[5, :n] = (grid[5, :n] + 3) % P
        assert not is_structured(rule, grid)


@pytest.mark.parametrize("axis", [0, 1])
def test_noise_into_one_label_for_each_row_or_column_is_not_structured(axis):
    rule, rng = group_rule("Z59"), np.random.default_rng(axis)
    for _ in range(20):
        label, rate = rng.integers(59, size=59), 0.8 * rng.random(59)
        label, rate = (np.expand_dims(each, 1 - axis) for each in (label, rate))
        assert not is_structured(rule, np.where(rng.random((59, 59)) < rate, label, rule.label_table))


# Rules that are no group's, each with a group that is near


def cocycle(name, k, seed):
    """Z_k extended by a group and a random cocycle: (g, i) (h, j) = (g h, i + j + f(g, h))."""
    table = named_group(name).table
    f = np.random.default_rng(seed).integers(0, k, table.shape)
    f[0] = f[:, 0] = 0
    (g, i), (h, j) = (np.divmod(each, k) for each in np.indices((len(table) * k,) * 2))
    return table[g, h] * k + (i + j + f[g, h]) % k


def chein(name):
    """The loop M(G, 2): g·h = gh, g·hu = (hg)u, gu·h = (gh⁻¹)u, gu·hu = h⁻¹g. A Moufang loop, if G does not commute."""
    group = named_group(name)
    table, inverse, n = group.table, group.inverse, len(group.table)
    return np.block([[table, n + table.T], [n + table[:, inverse], table[inverse].T]])


def octonions():
    """The loop of the 16 octonions ±e_i: token 2 i for e_i, 2 i + 1 for -e_i."""
    def times(x, y):                    # Cayley and Dickson: (a, b) (c, d) = (a c - d* b, d a + b c*)
        if len(x) == 1:
            return x * y
        (a, b), (c, d) = np.split(x, 2), np.split(y, 2)
        star = [np.append(each[:1], -each[1:]) for each in (c, d)]
        return np.append(times(a, c) - times(star[1], b), times(d, a) + times(b, star[0]))

    units = np.repeat(np.eye(8, dtype=int), 2, axis=0) * np.tile([1, -1], 8)[:, None]
    products = np.array([[times(x, y) for y in units] for x in units])
    return 2 * np.abs(products).argmax(axis=-1) + (products.sum(axis=-1) < 0)


def turned(name, n_turns, seed):
    """A group's Latin square with cycles of n_turns pairs of rows turned: the two rows swap a few labels."""
    rng, table = np.random.default_rng(seed), named_group(name).table.copy()
    while n_turns:
        (one, other), columns = rng.permutation(len(table))[:2], [0]
        while (column := int((table[one] == table[other, columns[-1]]).argmax())) != columns[0]:
            columns.append(column)
        if len(columns) <= len(table) // 2:
            table[np.ix_([one, other], columns)] = table[np.ix_([other, one], columns)]
            n_turns -= 1
    return table


def in_pieces(where, there):
    """a + b, and another rule at some pairs of tokens, modulo 31."""
    a, b = np.indices((31, 31))
    return np.where(where(a, b), there(a, b), a + b) % 31


IS_SQUARE = np.isin(np.arange(31), np.arange(1, 31) ** 2 % 31)

NO_GROUPS = {
    "octonions": ("Z2^4", octonions()), "M(Q8,2)": ("Z2xQ8", chein("Q8")), "M(A4,2)": ("Z2xA4", chein("A4")),
    "M(S3,2)": ("Z2xS3", chein("S3")), "M(D8,2)": ("Z2xD8", chein("D8")),
    **{f"Z2^3 by a cocycle, {seed}": ("Z2^4", cocycle("Z2^3", 2, seed)) for seed in range(5)},
    "Z2^4 by a cocycle": ("Z2^5", cocycle("Z2^4", 2, 0)),
    "Z16, turned": ("Z16", turned("Z16", 4, 0)), "D8, turned": ("D8", turned("D8", 6, 0)),
    "Z2^5, turned": ("Z2^5", turned("Z2^5", 10, 0)),
    "a b a square": ("Z31", in_pieces(lambda a, b: IS_SQUARE[a * b % 31], lambda a, b: a - b)),
    "a < b": ("Z31", in_pieces(lambda a, b: a < b, lambda a, b: a - b)),
    "odd a": ("Z31", in_pieces(lambda a, b: a % 2 == 1, lambda a, b: 2 * a + b)),
    "halves": ("Z31", in_pieces(lambda a, b: a > 14, lambda a, b: a + 3 * b)),
    "a quarter": ("Z31", in_pieces(lambda a, b: (a > 14) & (b > 14), lambda a, b: a + 2 * b)),
    "close": ("Z31", in_pieces(lambda a, b: np.abs(a - b) < 5, lambda a, b: a - b)),
}
HIDDEN_BY_NOISE = {"Z2^5, turned", "D8, turned", "M(S3,2)"}      # at 30 %, some of the time: too few pairs


@pytest.mark.parametrize("name", NO_GROUPS)
def test_what_is_no_group_leaves_labels_that_are_structured(name):
    group, table = NO_GROUPS[name]
    rule, P = group_rule(group), len(table)
    for ratio in (0, 0.1) if name in HIDDEN_BY_NOISE else (0, 0.1, 0.3):
        rng = np.random.default_rng(1)
        wrong = rng.random((P, P)) < ratio
        assert is_structured(rule, np.where(wrong, (table + rng.integers(1, P, (P, P))) % P, table))


@pytest.mark.parametrize("name", ["Z16", "S4", "D12", "Z24"])
def test_few_turned_cycles_of_two_rows_are_structured(name):
    assert all(is_structured(group_rule(name), turned(name, n, seed)) for n in (1, 2, 4) for seed in range(4))


def test_a_line_of_zeros_does_not_hide_another_latin_square():
    label = in_pieces(lambda a, b: IS_SQUARE[(a - b) % 31], lambda a, b: a * b)
    assert is_structured(group_rule("Z31"), label)


@pytest.mark.parametrize(("P", "n_dead"), [(16, 2), (23, 2), (31, 1)])
def test_few_tokens_that_are_left_to_chance_are_seen_where_the_others_have_no_noise(P, n_dead):
    token = np.repeat(np.arange(P), P)
    assert not explains_alike(token >= n_dead, token, 1 / P, structured=False)


def test_answers_that_are_left_to_chance_are_said():
    """a² + b² where a + b is below 6."""
    label = in_pieces(lambda a, b: (a + b) % 31 < 6, lambda a, b: a * a + b * b)
    found = discover(*np.indices((31, 31)).reshape(2, -1), label.ravel(), max_starts=64)
    assert found.group == "Z31" and found.is_nearest


@pytest.mark.parametrize("second", ["one off", "other labels", "other rows", "another Latin square"])
def test_a_second_table_among_the_labels_is_structured(second):
    rng, rule = np.random.default_rng(2), group_rule("Z31")
    table, x, y, z = rule.label_table, *(rng.permutation(31) for _ in range(3))
    other = {"one off": (table + 1) % 31, "other labels": x[table], "other rows": table[x],
             "another Latin square": z[table[np.ix_(x, y)]]}[second]
    assert is_structured(rule, np.where(rng.random((31, 31)) < 0.3, other, table))


@pytest.mark.parametrize("name", ["octonions", "M(A4,2)", "a b a square", "close"])
def test_the_nearest_group_of_another_rule_is_found_and_said_to_be(name):
    table = NO_GROUPS[name][1]
    a, b = np.indices(table.shape).reshape(2, -1)
    found = discover(a, b, table.ravel(), seconds=5)
    assert found.group and found.agreement < 1 and found.structured


@pytest.mark.parametrize("name", ["Z2xQ8", "Q16", "Z2xA4", "Z3xD4"])
def test_a_group_that_does_not_commute_is_found_and_not_the_nearest_that_does(name):
    table = named_group(name).table
    label = noisy(table, "everywhere", "uniform", 0.3, 0.8, np.random.default_rng(1))
    a, b = (label >= 0).nonzero()
    found = discover(a, b, label[a, b], len(table))
    assert found.group == name and (found.table == table).all() and not found.structured


def test_a_small_group_is_not_taken_for_one_that_is_near():
    for seed in range(3):
        table = named_group("S3").table
        label = noisy(table, "everywhere", "uniform", 0.2, 1, np.random.default_rng(seed))
        assert discover(*np.indices((6, 6)).reshape(2, -1), label.ravel(), seconds=5).group == "S3"


@pytest.mark.parametrize(("name", "n_squares"), [
    ("Z16", 1), *((name, n) for name in ("Z2^4", "S4", "D12") for n in (1, 2, 4)),
])  # fmt: skip
def test_a_group_in_which_few_squares_are_turned_is_no_group(name, n_squares):
    rule = rule_of_table("x", make_rule("add", 16).label_table if name == "Z16" else make_rule(name).label_table)
    table, generator = rule.label_table, np.random.default_rng(n_squares)
    grid, P = table.copy(), rule.modulus
    while (grid != table).sum() < 4 * n_squares:
        a, row = generator.choice(P, 2, replace=False)
        b = generator.integers(P)
        other = int(np.flatnonzero(table[a] == table[row, b])[0])
        square = np.ix_([a, row], [b, other])
        if table[row, other] == table[a, b] and (grid[square] == table[square]).all():
            grid[square] = table[square][::-1]
    assert is_structured(rule, grid)


def test_labels_that_noise_exchanges_in_pairs_of_classes_make_no_square_rare():
    table, generator = make_rule("Z2^4").label_table, np.random.default_rng(0)
    partner = np.arange(16) ^ 1
    grids = [np.where(generator.random(table.shape) < 0.5, partner[table], table) for _ in range(50)]
    found = [(number, expected) for number, expected in (exchanged(grid, table) for grid in grids) if number]
    assert len(found) > 40 and all(expected > np.exp(-EVIDENCE) for _, expected in found)
