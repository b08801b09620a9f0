import math

import numpy as np
import pytest

from minimod.discovery.certificate import (
    divergence,
    highest_chance,
    log_choices,
    log_tables,
    p_value,
)


def test_the_bound_is_above_the_exact_tail_of_a_binomial():
    n, q = 60, 0.1
    for hits in range(7, 40):
        tail = sum(math.comb(n, h) * q**h * (1 - q) ** (n - h) for h in range(hits, n + 1))
        assert tail <= p_value(n, hits, q, 0.0) < 40 * tail


def test_a_count_of_tables_multiplies_the_probability():
    assert p_value(100, 50, 0.1, math.log(7)) == pytest.approx(7 * p_value(100, 50, 0.1, 0.0))


@pytest.mark.parametrize(("n", "hits"), [(0, 0), (100, 10), (100, 5)])
def test_no_more_than_chance_is_no_evidence(n, hits):
    assert p_value(n, hits, 0.1, 0.0) == 1


def test_the_divergence_is_that_of_two_coins_and_none_of_one():
    assert divergence(0.3, 0.3) == 0 and divergence(1, 0.25) == pytest.approx(math.log(4))
    assert divergence(1, 0) == math.inf


@pytest.mark.parametrize("P", [3, 4, 5, 6])
def test_there_are_no_more_group_tables_than_are_counted(P):
    # n! / |Aut| for each group: Aut(Z3) has 2, Z4 2, Z2^2 6, Z5 4, Z6 2, S3 6.
    tables = {3: 6 / 2, 4: 24 / 2 + 24 / 6, 5: 120 / 4, 6: 720 / 2 + 720 / 6}[P]
    assert math.log(tables) <= log_tables(P, "group") < log_tables(P, "c apart") < log_tables(P, "isotope")


def test_the_headline_s_labels_are_no_accident():
    assert p_value(10215, 2043, 118 / 10215, log_tables(113, "isotope")) < 1e-300
    assert p_value(10215, round(0.02 * 10215), 118 / 10215, log_tables(113, "group")) == 1


def test_random_labels_of_small_groups_get_no_small_probability():
    # Z3: of all 3^9 labelings, how many agree with some group table so well?
    tables = [np.add.outer(np.arange(3), np.arange(3)) % 3]
    names = np.array([[0, 1, 2], [1, 0, 2], [2, 1, 0]])
    tables = [p[tables[0][np.ix_(p.argsort(), p.argsort())]].ravel() for p in names]
    labels = np.stack(np.unravel_index(np.arange(3**9), (3,) * 9), axis=1)
    best = np.max([(labels == table).sum(axis=1) for table in tables], axis=0)
    p = np.array([p_value(9, int(hits), 1 / 3, log_tables(3, "group")) for hits in best])
    assert all((p <= level).mean() <= level for level in (0.001, 0.01, 0.05))


@pytest.mark.parametrize(("n", "k"), [(5, 2), (6, 5), (4, 4), (3, 4)])
def test_choices_of_elements_and_other_names_share_a_probability_of_one(n, k):
    others = max(0, n - k)
    ways = [math.comb(n, min(n, k)) * math.comb(others, m) * k**m for m in range(others + 1)]
    assert sum(each / math.exp(log_choices(n, k, m)) for m, each in enumerate(ways)) == pytest.approx(1)


@pytest.mark.parametrize("shares", [[1 / 7] * 7, [0.4] + [0.1] * 6, [1.0] + [0.0] * 6])
def test_no_table_is_expected_to_agree_with_more_than_its_highest_chance(shares):
    rng, P = np.random.default_rng(0), 7
    a, b = np.divmod(rng.permutation(49)[:40], 7)
    tables = [z[np.add.outer(x, y) % 7] for x, y, z in rng.permuted(np.tile(np.arange(7), (500, 3, 1)), axis=-1)]
    zero = np.zeros((7, 7), int)
    zero[1:, 1:] = 1 + np.add.outer(np.arange(6), np.arange(6)) % 6
    for table in [*tables, zero]:
        assert np.array(shares)[table[a, b]].mean() <= highest_chance(table[a, b])
    assert max(highest_chance(table[a, b]) for table in tables) <= P / 40


def test_the_highest_chance_is_the_share_of_the_commonest_answer_and_1_of_none():
    assert highest_chance(np.array([0, 1, 1, 2])) == 0.5 and highest_chance(np.arange(113)) == 1 / 113
    assert highest_chance(np.arange(0)) == 1 and highest_chance(np.array([0, -1, -1, -1])) == 1 / 4


def test_labels_that_differ_from_row_to_row_agree_with_a_whole_latin_square_as_random_ones_do():
    shares = np.random.default_rng(0).dirichlet(np.ones(7), size=7)         # q_c of every row
    a, b = np.divmod(np.arange(49), 7)
    assert shares[a, (3 * a + b) % 7].mean() == pytest.approx(1 / 7) == highest_chance((3 * a + b) % 7)
