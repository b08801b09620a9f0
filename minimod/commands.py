"""The Click commands: parse, call, print. Whatever a Python caller would need is elsewhere."""

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import NoneType
from typing import get_args, get_origin

import click

import minimod
from minimod.analysis.accuracy import MEASURES
from minimod.analysis.fourier import FREQUENCY_CHOICES
from minimod.analysis.summary import analyze as analyze_run
from minimod.analysis.summary import plain_data
from minimod.claims import CLAIMS, finished_run
from minimod.config import PRESETS, TrainingConfig
from minimod.errors import DivergenceError, InputError
from minimod.runs import Run, load_run, save_json
from minimod.training import Progress
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


@click.group(context_settings={"max_content_width": 100}, invoke_without_command=True)
@click.version_option(minimod.__version__)
@click.pass_context
def commands(context):
    """Train two-layer networks on modular arithmetic with corrupted labels, and take out the rule they learned."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@commands.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(tuple(PRESETS)), default="headline", show_default=True,
              help="Where options that are not given come from.")
@training_options
@quiet_option
@json_option
def train(run_dir, preset, quiet, as_json, **options):
    """Train a network, into RUN_DIR.

    RUN_DIR must be new or empty. Without options this is the headline: 80 % wrong labels, seconds on a CPU.
    """
    config = TrainingConfig.from_preset(preset, **{name: value for name, value in options.items() if value is not None})
    with progress_display(config, quiet) as progress:
        run = train_network(config, run_dir, progress)
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
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw RUN_DIR/figures.")
@json_option
def analyze(run_dir, by, figures, as_json):
    """Take a trained network apart.

    Prints the accuracies of what can be made of it, and writes RUN_DIR/analysis.json and RUN_DIR/figures.
    """
    run = load_run(run_dir)
    summary = write_analysis(run, by, figures)
    if as_json:
        echo_json(machine_readable(summary))
        return
    echo_methods(summary)
    click.echo(f"\nWritten to {run_dir / 'analysis.json'}" + (f" and {run_dir / 'figures'}" if figures else ""))


@commands.command()
@click.argument("name", metavar="NAME", type=click.Choice(tuple(CLAIMS)))
@click.option("--directory", type=click.Path(path_type=Path), default="reproduced", show_default=True,
              help="Where runs are kept; one that has finished is used again.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="How many seeds, from 0 on.")
@quiet_option
@json_option
def reproduce(name, directory, seeds, quiet, as_json):
    """Measure a claim of the paper.

    Trains, analyses, and says whether the claim holds. NAME is headline.
    """
    claim, summaries = CLAIMS[name], []
    start = time.perf_counter()
    for seed in range(seeds):
        config = replace(claim.config, seed=seed)
        with progress_display(config, quiet) as progress:
            run = finished_run(config, directory / f"{name}-seed{seed}", progress)
        summaries.append(write_analysis(run))
    verdict = "holds" if claim.holds(summaries) else "does not hold"
    measured = [
        asdict(criterion) | {"values": [criterion.value(summary) for summary in summaries]}
        for criterion in claim.criteria
    ]
    if as_json:
        runs = [machine_readable(summary) for summary in summaries]
        echo_json({
            "claim": name, "statement": claim.statement, "verdict": verdict, "measured": measured, "runs": runs
        })
        return

    echo_methods(summaries[0])
    click.echo("\n" + click.wrap_text(f"{name}: {claim.statement}", width=79) + "\n")
    click.echo(f"{'method':8}" + "".join(f"{c.method:>14}" for c in claim.criteria))
    click.echo(f"{'measure':8}" + "".join(f"{c.measure:>14}" for c in claim.criteria))
    click.echo(f"{'bound':8}" + "".join(f"{f'{c.relation} {c.bound:.2f}':>14}" for c in claim.criteria))
    for seed, summary in enumerate(summaries):
        click.echo(f"{f'seed {seed}':8}" + "".join(f"{c.value(summary):>14.3f}" for c in claim.criteria))
    tried = "seed 0" if seeds == 1 else f"seeds 0 to {seeds - 1}"
    seconds = time.perf_counter() - start
    click.echo(f"\nThe claim {verdict} on {tried}; {seconds:.0f} s.\nRuns and figures are in {directory}.")


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

    from minimod.backend import available_cores, gpu_problem

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


def write_analysis(run: Run, by: str = "joint", figures: bool = True) -> dict:
    """Analyse a stored run, and write analysis.json and the figures beside it."""
    summary = analyze_run(run, by)
    save_json(run.directory / "analysis.json", summary)
    if figures:
        # Here, so that no other command waits for matplotlib. A notebook's shell may name a backend that is missing.
        os.environ["MPLBACKEND"] = "agg"
        from minimod.plots import draw_figures

        draw_figures(summary, run.directory / "figures")
    return summary


def echo_methods(summary: dict) -> None:
    """Print the table of methods."""
    click.echo(f"{summary['title']}\n\n{'method':24}" + "".join(f"{name:>11}" for name in MEASURES))
    for name, row in summary["methods"].items():
        click.echo(f"{name:24}" + "".join(f"{cell(row[measure]):>11}" for measure in MEASURES))
    click.echo(f"{'pairs counted':24}" + "".join(f"{summary['counts'][name]:>11}" for name in MEASURES))
    click.echo(f"\nchance: {summary['chance']:.4f}\n")
    click.echo(f"{'dominant frequency':40}{'trained':>10}{'untrained':>11}")
    for label, key in {
        "median share of a neuron's power": "median_share",
        "phase error in rad, root mean square": "phase_error_rms",
    }.items():
        trained, untrained = (cell(summary["structure"][name][key]) for name in ("trained", "untrained"))
        click.echo(f"{label:40}{trained:>10}{untrained:>11}")


def machine_readable(summary: dict) -> dict:
    """The part of a summary that `echo_methods` prints."""
    return {name: summary[name] for name in ("config", "by", "chance", "counts", "methods", "structure")}


def cell(value: float | None) -> str:
    """A number for a table, three decimals; a dash for a share of nothing."""
    return "-" if value is None else f"{value:.3f}"


def echo_json(data: dict) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(data, indent=1, allow_nan=False))


@contextmanager
def progress_display(config: TrainingConfig, quiet: bool) -> Iterator[Progress | None]:
    """Progress on standard error: a bar on a terminal, a line per evaluation elsewhere, nothing when quiet."""
    logging.getLogger("minimod").setLevel(logging.ERROR if quiet else logging.WARNING)
    if quiet:
        yield None
    elif sys.stderr.isatty():
        fits = shutil.get_terminal_size().columns >= 80  # a line that wraps could not be drawn over
        show = (lambda row: row and accuracies_line(row)) if fits else None
        with click.progressbar(length=config.epochs, file=sys.stderr, width=10, item_show_func=show) as bar:
            yield lambda epoch, row: bar.update(int(epoch > 0), row or bar.current_item)
    else:
        yield lambda epoch, row: row and click.echo(
            f"epoch {epoch:6d}  loss {row['loss']:.4f}  {accuracies_line(row)}", err=True
        )


def accuracies_line(row: dict[str, float]) -> str:
    """The accuracies of a row of metrics, in short."""
    columns = {"clean": "clean", "noisy": "noisy", "test": "test", "filtered": "filtered_test"}
    return " ".join(f"{name} {row[column + '_accuracy']:.2f}" for name, column in columns.items())


def main() -> None:
    """The entry point: a foreseeable error is one line on standard error and an exit status, never a traceback.

    2: something to correct in the command; 1: the run failed; 130: Ctrl-C.
    """
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
    except DivergenceError as error:
        message, status = str(error), 1
    except (OSError, MemoryError) as error:
        message, status = f"cannot go on: {error}", 1
    click.echo(f"minimod: {message}", err=True)
    sys.exit(status)
