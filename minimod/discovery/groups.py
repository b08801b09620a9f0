"""Which group a table is: its name, if minimod has a name for it, and an isomorphism that is checked on every pair."""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from minimod.groups.irreps import Group
from minimod.groups.names import FAMILIES, canonical_name, named_group, order_of

# The name patterns of all families but the cyclic one; # is a number. Dihedral groups are last: S3 is not called D3.
PATTERNS = sorted((family.pattern for family in FAMILIES if family.pattern != "Z#"), key=lambda name: name[0] == "D")


def recognise(group: Group) -> tuple[str, np.ndarray | None]:
    """The name of a group, and its element for each element of the group with that name, of shape (P,).

    If no name fits: the orders of its elements and the sizes of its classes in words, and None.
    """
    for name in names_of_order(len(group.table)):
        candidate = named_group(name)
        if invariants(candidate) == invariants(group) and (found := isomorphism(candidate, group)) is not None:
            return name, found
    orders, sizes = (Counter(column.tolist()) for column in (group.orders, np.bincount(group.classes)))
    told = [", ".join(f"{times} of {number}" for number, times in sorted(counts.items())) for counts in (orders, sizes)]
    return f"a group of order {len(group.table)}; elements by order: {told[0]}; classes by size: {told[1]}", None


def invariants(group: Group) -> tuple[tuple[int, int], ...]:
    """The order, and the size of the class, of every element, sorted: the same for isomorphic groups."""
    sizes = np.bincount(group.classes)[group.classes]
    return tuple(sorted(zip(group.orders.tolist(), sizes.tolist(), strict=True)))


@lru_cache(maxsize=64)
def names_of_order(order: int) -> tuple[str, ...]:
    """Names of groups of an order: abelian groups, members of a family, and products of a member with either."""
    names = dict.fromkeys([*abelian_groups(order), *family_members(order)])
    for factor in (d for d in range(6, order + 1) if order % d == 0):
        for base in family_members(factor):
            others = [*abelian_groups(order // factor), *family_members(order // factor)]
            names |= dict.fromkeys(canonical_name(f"{base}x{other}") for other in others)
    return tuple(names)


def abelian_groups(order: int) -> list[str]:
    """The names of all abelian groups of an order, by their invariant factors. Each factor divides the next."""
    def chains(rest: int, divides: int) -> Iterator[list[int]]:
        if rest == 1:
            yield []
        for d in range(2, rest + 1):
            if rest % d == 0 and d % divides == 0:
                for chain in chains(rest // d, d):
                    yield [d, *chain]

    return [canonical_name("x".join(f"Z{d}" for d in chain)) for chain in chains(order, 1)] if order > 1 else ["Z1"]


@lru_cache(maxsize=64)
def family_members(order: int) -> tuple[str, ...]:
    """The names of the groups of this order in all families except the cyclic one."""
    pairs = [f"Z{n}:Z{order // n}" for n in range(3, order) if order % n == 0]
    singles = [each.replace("#", str(n)) for each in PATTERNS if each.count("#") == 1 for n in range(2, order + 1)]
    members = []
    for name in singles + pairs:
        try:
            members += [name] if order_of(name) == order else []
        except ValueError:
            continue
    return tuple(members)


def isomorphism(first: Group, second: Group) -> np.ndarray | None:
    """An isomorphism φ, of shape (P,): one to one, with φ(x y) = φ(x) φ(y) for all x, y of the first group; or None.

    Generators of the first group get images of the same order, one after the other. The images of the generators so far
    fix φ on all elements that they generate. An image is given up if this φ is not one to one. It is also given up if φ
    does not fit a product with a generator.
    """
    def extend(generators: list[int], images: list[int]) -> np.ndarray | None:
        phi = np.full(len(first.table), -1)
        phi[first.identity] = second.identity
        reached: list[int] = [first.identity]
        for x in reached:                                               # the loop adds to it
            for g, image in zip(generators, images, strict=True):
                y, there = int(first.table[x, g]), int(second.table[phi[x], image])
                if phi[y] < 0:
                    phi[y] = there
                    reached.append(y)
                elif phi[y] != there:
                    return None
        if len(set(phi[reached].tolist())) < len(reached):
            return None
        if len(reached) == len(phi):
            return phi
        # The next generator: the element of the largest order that is not reached yet.
        left = np.flatnonzero(phi < 0)
        g = int(left[int(first.orders[left].argmax())])
        used = set(phi[reached].tolist())
        for candidate in np.flatnonzero(second.orders == first.orders[g]).tolist():
            found = None if candidate in used else extend([*generators, g], [*images, candidate])
            if found is not None:
                return found
        return None

    return extend([], [])


def nearest_group_table(grid: np.ndarray) -> np.ndarray | None:
    """The table of a group, or of an isotope of a group, that a grid of labels may be. It takes O(P³), and no search.

    grid: of shape (P, P), -1 where no label is known. It needs a complete row and a complete column, with each label
    once. Name a by its label in that column, and b by its label in that row. Now the grid is the table of a loop. Some
    entries may be missing or wrong. So x y is taken as the commonest of (x u)(u⁻¹ y) over all u. Returns None if there
    is no such row or column. `groups.rules.rule_of_table` tells whether the result is a group's table.
    """
    x = np.arange(len(grid))
    row, column = ((np.sort(each, axis=1) == x).all(axis=1) for each in (grid, grid.T))
    if not row.any() or not column.any():
        return None
    elements_a, elements_b = grid[:, column.argmax()], grid[row.argmax()]
    loop = np.full((len(grid), len(grid) + 1), -1)                      # the last column stands for no element
    loop[np.ix_(elements_a, elements_b)] = grid
    inverse = (loop == grid[row.argmax(), column.argmax()]).argmax(axis=1)
    best = np.empty_like(grid)
    for row_of_x, xu in zip(best, loop[:, :-1], strict=True):
        said = np.where(xu[:, None] >= 0, loop[xu[:, None], loop[inverse, :-1]], -1)        # (u, y)
        votes = np.bincount((x * (len(x) + 1) + said + 1).ravel(), minlength=len(x) * (len(x) + 1))
        row_of_x[:] = votes.reshape(len(x), -1)[:, 1:].argmax(axis=1)
    return np.asarray(best[np.ix_(elements_a, elements_b)])
