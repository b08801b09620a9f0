"""What minimod runs on, for `minimod --version`."""

from importlib.metadata import version
from platform import platform, python_version
from typing import Any

from minimod.engine.device import available_cores, blas_libraries, gpu_problem, machine


def facts() -> dict[str, Any]:
    """Versions, BLAS, threads, array module, and whether there is a GPU to use, or why not."""
    problem = gpu_problem()
    found: dict[str, Any] = {"Python": python_version(), "platform": platform()}
    found |= {name: version(name) for name in ("numpy", "scipy", "click", "matplotlib")}
    for library in blas_libraries().info():
        found["BLAS"] = f"{library['internal_api']} {library['version']}, {library['num_threads']} threads"
    found |= {"threads": available_cores(), "machine": machine(), "array module": "numpy" if problem else "cupy"}
    return found | {"GPU": f"no: {problem}" if problem else "yes"}
