"""The command that tells what minimod runs on."""

from typing import Any

import click

from minimod.cli.display import echo_json
from minimod.cli.options import OnceEach, json_option
from minimod.engine.device import available_cores, gpu_problem
from minimod.version import VERSION


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
        echo_json(facts)
        return
    for name, value in facts.items():
        click.echo(f"{name:14}{value}")
