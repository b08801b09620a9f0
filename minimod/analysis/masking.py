"""Subnetworks of the neurons that rank highest, and the partition into a generalising and a memorising part.

Source: Algorithm 1 of Liu & Lu (arXiv 2605.18022). A score (see scores.py) ranks the neurons. The top share is meant to
hold the rule, and the bottom share to hold the noise. The curves of this module show which scores separate the two. The
size of the top share is a choice. It has to be made on pairs that were not trained on.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from minimod.analysis.readouts import has_many_pairs, hidden_means, mean_hidden, swapped
from minimod.arrays import Array, Pairs, to_host
from minimod.data import Dataset
from minimod.engine.backend import SERIAL, Backend
from minimod.engine.memory import BufferPool
from minimod.engine.predict import map_hidden_rows
from minimod.network import TwoLayerNet
from minimod.runs.accuracy import Accuracies, accuracies, share

# The shares of neurons that a curve is measured at. With much noise the best share is a few percent.
MASK_SHARES = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, *(round(step / 20, 2) for step in range(2, 21)))

# The number of random rankings, which are the control of the scores.
RANDOM_RANKINGS = 10

# With more than MANY_PAIRS pairs, mask curves are counted on at most SAMPLED pairs of each kind, see `sampled`.
SAMPLED = 1_000
PAIRS = 256         # pairs in a block

# The noise counts as memorised from this noisy accuracy on.
MEMORISED = 0.95

# Measure -> the accuracies at every share of MASK_SHARES, of shape (len(MASK_SHARES),).
Curve = dict[str, np.ndarray]


class Curves(NamedTuple):
    """A ranking of the neurons, of shape (M,), and accuracies at every share `keep` of the neurons.

    logits: the network of the first neurons, by its logits.
    interaction: the network of the first neurons, by the interaction readout.
    rest: the network of the other neurons, by its logits.
    Every curve also has the agreement with held-out noisy labels, and its standard error, see `agreement`.
    """

    ranking: Array
    logits: Curve
    interaction: Curve
    rest: Curve

    @property
    def keep(self) -> tuple[float, ...]:
        """The shares of neurons that the curves are measured at."""
        return MASK_SHARES

    def chosen(self, readout: str, choice: str) -> "Chosen":
        """The neurons that a choice of CHOICES takes for this readout, logits or interaction: at least one neuron."""
        M, curve, (_, measure, place) = len(self.ranking), getattr(self, readout), CHOICES[choice]
        if np.isnan(curve[measure]).any():
            return Chosen(math.nan, self.ranking[:0], Accuracies(*[math.nan] * len(Accuracies._fields)))
        sizes = [round(keep * M) for keep in MASK_SHARES]
        empty = sizes.count(0)
        i = empty + place({name: values[empty:] for name, values in curve.items()})
        row = Accuracies(*(float(curve[name][i]) for name in Accuracies._fields))
        return Chosen(sizes[i] / M, self.ranking[: sizes[i]], row)


class Chosen(NamedTuple):
    """The neurons that a choice takes.

    share: their share of all neurons, nan if there are no pairs to choose on. neurons: their indices, best first.
    accuracies: the accuracies of the network of these neurons, by the readout that was asked for.
    """

    share: float
    neurons: Array
    accuracies: Accuracies


def best_on_noisy_labels(curve: Curve) -> int:
    """The place in a curve of the smallest share that agrees best with held-out noisy labels, within a standard error.

    The right rule agrees with more of these labels than any other rule does, whatever noise they have. If the agreement
    is flat, fewer neurons have memorised less. They answer held-out pairs equally well, and repair more training
    labels.
    """
    within = curve["agreement"] >= curve["agreement"].max() - curve["standard_error"]
    return int(within.argmax())


class Choice(NamedTuple):
    """A way to choose the share of neurons.

    needs: what it needs to know. measure: the measure of a curve that it looks at. place: from a curve to the index of
    the share that it takes.
    """

    needs: str
    measure: str
    place: Callable[[Curve], int]


# validation: the smallest share with the best accuracy on the validation pairs. Their labels are clean. In practice,
# nobody has clean labels. noisy: by held-out labels that are as noisy as the training labels, see
# `best_on_noisy_labels`.
CHOICES: dict[str, Choice] = {
    "validation": Choice("clean validation", "validation", lambda curve: int(curve["validation"].argmax())),
    "noisy": Choice("noisy validation", "agreement", best_on_noisy_labels),
}

# What the numbers of a partition need to know besides the needs of their score, see `Analysis.partition`.
PARTITION_NEEDS = {
    "noisy_choice": "noisy validation", "noisy_choice_test": "noisy validation", "generalising": "clean validation",
    "test": "clean validation", "memorising": "which labels are noisy",
    "sum": "clean validation, which labels are noisy", "filtered_test": "clean validation, coordinates",
}


def sampled(dataset: Dataset, generator: np.random.Generator) -> Dataset:
    """A part of a dataset: SAMPLED clean and SAMPLED noisy training pairs, SAMPLED test pairs, all validation pairs.

    If the dataset has fewer pairs of a kind, the part has all these pairs. If the true labels are not known, no
    accuracies are counted on training pairs. Then the part has no training pairs. A share that is counted on the part
    has a standard error of at most 0.5 / √SAMPLED.
    """
    def some(pairs: Pairs, *kinds: np.ndarray) -> Pairs:
        return pairs[np.sort(np.concatenate([generator.permutation(np.flatnonzero(kind))[:SAMPLED] for kind in kinds]))]

    train, test = dataset.train, dataset.test
    kinds = (train.is_noisy, ~train.is_noisy) if dataset.is_known else (train.label < 0,)
    return replace(dataset, train=some(train, *kinds), test=some(test, test.label >= 0))


def inputs_of(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The inputs a and b of all pairs of a dataset, each of shape (n,)."""
    parts = (dataset.train, dataset.validation, dataset.test)
    return np.concatenate([part.a for part in parts]), np.concatenate([part.b for part in parts])


def mask_curves(
    network: TwoLayerNet, ranking: Array, dataset: Dataset, backend: Backend = SERIAL,
    means: tuple[Array, Array] | None = None,
) -> Curves:
    """The accuracies of the first neurons of a ranking, and of the other neurons, at every share of MASK_SHARES.

    `ranking` is a permutation of the neurons, of shape (M,), such as `Analysis.ranking` gives. means: the network's
    `hidden_means`, if they are known already.
    """
    ranking = np.asarray(ranking, like=network.U)
    if has_many_pairs(network.modulus):
        a, b = inputs_of(dataset)
        P = network.modulus
        tables = np.full((3, len(MASK_SHARES), P, P), -1, np.min_scalar_type(-P))
        tables[:, :, a, b] = mask_predictions(network, ranking, a, b, backend, means)
    else:
        tables = mask_tables(network, ranking, backend)
    measured = (accuracies(each, dataset)._asdict() | agreement(each, dataset.noisy_validation) for each in tables)
    return Curves(ranking, *measured)


def parts_of(width: int) -> list[slice]:
    """For each share of MASK_SHARES: the ranked neurons that it adds to the share before it."""
    ends = [round(keep * width) for keep in MASK_SHARES]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def mask_predictions(
    network: TwoLayerNet, ranking: Array, a: np.ndarray, b: np.ndarray, backend: Backend = SERIAL,
    means: tuple[Array, Array] | None = None,
) -> np.ndarray:
    """The predictions of the first and of the other neurons for inputs a and b, (n,): shape (3, len(MASK_SHARES), n).

    In the order of `Curves`: logits and interaction of the first neurons, logits of the others. Both subnetworks have
    μ. Logits are sums over neurons, F = Σ_m h_m w_m + μ. So one cumulative sum gives the logits of the best k neurons,
    for every k. The interaction is the cumulative sum of e_m w_m, with e_m the interaction of h_m (see `hidden_means`).
    The other neurons' logits are the total minus the first neurons' logits, plus μ.
    """
    ranked = network.subnetwork(ranking)
    over_b, over_a = (each[:, ranking] for each in means or hidden_means(network, backend))     # (P, M) each

    def predictions(start: int) -> np.ndarray:
        tokens_a, tokens_b = (np.asarray(tokens[start : start + PAIRS], like=ranked.U) for tokens in (a, b))
        H = ranked.hidden(tokens_a, tokens_b)                                                   # (n, M)
        effects = H - over_b[tokens_a] - over_a[tokens_b]
        total = H @ ranked.W + 2 * ranked.mu
        F, E = np.zeros_like(total) + ranked.mu, np.zeros_like(total)                           # (n, P)
        found = []
        for part in parts_of(network.width):
            F += H[:, part] @ ranked.W[part]
            E += effects[:, part] @ ranked.W[part]
            found += [each.argmax(axis=1) for each in (F, E, total - F)]
        return to_host(np.stack(found)).reshape(len(MASK_SHARES), 3, -1)

    return np.concatenate(list(backend.map(predictions, range(0, len(a), PAIRS))), axis=2).swapaxes(0, 1)


def mask_tables(network: TwoLayerNet, ranking: Array, backend: Backend = SERIAL) -> np.ndarray:
    """The prediction tables of the first neurons and of the others, of shape (3, len(MASK_SHARES), P, P), on the host.

    In the order of `Curves`: logits and interaction of the first neurons, logits of the others. Both subnetworks have
    μ. Logits are sums over neurons, F = Σ_m h_m w_m + μ. One cumulative sum gives the logits of the best k neurons, for
    every k. The other neurons' logits are the total minus this sum, plus μ. The interaction is F - row effect - column
    effect. The column effect is the cumulative sum of c_m w_m. Here c_m(b) is the mean of h_m over a, minus the mean of
    h_m over all pairs. After the column effect is subtracted, the row effect is the mean over the row.
    """
    ranked, P = network.subnetwork(ranking), network.modulus
    parts = parts_of(network.width)
    means = mean_hidden(swapped(ranked), backend)                        # over a, (P, M)
    means -= means.mean(axis=0)
    columns = np.cumsum(np.stack([means[:, part] @ ranked.W[part] for part in parts]), axis=0)     # (MASK_SHARES, P, P)
    memory = BufferPool(lambda: [np.empty((len(MASK_SHARES), P, P), network.U.dtype, like=network.U) for _ in range(2)])

    def predictions(rows: slice, H: Array) -> Array:
        """The tables' entries in one row a, of shape (3, len(MASK_SHARES), P). H: hidden vectors over b, (P, M)."""
        with memory.borrow() as (top, other):                            # logits of every share, (MASK_SHARES, P, P)
            before = ranked.mu
            for part, logits in zip(parts, top, strict=True):
                np.matmul(H[:, part], ranked.W[part], out=logits)
                logits += before
                before = logits
            np.subtract(top, columns, out=other)
            other -= other.mean(axis=1, keepdims=True)
            of_interaction = other.argmax(axis=2)
            np.subtract(top[-1] + ranked.mu, top, out=other)
            return np.stack([top.argmax(axis=2), of_interaction, other.argmax(axis=2)])

    return np.stack([to_host(row) for row in map_hidden_rows(predictions, ranked, backend, n_rows=1)], axis=2)


def agreement(tables: np.ndarray, held_out: Pairs) -> Curve:
    """For tables of shape (tables, P, P): the share of n held-out labels that each table gives; nan if n is 0.

    standard_error = s / √n is the standard error of a table's distance to the best table. s is the standard deviation,
    over the labels, of the difference between the two tables' hits. Tables that answer nearly alike differ at few
    labels, so their standard error is small.
    """
    hits = (tables[:, held_out.a, held_out.b] == held_out.label).astype(float)
    behind = hits - hits[share(hits).argmax()]
    variance = share(behind**2) - share(behind) ** 2
    return {"agreement": share(hits), "standard_error": np.sqrt(variance / max(1, len(held_out)))}


def random_rankings(width: int, generator: np.random.Generator) -> list[np.ndarray]:
    """RANDOM_RANKINGS random rankings. They show what any subnetwork of a size does."""
    return [generator.permutation(width) for _ in range(RANDOM_RANKINGS)]


def memorising_share(curves: Curves) -> float:
    """γ_R: the smallest share of bottom neurons with a noisy accuracy of at least MEMORISED; nan if there is none.

    γ_G, the share of top neurons that generalises, is `Curves.chosen`. If γ_G + γ_R <= 1, the two parts do not overlap.
    """
    M = len(curves.ranking)
    bottom = np.array([1 - round(keep * M) / M for keep in MASK_SHARES])[curves.rest["noisy"] >= MEMORISED]
    return float(bottom.min()) if len(bottom) else math.nan
