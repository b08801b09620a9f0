"""The results of claims as text: a section of Markdown for each, that a terminal shows as well, and the page of all."""

import math
import platform
from datetime import date
from textwrap import fill

import numpy as np

from minimod.claims.claim import Cell, Result
from minimod.engine.device import available_cores
from minimod.version import VERSION


def section(result: Result) -> str:
    """One claim: what is claimed, what was done, what decides and how it came out, and every number measured."""
    claim = result.claim
    criteria = [["criterion", "bound", *(f"seed {seed}" for seed in result.seeds)]]
    for criterion, values in zip(claim.criteria, result.values, strict=True):
        bound = "noted" if criterion.relation == "noted" else f"{criterion.relation} {criterion.bound:g}"
        criteria.append([criterion.statement, bound, *map(number, values)])
    numbers = [[*(key.replace("_", " ") for key in claim.keys), *result.columns]]
    for keys, columns in result.over_seeds():
        numbers.append([*map(number, keys.values()), *map(spread, columns.values())])
    return "\n\n".join([
        f"## {result.name}: {result.verdict}",
        fill(claim.statement, 100, break_on_hyphens=False),
        fill(claim.experiment, 100, break_on_hyphens=False),
        table(criteria),
        *([fill(claim.remark, 100, break_on_hyphens=False)] if claim.remark else []),
        table(numbers, n_left=len(claim.keys)),
    ])


def table(rows: list[list[str]], n_left: int = 1) -> str:
    """A Markdown table, its first row the head, its columns padded to one width; all but the first few to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]

    def line(cells: list[str]) -> str:
        padded = [*map(str.ljust, cells[:n_left], widths), *map(str.rjust, cells[n_left:], widths[n_left:])]
        return f"| {' | '.join(padded)} |"

    dashes = ["-" * (width + 2) for width in widths[:n_left]] + ["-" * (width + 1) + ":" for width in widths[n_left:]]
    rule = f"|{'|'.join(dashes)}|"
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


def number(value: Cell) -> str:
    """A number for a table: whole ones as they are, others with three decimals; a dash for nan, never for infinity."""
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        return "-" if math.isnan(value) else "never"
    return f"{value:.0f}" if isinstance(value, int) or (value == round(value) and abs(value) > 1) else f"{value:.3f}"


def spread(values: list[Cell]) -> str:
    """The mean of a number over seeds, and its range in brackets if it has one; of names, those that occur."""
    numbers = [value for value in values if not isinstance(value, str)]
    if not numbers:
        return " / ".join(dict.fromkeys(map(str, values)))
    low, high, mean = (number(float(reduce(numbers))) for reduce in (np.min, np.max, np.mean))
    return mean if low == high else f"{mean} ({low} to {high})"


def page(results: list[Result], command: str) -> str:
    """The page of all results: `command` and what it ran on, the verdicts, and every claim's section and figure.

    Above each section stands the command that regenerates its numbers.
    """
    verdicts = [["claim", "verdict", "seeds"]]
    for result in results:
        link = f"[{result.name}](#{result.name}-{result.verdict.replace(' ', '-')})"
        verdicts.append([link, result.verdict, str(len(result.seeds))])
    sections = []
    for result in results:
        head, *rest = section(result).split("\n\n")
        again = f"minimod reproduce {result.name} --scale {result.scale} --seeds {len(result.seeds)}"
        sections += [head, f"```sh\n{again}\n```", *rest, f"![{result.name}](figures/{result.name}.png)"]
    machine = (
        f"Measured on {date.today()} by minimod {VERSION} with NumPy {np.__version__} on "
        f"{available_cores()} cores ({platform.machine()}, {platform.system()}). Where there are several seeds, a "
        "table shows the mean and, in brackets, the lowest and the highest. A column such as `dominant+quadratic test` "
        "names a method and a measure, which minimod's README explains."
    )
    rule = (
        "A claim holds if every criterion is met by every seed; it does not hold if some criterion is met by none; "
        "anything between is inconclusive. Noted numbers decide nothing. The criteria follow the statements; rates, "
        "sizes and budgets were sought so that the effects show quickly."
    )
    return "\n\n".join(["# Results", f"```sh\n{command}\n```", machine, rule, table(verdicts), *sections]) + "\n"
