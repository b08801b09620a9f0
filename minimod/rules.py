"""The cyclic rules: addition, subtraction, multiplication and division modulo P.

Each is cyclic addition in coordinates of its own. There, the components of a function are its frequencies k.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minimod.errors import InputError, one_of
from minimod.fourier import Frequencies

MODULUS = 113       # unless told otherwise


class Bases(NamedTuple):
    """Orthonormal bases of the functions on the tokens of a, b and c. Each basis vector belongs to one component.

    a, b, c: of shape (P, n), a basis vector a column, zero at tokens that no component covers.
    component_of: of shape (n,), the component of each basis vector, the same in all three bases. 0: the constants.
    """

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    component_of: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Rule:
    """A rule c = a ∘ b on the tokens 0 .. P-1. The kinds of rules are subclasses.

    component_kind: what a component is in words: a "frequency" of a cyclic rule.
    """

    component_kind: ClassVar[str] = "component"
    name: str
    modulus: int

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, modulus {self.modulus})"

    @property
    def label_table(self) -> np.ndarray:
        """The true label of every pair (a, b), of shape (P, P); -1 where the rule leaves the pair out."""
        raise NotImplementedError

    @property
    def is_latin_square(self) -> bool:
        """Whether every label is there once in every row and in every column of the label table."""
        tokens, table = np.arange(self.modulus), self.label_table
        return bool((np.sort(table, axis=0) == tokens[:, None]).all() and (np.sort(table, axis=1) == tokens).all())

    @property
    def components(self) -> Any:
        """The rule's components, such as `fourier.Frequencies`. Raises InputError for a rule that has none."""
        raise InputError("rule", self.name, "one with components: this table is no group's")

    @property
    def bases(self) -> Bases:
        """The bases of the components. Raises InputError for a rule that has none."""
        raise InputError("rule", self.name, "one with components: this table is no group's")

    @property
    def component_names(self) -> list[str]:
        """The names of the components but 0, in their order."""
        raise NotImplementedError

    @property
    def has_components(self) -> np.ndarray:
        """Whether the components cover both tokens of a pair, of shape (P, P). A filtered network knows no others."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, repr=False)
class CyclicRule(Rule):
    """A rule that is addition modulo N in coordinates x, y = 0 .. N-1.

    tokens_a, tokens_b, tokens_c: each of shape (N,), the token at every coordinate:
        tokens_a[x] ∘ tokens_b[y] = tokens_c[(x + y) mod N].
    Under multiplication and division 0 has no coordinate and is in no basis vector. Its labels are 0, and a ∘ 0 is
    by_zero, -1 where that is not defined.
    """

    component_kind = "frequency"
    tokens_a: np.ndarray
    tokens_b: np.ndarray
    tokens_c: np.ndarray
    by_zero: int = 0

    @property
    def order(self) -> int:
        """N, the number of coordinates: P, or P - 1 for multiplication and division."""
        return len(self.tokens_c)

    @cached_property
    def label_table(self) -> np.ndarray:
        """The true label of every pair (a, b), of shape (P, P); -1 for division by 0."""
        table, x = np.zeros((self.modulus, self.modulus), int), np.arange(self.order)
        table[:, 0] = self.by_zero
        table[np.ix_(self.tokens_a, self.tokens_b)] = self.tokens_c[(x[:, None] + x) % self.order]
        return table

    @property
    def is_latin_square(self) -> bool:
        """As `Rule`'s: where every token has a coordinate."""
        return self.order == self.modulus

    @property
    def has_components(self) -> np.ndarray:
        """Whether both tokens of a pair have coordinates, of shape (P, P)."""
        x = np.arange(self.modulus)
        return np.outer(np.isin(x, self.tokens_a), np.isin(x, self.tokens_b))

    @property
    def component_names(self) -> list[str]:
        """As `Rule`'s: the frequencies."""
        return [str(k) for k in range(1, self.order // 2 + 1)]

    @property
    def components(self) -> Frequencies:
        """The frequencies 0 .. ⌊N/2⌋."""
        return Frequencies(self.tokens_a, self.tokens_b, self.tokens_c)

    @cached_property
    def bases(self) -> Bases:
        """√(2/N) cos(2πkx/N) and √(2/N) sin(2πkx/N), of component k = 0 .. ⌊N/2⌋; without √2 for k = 0 and N/2."""
        N, x, columns, component_of = self.order, np.arange(self.order), [], []
        for k in range(N // 2 + 1):
            turn = 2 * np.pi * k * x / N
            waves = [np.cos(turn)] if 2 * k % N == 0 else [np.sqrt(2) * np.cos(turn), np.sqrt(2) * np.sin(turn)]
            columns += [wave / np.sqrt(N) for wave in waves]
            component_of += [k] * len(waves)

        bases = np.zeros((3, self.modulus, N))
        for basis, tokens in zip(bases, (self.tokens_a, self.tokens_b, self.tokens_c), strict=True):
            basis[tokens] = np.stack(columns, axis=1)
        return Bases(bases[0], bases[1], bases[2], np.array(component_of))


def addition(modulus: int) -> CyclicRule:
    """c = a + b mod P. Coordinates are the tokens themselves."""
    x = np.arange(modulus)
    return CyclicRule("add", modulus, x, x, x)


def subtraction(modulus: int) -> CyclicRule:
    """c = a - b mod P. The second input's coordinate is -b: phase φ over coordinates is phase -φ over tokens."""
    x = np.arange(modulus)
    return CyclicRule("sub", modulus, x, -x % modulus, x)


def multiplication(modulus: int) -> CyclicRule:
    """c = a · b mod P, an odd prime. Coordinate x is token g^x mod P, g the smallest primitive root; 0 has none.

    Raises InputError for another modulus: then some x ≠ 0 would have no discrete logarithm.
    """
    tokens = powers_of_the_root("mul", modulus)
    return CyclicRule("mul", modulus, tokens, tokens, tokens)


def division(modulus: int) -> CyclicRule:
    """c = a / b mod P, an odd prime; b = 0 is left out. As multiplication, with coordinate -x for token g^x of b.

    Raises InputError for another modulus.
    """
    tokens = powers_of_the_root("div", modulus)
    return CyclicRule("div", modulus, tokens, np.roll(tokens[::-1], 1), tokens, by_zero=-1)


def powers_of_the_root(name: str, modulus: int) -> np.ndarray:
    """g^0, g^1, ... g^(P-2) modulo an odd prime P, g the smallest primitive root. `name` is for the error."""
    if modulus < 3 or any(modulus % divisor == 0 for divisor in range(2, isqrt(modulus) + 1)):
        raise InputError("modulus", modulus, f"an odd prime for the rule {name}, for discrete logarithms to exist")
    for g in range(2, modulus):
        powers = [1]
        while (power := powers[-1] * g % modulus) != 1:
            powers.append(power)
        if len(powers) == modulus - 1:
            break
    return np.array(powers)


# name -> the rule for a modulus P. A new cyclic rule is an entry.
RULES: dict[str, Callable[[int], CyclicRule]] = {
    "add": addition, "sub": subtraction, "mul": multiplication, "div": division,
}


def make_rule(name: str, modulus: int = MODULUS) -> CyclicRule:
    """The rule of a name in RULES, modulo P >= 2. `minimod.make_rule` knows groups and tables too.

    Raises InputError for another name, and for a modulus that the rule cannot have.
    """
    if name not in RULES:
        raise InputError("rule", name, one_of(RULES, name))
    if modulus < 2:
        raise InputError("modulus", modulus, "at least 2")
    return RULES[name](modulus)
