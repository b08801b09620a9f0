"""The rule found from a run's answers or labels, or from labels of one's own: where runs and discovery meet."""

from dataclasses import replace
from typing import Any

import numpy as np

from minimod.discovery.certificate import highest_chance, log_tables, p_value
from minimod.discovery.search import SIGNIFICANT, Found, Tell, nothing_found, search
from minimod.engine.backend import open_backend
from minimod.engine.predict import predict_table
from minimod.errors import InputError, one_of
from minimod.runs.run import Run, load_run

# What of a run the rule is looked for in: what its network answers for all pairs, or the labels it was trained on.
SOURCES = ("predictions", "labels")


def discover(
    a: Any, b: Any = None, label: Any = None, n_tokens: int | None = None, source: str = "predictions", seed: int = 0,
    seconds: float = 120, max_starts: int | None = None, device: str = "auto", threads: int | None = None,
    tell: Tell = lambda line: None,
) -> Found:
    """The group behind the labels of pairs (a, b), integers of shape (n,); or behind a run, given alone in place of a.

    Nothing is known of it but that there may be one, see `search`. n_tokens: P, by default as many as there are. A run
    is given as `train` and `load_run` return it, or by its directory. From its `predictions` on all pairs, wrong and
    agreement are those of the predictions; since these are not independent of each other, p_value is that of the labels
    that it was trained on, and nothing counts as found where these are no evidence. From its `labels`, all are of
    these. Raises InputError for another source, and for arrays that are no labels of pairs.
    """
    with open_backend(device, threads) as backend:
        options = seed, seconds, max_starts, backend, tell
        if b is not None or label is not None:
            a, b, label = (np.asarray(each) for each in (a, b, label))
            parts = [each for each in (a, b, label) if each.size and each.dtype.kind in "iu"]
            P = n_tokens if n_tokens is not None else 1 + max((int(each.max()) for each in parts), default=0)
            return search(a, b, label, P, *options)
        if source not in SOURCES:
            raise InputError("from", source, one_of(SOURCES, source))
        run = a if isinstance(a, Run) else load_run(a)
        P, train = run.network.modulus, run.fitted
        if source == "labels":
            return search(train.a, train.b, train.label, P, *options)
        every_a, every_b = np.divmod(np.arange(P * P), P)
        answered = predict_table(run.network.convert(backend.xp.asarray), backend).ravel()
        found = search(every_a, every_b, answered, P, *options)
        if found.assumption is None:
            return found
        hits, log_count = int((found.table[train.a, train.b] == train.label).sum()), log_tables(P, found.assumption)
        p = p_value(len(train), hits, highest_chance(train.label, P, found.absorbing is not None), log_count)
        return replace(found, p_value=p) if p < SIGNIFICANT else nothing_found(P, P * P, found.chance, found.starts)


def discovered_pairs(found: Found, words: np.ndarray) -> dict[str, np.ndarray]:
    """The pairs that a table has an answer for: columns a, b and label, in words, each of shape (n,)."""
    a, b = np.nonzero(found.table >= 0)
    return {"a": words[a], "b": words[b], "label": words[found.table[a, b]]}
