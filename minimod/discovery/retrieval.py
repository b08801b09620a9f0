"""The rule found from a run's answers or labels: where runs and discovery meet."""

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

# What of a run the rule is looked for in: what its network answers for all pairs, or the labels it was trained on.
SOURCES = ("predictions", "labels")


def discover_run(run: Run | Path | str, source: str = "predictions", **options: Any) -> Found:
    """The group behind a run, as `train` and `load_run` return it, or in a directory. options: those of `discover`.

    From its `predictions` on all pairs, wrong and agreement are those of the predictions. From its `labels`, they are
    those of the labels that it was trained on. What a network answers is not independent, nor are labels that are the
    answers of another, as `extract` makes them. So p_value is that of labels which were not searched: from the
    predictions, those that it was trained on; and those of its dataset, if it was trained on labels of its own. The
    weaker evidence counts, and nothing counts as found where there is none. Raises InputError for another source.
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
    """The table, of shape (P, P), that tells which labels of a run are wrong. found: in these labels.

    -1 at labels that disagree, where the table is only the nearest group's. They may be right, and the rule no group's.
    """
    table = found.table.copy()
    if found.is_nearest:
        table[run.fitted.a[found.wrong], run.fitted.b[found.wrong]] = -1
    return table


def discovered_pairs(found: Found, words: np.ndarray) -> dict[str, np.ndarray]:
    """The pairs that a table has an answer for: columns a, b and label, in words, each of shape (n,)."""
    a, b = np.nonzero(found.table >= 0)
    return {"a": words[a], "b": words[b], "label": words[found.table[a, b]]}
