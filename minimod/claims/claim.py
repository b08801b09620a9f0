"""What a claim is: an experiment, and a rule for the verdict that is written down before looking."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from minimod.runs.config import TrainingConfig

# One line of a claim's table: what was set (keys) and what was measured (columns), and the seed. A cell is a number or
# a name. What is made from rows are numbers: in a row the types of cells are not told apart.
Cell = float | str
Row = dict[str, Any]
Number = Callable[[list[Row]], float]
Relation = Literal["at least", "at most", "noted"]

SCALES = ("quick", "full")

HOLDS, FAILS, INCONCLUSIVE = "holds", "does not hold", "inconclusive"


@dataclass(frozen=True)
class Criterion:
    """A bound on one number made from the rows of one seed; the bound itself is allowed.

    inf is for what was never reached, nan for what could not be measured. `noted` numbers decide nothing.
    """

    statement: str
    value: Number
    relation: Relation
    bound: float = math.nan

    @property
    def bound_in_words(self) -> str:
        """As "at least 0.9"; "noted" where there is none."""
        return self.relation if self.relation == "noted" else f"{self.relation} {self.bound:g}"

    def met(self, value: float) -> bool | None:
        """Whether a number meets the bound; None where it could not be measured."""
        if self.relation == "noted":
            return True
        if math.isnan(value):
            return None
        return bool(value >= self.bound if self.relation == "at least" else value <= self.bound)


@dataclass(frozen=True)
class Plot:
    """`columns` against the key `x`, points where it is text, else curves; a panel for each value of `panel`."""

    x: str
    columns: tuple[str, ...]
    panel: tuple[str, ...] = ()
    xscale: Literal["linear", "log", "symlog"] = "linear"
    label: str = "accuracy"


@dataclass(frozen=True)
class Claim:
    """A statement, the runs that test it, and what decides.

    statement: what the paper says, or what is asked where it says nothing.
    experiment: what is done here.
    configs: the runs at a scale, quick or full, for seed 0; for another seed only their seed is changed. A tuple stands
        for runs that are measured together.
    measure: from a run (or the runs of a tuple) to its rows, without their seed.
    keys: the columns that are set rather than measured, and tell the rows of one seed apart.
    criteria: the rule for the verdict, see `verdict`.
    plot: the figure.
    remark: how the settings were found, what else was seen, and, where the claim does not hold, that in plain words.
    seeds: how many seeds are tried unless told otherwise.
    phrase: the statement in a few words, for `minimod reproduce --help`.
    full_criteria: what is asked besides at full scale, of effects that small moduli do not show as much.
    trains: whether measuring trains further networks.
    """

    statement: str
    experiment: str
    configs: Callable[[str], Sequence[TrainingConfig | tuple[TrainingConfig, ...]]]
    measure: Callable[..., list[Row]]
    keys: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    plot: Plot
    remark: str = ""
    seeds: int = 3
    full_criteria: tuple[Criterion, ...] = ()
    trains: bool = False
    phrase: str = ""

    def experiments(self, scale: str) -> list[tuple[TrainingConfig, ...]]:
        """The runs at a scale, those that are measured together in one tuple."""
        return [config if isinstance(config, tuple) else (config,) for config in self.configs(scale)]


@dataclass(frozen=True, eq=False)
class Result:
    """The rows of a claim, over all its runs and seeds. argument: what `minimod reproduce` calls the claim."""

    argument: str
    claim: Claim
    scale: str
    rows: list[Row] = field(repr=False)

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds tried."""
        return sorted({int(row["seed"]) for row in self.rows})

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """Those of the claim at this scale."""
        return self.claim.criteria + self.claim.full_criteria * (self.scale == "full")

    @property
    def name(self) -> str:
        """The name of the claim: all of a name of the paper's, and of FILE::NAME the end."""
        return self.argument.rpartition("::")[2]

    def of_seed(self, seed: int) -> list[Row]:
        """The rows of one seed."""
        return [row for row in self.rows if row["seed"] == seed]

    @property
    def columns(self) -> list[str]:
        """The names of what was measured."""
        return [name for name in self.rows[0] if name not in (*self.claim.keys, "seed")]

    @cached_property
    def values(self) -> list[list[float]]:
        """The number of each criterion, in their order, for every seed."""
        rows = [self.of_seed(seed) for seed in self.seeds]
        return [[criterion.value(of_seed) for of_seed in rows] for criterion in self.criteria]

    @cached_property
    def verdict(self) -> str:
        """holds: every criterion is met by every seed. does not hold: some criterion is met by none, though measured.

        inconclusive: anything between, so seeds that disagree, or a number that could not be measured.
        """
        both = zip(self.criteria, self.values, strict=True)
        met = [[criterion.met(value) for value in values] for criterion, values in both]
        if all(all(of_criterion) for of_criterion in met):
            return HOLDS
        if any(all(one is False for one in of_criterion) for of_criterion in met):
            return FAILS
        return INCONCLUSIVE

    def plain(self) -> dict[str, Any]:
        """The result by names: the claim in words, the verdict, each criterion with its numbers, and the rows."""
        criteria = [
            {"statement": each.statement, "relation": each.relation, "bound": each.bound, "values": values}
            for each, values in zip(self.criteria, self.values, strict=True)
        ]
        words = {name: getattr(self.claim, name) for name in ("statement", "experiment", "remark", "keys")}
        return {
            "claim": self.name, "argument": self.argument, "scale": self.scale, **words,
            "plot": asdict(self.claim.plot), "verdict": self.verdict, "criteria": criteria, "rows": self.rows,
        }

    def over_seeds(self) -> Iterator[tuple[Row, dict[str, list[Cell]]]]:
        """Every row's keys, in the order of the rows, with each column's numbers over the seeds."""
        groups: dict[tuple[Cell, ...], list[Row]] = {}
        for row in self.rows:
            groups.setdefault(tuple(row[key] for key in self.claim.keys), []).append(row)
        for values, rows in groups.items():
            keys = dict(zip(self.claim.keys, values, strict=True))
            yield keys, {column: [row[column] for row in rows] for column in self.columns}

    def panels(self) -> dict[tuple[Cell, ...], list[dict[str, Any]]]:
        """By the values of the plot's panel, the rows over seeds that are drawn in it: keys, and columns over seeds."""
        panels: dict[tuple[Cell, ...], list[dict[str, Any]]] = {}
        for keys, columns in self.over_seeds():
            panels.setdefault(tuple(keys[key] for key in self.claim.plot.panel), []).append(keys | columns)
        return panels
