"""What there is to measure on one run: methods, controls and partitions, each computed when asked for, and once."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from minimod.analysis.filtration import predict_kept, random_component
from minimod.analysis.masking import Chosen, Curves, mask_curves, memorising_share, random_rankings
from minimod.analysis.methods import METHODS, Method, applicable, predict_ensemble, whole
from minimod.analysis.scores import COORDINATES, RULE, SCORES, needs_components
from minimod.analysis.structure import Structure
from minimod.arrays import random_stream
from minimod.engine.backend import Backend, open_backend
from minimod.engine.predict import predict, predict_table
from minimod.errors import InputError
from minimod.network import TwoLayerNet
from minimod.rules import Rule
from minimod.runs.accuracy import accuracies, mean_accuracies, share
from minimod.runs.run import Run, initial_network

RANDOM_DRAWS = 10       # of frequencies, of which the control is the mean


@contextmanager
def open_analysis(run: Run, by: str = "joint", threads: int | None = None) -> Iterator["Analysis"]:
    """The analysis of a run, on so many CPU threads (None: as it was trained) until the `with` block ends."""
    with open_backend("cpu", threads or run.config.threads) as backend:
        yield Analysis(run, by, run.dataset.rule, backend)


def measure_methods(
    run: Run, names: Iterable[str] | None = None, threads: int | None = None
) -> dict[str, dict[str, float]]:
    """The accuracies of some rows of `analyze` on a run, by name; None: of all METHODS without a mask that apply."""
    with open_analysis(run, threads=threads) as study:
        names = whole(applicable(run.network.activation, study.rule)) if names is None else names
        return {name: study.row(name) for name in names}


@dataclass(frozen=True, eq=False)
class Analysis:
    """What there is to measure on a run, in a rule's components. Each part is computed when asked for, and once."""

    run: Run
    by: str
    rule: Rule
    backend: Backend
    _curves: dict[Any, Curves] = field(default_factory=dict, init=False, repr=False)      # by mask, part and activation

    @cached_property
    def structure(self) -> Structure:
        """The structure of the trained network."""
        return Structure(self.run.network, self.rule, self.by)

    @cached_property
    def untrained(self) -> Structure:
        """That of the network before training, a control."""
        return Structure(initial_network(self.run.config), self.rule, self.by)

    @property
    def has_components(self) -> bool:
        """Whether the rule splits the weights into components."""
        return bool(self.rule.has_components.any())

    @cached_property
    def _chosen_at_random(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Rankings, and components of the neurons: drawn in this order from one stream."""
        generator = random_stream(self.run.config.seed, "control")
        rankings = random_rankings(self.run.network.width, generator)
        n_draws = RANDOM_DRAWS * self.has_components
        return rankings, [random_component(self.structure, generator) for _ in range(n_draws)]

    def curves(self, method: Method) -> Curves:
        """The mask curves of a method that has a mask."""
        key = method.mask, method.part, method.activation
        if key not in self._curves:
            self._curves[key] = method.curves(self.structure, self.run.dataset, self.backend)
        return self._curves[key]

    @cached_property
    def scored(self) -> dict[str, Curves]:
        """The mask curves of the network by every score that the rule allows."""
        names = (name for name, score in SCORES.items() if self.has_components or not needs_components(score.needs))
        return {name: self.curves(METHODS[f"{name} subnetwork"]) for name in names}

    @cached_property
    def random(self) -> list[Curves]:
        """The mask curves of random rankings."""
        rankings, _ = self._chosen_at_random
        return [mask_curves(self.run.network, ranking, self.run.dataset, self.backend) for ranking in rankings]

    def predict(self, name: str) -> np.ndarray:
        """The prediction table of one of METHODS. Raises InputError where a share of neurons cannot be chosen."""
        chosen = self.chosen(name)
        if chosen and math.isnan(chosen.share):
            allowed = "some, to choose the share of neurons on; a method that takes all neurons needs none"
            raise InputError("pairs that are held out", 0, allowed)
        return METHODS[name].predict(self.structure, self.backend, chosen.neurons if chosen else None)

    def chosen(self, name: str) -> Chosen | None:
        """The neurons that one of METHODS has chosen; None where it takes all."""
        method = METHODS[name]
        return self.curves(method).chosen(method.readout, method.choice) if method.mask else None

    def row(self, name: str) -> dict[str, float]:
        """The accuracies of one of METHODS or CONTROLS; nan where a share of neurons cannot be chosen."""
        if name in CONTROLS:
            return CONTROLS[name].row(self)
        chosen = self.chosen(name)
        return chosen.accuracies if chosen else accuracies(self.predict(name), self.run.dataset)

    @cached_property
    def methods(self) -> dict[str, dict[str, float]]:
        """The accuracies of every method that applies, and of every control."""
        return {name: self.row(name) for name in self.needs}

    @property
    def needs(self) -> dict[str, str]:
        """What each row of `methods` needs to know."""
        methods = applicable(self.run.network.activation, self.rule)
        controls = {
            name: control for name, control in CONTROLS.items()
            if (self.has_components or not needs_components(control.needs))
            and (control.beside is None or control.beside in methods)
        }
        rows: dict[str, Method | Control] = {**methods, **controls}
        return {name: row.needs for name, row in rows.items()}

    @cached_property
    def partition(self) -> dict[str, dict[str, float]]:
        """By score: γ_G, γ_R and their sum (see `partition`), and the test accuracy of the top γ_G, raw and filtered.

        The filtered one is for comparison with the row `dominant`, the whole network filtered. noisy_choice and
        noisy_choice_test: γ_G as it is chosen by held-out noisy labels, and what that answers. random: their mean.
        """
        rows = {name: self._partition_row(curves) for name, curves in self.scored.items()}
        return rows | {"random": mean_accuracies([self._partition_row(curves) for curves in self.random])}

    def _partition_row(self, curves: Curves) -> dict[str, float]:
        clean, noisy = (curves.chosen("logits", choice) for choice in ("validation", "noisy"))
        memorising = memorising_share(curves)
        test, filtered_test = self.run.dataset.test, math.nan
        if not math.isnan(clean.share) and self.has_components:
            # Each neuron is filtered by itself: the subnetwork of the filtered network is the subnetwork, filtered.
            filtered = self.structure.dominant.subnetwork(clean.neurons)
            filtered_test = share(predict(filtered, test.a, test.b, self.backend) == test.true_label)
        return {
            "generalising": clean.share, "memorising": memorising, "sum": clean.share + memorising,
            "test": clean.accuracies["test"], "filtered_test": filtered_test,
            "noisy_choice": noisy.share, "noisy_choice_test": noisy.accuracies["test"],
        }

    def random_subnetwork(self, readout: str) -> dict[str, float]:
        """The mean of random rankings, each with the share of top neurons that is best on validation pairs."""
        return mean_accuracies([curves.chosen(readout, "validation").accuracies for curves in self.random])

    def random_frequency(self, activation: str | None = None) -> dict[str, float]:
        """The mean of filtrations at one frequency, or component, drawn for each neuron."""
        tables = (predict_kept(self.structure, each, activation, self.backend) for each in self._chosen_at_random[1])
        return mean_accuracies([accuracies(table, self.run.dataset) for table in tables])

    def random_rank_one(self, activation: str | None = None) -> dict[str, float]:
        """The mean of rank-one parts of the dominant components that are drawn at random."""
        generator = random_stream(self.run.config.seed, "control", 1)
        kept = (self.structure.random_rank_one(generator) for _ in range(RANDOM_DRAWS))
        return mean_accuracies([self.count(network, activation) for network in kept])

    def count(self, network: TwoLayerNet, activation: str | None = None) -> dict[str, float]:
        """The accuracies of a network, maybe evaluated with another activation."""
        network = replace(network, activation=activation or network.activation)
        return accuracies(predict_table(network, self.backend), self.run.dataset)

    def ensemble(self, others: Sequence[Run]) -> dict[str, float]:
        """The accuracies of the interaction readout of this run and others together, see `predict_ensemble`."""
        for number, other in enumerate(others):
            if any(np.array_equal(other.network.W, run.network.W) for run in (self.run, *others[:number])):
                allowed = "one whose network is none of the others'"
                raise InputError("run of the ensemble", str(other.directory), allowed)
            for part in ("train", "test"):
                ours, theirs = getattr(self.run.dataset, part), getattr(other.dataset, part)
                if not all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in ("a", "b", "label")):
                    allowed = "one on the same data, but for init_seed"
                    raise InputError("run of the ensemble", str(other.directory), allowed)
        networks = [run.network for run in (self.run, *others)]
        return accuracies(predict_ensemble(networks, self.backend), self.run.dataset)


class Control(NamedTuple):
    """A row to hold methods against: what it needs to know, and its accuracies. beside: the method that it is for."""

    needs: str
    row: Callable[[Analysis], dict[str, float]]
    beside: str | None = None


# untrained: the network before training. rule: the rule, on the pairs that its components cover. random frequency: a
# component, where the rule is a group. random rank one: a random part of the dominant component.
CONTROLS: dict[str, Control] = {
    "random subnetwork": Control(METHODS["norm subnetwork"].needs, lambda study: study.random_subnetwork("logits")),
    "random+interaction": Control(
        METHODS["norm+interaction"].needs, lambda study: study.random_subnetwork("interaction")
    ),
    "random frequency": Control(COORDINATES, Analysis.random_frequency),
    "random rank one+quadratic": Control(
        COORDINATES, lambda study: study.random_rank_one("quadratic"), "rank one+quadratic"
    ),
    "untrained rank one+quadratic": Control(
        COORDINATES, lambda study: study.count(study.untrained.rank_one, "quadratic"), "rank one+quadratic"
    ),
    "untrained ideal": Control(RULE, lambda study: study.count(study.untrained.ideal.network)),
    "rule": Control(RULE, lambda study: accuracies(
        np.where(study.rule.has_components, study.rule.label_table, -1), study.run.dataset
    )),
}
