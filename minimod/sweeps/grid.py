"""The grid of a sweep: fields of the configuration, and the values of each field."""

import itertools
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minimod.errors import InputError, one_of
from minimod.groups.rules import table_path
from minimod.runs.config import CONSTRAINTS, FREE_FIELDS, PRESETS, RENAMED, TrainingConfig
from minimod.runs.constraints import Interval
from minimod.runs.data import UserData, load_table, warn_if_changed, with_modulus
from minimod.runs.files import read_bytes

Grid = dict[str, list[Any]]
Tables = Mapping[str, np.ndarray]       # rule -> the labels of its table, of shape (P, P)
NO_TABLES: Tables = {}

# A definition is {"preset", "seeds", "grid"}. The defaults, if a file leaves them out:
DEFAULTS: dict[str, Any] = {"preset": "default", "seeds": 1, "grid": {}}

MAX_TOML_BYTES = 10**6      # a longer file is refused before it is read
MAX_VALUES = 10**6


def parse_grid(axes: Iterable[str], option: str = "grid") -> Grid:
    """The grid of texts such as "width=64,128", which were given to an option of this name.

    Raises InputError as `parse_values` does, and for a field that is given twice.
    """
    grid: Grid = {}
    for axis in axes:
        name, _, text = axis.partition("=")
        if name in grid:
            raise InputError(option, axis, f"given once for {name}, with all of its values, as {name}=FIRST,SECOND")
        grid[name] = parse_values(name, text, option)
    return grid


def parse_values(name: str, text: str, option: str = "grid") -> list[Any]:
    """The values in 64,128,256 or 0:0.9:0.1, with both ends. Raises InputError, also as `checked_values` does."""
    _check_name(name, option)
    is_range = ":" in text and isinstance(CONSTRAINTS[name], Interval)
    try:
        if is_range:
            first, last, step = map(float, text.split(":"))
            count = math.floor((last - first) / step + 1e-9) + 1
            if not 1 <= count <= MAX_VALUES:
                raise ValueError(f"{count} values")
            values: list[Any] = [float(f"{first + i * step:.12g}") for i in range(count)]
        else:
            values = re.split(r",(?![^(]*\))", text)            # not inside parentheses: SL(2,5)
            if not all(each.strip() for each in values):
                raise ValueError("nothing between commas")
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        allowed = f"values such as 64,128,256 or FIRST:LAST:STEP, at most {MAX_VALUES}"
        raise InputError(f"{option} {name}", text, allowed) from error
    return checked_values(name, values, CONSTRAINTS[name].check if is_range else CONSTRAINTS[name].read, option)


def checked_values(
    name: str, values: list[Any], check: Callable[[Any], Any] | None = None, option: str = "grid"
) -> list[Any]:
    """The values of a field, each in its own type.

    Raises InputError for a field that is unknown or changes no result, and for missing, wrong or repeated values.
    """
    _check_name(name, option)
    if not values:
        raise InputError(f"{option} {name}", values, "at least one value")
    checked = []
    for value in values:
        try:
            checked.append((check or CONSTRAINTS[name].check)(value))
        except ValueError as error:
            raise InputError(f"{option} {name}", value, str(CONSTRAINTS[name])) from error
    (most_often, times), = Counter(checked).most_common(1)
    if times > 1:
        raise InputError(f"{option} {name}", most_often, f"given once, not {times} times")
    return checked


def _check_name(name: str, option: str) -> None:
    """Raise InputError for an unknown field, and for a field that changes no result."""
    allowed = [field for field in CONSTRAINTS if field not in FREE_FIELDS]
    if name not in allowed:
        raise InputError(option, name, one_of(allowed, name))


def stored_definition(stored: dict[str, Any]) -> dict[str, Any]:
    """The definition in a sweep.json, with today's names: earlier versions had other names for fields and presets."""
    definition: dict[str, Any] = stored["definition"]
    if "minimod" not in stored and definition["preset"] == "headline":      # the headline was the defaults until 0.3.0
        definition = definition | {"preset": "default"}
    return definition | {"grid": {RENAMED.get(name, name): axis for name, axis in definition["grid"].items()}}


def with_tables(definition: dict[str, Any], copies: Tables) -> Tables:
    """Rule -> table, of shape (P, P): a sweep's copies, and the tables in the files of the definition's other rules.

    Warns if a file has another table than the copy. Raises InputError for a file that holds no table.
    """
    tables = dict(copies)
    for rule in definition["grid"].get("rule", ()):
        path = table_path(rule)
        if path and rule not in copies:
            tables[rule] = load_table(path)
        elif path and path.exists():
            warn_if_changed(path, copies[rule], "sweep")
    return tables


def values_of(definition: dict[str, Any], tables: Tables) -> dict[str, Collection[Any]]:
    """Field of the configuration -> the values that it takes in the runs of a definition."""
    base, grid = TrainingConfig.from_preset(definition["preset"]), definition["grid"]
    values: dict[str, Collection[Any]] = {"seed": range(definition["seeds"])}
    values |= {name: {CONSTRAINTS[name].check(each) for each in axis} for name, axis in grid.items()}
    moduli = {_sized(base.changed(rule=rule), tables).modulus for rule in values.get("rule", (base.rule,))}
    return {name: (value,) for name, value in vars(base).items()} | {"modulus": moduli} | values


def number_of_runs(definition: dict[str, Any], tables: Tables = NO_TABLES) -> int:
    """The number of configurations of a definition, without making them."""
    values = values_of(definition, tables)
    return math.prod(len(values[name]) for name in {*definition["grid"], "seed"})


def configurations(
    base: TrainingConfig, grid: Grid, seeds: int, tables: Tables = NO_TABLES
) -> list[TrainingConfig]:
    """All combinations of the grid's values, in `base`, for seeds 0 .. seeds - 1. Each configuration comes once."""
    axes = grid if "seed" in grid else grid | {"seed": [*range(seeds)]}
    configs = (base.changed(**dict(zip(axes, each, strict=True))) for each in itertools.product(*axes.values()))
    return list(dict.fromkeys(_sized(config, tables) for config in configs))


def _sized(config: TrainingConfig, tables: Tables) -> TrainingConfig:
    """The configuration with its modulus. If the rule is a table, its size is the modulus."""
    return with_modulus(config, UserData(table=tables.get(config.rule)))


def load_definition(path: Path) -> dict[str, Any]:
    """The definition of a sweep in a TOML file. Raises InputError if the file holds no definition."""
    content = _load_toml(path)
    for name in content:
        if name not in DEFAULTS:
            raise InputError(f"{path}: key", name, one_of(DEFAULTS, name))
    definition = DEFAULTS | content
    preset, seeds, grid = definition["preset"], definition["seeds"], definition["grid"]
    if not (isinstance(preset, str) and preset in PRESETS):
        raise InputError(f"{path}: preset", preset, one_of(PRESETS, preset))
    if type(seeds) is not int or seeds < 1:
        raise InputError(f"{path}: seeds", seeds, "a whole number of at least 1")
    if not isinstance(grid, dict):
        raise InputError(f"{path}: grid", grid, "a table of fields and their values")
    if not grid and content.keys() <= {"grid"}:
        raise InputError("file", str(path), "a file that says what to train, in a table [grid]")
    if "seeds" in content and "seed" in grid:
        raise InputError(f"{path}: seeds", seeds, "left out if the grid has seed")
    return definition | {"grid": {
        name: checked_values(name, each) if isinstance(each, list) else parse_values(name, str(each))
        for name, each in grid.items()
    }}


def _load_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_bytes(path, MAX_TOML_BYTES).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError("file", str(path), "a TOML file in UTF-8: save it in that encoding") from error
    except (ValueError, RecursionError) as error:
        raise InputError("file", str(path), f"a TOML file ({error})") from error
