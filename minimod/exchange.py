"""Networks from elsewhere as runs, and what a run has for others."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minimod.config import TrainingConfig
from minimod.data import COLUMNS, PARTS
from minimod.engine.predict import predict_table
from minimod.rules import make_rule
from minimod.rules.tables import load_table, table_path
from minimod.store.foreign import network_from, read_arrays
from minimod.store.pairs import load_pairs
from minimod.store.runs import Run
from minimod.training import train


def import_network(
    file: Path | str, directory: Path | str, mapping: Mapping[str, str] | None = None, pairs: Path | str | None = None,
    **options: Any,
) -> tuple[Run, list[str]]:
    """A network that was trained elsewhere, as a run in a directory; and lines that say what became of each array.

    `options` are fields of the configuration: the rule and the modulus, the activation, tied, and how the pairs are
    split, by default as ours without noise. `pairs` is a CSV file that says it instead, see `load_pairs`; its tokens
    are 0 .. P-1, and true labels that it does not have are the rule's. The run has no epochs; `train` extends it.
    Raises InputError for a file, a mapping or options that do not fit, see `foreign.network_from`.
    """
    config = TrainingConfig(**{"noise_ratio": 0.0, "epochs": 0} | options)
    network, lines = network_from(read_arrays(file), config.modulus, config.activation, config.tied, mapping or {})
    config = replace(
        config, width=network.width, tied=network.tied, bias=network.has_bias, dtype=str(network.U.dtype), epochs=0
    )
    given = None
    if pairs is not None:
        given, _ = load_pairs(Path(pairs), list(map(str, range(config.modulus))))
        path = table_path(config.rule)
        table = make_rule(config.rule, config.modulus, load_table(path) if path else None).label_table
        config = replace(config.on_pairs(given), rule=config.rule)
        a, b, _, true_label, _ = given.T
        given[:, COLUMNS.index("true_label")] = np.where(true_label < 0, table[a, b], true_label)
    return train(config, directory, network=network, pairs=given), lines


def predictions(run: Run) -> dict[str, np.ndarray]:
    """What a run's network answers for every pair: columns a, b, prediction, true_label and part, (P²,) texts each.

    Tokens are the words that they stand for. What is not known is empty, and so is the part of a pair in none.
    """
    P, dataset = run.network.modulus, run.dataset
    words = np.append(run.data.get("tokens", np.arange(P).astype(str)), "")
    part, true_label = np.full((P, P), len(PARTS)), dataset.rule.label_table.copy()
    for number, name in enumerate(PARTS):
        pairs = getattr(dataset, name)
        part[pairs.a, pairs.b] = number
        if dataset.is_known:
            true_label[pairs.a, pairs.b] = pairs.true_label
    a, b = np.divmod(np.arange(P * P), P)
    return {
        "a": words[a], "b": words[b], "prediction": words[predict_table(run.network).ravel()],
        "true_label": words[true_label.ravel()], "part": np.array([*PARTS, ""])[part.ravel()],
    }
