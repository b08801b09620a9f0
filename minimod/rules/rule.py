"""What a rule is: its true labels, and its components, into which functions on its tokens split."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from minimod.errors import InputError


class Bases(NamedTuple):
    """Orthonormal bases of the functions on the tokens of a, b and c, each basis vector labelled with its component.

    a, b, c: each of shape (P, n), a basis vector a column, zero at tokens that the components leave out.
    label: of shape (n,), the component of each basis vector, the same in all three bases. 0 is that of the constants.
    """

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    label: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Rule:
    """A rule c = a ∘ b on the tokens 0 .. P-1. The kinds of rules are subclasses.

    component_kind: what a component is in words, a "frequency" of cyclic rules.
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
    def bases(self) -> Bases:
        """The bases of the rule's components. Raises InputError for a rule that has none: one that is no group's."""
        raise InputError("rule", self.name, "one with components: this table is no group's")

    @property
    def component_names(self) -> list[str]:
        """What the components but 0 are called, in their order."""
        raise NotImplementedError

    @property
    def has_components(self) -> np.ndarray:
        """Whether the bases cover both tokens of a pair, of shape (P, P). A filtered network knows no other pairs."""
        raise NotImplementedError
