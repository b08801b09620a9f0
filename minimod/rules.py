"""The cyclic rules: addition, subtraction, multiplication and division modulo P.

A token gets a number, its coordinate x = 0 .. N-1, such that the rule adds the coordinates modulo N. For addition, the
coordinate is the token. For multiplication it is the discrete logarithm: g^x · g^y = g^(x + y). Over coordinates, the
components of a function are its frequencies k.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minimod.errors import InputError, checked_number, choice
from minimod.fourier import Frequencies

MODULUS = 113       # the default


class Bases(NamedTuple):
    """Orthonormal bases of the functions on the tokens of a, b and c. A basis vector belongs to one component.

    a, b, c: of shape (P, n). A column is a basis vector. It is 0 at tokens that no component covers.
    component_of: of shape (n,), the component of every basis vector, the same in all three bases. Component 0 is the
    constant functions.
    """

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    component_of: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Rule:
    """A rule c = a ∘ b on the tokens 0 .. P-1, where P is the modulus. Every kind of rule is a subclass.

    component_kind: the word for a component, for example "frequency" for a cyclic rule.
    """

    component_kind: ClassVar[str] = "component"
    name: str
    modulus: int

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, modulus {self.modulus})"

    @property
    def label_table(self) -> np.ndarray:
        """The true label of every pair (a, b), of shape (P, P); -1 for a pair that the rule leaves out."""
        raise NotImplementedError

    @property
    def is_latin_square(self) -> bool:
        """Whether every row and every column of the label table has every label exactly once."""
        tokens, table = np.arange(self.modulus), self.label_table
        return bool((np.sort(table, axis=0) == tokens[:, None]).all() and (np.sort(table, axis=1) == tokens).all())

    @property
    def components(self) -> Any:
        """The rule's components, such as `fourier.Frequencies`. Raises InputError for a rule without components."""
        raise InputError("rule", self.name, "a rule with components: this table is not the table of a group")

    @property
    def bases(self) -> Bases:
        """The bases of the components. Raises InputError for a rule without components."""
        raise InputError("rule", self.name, "a rule with components: this table is not the table of a group")

    @property
    def component_names(self) -> list[str]:
        """The names of components 1, 2, ..., in this order; component 0 has no name."""
        raise NotImplementedError

    @property
    def has_components(self) -> np.ndarray:
        """Whether the components cover both tokens of a pair (a, b), booleans of shape (P, P).

        The dominant network of the filtration has weights 0 for all other tokens.
        """
        raise NotImplementedError


@dataclass(frozen=True, eq=False, repr=False)
class CyclicRule(Rule):
    """A rule that is addition modulo N in coordinates x, y = 0 .. N-1.

    tokens_a, tokens_b, tokens_c: of shape (N,), the token at every coordinate:
        tokens_a[x] ∘ tokens_b[y] = tokens_c[(x + y) mod N].
    by_zero: the label a ∘ 0, if token 0 has no coordinate. -1 leaves out these pairs, as in division.

    For multiplication and division, token 0 has no coordinate. So all basis vectors are 0 at token 0, and 0 ∘ b = 0.
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
        table = np.zeros((self.modulus, self.modulus), int)      # 0 ∘ b = 0, if token 0 has no coordinate
        table[:, 0] = self.by_zero                               # a ∘ 0; overwritten below if token 0 has a coordinate
        x = np.arange(self.order)
        # np.ix_ selects the entries (tokens_a[x], tokens_b[y]) for all x and y; (x[:, None] + x) is the table of x + y.
        table[np.ix_(self.tokens_a, self.tokens_b)] = self.tokens_c[(x[:, None] + x) % self.order]
        return table

    @property
    def is_latin_square(self) -> bool:
        """See `Rule.is_latin_square`. A cyclic rule is a Latin square if every token has a coordinate."""
        return self.order == self.modulus

    @cached_property
    def has_components(self) -> np.ndarray:
        """Whether both tokens of a pair (a, b) have coordinates, booleans of shape (P, P)."""
        x = np.arange(self.modulus)
        return np.outer(np.isin(x, self.tokens_a), np.isin(x, self.tokens_b))

    @property
    def component_names(self) -> list[str]:
        """The frequencies "1", "2", ..., "⌊N/2⌋", see `Rule.component_names`."""
        return [str(k) for k in range(1, self.order // 2 + 1)]

    @property
    def components(self) -> Frequencies:
        """The frequencies 0 .. ⌊N/2⌋."""
        return Frequencies(self.tokens_a, self.tokens_b, self.tokens_c)

    @cached_property
    def bases(self) -> Bases:
        """The cosine and the sine of every frequency k = 0 .. ⌊N/2⌋, at the token of every coordinate x.

        They are √(2/N) cos(2πkx/N) and √(2/N) sin(2πkx/N). For k = 0 and k = N/2 the sine is 0 everywhere. So these
        frequencies have one basis vector, cos(2πkx/N) / √N.
        """
        N, x = self.order, np.arange(self.order)
        columns, component_of = [], []
        for k in range(N // 2 + 1):
            angle = 2 * np.pi * k * x / N
            if 2 * k % N == 0:      # k = 0 or k = N/2
                waves = [np.cos(angle)]
            else:
                waves = [np.sqrt(2) * np.cos(angle), np.sqrt(2) * np.sin(angle)]
            columns += [wave / np.sqrt(N) for wave in waves]
            component_of += [k] * len(waves)

        bases = np.zeros((3, self.modulus, N))
        for basis, tokens in zip(bases, (self.tokens_a, self.tokens_b, self.tokens_c), strict=True):
            basis[tokens] = np.stack(columns, axis=1)
        return Bases(bases[0], bases[1], bases[2], np.array(component_of))


def addition(modulus: int) -> CyclicRule:
    """c = a + b mod P. The coordinate of a token is the token itself."""
    x = np.arange(modulus)
    return CyclicRule("add", modulus, x, x, x)


def subtraction(modulus: int) -> CyclicRule:
    """c = a - b mod P. The coordinate of b is y = -b mod P. So a phase φ over coordinates y is -φ over tokens b."""
    x = np.arange(modulus)
    return CyclicRule("sub", modulus, x, -x % modulus, x)


def multiplication(modulus: int) -> CyclicRule:
    """c = a · b mod P, for an odd prime P. The token at coordinate x is g^x mod P; token 0 has no coordinate.

    g is the smallest primitive root modulo P. Raises InputError for another modulus, see `powers_of_the_root`.
    """
    tokens = powers_of_the_root("mul", modulus)
    return CyclicRule("mul", modulus, tokens, tokens, tokens)


def division(modulus: int) -> CyclicRule:
    """c = a / b mod P, for an odd prime P. The rule leaves out the pairs with b = 0.

    a and c have the same coordinates as in `multiplication`. The token b at coordinate y is g^(-y) mod P. Raises
    InputError for another modulus, see `powers_of_the_root`.
    """
    tokens = powers_of_the_root("div", modulus)
    tokens_b = np.roll(tokens[::-1], 1)      # g^0, g^(N-1), g^(N-2), ... are g^0, g^-1, g^-2, ...
    return CyclicRule("div", modulus, tokens, tokens_b, tokens, by_zero=-1)


def powers_of_the_root(name: str, modulus: int) -> np.ndarray:
    """g^0, g^1, ... g^(P-2) modulo an odd prime P, where g is the smallest primitive root.

    g is a primitive root if these powers are all tokens but 0. name: the name of the rule, for the error. Raises
    InputError for a modulus that is no odd prime.
    """
    if modulus < 3 or any(modulus % divisor == 0 for divisor in range(2, isqrt(modulus) + 1)):
        raise InputError("modulus", modulus, f"an odd prime for the rule {name}, which needs discrete logarithms")
    for g in range(2, modulus):
        powers, power = [1], g
        while power != 1:
            powers.append(power)
            power = power * g % modulus
        if len(powers) == modulus - 1:      # g is a primitive root; every odd prime has one
            break
    return np.array(powers)


# name -> the function that makes the rule for a modulus P. To add a cyclic rule, add an entry.
RULES: dict[str, Callable[[int], CyclicRule]] = {
    "add": addition, "sub": subtraction, "mul": multiplication, "div": division,
}


def make_rule(name: str, modulus: int = MODULUS) -> CyclicRule:
    """The cyclic rule with a name in RULES and a modulus P >= 2. `minimod.make_rule` also makes groups and tables.

    Raises InputError for an unknown name, and for a modulus that the rule cannot have.
    """
    return RULES[choice("rule", name, RULES)](checked_number("modulus", modulus, 2, kind=int))
