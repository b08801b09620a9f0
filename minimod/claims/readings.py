"""Numbers of a run, as the rows of a claim's table have them."""

from collections.abc import Callable
from pathlib import Path

from minimod.claims.claim import Row
from minimod.claims.settings import network_of
from minimod.store.runs import Run
from minimod.study import Analysis, open_analysis


def method_rows(run: Run) -> list[Row]:
    """A row for every method of `analyze`."""
    with open_analysis(run) as study:
        return [{"noise_ratio": run.config.noise_ratio, "method": name, **row} for name, row in study.methods.items()]


def read(run: Run, *columns: str) -> Row:
    """Accuracies on a run, by columns such as "dominant+quadratic test": a row of `analyze` and a measure."""
    with open_analysis(run) as study:
        return read_from(study, *columns)


def read_from(study: Analysis, *columns: str) -> Row:
    """As `read`, of an analysis that is open."""
    wanted = [column.rsplit(maxsplit=1) for column in columns]
    measured = {name: study.row(name) for name in dict.fromkeys(name for name, _ in wanted)}
    return {f"{name} {measure}": measured[name][measure] for name, measure in wanted}


def reading(keys: tuple[str, ...], *columns: str) -> Callable[[Run], list[Row]]:
    """A measurement of one row: fields of the configuration, network as `network_of` it, and `read` of the columns."""
    def row(run: Run) -> Row:
        fields = vars(run.config) | {"network": network_of(run.config)}
        return {key: fields[key] for key in keys} | read(run, *columns)

    return lambda run: [row(run)]


def beside(run: Run, name: str) -> Path | None:
    """Where a claim keeps the networks that it trains from a run; None for a run that is in memory."""
    return run.directory and run.directory.parents[1] / "rounds" / run.directory.name / name
