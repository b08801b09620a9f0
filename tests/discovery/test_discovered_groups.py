import numpy as np
import pytest

from minimod.discovery.groups import abelian_groups, isomorphism, names_of_order, recognise
from minimod.groups.irreps import Group
from minimod.groups.names import canonical_name, named_group


def renamed(group, seed=0):
    """The group with its elements under other names."""
    names = np.random.default_rng(seed).permutation(len(group.table))
    back = names.argsort()
    return Group(names[group.table[np.ix_(back, back)]])


@pytest.mark.parametrize("name", [
    "Z113", "Z2^7", "Z4xZ28", "Z10^2", "D57", "S5", "SL(2,5)", "Z2xA5", "Z7:Z3", "Q8", "S4", "SL(2,3)", "Z3xS4", "Q16",
])  # fmt: skip
def test_a_renamed_group_is_recognised_and_every_product_agrees(name):
    group = renamed(named_group(name))
    found, phi = recognise(group)
    assert found == canonical_name(name)
    assert (phi[named_group(found).table] == group.table[np.ix_(phi, phi)]).all() and len({*phi.tolist()}) == len(phi)


@pytest.mark.parametrize(("first", "second"), [("Z4", "Z2^2"), ("D4", "Q8"), ("Z6", "S3"), ("D12", "Z2xA4")])
def test_groups_of_one_order_that_differ_have_no_isomorphism(first, second):
    assert isomorphism(named_group(first), named_group(second)) is None


def test_a_group_without_a_name_here_is_told_by_its_elements():
    # The modular group of order 16, <a, b | a^8, b^2, b a b = a^5>.
    y, x = np.divmod(np.arange(16), 8)
    table = (x[:, None] + 5 ** y[:, None] * x) % 8 + 8 * ((y[:, None] + y) % 2)
    name, phi = recognise(Group(table))
    assert phi is None and name.startswith("a group of order 16; elements by order: 1 of 1, 3 of 2, 4 of 4, 8 of 8")


def test_there_are_as_many_abelian_groups_as_partitions_of_the_exponents():
    assert [len(abelian_groups(order)) for order in (2, 8, 12, 16, 36, 72)] == [1, 3, 2, 5, 4, 6]
    assert {"Z12", "Z2xZ6", "A4", "D6", "Q12"} <= {*names_of_order(12)} | {"Z2xZ6"}
