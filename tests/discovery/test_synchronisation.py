import numpy as np
import pytest
from scipy.special import i0, i1

from minimod import make_rule
from minimod.discovery.reading import answers, believe, characters_of, different, grow
from minimod.discovery.synchronisation import (
    SHARING,
    Equations,
    Solver,
    polar,
    random_start,
    sums_of_pieces,
    unit,
    von_mises,
    weights,
)

rng = np.random.default_rng(0)
P, N_PAIRS = 7, 30
A, B, C = rng.integers(0, P, (3, N_PAIRS))


def triple(d, S=2):
    return [random_start(rng, P, S, d) for _ in range(3)]


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_field_is_the_sum_of_what_each_equation_says(place, d):
    x, y, z = triple(d)
    expected = np.zeros_like(x)
    for a, b, c in zip(A, B, C):
        for s in range(2):
            X, Y, Z = (each[t, s].reshape(d, d) for each, t in ((x, a), (y, b), (z, c)))
            said = (Z @ Y.conj().T, X.conj().T @ Z, X @ Y)[place]
            expected[(a, b, c)[place], s] += said.reshape(x.shape[2:])
    np.testing.assert_allclose(Solver(Equations(A, B, C, P)).field(place, x, y, z), expected, atol=1e-5)


@pytest.mark.parametrize("d", [1, 2])
def test_the_value_is_the_mean_of_what_equations_fulfil(d):
    x, y, z = triple(d)
    X, Y, Z = (each.reshape(P, 2, d, d) for each in (x, y, z))
    expected = [
        np.mean([np.trace(X[a, s] @ Y[b, s] @ Z[c, s].conj().T).real / d for a, b, c in zip(A, B, C)]) for s in range(2)
    ]
    np.testing.assert_allclose(Solver(Equations(A, B, C, P)).value(x, y, z), expected, atol=1e-5)


def test_the_mean_field_of_numbers_is_the_mean_of_a_von_mises():
    R = np.array([[0.5 + 1j, 20j], [0.0, -3.0]])
    size = np.abs(R)
    expected = np.where(size > 0, R / np.where(size > 0, size, 1) * i1(0.4 * size) / i0(0.4 * size), 0)
    np.testing.assert_allclose(von_mises(R, 0.4), expected, rtol=1e-12)


def test_the_polar_factor_is_the_nearest_unitary_matrix():
    R = rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3))
    U = polar(R)
    np.testing.assert_allclose(U @ U.conj().T, np.eye(3), atol=1e-12)
    others = [polar(rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3))) for _ in range(50)]
    assert all(np.linalg.norm(R - U) <= np.linalg.norm(R - other) for other in others)


def equations_of(name, noise, n_tokens):
    table = make_rule(name).label_table
    a, b = np.divmod(np.arange(n_tokens**2), n_tokens)
    label = table[a, b].copy()
    wrong = np.random.default_rng(1).permutation(len(label))[: round(noise * len(label))]
    label[wrong] = np.random.default_rng(2).integers(0, n_tokens, len(wrong))
    return Equations(a, b, label, n_tokens), table


@pytest.mark.parametrize("sharing", SHARING)
def test_starts_end_in_characters_of_the_group_or_of_an_isotope(sharing):
    equations, _ = equations_of("Z31", 0.3, 31)
    starts = [random_start(np.random.default_rng(3), 31, 32, 1) for _ in set(SHARING[sharing])]
    ended = [unit(x) for x in Solver(equations).synchronise(starts, sharing)]
    frequencies = np.exp(2j * np.pi * np.outer(np.arange(1, 31), np.arange(31)) / 31)
    overlap = np.abs(frequencies.conj() @ ended[0]).max(axis=0) / 31
    assert np.mean(overlap > 0.9) > 0.5


def test_one_character_grows_into_all_and_they_answer_every_pair():
    equations, table = equations_of("Z31", 0.4, 31)
    one = np.exp(2j * np.pi * 5 * np.arange(31)[:, None] / 31).astype(np.complex64)
    grown = grow(Solver(equations), "group", [one, one, one], np.random.default_rng(0))
    assert grown[0].shape[1] == 15                          # one of each conjugate pair
    assert (answers(grown, equations.a, equations.b) == table[equations.a, equations.b]).all()


def test_characters_and_their_conjugates_count_once():
    waves = np.exp(2j * np.pi * np.outer(np.arange(31), [1, 2, 30, 1]) / 31)
    assert sorted(different(waves, np.array([0.5, 0.4, 0.3, 0.2]))) == [0, 1]


@pytest.mark.parametrize("sharing", ["group", "isotope"])
def test_beliefs_make_a_rough_character_exact(sharing):
    equations, table = equations_of("Z59", 0.6, 59)
    generator = np.random.default_rng(4)
    rough = np.exp(2j * np.pi * np.arange(59) / 59 + 0.4j * generator.standard_normal(59))[:, None]
    elements = believe(Solver(equations), sharing, [rough] * 3, alpha=0.6, kappa=2.0)
    assert (answers(characters_of(elements), equations.a, equations.b) == table[equations.a, equations.b]).all()


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("sharing", SHARING)
def test_starts_on_a_device_end_where_those_of_numpy_do(cupy, sharing, d):
    equations, _ = equations_of("Z7", 0.3, 7)
    starts = [random_start(np.random.default_rng(3), 7, 4, d) for _ in set(SHARING[sharing])]
    there = Solver(equations, cupy).synchronise(starts, sharing)
    for ours, theirs in zip(there, Solver(equations).synchronise(starts, sharing), strict=True):
        np.testing.assert_allclose(ours.get(), theirs, atol=1e-3)


@pytest.mark.parametrize("shape", [(), (4,), (4, 2, 2)])
def test_pieces_of_any_length_have_the_same_sums_on_a_device(cupy, shape):
    X = (rng.standard_normal((20, *shape)) + 1j * rng.standard_normal((20, *shape))).astype(np.complex64)
    first = np.array([0, 1, 2, 9, 19])
    expected = np.stack([X[start:end].sum(axis=0) for start, end in zip(first, [*first[1:], 20])])
    np.testing.assert_allclose(sums_of_pieces(X, first), expected, atol=1e-5)
    np.testing.assert_allclose(sums_of_pieces(cupy.asarray(X), cupy.asarray(first)).get(), expected, atol=1e-5)


def test_a_label_that_is_too_common_weighs_as_much_as_others_in_all():
    c = np.repeat(np.arange(5), [90, 10, 9, 11, 10])
    np.testing.assert_allclose(weights(Equations(c, c, c, 6)), [1 / 9, 1, 1, 1, 1, 1], rtol=1e-6)


def test_the_fields_and_the_value_of_weighed_equations_are_those_of_equations_that_come_as_often():
    a, b = np.divmod(np.arange(49), 7)
    common = (a + b) % 7 < 5
    once = Solver(Equations(a, b, np.where(common, 0, (a + b) % 7), 7))
    x, y, z = triple(1)
    w = once.weight[once.equations.c]
    assert w[common].max() < 0.5 and (w[~common] == 1).all()
    for place in range(3):
        parts = [Solver(Equations(*(each[kept] for each in once.equations[:3]), 7)) for kept in (common, ~common)]
        fields = [part.field(place, x, y, z) / part.weight.max() for part in parts]
        np.testing.assert_allclose(once.field(place, x, y, z), w[common][0] * fields[0] + fields[1], atol=1e-4)
