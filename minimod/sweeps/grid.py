"""The grid of a sweep: fields of the configuration and the values that each is to take."""

import itertools
import math
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from minimod.config import CONSTRAINTS, FREE_FIELDS, TrainingConfig
from minimod.errors import InputError, one_of

Grid = dict[str, list[Any]]


def parse_values(name: str, text: str) -> list[Any]:
    """The values of a field from text: "64,128,256", or "0:0.9:0.1" for 0, 0.1, ..., 0.9, both ends included.

    Raises InputError for an unknown field, for one that changes no result, and for values that are not allowed.
    """
    _check_name(name)
    try:
        if ":" in text:
            first, last, step = map(float, text.split(":"))
            count = math.floor((last - first) / step + 1e-9) + 1
            if not 1 <= count <= 10**6:
                raise ValueError(f"{count} values")
            values: list[Any] = [float(f"{first + i * step:.12g}") for i in range(count)]
        else:
            values = [CONSTRAINTS[name].parse(part) for part in text.split(",")]
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise InputError(f"grid {name}", text, "values as 64,128,256 or FIRST:LAST:STEP") from error
    return [getattr(TrainingConfig(**{name: value}), name) for value in values]


def _check_name(name: str) -> None:
    """Raise InputError for an unknown field, and for one that changes no result."""
    allowed = [field for field in CONSTRAINTS if field not in FREE_FIELDS]
    if name not in allowed:
        raise InputError("grid", name, one_of(allowed, name))


def configurations(base: TrainingConfig, grid: Grid, seeds: int) -> list[TrainingConfig]:
    """The product of the grid's values over `base`, for seeds 0 .. seeds - 1, each once."""
    names = [*grid, "seed"] if "seed" not in grid else [*grid]
    values = [*grid.values(), range(seeds)] if "seed" not in grid else [*grid.values()]
    configs = (replace(base, **dict(zip(names, each, strict=True))) for each in itertools.product(*values))
    return list(dict.fromkeys(configs))


def load_definition(path: Path) -> dict[str, Any]:
    """The definition of a sweep in a TOML file. Raises InputError if it is not one."""
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError("file", str(path), f"a TOML file ({error})") from error
    definition: dict[str, Any] = {"preset": "headline", "seeds": 1, "grid": {}} | content
    kinds = {"preset": str, "seeds": int, "grid": dict}
    if {name: type(value) for name, value in definition.items()} != kinds:
        raise InputError("file", str(path), "one with preset, seeds, and a table grid, and nothing else")
    if definition["seeds"] < 1:
        raise InputError("seeds", definition["seeds"], "a whole number of at least 1")
    for name in definition["grid"]:
        _check_name(name)
    definition["grid"] = {
        name: values if isinstance(values, list) else parse_values(name, str(values))
        for name, values in definition["grid"].items()
    }
    return definition
