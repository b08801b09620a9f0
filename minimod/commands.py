"""The Click commands: parse, call, print. Whatever a Python caller would need is elsewhere."""

import csv
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from types import NoneType
from typing import get_args, get_origin

import click

import minimod
from minimod.analysis.fourier import FREQUENCY_CHOICES
from minimod.analysis.summary import analyze as analyze_run
from minimod.analysis.summary import plain_data
from minimod.backend import available_cores
from minimod.claims import CLAIMS
from minimod.claims.claim import SCALES
from minimod.claims.reproduction import Reproduction
from minimod.claims.results import page, section
from minimod.config import PRESETS, TrainingConfig
from minimod.display import echo_json, echo_methods, machine_readable, progress_display, runs_display
from minimod.errors import DivergenceError, InputError, Interrupted
from minimod.executors import dask_cluster, process_pool
from minimod.files import save_json, whole_file
from minimod.grid import load_definition, parse_values
from minimod.runs import check_run, extend_run, load_config, load_run
from minimod.sweep import FAILED, FINISHED, Sweep, curves, work
from minimod.training import CHECKPOINT_EVERY
from minimod.training import train as train_network

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress on standard error.")


def training_options(command: Callable) -> Callable:
    """Add an option for every field of TrainingConfig; one that is not given is None, so that a preset can stand."""
    for option in reversed(fields(TrainingConfig)):
        flag = "--" + option.name.replace("_", "-")
        help, choices, interval, none = (option.metadata[key] for key in ("help", "choices", "interval", "none"))
        if option.type is bool:
            flag += "/--no-" + option.name
        if choices:
            kind = click.Choice(choices)
        elif get_origin(option.type) is tuple:
            kind = get_args(option.type)
        else:
            kind = next(iter(set(get_args(option.type)) - {NoneType}), option.type)
        if interval:
            help += f"; in {interval}"
        default = none or option.default
        shown = " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
        command = click.option(flag, option.name, type=kind, default=None, help=f"{help} [default: {shown}]")(command)
    return command


class Interval(click.ParamType):
    """A number of epochs, or, with an s behind it, of seconds."""

    name = "interval"

    def convert(self, value, param, ctx):
        """An int for epochs, a timedelta for seconds."""
        if isinstance(value, timedelta):
            return value
        try:
            interval = timedelta(seconds=float(value[:-1])) if value.endswith("s") else int(value)
        except (ValueError, OverflowError):
            interval = 0
        if not interval or interval < type(interval)(0):
            self.fail(f"{value!r} is neither a number of epochs, as 500, nor of seconds, as 30s", param, ctx)
        return interval


@click.group(context_settings={"max_content_width": 100}, invoke_without_command=True)
@click.version_option(minimod.__version__)
@click.pass_context
def commands(context):
    """Train two-layer networks on modular arithmetic with corrupted labels, and take out the rule they learned."""
    os.environ["MPLBACKEND"] = "agg"  # figures go to files; a notebook's shell may name a backend that is missing
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@commands.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(tuple(PRESETS)), default="headline", show_default=True,
              help="Where options that are not given come from.")
@click.option("--resume", is_flag=True, help="Go on with the unfinished run in RUN_DIR, with its options.")
@click.option("--extend", type=click.IntRange(1), metavar="EPOCHS",
              help="Train the finished run in RUN_DIR for so many epochs more.")
@click.option("--checkpoint-every", type=Interval(), default=CHECKPOINT_EVERY,
              help="Epochs, as 500, or seconds, as 30s, from one checkpoint to the next.  [default: 60s]")
@training_options
@quiet_option
@json_option
def train(run_dir, preset, resume, extend, checkpoint_every, quiet, as_json, **options):
    """Train a network, into RUN_DIR.

    RUN_DIR must be new or empty, or hold an unfinished run of the same options, which is gone on with. Without options
    this is the headline: 80 % wrong labels, seconds on a CPU.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if extend:
        config = replace(extend_run(run_dir, extend), **given)
    elif resume:
        config = replace(load_config(run_dir), **given)
    else:
        config = TrainingConfig.from_preset(preset, **given)
    with progress_display(config, quiet) as progress:
        run = train_network(config, run_dir, progress, checkpoint_every)
    last = {name: column[-1].item() for name, column in run.history.items()}
    if as_json:
        echo_json({"directory": str(run_dir), "config": config.to_dict(), "metrics": plain_data(last)})
        return
    for name, value in last.items():
        click.echo(f"{name.replace('_', ' '):24} {value:>10.4g}")
    click.echo(f"\nWritten to {run_dir}. Next: minimod analyze {run_dir}")


@commands.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--by", type=click.Choice(FREQUENCY_CHOICES), default="joint", show_default=True,
              help="Whose power decides a neuron's frequency: u, v and w jointly, w alone, or each for itself.")
@click.option("--ensemble", "others", multiple=True, metavar="RUN_DIR", type=click.Path(path_type=Path),
              help="A further run on the same data (see train --init-seed), for the interaction of all together.")
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw RUN_DIR/figures.")
@json_option
def analyze(run_dir, by, others, figures, as_json):
    """Take a trained network apart.

    Prints the accuracies of what can be made of it, and writes RUN_DIR/analysis.json and RUN_DIR/figures.
    """
    run = load_run(run_dir)
    summary = analyze_run(run, by, [load_run(other) for other in others])
    save_json(run_dir / "analysis.json", summary)
    if figures:
        from minimod.plots import draw_figures  # here, so that no other command waits for matplotlib

        draw_figures(summary, run_dir / "figures")
    if as_json:
        echo_json(machine_readable(summary))
        return
    echo_methods(summary)
    click.echo(f"\nWritten to {run_dir / 'analysis.json'}" + (f" and {run_dir / 'figures'}" if figures else ""))


@commands.command(epilog="Claims: " + ", ".join(CLAIMS) + ".")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=click.Choice((*CLAIMS, "all")))
@click.option("--scale", type=click.Choice(SCALES), default="quick", show_default=True,
              help="quick: minutes for all, at small moduli where these show the same; full: at the paper's sizes.")
@click.option("--seeds", type=click.IntRange(min=1), help="How many, from 0 on.  [default: what each claim asks for]")
@click.option("--directory", type=click.Path(path_type=Path), default="reproduced", show_default=True,
              help="Where runs are kept; one that has finished is used again.")
@quiet_option
@json_option
def reproduce(names, scale, seeds, directory, quiet, as_json):
    """Measure claims of the paper.

    Trains, measures, and says whether each claim holds. Draws DIRECTORY/figures; for all also writes
    DIRECTORY/results.md. A NAME is one of the claims below, or all.
    """
    start = time.perf_counter()
    everything = "all" in names
    reproduction = Reproduction(CLAIMS if everything else dict.fromkeys(names), scale, directory, seeds)
    missing = reproduction.missing()
    with runs_display(missing, quiet) as progress:
        reproduction.train(missing, progress)
    if not quiet:
        click.echo("measuring", err=True)
    results = reproduction.results()
    from minimod.claims.figure import draw_claim
    from minimod.plots import save_figure

    for result in results:
        save_figure(draw_claim(result), directory / "figures" / f"{result.name}.png", dpi=100)
    if everything:
        command = f"minimod reproduce all --scale {scale}" + (f" --seeds {seeds}" if seeds else "")
        with whole_file(directory / "results.md") as file:
            file.write(page(results, command))
    if as_json:
        echo_json(plain_data([result.plain() for result in results]))
        return
    if everything:
        click.echo("\n".join(f"{result.name:24} {result.verdict}" for result in results))
    else:
        click.echo("\n\n".join(map(section, results)))
    page_too = ", and results.md" if everything else ""
    click.echo(f"\n{time.perf_counter() - start:.0f} s. Runs and figures{page_too} are in {directory}.")


@commands.command()
@click.argument("sweep_dir", type=click.Path(path_type=Path))
@click.option("--grid", "axes", multiple=True, metavar="FIELD=VALUES",
              help="Values of a field of the configuration: width=64,128,256 or noise_ratio=0:0.9:0.1.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="How many, from 0 on.")
@click.option("--preset", type=click.Choice(tuple(PRESETS)), default="headline", show_default=True,
              help="Where fields that are not in the grid come from.")
@click.option("--file", "toml", type=click.Path(path_type=Path),
              help="A TOML file with preset, seeds, and a table grid, in place of these options.")
@click.option("--scheduler", metavar="ADDRESS", help="Train on the Dask cluster of this scheduler, not here.")
@click.option("--retry-failed", is_flag=True, help="Train again what has failed.")
@quiet_option
def sweep(sweep_dir, axes, seeds, preset, toml, scheduler, retry_failed, quiet):
    """Train a grid of runs, into SWEEP_DIR.

    A directory a run, and SWEEP_DIR/results.csv with a row for each. Finished runs are skipped and unfinished ones gone
    on with; without --grid and --file this goes on with the grid that SWEEP_DIR has.
    """
    definition = None
    if toml:
        definition = load_definition(toml)
    elif axes:
        pairs = [axis.partition("=") for axis in axes]
        grid = {name: parse_values(name, values) for name, _, values in pairs}
        definition = {"preset": preset, "grid": grid, "seeds": seeds}
    runs = Sweep(sweep_dir, definition)
    missing = list(runs.missing(retry_failed).values())
    with runs_display(missing, quiet) as progress, dask_cluster(scheduler) if scheduler else process_pool() as executor:
        runs.run(executor, lambda config, status: progress(work(config), status), retry_failed)
    failed = [row for row in runs.rows() if row["status"] == FAILED]
    for row in failed[:10]:
        click.echo(f"failed: {row['run']}: {row['error']}", err=True)
    finished = sum(row["status"] == FINISHED for row in runs.rows())
    click.echo(f"{finished} finished, {len(failed)} failed. The table is {sweep_dir / 'results.csv'}.")
    sys.exit(bool(failed))


@commands.command()
@click.argument("sweep_dir", type=click.Path(path_type=Path))
@click.option("--x", required=True, metavar="COLUMN", help="A column of results.csv, for the x-axis.")
@click.option("--y", required=True, metavar="COLUMN", help="A column of numbers: the y-axis, or a heat map's colour.")
@click.option("--by", metavar="COLUMN", help="A curve for every value of this column, or a heat map's y-axis.")
@click.option("--heat-map", is_flag=True, help="Draw x, --by and the mean of y over runs as a heat map.")
@click.option("--log-x", is_flag=True, help="A logarithmic x-axis.")
@click.option("--output", type=click.Path(path_type=Path), help="[default: SWEEP_DIR/Y-over-X.png]")
def plot(sweep_dir, x, y, by, heat_map, log_x, output):
    """Draw a column of a sweep's table over another.

    Curves show the mean over runs, seeds among them, and their range.
    """
    if heat_map and not by:
        raise click.UsageError("--heat-map needs --by for its second axis")
    from minimod.plots import draw_curves, draw_heat_map, save_figure

    output = output or sweep_dir / f"{y}-over-{x}.png"
    if output.suffix not in (".png", ".svg", ".pdf"):
        raise InputError("--output", str(output), "a file that ends in .png, .svg or .pdf")
    data = curves(sweep_dir, x, y, by)
    if log_x and not all(is_positive(value) for points in data.values() for value in points):
        raise InputError("--log-x", x, "with a column of positive numbers")
    save_figure(draw_heat_map(data, x, y, by) if heat_map else draw_curves(data, x, y, by, log_x), output, dpi=100)
    click.echo(f"Written to {output}.")


@commands.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@json_option
def check(run_dir, as_json):
    """Tell whether a run is whole.

    Prints finished, unfinished (minimod train RUN_DIR --resume goes on with it) or damaged, and what there is to say of
    each file. The exit status is 1 for a damaged one.
    """
    state, files = check_run(run_dir)
    if as_json:
        echo_json({"state": state, "files": files})
    else:
        click.echo("\n".join([state, *(f"{name:16}{text}" for name, text in files.items())]))
    sys.exit(state == "damaged")


@commands.command()
@json_option
def info(as_json):
    """Tell what minimod runs on.

    Versions, BLAS, threads, array module, and whether there is a GPU to use, or why not.
    """
    from importlib.metadata import version
    from platform import platform, python_version

    import numpy  # noqa: F401  threadpoolctl sees the libraries that are loaded
    from threadpoolctl import threadpool_info

    from minimod.backend import gpu_problem

    problem = gpu_problem()
    facts = {"minimod": minimod.__version__, "Python": python_version(), "platform": platform()}
    facts |= {name: version(name) for name in ("numpy", "scipy", "click", "matplotlib")}
    for library in threadpool_info():
        if library["user_api"] == "blas":
            facts["BLAS"] = f"{library['internal_api']} {library['version']}, {library['num_threads']} threads"
    facts |= {"threads": available_cores(), "array module": "numpy" if problem else "cupy"}
    facts["GPU"] = f"no: {problem}" if problem else "yes"
    if as_json:
        echo_json(facts)
        return
    for name, value in facts.items():
        click.echo(f"{name:14}{value}")


def is_positive(text: str) -> bool:
    """Whether the text is a number greater than zero."""
    try:
        return float(text) > 0
    except ValueError:
        return False


def main() -> None:
    """The entry point: a foreseeable error is one line on standard error and an exit status, never a traceback.

    2: something to correct in the command; 1: the run failed; 130: Ctrl-C; 143: SIGTERM.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # a pool ends its processes then
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal may lack α and ∘
    try:
        sys.exit(commands.main(prog_name="minimod", standalone_mode=False))
    except InputError as error:
        is_option = error.option in {option.name for option in fields(TrainingConfig)}
        name = "--" + error.option.replace("_", "-") if is_option else error.option
        message, status = f"{name} is {error.value!r}; it must be {error.allowed}", 2
    except click.ClickException as error:
        message, status = error.format_message(), error.exit_code
    except click.Abort:
        message, status = "interrupted", 130
    except Interrupted as stop:
        message, status = str(stop), 128 + stop.signal
    except DivergenceError as error:
        message, status = str(error), 1
    except (OSError, MemoryError, BrokenExecutor, csv.Error) as error:
        message, status = f"cannot go on: {error}", 1
    click.echo(f"minimod: {message}", err=True)
    sys.exit(status)
