"""What the commands print: progress on standard error, tables and JSON on standard output."""

import json
import logging
import math
import multiprocessing
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from minimod.analysis.structure import coordinate_of
from minimod.errors import Interrupted
from minimod.runs.accuracy import MEASURES
from minimod.runs.config import TrainingConfig
from minimod.runs.files import plain_data
from minimod.runs.jobs import WorkProgress, estimated_seconds, work
from minimod.runs.metrics import ACCURACIES, Metrics
from minimod.runs.signals import handle, handled
from minimod.runs.training import Callback, State

MANY_RUNS, MOST_RUNS = 100_000, 10_000_000      # more are trained only where --yes is given; or not at all


def echo_methods(summary: dict[str, Any]) -> None:
    """Print the methods under what each needs to know, the partitions, and the typical neuron."""
    def echo_row(name: str, values: Iterable[Any]) -> None:     # n and widths are those of the table
        click.echo(f"{name:{n}}" + "".join(map(str.rjust, map(cell, values), widths)))

    n, widths = 33, [max(9, len(measure) + 1) for measure in MEASURES]
    click.echo(f"{summary['title']}\n")
    echo_row("method", MEASURES)
    for needs in dict.fromkeys(summary["needs"].values()):
        click.echo(f"-- needs to know: {needs}")
        for name, row in summary["methods"].items():
            if summary["needs"][name] == needs:
                echo_row(name, [row[measure] for measure in MEASURES])
    echo_row("pairs counted", [summary["counts"][measure] for measure in MEASURES])
    click.echo(f"\nchance: {summary['chance']:.4f}\n")

    keys = ("generalising", "memorising", "sum", "test", "filtered_test", "noisy_choice", "noisy_choice_test")
    n, widths = 16, [7, 7, 11, 8, 10, 11, 10]
    echo_row("partition by", ("γ_G", "γ_R", "γ_G + γ_R", "test", "filtered", "noisy γ_G", "its test"))
    for name, row in summary["partition"].items():
        echo_row(name, [row[key] for key in keys])
    if summary["left_out"]:
        click.echo(f"\n{summary['left_out']}")
    if "structure" in summary:
        what = coordinate_of(summary["neurons"])
        click.echo(f"\n{f'dominant {what}':40}{'trained':>10}{'untrained':>11}")
        for label, key in {
            "median share of a neuron's power": "median_share",
            "phase error in rad, root mean square": "phase_error_rms",
            "share of all power in ideal neurons": "ideal_power_share",
        }.items():
            trained, untrained = (cell(summary["structure"][name][key]) for name in ("trained", "untrained"))
            click.echo(f"{label:40}{trained:>10}{untrained:>11}")

    n, epochs = 40, summary["first_epochs"]
    past = dict.fromkeys(name.rsplit("_", 1)[1] for name in epochs)
    widths = [8] * len(past)
    click.echo()
    echo_row("first measured epoch with accuracy >=", past)
    for part in ACCURACIES if epochs else ():
        found = (epochs[f"first_epoch_{part}_{threshold}"] for threshold in past)
        echo_row(part.replace("_", " "), ("never" if e == math.inf else e if math.isnan(e) else int(e) for e in found))


def echo_course(course: dict[str, Any]) -> None:
    """Print what `course` gives: a line a snapshot."""
    names = [name.replace("_", " ").replace("dominant", "dom.").replace("interaction", "inter.") for name in course]
    widths = [max(7, len(name)) for name in names]
    click.echo("\n" + "  ".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True)))
    for row in zip(*(column.tolist() for column in course.values()), strict=True):
        click.echo("  ".join(f"{cell(value):>{width}}" for value, width in zip(row, widths, strict=True)))


def echo_group(found: dict[str, Any], most_classes: int) -> None:
    """Print a group's `facts`, or what a table is; a character table of more classes than this is left out."""
    abelian = ", abelian" * found.get("abelian", False)
    click.echo(f"{found['name']}: {found['kind']}, of order {found['order']}{abelian}")
    if "components" not in found:
        return
    dimensions, classes = found["dimensions"].tolist(), found["classes"]
    times = (f"{d} × {dimensions.count(d)}" for d in dict.fromkeys(dimensions))
    click.echo(f"irreducible complex representations by dimension: {', '.join(times)}\n")
    click.echo(f"{'component':12}{'dimension':>10}{'size':>6}  type")
    for each in found["components"]:
        click.echo(f"{each['name']:12}{each['dimension']:>10}{each['size']:>6}  {each['kind']}")
    if len(dimensions) > most_classes:
        click.echo(f"\nThe table of its {len(dimensions)} characters is printed by --json.")
        return
    rows = [["class size", *map(str, classes["size"])], ["order of elements", *map(str, classes["orders"])]]
    rows += [[f"character {i}", *map(_complex, row)] for i, row in enumerate(found["characters"].tolist(), 1)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    click.echo()
    for name, *values in rows:
        columns = (f"  {value:>{n}}" for value, n in zip(values, widths[1:], strict=True))
        click.echo(f"{name:{widths[0]}}" + "".join(columns))


def _complex(value: complex) -> str:
    """A complex number to three decimals, as short as it goes."""
    real, imaginary = (f"{part:.3f}".rstrip("0").rstrip(".").replace("-0", "0" if abs(part) < 5e-4 else "-0")
                       for part in (value.real, value.imag))
    if imaginary == "0":
        return real
    return ("" if real == "0" else real) + ("" if imaginary.startswith("-") or real == "0" else "+") + f"{imaginary}i"


def cell(value: float | int | str) -> str:
    """A table's cell: three decimals for a share, a dash for a share of nothing, counts and words as they are."""
    if not isinstance(value, float):
        return str(value)
    return "-" if math.isnan(value) else f"{value:.3f}"


def echo_json(data: Any) -> None:
    """Print data as JSON, see `plain_data`."""
    click.echo(json.dumps(plain_data(data), indent=1, allow_nan=False))


@contextmanager
def progress_display(config: TrainingConfig, quiet: bool) -> Iterator[Callback | None]:
    """Progress on standard error: a bar on a terminal, a line per evaluation elsewhere, nothing when quiet."""
    logging.getLogger("minimod").setLevel(logging.ERROR if quiet else logging.WARNING)
    if quiet:
        yield None
    elif sys.stderr.isatty():
        fits = shutil.get_terminal_size().columns >= 80  # a line that wraps could not be drawn over

        def show(row: Metrics | None) -> str | None:
            return accuracies_line(row) if row and fits else None

        with click.progressbar(length=config.epochs, file=sys.stderr, width=10, item_show_func=show) as bar:
            yield lambda state: bar.update(int(state.epoch > 0), state.metrics or bar.current_item)
    else:
        begun: list[tuple[int, float]] = []     # the first epoch and its time

        def tell(state: State) -> None:
            epoch, row = state.epoch, state.metrics
            begun[:] = begun or [(epoch, time.perf_counter())]
            if row:
                first, start = begun[0]
                seconds = (time.perf_counter() - start) / max(1, epoch - first) * (config.epochs - epoch)
                left = f"  {duration(seconds)} left" if first < epoch < config.epochs else ""
                click.echo(f"epoch {epoch:6d}  loss {row['loss']:.4f}  {accuracies_line(row)}{left}", err=True)

        yield tell


def announce_runs(number: int, yes: bool, quiet: bool) -> None:
    """Print how many runs are asked for, before any of them is looked at. Raises UsageError for too many."""
    if number > MANY_RUNS and not yes:
        raise click.UsageError(f"these are {number} runs; --yes trains more than {MANY_RUNS}")
    if number > MOST_RUNS:
        raise click.UsageError(f"these are {number} runs; more than {MOST_RUNS} cannot be kept account of")
    if not quiet:
        click.echo(f"{number} run{'s' * (number > 1)} in all", err=True)


@contextmanager
def stop_line(go_on: str) -> Iterator[None]:
    """Make of Ctrl-C, SIGTERM and SIGHUP a line that says how to go on.

    The first ends the block: its processes write their checkpoints. A second one kills them, and disturbs nothing else:
    an exception in the wrong place would lose a semaphore.
    """
    def kill(number: int, frame: FrameType | None) -> None:
        for process in multiprocessing.active_children():
            process.kill()

    def stop(number: int, frame: FrameType | None) -> None:
        handle(kill)
        sys.exit(128 + number)

    with handled(stop):
        try:
            yield
        except (SystemExit, Interrupted) as cause:
            handle(signal.SIG_IGN)      # the interpreter ends undisturbed too
            error = click.ClickException(f"stopped; go on with: {go_on}")
            error.exit_code = 128 + cause.signal if isinstance(cause, Interrupted) else cause.code  # type: ignore
            raise error from cause


@contextmanager
def runs_display(configs: list[TrainingConfig], quiet: bool, jobs: int | None = None) -> Iterator[WorkProgress]:
    """As `progress_display`, for many runs: how long they are likely to take, and then how far they are."""
    if quiet or not configs:
        yield lambda done, text: None
        return
    total = sum(map(work, configs))
    about = duration(estimated_seconds(configs, jobs))
    click.echo(f"{len(configs)} run{'s' * (len(configs) > 1)} to train, about {about}", err=True)
    so_far, start = 0, time.perf_counter()

    def show(done: int, text: str | None) -> None:
        nonlocal so_far
        so_far += done
        if text:
            seconds = (time.perf_counter() - start) * (total / max(1, so_far) - 1)
            left = f", {duration(seconds)} left" if so_far else ""
            click.echo(f"{so_far / total:4.0%}  {text}{left}", err=True)

    yield show


def duration(seconds: float) -> str:
    """A length of time in the unit that suits it."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} hours"


def accuracies_line(row: Metrics) -> str:
    """The accuracies of a row of metrics, in short."""
    columns = {"clean": "clean", "noisy": "noisy", "test": "test", "filtered": "filtered_test"}
    return " ".join(f"{name} {row[column + '_accuracy']:.2f}" for name, column in columns.items())
