"""The command that measures claims: it trains missing runs, and writes rows, figures and the page."""

import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import click
import numpy as np

from minimod.analysis.rows import best_agnostic
from minimod.analysis.summary import answers_in_words
from minimod.claims import CLAIMS
from minimod.claims.claim import SCALES, Claim, Result, grouped, name_of
from minimod.claims.named import find_claims
from minimod.claims.reproduction import Reproduction, number_of_runs
from minimod.claims.results import criteria_rows, numbers_table, section, write_page
from minimod.claims.rows import SUFFIXES, load_rows, rows_file, save_rows, stored_results
from minimod.cli import display
from minimod.cli.display import Answer
from minimod.cli.options import DIRECTORY, PATH, OnceEach, json_option, quiet_option, yes_option
from minimod.errors import InputError
from minimod.runs.accuracy import MEASURES


class NamesClaims(OnceEach):
    """A command whose help ends with the paper's claims."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the claims, each with its phrase."""
        with formatter.section("Claims of the paper"):
            formatter.write_dl([(name, claim.phrase) for name, claim in CLAIMS.items()])


@click.command(cls=NamesClaims, excludes=[("--from-rows", "measures nothing", ["--seeds"])])
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--scale", type=click.Choice(SCALES), default="quick", show_default=True,
              help="quick: minutes for all claims, mostly at small moduli; full: at the paper's sizes.")
@click.option("--seeds", type=click.IntRange(min=1), help="How many, from 0 on.  [default: what each claim asks for]")
@click.option("--directory", type=PATH, default="reproduced", show_default=True,
              help="Where runs are kept. Finished runs are used again.")
@click.option("--output", type=DIRECTORY, metavar="DIRECTORY",
              help="Where results, figures and their page go.  [default: --directory]")
@click.option("--from-rows", is_flag=True,
              help="Measure nothing: judge and draw stored rows by the claims as they are now.")
@yes_option
@quiet_option
@json_option
def reproduce(
    names: tuple[str, ...], scale: str, seeds: int | None, directory: Path, output: Path | None, from_rows: bool,
    yes: bool,
) -> Answer:
    """Measure claims of the paper.

    Trains, measures, and says whether each claim holds. Writes the rows and the figure of every claim. Makes a page of
    all rows in rows/, also of earlier calls: results.md, at full scale results-full.md. If it was stopped, the same
    command resumes.

    A NAME is a claim below, or all for all claims below. For experiments beyond the paper, a NAME is a Python file that
    defines claims, or one claim of the file. Examples: experiments/doshi.py, experiments/doshi.py::doshi-pruning. The
    experiments of minimod are experiments/*.py.
    """
    start = time.perf_counter()
    claims, output = find_claims(names), output or directory
    from minimod.claims.chart import chart_of
    from minimod.report import draw, style

    results = []
    with display.stop_line("the same command"), closing(
        judged_again(claims, scale, output) if from_rows
        else measured(claims, scale, seeds, directory, output, yes)
    ) as found:
        for result in found:
            results.append(result)
            path = output / "figures" / f"{result.name}{SUFFIXES[scale]}.png"
            style.save_figure(draw.draw(chart_of(result)), path)
            save_rows(output, result)
    page = write_page(output, scale)
    if "all" in names or len(results) > len(names):
        text = [display.table(([result.name, result.verdict] for result in results), -25, -1)]
    elif display.asked("show_all"):
        text = [display.Table(section(result)) for result in results]
    else:
        text = [part for result in results for part in in_short(result)]
        text.append("--all prints how this was measured, all rows, reasons, and remarks.")
    where = f"The page is {page}." if from_rows else f"Runs are in {directory}; the page is {page}."
    text += ["" if from_rows else display.rounding(), f"{time.perf_counter() - start:.0f} s. {where}"]
    return Answer([result.plain() for result in results], text)


def criteria(result: Result) -> str:
    """What decides. Numbers come first, so that a narrow terminal cuts the end of a long statement and no number."""
    rows = [[*numbers, f" {bound}", f"  {statement}"] for statement, bound, *numbers in criteria_rows(result)]
    widths = [1 + max(map(len, column)) for column in zip(*rows, strict=True)]
    return display.table(rows, *widths[:-1], -widths[-1])


def in_short(result: Result) -> Generator[str, None, None]:
    """What was claimed and found, in paragraphs: words, what decides, and numbers.

    If rows have methods, only the methods of BRIEF and of `best_agnostic` are shown, as means over the seeds.
    """
    yield f"{result.name}: {result.verdict}. {result.sentence}"
    if "method" not in result.keys or not {*MEASURES}.issubset(result.columns):
        yield criteria(result)
        yield display.Table(numbers_table(result, result.over_seeds()))
        return
    tables, settings = list[str](), [key for key in result.keys if key != "method"]
    for values, rows in grouped(result.rows, settings).items():
        where = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in zip(settings, values, strict=True))
        methods = {str(name): {measure: float(np.mean([row[measure] for row in of])) for measure in MEASURES}
                   for (name,), of in grouped(rows, ["method"]).items()}
        if "dominant" in methods and not tables:
            ((_, modulus),) = result.moduli
            words = answers_in_words(methods, 1 / modulus, "frequency")
            yield f"At {where}: {words[0].lower()}{words[1:]}"
        tables.append(display.methods_table(methods, best_agnostic(methods), where))
    yield criteria(result)
    yield from tables


def measured(
    claims: dict[str, Claim], scale: str, seeds: int | None, directory: Path, output: Path, yes: bool
) -> Generator[Result, None, None]:
    """Train the missing runs of claims. Each claim is measured when its result is taken from the generator."""
    # A row that the page cannot show is an error before hours of training.
    stored_results(output, scale, but=map(name_of, claims))
    display.announce_runs(number_of_runs(claims, scale, seeds), yes)
    reproduction = Reproduction(claims, scale, directory, seeds)
    missing = reproduction.missing()
    with display.runs_display(missing) as progress:
        reproduction.train(missing, progress)
    display.say("measuring, and training rounds" if any(each.trains for each in claims.values()) else "measuring")
    return reproduction.results()


def judged_again(claims: dict[str, Claim], scale: str, output: Path) -> Generator[Result, None, None]:
    """The results of the claims whose rows are stored in a directory."""
    with_rows = [name for name in claims if rows_file(output, name_of(name), scale).exists()]
    if not with_rows:
        raise InputError("--from-rows", str(output), f"a directory with rows of these claims at scale {scale}")
    for argument in with_rows:
        yield load_rows(output, name_of(argument), scale, (argument, claims[argument]))
