"""The rules by name: cyclic ones, groups, and tables of one's own. A new cyclic one is an entry in RULES."""

from collections.abc import Callable

import numpy as np

from minimod.errors import InputError, one_of
from minimod.rules.cyclic import CyclicRule, addition, division, multiplication, subtraction
from minimod.rules.groups import canonical_name, group_rule, order_of
from minimod.rules.rule import Rule
from minimod.rules.tables import PAIRS, TABLE, rule_of_table

# name -> the rule for a modulus P, which is 113 unless told otherwise.
RULES: dict[str, Callable[[int], CyclicRule]] = {
    "add": addition, "sub": subtraction, "mul": multiplication, "div": division,
}
MODULUS = 113


def rule_name(name: str) -> str:
    """The name under which a rule is known. Raises ValueError, with what is allowed, where there is none."""
    if name in (*RULES, PAIRS) or (name.startswith(TABLE) and name != TABLE):
        return name
    try:
        return canonical_name(name)
    except ValueError as error:
        groups = "or a group, as Z12, D6, Q8, S4, A5, SL(2,5), Z7:Z3, Z2^3, Z2xS4"
        raise ValueError(f"{one_of(RULES, name)}, {TABLE}FILE, {groups} ({error})") from error


def natural_modulus(name: str) -> int | None:
    """The number of tokens of a rule unless told otherwise; None where a file has to tell."""
    if name in RULES:
        return MODULUS
    return None if name == PAIRS or name.startswith(TABLE) else order_of(name)


def make_rule(name: str, modulus: int | None = None, table: np.ndarray | None = None) -> Rule:
    """The rule of a name, modulo `modulus` >= 2 if it is of RULES; or of a table of labels, of shape (P, P).

    Raises InputError where there is none, or none of this modulus.
    """
    try:
        name = rule_name(name)
    except ValueError as error:
        raise InputError("rule", name, str(error)) from error
    if name in RULES:
        modulus = MODULUS if modulus is None else modulus
        if modulus < 2:
            raise InputError("modulus", modulus, "at least 2")
        return RULES[name](modulus)
    if table is None and natural_modulus(name) is None:
        raise InputError("rule", name, "given with its table or pairs")
    rule = group_rule(name) if table is None else rule_of_table(name, table)
    if modulus not in (None, rule.modulus):
        raise InputError("modulus", modulus, f"{rule.modulus}, the number of tokens of {name}, or left out")
    return rule
