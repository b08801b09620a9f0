"""What a claim is: an experiment, and a rule for the verdict that is written down before looking."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
    because: why the bound is where it is. The reason is written before the run, and does not come from its result.
    before: of a bound that was changed, the former bound and what was measured then. As "asked 0.2, measured 0.192".
    column, keys: where the number is the cell of one row, its column and what this row has: the figure shows the bound.
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
    """A criterion with its number for every seed."""

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
        """As "at least 0.9"; "noted" where there is none."""
        return self.relation if self.relation == "noted" else f"{self.relation} {self.bound:g}"

    @property
    def reason(self) -> str:
        """Why the bound is where it is, and where it was; "" if nothing is said of it."""
        return "; ".join(filter(None, [self.because, self.before and f"before: {self.before}"]))

    @property
    def met(self) -> list[bool | None]:
        """Whether the number of each seed meets the bound; None where it could not be measured."""
        if self.relation == "noted":
            return [True for _ in self.values]
        low, high = self.wanted
        return [None if math.isnan(value) else bool(low <= value <= high) for value in self.values]


@dataclass(frozen=True)
class Plot:
    """`columns` against the key `x`, points where it is text, else curves; a panel for each value of `panel`.

    columns: a mapping gives them plain words. Those of rows and measures of `analyze` have their own.
    """

    x: str
    columns: Sequence[str] | Mapping[str, str]
    panel: Sequence[str] = ()
    xscale: Literal["linear", "log", "symlog"] = "linear"
    label: str = "accuracy"
    yscale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True)
class Claim:
    """A statement, the runs that test it, and what decides.

    statement: what the paper says, or what is asked where it says nothing.
    experiment: what is done here.
    configs: the runs at a scale, quick or full, for seed 0; for another seed only their seed is changed. A tuple stands
        for runs that are measured together.
    measure: from a run (or the runs of a tuple) to its rows, without their seed.
    keys: the columns that are set rather than measured, and tell the rows of one seed apart.
    criteria: the rule for the verdict, see `Result`.
    plot: the figure.
    remark: how the settings were found, what else was seen, and, where the claim does not hold, that in plain words.
    seeds: how many seeds are tried unless told otherwise.
    phrase: the statement in a few words, for figures, lists of claims and `minimod reproduce --help`.
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
    """What was claimed, measured and found: all that a page shows, as plain data.

    argument: what `minimod reproduce` calls the claim: its name or, for an experiment, FILE::NAME.
    statement, experiment, remark, keys, plot, phrase: as in `Claim`.
    criteria: those at this scale, with their numbers. rows: those of all runs and seeds.
    moduli: the rules of the runs, each with its modulus.
    date, minimod, numpy, machine: when the rows were measured, in ISO format, and what by.
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
        """What is claimed, in a few words if there are such."""
        return self.phrase or self.statement

    @property
    def seeds(self) -> list[int]:
        """The seeds tried."""
        return sorted({row["seed"] for row in self.rows})

    @property
    def columns(self) -> list[str]:
        """The names of what was measured."""
        return [name for name in self.rows[0] if name not in (*self.keys, "seed")]

    @property
    def verdict(self) -> str:
        """holds: every criterion is met by every seed. does not hold: some criterion is met by none, though measured.

        inconclusive: anything between, so seeds that disagree, or a number that could not be measured.
        """
        met = [each.met for each in self.criteria]
        if all(all(of_criterion) for of_criterion in met):
            return HOLDS
        if any(all(one is False for one in of_criterion) for of_criterion in met):
            return FAILS
        return INCONCLUSIVE

    def plain(self) -> dict[str, Any]:
        """The result by names, with the verdict."""
        return {"claim": self.name, "verdict": self.verdict} | asdict(self)

    def over_seeds(self) -> list[Row]:
        """A row for every combination of keys, in the order of the rows; in each column a list over the seeds."""
        return [
            {key: rows[0][key] for key in self.keys} | {name: [row[name] for row in rows] for name in self.columns}
            for rows in grouped(self.rows, self.keys).values()
        ]

    def panels(self) -> dict[tuple[Cell, ...], list[Row]]:
        """The rows `over_seeds` that are drawn in each panel, by the values of the plot's `panel`."""
        return grouped(self.over_seeds(), self.plot.panel)


def grouped(rows: list[Row], keys: Sequence[str]) -> dict[tuple[Cell, ...], list[Row]]:
    """The rows by their values of some keys, in the order of the rows."""
    groups: dict[tuple[Cell, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def name_of(argument: str) -> str:
    """The name of the claim that `minimod reproduce` calls so: the argument itself, or the end of FILE::NAME."""
    return argument.rpartition("::")[2]


def judge(argument: str, claim: Claim, scale: str, rows: list[Row], **measured: str) -> Result:
    """The result of a claim whose rows were measured. measured: date, minimod, numpy and machine of the result."""
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
