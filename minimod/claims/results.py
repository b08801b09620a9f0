"""The results of claims as text: a section of Markdown for each, that a terminal shows as well, and the page of all."""

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np

from minimod.claims.claim import Cell, Result
from minimod.claims.rows import SUFFIXES, Stored, stored_results
from minimod.runs.files import whole_file


def section(result: Result) -> str:
    """One claim: what is claimed, what was done, what decides and how it came out, and every number measured."""
    claim = result.claim
    criteria = [["criterion", "bound", *(f"seed {seed}" for seed in result.seeds)]]
    for criterion, values in zip(result.criteria, result.values, strict=True):
        criteria.append([criterion.statement, criterion.bound_in_words, *map(number, values)])
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


def page(stored: Sequence[Stored], scale: str) -> str:
    """The page of the results at a scale, from what is stored alone: the paper's claims, and those beyond it."""
    machines = {f"with NumPy {each.numpy} on {each.machine}" for each in stored}
    made = (
        "`minimod reproduce NAME` measures a claim, keeps its rows in `rows`, and makes this page anew from all rows "
        f"that are there{f'; all were measured {min(machines)}' if len(machines) == 1 else ''}. Where there are "
        "several seeds, a table shows the mean and, in brackets, the lowest and the highest. A column such as "
        "`dominant+quadratic test` names a method and a measure, which minimod's README explains."
    )
    rule = (
        "A claim holds if every criterion is met by every seed; it does not hold if some criterion is met by none; "
        "anything between is inconclusive, and so is what could not be measured (-). Noted numbers decide nothing. The "
        "criteria follow the statements; rates, sizes and budgets were sought so that the effects show quickly."
    )
    beyond = (
        "Experiments: Python files that define claims with minimod's public API. `minimod reproduce FILE.py` measures "
        "all claims of a file, `minimod reproduce FILE.py::NAME` a single one."
    )
    ours = [each for each in stored if each.result.argument != each.result.name]
    papers = [each for each in stored if each not in ours]
    title = "# Results at full scale" if scale == "full" else "# Results"
    parts = [title, made, rule]
    for heading, of_part in ((["## The paper"], papers), (["## Beyond the paper", beyond], ours)):
        if of_part:
            sections = (_section_of_page(each, with_machine=len(machines) > 1) for each in of_part)
            parts += [*heading, _verdicts(of_part), *sections]
    return "\n\n".join(parts) + "\n"


def _verdicts(stored: Sequence[Stored]) -> str:
    """A table of verdicts, each claim a link to its section."""
    rows = [["claim", "verdict", "seeds", "measured", "minimod"]]
    for result, date, minimod, *_ in stored:
        link = f"[{result.name}](#{result.name}-{result.verdict.replace(' ', '-')})"
        rows.append([link, result.verdict, str(len(result.seeds)), date, minimod])
    return table(rows)


def _section_of_page(stored: Stored, with_machine: bool) -> str:
    """A claim's section, with the command that measures it again, maybe the machine, and the figure."""
    result = stored.result
    head, *rest = section(result).split("\n\n")
    again = f"minimod reproduce {result.argument} --scale {result.scale} --seeds {len(result.seeds)}"
    machine = [f"Measured with NumPy {stored.numpy} on {stored.machine}."] * with_machine
    figure = f"![{result.name}](figures/{result.name}{SUFFIXES[result.scale]}.png)"
    return "\n\n".join([f"#{head}", f"```sh\n{again}\n```", *machine, *rest, figure])


def write_page(directory: Path, scale: str) -> Path:
    """Make the page of a scale from the rows in a directory. Returns its path; raises as `stored_results`."""
    path, text = directory / f"results{SUFFIXES[scale]}.md", page(stored_results(directory, scale), scale)
    with whole_file(path) as file:
        file.write(text)
    return path
