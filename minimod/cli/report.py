"""The command that makes an HTML page."""

from pathlib import Path
from typing import Any

import click

from minimod.cli.advice import train_command
from minimod.cli.display import sample_line, with_bar
from minimod.cli.options import FILE, OnceEach
from minimod.errors import InputError
from minimod.runs.files import check_output
from minimod.runs.run import load_run


@click.command(cls=OnceEach)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--with", "other", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="RUN",
              help="Another run, shown beside the first on the same page.")
@click.option("--output", type=FILE, metavar="FILE",
              help="Where the page goes.  [default: DIRECTORY/report.html, or DIRECTORY/report-with-NAME.html]")
def report(directory: Path, other: Path | None, output: Path | None) -> None:
    """Make a page of a run, of two runs, of a sweep, or of measured claims.

    The page is one HTML file, and needs no server and no network. DIRECTORY is what minimod train, sweep or reproduce
    wrote.
    """
    name = f"report-with-{other.resolve().name}.html" if other else "report.html"
    output = output or directory / name
    check_output("--output", output, directory, ours=name)
    try:
        from minimod.report import page
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("bokeh", "jinja2", "markupsafe"):
            raise
        raise click.ClickException("a page needs Bokeh and Jinja2: pip install 'minimod[report]'") from error
    is_sweep, is_claims = (directory / "sweep.json").exists(), (directory / "rows").is_dir()
    if other and (is_sweep or is_claims):
        raise click.UsageError(f"--with is for two runs, and {directory} is none")
    if is_sweep:
        from minimod.report.sweep import write_sweep_page

        write_sweep_page(output, directory)
    elif is_claims:
        from minimod.claims.claim import SCALES
        from minimod.claims.page import write_claims_page
        from minimod.claims.rows import stored_results

        stored = [each for scale in SCALES for each in stored_results(directory, scale)]
        if not stored:
            raise InputError("directory", str(directory), "one that has measured claims")
        write_claims_page(output, stored)
    else:
        page.write_run_page(output, [shown_of(each) for each in filter(None, (directory, other))])
    click.echo(f"Written to {output}.")


def shown_of(directory: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The summary of a run, and the further data of its page."""
    from minimod.analysis.analysis import Analysis
    from minimod.analysis.summary import summary_of
    from minimod.report.page_data import page_data

    run = load_run(directory)
    with Analysis(run) as analysis:
        with_bar(analysis.parts(), "Analysing")
        summary, data = summary_of(analysis), page_data(analysis)
    return summary, data | {"command": train_command(run), "sample": sample_line(summary)}
