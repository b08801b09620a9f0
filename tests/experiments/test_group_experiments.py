import math

import pytest
from groups import (
    CLAIMS,
    OF_ORDER_24,
    RANK_ONE,
    SWAPPED,
    chance_of_order,
    mean_dimension,
    measure_group,
    of_group,
    reached,
    width_needed,
)

from minimod import TrainingConfig, make_rule, train
from minimod.claims.claim import FAILS, HOLDS, judge


@pytest.mark.parametrize(("name", "expected"), [
    ("Z24", 1), ("Z2xZ12", 1), ("S4", (2 * 1 + 8 + 2 * 27) / 24), ("SL(2,3)", (3 * 1 + 3 * 8 + 27) / 24),
    ("Z11:Z10", (10 * 1 + 1000) / 110),
])  # fmt: skip
def test_the_mean_dimension_is_the_sum_of_cubes_over_the_order(name, expected):
    assert mean_dimension(name) == pytest.approx(expected)


def noise_rows(rule, dimension, breaks_at):
    """Rows of a group whose filtration breaks down above a noise ratio."""
    return [
        {"rule": rule, "noise_ratio": r / 10, "mean dimension": dimension,
         "dominant+quadratic test": 1.0 if r / 10 <= breaks_at else 0.5} for r in range(10)
    ]


def width_rows(rule, dimension, answers):
    """Rows of a group from a width to what rank one answers."""
    return [
        {"rule": rule, "width": width, "mean dimension": dimension, "rank one+quadratic test": answered}
        for width, answered in answers.items()
    ]


NOISE = noise_rows("B", 4.0, 0.2) + noise_rows("A", 1.0, 0.8)
WIDTH = width_rows("B", 4.0, {64: 0.5, 128: 0.8}) + width_rows("A", 1.0, {64: 0.95, 128: 0.99})


def test_noise_is_reached_up_to_the_first_ratio_that_is_not_answered():
    assert of_group(0, reached)(NOISE) == 0.8 and of_group(-1, reached)(NOISE) == 0.2


def test_the_width_that_is_needed_is_the_least_that_answers_or_never():
    assert of_group(0, width_needed)(WIDTH) == 64 and of_group(-1, width_needed)(WIDTH) == math.inf


@pytest.mark.parametrize(("order", "expected"), [
    ((7, 6, 5, 4, 3, 2, 1), 1 / 5040), ((1, 2, 3, 4, 5, 6, 7), 1), ((3,) * 7, 1), ((2, 2, 2, 2, 2, 2, 1), 1 / 7),
])  # fmt: skip
def test_p_is_the_share_of_permutations_that_order_the_groups_as_well(order, expected):
    rows = [row for place, noise in enumerate(order) for row in noise_rows(f"Z{place}", 1.0 + place, noise / 10)]
    assert chance_of_order(reached)(rows) == pytest.approx(expected, abs=0.01)


def test_the_groups_of_one_order_differ_in_their_representations_alone():
    assert {make_rule(name).modulus for name in OF_ORDER_24} == {24}
    assert len(set(OF_ORDER_24)) == 12 and len({round(mean_dimension(name), 3) for name in OF_ORDER_24}) == 7


def width_result(columns):
    """The result of group-width whose groups need wider networks the larger their representations are."""
    rows = [
        {"seed": 0, "rule": f"Z{place}", "width": width, "mean dimension": 1.0 + place}
        | dict(zip(RANK_ONE, columns(width >= 32 * 2**place), strict=True))
        for place in range(6) for width in (32, 64, 128, 256, 512, 1024)
    ]  # fmt: skip
    return judge("group-width", CLAIMS["group-width"], "quick", rows).verdict


def test_the_width_is_held_against_a_random_part():
    assert width_result(lambda enough: (0.95 if enough else 0.5, 0.3)) == HOLDS
    assert width_result(lambda enough: (0.95 if enough else 0.5,) * 2) == FAILS


@pytest.mark.parametrize("rule", ["Z2^3", "S3"])
def test_rank_one_is_the_whole_component_only_where_all_dimensions_are_one(rule):
    (row,) = measure_group(train(TrainingConfig(rule=rule, width=40, epochs=30, noise_ratio=0.3, threads=1)))
    assert [row[name] for name in RANK_ONE] == [row[name] for name in SWAPPED[:2]] or rule == "S3"
    assert row[RANK_ONE[1]] != row[SWAPPED[1]] or rule != "S3"


def groups_result(**changes):
    """The result of the claim groups, of one group whose numbers hold but for some."""
    good = {"raw noisy": 1.0, "raw test": 0.0, "dominant test": 0.9, "random frequency test": 0.5}
    good |= dict(zip((*SWAPPED, *RANK_ONE), (1.0, 0.8, 0.05, 1.0, 0.8), strict=True))
    rows = [{"seed": 0, "rule": "S4", "noise_ratio": 0.5, "width": 1024} | good | changes]
    return judge("groups", CLAIMS["groups"], "quick", rows).verdict


@pytest.mark.parametrize(("changes", "verdict"), [
    ({}, HOLDS), ({RANK_ONE[1]: 0.95}, FAILS), ({SWAPPED[1]: 0.95}, FAILS), ({SWAPPED[2]: 0.15}, FAILS),
    ({"random frequency test": 0.85}, FAILS), ({RANK_ONE[0]: 0.89}, FAILS),
])  # fmt: skip
def test_filtration_of_groups_is_held_against_its_controls(changes, verdict):
    assert groups_result(**changes) == verdict
