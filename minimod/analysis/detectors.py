"""Detectors: which training labels are wrong, told without knowing the rule.

Each gives every training label a score: the higher, the more likely it is wrong. None looks at true labels. Most of the
field's methods take for granted that clean labels are fitted first; here noisy ones are, see the claim `noise-first`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minimod.analysis.masking import CHOICES
from minimod.analysis.scores import TWO_INPUTS
from minimod.engine.kernels import confidence

# What a detector needs besides the labels. A readout of two inputs looks at the network too.
LABELS, COURSE, NETWORK, TRAINING = "the labels alone", "the course of training", "the network", "further training"
MASK = f"{TWO_INPUTS}, {CHOICES['noisy'].needs}"


@dataclass(frozen=True, eq=False)
class Evidence:
    """What there is to judge n labels by; None where it is not there.

    a, b, label: of shape (n,). modulus: P. random: a generator, for the control.
    course: numbers along training by name, each of shape (n,), see `Record.course`.
    hidden: the hidden vectors of the trained network, of shape (n, M); logits, interaction, masked: its logits, their
    interaction, and the interaction of the few neurons that a mask picks, of shape (n, P). retrained: as masked, of a
    network that was trained on what the one before answered, see extraction.py. held_out: the logits of networks that
    were trained on the other labels, of shape (n, P). table: that of a group found in the labels, see discovery/, of
    shape (P, P).
    """

    a: np.ndarray
    b: np.ndarray
    label: np.ndarray
    modulus: int
    random: np.random.Generator
    course: dict[str, np.ndarray] | None = None
    hidden: np.ndarray | None = None
    logits: np.ndarray | None = None
    interaction: np.ndarray | None = None
    masked: np.ndarray | None = None
    retrained: np.ndarray | None = None
    held_out: np.ndarray | None = None
    table: np.ndarray | None = None


def collisions(a: np.ndarray, b: np.ndarray, label: np.ndarray, modulus: int) -> np.ndarray:
    """How many of n pairs have the same a, or the same b, and the same label as each, of shape (n,).

    A right label meets only noise: over a row of a Latin square every class is true once. Early on, a label is fitted
    by what the others in its row and column say, so the number also predicts who is fitted first.
    """
    counts = np.zeros((2, modulus, modulus), int)               # by token and label, for a and for b
    for count, token in zip(counts, (a, b), strict=True):
        np.add.at(count, (token, label), 1)
    return np.asarray(counts[0][a, label] + counts[1][b, label] - 2)


def leave_one_out(X: np.ndarray, Y: np.ndarray, ridge: float = 1e-3) -> np.ndarray:
    """What a ridge regression of Y, of shape (n, P), on X, (n, M), predicts for each example without it, (n, P).

    With the smoother S = X (XᵀX + λ n I)⁻¹ Xᵀ, where λ is `ridge` times the mean square of X's entries: the prediction
    without example i is (S Y - s y)ᵢ / (1 - s), with s = Sᵢᵢ. No model is fitted twice (PRESS, Allen 1974).
    """
    n, M = X.shape
    X, Y = X.astype(float), Y.astype(float)
    gram = X.T @ X
    gram[np.diag_indices(M)] += ridge * n * (X**2).mean() + np.finfo(float).tiny
    solved = np.linalg.solve(gram, X.T)                         # (M, n)
    s = np.einsum("nm,mn->n", X, solved)[:, None]
    return np.asarray((X @ (solved @ Y) - s * Y) / np.maximum(1 - s, np.finfo(float).eps))


def doubt(F: np.ndarray, evidence: Evidence) -> np.ndarray:
    """The largest other number less that of the label, of logits or the like, (n, P)."""
    return np.asarray(-confidence(F, evidence.label)[0])


def doubt_in_probability(F: np.ndarray, evidence: Evidence) -> np.ndarray:
    """As `doubt`, of probabilities, the softmax of logits: the normalized margin of confident learning, reversed."""
    F = F.astype(float)
    e = np.exp(F - F.max(axis=1, keepdims=True))
    return doubt(e / e.sum(axis=1, keepdims=True), evidence)


class Detector(NamedTuple):
    """needs: what it needs besides the labels. source: the field of Evidence that is its first argument."""

    needs: str
    source: str
    score: Callable[[Any, Evidence], np.ndarray]


DETECTORS: dict[str, Detector] = {
    "random": Detector(LABELS, "random", lambda random, evidence: random.random(len(evidence.label))),
    "collisions": Detector(f"{LABELS}, {TWO_INPUTS}", "label", lambda label, evidence: (
        collisions(evidence.a, evidence.b, label, evidence.modulus).astype(float)
    )),
    # By the table of a group that was found in the labels. Of a pair without an answer, it tells nothing.
    "discovery": Detector(f"{LABELS}, {TWO_INPUTS}, a group", "table", lambda table, evidence: np.where(
        table[evidence.a, evidence.b] < 0, 0.5, table[evidence.a, evidence.b] != evidence.label
    )),
    # The area under the margin (Pleiss et al., arXiv 2001.10528).
    "aum": Detector(COURSE, "course", lambda course, _: -course["margin"]),
    # The confidence of dataset cartography (Swayamdipta et al., arXiv 2009.10795).
    "cartography": Detector(COURSE, "course", lambda course, _: -course["probability"]),
    # Forgetting events (Toneva et al., arXiv 1812.05159).
    "forgetting": Detector(COURSE, "course", lambda course, _: course["forgotten"]),
    # Small losses are of right labels (Han et al., arXiv 1804.06872).
    "half-fitted loss": Detector(COURSE, "course", lambda course, _: course["half_loss"]),
    "loss": Detector(NETWORK, "logits", lambda F, evidence: confidence(F, evidence.label)[1]),
    # A ridge readout of the hidden vectors that was fitted without the label.
    "ridge": Detector(NETWORK, "hidden", lambda hidden, evidence: (
        doubt(leave_one_out(hidden, np.eye(evidence.modulus)[evidence.label]), evidence)
    )),
    "interaction": Detector(TWO_INPUTS, "interaction", doubt),
    "masked readout": Detector(MASK, "masked", doubt),
    # Confident learning (Northcutt et al., arXiv 1911.00068) on networks that have not seen the label.
    "held-out folds": Detector(TRAINING, "held_out", doubt_in_probability),
    "self-training": Detector(f"{MASK}, {TRAINING}", "retrained", doubt),
}


def scores(evidence: Evidence) -> dict[str, np.ndarray]:
    """The score of every detector for which there is evidence, each of shape (n,); none has a nan."""
    found: dict[str, np.ndarray] = {}
    for name, detector in DETECTORS.items():
        source = getattr(evidence, detector.source)
        if source is not None and not np.isnan(score := detector.score(source, evidence)).any():
            found[name] = score
    return found


def ranks(x: np.ndarray) -> np.ndarray:
    """The rank of each of n numbers, from 1 on, of shape (n,). Equal numbers have the mean of their ranks."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])


def auroc(score: np.ndarray, wrong: np.ndarray) -> float:
    """The chance that a wrong label has a higher score than a right one, ties half; nan where there are none of one."""
    n_wrong, n_right = int(wrong.sum()), int((~wrong).sum())
    if not n_wrong or not n_right:
        return float("nan")
    return float((ranks(score)[wrong].sum() - n_wrong * (n_wrong + 1) / 2) / (n_wrong * n_right))


def precision(score: np.ndarray, wrong: np.ndarray) -> float:
    """The share of wrong labels among as many with the highest scores; ties at the end count in part."""
    n = int(wrong.sum())
    if not n:
        return float("nan")
    last = np.sort(score)[-n]
    above, ties = score > last, score == last
    return float((wrong[above].sum() + (n - above.sum()) * wrong[ties].mean()) / n)


def roc(score: np.ndarray, wrong: np.ndarray, n_points: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """The shares of right and of wrong labels among those with the highest scores, as more and more are taken.

    Labels with one score are taken together, so that the area under the curve is `auroc`. At most about n_points.
    """
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(order) - 1)             # of each score
    taken = np.stack([np.cumsum(~wrong[order]), np.cumsum(wrong[order])])[:, last]
    shares = np.concatenate([np.zeros((2, 1)), taken / np.maximum(taken[:, -1:], 1)], axis=1)
    some = np.unique(np.linspace(0, shares.shape[1] - 1, n_points).round().astype(int))
    return shares[0, some], shares[1, some]
