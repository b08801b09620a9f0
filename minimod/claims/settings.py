"""Settings and measurements that several claims share."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from minimod.analysis.analysis import Analysis
from minimod.claims.claim import Row
from minimod.runs.config import TrainingConfig
from minimod.runs.run import Run
from minimod.sweeps.grid import configurations

# The configuration that every experiment changes. Metrics are taken only at the end of a run, unless an experiment
# needs the history. The learning rate is four times the headline's, and needs about a fourth of its epochs.
BASE = TrainingConfig(modulus=59, width=512, learning_rate=0.02, weight_decay=1, epochs=200, eval_every=10**6)


def setting(**changes: Any) -> TrainingConfig:
    """BASE with some fields changed."""
    return replace(BASE, **changes)


def runs(quick: dict[str, Any], full: dict[str, Any], **changes: Any) -> Callable[[str], list[TrainingConfig]]:
    """A function from a scale to its configurations: BASE with the fields of `quick` or of `full`, and of `changes`.

    A list stands for several values of the field. The function returns all combinations. The field that is named last
    varies fastest.
    """
    def configs(scale: str) -> list[TrainingConfig]:
        values = (quick if scale == "quick" else full) | changes
        grid = {name: value for name, value in values.items() if isinstance(value, list)}
        fixed = {name: value for name, value in values.items() if name not in grid}
        return configurations(setting(**fixed), grid, seeds=1)

    return configs


# Adam with a little weight decay in the gradient. Then the largest weights of the neurons differ, and a norm can rank
# the neurons.
L2: dict[str, Any] = {"optimizer": "adam", "learning_rate": 5e-3, "weight_decay": 1e-4, "epochs": 480}

# The control for statements about learned features: U and V stay as drawn, and W and μ alone fit every label.
FROZEN: dict[str, Any] = {
    "trained": "output", "optimizer": "adam", "learning_rate": 0.05, "weight_decay": 0.0, "epochs": 240,
}

# What an experiment says about a share of neurons that is chosen on validation pairs with their true labels.
CLEAN = (
    "chosen on clean validation pairs. These pairs alone determine the whole rule. At modulus 59 they are 348 pairs, "
    "and `v = make_dataset(make_rule('add', 59)).validation; discover(v.a, v.b, v.label)` finds the rule."
)


def network_of(config: TrainingConfig) -> str:
    """What a run trains, in a word: "trained" (everything), "frozen" (the output) or "frozen output" (the input)."""
    return {"all": "trained", "output": "frozen", "input": "frozen output"}[config.trained]


# `runs` at the size of most claims.
middle_runs = partial(runs, {"modulus": 59, "width": 512}, {"modulus": 113, "width": 1024})


def all_of(*several: Callable[[str], list[TrainingConfig]]) -> Callable[[str], list[TrainingConfig]]:
    """A function from a scale to the configurations of several such functions, one after the other."""
    return lambda scale: [config for configs in several for config in configs(scale)]


def method_rows(run: Run, *names: str) -> list[Row]:
    """The accuracies of the rows of `analyze` with these names, or of all rows that apply."""
    with Analysis(run) as analysis:
        accuracies = {name: analysis.row(name)._asdict() for name in names or analysis.needs}
    return [{"noise_ratio": run.config.noise_ratio, "method": name, **row} for name, row in accuracies.items()]


def read(measured: Run | Analysis, *columns: str) -> Row:
    """Accuracies on a run. A column such as "dominant+quadratic test" names a row of `analyze` and a measure."""
    if isinstance(measured, Run):
        with Analysis(measured) as analysis:
            return read(analysis, *columns)
    wanted = [column.rsplit(maxsplit=1) for column in columns]
    rows = {name: measured.row(name) for name in dict.fromkeys(name for name, _ in wanted)}
    return {f"{name} {measure}": getattr(rows[name], measure) for name, measure in wanted}


def reading(keys: tuple[str, ...], *columns: str) -> Callable[[Run], list[Row]]:
    """A `measure` that gives one row: the keys, and the columns by `read`.

    A key is a field of the configuration, or "network" for `network_of` the configuration.
    """
    def row(run: Run) -> Row:
        fields = vars(run.config) | {"network": network_of(run.config)}
        return {key: fields[key] for key in keys} | read(run, *columns)

    return lambda run: [row(run)]
