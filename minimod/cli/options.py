"""Options that commands share: one for every field of the configuration, and their types."""

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import Field, fields
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from minimod.cli.display import MANY_RUNS, OUTPUT_FLAGS, Answer, show
from minimod.errors import InputError, one_of
from minimod.exchange.pairs import REPEATS
from minimod.runs.config import CONSTRAINTS, TrainingConfig
from minimod.runs.constraints import Boolean, Constraint, Interval

AnyCommand = Callable[..., Any]

# Options that are no fields of the configuration, but have errors.
OTHERS = ("noise_matrix", "folds", "threshold", "pairs", "map", "layout", "epoch", "checkpoint_every")

PATH = click.Path(path_type=Path)
OLD_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
FILE, DIRECTORY = click.Path(path_type=Path, dir_okay=False), click.Path(path_type=Path, file_okay=False)

run_argument = click.argument("run_dir", type=PATH)
all_option = click.option("--all", "show_all", is_flag=True, help="Print all rows and columns, however wide.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress on standard error.")
repeats_option = click.option("--repeats", type=click.Choice(REPEATS),
                              help="Pairs may come with several labels: take the commonest, and drop ties.")
yes_option = click.option("--yes", is_flag=True, help=f"Train more than {MANY_RUNS} runs.")


def json_option(command: AnyCommand) -> AnyCommand:
    """Add --json and --all: what a command prints fits the terminal, and these have the rest."""
    return all_option(click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command))


class OnceEach(click.Command):
    """A command that prints its Answer. It refuses an option that is given twice; Click would drop the first value.

    excludes: options that exclude others: the flag, the reason, and the other flags.
    sections: title -> the names of the options that its help shows under this title; other options come last.
    """

    def __init__(
        self, *args: Any, excludes: Iterable[tuple[str, str, Collection[str]]] = (),
        sections: Mapping[str, Collection[str]] = MappingProxyType({}), **settings: Any,
    ):
        super().__init__(*args, **settings)
        self.excludes, self.sections = excludes, sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by sections."""
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        records = {each.name: record for each in options if (record := each.get_help_record(ctx))}
        for title, names in [*self.sections.items(), ("Options", [*records])]:
            if shown := [records.pop(name) for name in names if name in records]:
                with formatter.section(title):
                    formatter.write_dl(shown)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As in Click. Raises UsageError for options that exclude each other, and InputError for an unknown option."""
        try:
            values, _, given = self.make_parser(ctx).parse_args(args=list(args))
        except click.NoSuchOption as error:
            known = (flag for param in self.get_params(ctx) for flag in param.opts + param.secondary_opts)
            names = {flag.strip("-").replace("-", "_"): flag for flag in known if flag.startswith("-")}
            allowed = one_of(names, error.option_name.strip("-"))
            allowed = re.sub(r"\w+", lambda word: names.get(word[0], word[0]), allowed)
            raise InputError("option", error.option_name, allowed) from error
        # During tab completion, the line may be incomplete.
        options = [each for each in given if isinstance(each, click.Option) and not ctx.resilient_parsing]
        for option in options:
            if not option.multiple and options.count(option) > 1:
                raise click.UsageError(f"{' or '.join(option.opts + option.secondary_opts)} is given twice")
        flags = [(each.secondary_opts if values[each.name] is False else each.opts)[0] for each in options]
        for flag, why, others in self.excludes:
            for other in others:
                if flag in flags and other in flags:
                    raise click.UsageError(f"{flag} {why}: it goes without {other}")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> int:
        """Call the command's function, and print the Answer that it returns. Returns the exit status.

        The function does not get the flags about output. Printing reads them by `display.asked`.
        """
        ctx.obj = {flag: ctx.params.pop(flag, False) for flag in OUTPUT_FLAGS}
        logging.getLogger("minimod").setLevel(logging.ERROR if ctx.obj["quiet"] else logging.WARNING)
        answer: Answer | None = super().invoke(ctx)
        if answer is None:
            return 0
        show(answer)
        return answer.status


def flag_of(name: str) -> str:
    """A name as the command line spells it, if there is an option of this name; else the name."""
    return "--" + name.replace("_", "-") if name in (*CONSTRAINTS, *OTHERS) else name


def field_options(names: Collection[str]) -> Callable[[AnyCommand], AnyCommand]:
    """Add options for these fields of TrainingConfig. An option that is not given is None."""
    def add(command: AnyCommand) -> AnyCommand:
        for option in reversed(fields(TrainingConfig)):
            if option.name in names:
                command = _option(option)(command)
        return command

    return add


def _option(option: Field[Any]) -> Callable[[AnyCommand], AnyCommand]:
    constraint, flag, help = CONSTRAINTS[option.name], flag_of(option.name), option.metadata["help"]
    default = constraint.none or option.default
    if isinstance(constraint, Boolean):
        flag += f"/--no-{option.name}"
    if isinstance(default, tuple):
        default = " ".join(map(str, default))
    if constraint.domain:
        help += f"; in {constraint.domain}"
    return click.option(flag, option.name, type=constraint, default=None, help=f"{help} [default: {default}]")


class EpochsOrSeconds(Constraint):
    """A number of epochs, or a number of seconds that ends in s."""

    name, allowed = "epochs or seconds", "a number of epochs, as 500, or of seconds, as 30s"

    def read(self, text: str) -> int | timedelta:
        """An int for epochs, a timedelta for seconds. Raises ValueError."""
        if text.endswith("s"):
            return timedelta(seconds=Interval(float, 0, 1e9, open=0).read(text[:-1]))
        return int(Interval(int, 1).read(text))
