"""The trajectory of a run: what its network holds, as numbers, at every snapshot in the order of training."""

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
    """The trajectory of a run: column -> array over its snapshots and its end. The first column is the epoch.

    ROW test: the test accuracy of every row of FOLLOWED that applies.
    norm U, norm V, norm W: Frobenius norms.
    separation: 1 / NC1, see collapse.py. How far the classes of hidden vectors lie apart, over how far each class
        spreads. The classes are the training labels. It is unbiased, so it may be just below 0.

    For a rule with components also:
    median_share, phase_error_rms, ideal_power_share: see `Structure.typical`.
    restricted_loss, excluded_loss: the losses of Nanda et al. (arXiv 2301.05217), for the components that are dominant
        at the end. restricted_loss is on test pairs, with these components alone. excluded_loss is on training pairs
        with the labels that were fitted. Its network has everything except these components, so it has μ.

    Raises InputError for a run without snapshots.
    """
    if not run.snapshots:
        raise InputError("snapshots", None, "asked for when the run is trained: the trajectory is read from them")
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
    """1 / NC1. nan: no two classes have two examples each, or the classes do not spread."""
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
