"""Detectors: which training labels are wrong, without knowing the rule.

A detector gives every training label a score. The higher the score, the more likely the label is wrong. No detector
looks at true labels. Most methods in the literature assume that a network fits clean labels first. Here the network
fits noisy labels first, see the claim `noise-first`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minimod.analysis.masking import CHOICES
from minimod.analysis.readouts import blocks
from minimod.analysis.scores import TWO_INPUTS
from minimod.arrays import Pairs
from minimod.engine.kernels import confidence
from minimod.engine.predict import map_logit_blocks
from minimod.network import TwoLayerNet

# What a detector needs besides the labels. A readout with TWO_INPUTS also looks at the network.
LABELS, COURSE, NETWORK, TRAINING = "the labels alone", "the course of training", "the network", "further training"
MASK = f"{TWO_INPUTS}, {CHOICES['noisy'].needs}"


@dataclass(frozen=True, eq=False)
class Evidence:
    """The evidence about n labels. A field is None if there is no such evidence.

    a, b, label: of shape (n,). modulus: P. random: a generator, for the control.
    label_record: name -> numbers along training, of shape (n,), see `Record.label_record`.
    loss: the cross-entropy loss of the trained network, of shape (n,).
    table: the table of a group that was found in the labels, see discovery/, of shape (P, P).

    All other fields are margins, of shape (n,): the label's number minus the largest other number. They differ in the
    numbers. ridge: the numbers of `ridge_margins`. interaction: the network's interaction. masked: the interaction of
    the few neurons that a mask picks. retrained: as masked, for a network that was trained on another network's
    answers, see self_training.py. held_out: the probabilities of networks that were not trained on the label.
    """

    a: np.ndarray
    b: np.ndarray
    label: np.ndarray
    modulus: int
    random: np.random.Generator
    label_record: dict[str, np.ndarray] | None = None
    loss: np.ndarray | None = None
    ridge: np.ndarray | None = None
    interaction: np.ndarray | None = None
    masked: np.ndarray | None = None
    retrained: np.ndarray | None = None
    held_out: np.ndarray | None = None
    table: np.ndarray | None = None


def collisions(a: np.ndarray, b: np.ndarray, label: np.ndarray, modulus: int) -> np.ndarray:
    """For each of n pairs: how many other pairs have its label, and its a or its b, of shape (n,).

    In a row of a Latin square every class is true once. So a right label collides with wrong labels only. Early in
    training, a network fits a label as the other labels in its row and column suggest. So the number also predicts
    which labels are fitted first.
    """
    counts = np.zeros((2, modulus, modulus), int)               # by token and label, for a and for b
    for count, token in zip(counts, (a, b), strict=True):
        np.add.at(count, (token, label), 1)
    return np.asarray(counts[0][a, label] + counts[1][b, label] - 2)


def ridge_margins(
    hidden: Callable[[slice], np.ndarray], label: np.ndarray, modulus: int, ridge: float = 1e-3
) -> np.ndarray:
    """The margin of each of n labels in a ridge regression that was fitted without this label, of shape (n,).

    hidden: from a slice of the examples to their hidden vectors X, of shape (rows, M). Let the rows of Y be the one-hot
    labels, and λ be `ridge` times the mean square of X's entries. With

        G = XᵀX + λ n I,    S = X G⁻¹ Xᵀ,    s = Sᵢᵢ,

    the prediction without example i is (S Y - s y)ᵢ / (1 - s). So one fit is enough for all examples (PRESS, Allen
    1974).
    """
    one_hot, G, XY = np.eye(modulus), np.zeros(()), np.zeros(())
    for rows in blocks(len(label)):
        X = hidden(rows).astype(float)
        G, XY = G + X.T @ X, XY + X.T @ one_hot[label[rows]]
    inverse = np.linalg.inv(G + (ridge * G.trace() / len(G) + np.finfo(float).tiny) * np.eye(len(G)))
    fitted = inverse @ XY                                                                       # (M, P)

    def margins(rows: slice) -> np.ndarray:
        X = hidden(rows).astype(float)
        s = ((X @ inverse) * X).sum(axis=1, keepdims=True)                                       # (rows, 1)
        without = (X @ fitted - s * one_hot[label[rows]]) / np.maximum(1 - s, np.finfo(float).eps)
        return np.asarray(confidence(without, label[rows])[0])

    return np.concatenate([margins(rows) for rows in blocks(len(label))])


def probability_margins(network: TwoLayerNet, pairs: Pairs) -> np.ndarray:
    """The margins of n labels in the probabilities p = softmax(F) of a network, of shape (n,), float64."""
    def margins(rows: slice, F: np.ndarray) -> np.ndarray:
        e = np.exp(F.astype(float) - F.max(axis=1, keepdims=True))
        return np.asarray(confidence(e / e.sum(axis=1, keepdims=True), pairs.label[rows])[0])

    return np.concatenate(map_logit_blocks(margins, network, pairs.a, pairs.b))


def doubt(margin: np.ndarray, evidence: Evidence) -> np.ndarray:
    """The largest other number minus the label's number, of shape (n,)."""
    return -margin


class Detector(NamedTuple):
    """needs: what it needs besides the labels. source: the field of Evidence that `score` takes first."""

    needs: str
    source: str
    score: Callable[[Any, Evidence], np.ndarray]


DETECTORS: dict[str, Detector] = {
    "random": Detector(LABELS, "random", lambda random, evidence: random.random(len(evidence.label))),
    "collisions": Detector(f"{LABELS}, {TWO_INPUTS}", "label", lambda label, evidence: (
        collisions(evidence.a, evidence.b, label, evidence.modulus).astype(float)
    )),
    # Whether the label differs from the table of a group that was found in the labels. A pair without an answer: 0.5.
    "discovery": Detector(f"{LABELS}, {TWO_INPUTS}, a group", "table", lambda table, evidence: np.where(
        table[evidence.a, evidence.b] < 0, 0.5, table[evidence.a, evidence.b] != evidence.label
    )),
    # The area under the margin (Pleiss et al., arXiv 2001.10528).
    "aum": Detector(COURSE, "label_record", lambda record, _: -record["margin"]),
    # The confidence of dataset cartography (Swayamdipta et al., arXiv 2009.10795).
    "cartography": Detector(COURSE, "label_record", lambda record, _: -record["probability"]),
    # Forgetting events (Toneva et al., arXiv 1812.05159).
    "forgetting": Detector(COURSE, "label_record", lambda record, _: record["forgotten"]),
    # Right labels have small losses (Han et al., arXiv 1804.06872).
    "half-fitted loss": Detector(COURSE, "label_record", lambda record, _: record["half_loss"]),
    "loss": Detector(NETWORK, "loss", lambda loss, _: loss),
    # A ridge readout of the hidden vectors that was fitted without the label.
    "ridge": Detector(NETWORK, "ridge", doubt),
    "interaction": Detector(TWO_INPUTS, "interaction", doubt),
    "masked readout": Detector(MASK, "masked", doubt),
    # Confident learning (Northcutt et al., arXiv 1911.00068) on networks that have not seen the label: minus the
    # normalized margin.
    "held-out folds": Detector(TRAINING, "held_out", doubt),
    "self-training": Detector(f"{MASK}, {TRAINING}", "retrained", doubt),
}


def scores(evidence: Evidence) -> dict[str, np.ndarray]:
    """The score of every detector for which there is evidence, each of shape (n,). A score with a nan is left out."""
    found: dict[str, np.ndarray] = {}
    for name, detector in DETECTORS.items():
        source = getattr(evidence, detector.source)
        if source is not None and not np.isnan(score := detector.score(source, evidence)).any():
            found[name] = score
    return found


def ranks(x: np.ndarray) -> np.ndarray:
    """The rank of each of n numbers, from 1 on, of shape (n,). Equal numbers get the mean of their ranks."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])


def auroc(score: np.ndarray, wrong: np.ndarray) -> float:
    """The probability that a wrong label scores higher than a right label. Ties count half. nan: no such labels."""
    n_wrong, n_right = int(wrong.sum()), int((~wrong).sum())
    if not n_wrong or not n_right:
        return float("nan")
    return float((ranks(score)[wrong].sum() - n_wrong * (n_wrong + 1) / 2) / (n_wrong * n_right))


def precision(score: np.ndarray, wrong: np.ndarray) -> float:
    """If n labels are wrong: the share of wrong labels among the n labels with the highest scores; nan if n is 0.

    Labels that tie at the n-th place count in part.
    """
    n = int(wrong.sum())
    if not n:
        return float("nan")
    last = np.sort(score)[-n]
    above, ties = score > last, score == last
    return float((wrong[above].sum() + (n - above.sum()) * wrong[ties].mean()) / n)


def roc(score: np.ndarray, wrong: np.ndarray, n_points: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """The ROC curve: the share of all right labels, and of all wrong labels, among the labels with the highest scores.

    Labels with equal scores are taken together, so the area under the curve is `auroc`. Both arrays have at most
    n_points numbers, one for each point of the curve.
    """
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(order) - 1)             # places where a score ends
    taken = np.stack([np.cumsum(~wrong[order]), np.cumsum(wrong[order])])[:, last]
    shares = np.concatenate([np.zeros((2, 1)), taken / np.maximum(taken[:, -1:], 1)], axis=1)
    some = np.unique(np.linspace(0, shares.shape[1] - 1, n_points).round().astype(int))
    return shares[0, some], shares[1, some]
