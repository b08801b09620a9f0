from functools import cache
from itertools import permutations, product
from math import gcd

import numpy as np
import pytest

from minimod.groups.irreps import ATTEMPTS, KINDS, character_table, indicators
from minimod.groups.rules import make_rule

NAMES = ["Z2", "Z9", "Z12", "Z2^3", "S3", "D5", "D6", "Q8", "Q12", "A4", "Z7:Z3", "S4", "SL(2,3)", "GL(2,3)", "A5",
         "Z11:Z10", "SL(2,5)", "S5"]
SMALL = NAMES[:-4]
TIGHT = {"rtol": 0, "atol": 1e-10}


@cache
def group_of(name):
    return make_rule(name).group


@cache
def characters_of(name):
    return group_of(name).characters


def columns(group):
    """(size, order of the elements) of every conjugacy class."""
    first = np.unique(group.classes, return_index=True)[1]
    return list(zip(np.bincount(group.classes).tolist(), group.orders[first].tolist()))


def matches(group, characters, classes, rows):
    """Whether these are the rows, in any order, under some pairing of classes of equal (size, order)."""
    ours, rows = columns(group), np.array(rows)
    if sorted(ours) != sorted(classes) or rows.shape != characters.shape:
        return False
    kinds = sorted(set(classes))
    places = [[i for i, each in enumerate(ours) if each == kind] for kind in kinds]
    theirs = [i for kind in kinds for i, each in enumerate(classes) if each == kind]
    for chosen in product(*(permutations(place) for place in places)):
        paired = characters[:, [i for place in chosen for i in place]]
        distance = np.abs(paired[:, None] - rows[:, theirs]).max(axis=2)
        if (distance.min(axis=0) < 1e-10).all() and (distance.min(axis=1) < 1e-10).all():
            return True
    return False


w, eta = np.exp(2j * np.pi / 3), (-1 + 1j * np.sqrt(7)) / 2
f, g = (1 + np.sqrt(5)) / 2, (1 - np.sqrt(5)) / 2
# name -> ((size, order) of the classes, the characters), from the books.
LITERATURE = {
    "S3": ([(1, 1), (3, 2), (2, 3)], [[1, 1, 1], [1, -1, 1], [2, 0, -1]]),
    "S4": ([(1, 1), (3, 2), (6, 2), (6, 4), (8, 3)], [
        [1, 1, 1, 1, 1], [1, 1, -1, -1, 1], [2, 2, 0, 0, -1], [3, -1, 1, -1, 0], [3, -1, -1, 1, 0],
    ]),
    "S5": ([(1, 1), (10, 2), (15, 2), (20, 3), (20, 6), (30, 4), (24, 5)], [
        [1, 1, 1, 1, 1, 1, 1], [1, -1, 1, 1, -1, -1, 1], [4, 2, 0, 1, -1, 0, -1], [4, -2, 0, 1, 1, 0, -1],
        [5, 1, 1, -1, 1, -1, 0], [5, -1, 1, -1, -1, 1, 0], [6, 0, -2, 0, 0, 0, 1],
    ]),
    "A4": ([(1, 1), (3, 2), (4, 3), (4, 3)], [[1, 1, 1, 1], [1, 1, w, w**2], [1, 1, w**2, w], [3, -1, 0, 0]]),
    "A5": ([(1, 1), (15, 2), (20, 3), (12, 5), (12, 5)], [
        [1, 1, 1, 1, 1], [3, -1, 0, f, g], [3, -1, 0, g, f], [4, 0, 1, -1, -1], [5, 1, -1, 0, 0],
    ]),
    "Q8": ([(1, 1), (1, 2), (2, 4), (2, 4), (2, 4)], [
        [1, 1, 1, 1, 1], [1, 1, 1, -1, -1], [1, 1, -1, 1, -1], [1, 1, -1, -1, 1], [2, -2, 0, 0, 0],
    ]),
    "Z7:Z3": ([(1, 1), (3, 7), (3, 7), (7, 3), (7, 3)], [
        [1, 1, 1, 1, 1], [1, 1, 1, w, w**2], [1, 1, 1, w**2, w],
        [3, eta, eta.conjugate(), 0, 0], [3, eta.conjugate(), eta, 0, 0],
    ]),
    # The last four are those that -1 is not trivial under; (12, 10) is -1 times (12, 5).
    "SL(2,5)": ([(1, 1), (1, 2), (30, 4), (20, 3), (20, 6), (12, 5), (12, 5), (12, 10), (12, 10)], [
        [1, 1, 1, 1, 1, 1, 1, 1, 1], [3, 3, -1, 0, 0, f, g, f, g], [3, 3, -1, 0, 0, g, f, g, f],
        [4, 4, 0, 1, 1, -1, -1, -1, -1], [5, 5, 1, -1, -1, 0, 0, 0, 0],
        [2, -2, 0, -1, 1, -f, -g, f, g], [2, -2, 0, -1, 1, -g, -f, g, f],
        [4, -4, 0, 1, -1, -1, -1, 1, 1], [6, -6, 0, 0, 0, 1, 1, -1, -1],
    ]),
}


@pytest.mark.parametrize("name", LITERATURE)
def test_the_character_table_is_the_literatures(name):
    assert matches(group_of(name), characters_of(name), *LITERATURE[name])


@pytest.mark.parametrize("name", ["D3", "D4", "D5", "D6", "D7", "D9", "D10"])
def test_the_character_table_of_a_dihedral_group(name):
    n = int(name[1:])
    turns, half = np.arange(1, (n + 1) // 2), n // 2                        # r, r², ... but r^(n/2)
    classes = [(1, 1)] + [(2, n // gcd(n, k)) for k in turns.tolist()]
    waves = 2 * np.cos(2 * np.pi * np.outer(turns, np.r_[0, turns]) / n)
    if n % 2:
        classes += [(n, 2)]
        rows = [[*np.ones(len(turns) + 1), s] for s in (1, -1)] + [[*wave, 0] for wave in waves]
    else:
        classes += [(1, 2), (half, 2), (half, 2)]
        rows = [[1, *(r**turns), r**half, s, r * s] for r in (1, -1) for s in (1, -1)]
        rows += [[*wave, 2 * (-1) ** k, 0, 0] for k, wave in zip(turns.tolist(), waves)]
    assert matches(group_of(name), characters_of(name), classes, rows)


def test_a_wrong_character_table_would_be_noticed():
    classes, rows = LITERATURE["S4"]
    assert not matches(group_of("S4"), characters_of("S4"), classes, [*rows[:-1], [3, -1, 1, 1, 0]])


@pytest.mark.parametrize("N", [5, 12])
def test_the_characters_of_a_cyclic_group_are_its_waves(N):
    x = np.arange(N)
    frequencies = sorted(x.tolist(), key=lambda k: (min(k, N - k), k))
    np.testing.assert_allclose(characters_of(f"Z{N}"), np.exp(2j * np.pi * np.outer(frequencies, x) / N), **TIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_the_squares_of_the_dimensions_add_up_to_the_order(name):
    dimensions = characters_of(name)[:, 0]
    np.testing.assert_allclose(dimensions, np.rint(dimensions.real), **TIGHT)
    assert (np.rint(dimensions.real) ** 2).sum() == len(group_of(name).table)


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_the_character_table_are_orthogonal(name):
    X, sizes = characters_of(name), np.bincount(group_of(name).classes)
    np.testing.assert_allclose((X * sizes) @ X.conj().T / sizes.sum(), np.eye(len(X)), **TIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_columns_of_the_character_table_are_orthogonal(name):
    X, sizes = characters_of(name), np.bincount(group_of(name).classes)
    np.testing.assert_allclose(X.conj().T @ X, np.diag(sizes.sum() / sizes), **TIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_the_trivial_character_comes_first_and_dimensions_rise(name):
    X = characters_of(name)
    np.testing.assert_allclose(X[0], 1, **TIGHT)
    assert (np.diff(np.rint(X[:, 0].real)) >= 0).all()


class Draws:
    """Stands in for a random generator: these draws first, then honest ones."""

    def __init__(self, *draws, forever=False):
        self.draws, self.forever, self.calls, self.honest = list(draws), forever, 0, np.random.default_rng(5)

    def standard_normal(self, n):
        self.calls += 1
        if self.draws and (self.forever or self.calls <= len(self.draws)):
            return np.resize(self.draws[(self.calls - 1) % len(self.draws)], n).astype(float)
        return self.honest.standard_normal(n)


@pytest.mark.parametrize("collides", [[0], [1], [1, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1e-17]])
@pytest.mark.parametrize("name", ["S4", "Z9", "SL(2,3)", "Z2^3"])
def test_a_draw_that_does_not_tell_the_characters_apart_is_drawn_again(name, collides):
    draws = Draws(collides, [0])                                            # real part, imaginary part
    characters = character_table(group_of(name), draws)
    assert draws.calls == 4
    np.testing.assert_allclose(characters, characters_of(name), **TIGHT)


@pytest.mark.parametrize("collides", [[0], [1]])
def test_draws_that_never_tell_the_characters_apart_are_an_error(collides):
    draws = Draws(collides, [0], forever=True)
    with pytest.raises(ArithmeticError, match="told the 5 characters apart"):
        character_table(group_of("S4"), draws)
    assert draws.calls == 2 * ATTEMPTS


@pytest.mark.parametrize("name", NAMES)
def test_the_character_table_does_not_depend_on_the_draw(name):
    for seed in (1, 2):
        again = character_table(group_of(name), np.random.default_rng(seed))
        np.testing.assert_allclose(again, characters_of(name), **TIGHT)


# name -> (dimension, kind) of the components, from the books.
COMPONENTS = {
    "Z2": [(1, "real")] * 2,
    "Z9": [(1, "real")] + [(1, "complex")] * 4,
    "Z12": [(1, "real")] * 2 + [(1, "complex")] * 5,
    "Z2^3": [(1, "real")] * 8,
    "S3": [(1, "real")] * 2 + [(2, "real")],
    "D5": [(1, "real")] * 2 + [(2, "real")] * 2,
    "D6": [(1, "real")] * 4 + [(2, "real")] * 2,
    "Q8": [(1, "real")] * 4 + [(2, "quaternionic")],
    "Q12": [(1, "real")] * 2 + [(1, "complex"), (2, "real"), (2, "quaternionic")],
    "A4": [(1, "real"), (1, "complex"), (3, "real")],
    "Z7:Z3": [(1, "real"), (1, "complex"), (3, "complex")],
    "S4": [(1, "real")] * 2 + [(2, "real")] + [(3, "real")] * 2,
    "SL(2,3)": [(1, "real"), (1, "complex"), (2, "quaternionic"), (2, "complex"), (3, "real")],
    "GL(2,3)": [(1, "real")] * 2 + [(2, "real"), (2, "complex")] + [(3, "real")] * 2 + [(4, "real")],
    "A5": [(1, "real")] + [(3, "real")] * 2 + [(4, "real"), (5, "real")],
    "Z11:Z10": [(1, "real")] * 2 + [(1, "complex")] * 4 + [(10, "real")],
    "SL(2,5)": [(1, "real")] + [(3, "real")] * 2 + [(4, "real"), (5, "real")]
               + [(d, "quaternionic") for d in (2, 2, 4, 6)],
    "S5": [(d, "real") for d in (1, 1, 4, 4, 5, 5, 6)],
}


@pytest.mark.parametrize("name", NAMES)
def test_the_components_have_the_dimensions_and_kinds_of_the_literature(name):
    assert sorted((c.dimension, c.kind) for c in group_of(name).components) == sorted(COMPONENTS[name])


@pytest.mark.parametrize("name", NAMES)
def test_frobenius_and_schur_count_the_square_roots(name):
    """Σ ν χ(g) is the number of x with x² = g."""
    group, X = group_of(name), characters_of(name)
    roots = np.bincount(np.diagonal(group.table), minlength=len(group.table))
    np.testing.assert_allclose((indicators(group, X) @ X)[group.classes], roots, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_there_is_a_component_for_every_pair_of_mutually_inverse_classes(name):
    group = group_of(name)
    pairs = {frozenset(pair) for pair in zip(group.classes.tolist(), group.classes[group.inverse].tolist())}
    assert len(group.components) == len(pairs)


@pytest.mark.parametrize("name", NAMES)
def test_components_are_named_by_dimension_and_letter(name):
    names = [c.name for c in group_of(name).components]
    assert names[0] == "1a" and len(set(names)) == len(names)
    assert [int(each.rstrip("abcdefgh")) for each in names] == [c.dimension for c in group_of(name).components]


@pytest.mark.parametrize("name", NAMES)
def test_the_bases_are_orthonormal_and_together_complete(name):
    B = np.concatenate([c.basis for c in group_of(name).components], axis=1)
    np.testing.assert_allclose(B.T @ B, np.eye(len(group_of(name).table)), **TIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_component_is_the_constants(name):
    first = group_of(name).components[0].basis
    assert first.shape[1] == 1
    np.testing.assert_allclose(first - first[0], 0, **TIGHT)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", NAMES)
def test_components_are_invariant_under_translation_from_either_side(name, side):
    table = group_of(name).table
    elements = np.random.default_rng(0).choice(len(table), min(len(table), 8), replace=False)
    for c in group_of(name).components:
        for x in elements:
            moved = c.basis[table[x] if side == "left" else table[:, x]]
            np.testing.assert_allclose(c.basis @ (c.basis.T @ moved), moved, **TIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_a_component_has_as_many_dimensions_as_its_matrices_have_independent_entries(name):
    for c in group_of(name).components:
        assert c.basis.shape == (len(group_of(name).table), c.dimension**2 * (2 if c.kind == "complex" else 1))


@pytest.mark.parametrize("name", NAMES)
def test_the_projection_on_a_component_is_convolution_with_a_class_function(name):
    group = group_of(name)
    for c in group.components:
        kernel = c.basis @ c.basis[group.identity]
        means = np.bincount(group.classes, kernel) / np.bincount(group.classes)
        np.testing.assert_allclose(kernel, means[group.classes], **TIGHT)
        np.testing.assert_allclose(c.basis @ c.basis.T, kernel[group.table[:, group.inverse]], **TIGHT)


@pytest.mark.parametrize("N", [2, 3, 12, 13])
def test_component_k_of_a_cyclic_group_is_cosine_and_sine_of_frequency_k(N):
    components, x = group_of(f"Z{N}").components, np.arange(N)
    assert len(components) == N // 2 + 1
    for k, c in enumerate(components):
        for wave in (np.cos(2 * np.pi * k * x / N), np.sin(2 * np.pi * k * x / N)):
            np.testing.assert_allclose(c.basis @ (c.basis.T @ wave), wave, **TIGHT)
        assert c.basis.shape[1] == (1 if 2 * k % N == 0 else 2)



@pytest.mark.parametrize("name", SMALL)
def test_matrices_multiply_as_the_elements_do(name):
    table = group_of(name).table
    for c in group_of(name).components:
        for x in range(len(table)):
            np.testing.assert_allclose(c.matrices[x] @ c.matrices, c.matrices[table[x]], **TIGHT)


@pytest.mark.parametrize("name", ["SL(2,5)", "S5", "Z11:Z10", "A5"])
def test_matrices_of_random_elements_of_larger_groups_multiply_as_these_do(name):
    table = group_of(name).table
    x, y = np.random.default_rng(0).integers(0, len(table), (2, 300))
    for c in group_of(name).components:
        np.testing.assert_allclose(c.matrices[x] @ c.matrices[y], c.matrices[table[x, y]], **TIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_matrices_are_orthogonal(name):
    for c in group_of(name).components:
        D = c.dimension * (1 if c.kind == "real" else 2)
        assert c.degree == D and c.matrices.shape[1:] == (D, D)
        products = c.matrices @ c.matrices.transpose(0, 2, 1)
        np.testing.assert_allclose(products - np.eye(D), 0, **TIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_the_traces_of_the_matrices_are_the_character_as_often_as_the_kind_says(name):
    group, X = group_of(name), characters_of(name)
    for c in group.components:
        trace = np.trace(c.matrices, axis1=1, axis2=2)
        traces = {"real": X, "complex": X + X.conj(), "quaternionic": 2 * X}[c.kind]
        assert (np.abs(traces[:, group.classes] - trace).max(axis=1) < 1e-10).any()


@pytest.mark.parametrize("name", NAMES)
def test_different_components_have_matrices_of_different_traces(name):
    traces = np.array([np.trace(c.matrices, axis1=1, axis2=2) for c in group_of(name).components])
    gram = traces @ traces.T / traces.shape[1]
    np.testing.assert_allclose(gram, np.diag([KINDS[c.kind][0] for c in group_of(name).components]), **TIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_entries_project_on_the_component(name):
    for c in group_of(name).components:
        np.testing.assert_allclose(c.entries @ c.entries.T, c.basis @ c.basis.T, **TIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_the_commutant_commutes_with_the_matrices(name):
    for c in group_of(name).components:
        for T in c.commutant:
            np.testing.assert_allclose(T @ c.matrices, c.matrices @ T, **TIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_the_commutant_is_an_orthonormal_basis_of_as_many_as_the_kind_says(name):
    for c in group_of(name).components:
        m = {"real": 1, "complex": 2, "quaternionic": 4}[c.kind]
        assert c.commutant.shape == (m, c.degree, c.degree)
        np.testing.assert_allclose(np.einsum("aij,bij->ab", c.commutant, c.commutant) / c.degree, np.eye(m), **TIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_the_commutant_multiplies_as_the_units_of_its_field(name):
    for c in group_of(name).components:
        one, *units = c.commutant
        np.testing.assert_allclose(one, np.eye(c.degree), **TIGHT)
        for i, j in product(range(len(units)), repeat=2):
            anticommutator = units[i] @ units[j] + units[j] @ units[i]
            np.testing.assert_allclose(anticommutator, -2 * one * (i == j), **TIGHT)
        if c.kind == "quaternionic":
            ij = units[0] @ units[1]
            assert min(np.abs(ij - units[2]).max(), np.abs(ij + units[2]).max()) < 1e-10
