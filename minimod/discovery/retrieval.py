"""The rule found from a run's answers or labels: where runs and discovery meet."""

from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from minimod.discovery.certificate import highest_chance, log_tables, p_value
from minimod.discovery.judging import SIGNIFICANT, Found, nothing_found
from minimod.discovery.search import discover
from minimod.engine.predict import predict_table
from minimod.errors import choice
from minimod.runs.run import Run, as_run

# What of a run the rule is looked for in: what its network answers for all pairs, or the labels it was trained on.
SOURCES = ("predictions", "labels")


def discover_run(run: Run | Path | str, source: str = "predictions", **options: Any) -> Found:
    """The group behind a run, as `train` and `load_run` return it, or in a directory. options: those of `discover`.

    From its `predictions` on all pairs, wrong and agreement are those of the predictions. These are not independent of
    each other. So p_value is that of the labels that it was trained on, and nothing counts as found where these are no
    evidence. From its `labels`, all are of the labels. Raises InputError for another source.
    """
    allowed = list(signature(discover).parameters)[4:]      # after a, b, label and n_tokens, which are the run's
    for name in options:
        choice("keyword of discover_run", name, allowed)
    run, source = as_run("run", run), choice("source", source, SOURCES)
    P, train = run.network.modulus, run.fitted
    if source == "labels":
        return discover(train.a, train.b, train.label, P, **options)
    a, b = np.divmod(np.arange(P * P), P)
    label = predict_table(run.network).ravel()
    found = discover(a, b, label, P, **options)
    if found.assumption is None:
        return found
    answer, log_count = found.table[train.a, train.b], log_tables(P, found.assumption)
    hits = int((answer == train.label).sum())
    p = p_value(len(train), hits, highest_chance(train.label, answer), log_count)
    return replace(found, p_value=p) if p < SIGNIFICANT else replace(nothing_found(P, label), starts=found.starts)


def table_to_judge_by(found: Found, run: Run) -> np.ndarray:
    """The table, of shape (P, P), that tells which labels of a run are wrong. found: in these labels.

    -1 at labels that disagree, where such labels are structured. They may be right, and the rule no group's.
    """
    table = found.table.copy()
    if found.structured:
        table[run.fitted.a[found.wrong], run.fitted.b[found.wrong]] = -1
    return table


def discovered_pairs(found: Found, words: np.ndarray) -> dict[str, np.ndarray]:
    """The pairs that a table has an answer for: columns a, b and label, in words, each of shape (n,)."""
    a, b = np.nonzero(found.table >= 0)
    return {"a": words[a], "b": words[b], "label": words[found.table[a, b]]}
