import numpy as np
import pytest

from minimod import discover, make_rule
from minimod.discovery.judging import explains_alike
from minimod.discovery.places import absorbing_tokens, tokens_of_places
from minimod.errors import InputError


def labels_of(name, modulus=None, noise=0.0, share=0.8, names=1, seed=0):
    """Pairs of a rule under random names of its tokens, a share of them labelled; and the whole table."""
    rng, rule = np.random.default_rng(seed), make_rule(name, modulus)
    P, table = rule.modulus, rule.label_table
    naming = [rng.permutation(P) for _ in range(names)] * (3 // names)
    true = naming[2][table[np.ix_(naming[0].argsort(), naming[1].argsort())]]
    a, b = np.divmod(rng.permutation(P * P)[: round(share * P * P)], P)
    label = true[a, b]
    wrong = rng.permutation(len(a))[: round(noise * len(a))]
    label[wrong] = (label[wrong] + rng.integers(1, P, len(wrong))) % P
    return a, b, label, true


@pytest.mark.parametrize(("name", "modulus", "noise", "assumption"), [
    ("add", 31, 0.5, "group"), ("sub", 31, 0.2, "isotope"), ("Z2^5", None, 0.4, "group"),
    ("Z2xZ12", None, 0.3, "group"), ("D12", None, 0.2, "group"), ("SL(2,3)", None, 0.1, "group"),
    ("S4", None, 0.2, "group"),
])  # fmt: skip
def test_a_rule_is_found_under_any_names_and_named(name, modulus, noise, assumption):
    a, b, label, true = labels_of(name, modulus, noise)
    found = discover(a, b, label, len(true))
    assert (found.table == true).all() and found.assumption == assumption and found.p_value < 1e-6
    assert found.group == {"add": "Z31", "sub": "Z31"}.get(name, name)
    assert (found.wrong == (label != true[a, b])).all() and found.agreement == pytest.approx(1 - noise, abs=0.01)


def test_elements_multiply_as_the_group_of_that_name():
    a, b, label, _ = labels_of("S4", noise=0.1, seed=1)
    found = discover(a, b, label, 24)
    x, y, z = found.elements
    assert (make_rule("S4").label_table[np.ix_(x, y)] == z[found.table]).all()


def test_three_namings_are_found_apart():
    a, b, label, true = labels_of("add", 31, noise=0.2, names=3)
    found = discover(a, b, label, 31)
    assert (found.table == true).all() and found.group == "Z31" and found.assumption in ("isotope", "c apart")


def test_the_zero_of_a_multiplication_is_set_apart_and_named():
    a, b, label, true = labels_of("mul", 31, noise=0.4)
    found = discover(a, b, label, 31)
    assert (found.table == true).all() and found.group == "Z30"
    assert (true[found.absorbing] == found.absorbing).all() and found.elements[0][found.absorbing] == -1


def test_a_tenth_of_the_pairs_without_noise_is_enough():
    a, b, label, true = labels_of("add", 59, share=0.1)
    assert (discover(a, b, label, 59).table == true).all()


@pytest.mark.parametrize("kind", ["random", "constant", "latin"])
def test_nothing_is_found_where_there_is_no_group(kind):
    rng, P = np.random.default_rng(3), 11
    a, b = np.divmod(np.arange(P * P), P)
    label = {"random": rng.integers(0, P, P * P), "constant": np.full(P * P, 4)}.get(kind)
    if kind == "latin":         # an intercalate of Z_2 × Z_5 turned: no group's
        table = np.add.outer(np.arange(5), np.arange(5)) % 5
        table = np.block([[table, table + 5], [table + 5, table]])
        table[np.ix_([0, 5], [0, 5])] = table[np.ix_([0, 5], [5, 0])]
        (a, b), P = np.divmod(np.arange(100), 10), 10
        label = table[a, b]
    found = discover(a, b, label, P, seconds=2)
    if kind == "latin":         # the nearest group is no accident, and two in a hundred labels disagree
        assert found.group == "Z10" and found.wrong.sum() == 4 and found.p_value < 1e-6
    else:
        assert (found.group, found.assumption, found.p_value) == (None, None, 1) and (found.table == -1).all()


def test_threads_do_not_change_what_is_found():
    a, b, label, _ = labels_of("S4", noise=0.2)
    found = []
    for threads in (1, 2):
        found.append(discover(a, b, label, 24, threads=threads))
    assert (found[0].table == found[1].table).all() and found[0].starts == found[1].starts


@pytest.mark.parametrize(("P", "n", "group"), [(1, 1, None), (2, 4, None), (3, 7, None), (3, 9, "Z3"), (4, 11, "Z4")])
def test_few_tokens_are_evidence_if_hardly_a_pair_is_missing(P, n, group):
    a, b = np.divmod(np.arange(P * P)[-n:], P)
    assert discover(a, b, (a + b) % P, P, seconds=1).group == group


def test_no_labels_find_nothing():
    assert discover(*[np.empty(0, int)] * 3, 5).group is None


@pytest.mark.parametrize(("arrays", "P", "option"), [
    (([0.5], [0], [0]), 3, "a"), (([0], [3], [0]), 3, "b"), (([0], [0], [-1]), 3, "label"),
    (([0, 1], [0], [0]), 3, "b"), (([0], [0], [0]), 10_000, "n_tokens"), (([[0]], [[0]], [[0]]), 3, "a"),
])  # fmt: skip
def test_what_are_no_labels_of_pairs_is_refused(arrays, P, option):
    with pytest.raises(InputError) as caught:
        discover(*map(np.array, arrays), P)
    assert caught.value.option == option


def test_the_absorbing_token_is_the_one_whose_pairs_say_so():
    a, b = np.divmod(np.arange(121), 11)
    zero, chance = absorbing_tokens(a, b, a * b % 11, 11, "group")
    assert zero == (0, 0, 0) and chance < 1e-6
    for label in ((a + b) % 11, np.full(121, 3)):
        assert absorbing_tokens(a, b, label, 11, "group")[1] > 1


def test_discover_counts_the_tokens_itself():
    a, b, label, true = labels_of("add", 23, noise=0.3)
    assert (discover(a, b, label).table == true).all()


def test_a_pair_that_comes_twice_is_refused():
    with pytest.raises(InputError, match="each pair once"):
        discover(np.array([0, 1, 0]), np.array([1, 1, 1]), np.array([2, 2, 2]), 3)


def test_tokens_that_are_in_no_pair_stay_open():
    a, b, label, true = labels_of("add", 31, noise=0.2)
    found = discover(a, b, label, 33)
    assert (found.table[:31, :31] == true).all()
    assert (found.table[31:] == -1).all() and (found.table[:, 31:] == -1).all()


def test_a_label_that_is_never_an_input_is_wrong_and_no_element():
    a, b, label, _ = labels_of("add", 31)
    label[0] = 31
    found = discover(a, b, label, 32)
    assert found.group == "Z31" and found.wrong.tolist() == [True] + [False] * (len(a) - 1)


def test_a_zero_that_is_on_one_side_alone_leaves_the_other_open():
    table = make_rule("div", 31).label_table
    a, b = np.nonzero(table >= 0)
    found = discover(a, b, table[a, b], 31)
    assert found.group == "Z30" and found.absorbing == 0 and (found.table == table).all()


def test_a_group_that_explains_some_tokens_alone_is_said_to():
    a, b = np.divmod(np.arange(23**2), 23)
    found = discover(a, b, (a + b + (a > 14) * 4 * b) % 23, 23, seconds=3)
    assert found.group == "Z23" and not found.alike and discover(a, b, (a + b) % 23, 23).alike


def test_large_tables_are_refused_before_they_take_memory():
    with pytest.raises(InputError, match=r"n_tokens is 2000; it must be a whole number in \[1, 512\]"):
        discover(np.array([0]), np.array([1]), np.array([2]), 2000)


@pytest.mark.parametrize(("name", "modulus"), [("add", 31), ("S4", None)])
@pytest.mark.parametrize(("own", "assumption"), [((0, 0, 1), "c apart"), ((0, 1, 2), "isotope")])
def test_places_may_have_words_of_their_own(name, modulus, own, assumption):
    a, b, label, true = labels_of(name, modulus, noise=0.1, names=len(set(own)) if assumption == "isotope" else 1)
    P = len(true)
    found = discover(a + own[0] * P, b + own[1] * P, label + own[2] * P, (1 + own[2]) * P)
    rows, columns = (slice(P * each, P * (each + 1)) for each in own[:2])
    assert (found.table[rows, columns] == true + own[2] * P).all() and (found.table >= 0).sum() == P * P
    assert found.assumption == assumption and found.p_value < 1e-6
    x, y, z = found.elements
    table = make_rule(found.group).label_table
    assert (table[np.ix_(x[rows], y[columns])] == z[found.table[rows, columns]]).all()
    assert (np.stack([x, y, z]) >= 0).sum() == 3 * P


def test_words_that_are_missing_or_strange_by_chance_leave_one_naming():
    for seed in range(50):
        assert tokens_of_places(*labels_of("add", 59, share=0.04, seed=seed)[:3], 59)[1] == "group"
    a, b, label, _ = labels_of("add", 113, share=0.04)
    label[:2] = 113
    assert tokens_of_places(a, b, label, 114)[1] == "group"


A, B = np.divmod(np.arange(31**2), 31)


@pytest.mark.parametrize(("kept", "right"), [
    (A < B, 1), ((A != 3) & (B != 5), 1), ((A < 15) & (B >= 15), 0.4), ((A < 20), 1), ((A < 5) | (B < 5), 1),
], ids=["a triangle", "a row and a column held out", "a block", "some rows", "rows and columns"])  # fmt: skip
def test_pairs_that_are_missing_by_design_leave_one_naming(kept, right):
    found = discover(A[kept], B[kept], (A + B)[kept] % 31, 31)
    assert (found.group, found.assumption) == ("Z31", "group")
    assert (found.table == (np.add.outer(np.arange(31), np.arange(31)) % 31)).mean() >= right


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
@pytest.mark.parametrize(("rule", "group"), [("add", "Z31"), ("mul", "Z30")])
def test_junk_among_the_labels_is_wrong_and_takes_no_place(rule, group, share):
    table = make_rule(rule, 31).label_table
    label = np.where(np.random.default_rng(0).random(961) < share, 31, table[A, B])
    found = discover(A, B, label, 32)
    assert found.group == group and (found.table[:31, :31] == table).all() and (found.wrong == (label == 31)).all()


def test_a_token_that_is_a_label_as_often_as_others_but_never_an_input_sets_c_apart():
    a, b, label, true = labels_of("add", 31, noise=0.1)
    found = discover(a, b, np.where(label == 4, 31, label), 32)
    assert found.assumption == "c apart" and (found.table[:31, :31] == np.where(true == 4, 31, true)).all()


@pytest.mark.parametrize("names_apart", ["S4", "D12"])
def test_groups_that_do_not_commute_are_found_under_three_namings(names_apart):
    a, b, label, true = labels_of(names_apart, names=3)
    found = discover(a, b, label, 24)
    assert (found.table == true).all() and (found.group, found.assumption) == (names_apart, "isotope")


def test_the_search_ends_after_so_many_starts():
    a, b = np.divmod(np.arange(169), 13)
    label = np.random.default_rng(0).integers(0, 13, 169)
    assert discover(a, b, label, 13, max_starts=100).starts == 128        # a wave is of 64 starts here


# Tokens that are no elements: typos, other names of an element, a zero under names of its own


def with_slips(a, b, label, P, kind, n_slips, seed=0):
    """The pairs with tokens P, P + 1, ... in place of others: a typo each, in one row, or an other name in a fifth."""
    rng, columns = np.random.default_rng(seed), np.stack([a, b, label])
    for slip in range(P, P + n_slips):
        if kind == "typo":
            columns[rng.integers(2), rng.integers(len(a))] = slip
        else:
            for column in columns:
                at = np.flatnonzero(column == slip - P)
                column[rng.permutation(at)[: max(1, len(at) // 5)]] = slip
    return columns


@pytest.mark.parametrize("n_slips", [1, 3])
@pytest.mark.parametrize("kind", ["typo", "other name"])
@pytest.mark.parametrize("noise", [0, 0.3])
@pytest.mark.parametrize(("rule", "P"), [("add", 11), ("mul", 11), ("add", 23), ("mul", 23)])
def test_tokens_that_are_no_elements_are_left_out_or_merged(rule, P, noise, kind, n_slips):
    table = make_rule(rule, P).label_table
    a, b = np.divmod(np.arange(P * P), P)
    label = table.ravel().copy()
    wrong = np.random.default_rng(1).permutation(P * P)[: round(noise * P * P)]
    label[wrong] = (label[wrong] + 1 + wrong % (P - 1)) % P
    a, b, label = with_slips(a, b, label, P, kind, n_slips)
    found = discover(a, b, label, P + n_slips)
    assert found.group == (f"Z{P}" if rule == "add" else f"Z{P - 1}")
    assert (found.table[:P, :P] == table).all() and found.merged.keys() == {*range(P, P + n_slips)}
    for slip, element in found.merged.items():
        assert element in (None, slip - P) and (kind == "typo" or P == 11 or element is not None)
        same = np.append(table[slip - P], table[slip - P, :n_slips]) if element is not None else -1
        assert (found.table[slip, :P] == (same[:P] if element is not None else -1)).all()
    # No label is called wrong because its pair has a typo.
    assert not found.wrong[(a >= P) & (found.table[a, b] < 0)].any()
    assert found.wrong.sum() <= len(wrong) + (label >= P).sum()


def test_one_typo_makes_no_larger_group():
    a, b = np.divmod(np.arange(49), 7)
    label, typo = (a + b) % 7, np.where(np.arange(49) == 3, 7, a)
    found = discover(typo, b, label, 8)
    assert (found.group, found.merged) == ("Z7", {7: None}) and found.agreement == 48 / 49 and not found.wrong.any()


@pytest.mark.parametrize(("P", "n"), [(5, 25), (7, 29), (11, 72)])
def test_a_typo_in_each_place_makes_no_larger_group(P, n):
    for seed in range(8):
        a, b = np.divmod(np.random.default_rng(seed).permutation(P * P)[:n], P)
        label = (a + b) % P
        a[0] = b[1] = label[2] = P
        kept = np.unique(a * (P + 1) + b, return_index=True)[1]
        assert discover(a[kept], b[kept], label[kept], P + 1).group == f"Z{P}"


@pytest.mark.parametrize(("P", "noise"), [(23, 0), (23, 0.3), (31, 0.5)])
def test_true_elements_of_few_pairs_are_never_merged(P, noise):
    for seed in range(8):
        a, b, label, true = labels_of("add", P, noise, share=0.3, seed=seed)
        found = discover(a, b, label, P)
        assert found.group == f"Z{P}" and not found.merged and (found.table == true).all()


def test_labels_that_are_all_off_by_the_same_element_are_said_to_be():
    a, b, label, _ = labels_of("add", 31, share=1)
    label[::3] = (label[::3] + 1) % 31
    assert discover(a, b, label, 31).structured
    assert not discover(*labels_of("add", 31, noise=0.3, share=1)[:3], 31).structured


def test_names_that_share_an_element_half_and_half_are_one():
    a, b = np.divmod(np.arange(23**2), 23)
    rng = np.random.default_rng(0)
    columns = [np.where((each < 3) & (rng.random(23**2) < 0.5), each + 23, each) for each in (a, b, (a + b) % 23)]
    found = discover(*columns, 26)
    assert found.group == "Z23" and found.agreement == 1 and len(found.merged) == 3
    assert all(element is not None and abs(element - name) == 23 for name, element in found.merged.items())


def test_a_rare_element_stays_one():
    a, b, label, true = labels_of("add", 31, noise=0.1)
    rare = (a == 3) | (b == 3) | (label == 3)
    kept = ~rare | (np.random.default_rng(0).random(len(a)) < 0.05)
    found = discover(a[kept], b[kept], label[kept], 31)
    assert found.group == "Z31" and not found.merged and (found.table == true).all()


@pytest.mark.parametrize("rule", ["add", "mul"])
def test_a_zero_has_names_of_its_own_in_every_place(rule):
    P = 11
    a, b = np.divmod(np.arange(P * P), P)
    label = (a * b + (1 if rule == "add" else 0)) % P
    found = discover(a, P + b, 2 * P + label, 3 * P)
    assert (found.group, found.agreement, found.absorbing) == ("Z10", 1, 2 * P + label[0])
    assert (found.table[:P, P : 2 * P] == 2 * P + label.reshape(P, P)).all()
    assert found.elements[0][0] == found.elements[1][P] == found.elements[2][label[0] + 2 * P] == -1


def test_a_zero_may_have_another_token_in_every_place():
    rng, P = np.random.default_rng(2), 23
    a, b = np.divmod(np.arange(P * P), P)
    x, y, z = (rng.permutation(P) for _ in range(3))
    found = discover(x[a], y[b], z[a * b % P], P)
    assert found.group == "Z22" and found.agreement == 1 and found.absorbing == z[0]


@pytest.mark.parametrize("group", ["A5", "S5"])
@pytest.mark.parametrize("n_wrong", [0, 3])
def test_a_table_that_is_whole_needs_no_search(group, n_wrong):
    a, b, label, true = labels_of(group, share=1, names=3)
    label[:n_wrong] = (label[:n_wrong] + 1) % len(true)
    found = discover(a, b, label, len(true))
    assert (found.group, found.assumption, found.starts) == (group, "isotope", 0) and (found.table == true).all()


def test_a_search_that_was_cut_short_says_so():
    a, b = np.divmod(np.arange(169), 13)
    label = np.random.default_rng(0).integers(0, 13, 169)
    assert discover(a, b, label, 13, max_starts=1).is_cut and not discover(*labels_of("add", 13)[:3]).is_cut


@pytest.mark.parametrize(("rule", "modulus"), [("add", 11), ("add", 23), ("D12", None), ("S4", None), ("Z2^4", None)])
@pytest.mark.parametrize(("noise", "n_wrong_labels"), [(0.3, 5), (0.5, 1), (0.5, 2)])
def test_wrong_labels_that_are_of_few_tokens_hide_no_rule(rule, modulus, noise, n_wrong_labels):
    a, b, label, true = labels_of(rule, modulus, share=1)
    wrong = np.random.default_rng(1).permutation(len(a))[: round(noise * len(a))]
    label[wrong] = wrong % n_wrong_labels
    found = discover(a, b, label, len(true))
    assert (found.table == true).all() and found.starts <= 256


# Whether all tokens are explained, where noise differs by token


def by_token(P, rate, seed=0):
    """Labels of Z_P, wrong at a rate for each pair."""
    rng = np.random.default_rng(seed)
    a, b = np.divmod(np.arange(P * P), P)
    label = (a + b) % P
    wrong = rng.random(P * P) < rate(a, b, label, rng)
    return a, b, np.where(wrong, (label + rng.integers(1, P, P * P)) % P, label)


@pytest.mark.parametrize("rate", [
    lambda a, b, c, rng: (a == 3) & (b < 2), lambda a, b, c, rng: (a == 3) & (b < 5),
    lambda a, b, c, rng: 0.2 + 0.2 * (a % 2), lambda a, b, c, rng: 0.2 + 0.2 * (c % 2),
    lambda a, b, c, rng: np.where((a > 0) & (a < 6), 0.8, 0.1), lambda a, b, c, rng: rng.uniform(0, 0.8, 31)[a],
    lambda a, b, c, rng: rng.uniform(0, 0.8, 31)[b], lambda a, b, c, rng: rng.uniform(0, 0.8, 31)[c],
], ids=["two in a row", "five in a row", "even and odd a", "even and odd c", "five rows", "rows", "columns", "classes"])
def test_noise_that_differs_by_token_is_no_doubt_of_the_rule(rate):
    a, b, label = by_token(31, rate)
    found = discover(a, b, label, 31)
    assert (found.table[a, b] == (a + b) % 31).all() and found.alike and found.starts <= 64


def test_tokens_that_a_table_leaves_to_chance_are_said():
    found = discover(*by_token(31, lambda a, b, c, rng: (a > 20) | (b > 20)), 31, max_starts=64)
    assert found.group == "Z31" and not found.alike


@pytest.mark.parametrize(("name", "noise", "share"), [
    ("A4", 0.1, 1), ("A4", 0.2, 1), ("Q8", 0.1, 0.7), ("Z2xA4", 0.3, 0.7), ("D6", 0.1, 0.7),
])  # fmt: skip
def test_a_group_that_has_much_in_common_with_the_rule_does_not_take_its_place(name, noise, share):
    a, b, label, true = labels_of(name, noise=noise, share=share)
    assert (discover(a, b, label, len(true)).table == true).all()


def test_a_search_without_a_find_says_what_it_looked_for():
    a, b = np.divmod(np.arange(25), 5)
    found = discover(a, b, np.random.default_rng(0).integers(0, 5, 25), 5, max_starts=300)
    assert (found.group, found.is_cut) == (None, True) and found.looked == {"group": [1, 2], "isotope": [1]}


@pytest.mark.parametrize("hits", [[60, 0, 0], [30, 30, 0], [60, 60, 60]])
@pytest.mark.parametrize("structured", [True, False])
def test_hits_are_judged_by_what_their_numbers_can_tell(hits, structured):
    token = np.repeat(np.arange(3), 60)
    is_alike = explains_alike(np.concatenate([np.arange(60) < h for h in hits]), token, 1 / 60, structured)
    assert is_alike == (len(set(hits)) == 1)
