"""The rules by name. A new one is an entry in RULES."""

from collections.abc import Callable

from minimod.errors import InputError, one_of
from minimod.rules.cyclic import CyclicRule, addition, multiplication, subtraction

# name -> the rule for a modulus P.
RULES: dict[str, Callable[[int], CyclicRule]] = {"add": addition, "sub": subtraction, "mul": multiplication}


def make_rule(name: str, modulus: int) -> CyclicRule:
    """The rule `name` of RULES modulo `modulus` >= 2. Raises InputError where there is no such rule."""
    if name not in RULES:
        raise InputError("rule", name, one_of(RULES, name))
    if modulus < 2:
        raise InputError("modulus", modulus, "at least 2")
    return RULES[name](modulus)
