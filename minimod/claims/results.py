"""The results of claims as text: a section of Markdown for each, that a terminal shows as well, and the page of all."""

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np

from minimod.claims.claim import Cell, Result, Row
from minimod.claims.rows import SUFFIXES, stored_results
from minimod.runs.files import whole_file


def section(result: Result) -> str:
    """One claim: what is claimed, what was done, what decides and how it came out, and every number measured."""
    reasons = [f"- {each.statement}: {reason}" for each in result.criteria if (reason := each.reason)]
    return "\n\n".join([
        f"## {result.name}: {result.verdict}",
        fill(result.statement, 100, break_on_hyphens=False),
        fill(result.experiment, 100, break_on_hyphens=False),
        criteria_table(result),
        *(["\n".join(reasons)] if reasons else []),
        *([fill(result.remark, 100, break_on_hyphens=False)] if result.remark else []),
        numbers_table(result, result.over_seeds()),
    ])


def criteria_table(result: Result) -> str:
    """What decides: every criterion, its bound, and its number for every seed."""
    rows = [["criterion", "bound", *(f"seed {seed}" for seed in result.seeds)]]
    rows += [[each.statement, each.bound_in_words, *map(number, each.values)] for each in result.criteria]
    return table(rows)


def numbers_table(result: Result, rows: list[Row]) -> str:
    """Some rows of `Result.over_seeds`: what was set, and the spread of what was measured."""
    cells = [[*(key.replace("_", " ") for key in result.keys), *result.columns]]
    for row in rows:
        cells.append([*(number(row[key]) for key in result.keys), *(spread(row[name]) for name in result.columns)])
    return table(cells, n_left=len(result.keys))


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
    """A number for a table: whole or with three decimals, a tiny one with one digit; a dash for nan, never for inf."""
    if isinstance(value, str) or not math.isfinite(value):
        return value if isinstance(value, str) else "-" if math.isnan(value) else "never"
    is_whole = isinstance(value, int) or (value == round(value) and abs(value) > 1)
    return f"{value:.0f}" if is_whole else f"{value:.1g}" if 0 < abs(value) < 5e-4 else f"{value:.3f}"


def spread(values: list[Cell]) -> str:
    """The mean of a number over seeds, and its range in brackets if it has one; of names, those that occur."""
    numbers = [value for value in values if not isinstance(value, str)]
    if not numbers:
        return " / ".join(dict.fromkeys(map(str, values)))
    low, high, mean = (number(float(reduce(numbers))) for reduce in (np.min, np.max, np.mean))
    return mean if low == high else f"{mean} ({low} to {high})"


def page(results: Sequence[Result], scale: str) -> str:
    """The page of the results at a scale: the paper's claims, and those beyond it."""
    machines = {_machine(result) for result in results}
    made = (
        "`minimod reproduce NAME` measures a claim, keeps its rows in `rows`, and makes this page anew from all rows "
        f"that are there{f'; all were measured {min(machines)}' if len(machines) == 1 else ''}. Where there are "
        "several seeds, a table shows the mean and, in brackets, the lowest and the highest. A column such as "
        "`dominant+quadratic test` names a method and a measure, which docs/methods.md explains."
    )
    rule = (
        "A claim holds if every criterion is met by every seed; it does not hold if some criterion is met by none; "
        "anything between is inconclusive, and so is what could not be measured (-). Noted numbers decide nothing. The "
        "criteria follow the statements; rates, sizes and budgets were sought so that the effects show quickly. A "
        "bound is written down before its run, and stays after a miss. Under a table stand reasons of bounds, and of "
        "a bound that was changed what was asked and measured before. Any other bound is the paper's, or a round "
        "number of when the claim was written: from 0.9 on for fitted or answered, up to 0.1 for chance."
    )
    beyond = (
        "Experiments, in Python files that define claims. `minimod reproduce FILE.py` measures all claims of a file, "
        "`minimod reproduce FILE.py::NAME` one of them."
    )
    parts = ["# Results at full scale" if scale == "full" else "# Results", made, rule]
    for heads, is_ours in ((["## The paper"], False), (["## Beyond the paper", beyond], True)):
        if of_part := [result for result in results if (result.argument != result.name) == is_ours]:
            verdicts = [["claim", "verdict", "seeds", "measured", "minimod"], *map(_verdict, of_part)]
            parts += [*heads, table(verdicts), *(_of_page(result, len(machines) > 1) for result in of_part)]
    return "\n\n".join(parts) + "\n"


def _machine(result: Result) -> str:
    return f"with NumPy {result.numpy} on {result.machine}"


def _verdict(result: Result) -> list[str]:
    """A claim's line in a table of verdicts, its name a link to the section."""
    link = f"[{result.name}](#{result.name}-{result.verdict.replace(' ', '-')})"
    return [link, result.verdict, str(len(result.seeds)), result.date, result.minimod]


def _of_page(result: Result, with_machine: bool) -> str:
    """A claim's section of the page, with the command that measures it again, maybe the machine, and the figure."""
    head, *rest = section(result).split("\n\n")
    again = f"```sh\nminimod reproduce {result.argument} --scale {result.scale} --seeds {len(result.seeds)}\n```"
    machine = [f"Measured {_machine(result)}."] * with_machine
    figure = f"![{result.sentence}](figures/{result.name}{SUFFIXES[result.scale]}.png)"
    return "\n\n".join([f"#{head}", again, *machine, *rest, figure])


def write_page(directory: Path, scale: str) -> Path:
    """Make the page of a scale from the rows in a directory. Returns its path; raises as `stored_results`."""
    path, text = directory / f"results{SUFFIXES[scale]}.md", page(stored_results(directory, scale), scale)
    with whole_file(path) as file:
        file.write(text)
    return path
