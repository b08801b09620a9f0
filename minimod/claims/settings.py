"""Settings and readings that several claims share."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from minimod.analysis.analysis import Analysis
from minimod.claims.claim import Row
from minimod.runs.config import TrainingConfig
from minimod.runs.run import Run
from minimod.sweeps.grid import configurations

# Every experiment says what it changes of this. Runs are measured at their end alone, unless the history is wanted.
# Four times the headline's learning rate takes about a fourth of its epochs.
BASE = TrainingConfig(modulus=59, width=512, learning_rate=0.02, weight_decay=1, epochs=200, eval_every=10**6)


def setting(**changes: Any) -> TrainingConfig:
    """BASE with some fields changed."""
    return replace(BASE, **changes)


def runs(quick: dict[str, Any], full: dict[str, Any], **changes: Any) -> Callable[[str], list[TrainingConfig]]:
    """BASE with some fields changed, those of one dictionary according to the scale; a list stands for each of it.

    Gives all combinations, those of the field that is named last next to each other.
    """
    def configs(scale: str) -> list[TrainingConfig]:
        values = (quick if scale == "quick" else full) | changes
        grid = {name: value for name, value in values.items() if isinstance(value, list)}
        fixed = {name: value for name, value in values.items() if name not in grid}
        return configurations(setting(**fixed), grid, seeds=1)

    return configs


# Adam with a little weight decay in the gradient: the largest weights of neurons differ, and a norm can rank them.
L2: dict[str, Any] = {"optimizer": "adam", "learning_rate": 5e-3, "weight_decay": 1e-4, "epochs": 480}

# The control for whatever is said of features: U and V stay as drawn, and W and μ fit every label.
FROZEN: dict[str, Any] = {
    "trained": "output", "optimizer": "adam", "learning_rate": 0.05, "weight_decay": 0.0, "epochs": 240,
}

# What every experiment says of a share of neurons that is chosen on validation pairs with their true labels.
CLEAN = (
    "chosen on clean validation pairs. These hold the whole rule by themselves: of modulus 59 they are 348, and "
    "`v = make_dataset(make_rule('add', 59)).validation; discover(v.a, v.b, v.label)` finds it."
)


def network_of(config: TrainingConfig) -> str:
    """What is trained of it, in a word."""
    return {"all": "trained", "output": "frozen", "input": "frozen output"}[config.trained]


# `runs` at the size of most claims.
middle_runs = partial(runs, {"modulus": 59, "width": 512}, {"modulus": 113, "width": 1024})


def all_of(*several: Callable[[str], list[TrainingConfig]]) -> Callable[[str], list[TrainingConfig]]:
    """The runs of several `runs`, one after the other."""
    return lambda scale: [config for configs in several for config in configs(scale)]


def method_rows(run: Run, *names: str) -> list[Row]:
    """The accuracies of these rows of `analyze`, or of all that apply."""
    with Analysis(run) as analysis:
        accuracies = {name: analysis.row(name)._asdict() for name in names or analysis.needs}
    return [{"noise_ratio": run.config.noise_ratio, "method": name, **row} for name, row in accuracies.items()]


def read(measured: Run | Analysis, *columns: str) -> Row:
    """Accuracies on a run, by columns such as "dominant+quadratic test": a row of `analyze` and a measure."""
    if isinstance(measured, Run):
        with Analysis(measured) as analysis:
            return read(analysis, *columns)
    wanted = [column.rsplit(maxsplit=1) for column in columns]
    rows = {name: measured.row(name) for name in dict.fromkeys(name for name, _ in wanted)}
    return {f"{name} {measure}": getattr(rows[name], measure) for name, measure in wanted}


def reading(keys: tuple[str, ...], *columns: str) -> Callable[[Run], list[Row]]:
    """A measurement of one row: fields of the configuration, network as `network_of` it, and `read` of the columns."""
    def row(run: Run) -> Row:
        fields = vars(run.config) | {"network": network_of(run.config)}
        return {key: fields[key] for key in keys} | read(run, *columns)

    return lambda run: [row(run)]
