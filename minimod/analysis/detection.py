"""Which training labels of a run are wrong: the evidence from its network, and every detector's score."""

from typing import Any

import numpy as np

from minimod.analysis.analysis import Analysis, AnyRun, same_pairs
from minimod.analysis.detectors import DETECTORS, Evidence, auroc, precision, ridge_margins, scores
from minimod.analysis.readouts import blocks, interaction_of
from minimod.analysis.rows import DEFAULT_METHOD, labels_need, together
from minimod.analysis.scores import NOTHING
from minimod.arrays import Pairs, checked_array
from minimod.engine.backend import Backend
from minimod.engine.kernels import confidence
from minimod.engine.predict import map_logit_blocks
from minimod.errors import InputError
from minimod.network import TwoLayerNet
from minimod.runs.run import Run, as_run


def detect(
    run: AnyRun, extracted: AnyRun | None = None, held_out: np.ndarray | None = None, table: np.ndarray | None = None,
) -> dict[str, Any]:
    """The score of every training label by every detector for which there is evidence, as numbers and arrays.

    A run is what `train` and `load_run` return, the `run` of a round of `extract`, or a run's directory. extracted: the
    last run of a self-training that began with `run`. held_out: margins of shape (n,), see
    `self_training.held_out_margins`. table: the table of a group that `discover` has found in the run's labels, (P, P).
    Detectors that look at the course of training need a run with `record`. Raises InputError if the extracted run has
    other data. The result has

    - a, b, label: of the n pairs that were trained on, each of shape (n,),
    - scores: detector -> array of shape (n,). The higher the score, the more likely the label is wrong,
    - needs: detector -> what it needs to know. For self-training this includes what the labels of the extracted network
      needed, see `UserData.answers_of`,
    - wrong: the number of wrong labels. auroc, precision: detector -> number, see detectors.py. These three use the
      true labels. If the true labels are not known, wrong is 0, and auroc and precision are nan.
    """
    run = as_run("run", run)
    network, pairs, subset, P = run.network, run.fitted, run.data.subset, run.network.modulus
    if table is not None:
        table = checked_array("table", table, (P, P), -1, P - 1)
    if held_out is not None:
        held_out = checked_array("held_out", held_out, (len(run.dataset.train),), -1, 1, "numbers")
    retrained, answers_need = None, NOTHING
    if extracted is not None:
        with Analysis(extraction_of(run, extracted)) as analysis:
            retrained, answers_need = masked_margins(analysis, pairs), labels_need(analysis.run.data)
    with Analysis(run) as analysis:
        loss = map_logit_blocks(
            lambda rows, F: confidence(F, pairs.label[rows])[1], network, pairs.a, pairs.b, analysis.backend
        )
        evidence = Evidence(
            pairs.a, pairs.b, pairs.label, P, analysis.random_stream(),
            label_record=dict(run.label_record) or None, loss=np.concatenate(loss),
            ridge=ridge_margins(lambda rows: network.hidden(pairs.a[rows], pairs.b[rows]), pairs.label, P),
            interaction=interaction_margins(network, pairs, analysis.backend), masked=masked_margins(analysis, pairs),
            retrained=retrained, table=table,
            held_out=held_out if held_out is None or subset is None else held_out[subset],
        )
    found, is_wrong = scores(evidence), pairs.label != pairs.true_label
    needs = {name: DETECTORS[name].needs for name in found}
    needs |= {name: together(needs[name], answers_need) for name in needs if name == "self-training"}
    if not run.dataset.is_known:
        is_wrong = is_wrong[:0]
    judged = {name: score[: len(is_wrong)] for name, score in found.items()}
    return {
        "a": pairs.a, "b": pairs.b, "label": pairs.label, "scores": found,
        "needs": needs, "wrong": int(is_wrong.sum()),
        "auroc": {name: auroc(score, is_wrong) for name, score in judged.items()},
        "precision": {name: precision(score, is_wrong) for name, score in judged.items()},
    }


def extraction_of(run: Run, extracted: AnyRun) -> Run:
    """The last run of a self-training that began with `run`. Raises InputError if `extracted` is no such run."""
    other = as_run("extracted", extracted)
    if not same_pairs(run.dataset.train, other.dataset.train) or other.data.labels is None:
        raise InputError("extracted run", str(other.directory), "a run that minimod extract made from this run")
    return other


def interaction_margins(network: TwoLayerNet, pairs: Pairs, backend: Backend) -> np.ndarray:
    """The margins of n pairs' labels in the interaction of a network, of shape (n,)."""
    effect = interaction_of(network, backend)

    def margins(rows: slice) -> np.ndarray:
        some = pairs[rows]
        return np.asarray(confidence(effect(some.a, some.b), some.label)[0])

    return np.concatenate(list(backend.map(margins, blocks(len(pairs)))))


def masked_margins(analysis: Analysis, pairs: Pairs) -> np.ndarray | None:
    """As `interaction_margins`, for the neurons that DEFAULT_METHOD picks. None: it picks no neurons."""
    chosen = analysis.chosen(DEFAULT_METHOD)
    if not chosen or not len(chosen.neurons):
        return None
    return interaction_margins(analysis.run.network.subnetwork(chosen.neurons), pairs, analysis.backend)
