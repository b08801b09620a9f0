"""What a claim is: an experiment, and a rule for the verdict that is written down before anybody sees the result."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from minimod.runs.config import TrainingConfig

# One line of a claim's table: keys (what was set), columns (what was measured), and the seed. A cell is a number or a
# name. `Row` does not tell the two apart for mypy, because code computes with the numbers of a row.
Cell = float | str
Row = dict[str, Any]
Number = Callable[[list[Row]], float]
Relation = Literal["at least", "at most", "noted"]

SCALES = ("quick", "full")

HOLDS, FAILS, INCONCLUSIVE = "holds", "does not hold", "inconclusive"


@dataclass(frozen=True)
class Criterion:
    """A bound on one number that is computed from the rows of one seed. A number equal to the bound meets it.

    The number is inf if a level was never reached, and nan if it could not be measured. `noted` numbers decide nothing.
    because: why the bound is where it is. The reason is written before the run, and does not come from its result.
    before: if the bound was changed, the former bound and what was measured then, as "asked 0.2, measured 0.192".
    column, keys: if the number is a cell of one row, the column and the keys of this row. Then the figure shows the
        bound at this point.
    """

    statement: str
    value: Number
    relation: Relation
    bound: float = math.nan
    because: str = ""
    before: str = ""
    column: str = ""
    keys: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """A criterion, with its number for every seed in `values`."""

    statement: str
    relation: Relation
    bound: float
    values: list[float]
    because: str = ""
    before: str = ""
    column: str = ""
    keys: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def wanted(self) -> tuple[float, float]:
        """The lowest and the highest number that meet the bound."""
        return (self.bound if self.relation == "at least" else -math.inf,
                self.bound if self.relation == "at most" else math.inf)

    @property
    def bound_in_words(self) -> str:
        """The bound as "at least 0.9", or "noted" if there is no bound."""
        return self.relation if self.relation == "noted" else f"{self.relation} {self.bound:g}"

    @property
    def reason(self) -> str:
        """Why the bound is where it is, and where it was before. "" if neither is known."""
        return "; ".join(filter(None, [self.because, self.before and f"before: {self.before}"]))

    @property
    def met(self) -> list[bool | None]:
        """Whether the number of each seed meets the bound, or None if the number could not be measured."""
        if self.relation == "noted":
            return [True for _ in self.values]
        low, high = self.wanted
        return [None if math.isnan(value) else bool(low <= value <= high) for value in self.values]


@dataclass(frozen=True)
class Plot:
    """`columns` over the key `x`, with one panel for each value of the keys `panel`. Points if x is text, else curves.

    columns: names of columns, or a mapping from names to plain words. Rows and measures of `analyze` have plain words
        already.
    """

    x: str
    columns: Sequence[str] | Mapping[str, str]
    panel: Sequence[str] = ()
    xscale: Literal["linear", "log", "symlog"] = "linear"
    label: str = "accuracy"
    yscale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True)
class Claim:
    """A statement, the runs that test it, and the criteria that decide.

    statement: what the paper says, or what we ask if the paper says nothing.
    experiment: what is done here.
    configs: from a scale, quick or full, to its runs for seed 0. Another seed changes only the field `seed`. A tuple
        stands for runs that are measured together.
    measure: from a run (or the runs of a tuple) to its rows, without the seed.
    keys: the columns that are set, not measured. They distinguish the rows of one seed.
    criteria: the criteria of the verdict, see `Result.verdict`.
    plot: the figure.
    remark: how the settings were found, and what else was seen. If the claim does not hold, the remark says so in plain
        words.
    seeds: the number of seeds, unless the user gives another number.
    phrase: the statement in a few words, for figures, lists of claims and `minimod reproduce --help`.
    full_criteria: further criteria at full scale, for effects that are weaker at small moduli.
    trains: whether `measure` trains further networks.
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
        """The runs at a scale. One tuple has the runs that are measured together."""
        return [config if isinstance(config, tuple) else (config,) for config in self.configs(scale)]


@dataclass(frozen=True, eq=False)
class Result:
    """What was claimed, measured and found: everything that a page shows, as plain data.

    argument: what `minimod reproduce` calls the claim: its name or, for an experiment, FILE::NAME.
    statement, experiment, remark, keys, plot, phrase: as in `Claim`.
    criteria: the criteria at this scale, with their numbers. rows: the rows of all runs and seeds.
    moduli: pairs of a rule and a modulus, over all runs.
    date: the day on which the rows were measured, in ISO format. minimod, numpy: the versions that measured them.
    machine: the machine that measured them.
    """

    argument: str
    scale: str
    statement: str
    experiment: str
    remark: str
    keys: Sequence[str]
    plot: Plot
    criteria: list[Judged]
    rows: list[Row] = field(repr=False)
    date: str = ""
    minimod: str = ""
    numpy: str = ""
    machine: str = ""
    phrase: str = ""
    moduli: Sequence[tuple[str, int]] = ()

    @property
    def name(self) -> str:
        """The name of the claim, without its file."""
        return name_of(self.argument)

    @property
    def sentence(self) -> str:
        """The phrase, or the statement if the claim has no phrase."""
        return self.phrase or self.statement

    @property
    def seeds(self) -> list[int]:
        """The seeds, in order."""
        return sorted({row["seed"] for row in self.rows})

    @property
    def columns(self) -> list[str]:
        """The names of what was measured."""
        return [name for name in self.rows[0] if name not in (*self.keys, "seed")]

    @property
    def verdict(self) -> str:
        """The verdict over all criteria and seeds.

        holds: every seed meets every criterion.
        does not hold: there is a criterion that every seed misses, with a measured number.
        inconclusive: anything else. Seeds disagree, or a number could not be measured.
        """
        met = [each.met for each in self.criteria]
        if all(all(of_criterion) for of_criterion in met):
            return HOLDS
        if any(all(one is False for one in of_criterion) for of_criterion in met):
            return FAILS
        return INCONCLUSIVE

    def plain(self) -> dict[str, Any]:
        """The result as a dictionary by field name, with the claim's name and the verdict."""
        return {"claim": self.name, "verdict": self.verdict} | asdict(self)

    def over_seeds(self) -> list[Row]:
        """One row for every combination of keys, in the order of the rows. A column has a list over the seeds."""
        return [
            {key: rows[0][key] for key in self.keys} | {name: [row[name] for row in rows] for name in self.columns}
            for rows in grouped(self.rows, self.keys).values()
        ]

    def panels(self) -> dict[tuple[Cell, ...], list[Row]]:
        """The rows of `over_seeds` for every panel, by the values of the plot's `panel` keys."""
        return grouped(self.over_seeds(), self.plot.panel)


def grouped(rows: list[Row], keys: Sequence[str]) -> dict[tuple[Cell, ...], list[Row]]:
    """The rows, grouped by their values of these keys. Groups and rows keep their order."""
    groups: dict[tuple[Cell, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def name_of(argument: str) -> str:
    """The name of the claim with this argument of `minimod reproduce`: the argument, or the end of FILE::NAME."""
    return argument.rpartition("::")[2]


def judge(argument: str, claim: Claim, scale: str, rows: list[Row], **measured: str) -> Result:
    """The result of a claim with these rows. measured: the fields date, minimod, numpy and machine of `Result`."""
    criteria, seeds = claim.criteria + claim.full_criteria * (scale == "full"), sorted({row["seed"] for row in rows})
    of_seeds = [[row for row in rows if row["seed"] == seed] for seed in seeds]
    judged = [
        Judged(each.statement, each.relation, each.bound, [*map(each.value, of_seeds)], each.because, each.before,
               each.column, each.keys) for each in criteria
    ]
    words = claim.statement, claim.experiment, claim.remark
    moduli = sorted({(config.rule, config.modulus) for configs in claim.experiments(scale) for config in configs})
    return Result(argument, scale, *words, claim.keys, claim.plot, judged, rows, phrase=claim.phrase, moduli=moduli,
                  **measured)
