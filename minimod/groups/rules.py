"""Rules that are not cyclic: groups, a user's tables, and a user's pairs, whose true labels may be unknown.

A Latin square is isotopic to a group if it is the group's multiplication with a, b and c renamed. Test this with any
tokens a₀ and b₀. Rename a to a ∘ b₀, and rename b to a₀ ∘ b. The renamed multiplication is a loop,

    (a ∘ b₀) · (a₀ ∘ b) = a ∘ b,    with the identity a₀ ∘ b₀.

The Latin square is isotopic to a group if and only if the loop is associative (Albert 1943).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from minimod import rules
from minimod.arrays import checked_array
from minimod.errors import InputError, check_type, one_of
from minimod.groups.irreps import Group
from minimod.groups.matrices import Representations
from minimod.groups.names import canonical_name, named_group, order_of
from minimod.rules import MODULUS, RULES, Bases, Rule

# TABLE: the start of the name of a rule that is a table in a file. PAIRS: the name of a rule that is given by its pairs
# alone.
TABLE, PAIRS = "table:", "pairs"

MOST_TOKENS = 2000      # of a user's table


@dataclass(frozen=True, eq=False, repr=False)
class GroupRule(Rule):
    """A group's multiplication: c = elements_a[a] · elements_b[b].

    elements_a, elements_b: of shape (P,), the group's element at every token a, and at every token b.
    """

    group: Group
    elements_a: np.ndarray
    elements_b: np.ndarray

    @cached_property
    def label_table(self) -> np.ndarray:
        """The true label of every pair (a, b), of shape (P, P)."""
        return np.asarray(self.group.table[np.ix_(self.elements_a, self.elements_b)])

    @cached_property
    def has_components(self) -> np.ndarray:
        """Whether the components cover both tokens of a pair, of shape (P, P): True for every pair."""
        return np.ones((self.modulus, self.modulus), bool)

    @property
    def components(self) -> Representations:
        """The real isotypic components."""
        return Representations(self.bases, self.group, self.elements_a, self.elements_b)

    @property
    def component_names(self) -> list[str]:
        """The names of components 1, 2, ...: the dimension of the irreducible complex representation, and a letter."""
        return [component.name for component in self.group.components[1:]]

    @cached_property
    def bases(self) -> Bases:
        """The bases of the real isotypic components."""
        bases = [component.basis for component in self.group.components]
        B = np.concatenate(bases, axis=1)
        component_of = np.repeat(np.arange(len(bases)), [basis.shape[1] for basis in bases])
        return Bases(B[self.elements_a], B[self.elements_b], B, component_of)


def group_rule(name: str) -> GroupRule:
    """The multiplication of the group with this name."""
    group = named_group(name)
    x = np.arange(len(group.table))
    return GroupRule(name, len(x), group, x, x)


@dataclass(frozen=True, eq=False, repr=False)
class TableRule(Rule):
    """A rule that is a table, without components. -1 stands for a pair without a label."""

    table: np.ndarray

    @property
    def label_table(self) -> np.ndarray:
        """The true label of every pair (a, b), of shape (P, P); -1 for a pair without a label."""
        return self.table

    @cached_property
    def has_components(self) -> np.ndarray:
        """Whether the components cover both tokens of a pair, of shape (P, P): False for every pair."""
        return np.zeros(self.table.shape, bool)


def is_associative(table: np.ndarray) -> bool:
    """Whether (x y) z = x (y z) for all x, y and z. table: of shape (P, P).

    Light's test: it is enough to check every y in a set of generators. The set is found greedily. For a group, it has
    at most log₂ P elements.
    """
    return all((table[table[:, y]] == table[:, table[y]]).all() for y in _generators(table))


def _generators(table: np.ndarray) -> list[int]:
    """A set of elements whose products give all elements."""
    reached, generators = np.zeros(len(table), bool), []
    while not reached.all():
        generators.append(int(reached.argmin()))
        reached[generators[-1]] = True
        size = 0
        while size < (size := int(reached.sum())):
            reached[table[np.ix_(reached, reached)]] = True
    return generators


def rule_of_table(name: str, table: np.ndarray) -> Rule:
    """The rule of a table of labels, of shape (P, P): a `GroupRule` if the table is isotopic to a group."""
    rule = TableRule(name, len(table), table)
    if not rule.is_latin_square:
        return rule
    x = np.arange(len(table))
    e = int(((table == x) & (table.T == x)).all(axis=1).argmax())      # the identity, or token 0 without an identity
    elements_a, elements_b = table[:, e], table[e]
    loop = np.empty_like(table)
    loop[np.ix_(elements_a, elements_b)] = table
    return rule if not is_associative(loop) else GroupRule(name, len(table), Group(loop), elements_a, elements_b)


def kind_of(rule: Rule) -> str:
    """In words, what kind of table a rule has."""
    if isinstance(rule, GroupRule):
        same = (rule.label_table == rule.group.table).all()
        return "a group" if same else "a group under other names for a and b"
    return "a Latin square, but no group" if rule.is_latin_square else "neither a group nor a Latin square"


def table_path(name: str) -> Path | None:
    """The path FILE of a rule table:FILE; None for another rule."""
    return Path(name.removeprefix(TABLE)) if name.startswith(TABLE) else None


def checked_table(table: object, name: str = "given") -> np.ndarray:
    """A table, given as an array or as lists, in int64. name: the name of the table, for errors.

    Raises InputError unless the table has P × P labels in 0 .. P-1.
    """
    allowed = f"P × P whole numbers in 0 .. P-1, with P from 2 to {MOST_TOKENS}"
    array = checked_array("table" if name == "given" else f"table {name}", table, (None, None), kind="numbers")
    if array.shape[0] != array.shape[1] or not 2 <= len(array) <= MOST_TOKENS:
        raise InputError("table", name, f"{allowed}; it has shape {array.shape}")
    outside = array[~((array >= 0) & (array < len(array)) & (array == np.floor(array)))]
    if len(outside):
        raise InputError("table", name, f"{allowed}, and {outside[0]:g} is none of 0 .. {len(array) - 1}")
    return array.astype(np.int64)


def rule_name(name: str) -> str:
    """The canonical name of a rule. Raises ValueError, which says what is allowed, for a name of no rule."""
    if name in (*RULES, PAIRS) or (name.startswith(TABLE) and name != TABLE):
        return name
    try:
        return canonical_name(name)
    except ValueError as error:
        groups = "or a group, as Z12, D6, Q8, S4, A5, SL(2,5), Z7:Z3, Z2^3, Z2xS4"
        raise ValueError(f"{one_of(RULES, name)}, {TABLE}FILE, {groups} ({error})") from error


def natural_modulus(name: str) -> int | None:
    """The default number of tokens of a rule; None if the number depends on a table or on pairs."""
    if name in RULES:
        return MODULUS
    return None if name == PAIRS or name.startswith(TABLE) else order_of(name)


def make_rule(name: str, modulus: int | None = None, table: np.ndarray | None = None) -> Rule:
    """The rule with this name. modulus: P >= 2, for a name in RULES. table: labels, of shape (P, P).

    The name of a rule with a table is pairs, or table: and any text. Raises InputError for a name of no rule, and for a
    table that cannot be used. It also raises InputError for a modulus that the rule cannot have. A group or a table has
    a fixed number of tokens.
    """
    check_type("rule", name, str, "the name of a rule")
    try:
        name = rule_name(name)
    except ValueError as error:
        raise InputError("rule", name, str(error)) from error
    if (table is None) == (natural_modulus(name) is None):
        raise InputError("rule", name, "given with its table or pairs" if table is None else f"{TABLE}X, with a table")
    if name in RULES:
        return rules.make_rule(name, MODULUS if modulus is None else modulus)
    rule = group_rule(name) if table is None else rule_of_table(name, checked_table(table))
    if modulus not in (None, rule.modulus):
        raise InputError("modulus", modulus, f"{rule.modulus}, the number of tokens of {name}, or left out")
    return rule
