"""The command on claims of the paper."""

import time
from contextlib import closing
from pathlib import Path

import click

from minimod.claims import CLAIMS
from minimod.claims.claim import SCALES
from minimod.claims.reproduction import Reproduction, number_of_runs
from minimod.claims.results import section, write_page
from minimod.claims.rows import SUFFIXES, save_rows, stored_results
from minimod.cli import display
from minimod.cli.options import OnceEach, json_option, quiet_option, yes_option
from minimod.errors import InputError, one_of


@click.command(cls=OnceEach, epilog="Claims: " + ", ".join(CLAIMS) + ".")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--scale", type=click.Choice(SCALES), default="quick", show_default=True,
              help="quick: minutes for all, at small moduli where these show the same; full: at the paper's sizes.")
@click.option("--seeds", type=click.IntRange(min=1), help="How many, from 0 on.  [default: what each claim asks for]")
@click.option("--directory", type=click.Path(path_type=Path), default="reproduced", show_default=True,
              help="Where runs are kept; one that has finished is used again.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIRECTORY",
              help="Where results, figures and their page go.  [default: --directory]")
@yes_option
@quiet_option
@json_option
def reproduce(
    names: tuple[str, ...], scale: str, seeds: int | None, directory: Path, output: Path | None, yes: bool, quiet: bool,
    as_json: bool,
) -> None:
    """Measure claims of the paper.

    Trains, measures, and says whether each claim holds. Writes each one's rows and figure, and makes a page of all rows
    in rows/, those of earlier calls too: results.md, at full scale results-full.md. A NAME is one of the claims below,
    or all. Stopped, the same command goes on.
    """
    for name in names:
        if name not in (*CLAIMS, "all"):
            raise InputError("claim", name, one_of((*CLAIMS, "all"), name))
    if len(names) > len(set(names)) or ("all" in names and len(names) > 1):
        raise click.UsageError("give each claim once, or all alone")
    start = time.perf_counter()
    everything, output = "all" in names, output or directory
    claims = tuple(CLAIMS) if everything else names
    stored_results(output, scale, but=claims)       # what cannot go on the page is said before hours of training
    display.announce_runs(number_of_runs(claims, scale, seeds), yes, quiet)
    reproduction = Reproduction(claims, scale, directory, seeds)
    missing = reproduction.missing()
    from minimod.claims.figure import draw_claim
    from minimod.report.style import save_figure

    results = []
    with display.stop_line("the same command"):
        with display.runs_display(list(missing.values()), quiet) as progress:
            reproduction.train(missing, progress)
        if not quiet:
            click.echo("measuring" + ", and training rounds" * any(CLAIMS[name].trains for name in claims), err=True)
        with closing(reproduction.results()) as measured:
            for result in measured:
                results.append(result)
                save_figure(draw_claim(result), output / "figures" / f"{result.name}{SUFFIXES[scale]}.png", dpi=100)
                save_rows(output, result)
    page = write_page(output, scale)
    if as_json:
        display.echo_json([result.plain() for result in results])
        return
    if everything:
        click.echo("\n".join(f"{result.name:24} {result.verdict}" for result in results))
    else:
        click.echo("\n\n".join(map(section, results)))
    click.echo(f"\n{time.perf_counter() - start:.0f} s. Runs are in {directory}; the page is {page}.")
