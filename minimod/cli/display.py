"""What the commands print: progress on standard error; answers, as text or JSON, on standard output."""

import json
import math
import multiprocessing
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from textwrap import fill
from types import FrameType
from typing import Any, NamedTuple

import click

from minimod.analysis.rows import BRIEF, best_agnostic, labels_need
from minimod.analysis.structure import coordinate_of
from minimod.analysis.summary import in_words, title
from minimod.engine.device import machine
from minimod.errors import Interrupted
from minimod.runs.accuracy import MEASURES
from minimod.runs.config import TrainingConfig
from minimod.runs.files import plain_data
from minimod.runs.jobs import WorkProgress, estimated_seconds, work
from minimod.runs.metrics import ACCURACIES, Metrics
from minimod.runs.run import Run
from minimod.runs.signals import handle, handled
from minimod.runs.training import Callback, State

MANY_RUNS, MOST_RUNS = 100_000, 1_000_000      # more than MANY_RUNS need --yes; more than MOST_RUNS are refused
MOST_CLASSES = 24       # a larger character table is left to --json
CLEAN_VALIDATION = "Clean validation may hold the rule: of modulus 59, 348 pairs do (see docs/methods.md)."
PATIENCE = 2.0          # seconds
OUTPUT_FLAGS = ("quiet", "as_json", "show_all")


class Answer(NamedTuple):
    """What a command has found.

    data: for --json. paragraphs: the text for a reader, without the empty ones. status: the exit status.
    """

    data: Any
    paragraphs: Iterable[str]
    status: int = 0


def asked(flag: str) -> bool:
    """Whether the command was given one of OUTPUT_FLAGS."""
    return bool(click.get_current_context().obj.get(flag))


class Table(str):
    """Text in columns. In every line a space or a | stands between two columns, at the same place."""


def show(answer: Answer) -> None:
    """Print an answer: with --json its data, see `plain_data`; else its paragraphs, with a blank line between them."""
    if asked("as_json"):
        click.echo(json.dumps(plain_data(answer.data), indent=1, allow_nan=False))
    else:
        click.echo("\n\n".join(map(fitted, filter(None, answer.paragraphs))))


def fitted(paragraph: str) -> str:
    """A paragraph within the terminal's width: columns of a Table are cut, unless --all is given; other lines wrap.

    A line with a command stays whole, for copying.
    """
    width, lines = shutil.get_terminal_size().columns, paragraph.splitlines()
    if not isinstance(paragraph, Table):
        return "\n".join(line if "minimod " in line or "  # " in line else prose(line, width) for line in lines)
    if asked("show_all") or max(map(len, lines)) <= width:
        return paragraph
    ends = (end for end in range(width - 2, 0, -1) if all(line[end : end + 1] in ("", " ", "|") for line in lines))
    end = next(ends, width - 2)
    cut = (line if len(line) <= end else f"{line[:end].rstrip()} …" for line in lines)
    return "\n".join([*cut, "(… is cut here: --all prints it.)"])


def say(line: str) -> None:
    """Print a line of progress on standard error, unless --quiet is given."""
    if not asked("quiet"):
        click.echo(line, err=True)


def prose(line: str, width: int) -> str:
    """A line of text within a width. A number and its % stay together; long words stay whole."""
    line = fill(line.replace(" %", "\0%"), width, break_long_words=False, break_on_hyphens=False)
    return line.replace("\0%", " %")


def table(rows: Iterable[Iterable[Any]], *widths: int) -> str:
    """Rows of cells as text. A column of a positive width is flush right; of a negative one, flush left."""
    places = [f">{width}" if width > 0 else f"<{-width}" for width in widths]

    def line(row: Iterable[Any]) -> str:
        return "".join(f"{cell(value):{place}}" for value, place in zip(row, places, strict=False)).rstrip()

    return Table("\n".join(map(line, rows)))


MEASURE_WIDTHS = [max(9, len(measure) + 1) for measure in MEASURES]


def brief_text(run: Run, methods: dict[str, dict[str, float]]) -> Iterator[str]:
    """What a run memorised and what it knows: sentences, the rows of BRIEF, and the row of `best_agnostic`."""
    yield in_words(run, methods)
    yield f"{title(run)}\n{rounding()}"
    yield methods_table(methods, best_agnostic(methods, labels_need(run.data)))


def rounding() -> str:
    """What the numbers of a table depend on."""
    return f"On {machine()}; other processors round otherwise."


def methods_table(methods: Mapping[str, Mapping[str, float]], best: str | None, title: str = "method") -> str:
    """The accuracies of the rows of BRIEF, and of one more row."""
    shown = [name for name in (*BRIEF, best) if name and name in methods]
    rows = [[name, *(methods[name][measure] for measure in MEASURES)] for name in shown]
    return table([[title, *MEASURES], *rows], -33, *MEASURE_WIDTHS)


def summary_text(summary: dict[str, Any]) -> Iterator[str]:
    """All of a summary in paragraphs: the rows under what they need to know, the partitions, and the typical neuron."""
    rows: list[list[Any]] = [["method", *MEASURES]]
    for needs in dict.fromkeys(summary["needs"].values()):
        rows.append([f"-- needs to know: {needs}"])
        rows += [[name, *row.values()] for name, row in summary["methods"].items() if summary["needs"][name] == needs]
    rows.append(["pairs counted", *(summary["counts"][measure] for measure in MEASURES)])
    yield table(rows, -33, *MEASURE_WIDTHS)
    yield f"chance: {summary['chance']:.4f}\n{CLEAN_VALIDATION}"

    columns = {"noisy_choice": "noisy γ_G", "noisy_choice_test": "its test", "generalising": "γ_G", "test": "test",
               "filtered_test": "filtered", "memorising": "γ_R", "sum": "γ_G + γ_R"}
    rows = [[name, *(row[key] for key in columns)] for name, row in summary["partition"].items()]
    yield table([["partition by", *columns.values()], *rows], -16, 11, 10, 7, 8, 10, 7, 11)
    rows = [[column, summary["partition_needs"][key]] for key, column in columns.items()]
    yield table([["its column", "needs to know, besides what the score does"], *rows], -16, -1)
    if "structure" in summary:
        labels = {
            "median_share": "median share of a neuron's power",
            "phase_error_rms": "phase error in rad, root mean square",
            "ideal_power_share": "share of all power in ideal neurons",
        }
        networks = ("trained", "untrained")
        rows = [[label, *(summary["structure"][each][key] for each in networks)] for key, label in labels.items()]
        yield table([[f"dominant {coordinate_of(summary['neurons'])}", *networks], *rows], -40, 10, 11)


def first_epochs_text(epochs: dict[str, float]) -> str:
    """The first measured epoch with each accuracy past the thresholds, as a table."""
    past = list(dict.fromkeys(name.rsplit("_", 1)[1] for name in epochs))
    rows = [[part.replace("_", " "), *(_epoch(epochs[f"first_epoch_{part}_{threshold}"]) for threshold in past)]
            for part in ACCURACIES if epochs]
    return table([["first measured epoch with accuracy >=", *past], *rows], -40, *[8] * len(past))


def sample_line(summary: dict[str, Any]) -> str:
    """The pairs that mask curves were counted on, if that is a sample of the pairs; else ""."""
    if "sample" not in summary:
        return ""
    sample = summary["sample"]
    return (
        "Mask curves, partitions and rows that draw at random are counted on a sample of the pairs:\n"
        f"{sample['clean']} clean, {sample['noisy']} noisy and {sample['test']} test pairs, and all"
        f" {sample['validation']} validation pairs.\nThe standard error of a share is at most"
        f" {sample['standard_error']:.3f}. All other rows count all pairs."
    )


def _epoch(epoch: float) -> str | float:
    return "never" if epoch == math.inf else epoch if math.isnan(epoch) else str(int(epoch))


def course_text(course: dict[str, Any]) -> str:
    """What `trajectory` returns, as a table: one line per snapshot."""
    names = [name.replace("_", " ").replace("dominant", "dom.").replace("interaction", "inter.") for name in course]
    rows = zip(*(column.tolist() for column in course.values()), strict=True)
    first, *others = (max(7, len(name)) for name in names)
    return table([names, *rows], first, *(width + 2 for width in others))


def group_text(found: dict[str, Any]) -> Iterator[str]:
    """The `facts` of a group, or the kind of a table, in paragraphs. Above MOST_CLASSES classes, without characters."""
    abelian = ", abelian" if found.get("abelian") else ""
    head = f"{found['name']}: {found['kind']}, of order {found['order']}{abelian}"
    if "components" not in found:
        yield head
        return
    dimensions, classes = found["dimensions"].tolist(), found["classes"]
    times = (f"{d} × {dimensions.count(d)}" for d in dict.fromkeys(dimensions))
    yield f"{head}\nirreducible complex representations by dimension: {', '.join(times)}"
    rows = [[each["name"], each["dimension"], each["size"], f"  {each['kind']}"] for each in found["components"]]
    yield table([["component", "dimension", "size", "  type"], *rows], -12, 10, 6, -1)
    if len(dimensions) > MOST_CLASSES:
        yield f"The table of its {len(dimensions)} characters is printed by --json."
        return
    rows = [["class size", *map(str, classes["size"])], ["order of elements", *map(str, classes["orders"])]]
    rows += [[f"character {i}", *map(_complex, row)] for i, row in enumerate(found["characters"].tolist(), 1)]
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    yield table(rows, -first, *(width + 2 for width in others))


def _complex(value: complex) -> str:
    """A complex number with at most three decimals."""
    real, imaginary = round(value.real, 3) + 0.0, round(value.imag, 3) + 0.0       # + 0.0 makes 0.0 of -0.0
    if not imaginary:
        return f"{real:g}"
    return f"{real:g}{imaginary:+g}i" if real else f"{imaginary:g}i"


def cell(value: float | int | str) -> str:
    """A cell of a table: a share with three decimals, nan as a dash, counts and words unchanged."""
    if not isinstance(value, float):
        return str(value)
    return "-" if math.isnan(value) else f"{value:.3f}"


@contextmanager
def progress_display(config: TrainingConfig) -> Iterator[Callback]:
    """Progress on standard error: a bar on a terminal, else one line per evaluation; nothing with --quiet."""
    if sys.stderr.isatty() and not asked("quiet"):
        fits = shutil.get_terminal_size().columns >= 80  # a line that wraps could not be drawn over

        def show(row: Metrics | None) -> str | None:
            return accuracies_line(row) if row and fits else None

        with click.progressbar(length=config.epochs, file=sys.stderr, width=10, item_show_func=show) as bar:
            yield lambda state: bar.update(state.epoch - bar.pos, state.metrics or bar.current_item)
    else:
        begun: list[tuple[int, float]] = []     # the first epoch and its time

        def tell(state: State) -> None:
            epoch, row = state.epoch, state.metrics
            begun[:] = begun or [(epoch, time.perf_counter())]
            if row:
                first, start = begun[0]
                left = time_left("  ", start, (epoch - first) / max(1, config.epochs - first))
                say(f"epoch {epoch:6d}  loss {row['loss']:.4f}  {accuracies_line(row)}{left}")

        yield tell


def with_bar(parts: Sequence[Callable[[], object]], label: str) -> None:
    """Call the parts of some work in order. On a terminal, show a bar after PATIENCE seconds."""
    begin = time.time()
    with ExitStack() as shown:
        bar = None
        for done, part in enumerate(parts, 1):
            part()
            if bar:
                bar.update(1)
            elif time.time() - begin > PATIENCE and sys.stderr.isatty() and not asked("quiet"):
                bar = shown.enter_context(click.progressbar(length=len(parts), label=label, file=sys.stderr, width=10))
                bar.start = bar.last_eta = begin        # the time left counts from the beginning of the work
                bar.update(done)


def announce_runs(number: int, yes: bool) -> None:
    """Print how many runs are asked for, before any run is read. Raises UsageError for too many."""
    if number > MANY_RUNS and not yes:
        raise click.UsageError(f"these are {number} runs; --yes trains more than {MANY_RUNS}")
    if number > MOST_RUNS:
        raise click.UsageError(f"these are {number} runs; more than {MOST_RUNS} cannot be tracked")
    say(f"{number} {'run' if number == 1 else 'runs'} in all")


@contextmanager
def stop_line(resume: str) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a line that says how to resume.

    The first signal ends the block, and its processes write their checkpoints. A second signal kills these processes.
    It raises no exception here: an exception in the wrong place would lose a semaphore.
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
            handle(signal.SIG_IGN)      # no further signal disturbs the end of the interpreter
            error = click.ClickException(f"stopped; resume with: {resume}")
            error.exit_code = 128 + cause.signal if isinstance(cause, Interrupted) else cause.code  # type: ignore
            raise error from cause


@contextmanager
def runs_display(configs: list[TrainingConfig], jobs: int | None = None) -> Iterator[WorkProgress]:
    """As `progress_display`, for many runs: how long they will probably take, then how far they are."""
    total = sum(map(work, configs))
    if configs and not asked("quiet"):
        about = duration(estimated_seconds(configs, jobs))
        say(f"{len(configs)} {'run' if len(configs) == 1 else 'runs'} to train, about {about}")
    if configs and sys.stderr.isatty() and not asked("quiet"):
        with click.progressbar(length=total, file=sys.stderr, width=10, item_show_func=lambda text: text) as bar:
            yield lambda done, text: bar.update(done, text or bar.current_item)
        return
    so_far, start = 0, time.perf_counter()

    def show(done: int, text: str | None) -> None:
        nonlocal so_far
        so_far += done
        if text:
            say(f"{so_far / total:4.0%}  {text}{time_left(', ', start, so_far / total)}")

    yield show


def time_left(before: str, start: float, share: float) -> str:
    """How long the rest will probably take, from the share that is done since `start`; "" without such a share."""
    return f"{before}{duration((time.perf_counter() - start) * (1 / share - 1))} left" if 0 < share < 1 else ""


def duration(seconds: float) -> str:
    """A length of time in seconds, minutes or hours."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} hours"


def accuracies_line(row: Metrics) -> str:
    """Four accuracies of a row of metrics, in one line."""
    columns = {"clean": "clean", "noisy": "noisy", "test": "test", "filtered": "filtered_test"}
    return " ".join(f"{name} {row[column + '_accuracy']:.2f}" for name, column in columns.items())
