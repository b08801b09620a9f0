"""Which device there is, and the functions whose name depends on the library that an array is of.

The mathematics in this package is written once, with `np.` functions and operators. NumPy hands a call to the array's
own library (NEP 13, NEP 18 and NEP 35), so the same line runs on NumPy and on CuPy arrays, and mixing the two raises
at once. What is left to decide lies here and in backend.py; no other module imports cupy.
"""

import logging
import os
from functools import cache
from typing import Any

import numpy as np

NO_CUPY = "CuPy is not installed (pip install 'minimod[gpu]')"


def available_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def gpu_problem() -> str | None:
    """Why no GPU can be used, or None where one can. CuPy imports without a GPU: installed is not yet usable."""
    try:
        import cupy
    except ImportError:
        return NO_CUPY
    try:
        float((cupy.ones((2, 2)) @ cupy.ones((2, 2))).sum())
    except Exception as error:  # a missing driver, device, compiler or library: CuPy has an error of its own for each
        return f"CuPy {cupy.__version__} is installed but cannot use a GPU ({str(error).splitlines()[0]})"
    return None


@cache
def warn_once(message: str) -> None:
    """Log a warning, the first time that it is given."""
    logging.getLogger(__name__).warning(message)


def to_host(array: Any) -> np.ndarray:
    """The array in the host's memory: itself if it is NumPy's, else a copy."""
    return array if isinstance(array, np.ndarray) else array.get()


def erf(Z: Any) -> Any:
    """The error function of an array of either library, element by element."""
    if isinstance(Z, np.ndarray):
        from scipy import special
    else:
        from cupyx.scipy import special
    return special.erf(Z)
