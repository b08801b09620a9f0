import time
from collections import Counter
from functools import cache

import numpy as np
import pytest

from minimod.errors import InputError
from minimod.groups.names import facts
from minimod.groups.rules import make_rule, natural_modulus, rule_name

# name -> (order, number of conjugacy classes, whether it is abelian)
GROUPS = {
    "Z2": (2, 2, True), "Z13": (13, 13, True), "Z2^3": (8, 8, True), "Z4xZ6": (24, 24, True),
    "D3": (6, 3, False), "D4": (8, 5, False), "D7": (14, 5, False), "D12": (24, 9, False),
    "Q8": (8, 5, False), "Q12": (12, 6, False), "Q16": (16, 7, False),
    "S3": (6, 3, False), "S4": (24, 5, False), "S5": (120, 7, False),
    "A3": (3, 3, True), "A4": (12, 4, False), "A5": (60, 5, False),
    "SL(2,2)": (6, 3, False), "SL(2,3)": (24, 7, False), "SL(2,5)": (120, 9, False), "GL(2,3)": (48, 8, False),
    "Z7:Z3": (21, 5, False), "Z5:Z2": (10, 4, False), "Z11:Z10": (110, 11, False), "Z2xS4": (48, 10, False),
}
SMALL = [name for name, (order, *_) in GROUPS.items() if order <= 60]


@cache
def group_of(name):
    return make_rule(name).group


def orders(name):
    """How many elements there are of each order."""
    return dict(Counter(group_of(name).orders.tolist()))


@pytest.mark.parametrize("name", GROUPS)
def test_the_table_is_a_latin_square(name):
    table, x = group_of(name).table, np.arange(GROUPS[name][0])
    assert (np.sort(table, axis=0) == x[:, None]).all() and (np.sort(table, axis=1) == x).all()


@pytest.mark.parametrize("name", GROUPS)
def test_the_identity_changes_nothing_from_either_side(name):
    group = group_of(name)
    x = np.arange(len(group.table))
    assert (group.table[group.identity] == x).all() and (group.table[:, group.identity] == x).all()


@pytest.mark.parametrize("name", GROUPS)
def test_inverses_are_inverse_from_both_sides(name):
    group = group_of(name)
    x = np.arange(len(group.table))
    assert (group.table[x, group.inverse] == group.identity).all()
    assert (group.table[group.inverse, x] == group.identity).all()


@pytest.mark.parametrize("name", SMALL)
def test_products_of_three_need_no_brackets(name):
    table = group_of(name).table
    for x in range(len(table)):
        assert (table[table[x]] == table[x][table]).all()                   # (x y) z and x (y z) for all y, z


@pytest.mark.parametrize("name", [name for name in GROUPS if name not in SMALL])
def test_products_of_three_drawn_at_random_need_no_brackets_in_larger_groups(name):
    table = group_of(name).table
    x, y, z = np.random.default_rng(0).integers(0, len(table), (3, 20_000))
    assert (table[table[x, y], z] == table[x, table[y, z]]).all()


@pytest.mark.parametrize("name", GROUPS)
def test_the_order_is_known_before_the_group_is_made(name):
    assert natural_modulus(name) == GROUPS[name][0] == make_rule(name).modulus


@pytest.mark.parametrize("name", GROUPS)
def test_the_number_of_conjugacy_classes_is_the_literatures(name):
    assert len(set(group_of(name).classes)) == GROUPS[name][1]


@pytest.mark.parametrize("n", range(1, 13))
def test_the_number_of_classes_of_a_dihedral_group(n):
    assert len(set(group_of(f"D{n}").classes)) == ((n + 3) / 2 if n % 2 else n / 2 + 3)


@pytest.mark.parametrize("name", GROUPS)
def test_whether_a_group_is_abelian(name):
    assert facts(group_of(name))["abelian"] == GROUPS[name][2]


@pytest.mark.parametrize("name", SMALL)
def test_classes_are_the_orbits_of_conjugation(name):
    group = group_of(name)
    table, P = group.table, len(group.table)
    orbit_of = [frozenset(int(table[table[g, x], group.inverse[g]]) for g in range(P)) for x in range(P)]
    assert {frozenset(np.flatnonzero(group.classes == c).tolist()) for c in set(group.classes)} == set(orbit_of)


@pytest.mark.parametrize("name", GROUPS)
def test_class_0_is_that_of_the_identity_alone(name):
    group = group_of(name)
    assert np.flatnonzero(group.classes == 0).tolist() == [group.identity]


@pytest.mark.parametrize("name", SMALL)
def test_the_order_of_an_element_is_its_first_power_that_is_the_identity(name):
    group = group_of(name)
    for x, order in enumerate(group.orders):
        powers = [x]
        while powers[-1] != group.identity:
            powers.append(int(group.table[powers[-1], x]))
        assert len(powers) == order


@pytest.mark.parametrize("name", ["Q8", "Q12", "Q16", "SL(2,3)", "SL(2,5)"])
def test_one_element_alone_has_order_two(name):
    assert orders(name)[2] == 1


@pytest.mark.parametrize(("name", "expected"), [
    ("Z12", {1: 1, 2: 1, 3: 2, 4: 2, 6: 2, 12: 4}),                 # Euler's φ
    ("Z2^3", {1: 1, 2: 7}),
    ("S4", {1: 1, 2: 6 + 3, 3: 8, 4: 6}),                           # by cycle type
    ("S5", {1: 1, 2: 10 + 15, 3: 20, 4: 30, 5: 24, 6: 20}),
    ("A5", {1: 1, 2: 15, 3: 20, 5: 24}),
    ("D12", {1: 1, 2: 12 + 1, 3: 2, 4: 2, 6: 2, 12: 4}),
    ("Q8", {1: 1, 2: 1, 4: 6}),
    ("Q12", {1: 1, 2: 1, 3: 2, 4: 6, 6: 2}),
    ("SL(2,3)", {1: 1, 2: 1, 3: 8, 4: 6, 6: 8}),
    ("SL(2,5)", {1: 1, 2: 1, 3: 20, 4: 30, 5: 24, 6: 20, 10: 24}),
    ("GL(2,3)", {1: 1, 2: 1 + 12, 3: 8, 4: 6, 6: 8, 8: 12}),
    ("Z7:Z3", {1: 1, 3: 14, 7: 6}),
    ("Z11:Z10", {1: 1, 2: 11, 5: 44, 10: 44, 11: 10}),
])
def test_so_many_elements_have_each_order(name, expected):
    assert orders(name) == expected


@pytest.mark.parametrize(("name", "sizes"), [
    ("S4", [1, 3, 6, 6, 8]), ("S5", [1, 10, 15, 20, 20, 24, 30]), ("A5", [1, 12, 12, 15, 20]),
    ("Q8", [1, 1, 2, 2, 2]), ("D7", [1, 2, 2, 2, 7]), ("D4", [1, 1, 2, 2, 2]), ("Z7:Z3", [1, 3, 3, 7, 7]),
    ("SL(2,5)", [1, 1, 12, 12, 12, 12, 20, 20, 30]),
])
def test_the_sizes_of_the_classes_are_the_literatures(name, sizes):
    assert sorted(np.bincount(group_of(name).classes).tolist()) == sizes


@pytest.mark.parametrize(("one", "other"), [
    ("D3", "S3"), ("SL(2,2)", "S3"), ("GL(2,2)", "S3"), ("Z3:Z2", "S3"), ("Z6", "Z2xZ3"), ("Z12", "Z3xZ4"),
    ("D2", "Z2^2"), ("D6", "Z2xS3"), ("Z7:Z2", "D7"), ("A3", "Z3"), ("D1", "S2"), ("Z2xA4", "A4xZ2"),
])
def test_isomorphic_groups_have_as_many_classes_of_every_size_and_order(one, other):
    def invariants(group):
        first = np.unique(group.classes, return_index=True)[1]
        return Counter(zip(np.bincount(group.classes).tolist(), group.orders[first].tolist()))

    assert invariants(group_of(one)) == invariants(group_of(other))


@pytest.mark.parametrize(("one", "other"), [("D4", "Q8"), ("Z4", "Z2^2"), ("S4", "SL(2,3)"), ("S5", "SL(2,5)")])
def test_other_groups_of_the_same_order_have_other_elements(one, other):
    assert natural_modulus(one) == natural_modulus(other) and orders(one) != orders(other)


def test_sl_2_3_has_within_it_the_quaternions():
    group = group_of("SL(2,3)")
    inside = np.flatnonzero(4 % group.orders == 0)                  # a normal subgroup of order 8, made of classes
    assert len(inside) == 8 and len(set(group.classes[inside])) == 3
    products = group.table[np.ix_(inside, inside)]
    assert set(products.ravel()) == set(inside) and (products != products.T).any()


def test_sl_2_5_modulo_its_centre_has_the_elements_of_a5():
    group = group_of("SL(2,5)")
    minus = int(np.flatnonzero(group.orders == 2)[0])
    squares_or = np.where(np.isin(group.orders, [2, 4, 6, 10]), group.orders // 2, group.orders)
    assert (group.table[minus] == group.table[:, minus]).all()
    assert {n: count // 2 for n, count in Counter(squares_or.tolist()).items()} == orders("A5")


@pytest.mark.parametrize(("n", "m"), [(7, 3), (11, 10), (5, 2), (7, 6)])
def test_a_semidirect_product_turns_its_normal_part_by_a_number_of_that_order(n, m):
    group = group_of(f"Z{n}:Z{m}")
    a, b = 1, n                                                     # of orders n and m
    assert (group.orders[a], group.orders[b]) == (n, m)
    turned = [a]
    while (after := int(group.table[group.table[b, turned[-1]], group.inverse[b]])) != a:
        turned.append(after)
    assert len(turned) == m and max(turned) < n


def test_products_of_a_direct_product_are_taken_in_each_factor():
    table = group_of("Z2xS3").table
    x, y = np.divmod(np.arange(12), 6)
    expected = 6 * group_of("Z2").table[np.ix_(x, x)] + group_of("S3").table[np.ix_(y, y)]
    assert (table == expected).all()


@pytest.mark.parametrize(("given", "expected"), [
    ("C12", "Z12"), ("z12", "Z12"), ("Z_12", "Z12"), ("Z 12", "Z12"), ("Z_4 × Z_28", "Z4xZ28"), ("Z28*Z4", "Z4xZ28"),
    ("Dih7", "D7"), ("dih_7", "D7"), ("Sym(4)", "S4"), ("Sym4", "S4"), ("alt(5)", "A5"), ("A_5", "A5"),
    ("sl(2, 5)", "SL(2,5)"), ("Gl(2,3)", "GL(2,3)"), ("q8", "Q8"), ("C7:C3", "Z7:Z3"), ("Z7⋊Z3", "Z7:Z3"),
    ("Z12xZ2", "Z2xZ12"), ("Z2xZ2", "Z2^2"), ("Z2^1", "Z2"), ("Z3xZ2^2xZ2", "Z2^3xZ3"), ("S4xZ2", "Z2xS4"),
    ("Z2xZ1", "Z2"), ("Z3^0xZ2", "Z2"), ("add", "add"), ("div", "div"),
])
def test_a_group_has_one_name_however_it_is_written(given, expected):
    assert rule_name(given) == expected


@pytest.mark.parametrize("name", GROUPS)
def test_a_canonical_name_is_its_own(name):
    assert rule_name(name) == name == make_rule(name).name


@pytest.mark.parametrize("name", [
    "", " ", "x", "^", "Z", "Z0", "Z1", "Z1^3", "A2", "S1", "Z-3", "Z+3", "Z3.0", "Z1e1", "Z0113", "Z２", "Z²", "Z٣",
    "Z2^²", "Z2^", "Z2^0", "Z2^-1", "Z2^2^2", "Z2^100", "Z2x", "xZ2", "Z2xxZ3", "Z2+Z3", "Q4", "Q6", "Q9", "SL(2,4)",
    "SL(2,1)", "SL(3,2)", "SL(2,5", "GL(2,9)", "Z7:Z4", "Z7:Z0", "Z1:Z1", "Z7:", "S7", "A8", "Z2001", "Z99999999999",
    "D1001", "SL(2,13)", "GL(2,7)", "Z45^2", "M11", "add2", "table:", "Z3\0", "Z3;", "(Z3)",
])
def test_a_name_of_no_group_is_refused_in_one_line(name):
    with pytest.raises(InputError) as caught:
        make_rule(name)
    assert caught.value.option == "rule" and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [
    "Z" * 100_000, "1" * 100_000, "Z" + "1" * 10_000, "Z2^" + "9" * 100_000, "x".join(["Z2"] * 50_000),
    "Z2" + "xZ1" * 50_000, "Z2" + "^99" * 30, "Z2" + "^99" * 4, "S1999" + "xS1999" * 10_000,
    "S1999^99xS1998^99xS1997^99", "Z1999:Z1997", "Z1999:Z2", "GL(2,1999)" + "xGL(2,1999)" * 1000, "Z2" + " " * 100_000,
], ids=lambda name: f"{name[:20]} of {len(name)}")
def test_long_and_large_names_are_refused_at_once(name):
    start = time.process_time()
    with pytest.raises(InputError):
        make_rule(name)
    assert time.process_time() - start < 0.5


def test_a_modulus_beside_a_group_is_its_order_or_refused():
    assert make_rule("D6", 12).modulus == 12
    with pytest.raises(InputError, match="modulus is 6; it must be 12, the number of tokens of D6, or left out"):
        make_rule("D6", 6)


@pytest.mark.parametrize("name", ["pairs", "table:some.csv"])
def test_a_rule_of_a_file_needs_its_table(name):
    assert natural_modulus(name) is None
    with pytest.raises(InputError, match="given with its table"):
        make_rule(name)
