"""The command that makes a page to look at."""

from pathlib import Path

import click

from minimod.cli.advice import train_command
from minimod.cli.display import sample_line, with_bar
from minimod.cli.options import FILE, OnceEach
from minimod.errors import InputError
from minimod.runs.files import check_output
from minimod.runs.run import load_run


@click.command(cls=OnceEach)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", type=FILE, metavar="FILE",
              help="Where the page goes.  [default: DIRECTORY/report.html]")
def report(directory: Path, output: Path | None) -> None:
    """Make a page of a run, of a sweep, or of measured claims.

    One HTML file that opens by itself: no server, no network. DIRECTORY is what minimod train, sweep or reproduce have
    written.
    """
    output = output or directory / "report.html"
    check_output("--output", output, directory, ours="report.html")
    try:
        from minimod.report import page
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("bokeh", "jinja2", "markupsafe"):
            raise
        raise click.ClickException("a page needs Bokeh and Jinja2: pip install 'minimod[report]'") from error
    if (directory / "sweep.json").exists():
        from minimod.report.sweep import write_sweep_page

        write_sweep_page(output, directory)
    elif (directory / "rows").is_dir():
        from minimod.claims.claim import SCALES
        from minimod.claims.page import write_claims_page
        from minimod.claims.rows import stored_results

        stored = [each for scale in SCALES for each in stored_results(directory, scale)]
        if not stored:
            raise InputError("directory", str(directory), "one that has measured claims")
        write_claims_page(output, stored)
    else:
        from minimod.analysis.analysis import Analysis
        from minimod.analysis.summary import in_words, summary_of
        from minimod.report.exhibit import exhibit

        run = load_run(directory)
        with Analysis(run) as analysis:
            with_bar(analysis.parts(), "Analysing")
            summary, shown = summary_of(analysis), exhibit(analysis)
        told = {"sentence": in_words(run, summary["methods"]), "command": train_command(run)}
        told["sample"] = sample_line(summary)
        page.write_run_page(output, summary, shown | told)
    click.echo(f"Written to {output}.")
