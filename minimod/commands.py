"""The Click commands: parse, call, print. Whatever a Python caller would need is elsewhere."""

import csv
import os
import signal
import sys
import time
from concurrent.futures import BrokenExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from minimod import display
from minimod.advice import advice, quoted, resume_command, what_helps
from minimod.analysis.components import COMPONENT_CHOICES
from minimod.analysis.detectors import COURSE
from minimod.analysis.methods import METHODS
from minimod.claims import CLAIMS
from minimod.claims.claim import SCALES
from minimod.claims.reproduction import Reproduction, number_of_runs
from minimod.claims.results import section, write_page
from minimod.claims.rows import SUFFIXES, save_rows, stored_results
from minimod.config import PRESETS, TrainingConfig
from minimod.detection import detect as detect_labels
from minimod.detection import extraction_of
from minimod.engine.device import available_cores, first_line, gpu_problem, is_gpu_error
from minimod.errors import DivergenceError, InputError, Interrupted, one_of
from minimod.extraction import DEFAULT_METHOD, Round, by_method, held_out_logits
from minimod.extraction import extract as extract_rounds
from minimod.interrupts import STOPS
from minimod.metrics import THRESHOLDS
from minimod.options import EpochsOrSeconds, OnceEach, flag_of, json_option, quiet_option, training_options, yes_option
from minimod.store.claiming import description_to_go_on
from minimod.store.files import load_numbers, save_json, whole_file
from minimod.store.runs import DAMAGED, NONE, check_run, load_config, load_run
from minimod.summary import analyze as analyze_run
from minimod.sweeps.executors import dask_cluster, process_pool
from minimod.sweeps.grid import DEFAULTS, load_definition, parse_grid
from minimod.sweeps.grid import number_of_runs as number_of_configurations
from minimod.sweeps.sweep import Sweep, account
from minimod.sweeps.table import curves, fixed_settings
from minimod.training import CHECKPOINT_EVERY
from minimod.training import train as train_network
from minimod.version import VERSION


class _Commands(click.Group):
    command_class = OnceEach


@click.group(cls=_Commands, context_settings={"max_content_width": 100}, invoke_without_command=True)
@click.version_option(VERSION)
@click.pass_context
def commands(context: click.Context) -> None:
    """Train two-layer networks on modular arithmetic with corrupted labels, and take out the rule they learned."""
    os.environ["MPLBACKEND"] = "agg"  # figures go to files; a notebook's shell may name a backend that is missing
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@commands.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(tuple(PRESETS)),
              help="Where options that are not given come from.  [default: headline]")
@click.option("--resume", is_flag=True, help="Go on with the unfinished run in RUN_DIR, with its options.")
@click.option("--extend", type=click.IntRange(1), metavar="EPOCHS",
              help="Train the finished run in RUN_DIR for so many epochs more. It stays whole until the longer one is.")
@click.option("--checkpoint-every", type=EpochsOrSeconds(), default=CHECKPOINT_EVERY,
              help="Epochs, as 500, or seconds, as 30s, from one checkpoint to the next.  [default: 60s]")
@click.option("--noise-matrix", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="For noise of kind matrix, a CSV of P × P weights: a row a true label, a column a corrupted one.")
@training_options
@quiet_option
@json_option
def train(
    run_dir: Path, preset: str | None, resume: bool, extend: int | None, checkpoint_every: int | timedelta,
    noise_matrix: Path | None, quiet: bool, as_json: bool, **options: Any,
) -> None:
    """Train a network, into RUN_DIR.

    RUN_DIR must be new or empty, or hold an unfinished run of the same options, which then continues. Without options
    this is the headline: 80 % wrong labels, seconds on a CPU.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if ((resume or extend) and preset) or (resume and extend) or (extend and "epochs" in given):
        raise click.UsageError("--resume and --extend take the options of the run: neither goes with the other or with"
                               " --preset, nor --extend with --epochs")
    if extend:
        config = replace(load_config(run_dir), **given)
        config = replace(config, epochs=config.epochs + extend)
    elif resume:
        config = replace(description_to_go_on(run_dir).config, **given)
    else:
        config = TrainingConfig.from_preset(preset or "headline", **given)
    matrix = load_numbers(noise_matrix) if noise_matrix else None
    with display.progress_display(config, quiet) as progress:
        run = train_network(config, run_dir, progress, checkpoint_every, extend=bool(extend), noise_matrix=matrix)
    last = {name: column[-1].item() for name, column in run.history.items()}
    if as_json:
        display.echo_json({"directory": str(run_dir), "config": config.to_dict(), "metrics": last})
        return
    for name, value in last.items():
        click.echo(f"{name.replace('_', ' '):24} {value:>10.4g}")
    click.echo(f"\nWritten to {run_dir}. Next: minimod analyze {quoted(run_dir)}")


@commands.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--by", type=click.Choice(COMPONENT_CHOICES), default="joint", show_default=True,
              help="Whose power decides a neuron's frequency: u, v and w jointly, w alone, or each for itself.")
@click.option("--ensemble", "others", multiple=True, metavar="RUN_DIR", type=click.Path(path_type=Path),
              help="A further run on the same data (see train --init-seed), for the interaction of all together.")
@click.option("--threshold", "thresholds", multiple=True, type=click.FloatRange(0, 1), metavar="SHARE",
              help="Of accuracies: tell the first measured epoch with each at it or above (see train --eval-every)."
              f"  [default: {', '.join(map(str, THRESHOLDS))}]")
@click.option("--figures/--no-figures", default=None, help="Draw the figures, or do not.  [default: figures]")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIRECTORY",
              help="Where analysis.json and figures go.  [default: RUN_DIR]")
@click.option("--write/--no-write", default=True, show_default=True, help="Write files; without, only print.")
@json_option
def analyze(
    run_dir: Path, by: str, others: tuple[Path, ...], thresholds: tuple[float, ...], figures: bool | None,
    output: Path | None, write: bool, as_json: bool,
) -> None:
    """Take a trained network apart.

    Prints the accuracies of what can be made of it, and writes RUN_DIR/analysis.json and RUN_DIR/figures.
    """
    if (output or figures) and not write:
        raise click.UsageError("--no-write goes neither with --output nor with --figures")
    output, written = output or run_dir, []
    summary = analyze_run(run_dir, by, others, dict.fromkeys(thresholds or THRESHOLDS))
    if write:
        output.mkdir(parents=True, exist_ok=True)
        written.append(output / "analysis.json")
        save_json(written[-1], summary)
    if write and figures is not False:
        from minimod.report.figures import draw_figures  # here, so that no other command waits for matplotlib

        written.append(output / "figures")
        draw_figures(summary, written[-1])
    if as_json:
        printed = ("config", "by", "chance", "counts", "methods", "needs", "partition", "structure",
                   "first_epochs")
        display.echo_json({name: summary[name] for name in printed})
        return
    display.echo_methods(summary)
    if written:
        click.echo(f"\nWritten to {' and '.join(map(str, written))}")


@commands.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How many networks at most.")
@click.option("--output", type=click.Path(path_type=Path), metavar="NEW_RUN", required=True,
              help="Where the last network goes; each one goes to NEW_RUN/rounds.")
@click.option("--method", type=click.Choice(tuple(METHODS)), default=DEFAULT_METHOD, metavar="ROW",
              help=f"The row of analyze whose answers become labels.  [default: {DEFAULT_METHOD}]")
@click.option("--width", type=click.IntRange(1), help="Hidden neurons of the new networks.  [default: the run's]")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: as many as the run was trained on]")
@quiet_option
@json_option
def extract(
    run_dir: Path, rounds: int, output: Path, method: str, width: int | None, threads: int | None, quiet: bool,
    as_json: bool,
) -> None:
    """Train on a network's own answers.

    Gives the training pairs the labels that a readout of RUN_DIR's network answers, trains a new network on them, and
    so on, until the answers change no more. Tells for each round how many of the labels it was trained on are right,
    what share of the neurons was read out, and what that answers. Stopped, the same command goes on.
    """
    def tell(done: Round) -> None:
        if not as_json and not done.number:
            click.echo("".join(f"{name.replace('_', ' '):>13}" for name in done.row))
        if not as_json:
            click.echo("".join(f"{display.cell(value):>13}" for value in done.row.values()))

    progress = partial(display.progress_display, quiet=quiet)
    with display.stop_line("the same command"):
        run = load_run(run_dir)
        run = replace(run, config=replace(run.config, threads=threads or run.config.threads))
        done = extract_rounds(run, rounds, output, by_method(method), progress, tell, width)
    if as_json:
        display.echo_json({"directory": str(output), "method": method, "rounds": [each.row for each in done]})
    elif len(done) == 1:
        click.echo(f"\nThe answers are the labels of {run_dir} already: nothing to train.")
    else:
        click.echo(f"\nWritten to {output}. Next: minimod analyze {quoted(output)}")


@commands.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--extracted", type=click.Path(path_type=Path), metavar="NEW_RUN",
              help="What minimod extract made of the run, for one more detector.")
@click.option("--folds", type=click.IntRange(2), metavar="N",
              help="Train N networks, each on all but one of N parts of the pairs, for one more; in RUN_DIR/folds.")
@click.option("--csv", "table", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Where the scores of all training pairs go.  [default: RUN_DIR/detectors.csv]")
@quiet_option
@json_option
def detect(
    run_dir: Path, extracted: Path | None, folds: int | None, table: Path | None, quiet: bool, as_json: bool
) -> None:
    """Tell which training labels are wrong.

    Scores every training label by detectors that know nothing of the rule: the higher, the more likely it is wrong.
    Prints how well each tells wrong labels from right ones: AUROC, 0.5 by chance, and the share of wrong ones among as
    many with the highest scores. Some need a run that was trained with --record.
    """
    run, held_out, progress = load_run(run_dir), None, partial(display.progress_display, quiet=quiet)
    table, other = table or run_dir / "detectors.csv", extraction_of(run, extracted) if extracted else None
    if not table.parent.is_dir():
        raise InputError("--csv", str(table), "in a directory that there is")
    if folds:
        with display.stop_line("the same command"):
            held_out = held_out_logits(run, folds, run_dir / "folds", progress)
    found = detect_labels(run, other, held_out)
    columns = {name: found[name] for name in ("a", "b", "label")} | found["scores"]
    with whole_file(table) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    if as_json:
        names = ("wrong", "needs", "auroc", "precision")
        display.echo_json({"csv": str(table), "labels": len(found["label"])} | {name: found[name] for name in names})
        return
    click.echo(f"{len(found['label'])} training labels, {found['wrong']} of them wrong\n")
    click.echo(f"{'detector':20}{'AUROC':>9}{'precision':>11}  needs to know")
    for name, needs in found["needs"].items():
        numbers = f"{display.cell(found['auroc'][name]):>9}{display.cell(found['precision'][name]):>11}"
        click.echo(f"{name:20}{numbers}  {needs}")
    if not any(needs == COURSE for needs in found["needs"].values()):
        click.echo("\nThe course of training was not recorded, see minimod train --record.")
    click.echo(f"\nWritten to {table}.")


@commands.command(epilog="Claims: " + ", ".join(CLAIMS) + ".")
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


@commands.command()
@click.argument("sweep_dir", type=click.Path(path_type=Path))
@click.option("--grid", "axes", multiple=True, metavar="FIELD=VALUES",
              help="Values of a field of the configuration: width=64,128,256 or noise_ratio=0:0.9:0.1.")
@click.option("--seeds", type=click.IntRange(min=1), help="How many, from 0 on.  [default: 1]")
@click.option("--preset", type=click.Choice(tuple(PRESETS)),
              help="Where fields that are not in the grid come from.  [default: headline]")
@click.option("--file", "toml", type=click.Path(path_type=Path),
              help="A TOML file with preset, seeds, and a table grid, in place of these options.")
@click.option("--jobs", type=click.IntRange(1, 1024), metavar="N",
              help="Runs at a time, each a process.  [default: one a core]")
@click.option("--scheduler", metavar="ADDRESS", help="Train on the Dask cluster of this scheduler, not here.")
@click.option("--retry-failed", is_flag=True,
              help="Train again what has failed; the directory of a damaged run is kept as runs/NAME.damaged.")
@yes_option
@quiet_option
@json_option
def sweep(
    sweep_dir: Path, axes: tuple[str, ...], seeds: int | None, preset: str | None, toml: Path | None, jobs: int | None,
    scheduler: str | None, retry_failed: bool, yes: bool, quiet: bool, as_json: bool,
) -> None:
    """Train a grid of runs, into SWEEP_DIR.

    A directory a run, and SWEEP_DIR/results.csv with a row for each. Finished runs are skipped and unfinished ones gone
    on with; one whose directory is gone is trained again, and a damaged one counts as failed. Without --grid and --file
    this goes on with the grid that SWEEP_DIR has, or trains the seeds of a preset.
    """
    if scheduler and jobs:
        raise click.UsageError("--jobs is for this machine; a cluster has as many as it has workers")
    runs = Sweep(sweep_dir, asked_definition(sweep_dir, axes, seeds, preset, toml))
    display.announce_runs(number_of_configurations(runs.definition), yes, quiet)
    if not quiet and (sweep_dir / "results.csv").exists():
        click.echo("checking those that have finished", err=True)
    missing = list(runs.missing(retry_failed).values())
    device = "cpu" if all(config.device == "cpu" for config in missing) else "auto"
    with (
        display.runs_display(missing, quiet, jobs) as progress, display.stop_line(f"minimod sweep {quoted(sweep_dir)}"),
        dask_cluster(scheduler) if scheduler else process_pool(jobs, device) as executor,
    ):
        runs.run(executor, progress, retry_failed)
    state = runs.state()
    if as_json:
        display.echo_json({"directory": str(sweep_dir)} | state)
    else:
        for name, error in list(state["failures"].items())[:10]:
            click.echo(f"failed: {name}: {error}", err=True)
        table = sweep_dir / "results.csv"
        click.echo(f"{state['finished']} finished, {state['failed']} failed. The table is {table}.")
    sys.exit(bool(state["failed"]))


def asked_definition(
    sweep_dir: Path, axes: tuple[str, ...], seeds: int | None, preset: str | None, toml: Path | None
) -> dict[str, Any] | None:
    """The definition that the options of a sweep give, all of them; None where there are none."""
    grid = parse_grid(axes)
    given = {name: value for name, value in {"preset": preset, "seeds": seeds, "grid": grid}.items() if value}
    flags = " and ".join(f"--{name}" for name in given)
    if toml and given:
        raise click.UsageError(f"--file holds the whole sweep; put {flags} into it")
    if toml:
        return load_definition(toml)
    if given and not axes and (sweep_dir / "sweep.json").exists():
        raise click.UsageError(f"{sweep_dir} has a grid of its own; leave {flags} out to go on, or give --grid too")
    if seeds and "seed" in grid:
        raise click.UsageError("--seeds and seed in --grid say the same; give one of them")
    return DEFAULTS | given if given else None


@commands.command()
@click.argument("sweep_dir", type=click.Path(path_type=Path))
@click.option("--x", required=True, metavar="COLUMN", help="A column of results.csv, for the x-axis.")
@click.option("--y", required=True, metavar="COLUMN", help="A column of numbers: the y-axis, or a heat map's colour.")
@click.option("--by", metavar="COLUMN", help="A curve for every value of this column, or a heat map's y-axis.")
@click.option("--heat-map", is_flag=True, help="Draw x, --by and the mean of y over runs as a heat map.")
@click.option("--log-x", is_flag=True, help="A logarithmic x-axis.")
@click.option("--log-y", is_flag=True, help="A logarithmic y-axis.")
@click.option("--output", type=click.Path(path_type=Path),
              help="A file that ends in .png, .svg or .pdf.  [default: SWEEP_DIR/Y-over-X.png]")
@click.option("--dpi", type=click.IntRange(20, 1000), help="Dots per inch of a .png.  [default: 100]")
def plot(
    sweep_dir: Path, x: str, y: str, by: str | None, heat_map: bool, log_x: bool, log_y: bool, output: Path | None,
    dpi: int | None,
) -> None:
    """Draw a column of a sweep's table over another.

    Curves show the mean over runs, seeds among them, and their range. Says how many runs there are to draw.
    """
    if heat_map and not by:
        raise click.UsageError("--heat-map needs --by for its second axis")
    if heat_map and (log_x or log_y):
        raise click.UsageError("--log-x and --log-y are for curves; a heat map has a cell for each value")
    from minimod.report.curves import behind_each_point, draw_curves, draw_heat_map
    from minimod.report.style import save_figure

    output = output or sweep_dir / f"{y}-over-{x}.png"
    if output.suffix not in (".png", ".svg", ".pdf"):
        raise InputError("--output", str(output), "a file that ends in .png, .svg or .pdf")
    if dpi and output.suffix != ".png":
        raise click.UsageError(f"--dpi is for .png files, and {output} is none")
    data = curves(sweep_dir, x, y, by)
    if log_x and not all(isinstance(value, (int, float)) and value > 0 for line in data.values() for value in line):
        raise InputError("--log-x", x, "with a column of positive numbers")
    if log_y and not all(min(numbers) > 0 for line in data.values() for numbers in line.values()):
        raise InputError("--log-y", y, "with a column of positive numbers")
    click.echo(f"{account(sweep_dir)}; {behind_each_point(data)}", err=True)
    settings = {name: value for name, value in fixed_settings(sweep_dir, y).items() if name not in (x, by)}
    if heat_map and by:
        figure = draw_heat_map(data, x, y, by, settings)
    else:
        figure = draw_curves(data, x, y, by, log_x, log_y, settings)
    save_figure(figure, output, dpi=dpi or 100)
    click.echo(f"Written to {output}.")


@commands.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@json_option
def check(run_dir: Path, as_json: bool) -> None:
    """Tell the state of a run: finished, unfinished, diverged, damaged, or none.

    Prints it with what there is to say of each file, and the command that helps. The exit status is 1 for damaged and
    none.
    """
    state, files = check_run(run_dir)
    if as_json:
        display.echo_json({"state": state, "files": files})
    else:
        click.echo("\n".join([state, *(f"{name:16}{text}" for name, text in files.items())]))
        click.echo("\n" + "\n".join(what_helps(state, files, run_dir)))
    sys.exit(state in (DAMAGED, NONE))


@commands.command()
@json_option
def info(as_json: bool) -> None:
    """Tell what minimod runs on.

    Versions, BLAS, threads, array module, and whether there is a GPU to use, or why not.
    """
    from importlib.metadata import version
    from platform import platform, python_version

    import numpy  # noqa: F401  threadpoolctl sees the libraries that are loaded
    from threadpoolctl import threadpool_info

    problem = gpu_problem()
    facts: dict[str, Any] = {"minimod": VERSION, "Python": python_version(), "platform": platform()}
    facts |= {name: version(name) for name in ("numpy", "scipy", "click", "matplotlib")}
    for library in threadpool_info():
        if library["user_api"] == "blas":
            facts["BLAS"] = f"{library['internal_api']} {library['version']}, {library['num_threads']} threads"
    facts |= {"threads": available_cores(), "array module": "numpy" if problem else "cupy"}
    facts["GPU"] = f"no: {problem}" if problem else "yes"
    if as_json:
        display.echo_json(facts)
        return
    for name, value in facts.items():
        click.echo(f"{name:14}{value}")


def main() -> None:
    """Run the command line: a foreseeable error is one line on standard error and an exit status, never a traceback.

    2: something to correct in the command; 1: the run failed; 130: Ctrl-C; 143: SIGTERM; 129: SIGHUP.
    """
    def end(number: int, frame: Any) -> None:
        os.write(2, f"minimod: stopped by {signal.Signals(number).name}\n".encode())
        sys.exit(128 + number)          # a pool ends its processes then

    for number in STOPS:
        if number != signal.SIGINT and signal.getsignal(number) != signal.SIG_IGN:      # nohup ignores SIGHUP
            signal.signal(number, end)
    display.prepare_streams()
    try:
        sys.exit(commands.main(prog_name="minimod", standalone_mode=False))
    except InputError as error:
        message, status = f"{flag_of(error.option)} is {error.value!r}; it must be {error.allowed}{advice(error)}", 2
    except click.ClickException as error:
        message, status = error.format_message(), error.exit_code
    except click.Abort:
        message, status = "interrupted", 130
    except Interrupted as stop:
        message, status = f"{stop}; go on with: {resume_command(stop.directory)}", 128 + stop.signal
    except DivergenceError as error:
        message, status = str(error), 1
    except (OSError, MemoryError, BrokenExecutor, csv.Error) as error:
        message, status = f"cannot go on: {error or type(error).__name__}", 1
    except Exception as error:
        if not is_gpu_error(error):
            raise
        message, status = f"cannot go on: the GPU failed ({first_line(error)})", 1
    click.echo(f"minimod: {message}", err=True)
    sys.exit(status)
