"""The rules: a table of labels, and the coordinates in which the rule is cyclic addition."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np

from minimod.errors import InputError


@dataclass(frozen=True, eq=False)
class Rule:
    """A rule c = a ∘ b on the tokens 0 .. P-1.

    operation: a ∘ b before it is reduced modulo P, on integer arrays.
    tokens_a, tokens_b, tokens_c: each of shape (N,), the token at every coordinate 0 .. N-1. In coordinates the rule is
        addition modulo the order N:  tokens_a[x] ∘ tokens_b[y] = tokens_c[(x + y) mod N].
        Every Fourier tool works in these coordinates; a token that has none (0 under multiplication) is set apart.
    """

    name: str
    modulus: int
    operation: Callable
    tokens_a: np.ndarray
    tokens_b: np.ndarray
    tokens_c: np.ndarray

    @property
    def order(self) -> int:
        """N, the number of coordinates: P, or P - 1 for multiplication."""
        return len(self.tokens_c)

    @cached_property
    def label_table(self) -> np.ndarray:
        """The true label of every pair (a, b), of shape (P, P)."""
        x = np.arange(self.modulus)
        return self.operation(x[:, None], x) % self.modulus

    @cached_property
    def has_coordinates(self) -> np.ndarray:
        """Whether both tokens of a pair have coordinates, of shape (P, P). A filtered network knows no others."""
        x = np.arange(self.modulus)
        return np.outer(np.isin(x, self.tokens_a), np.isin(x, self.tokens_b))


def addition(modulus: int) -> Rule:
    """c = a + b mod P. Coordinates are the tokens themselves."""
    x = np.arange(modulus)
    return Rule("add", modulus, np.add, x, x, x)


def subtraction(modulus: int) -> Rule:
    """c = a - b mod P. The second input's coordinate is -b: phase φ over coordinates is phase -φ over tokens."""
    x = np.arange(modulus)
    return Rule("sub", modulus, np.subtract, x, -x % modulus, x)


def multiplication(modulus: int) -> Rule:
    """c = a · b mod P, P an odd prime. Coordinate x is token g^x mod P, g the smallest primitive root; 0 has none."""
    if modulus < 3 or any(modulus % divisor == 0 for divisor in range(2, isqrt(modulus) + 1)):
        raise InputError("modulus", modulus, "an odd prime for the rule mul: only then do discrete logarithms exist")
    for g in range(2, modulus):
        powers = [1]
        while (power := powers[-1] * g % modulus) != 1:
            powers.append(power)
        if len(powers) == modulus - 1:
            break
    tokens = np.array(powers)
    return Rule("mul", modulus, np.multiply, tokens, tokens, tokens)


RULES: dict[str, Callable[[int], Rule]] = {"add": addition, "sub": subtraction, "mul": multiplication}


def make_rule(name: str, modulus: int) -> Rule:
    """The rule `name` of RULES modulo `modulus` >= 2. Raises InputError where there is no such rule."""
    if name not in RULES:
        raise InputError("rule", name, "one of " + ", ".join(RULES))
    if modulus < 2:
        raise InputError("modulus", modulus, "at least 2")
    return RULES[name](modulus)
