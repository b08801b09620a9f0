"""The rows of `analyze`: ways to predict from a trained network, and the controls to compare them with.

Every row says what it needs to know beyond the network, and predicts a label for every pair.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from minimod.analysis.masking import CHOICES
from minimod.analysis.readouts import predict_ensemble, predict_kept
from minimod.analysis.scores import COORDINATES, NOTHING, RULE, SCORES, TWO_INPUTS
from minimod.analysis.structure import Structure
from minimod.network import TwoLayerNet
from minimod.runs.data import UserData

Analysis = Any          # an analysis.Analysis: it imports this file

RANDOM = "random"       # the score of a mask with random rankings
RANDOM_DRAWS = 10       # random components, or rank-one parts, of a control
UNKNOWN = "unknown answers"         # the row, and its needs, for labels that a user's function made


class Mask(NamedTuple):
    """Which neurons a row uses.

    score: a name of SCORES, or RANDOM. The row uses the neurons that rank highest.
    readout: a name of READOUTS, applied to the network of these neurons.
    choice: a name of CHOICES, how the share of the neurons is chosen.
    """

    score: str
    readout: str = "logits"
    choice: str = "validation"


@dataclass(frozen=True)
class Row:
    """One way to predict, or one control.

    needs: what it needs to know beyond the trained network.
    predict: from an Analysis and the row to a prediction table, of shape (P, P). A control that draws at random gives
        several tables, of shape (draws, P, P), and its accuracies are means over them.
    activation: the activation to evaluate with. None: the activation of the trained network.
    mask: the neurons to use. None: all of them.
    applies: from an Analysis to whether the row applies to it.
    is_method: whether it predicts with one trained network. Controls and the ensemble do not.
    networks: for a control that draws networks, from an Analysis to RANDOM_DRAWS networks.
    """

    needs: str
    predict: Callable[[Analysis, "Row"], np.ndarray]
    activation: str | None = None
    mask: Mask | None = None
    applies: Callable[[Analysis], Any] = lambda analysis: True
    is_method: bool = True
    networks: Callable[[Analysis], Iterator[TwoLayerNet]] | None = None


def table_of(network: str, readout: str = "logits") -> Callable[[Analysis, Row], np.ndarray]:
    """The `predict` of a row that evaluates one network, found under this dotted name in the analysis."""
    network_in = attrgetter(network)
    return lambda analysis, row: analysis.table(network_in(analysis), row.activation, readout)


def dominant_of(structure: str) -> Callable[[Analysis, Row], np.ndarray]:
    """The `predict` of a row that keeps the dominant component of every vector, in this structure of the analysis."""
    def table(analysis: Analysis, row: Row) -> np.ndarray:
        of: Structure = getattr(analysis, structure)
        return predict_kept(of, of.component, row.activation, analysis.backend)

    return table


def random_frequency(analysis: Analysis, row: Row) -> np.ndarray:
    """The tables of networks with one random component per neuron. As `drawn`, but by the sparse product."""
    return np.stack([
        predict_kept(analysis.structure, component, row.activation, analysis.backend)
        for component in analysis.random_components
    ])


def random_rank_one(analysis: Analysis) -> Iterator[TwoLayerNet]:
    """The networks of random rank-one parts of the dominant components."""
    generator = analysis.random_stream(1)
    return (analysis.structure.random_rank_one(generator) for _ in range(RANDOM_DRAWS))


def drawn(analysis: Analysis, row: Row) -> np.ndarray:
    """The tables of the networks that a control draws."""
    assert row.networks
    return np.stack([analysis.table(network, row.activation) for network in row.networks(analysis)])


def rule(analysis: Analysis, row: Row) -> np.ndarray:
    """The rule's own table, and -1 at the pairs that its components do not cover."""
    return np.where(analysis.rule.has_components, analysis.rule.label_table, -1)


def ensemble(analysis: Analysis, row: Row) -> np.ndarray:
    """The interaction readout of all networks together: the run's network and the ensemble's networks."""
    return predict_ensemble([run.network for run in (analysis.run, *analysis.ensemble)], analysis.backend)


def masked(analysis: Analysis, row: Row) -> np.ndarray:
    """The table of the neurons that the mask chooses. For random rankings: one table for each ranking."""
    assert row.mask
    readout, network = row.mask.readout, analysis.run.network
    tables = [analysis.table(network.subnetwork(each.neurons), readout=readout) for each in analysis.choices(row)]
    return np.stack(tables) if row.mask.score == RANDOM else tables[0]


def together(*needs: str) -> str:
    """Several needs in one text, each part once."""
    parts = dict.fromkeys(part for each in needs for part in each.split(", ") if part != NOTHING)
    return ", ".join(parts) or NOTHING


def labels_need(data: UserData) -> str:
    """What the run's labels needed to know, if they replace the dataset's labels: see `UserData.answers_of`."""
    if data.labels is None:
        return NOTHING
    return together(*(ROWS[name].needs if name in ROWS else UNKNOWN for name in data.answers_of or (UNKNOWN,)))


def masked_row(score: str, readout: str = "logits", choice: str = "validation") -> Row:
    """The row of the neurons that rank highest by a score of SCORES, or at random."""
    needs = NOTHING if score == RANDOM else SCORES[score].needs
    needs = TWO_INPUTS if (needs, readout) == (NOTHING, "interaction") else needs
    mask = Mask(score, readout, choice)
    return Row(together(needs, CHOICES[choice].needs), masked, mask=mask, is_method=score != RANDOM)


# The scores that know nothing. With the interaction readout they make masks that do not know the rule either.
AGNOSTIC = tuple(name for name, score in SCORES.items() if score.needs == NOTHING)

RAW, INTERACTION = table_of("run.network"), table_of("run.network", "interaction")
RANK_ONE = table_of("structure.rank_one")
HAS_MATRICES = attrgetter("structure.has_matrices")       # without matrices, a rank-one part is all of its component

DOMINANT, UNTRAINED_DOMINANT = dominant_of("structure"), dominant_of("untrained")
UNTRAINED, UNTRAINED_INTERACTION = table_of("untrained.network"), table_of("untrained.network", "interaction")
RANDOM_FREQUENCY = Row(
    COORDINATES, random_frequency, is_method=False,
    networks=lambda analysis: map(analysis.structure.keep, analysis.random_components),
)
SWAPS = "relu", "quadratic", "reverse_relu"

# name -> row. "+relu" in a name marks a swap of the activation. relu and reverse_relu differ by z. z has no
# interaction, so the interaction rows swap to relu alone.
ROWS: dict[str, Row] = {
    "raw": Row(NOTHING, RAW),
    "raw+relu": Row(NOTHING, RAW, "relu"),
    "raw+quadratic": Row(NOTHING, RAW, "quadratic"),
    "raw+reverse_relu": Row(NOTHING, RAW, "reverse_relu"),
    "interaction": Row(TWO_INPUTS, INTERACTION),
    "interaction+relu": Row(TWO_INPUTS, INTERACTION, "relu"),
    "interaction+quadratic": Row(TWO_INPUTS, INTERACTION, "quadratic"),
    "dominant": Row(COORDINATES, DOMINANT),
    "dominant+relu": Row(COORDINATES, DOMINANT, "relu"),
    "dominant+quadratic": Row(COORDINATES, DOMINANT, "quadratic"),
    "dominant+reverse_relu": Row(COORDINATES, DOMINANT, "reverse_relu"),
    "residual": Row(COORDINATES, table_of("structure.residual")),
    "rank one": Row(COORDINATES, RANK_ONE, applies=HAS_MATRICES),
    "rank one+quadratic": Row(COORDINATES, RANK_ONE, "quadratic", applies=HAS_MATRICES),
    "ideal": Row(RULE, table_of("structure.ideal.network")),
    **{f"{score} subnetwork": masked_row(score) for score in SCORES},
    **{f"{score}+interaction, noisy": masked_row(score, "interaction", "noisy") for score in AGNOSTIC},
    **{f"{score}+interaction": masked_row(score, "interaction") for score in AGNOSTIC},
    # Controls. "untrained" is the network before training. "rule" is the best that a row with components can answer.
    "random subnetwork": masked_row(RANDOM),
    "random+interaction": masked_row(RANDOM, "interaction"),
    # Every swap has its own controls: random components, and the network before training.
    "untrained": Row(NOTHING, UNTRAINED, is_method=False),
    "untrained interaction": Row(TWO_INPUTS, UNTRAINED_INTERACTION, is_method=False),
    "random frequency": RANDOM_FREQUENCY,
    "untrained dominant": Row(COORDINATES, UNTRAINED_DOMINANT, is_method=False),
    **{f"untrained+{name}": Row(NOTHING, UNTRAINED, name, is_method=False) for name in SWAPS},
    **{f"untrained interaction+{name}": Row(TWO_INPUTS, UNTRAINED_INTERACTION, name, is_method=False)
       for name in SWAPS[:2]},
    **{f"random frequency+{name}": replace(RANDOM_FREQUENCY, activation=name) for name in SWAPS},
    **{f"untrained dominant+{name}": Row(COORDINATES, UNTRAINED_DOMINANT, name, is_method=False) for name in SWAPS},
    "random rank one+quadratic": Row(
        COORDINATES, drawn, "quadratic", applies=HAS_MATRICES, is_method=False, networks=random_rank_one
    ),
    "untrained rank one+quadratic": Row(
        COORDINATES, table_of("untrained.rank_one"), "quadratic", applies=HAS_MATRICES, is_method=False
    ),
    "untrained ideal": Row(RULE, table_of("untrained.ideal.network"), is_method=False),
    "rule": Row(RULE, rule, is_method=False),
    # A row of several runs.
    "ensemble interaction": Row(TWO_INPUTS, ensemble, applies=attrgetter("ensemble"), is_method=False),
}

# METHODS: the rows that predict with one trained network. WHOLE: the methods that use all of its neurons.
# DEFAULT_METHOD: the method whose answers become the labels in self-training, by default.
METHODS = tuple(name for name, row in ROWS.items() if row.is_method)
WHOLE = tuple(name for name in METHODS if not ROWS[name].mask)
DEFAULT_METHOD = "norm_flatness+interaction, noisy"

# The rows that a reader sees first. Rows that do not apply to a run are left out. `best_agnostic` adds one row.
BRIEF = (
    "raw", "dominant", "dominant+quadratic", "rank one+quadratic", "residual", "interaction", "random frequency",
    "untrained", "ensemble interaction",
)


def knows_nothing(needs: str) -> bool:
    """Whether what a row needs to know tells nothing of the rule."""
    return {NOTHING, TWO_INPUTS, CHOICES["noisy"].needs}.issuperset(needs.split(", "))


def best_agnostic(methods: Mapping[str, Mapping[str, float]], labels_needed: str = NOTHING) -> str | None:
    """The row outside BRIEF that knows nothing of the rule and is best on validation pairs; None if there is none.

    methods: row -> its accuracies. labels_needed: what the run's labels needed to know, see `labels_need`.
    """
    names = [
        name for name, row in methods.items()
        if name in METHODS and name not in BRIEF and not math.isnan(row["validation"])
        and knows_nothing(together(ROWS[name].needs, labels_needed))
    ]
    return max(names, key=lambda name: methods[name]["validation"], default=None)


# The rows that do not depend on the labels of the run.
UNLABELLED = ("rule", *(name for name in ROWS if name.startswith("untrained")))
