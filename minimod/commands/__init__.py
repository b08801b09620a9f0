"""The Click commands, a theme a file: parse, call, print. Whatever a Python caller would need is elsewhere."""

import csv
import os
import signal
import sys
from concurrent.futures import BrokenExecutor
from typing import Any

import click

from minimod import display
from minimod.advice import advice, resume_command
from minimod.commands import discovery, elsewhere, many, report, runs
from minimod.engine.device import available_cores, first_line, gpu_problem, is_gpu_error
from minimod.errors import DivergenceError, InputError, Interrupted
from minimod.interrupts import STOPS
from minimod.options import OnceEach, flag_of, json_option
from minimod.version import VERSION


@click.group(context_settings={"max_content_width": 100}, invoke_without_command=True)
@click.version_option(VERSION)
@click.pass_context
def commands(context: click.Context) -> None:
    """Train two-layer networks on modular arithmetic with corrupted labels, and take out the rule they learned."""
    os.environ["MPLBACKEND"] = "agg"  # figures go to files; a notebook's shell may name a backend that is missing
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@click.command(cls=OnceEach)
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


for command in (
    runs.train, runs.analyze, runs.extract, runs.detect, runs.check, discovery.discover, many.reproduce, many.sweep,
    many.plot, report.report, elsewhere.import_network, elsewhere.export, elsewhere.group, info,
):
    commands.add_command(command)


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
