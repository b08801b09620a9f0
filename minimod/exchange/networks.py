"""Networks from elsewhere as runs, and what a run has for others."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minimod.data import PARTS
from minimod.engine.predict import predict_table
from minimod.exchange.foreign import network_from
from minimod.exchange.formats import read_arrays
from minimod.exchange.pairs import load_pairs
from minimod.runs.config import TrainingConfig
from minimod.runs.data import UserData, with_modulus
from minimod.runs.run import Run
from minimod.runs.training import store_network


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
    config = with_modulus(TrainingConfig(**{"noise_ratio": 0.0, "epochs": 0} | options))
    network, lines = network_from(read_arrays(file), config.modulus, config.activation, config.tied, mapping or {})
    config = replace(
        config, width=network.width, tied=network.tied, bias=network.has_bias, dtype=str(network.U.dtype), epochs=0
    )
    given = None
    if pairs is not None:
        given, _ = load_pairs(Path(pairs), list(map(str, range(config.modulus))))
        config = replace(config.on_pairs(given), rule=config.rule)
    return store_network(network, config, directory, UserData(pairs=given)), lines


def predictions(run: Run) -> dict[str, np.ndarray]:
    """What a run's network answers for every pair, and what is known of it: columns of texts, each of shape (P²,).

    a, b, label, true_label, part, as `load_pairs` reads them, and prediction. Tokens are the words that they stand for.
    Empty are label and part of a pair in no part; true_label is left out where the true labels are not known.
    """
    P, dataset = run.network.modulus, run.dataset
    words = np.append(run.words, "")
    part, label = np.full((P, P), len(PARTS)), np.full((P, P), -1)
    for number, pairs in enumerate((dataset.train, dataset.noisy_validation, dataset.test)):
        part[pairs.a, pairs.b], label[pairs.a, pairs.b] = number, pairs.label
    a, b = np.divmod(np.arange(P * P), P)
    columns = {"a": words[a], "b": words[b], "label": words[label.ravel()]}
    if dataset.is_known:
        columns["true_label"] = words[dataset.rule.label_table.ravel()]
    predicted = words[predict_table(run.network).ravel()]
    return columns | {"part": np.array([*PARTS, ""])[part.ravel()], "prediction": predicted}
