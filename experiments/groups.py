"""Finite groups: filtration by components, and how well it works with large representations.

    minimod reproduce experiments/groups.py
"""

import math
from functools import partial
from typing import Any

import numpy as np

from minimod import Analysis, Run, make_rule
from minimod.claims import (
    Claim,
    Number,
    Plot,
    Row,
    all_of,
    by_number,
    furthest,
    highest,
    least,
    lowest,
    most,
    note,
    read,
    runs,
    select,
)
from minimod.claims.criteria import CHOSEN, SWAPPED
from minimod.groups.rules import GroupRule

SMALL = ["Z24", "Z2xZ12", "D12", "SL(2,3)", "S4"]

# Groups of 24 elements: they have the same numbers of tokens and pairs. Only their representations differ.
OF_ORDER_24 = [*SMALL, "Z2^2xZ6", "Z3xD4", "Z3xQ8", "Z4xS3", "Z2xD6", "Q24", "Z2xA4"]

ABELIAN_AND_DIHEDRAL, LARGER, LARGEST = ["Z113", "Z2^7", "D57"], ["Z2xA5", "SL(2,5)", "S5"], ["Z11:Z10"]
LARGE = ABELIAN_AND_DIHEDRAL + LARGER + LARGEST

# The full scale trains as the headline does. Larger representations need longer training with more decay.
HEADLINE: dict[str, Any] = {"learning_rate": 5e-3, "weight_decay": 0.5, "epochs": 100}
LONG: dict[str, Any] = HEADLINE | {"weight_decay": 3, "epochs": 300}


# The test accuracy of rank-one parts, and its control.
RANK_ONE = "rank one+quadratic test", "random rank one+quadratic test"
PERMUTATIONS = 9999


def mean_dimension(name: str) -> float:
    """Σ d³ / |G| over a group's irreducible representations, of dimensions d: the mean of d over the basis functions.

    A representation of dimension d has d² basis functions.
    """
    rule = make_rule(name)
    assert isinstance(rule, GroupRule)
    return float(np.mean([c.dimension for c in rule.group.components for _ in range(c.basis.shape[1])]))


def measure_group(run: Run) -> list[Row]:
    """The test accuracy of filtration by components, and its controls.

    If all dimensions are 1, a rank-one part is its whole component, and a random part is a random component.
    """
    config = run.config
    with Analysis(run) as study:
        row: Row = {"mean dimension": mean_dimension(config.rule)}
        row |= read(study, "raw noisy", "raw test", "dominant test", "random frequency test", *SWAPPED)
        whole: Row = {name: row[of_component] for name, of_component in zip(RANK_ONE, SWAPPED[:2], strict=True)}
        row |= read(study, *RANK_ONE) if "rank one" in study.needs else whole
    return [{"rule": config.rule, "noise_ratio": config.noise_ratio, "width": config.width, **row}]


def by_dimension(rows: list[Row]) -> list[list[Row]]:
    """The rows, one list for each group, in the order of the groups' mean dimensions."""
    rules = dict.fromkeys(row["rule"] for row in by_number(rows, "mean dimension"))
    return [select(rows, rule=rule) for rule in rules]


def reached(rows: list[Row], column: str = SWAPPED[0]) -> float:
    """The noise ratio up to which a group's dominant components, quadratic, answer 0.9. -0.1 if they never do."""
    return max(-0.1, furthest(column, 0.9)(rows))


def width_needed(rows: list[Row]) -> float:
    """The least width at which a group's rank-one parts, quadratic, answer 0.9. inf if no width is enough."""
    enough = [row for row in rows if row["rank one+quadratic test"] >= 0.9]
    return min((row["width"] for row in enough), default=math.inf)


def chance_of_order(value: Number) -> Number:
    """The p-value of a number that falls with the mean dimension, by permutations of the groups' numbers.

        p = (1 + permutations in which Σ (rank of dimension) (rank of number) is as low) / (1 + permutations)

    So p is low if the rank correlation is negative, and not by chance. Equal numbers share a rank.
    """
    def of(rows: list[Row]) -> float:
        groups = by_dimension(rows)
        both = [group[0]["mean dimension"] for group in groups], [value(group) for group in groups]
        dimensions, found = (np.unique(numbers, return_inverse=True)[1] for numbers in both)
        permuted = np.random.default_rng(0).permuted(np.tile(found, (PERMUTATIONS, 1)), axis=1)
        return float((1 + (permuted @ dimensions <= found @ dimensions).sum()) / (1 + PERMUTATIONS))

    return of


def mean_gain(columns: tuple[str, str], rows: list[Row]) -> float:
    """The accuracy of a method less the accuracy of its control, the mean over rows."""
    return float(np.mean([row[columns[0]] - row[columns[1]] for row in rows]))


def of_group(place: int, value: Number) -> Number:
    """A number of the group at this place in the order of the mean dimensions."""
    return lambda rows: value(by_dimension(rows)[place])


NO_CONTROL = "if a random part answers as well, the right part shows nothing; 0.1 is 6 of 58 test pairs"
ANSWERS = ("raw test", "dominant test", "dominant+quadratic test", "rank one+quadratic test")

GROUPS = Claim(
    phrase="Filtration works for any finite group.",
    statement="(Beyond the paper.) Filtration works for any finite group. The components of the functions on the group "
    "replace frequencies. If representations are large, the best rank-one part of each neuron's matrices removes more "
    "noise than the component alone.",
    experiment="Groups with representations of growing dimension, with half of the labels wrong (at full scale 80 % "
    "for Z113, Z2^7 and D57, and 20 % for Z11:Z10). dominant keeps the strongest isotypic component of each neuron, by "
    "power per dimension. rank one keeps, inside this component, the best rank-one part of each vector's matrix. The "
    "controls are a random component for each neuron (random frequency), a random rank-one part, and the components of "
    "the untrained network.",
    configs=all_of(
        runs(
            {"noise_ratio": 0.5, "width": 1024, "rule": SMALL},
            {"noise_ratio": 0.8, "width": 1024, "rule": ABELIAN_AND_DIHEDRAL} | HEADLINE,
        ),
        runs({"rule": []}, {"noise_ratio": 0.5, "width": 2048, "rule": LARGER} | LONG),
        runs({"rule": []}, {"noise_ratio": 0.2, "width": 2048, "rule": LARGEST} | LONG),
    ),
    measure=measure_group, keys=("rule", "noise_ratio", "width"),
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        most("highest raw test", 0.1, highest("raw test")),
        least("lowest test of rank one+quadratic", 0.9, lowest(RANK_ONE[0])),
        least(f"lowest {RANK_ONE[0]} less {RANK_ONE[1]}", 0.1, lowest(RANK_ONE), NO_CONTROL),
        least(f"lowest {SWAPPED[0]} less {SWAPPED[1]}", 0.1, lowest(SWAPPED[:2]), NO_CONTROL),
        least("lowest dominant less random frequency", 0.1, lowest(("dominant test", "random frequency test")), before=(
            "asked 0.1, then 0.05 and 0.03, measured 0.090 at quick scale and 0.050 at full"
        )),
        most(f"highest {SWAPPED[2]}", 0.1, highest(SWAPPED[2]), before=(
            "asked 0.1, then 0.2, as 0.103, 0.069 and 0.138 were measured at quick scale"
        )),
    ),
    full_criteria=(
        least("dominant+quadratic test", 0.99, rule="Z2^7"),
        least("dominant+quadratic test", 0.98, rule="D57", because=CHOSEN),
        least(("dominant test", "random frequency test"), 0.3, rule="Z2^7"),
        least(("dominant test", "random frequency test"), 0.3, rule="D57"),
        least("dominant+quadratic test", 0.97, rule="S5", because=CHOSEN),
        least("rank one+quadratic test", 0.99, rule="S5"),
        least(("rank one+quadratic test", "dominant+quadratic test"), 0.3, rule="Z11:Z10"),
    ),
    plot=Plot("rule", (*ANSWERS, "random frequency test", "random frequency+quadratic test")),
    remark="Two results did not come out. First, the quadratic activation does not tell the right component from a "
    "random component in every group. In Z24, Z2xZ12, D12 and Z2^7, a random component answers 0.96 to 1.0 of the test "
    "pairs with the quadratic activation. So filtration cannot tell the component there. It can tell the component in "
    "groups with larger representations. Without the swap it can tell the component too, in some groups by less than a "
    "tenth. Second, the network before training is not at chance: in groups of 24 elements it answers up to 14 % of 58 "
    "test pairs. Z11:Z10 has ten representations of dimension 1 and one representation of dimension 10. The component "
    "of the latter has 100 of the 110 dimensions. Keeping this component removes almost nothing. Keeping its rank-one "
    "parts removes nearly all noise.",
)

GROUP_NOISE = Claim(
    phrase="With larger representations, filtration tends to remove less noise.",
    statement="(Beyond the paper.) In groups with larger representations, filtration tends to remove less noise.",
    experiment="Every group at noise ratios from 0 to 0.9. At quick scale these are twelve groups of 24 elements. The "
    "mean dimension of a group is Σ d³ / |G|: a representation of dimension d has d² of the |G| basis functions. p is "
    "the share of permutations of the groups that order them equally well.",
    configs=runs(
        {"rule": OF_ORDER_24, "width": 512}, {"rule": LARGE, "width": 1024} | HEADLINE,
        noise_ratio=[round(0.1 * tenth, 1) for tenth in range(10)],
    ),
    measure=measure_group, keys=("rule", "noise_ratio"),
    criteria=(
        least("lowest raw noisy at noise 0.5", 0.95, lowest("raw noisy", noise_ratio=0.5)),
        most("noise up to which dominant+quadratic answers 0.9, against mean dimension: p", 0.05, chance_of_order(
            reached
        ), "the usual level of a test", before=(
            "asked a correlation of at most -0.7, which 8 % of the permutations of five groups have too"
        )),
        least("that noise less the noise up to which random frequency+quadratic does, mean", 0.1, lambda rows: (
            float(np.mean([reached(group) - reached(group, SWAPPED[1]) for group in by_dimension(rows)]))
        ), "one step of the noise ratios"),
        note("that noise, least mean dimension", of_group(0, reached)),
        note("that noise, largest mean dimension", of_group(-1, reached)),
    ),
    plot=Plot("noise_ratio", ANSWERS, ("rule",)), seeds=1,
)

GROUP_WIDTH = Claim(
    phrase="Groups with larger representations tend to need a wider network.",
    statement="(Beyond the paper.) Groups with larger representations tend to need a wider network for filtration to "
    "find the rule.",
    experiment="Half of the labels are wrong, at several widths, in the groups of group-noise. Narrow networks do not "
    "fit all labels. p is the share of permutations of the groups that order them equally well.",
    configs=runs(
        {"rule": OF_ORDER_24, "width": [32, 64, 128, 256, 512, 1024]},
        {"rule": LARGE, "width": [256, 512, 1024, 2048, 4096]} | HEADLINE,
        noise_ratio=0.5,
    ),
    measure=measure_group, keys=("rule", "width"),
    criteria=(
        most("width from which rank one+quadratic answers 0.9, against mean dimension: p", 0.05, chance_of_order(
            lambda rows: -width_needed(rows)
        ), "the usual level of a test", before=(
            "asked a correlation of at most -0.7 of the answers at the least width, which 12 % of permutations have too"
        )),
        least(f"{RANK_ONE[0]} less {RANK_ONE[1]}, mean", 0.1, partial(mean_gain, RANK_ONE), NO_CONTROL),
        *(
            note(f"width from which rank one+quadratic answers 0.9, {which} dimension", of_group(place, width_needed))
            for place, which in {0: "least", -2: "second largest", -1: "largest"}.items()
        ),
    ),
    plot=Plot("width", ANSWERS, ("rule",), xscale="log"), seeds=1,
    remark="This is a tendency, not an order. S4 has the largest mean dimension, and needs 256 or 512 neurons. SL(2,3) "
    "has a smaller mean dimension, and needs 512 or 1024 neurons. In Z3xQ8, a random rank-one part of the component "
    "answers about as much as the best rank-one part.",
)

CLAIMS = {"groups": GROUPS, "group-noise": GROUP_NOISE, "group-width": GROUP_WIDTH}
