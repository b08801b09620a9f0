"""Finite groups by name.

A name is Z12, D6 (of order 12), Q8, S4, A5, SL(2,5), GL(2,3), Z7:Z3 (semidirect), or a product, as Z2^3 or Z2xS4.
"""

import re
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import permutations
from math import factorial, prod
from typing import Any, NamedTuple

import numpy as np

from minimod.groups.irreps import Group

MOST_ELEMENTS = 2000    # of a group by name; the components of so large a group take seconds
LONGEST_NAME = 100


class Family(NamedTuple):
    """A family of groups. pattern: of their names, where # stands for a number. order, table: functions of the numbers.
    """

    pattern: str
    order: Callable[..., int]
    table: Callable[..., np.ndarray]


def metacyclic(n: int, m: int, r: int, t: int = 0) -> np.ndarray:
    """The table of the group with aⁿ = e, bᵐ = aᵗ and b a b⁻¹ = aʳ. Element x + n y is aˣ bʸ, with x < n and y < m."""
    y, x = np.divmod(np.arange(n * m), n)
    carried, b = np.divmod(y[:, None] + y, m)
    turned = np.array([pow(r, int(power), n) for power in range(m)])[y][:, None] * x
    return np.asarray((x[:, None] + turned + t * carried) % n + n * b)


def permutation_group(n: int, even: bool = False) -> np.ndarray:
    """The table of the permutations of 0 .. n-1, or of the even permutations, in lexicographic order.

    The product p q applies q first, and then p.
    """
    p = np.array(list(permutations(range(n))))
    if even:
        inversions = sum((p[:, i] > p[:, j]).astype(int) for i in range(n) for j in range(i + 1, n))
        p = p[inversions % 2 == 0]
    return _table_of(p[:, p], p, n)                             # p[i, p[j, k]]


def matrix_group(p: int, special: bool) -> np.ndarray:
    """The table of the invertible 2 × 2 matrices modulo a prime p. special: only matrices with determinant 1."""
    entries = np.indices((p,) * 4).reshape(4, -1)
    determinant = (entries[0] * entries[3] - entries[1] * entries[2]) % p
    A = entries[:, determinant == 1 if special else determinant != 0].T.reshape(-1, 2, 2)
    return _table_of((A[:, None] @ A % p).reshape(len(A), len(A), 4), A.reshape(-1, 4), p)


def _table_of(products: np.ndarray, elements: np.ndarray, base: int) -> np.ndarray:
    """The number of every product among the elements, of shape (P, P).

    products: of shape (P, P, k). elements: of shape (P, k), sorted. Their entries are below `base`.
    """
    place = base ** np.arange(elements.shape[1])[::-1]
    return np.searchsorted(elements @ place, products @ place)


def multiplier(n: int, m: int) -> int:
    """The smallest r of multiplicative order m modulo n. Raises ValueError if no number has this order."""
    require(n * m <= MOST_ELEMENTS, f"a group has 2 to {MOST_ELEMENTS} elements here")
    for r in range(1, n):
        if pow(r, m, n) == 1 and all(pow(r, k, n) != 1 for k in range(1, m)):
            return r
    raise ValueError(f"no number has multiplicative order {m} modulo {n}, so there is no Z{n}:Z{m} here")


def require(condition: bool, why: str) -> None:
    """Raise ValueError, with the reason, unless the condition holds."""
    if not condition:
        raise ValueError(why)


def _quaternion_order(n: int) -> int:
    require(n % 4 == 0 and n > 4, f"Q{n} is no group: quaternion groups have the orders 8, 12, 16, ...")
    return n


def _matrix_order(p: int, special: bool) -> int:
    require(p > 1 and all(p % d for d in range(2, int(p**0.5) + 1)), f"{p} is no prime: SL(2,p) and GL(2,p) need one")
    return (p * p - 1) * p * (1 if special else p - 1)


FAMILIES = (
    Family("Z#", lambda n: n, lambda n: metacyclic(n, 1, 1)),
    Family("Z#:Z#", lambda n, m: n * m if multiplier(n, m) else 0, lambda n, m: metacyclic(n, m, multiplier(n, m))),
    Family("D#", lambda n: 2 * n, lambda n: metacyclic(n, 2, -1)),
    Family("Q#", _quaternion_order, lambda n: metacyclic(n // 2, 2, -1, n // 4)),
    Family("S#", factorial, permutation_group),
    Family("A#", lambda n: factorial(n) // 2, lambda n: permutation_group(n, even=True)),
    Family("SL(2,#)", lambda p: _matrix_order(p, special=True), lambda p: matrix_group(p, special=True)),
    Family("GL(2,#)", lambda p: _matrix_order(p, special=False), lambda p: matrix_group(p, special=False)),
)

# Other ways to write a name, such as C_12 or Sym(4). The patterns are in capitals.
ALIASES = {r"[\s_]": "", "[×*]": "X", "⋊": ":", r"C(?=\d)": "Z", r"DIH(?=\d)": "D", r"(SYM|ALT)\((\d+)\)": r"\1\2",
           r"(S)YM|(A)LT": r"\1\2"}


def parse(name: str) -> tuple[list[str], int]:
    """The canonical names of a group's factors, sorted by order, and the group's order.

    Raises ValueError for a name of no group.
    """
    require(len(name) <= LONGEST_NAME, f"a group's name has at most {LONGEST_NAME} letters")
    written = name.upper()
    for pattern, ours in ALIASES.items():
        written = re.sub(pattern, ours, written)
    factors: list[str] = []
    for factor in written.split("X"):
        base, *powers = factor.split("^")
        is_power = len(powers) < 2 and all(re.fullmatch("[0-9]{1,2}", power) for power in powers)
        require(is_power, f"{name!r} is no group's name")
        factors += [base] * prod(map(int, powers))
    sizes = {factor: min(_family(factor).order(), MOST_ELEMENTS + 1) for factor in dict.fromkeys(factors)}
    order = prod(sizes[factor] for factor in factors)
    require(1 < order <= MOST_ELEMENTS, f"a group has 2 to {MOST_ELEMENTS} elements here")
    return sorted((each for each in factors if sizes[each] > 1), key=lambda each: (sizes[each], each)), order


def _family(factor: str) -> Family:
    """The family of a factor. Its functions take no arguments: they use the numbers in the factor's name.

    Raises ValueError if the factor is in no family.
    """
    for family in FAMILIES:
        if match := re.fullmatch(re.escape(family.pattern).replace(r"\#", "([1-9][0-9]{0,3})"), factor):
            numbers = [int(number) for number in match.groups()]
            require(max(numbers) <= MOST_ELEMENTS, f"a group has 2 to {MOST_ELEMENTS} elements here")
            return Family(factor, partial(family.order, *numbers), partial(family.table, *numbers))
    raise ValueError(f"{factor!r} is no group's name")


def canonical_name(name: str) -> str:
    """The canonical name of a group: the factors sorted by order, equal factors as a power.

    Raises ValueError for a name of no group.
    """
    factors, _ = parse(name)
    powers = {factor: factors.count(factor) for factor in factors}
    return "x".join(f"{factor}^{n}" if n > 1 else factor for factor, n in powers.items())


def order_of(name: str) -> int:
    """The number of elements of the group with this name. Raises ValueError for a name of no group."""
    return parse(name)[1]


@lru_cache(maxsize=16)
def named_group(name: str) -> Group:
    """The group with this name. In a product, the element of the last factor changes fastest with the number.

    Raises ValueError for a name of no group.
    """
    table = np.zeros((1, 1), int)
    for factor in parse(name)[0]:
        other = _family(factor).table()
        table = np.kron(table * len(other), np.ones_like(other)) + np.tile(other, table.shape)
    return Group(table)


def facts(group: Group) -> dict[str, Any]:
    """The facts about a group, as numbers and arrays.

    - order: the number of elements. abelian: whether the multiplication is commutative,
    - classes: the size of every conjugacy class, and the order of its elements,
    - dimensions: of the irreducible complex representations; the sum of their squares is the order,
    - characters: complex, of shape (classes, classes), one character per row, see `irreps.character_table`,
    - components: the name, dimension, kind and size (of the basis) of every component, see `irreps.Component`.
    """
    characters, first = group.characters, np.unique(group.classes, return_index=True)[1]
    return {
        "order": len(group.table), "abelian": bool((group.table == group.table.T).all()),
        "classes": {"size": np.bincount(group.classes), "orders": group.orders[first]},
        "dimensions": np.rint(characters[:, 0].real).astype(int), "characters": characters,
        "components": [
            {"name": c.name, "dimension": c.dimension, "kind": c.kind, "size": c.basis.shape[1]}
            for c in group.components
        ],
    }
