"""What a page shows of a run beyond its summary: tables of labels, the network's weights, and its snapshots."""

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

# At most: snapshots, neurons that are drawn, and their weights of one vector. A file has to stay below some megabytes.
SNAPSHOTS, COLUMNS, COLUMN_WEIGHTS = 7, 512, 60_000
NETWORK_WEIGHTS = 1_500_000     # of a network that is shown whole, so that it answers for any pair
PHI = 4001                      # places at which an activation is given
# Shares of a moment in words; those of the filtered network are there where the rule has components.
HEADLINE = {
    "noisy": "of the wrong labels are memorised by the network",
    "test": "of the test pairs are answered correctly by the network",
    "filtered test": "of the test pairs are answered correctly by the filtered network",
    "filtered noisy": "of the wrong labels are left in the filtered network",
    "untrained test": "of the test pairs are answered correctly by the network before training, filtered",
}


def page_data(analysis: Analysis) -> dict[str, Any]:
    """What a page shows of the run of an open analysis, as numbers and arrays.

    - rule, given: the true labels, and the training labels as they were fitted; int, (P, P); -1 where there is none.
    - moments: see `moment`; the last one is the run as it is, and before it come some of its snapshots, in order.
    - task: what is to be learned, in a formula. wrong: the share of wrong labels that were fitted, as text.
    - words: of the tokens. facts: name -> value, what the run was trained with. what: frequency or component.
    - outcomes: what the numbers of `outcomes` mean. headline: what the shares of a moment's headline mean.
    - width: the number of neurons. first_pair: the words of a pair to begin with, with a wrong label if there is one.
    - relabelled: whether the network was fitted to other labels than the dataset has.
    - detectors: name -> curve (see `roc`), auroc, precision, needs; from RUN_DIR/detectors.csv.
    - discovery: what RUN_DIR/discovery.json has; None where it is not there.
    - phi: the activation at PHI evenly spaced places from -range to range, 0 among them, where all hidden values lie.

    Where the rule has components there is also
    - components: their names. component_of, bases: see `rules.Bases`; a basis vector is a row here: (3, n, P).
    - columns: the neurons that are drawn, in the order of the summary's spectrum. largest: the largest share.
    - untrained: power and neurons of each component before training, see `moment`; untrained_error: its phase error.
    - ranked: all neurons, from the largest share on.
    - tokens: of a cyclic rule, the token at every coordinate of a, b and c, of shape (3, order).
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
    """The training labels as they were fitted, of shape (P, P); -1 at the pairs that the network never saw."""
    table = np.full((run.network.modulus,) * 2, -1)
    table[run.fitted.a, run.fitted.b] = run.fitted.label
    return table


def small(labels: np.ndarray) -> np.ndarray:
    """The same whole numbers in as few bytes as will do."""
    return labels.astype(np.min_scalar_type(-int(labels.max(initial=0)) - 1))


def moment(
    analysis: Analysis, methods: Iterable[str], control: dict[str, Any], columns: np.ndarray, neurons: np.ndarray,
    kind: type,
) -> dict[str, Any]:
    """What there is to show of a network at one time.

    control: the accuracies of the untrained network, filtered: one row or none.
    epoch; sentence: the network in words; headline: the shares of HEADLINE.
    outcomes: method -> `outcomes` of all pairs. answers, filtered: the labels that raw and dominant predict, (P, P).
    neurons: whose weights are here. weights: u, v and w of each, of shape (3, neurons, P), integers of this kind;
    times scale, of shape (3, neurons), they are the weights.
    Where the rule has components: component: the dominant one of each of these vectors, (3, neurons). shares: the mean
    share of u, v and w, (components, columns), not rounded yet. counts: see `of_components`. phases: x and y of the
    trained series of `charts.phases`, and error, the root mean square phase error.
    """
    needs, run = analysis.needs, analysis.run
    rows = [name for name in methods if name in needs and not np.isnan(getattr(analysis.chosen(name), "share", 0.0))]
    tables = {name: analysis.predict(name) for name in rows}
    shares = {name: accuracies(tables[name], run.dataset)._asdict() for name in FOLLOWED if name in tables} | control
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
    """The share of all power, and the number of neurons, by component; a neuron's component is its w's: both (K,)."""
    power = to_host(structure.power).sum(axis=(0, 2))
    return {
        "power": power / (power.sum() or 1.0),
        "neurons": np.bincount(structure.component[2], minlength=len(power) + 1)[1:],
    }


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


def detectors(run: Run) -> dict[str, dict[str, Any]]:
    """What each detector in RUN_DIR/detectors.csv finds, if truth is known. Raises InputError for another file."""
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
