"""Commands on a sweep: train its grid, and draw its table."""

from pathlib import Path
from typing import Any

import click

from minimod.cli.advice import quoted
from minimod.cli.display import Answer, announce_runs, asked, runs_display, say, stop_line
from minimod.cli.options import PATH, OnceEach, json_option, quiet_option, yes_option
from minimod.errors import InputError
from minimod.runs.config import PRESETS
from minimod.sweeps import table
from minimod.sweeps.executors import dask_cluster, process_pool
from minimod.sweeps.grid import DEFAULTS, load_definition, number_of_runs, parse_grid
from minimod.sweeps.sweep import Sweep, account


@click.command(cls=OnceEach, excludes=[
    ("--file", "holds the whole sweep", ["--grid", "--seeds", "--preset"]),
    ("--scheduler", "takes all workers of its cluster", ["--jobs"]),
])
@click.argument("sweep_dir", type=PATH)
@click.option("--grid", "axes", multiple=True, metavar="FIELD=VALUES",
              help="Values of a field of the configuration: width=64,128,256 or noise_ratio=0:0.9:0.1.")
@click.option("--seeds", type=click.IntRange(min=1), help="How many, from 0 on.  [default: 1]")
@click.option("--preset", type=click.Choice(tuple(PRESETS)),
              help="The values of fields that are not in the grid.  [default: default]")
@click.option("--file", "toml", type=PATH,
              help="A TOML file with preset, seeds, and a table grid. It replaces these options.")
@click.option("--jobs", type=click.IntRange(1, 1024), metavar="N",
              help="Processes, one run each at a time.  [default: one per core]")
@click.option("--scheduler", metavar="ADDRESS", help="Train on the Dask cluster of this scheduler, not here.")
@click.option("--retry-failed", is_flag=True,
              help="Train failed runs again. The directory of a damaged run is kept as runs/NAME.damaged.")
@click.option("--keep-checkpoints", is_flag=True,
              help="Keep the last checkpoint of every run, so that the run can be extended: three times its network.")
@yes_option
@quiet_option
@json_option
def sweep(
    sweep_dir: Path, axes: tuple[str, ...], seeds: int | None, preset: str | None, toml: Path | None, jobs: int | None,
    scheduler: str | None, retry_failed: bool, keep_checkpoints: bool, yes: bool,
) -> Answer:
    """Train a grid of runs, into SWEEP_DIR.

    Writes a directory for every run, and SWEEP_DIR/results.csv with a row for every run. Skips finished runs, resumes
    unfinished runs, and trains missing runs. A damaged run counts as failed. Without --grid and --file, continues the
    grid of SWEEP_DIR, or trains the seeds of a preset.
    """
    runs = Sweep(sweep_dir, asked_definition(sweep_dir, axes, seeds, preset, toml))
    announce_runs(number_of_runs(runs.definition, runs.tables), yes)
    if (sweep_dir / "results.csv").exists():
        say("checking the finished runs")
    missing = list(runs.missing(retry_failed).values())
    device = "cpu" if all(config.device == "cpu" for config in missing) else "auto"
    with (
        stop_line(f"minimod sweep {quoted(sweep_dir)}"),
        dask_cluster(scheduler) if scheduler else process_pool(jobs, device) as executor,
        runs_display(missing, jobs) as progress,
    ):
        runs.run(executor, progress, retry_failed, keep_checkpoints)
    state = runs.state()
    if not asked("as_json"):
        for name, error in list(state["failures"].items())[:10]:
            click.echo(f"failed: {name}: {error}", err=True)
    told = f"{state['finished']} finished, {state['failed']} failed. The table is {sweep_dir / 'results.csv'}."
    return Answer({"directory": str(sweep_dir)} | state, [told], status=int(state["failed"] > 0))


def asked_definition(
    sweep_dir: Path, axes: tuple[str, ...], seeds: int | None, preset: str | None, toml: Path | None
) -> dict[str, Any] | None:
    """The definition of a sweep from its options; None without such options."""
    grid = parse_grid(axes)
    given = {name: value for name, value in {"preset": preset, "seeds": seeds, "grid": grid}.items() if value}
    if toml:
        return load_definition(toml)
    if given and not axes and (sweep_dir / "sweep.json").exists():
        flags = " and ".join(f"--{name}" for name in given)
        raise click.UsageError(f"{sweep_dir} has a grid already; leave {flags} out to continue it, or give --grid too")
    if seeds and "seed" in grid:
        raise click.UsageError("--seeds and seed in --grid mean the same; give one of them")
    return DEFAULTS | given if given else None


@click.command(cls=OnceEach, excludes=[
    ("--heat-map", "has a cell for each value", ["--log-x", "--linear-x", "--log-y", "--linear-y"]),
])
@click.argument("sweep_dir", type=PATH)
@click.option("--x", required=True, metavar="COLUMN", help="A column of results.csv, for the x-axis.")
@click.option("--y", required=True, metavar="COLUMN", help="A column of numbers: the y-axis, or a heat map's colour.")
@click.option("--by", metavar="COLUMN", help="One curve per value of this column, or the y-axis of a heat map.")
@click.option("--panel", metavar="COLUMN", help="One panel per value of this column.")
@click.option("--where", "fixed", multiple=True, metavar="FIELD=VALUES",
              help="Draw only runs with these values: optimizer=adamw.")
@click.option("--heat-map", is_flag=True, help="Draw x, --by and the mean of y over runs as a heat map.")
@click.option("--log-x/--linear-x", default=None,
              help="The scale of the x-axis.  [default: logarithmic from a factor of 20 on]")
@click.option("--log-y/--linear-y", default=None,
              help="The scale of the y-axis.  [default: linear for accuracies, else as for the x-axis]")
@click.option("--output", type=PATH,
              help="A file that ends in .png, .svg or .pdf.  [default: SWEEP_DIR/Y-over-X.png]")
@click.option("--dpi", type=click.IntRange(20, 1000), help="Dots per inch of a .png.  [default: 200]")
@json_option
def plot(
    sweep_dir: Path, x: str, y: str, by: str | None, panel: str | None, fixed: tuple[str, ...], heat_map: bool,
    log_x: bool | None, log_y: bool | None, output: Path | None, dpi: int | None,
) -> Answer:
    """Draw a column of a sweep's table over another.

    Curves show the mean over runs, for example over seeds, and the range. Prints how many runs are drawn, and what a
    mean is over. Runs that never reached y are counted at the upper edge, and are in no mean.
    """
    if heat_map and not by:
        raise click.UsageError("--heat-map needs --by for its second axis")
    from minimod.report import curves, draw, style

    output = output or sweep_dir / f"{y}-over-{x}.png"
    if output.suffix not in (".png", ".svg", ".pdf"):
        raise InputError("--output", str(output), "a file that ends in .png, .svg or .pdf")
    if dpi and output.suffix != ".png":
        raise click.UsageError(f"--dpi is for .png files, and {output} is none")
    where = parse_grid(fixed, "where")
    points = table.curves(sweep_dir, x, y, by, panel, where)
    numbers = {"x": [point.x for point in points], "y": [point.low for point in points if point.measured]}
    for name, column, log in (("x", x, log_x), ("y", y, log_y)):
        if log and not all(isinstance(value, (int, float)) and value >= 0 for value in numbers[name]):
            raise InputError(name, column, f"a column of numbers of at least 0, with --log-{name}")
    click.echo(f"{account(sweep_dir)}; {curves.behind_each_point(points)}", err=True)
    for name in dict.fromkeys(name for point in points for name in point.over if name not in table.SEEDS):
        click.echo(f"a mean is over several values of {name}: --where {name}=VALUE, --by or --panel keep them apart",
                   err=True)
    if heat_map and by:
        figure = curves.draw_heat_map(points, x, y, by, panel, where)
    else:
        figure = draw.draw(curves.curves(points, x, y, by, panel, log_x, log_y, where))
    style.save_figure(figure, output, dpi=dpi or 200)
    found = {"file": str(output), "x": x, "y": y, "by": by, "panel": panel, "where": where, "points": [
        {name: value for name, value in point._asdict().items() if name != "settings"} for point in points
    ]}
    return Answer(found, [f"Written to {output}."])
