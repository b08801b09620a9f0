"""The results of claims as text: one Markdown section for a claim, for a terminal too, and the page of all claims."""

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np

from minimod.claims.claim import Cell, Result, Row
from minimod.claims.rows import SUFFIXES, stored_results
from minimod.runs.files import whole_file


def section(result: Result) -> str:
    """The section of one claim: statement, experiment, criteria with their numbers, reasons, remark, and all rows."""
    reasons = [f"- {each.statement}: {reason}" for each in result.criteria if (reason := each.reason)]
    return "\n\n".join([
        f"## {result.name}: {result.verdict}",
        fill(result.statement, 100, break_on_hyphens=False),
        fill(result.experiment, 100, break_on_hyphens=False),
        table(criteria_rows(result)),
        *(["\n".join(reasons)] if reasons else []),
        *([fill(result.remark, 100, break_on_hyphens=False)] if result.remark else []),
        numbers_table(result, result.over_seeds()),
    ])


def criteria_rows(result: Result) -> list[list[str]]:
    """What decides: a head, then of every criterion its statement, its bound, and its number for every seed."""
    head = ["criterion", "bound", *(f"seed {seed}" for seed in result.seeds)]
    return [head, *([each.statement, each.bound_in_words, *map(number, each.values)] for each in result.criteria)]


def numbers_table(result: Result, rows: list[Row]) -> str:
    """Some rows of `Result.over_seeds`: what was set, and the spread of what was measured."""
    cells = [[*(key.replace("_", " ") for key in result.keys), *result.columns]]
    for row in rows:
        cells.append([*(number(row[key]) for key in result.keys), *(spread(row[name]) for name in result.columns)])
    return table(cells, n_left=len(result.keys))


def table(rows: list[list[str]], n_left: int = 1) -> str:
    """A Markdown table. rows[0] is the head. The first `n_left` columns are aligned left, the others right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]

    def line(cells: list[str]) -> str:
        padded = [*map(str.ljust, cells[:n_left], widths), *map(str.rjust, cells[n_left:], widths[n_left:])]
        return f"| {' | '.join(padded)} |"

    dashes = ["-" * (width + 2) for width in widths[:n_left]] + ["-" * (width + 1) + ":" for width in widths[n_left:]]
    rule = f"|{'|'.join(dashes)}|"
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


def number(value: Cell) -> str:
    """A cell as text: a whole number, or three decimals, or one digit if it is tiny. nan is "-" and inf is "never"."""
    if isinstance(value, str) or not math.isfinite(value):
        return value if isinstance(value, str) else "-" if math.isnan(value) else "never"
    is_whole = isinstance(value, int) or (value == round(value) and abs(value) > 1)
    return f"{value:.0f}" if is_whole else f"{value:.1g}" if 0 < abs(value) < 5e-4 else f"{value:.3f}"


def spread(values: list[Cell]) -> str:
    """The mean over seeds, with the range in brackets if the seeds differ. For names, every name once."""
    numbers = [value for value in values if not isinstance(value, str)]
    if not numbers:
        return " / ".join(dict.fromkeys(map(str, values)))
    low, high, mean = (number(float(reduce(numbers))) for reduce in (np.min, np.max, np.mean))
    return mean if low == high else f"{mean} ({low} to {high})"


def page(results: Sequence[Result], scale: str) -> str:
    """The page of the results at a scale: the claims of the paper, then the claims beyond the paper."""
    machines = {_machine(result) for result in results}
    made = (
        "`minimod reproduce NAME` measures a claim and stores its rows in `rows`. Then it writes this page again from "
        f"all stored rows{f'. All rows were measured {min(machines)}' if len(machines) == 1 else ''}. With several "
        "seeds, a table shows the mean and, in brackets, the lowest and the highest number. A column such as "
        "`dominant+quadratic test` names a method and a measure. docs/methods.md explains them."
    )
    rule = (
        "A claim holds if every seed meets every criterion. It does not hold if all seeds miss the same criterion. "
        "Anything else is inconclusive; so is a number that could not be measured (-). Noted numbers decide nothing. "
        "The criteria follow the statements. Rates, sizes and budgets were chosen so that the effects show quickly. A "
        "bound is written down before its run, and stays if the run misses it. Below a table are reasons of bounds, "
        "and what was asked and measured before a bound was changed. A bound without a reason is the paper's, or a "
        "round number from when the claim was written: from 0.9 on for fitted or answered, up to 0.1 for chance."
    )
    beyond = (
        "These claims are experiments, in Python files. `minimod reproduce FILE.py` measures all claims of a file, and "
        "`minimod reproduce FILE.py::NAME` measures one claim."
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
    """A claim's line in the table of verdicts. The name is a link to the section."""
    link = f"[{result.name}](#{result.name}-{result.verdict.replace(' ', '-')})"
    return [link, result.verdict, str(len(result.seeds)), result.date, result.minimod]


def _of_page(result: Result, with_machine: bool) -> str:
    """A claim's section of the page, with the command that measures it again, the machine if asked, and the figure."""
    head, *rest = section(result).split("\n\n")
    again = f"```sh\nminimod reproduce {result.argument} --scale {result.scale} --seeds {len(result.seeds)}\n```"
    machine = [f"Measured {_machine(result)}."] if with_machine else []
    figure = f"![{result.sentence}](figures/{result.name}{SUFFIXES[result.scale]}.png)"
    return "\n\n".join([f"#{head}", again, *machine, *rest, figure])


def write_page(directory: Path, scale: str) -> Path:
    """Write the page of a scale from the rows in a directory. Returns its path. Raises as `stored_results` does."""
    path, text = directory / f"results{SUFFIXES[scale]}.md", page(stored_results(directory, scale), scale)
    with whole_file(path) as file:
        file.write(text)
    return path
