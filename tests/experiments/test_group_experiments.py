import math

import pytest
from groups import correlation, mean_dimension, measure_group, of_group, reached, width_needed

from minimod import TrainingConfig, train


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


def test_larger_dimensions_that_bear_less_noise_are_correlated_negatively():
    assert correlation(reached)(NOISE) == pytest.approx(-1)


@pytest.mark.parametrize("rule", ["Z2^3", "S3"])
def test_rank_one_is_the_whole_component_only_where_all_dimensions_are_one(rule):
    (row,) = measure_group(train(TrainingConfig(rule=rule, width=40, epochs=30, noise_ratio=0.3, threads=1)))
    abelian = rule == "Z2^3"
    assert (row["rank one+quadratic test"] == row["dominant+quadratic test"]) or not abelian
    assert math.isnan(row["random rank one+quadratic test"]) == abelian
