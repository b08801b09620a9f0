"""Claims on groups: filtration by components, and how far it goes where representations are large."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minimod.claims.claim import Claim, Number, Plot, Row
from minimod.claims.criteria import by_number, furthest, highest, least, lowest, most, note, number_in, select
from minimod.claims.readings import read_from
from minimod.claims.settings import all_of, runs
from minimod.rules import make_rule
from minimod.rules.groups import GroupRule
from minimod.store.runs import Run
from minimod.summary import open_analysis

SMALL = ["Z24", "Z2xZ12", "D12", "SL(2,3)", "S4"]
ABELIAN_AND_DIHEDRAL, LARGER = ["Z113", "Z2^7", "D57"], ["Z2xA5", "SL(2,5)", "S5", "Z11:Z10"]

# The full scale trains as the headline does, and longer with more decay where larger representations need it.
HEADLINE: dict[str, Any] = {"learning_rate": 5e-3, "weight_decay": 0.5, "epochs": 100}
LONG: dict[str, Any] = HEADLINE | {"weight_decay": 3, "epochs": 300}

# The width at which all noise ratios are tried.
WIDTHS = (512, 1024)


def mean_dimension(name: str) -> float:
    """Σ d³ / |G| over a group's irreducible representations: the mean of d over the basis functions, d² of each."""
    rule = make_rule(name)
    assert isinstance(rule, GroupRule)
    return float(np.mean([c.dimension for c in rule.group.components for _ in range(c.basis.shape[1])]))


def measure_group(run: Run) -> list[Row]:
    """What filtration by components answers, and its controls. Where all dimensions are 1, rank one is the whole."""
    config, matrices = run.config, ("rank one+quadratic test", "random rank one+quadratic test")
    with open_analysis(run) as study:
        row: Row = {"mean dimension": mean_dimension(config.rule)}
        row |= read_from(study, "raw noisy", "raw test", "dominant test", "dominant+quadratic test")
        has_matrices = "rank one" in study.needs
        row |= read_from(study, *matrices) if has_matrices else {
            matrices[0]: row["dominant+quadratic test"], matrices[1]: math.nan
        }
        row |= read_from(study, "random frequency test")
        row["random frequency+quadratic test"] = study.random_frequency("quadratic")["test"]
        row["untrained+quadratic test"] = study.count(study.untrained.dominant, "quadratic")["test"]
    return [{"rule": config.rule, "noise_ratio": config.noise_ratio, "width": config.width, **row}]


def reached(rows: list[Row]) -> dict[float, float]:
    """Mean dimension of a group -> the noise ratio up to which its dominant components, quadratic, answer 0.9, or 0."""
    up_to: dict[float, float] = {}
    for rule in dict.fromkeys(row["rule"] for row in rows):
        tried = [row for row in select(rows, rule=rule) if row["width"] in WIDTHS]
        found = furthest("dominant+quadratic test", 0.9)(tried)
        up_to[number_in(tried[0], "mean dimension")] = max(0.0, found)
    return up_to


def correlation(rows: list[Row]) -> float:
    """That of mean dimension and noise ratio of `reached`."""
    up_to = reached(rows)
    return float(np.corrcoef(list(up_to), list(up_to.values()))[0, 1])


def of_dimension(extreme: Callable[..., float], value: Callable[[list[Row]], dict[float, float]]) -> Number:
    """The value of the group with the least (min) or largest (max) mean dimension."""
    return lambda rows: (values := value(rows))[extreme(values)]


def widths_needed(rows: list[Row]) -> dict[float, float]:
    """Mean dimension -> the least width tried at half of the labels wrong with which rank one answers 0.9, or inf."""
    needed: dict[float, float] = {}
    for row in by_number(select(rows, noise_ratio=0.5), "width"):
        dimension = number_in(row, "mean dimension")
        enough = number_in(row, "rank one+quadratic test") >= 0.9
        needed[dimension] = min(needed.get(dimension, math.inf), number_in(row, "width") if enough else math.inf)
    return needed


ANSWERS = ("raw test", "dominant test", "dominant+quadratic test", "rank one+quadratic test")

GROUPS = Claim(
    statement="(Beyond the paper.) Filtration works for any finite group: the components of the functions on it take "
    "the place of frequencies. Where representations are large, the best rank-one part of each neuron's matrices "
    "removes more noise than the component alone.",
    experiment="Groups with representations of growing dimension, with half of the labels wrong (at full scale 80 % "
    "for Z113, Z2^7 and D57). dominant keeps each neuron's strongest isotypic component by power per dimension; rank "
    "one, inside it, the best rank-one part of each vector's matrix. The controls: a random component for each neuron "
    "(random frequency), a random rank-one part, the components of the untrained network.",
    configs=all_of(
        runs(
            {"noise_ratio": 0.5, "width": 1024, "rule": SMALL},
            {"noise_ratio": 0.8, "width": 1024, "rule": ABELIAN_AND_DIHEDRAL} | HEADLINE,
        ),
        runs({"rule": []}, {"noise_ratio": 0.5, "width": 2048, "rule": LARGER} | LONG),
    ),
    measure=measure_group, keys=("rule", "noise_ratio", "width"),
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        most("highest raw test", 0.1, highest("raw test")),
        least("lowest test of rank one+quadratic", 0.9, lowest("rank one+quadratic test")),
        least(
            "lowest test of dominant, less random frequency", 0.1, lowest(("dominant test", "random frequency test"))
        ),
        most("highest test of untrained+quadratic", 0.1, highest("untrained+quadratic test")),
    ),
    full_criteria=(
        least("dominant+quadratic test", 0.99, rule="Z2^7"),
        least("dominant+quadratic test", 0.98, rule="D57"),
        least(("dominant test", "random frequency test"), 0.3, rule="Z2^7"),
        least(("dominant test", "random frequency test"), 0.3, rule="D57"),
        least("dominant+quadratic test", 0.97, rule="S5"),
        least("rank one+quadratic test", 0.99, rule="S5"),
    ),
    plot=Plot("rule", (*ANSWERS, "random frequency test", "random frequency+quadratic test")),
)

GROUP_NOISE = Claim(
    statement="(Beyond the paper.) The larger a group's representations, the less noise filtration removes, and the "
    "wider the network has to be.",
    experiment="Every noise ratio at one width, and half of the labels wrong at several widths. The mean dimension of a "
    "group is Σ d³ / |G|: of its |G| basis functions, d² belong to a representation of dimension d.",
    configs=all_of(
        runs(
            {"rule": SMALL, "width": WIDTHS[0]}, {"rule": ABELIAN_AND_DIHEDRAL + LARGER, "width": WIDTHS[1]} | HEADLINE,
            noise_ratio=[round(0.1 * tenth, 1) for tenth in range(10)],
        ),
        runs(
            {"rule": SMALL, "width": [64, 128, 256, 1024]},
            {"rule": ABELIAN_AND_DIHEDRAL + LARGER, "width": [256, 512, 2048, 4096]} | HEADLINE,
            noise_ratio=0.5,
        ),
    ),
    measure=measure_group, keys=("rule", "width", "noise_ratio"),
    criteria=(
        most("correlation of mean dimension and the noise up to which dominant+quadratic answers 0.9", -0.7, correlation),
        note("that noise, least mean dimension", of_dimension(min, reached)),
        note("that noise, largest mean dimension", of_dimension(max, reached)),
        note("width from which rank one+quadratic answers 0.9 at noise 0.5, least", of_dimension(min, widths_needed)),
        note("that width, largest mean dimension", of_dimension(max, widths_needed)),
    ),
    plot=Plot("noise_ratio", ANSWERS, ("rule", "width")), seeds=1,
)
