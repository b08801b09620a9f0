"""What a page shows of a run beyond its summary: neurons one by one, every pair under every method, and snapshots."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from minimod.analysis.analysis import Analysis
from minimod.analysis.course import FOLLOWED
from minimod.analysis.detectors import DETECTORS, roc
from minimod.analysis.rows import METHODS
from minimod.analysis.structure import Structure
from minimod.analysis.summary import neuron_curves
from minimod.errors import InputError
from minimod.runs.accuracy import OUTCOMES, outcomes
from minimod.runs.files import DamagedFileError, array_checksum, load_checked_json, read_table
from minimod.runs.run import Run

NEURONS, COLUMNS, SNAPSHOTS = 256, 1024, 12     # at most: a screen has no room for more


def exhibit(analysis: Analysis) -> dict[str, Any]:
    """What a page shows of the run of an open analysis, as numbers and arrays.

    - moments: one of the run as it is, last, and before it one of each of some snapshots, in order: the epoch; pairs:
      method -> `outcomes` of all pairs, before the last for FOLLOWED alone; and where the rule has components, shares:
      uint8 of shape (components, columns), 255 for the largest of all, the columns being some neurons; phase_c and
      phase_sum of all neurons, for a cyclic rule.
    - columns: the neurons of these columns, in the order of the summary's spectrum; largest: the largest share.
    - neurons: some, by the ranks of their shares; curves: vector -> position, weight and dominant, (neurons, P) each,
      see `neuron_curves`.
    - detectors: name -> (shares of right labels, shares of wrong labels), see `roc`; from RUN_DIR/detectors.csv.
    - discovery: what RUN_DIR/discovery.json has; None where it is not there.
    - words: of the tokens; facts: name -> value, what it was trained with; what: frequency or component; outcomes: what
      the numbers of `outcomes` are; relabelled: whether these speak of labels that it was not trained on.
    """
    run = analysis.run
    shown: dict[str, Any] = {
        "detectors": detector_curves(run), "discovery": discovery(run), "words": run.words, "facts": facts(run),
        "outcomes": [name if run.dataset.is_known else name.replace("right label", "given label") for name in OUTCOMES],
        "relabelled": run.data.is_relabelled, "what": run.dataset.rule.component_kind,
    }
    if analysis.has_components:
        shown |= some_neurons(analysis.structure)
    moments = [
        moment(then, METHODS if then is analysis else FOLLOWED, shown.get("columns"))
        for then in analysis.moments(SNAPSHOTS)
    ]
    shown["largest"] = max((each["shares"].max() for each in moments if "shares" in each), default=1.0)
    for each in moments:
        if "shares" in each:
            each["shares"] = np.round(255 * each["shares"] / shown["largest"]).astype(np.uint8)
    return shown | {"moments": moments}


def some_neurons(structure: Structure) -> dict[str, Any]:
    """Columns of a spectrum, neurons, and their curves, see `exhibit`."""
    share, order = structure.neurons["share"], structure.order
    columns = order[:: -(-len(order) // COLUMNS)]
    ranked = columns[np.argsort(-share[columns], kind="stable")]
    neurons = ranked[np.unique(np.linspace(0, len(ranked) - 1, NEURONS).round().astype(int))]
    curves = [neuron_curves(structure, int(m)) for m in neurons]
    return {"columns": columns, "neurons": neurons, "curves": {
        vector: {name: np.stack([each[vector][name] for each in curves]) for name in ("position", "weight", "dominant")}
        for vector in "uvw"
    }}


def moment(analysis: Analysis, methods: Iterable[str], columns: np.ndarray | None) -> dict[str, Any]:
    """What there is to show of a network at one time, see `exhibit`; shares are not rounded yet."""
    needs, run = analysis.needs, analysis.run
    rows = [name for name in methods if name in needs and not np.isnan(getattr(analysis.chosen(name), "share", 0.0))]
    found: dict[str, Any] = {
        "epoch": analysis.epoch, "pairs": {name: outcomes(analysis.predict(name), run.dataset) for name in rows}
    }
    if columns is not None:
        structure = analysis.structure
        found["shares"] = structure.shares.mean(axis=0)[:, columns]
        found |= {name: structure.neurons[name] for name in ("phase_c", "phase_sum") if name in structure.neurons}
    return found


def facts(run: Run) -> dict[str, Any]:
    """What a run was trained with: its configuration, versions, and the checksum of its network."""
    stored = load_checked_json(run.directory / "config.json") if run.directory else {}
    versions = {name: stored[name] for name in ("minimod", "numpy", "device") if name in stored}
    return run.config.to_dict() | versions | {"sha256 of the network": array_checksum(run.network.arrays)}


def discovery(run: Run) -> dict[str, Any] | None:
    """What RUN_DIR/discovery.json has, None where it is not there. Raises InputError for another file."""
    path = (run.directory or Path()) / "discovery.json"
    if not run.directory or not path.exists():
        return None
    try:
        return load_checked_json(path)
    except DamagedFileError as error:
        raise InputError("discovery file", str(path), "as minimod discover writes it; call it again") from error


def detector_curves(run: Run) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The `roc` of each detector in RUN_DIR/detectors.csv, if truth is known. Raises InputError for another file."""
    path, wrong = (run.directory or Path()) / "detectors.csv", run.fitted.label != run.fitted.true_label
    if not run.directory or not path.exists() or not run.dataset.is_known:
        return {}
    try:
        head, lines = read_table(path)
        rows = [dict(zip(head, cells, strict=True)) for _, cells in lines]
        if len(rows) != len(wrong):
            raise ValueError(f"{len(rows)} labels, and not {len(wrong)}")
        names = (name for name in head if name.split(" [")[0] in DETECTORS)
        scores = {name: np.array([float(row[name]) for row in rows]) for name in names}
        return {name: roc(score, wrong) for name, score in scores.items()}
    except ValueError as error:
        allowed = "as minimod detect writes it for this run; call it again"
        raise InputError("detectors file", str(path), allowed) from error
