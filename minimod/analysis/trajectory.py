"""How what a network holds grows along training: numbers of its snapshots, one after the other."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from minimod.analysis.analysis import Analysis
from minimod.analysis.collapse import classes
from minimod.arrays import Array, Pairs
from minimod.engine.predict import evaluate
from minimod.errors import InputError
from minimod.network import TwoLayerNet
from minimod.runs.run import Run

FOLLOWED = ("raw", "interaction", "dominant", "dominant+quadratic")     # rows of `analyze`


def trajectory(run: Run) -> dict[str, np.ndarray]:
    """Numbers of every snapshot of a run and of its end: column -> array over them, the first column their epochs.

    Accuracies on test pairs, by FOLLOWED; the norms of U, V and W; separation, how far the classes of hidden vectors
    lie apart by their training labels, over how far each spreads: 1 / NC1, see collapse.py, unbiased, so that it may be
    just below 0. For a rule with components: the median share, the root mean square phase error and the share of power
    in ideal neurons, as `analyze` has them; and the losses of Nanda et al. (arXiv 2301.05217) over the components that
    are dominant in the end: restricted_loss, on test pairs, of these alone, and excluded_loss, on training pairs with
    the labels that were fitted, of all the rest with μ. Raises InputError for a run without snapshots.
    """
    if not run.snapshots:
        raise InputError("snapshots", None, "asked for when the run is trained, to follow its trajectory by them")
    with Analysis(run) as last:
        dominant = last.structure.component if last.has_components else None
        rows = [_row(then, dominant) for then in last.moments()]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _row(analysis: Analysis, dominant: Array | None) -> dict[str, Any]:
    network, fitted, needs = analysis.run.network, analysis.run.fitted, analysis.needs
    row = {"epoch": analysis.epoch} | {f"{name} test": analysis.row(name).test for name in FOLLOWED if name in needs}
    row |= {f"norm {name}": float(np.linalg.norm(network.arrays[name])) for name in "UVW"}
    row["separation"] = _separation(network, fitted)
    return row if dominant is None else row | _structure_row(analysis, dominant, fitted)


def _separation(network: TwoLayerNet, pairs: Pairs) -> float:
    """1 / NC1; nan where there are no two classes of two examples, or they do not spread."""
    if (np.bincount(pairs.label) > 1).sum() < 2:
        return math.nan
    found = classes(lambda rows: network.hidden(pairs.a[rows], pairs.b[rows]), pairs.label, network.modulus)
    spread = float(found.variance[found.n > 1].mean())
    return found.between / spread if spread else math.nan


def _structure_row(analysis: Analysis, dominant: Array, fitted: Pairs) -> dict[str, float]:
    structure, config, test = analysis.structure, analysis.run.config, analysis.run.dataset.test
    kept, network, typical = structure.keep(dominant), analysis.run.network, structure.typical
    rest = replace(network, U=network.U - kept.U, V=network.V - kept.V, W=network.W - kept.W)

    def loss(network: TwoLayerNet, pairs: Pairs) -> float:
        return evaluate(network, pairs, config.loss, config.label_smoothing, analysis.backend)[1]

    return {name: typical[name] for name in ("median_share", "phase_error_rms", "ideal_power_share")} | {
        "restricted_loss": loss(kept, replace(test, label=test.true_label)), "excluded_loss": loss(rest, fitted),
    }
