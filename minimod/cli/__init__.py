"""The Click commands, by theme. A command parses, calls, and prints; it holds nothing that Python callers need."""

import csv
import os
import sys
from concurrent.futures import BrokenExecutor
from importlib import import_module

import click

from minimod.cli.streams import prepare_streams
from minimod.errors import DivergenceError, InputError, Interrupted, one_of
from minimod.runs.signals import end, end_at_once, handled
from minimod.version import VERSION

# Command -> the module that has it, its function there, and the first line of its help.
COMMANDS = {
    "analyze": ("runs", "analyze", "Take a trained network apart."),
    "check": ("runs", "check", "Tell the state of a run: finished, unfinished, diverged, damaged, or none."),
    "detect": ("runs", "detect", "Tell which training labels are wrong."),
    "discover": ("discovery", "discover", "Find the rule from labels or answers alone."),
    "export": ("elsewhere", "export", "Write a run's network for others."),
    "extract": ("runs", "extract", "Train on a network's own answers."),
    "group": ("elsewhere", "group", "Describe a group, or a table of your own."),
    "import": ("elsewhere", "import_network", "Make a run of a network that was trained elsewhere."),
    "plot": ("sweeps", "plot", "Draw a column of a sweep's table over another."),
    "report": ("report", "report", "Make a page of a run, of two runs, of a sweep, or of measured claims."),
    "reproduce": ("reproduce", "reproduce", "Measure claims of the paper."),
    "sweep": ("sweeps", "sweep", "Train a grid of runs, into SWEEP_DIR."),
    "train": ("runs", "train", "Train a network, into RUN_DIR."),
}

SECTIONS = {
    "Start": ("reproduce", "train", "check"),
    "Take a run apart": ("analyze", "report", "discover", "extract", "detect"),
    "Bring your own": ("import", "export", "group"),
    "Many runs": ("sweep", "plot"),
}


class _Commands(click.Group):
    """A group that imports a command when the command is called. Its help shows stubs, so it needs no NumPy."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by SECTIONS."""
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name][-1]) for name in names])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, *rest = args
        if name in COMMANDS:
            module, function, _ = COMMANDS[name]
            with handled(end_at_once):
                return name, getattr(import_module(f"minimod.cli.{module}"), function), rest
        if ctx.resilient_parsing:       # during tab completion, the line may be incomplete
            return None, None, rest
        raise InputError("command", name, one_of(COMMANDS, name))


STUBS = {name: click.Command(name, short_help=line) for name, (*_, line) in COMMANDS.items()}


def _tell_version(context: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        with handled(end_at_once):
            from minimod.cli.display import table
            from minimod.cli.info import facts
        click.echo(f"minimod, version {VERSION}\n{table(facts().items(), -14, -1)}")
        context.exit()


@click.group(cls=_Commands, commands=STUBS, context_settings={"max_content_width": 100}, invoke_without_command=True)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_version,
              help="Show the version and what minimod runs on, and exit.")
@click.pass_context
def commands(context: click.Context) -> None:
    """Train two-layer networks on modular arithmetic with wrong labels, and extract the rule that they learned."""
    os.environ["MPLBACKEND"] = "agg"  # figures go to files; a notebook's shell may name a backend that is missing
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line. A foreseeable error is one line on standard error and an exit status, not a traceback.

    2: something to correct in the command; 1: the run failed; 130: Ctrl-C; 143: SIGTERM; 129: SIGHUP.
    """
    prepare_streams()
    with handled(end):
        try:
            sys.exit(commands.main(prog_name="minimod", standalone_mode=False))
        except InputError as error:
            from minimod.cli.advice import refusal

            message, status = refusal(error), 2
        except click.ClickException as error:
            message, status = error.format_message(), error.exit_code
        except click.Abort:
            message, status = "interrupted", 130
        except Interrupted as stop:
            from minimod.cli.advice import resume_command

            message, status = f"{stop}; resume with: {resume_command(stop.directory)}", 128 + stop.signal
        except DivergenceError as error:
            message, status = str(error), 1
        except (OSError, MemoryError, ImportError, UnicodeError, BrokenExecutor, csv.Error) as error:
            message, status = f"cannot go on: {str(error) or type(error).__name__}", 1
        except Exception as error:
            from minimod.engine.device import first_line, is_gpu_error

            if is_gpu_error(error):
                message, status = f"cannot go on: the GPU failed ({first_line(error)})", 1
            elif "can't start new thread" in str(error):
                message, status = "cannot go on: no memory for another thread", 1
            else:
                raise
        click.echo(f"minimod: {message}", err=True)
        sys.exit(status)
