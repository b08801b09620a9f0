"""Find the rule in the predictions or the labels of a run. Only this file of discovery/ knows runs."""

from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from minimod.discovery.certificate import highest_chance, p_value
from minimod.discovery.judging import SIGNIFICANT, Found, nothing_found
from minimod.discovery.search import discover
from minimod.engine.predict import predict_table
from minimod.errors import choice
from minimod.runs.run import Run, as_run

# Where to look for the rule: in the predictions for all pairs, or in the labels that the run was trained on.
SOURCES = ("predictions", "labels")


def discover_run(run: Run | Path | str, source: str = "predictions", **options: Any) -> Found:
    """The group behind a run. run: as `train` and `load_run` return it, or its directory. options: as for `discover`.

    source: "predictions" searches the predictions on all pairs, "labels" the labels that the run was trained on. wrong
    and agreement refer to the searched labels.

    p_value needs independent labels. The predictions of a network are not independent. If a network answered the
    labels, as in `extract`, they are not independent, either. So labels that were not searched have to agree, too. For
    "predictions", these are the labels that the run was trained on. If the run was trained on other labels than its
    dataset's, the dataset's labels have to agree for both sources. p_value is the largest of these bounds; for
    "labels", the search's own p_value is among them. If p_value is not below SIGNIFICANT, nothing was found. Raises
    InputError for another source.
    """
    allowed = list(signature(discover).parameters)[4:]      # after a, b, label and n_tokens, which are the run's
    for name in options:
        choice("keyword of discover_run", name, allowed)
    run, source = as_run("run", run), choice("source", source, SOURCES)
    P, train, others = run.network.modulus, run.fitted, [] if run.data.labels is None else [run.dataset.train]
    a, b, label = train.a, train.b, train.label
    if source == "predictions":
        a, b = np.divmod(np.arange(P * P), P)
        label, others = predict_table(run.network).ravel(), [train, *others]
    found = discover(a, b, label, P, **options)
    p_values = [found.p_value] if source == "labels" else []
    for pairs in others:
        answer = found.table[pairs.a, pairs.b]
        hits = int((answer == pairs.label).sum())
        p_values.append(p_value(len(pairs), hits, highest_chance(answer), found.log_count))
    if max(p_values) < SIGNIFICANT:
        return replace(found, p_value=max(p_values))
    nothing = nothing_found(P, label)
    return replace(nothing, starts=found.starts, is_cut=found.is_cut, looked=found.looked, refused=found.group)


def table_to_judge_by(found: Found, run: Run) -> np.ndarray:
    """The table, of shape (P, P), that tells which labels of a run are wrong. found: the result for these labels.

    If the group is only the nearest group, the table is -1 at labels that disagree. They may be right, and the rule may
    be no group's.
    """
    table = found.table.copy()
    if found.is_nearest:
        table[run.fitted.a[found.wrong], run.fitted.b[found.wrong]] = -1
    return table


def discovered_pairs(found: Found, words: np.ndarray) -> dict[str, np.ndarray]:
    """The pairs for which the table has an answer: columns a, b and label, in words, each of shape (n,)."""
    a, b = np.nonzero(found.table >= 0)
    return {"a": words[a], "b": words[b], "label": words[found.table[a, b]]}
