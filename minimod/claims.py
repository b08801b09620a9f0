"""Claims of the paper as experiments: a configuration, and a rule for the verdict, written down before looking."""

from dataclasses import dataclass
from pathlib import Path

from minimod.config import PRESETS, TrainingConfig
from minimod.errors import InputError
from minimod.runs import Run, discard_unfinished, load_run
from minimod.training import Progress, train


@dataclass(frozen=True)
class Criterion:
    """A bound on one method's accuracy in one measure of the summary."""

    method: str
    measure: str
    relation: str              # "at least" or "at most"
    bound: float

    def value(self, summary: dict) -> float:
        """The accuracy that the bound is on."""
        return summary["methods"][self.method][self.measure]

    def holds(self, summary: dict) -> bool:
        """Whether a run's summary meets the bound."""
        value = self.value(summary)
        return value >= self.bound if self.relation == "at least" else value <= self.bound


@dataclass(frozen=True)
class Claim:
    """A statement that holds if the run of its configuration meets every criterion, with every seed tried."""

    statement: str
    config: TrainingConfig
    criteria: tuple[Criterion, ...]

    def holds(self, summaries: list[dict]) -> bool:
        """The verdict on the summaries of the runs, one a seed."""
        return all(criterion.holds(summary) for summary in summaries for criterion in self.criteria)


CLAIMS = {
    "headline": Claim(
        "A network fits all of its training labels, 80 % of them wrong, and answers held-out pairs at chance. "
        "Keeping one frequency per neuron, it answers almost all of them; all the rest still knows the noise.",
        PRESETS["headline"],
        (
            Criterion("raw", "clean", "at least", 0.99),
            Criterion("raw", "noisy", "at least", 0.99),
            Criterion("raw", "test", "at most", 0.05),
            Criterion("dominant", "test", "at least", 0.99),
            Criterion("residual", "noisy", "at least", 0.95),
        ),
    ),
}


def finished_run(config: TrainingConfig, directory: Path, progress: Progress | None = None) -> Run:
    """The run of this configuration in the directory: loaded if it has finished, else trained from the start.

    Raises InputError if the directory holds anything but a run of this configuration.
    """
    discard_unfinished(directory, config)
    if not directory.exists() or not any(directory.iterdir()):
        return train(config, directory, progress)
    run = load_run(directory)
    if run.config != config:
        raise InputError("run directory", str(directory), "a run of the claim's own configuration")
    return run
