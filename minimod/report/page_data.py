"""The data of a run's page beyond its summary: tables of labels, the network's weights, and snapshots."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from minimod.activations import ACTIVATIONS
from minimod.analysis.analysis import Analysis
from minimod.analysis.detectors import DETECTORS, auroc, precision, roc
from minimod.analysis.rows import METHODS
from minimod.analysis.structure import Structure
from minimod.analysis.summary import in_words, task
from minimod.analysis.trajectory import FOLLOWED
from minimod.arrays import to_host
from minimod.errors import InputError
from minimod.report import charts
from minimod.runs.accuracy import OUTCOMES, accuracies, outcomes
from minimod.runs.files import DamagedFileError, array_checksum, load_checked_json, read_table
from minimod.runs.run import Run

# The most snapshots, the most drawn neurons, and the most weights of the drawn neurons in one matrix. The limits keep
# the file below some megabytes.
SNAPSHOTS, COLUMNS, COLUMN_WEIGHTS = 7, 512, 60_000
NETWORK_WEIGHTS = 1_500_000     # a network of at most this size is stored whole: the page computes logits of any pair
PHI = 4001                      # the number of places at which the activation is stored
# Share of a moment -> its words. Shares of the filtered network exist only if the rule has components.
HEADLINE = {
    "noisy": "of the wrong labels are memorised by the network",
    "test": "of the test pairs are answered correctly by the network",
    "filtered test": "of the test pairs are answered correctly by the filtered network",
    "filtered noisy": "of the wrong labels are left in the filtered network",
    "untrained test": "of the test pairs are answered correctly by the network before training, filtered",
}


def page_data(analysis: Analysis) -> dict[str, Any]:
    """The data of a run's page, as numbers and arrays, from an open analysis.

    - rule, given: the true labels, and the training labels as they were fitted. int, (P, P), -1 for no label.
    - moments: see `moment`. The last moment is the finished run. Before it come some of its snapshots, in order.
    - task: the rule as a formula. wrong: the share of wrong labels that were fitted, as text.
    - words: the names of the tokens. facts: the configuration and versions of the run. what: frequency or component.
    - outcomes: the meaning of the numbers of `outcomes`. headline: the meaning of the shares of a moment's headline.
    - width: the number of neurons. first_pair: the words of a pair to begin with. It has a wrong label if possible.
    - relabelled: whether the network was fitted to other labels than the dataset's labels.
    - detectors: name -> curve (see `roc`), auroc, precision, needs; from RUN_DIR/detectors.csv.
    - discovery: the content of RUN_DIR/discovery.json, or None without this file.
    - phi: the activation at PHI evenly spaced places from -range to range. 0 is one of the places. All hidden values
      lie in this range.

    If the rule has components, the data also has
    - components: their names. component_of, bases: see `rules.Bases`. Here a basis vector is a row: (3, n, P).
    - columns: the drawn neurons, in the order of the summary's spectrum. largest: the largest share.
    - untrained: power and neurons of every component before training, see `of_components`. untrained_error: the phase
      error before training.
    - ranked: all neurons, sorted from the largest share to the smallest.
    - tokens: for a cyclic rule, the token at every coordinate of a, b and c, of shape (3, order).
    """
    run = analysis.run
    network, dataset, rule = run.network, run.dataset, run.dataset.rule
    noisy = run.fitted.label != run.fitted.true_label
    wrong = f"{100 * noisy.mean():.3g} % wrong" if dataset.is_known and len(noisy) else ""
    candidates = np.flatnonzero(noisy) if noisy.any() else np.arange(len(noisy))
    first = candidates[len(candidates) // 2]
    reach = float(np.abs(network.U).max() + np.abs(network.V).max()) or 1.0
    phi = ACTIVATIONS[network.activation].value(np.linspace(-reach, reach, PHI))
    shown: dict[str, Any] = {
        "rule": small(rule.label_table), "given": small(labels_given(run)), "words": [*map(str, run.words)],
        "task": task(run.config), "wrong": wrong, "facts": facts(run),
        "what": rule.component_kind, "relabelled": run.data.is_relabelled,
        "outcomes": [name if dataset.is_known else name.replace("right label", "given label") for name in OUTCOMES],
        "detectors": detectors(run), "discovery": discovery(run), "mu": network.mu.astype(np.float32),
        "phi": {"range": reach, "value": phi.astype(np.float32)},
        "headline": list(HEADLINE.values())[: None if analysis.has_components else 2],
        "first_pair": [str(run.words[tokens[first]]) for tokens in (run.fitted.a, run.fitted.b)],
        "width": network.width,
    }
    columns = np.arange(network.width)
    if analysis.has_components:
        structure, bases = analysis.structure, rule.bases
        order = structure.order
        columns = order[:: -(-len(order) // max(1, min(COLUMNS, COLUMN_WEIGHTS // rule.modulus)))]
        shown |= {
            "components": rule.component_names, "columns": columns, "component_of": bases.component_of,
            "bases": np.stack([basis.T for basis in bases[:3]]).astype(np.float32),
            "untrained": of_components(analysis.untrained),
            "untrained_error": analysis.untrained.phase_error_rms,
            "ranked": np.argsort(-to_host(structure.neurons["share"]), kind="stable"),
        }
        if structure.has_phases:
            shown |= {"tokens": np.stack(structure.components.tokens), "order": structure.components.order}
    is_whole = 3 * network.U.size <= NETWORK_WEIGHTS
    neurons = np.arange(network.width) if is_whole else columns[:COLUMNS]
    control = {name: analysis.row(name)._asdict() for name in ("untrained dominant",) if name in analysis.needs}
    moments = [
        moment(then, METHODS, control, columns, neurons, np.int16) if then is analysis
        else moment(then, FOLLOWED, control, columns, columns, np.int8) for then in analysis.moments(SNAPSHOTS)
    ]
    shown["largest"] = max((each["shares"].max() for each in moments if "shares" in each), default=1.0)
    for each in moments:
        if "shares" in each:
            each["shares"] = np.round(255 * each["shares"] / shown["largest"]).astype(np.uint8)
    return shown | {"moments": moments, "is_whole": is_whole}


def labels_given(run: Run) -> np.ndarray:
    """The training labels as they were fitted, of shape (P, P). -1 at the pairs that the network never saw."""
    table = np.full((run.network.modulus,) * 2, -1)
    table[run.fitted.a, run.fitted.b] = run.fitted.label
    return table


def small(labels: np.ndarray) -> np.ndarray:
    """The same integers, in the smallest integer type that holds them."""
    return labels.astype(np.min_scalar_type(-int(labels.max(initial=0)) - 1))


def moment(
    analysis: Analysis, methods: Iterable[str], control: dict[str, Any], columns: np.ndarray, neurons: np.ndarray,
    kind: type,
) -> dict[str, Any]:
    """The data of a network at one epoch.

    control: the accuracies of the filtered untrained network, by row. Empty if the row does not apply.
    columns: the neurons with shares. neurons: the neurons with weights. kind: the integer type of the weights.

    The result has
    - epoch. sentence: the network in words. headline: the shares of HEADLINE.
    - outcomes: method -> `outcomes` of all pairs. answers, filtered: the labels that raw and dominant predict, (P, P).
    - neurons. weights: their u, v and w, integers of shape (3, neurons, P). scale: of shape (3, neurons). The product
      weights * scale is the weights of the network.

    If the rule has components, it also has
    - component: the dominant component of every vector, (3, neurons). shares: the mean share of u, v and w, of shape
      (components, columns), not rounded yet. counts: see `of_components`.
    - phases: x and y of the trained series of `charts.phases`, and error, the root mean square phase error.
    """
    needs, run = analysis.needs, analysis.run
    rows = [name for name in methods if name in needs and not np.isnan(getattr(analysis.chosen(name), "share", 0.0))]
    tables = {name: analysis.predict(name) for name in rows}
    shares = {name: accuracies(tables[name], run.dataset)._asdict() for name in FOLLOWED if name in tables} | control
    shares |= {name: analysis.row(name)._asdict() for name in ("random frequency",) if name in needs}
    raw, kept, control = shares["raw"], shares.get("dominant"), shares.get("untrained dominant", {})
    vectors = np.stack([to_host(X)[neurons] for X in (run.network.U.T, run.network.V.T, run.network.W)])
    largest = np.abs(vectors).max(axis=2)
    scale = np.where(largest > 0, largest, 1) / np.iinfo(kind).max
    found: dict[str, Any] = {
        "epoch": analysis.epoch, "sentence": in_words(run, shares),
        "headline": [raw["noisy"], raw["test"], *(() if not kept else (kept["test"], kept["noisy"], control["test"]))],
        "outcomes": {name: outcomes(table, run.dataset) for name, table in tables.items()},
        "answers": small(tables["raw"]), "neurons": neurons,
        "weights": np.rint(vectors / scale[:, :, None]).astype(kind), "scale": scale.astype(np.float32),
    }
    if analysis.has_components:
        structure = analysis.structure
        found |= {
            "filtered": small(tables["dominant"]), "component": structure.component[:, neurons].astype(np.int16),
            "shares": structure.shares.mean(axis=0)[:, columns], "counts": of_components(structure),
            "phases": dict(zip("xy", charts.phases_of(structure.neurons), strict=True)) | {
                "error": structure.phase_error_rms,
            },
        }
    return found


def of_components(structure: Structure) -> dict[str, np.ndarray]:
    """By component, the share of all power and the number of neurons with this component in w. Both of shape (K,)."""
    power = to_host(structure.power).sum(axis=(0, 2))
    return {
        "power": power / (power.sum() or 1.0),
        "neurons": np.bincount(structure.component[2], minlength=len(power) + 1)[1:],
    }


def facts(run: Run) -> dict[str, Any]:
    """The configuration and the versions of a run, and the checksum of its network."""
    stored = load_checked_json(run.directory / "config.json") if run.directory else {}
    versions = {name: stored[name] for name in ("minimod", "numpy", "device") if name in stored}
    return run.config.to_dict() | versions | {"sha256 of the network": array_checksum(run.network.arrays)}


def discovery(run: Run) -> dict[str, Any] | None:
    """The content of RUN_DIR/discovery.json, or None without this file. Raises InputError if the file is damaged."""
    path = (run.directory or Path()) / "discovery.json"
    if not run.directory or not path.exists():
        return None
    try:
        return load_checked_json(path)
    except DamagedFileError as error:
        raise InputError("discovery file", str(path), "as minimod discover writes it; call it again") from error


def detectors(run: Run) -> dict[str, dict[str, Any]]:
    """The results of every detector in RUN_DIR/detectors.csv, empty if the right labels are unknown.

    Raises InputError if the file does not fit the run.
    """
    path, wrong = (run.directory or Path()) / "detectors.csv", run.fitted.label != run.fitted.true_label
    if not run.directory or not path.exists() or not run.dataset.is_known:
        return {}
    try:
        head, lines = read_table(path)
        rows = [dict(zip(head, cells, strict=True)) for _, cells in lines]
        if len(rows) != len(wrong):
            raise ValueError(f"{len(rows)} labels, and not {len(wrong)}")
        found = {}
        for column in head:
            name, _, needs = column.removesuffix("]").partition(" [")
            if name in DETECTORS:
                score = np.array([float(row[column]) for row in rows])
                found[name] = {"curve": roc(score, wrong), "auroc": auroc(score, wrong),
                               "precision": precision(score, wrong), "needs": needs or DETECTORS[name].needs}
        return found
    except ValueError as error:
        allowed = "as minimod detect writes it for this run; call it again"
        raise InputError("detectors file", str(path), allowed) from error
