"""`Analysis`: what can be measured on a run. Each part is computed once, when it is first asked for."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from minimod import arrays
from minimod.analysis.masking import (
    RANDOM_RANKINGS,
    Chosen,
    Curves,
    inputs_of,
    mask_curves,
    memorising_share,
    random_rankings,
    sampled,
)
from minimod.analysis.readouts import READOUTS, has_many_pairs, hidden_means
from minimod.analysis.rows import (
    BRIEF,
    METHODS,
    RANDOM,
    RANDOM_DRAWS,
    ROWS,
    UNLABELLED,
    Row,
    knows_nothing,
    labels_need,
    together,
)
from minimod.analysis.scores import SCORES, TWO_INPUTS, needs_components
from minimod.analysis.structure import Structure
from minimod.arrays import Array, Pairs
from minimod.data import Dataset
from minimod.engine.backend import SERIAL, Backend, open_backend
from minimod.engine.predict import predict
from minimod.errors import InputError, checked_number, choice, one_of
from minimod.fourier import COMPONENT_CHOICES
from minimod.network import TwoLayerNet
from minimod.rules import Rule
from minimod.runs.accuracy import Accuracies, accuracies, share
from minimod.runs.run import Run, as_run, initial_network

AnyRun = Run | Path | str       # a run, or its directory


class Analysis:
    """What can be measured on a run.

        with Analysis(run) as analysis:
            analysis.row("dominant").test

    run: a run, or its directory.
    by: which vectors' power decides a neuron's component, a name of `fourier.COMPONENT_CHOICES`.
    threads: the number of CPU threads inside the `with` block. None: the number that the run was trained on.
    rule: the rule whose components to look at. None: the run's rule.
    ensemble: further runs on the same data (see `init_seed`), for the row "ensemble interaction".
    backend: what to compute on outside a `with` block, for example the backend of an open Analysis. By default it is
        the calling thread.

    Raises InputError if a run of the ensemble has other data, or if two runs have the same network.
    """

    def __init__(
        self, run: AnyRun, by: str = "joint", threads: int | None = None, *, rule: Rule | None = None,
        ensemble: Sequence[AnyRun] = (), backend: Backend = SERIAL,
    ):
        others = ensemble if isinstance(ensemble, Iterable) and not isinstance(ensemble, str) else [ensemble]
        self.by, self.backend = choice("by", by, COMPONENT_CHOICES), backend
        self.run, self.ensemble = as_run("run", run), [as_run("ensemble", each) for each in others]
        self.threads = self.run.config.threads if threads is None else checked_number("threads", threads, 1, kind=int)
        self.rule = self.run.dataset.rule if rule is None else rule
        if not isinstance(self.rule, Rule) or self.rule.modulus != self.run.network.modulus:
            raise InputError("rule", self.rule, f"a rule of {self.run.network.modulus} tokens, like the run's rule")
        self._opened, self._curves, self._rows = ExitStack(), dict[str, Curves](), dict[Row, Accuracies]()
        for number, other in enumerate(self.ensemble):
            check_alike(other, self.run, *self.ensemble[:number])

    def __enter__(self) -> Self:
        self._opened.callback(setattr, self, "backend", self.backend)       # after the block, the old backend
        self.backend = self._opened.enter_context(open_backend("cpu", self.threads))
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    # The run along training.

    @property
    def epoch(self) -> int:
        """The epoch of the analysed network: its snapshot's epoch, or the run's last epoch."""
        return self.run.config.epochs if self.run.epoch is None else self.run.epoch

    def moments(self, most: int | None = None) -> Iterator["Analysis"]:
        """Analyses of the run's snapshots before this epoch, in order, and then this analysis.

        most: the largest number of snapshots. They are spread evenly over log(1 + epoch), from the first snapshot to
        the last. None: all snapshots. The analyses compute on this analysis's threads.
        """
        epochs = [epoch for epoch in self.run.snapshots if epoch < self.epoch]
        if most is not None and checked_number("most", most, 0, kind=int) < len(epochs):
            targets = np.linspace(math.log1p(epochs[0]), math.log1p(epochs[-1]), most)
            epochs = sorted({min(epochs, key=lambda epoch: abs(math.log1p(epoch) - target)) for target in targets})
        for epoch in epochs:
            yield Analysis(self.run.at(epoch), self.by, self.threads, rule=self.rule, backend=self.backend)
        yield self

    def parts(self, rows: Iterable[str] | None = None) -> list[Callable[[], object]]:
        """The slow parts of some rows. Without an argument: the slow parts of `scored`, of `random` and of all rows.

        Call them in this order. Their results are kept.
        """
        if rows is not None:
            return [partial(self.row, name) for name in rows]
        draws = [partial(self._random_curves, i) for i in range(RANDOM_RANKINGS)]
        return [*(partial(self.curves, name) for name in self._scores), *draws, *self.parts(self.needs)]

    @property
    def brief(self) -> list[str]:
        """The names of the rows that `in_words` speaks of: BRIEF, a control, and what `best_agnostic` chooses from."""
        return [name for name, needs in self.needs.items() if name in (*BRIEF, "untrained dominant")
                or (name in METHODS and knows_nothing(needs))]

    # Structure.

    @cached_property
    def structure(self) -> Structure:
        """The structure of the trained network."""
        return Structure(self.run.network, self.rule, self.by)

    @cached_property
    def untrained(self) -> Structure:
        """The structure of the network before training, a control."""
        return Structure(initial_network(self.run.config), self.rule, self.by)

    @cached_property
    def has_components(self) -> bool:
        """Whether the rule splits the weights into components."""
        return bool(self.rule.has_components.any())

    # Rows.

    @cached_property
    def needs(self) -> dict[str, str]:
        """Row name -> what the row needs to know, for every row that applies. The needs of the run's labels count."""
        labels = [labels_need(run.data) for run in (self.run, *self.ensemble)]
        needs = {name: row.needs for name, row in ROWS.items() if self._applies(row)}
        needs |= {name: together(needs[name], labels[0]) for name in needs if name not in UNLABELLED}
        if "ensemble interaction" in needs:
            needs["ensemble interaction"] = together(TWO_INPUTS, *labels, f"{len(labels)} networks")
        return needs

    def _applies(self, row: Row) -> bool:
        """Whether a row can be measured, and does not name the activation that the network has anyway."""
        return row.activation != self.run.network.activation and self._can_be_measured(row)

    def _can_be_measured(self, row: Row) -> bool:
        """Whether the run has everything that a row needs."""
        return (self.has_components or not needs_components(row.needs)) and bool(row.applies(self))

    def _row(self, row: str | Row) -> Row:
        """The row of a name, or a custom Row. Raises InputError if the run lacks something that the row needs."""
        found = ROWS.get(row) if isinstance(row, str) else row
        if not isinstance(found, Row) or not self._can_be_measured(found):
            raise InputError("row", row, one_of(self.needs, row))
        return found

    @cached_property
    def rows(self) -> dict[str, Accuracies]:
        """Row name -> accuracies, for every row that applies."""
        return {name: self.row(name) for name in self.needs}

    def row(self, row: str | Row) -> Accuracies:
        """The accuracies of a row: a name of ROWS, or a custom Row. They are nan if no neurons can be chosen.

        Raises InputError for a row that does not apply to this run.
        """
        row = self._row(row)
        if row not in self._rows:
            self._rows[row] = Accuracies(*(float(np.mean(column)) for column in self._columns(row)))
        return self._rows[row]

    def _columns(self, row: Row) -> Iterable[Any]:
        """The columns of a row's accuracies. Each column is a number, or one number for every draw."""
        choices, is_sample = self.choices(row), self.sample is not self.run.dataset
        if is_sample and row.networks:
            networks = (replace(each, activation=row.activation or each.activation) for each in row.networks(self))
            return accuracies(np.stack([self._sampled_table(network) for network in networks]), self.sample)
        has_no_choice = any(math.isnan(each.share) for each in choices)
        is_random = row.mask is not None and row.mask.score == RANDOM
        if choices and (not is_sample or is_random or has_no_choice):
            return zip(*(each.accuracies for each in choices), strict=True)     # the mask curves have them
        return accuracies(row.predict(self, row), self.run.dataset)

    def _sampled_table(self, network: TwoLayerNet) -> np.ndarray:
        """The prediction table of a network at the pairs of the sample, and -1 elsewhere."""
        table, (a, b) = np.full((network.modulus,) * 2, -1), inputs_of(self.sample)
        table[a, b] = predict(network, a, b, self.backend)
        return table

    def predict(self, row: str | Row) -> np.ndarray:
        """The prediction table of a row, of shape (P, P). A control that draws has several: (draws, P, P).

        Raises InputError for a row that does not apply to this run. It also raises it if the row's mask chooses neurons
        on held-out pairs, and there are none.
        """
        row = self._row(row)
        if any(math.isnan(each.share) for each in self.choices(row)):
            allowed = "at least 1, to choose the share of neurons on; a method that uses all neurons needs none"
            raise InputError("number of held-out pairs", 0, allowed)
        return row.predict(self, row)

    def chosen(self, row: str | Row) -> Chosen | None:
        """The neurons that a row's mask chooses, of the first ranking if there are several. None: no mask.

        Raises InputError for a row that does not apply to this run.
        """
        return next(iter(self.choices(self._row(row))), None)

    def choices(self, row: Row) -> list[Chosen]:
        """The neurons that a row's mask chooses, for every ranking; empty if the row has no mask."""
        if not row.mask:
            return []
        curves = self.random if row.mask.score == RANDOM else [self.curves(row.mask.score)]
        return [each.chosen(row.mask.readout, row.mask.choice) for each in curves]

    def table(self, network: TwoLayerNet, activation: str | None = None, readout: str = "logits") -> np.ndarray:
        """The prediction table of any network, of shape (P, P). activation: another activation to evaluate with."""
        network = replace(network, activation=activation or network.activation)
        return READOUTS[choice("readout", readout, READOUTS)](network, self.backend)

    def count(self, tables: np.ndarray) -> Accuracies:
        """The accuracies of any prediction tables on the run's pairs, see `accuracies`."""
        return accuracies(tables, self.run.dataset)

    # Rankings of the neurons, and their mask curves.

    @cached_property
    def sample(self) -> Dataset:
        """The pairs that mask curves are counted on: all pairs of the run, or a part if there are more than MANY_PAIRS.

        See `masking.sampled`. The part has all validation pairs, because the choice of neurons needs them. Rows that
        draw at random are counted on this part. All other rows are counted on all pairs.
        """
        dataset = self.run.dataset
        if not has_many_pairs(dataset.rule.modulus):
            return dataset
        part = sampled(dataset, self.random_stream(2))
        return part if (len(part.train), len(part.test)) != (len(dataset.train), len(dataset.test)) else dataset

    def ranking(self, score: str) -> Array:
        """The neurons by a score of SCORES, best first, of shape (M,). Raises InputError for another name.

        Neurons with equal scores keep their order. In float32 many ideal neurons have a phase alignment of exactly 1.
        """
        return np.argsort(-SCORES[choice("score", score, SCORES)].value(self.structure), kind="stable")

    def curves(self, by: str | Array, network: TwoLayerNet | None = None) -> Curves:
        """The mask curves of a ranking of the neurons.

        by: the ranking, of shape (M,), or the name of a score of SCORES. network: the network. None: the run's network.
        """
        if isinstance(by, str) and not network:
            if by not in self._curves:
                self._curves[by] = self.curves(self.ranking(by))
            return self._curves[by]
        ranking = self.ranking(by) if isinstance(by, str) else by
        means = None if network or not has_many_pairs(self.rule.modulus) else self._hidden_means
        return mask_curves(network or self.run.network, ranking, self.sample, self.backend, means)

    @cached_property
    def _hidden_means(self) -> tuple[Array, Array]:
        return hidden_means(self.run.network, self.backend)

    @cached_property
    def scored(self) -> dict[str, Curves]:
        """Score -> its mask curves, for every score that the rule allows."""
        return {name: self.curves(name) for name in self._scores}

    @property
    def _scores(self) -> list[str]:
        """The names of the scores that the rule allows."""
        return [name for name, score in SCORES.items() if self.has_components or not needs_components(score.needs)]

    @cached_property
    def random(self) -> list[Curves]:
        """The mask curves of the random rankings."""
        return [self._random_curves(i) for i in range(RANDOM_RANKINGS)]

    def _random_curves(self, i: int) -> Curves:
        name = f"{RANDOM} {i}"
        if name not in self._curves:
            self._curves[name] = self.curves(self.random_rankings[i])
        return self._curves[name]

    @cached_property
    def partition(self) -> dict[str, dict[str, float]]:
        """Score -> numbers of the generalising and the memorising part. "random" has the means of the random rankings.

        generalising, memorising, sum: γ_G, γ_R (see `memorising_share`) and γ_G + γ_R.
        test, filtered_test: the test accuracy of the first γ_G of the ranked neurons, raw and filtered. Compare
            filtered_test with the row "dominant", which filters the whole network.
        noisy_choice, noisy_choice_test: γ_G chosen by held-out noisy labels, and the test accuracy of this share.
        """
        rows = {name: self._partition_row(curves) for name, curves in self.scored.items()}
        random = [self._partition_row(curves) for curves in self.random]
        return rows | {RANDOM: {name: float(np.mean([row[name] for row in random])) for name in random[0]}}

    def _partition_row(self, curves: Curves) -> dict[str, float]:
        clean, noisy = (curves.chosen("logits", choice) for choice in ("validation", "noisy"))
        memorising = memorising_share(curves)
        test, filtered_test = self.sample.test, math.nan
        if not math.isnan(clean.share) and self.has_components:
            # Each neuron is filtered alone. So a subnetwork of the filtered network is the filtered subnetwork.
            filtered = self.structure.dominant.subnetwork(clean.neurons)
            filtered_test = share(predict(filtered, test.a, test.b, self.backend) == test.true_label)
        return {
            "generalising": clean.share, "memorising": memorising, "sum": clean.share + memorising,
            "test": clean.accuracies.test, "filtered_test": filtered_test,
            "noisy_choice": noisy.share, "noisy_choice_test": noisy.accuracies.test,
        }

    # What the controls draw.

    def random_stream(self, *numbers: int) -> np.random.Generator:
        """A generator for controls. It depends only on the run's seed and these numbers."""
        return arrays.random_stream(self.run.config.seed, "control", *numbers)

    @cached_property
    def random_rankings(self) -> list[np.ndarray]:
        """Random rankings of the neurons, each of shape (M,)."""
        return random_rankings(self.run.network.width, self.random_stream())

    @cached_property
    def random_components(self) -> list[Array]:
        """RANDOM_DRAWS arrays of shape (3, M): in each, a random component for every neuron."""
        generator = self.random_stream()
        random_rankings(self.run.network.width, generator)              # the stream draws the rankings first
        return [self.structure.random_component(generator) for _ in range(RANDOM_DRAWS)]


def check_alike(run: Run, *others: Run) -> None:
    """Raise InputError unless a run has the same data as the other runs, and a network that no other run has."""
    if any(np.array_equal(run.network.W, other.network.W) for other in others):
        raise InputError("run of the ensemble", str(run.directory), "a run whose network none of the others has")
    ours, theirs = run.dataset, others[0].dataset
    if not (same_pairs(ours.train, theirs.train) and same_pairs(ours.test, theirs.test)):
        raise InputError("run of the ensemble", str(run.directory), "a run on the same data: only init_seed may differ")


def same_pairs(one: Pairs, other: Pairs) -> bool:
    """Whether two sets of pairs have the same inputs and labels."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("a", "b", "label"))
