"""Networks of other projects as runs, and the predictions of a run for other programs."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minimod.data import PARTS
from minimod.engine.predict import predict_table
from minimod.errors import InputError, check_type
from minimod.exchange.formats import read_arrays
from minimod.exchange.layouts import find_layout, in_words
from minimod.exchange.maps import Arrays, Maps, apply_maps
from minimod.exchange.pairs import load_pairs
from minimod.groups.rules import table_path
from minimod.network import TwoLayerNet
from minimod.runs.config import TrainingConfig
from minimod.runs.data import UserData, with_modulus
from minimod.runs.files import as_path
from minimod.runs.reading import read_labels
from minimod.runs.run import Run
from minimod.runs.training import store_network


def import_network(
    file: Path | str, directory: Path | str, maps: Maps | None = None, layout: str | None = None,
    pairs: Path | str | None = None, repeats: str | None = None, **fields: Any,
) -> tuple[Run, list[str]]:
    """Store a network of another project as a run in a directory. Also returns lines that say what each array became.

    maps: role -> expression over the file's arrays, see maps.py. layout: a name in LAYOUTS, if maps are not given.
    Without both, the layout that fits is taken. fields: fields of the configuration: rule, modulus, activation, tied,
    and how the pairs are split. By default, the pairs are split as in `train`, without noise. pairs: a file with the
    split, and repeats, see `load_pairs`. The file's tokens are 0 .. P-1, or the words of a table. The rule gives the
    true labels that the file does not have. The run has 0 epochs, and can be extended. Raises InputError for a file,
    maps or fields that do not fit.
    """
    check_type("maps", maps, Mapping | None, "a dictionary: role -> expression")
    if maps and layout:
        raise InputError("layout", layout, "left out if maps are given")
    config = with_modulus(TrainingConfig(**{"noise_ratio": 0.0, "epochs": 0} | fields))
    arrays, P = read_arrays(file), config.modulus
    if not maps:
        maps, layout = find_layout(arrays, P, layout)
    network, lines = network_from(arrays, maps, P, config.activation, config.tied)
    config = replace(
        config, width=network.width, tied=network.tied, bias=network.has_bias, dtype=str(network.U.dtype), epochs=0
    )
    given = None
    if pairs is not None:
        path = table_path(config.rule)
        words = read_labels(path)[1] if path else None
        given, _ = load_pairs(as_path("pairs", pairs), list(map(str, range(P) if words is None else words)), repeats)
        config = replace(config.on_pairs(given), rule=config.rule)
    run = store_network(network, config, directory, UserData(pairs=given))
    right = (predict_table(network) == run.dataset.rule.label_table)[run.dataset.rule.label_table >= 0].mean()
    lines += [f"the layout is {layout}"] if layout else []
    return run, [*lines, f"the network answers {right:.1%} of all pairs as {config.rule} does"]


def network_from(
    arrays: Arrays, maps: Maps, modulus: int, activation: str, tied: bool = False
) -> tuple[TwoLayerNet, list[str]]:
    """The network that maps make from arrays, and lines that say what each array became.

    Without V, or if V has the bits of U, the network is tied. Half of a hidden bias b is added to U, and half to V. So
    a tied network stays tied: φ(U e_a + V e_b + b) = φ((U + b/2) e_a + (V + b/2) e_b). The dtype is float64 if any used
    array is float64, else float32. Raises InputError as `apply_maps` does, for a weight that is not finite, and for
    `tied` if V is not U.
    """
    values, used = apply_maps(maps, arrays, modulus)
    texts = {role: text for role, text in maps.items() if role != "hidden_bias"}
    dtype = np.result_type(np.float32, *[arrays[name] for name in used])
    with np.errstate(all="ignore"):                 # an overflow raises InputError below
        if "hidden_bias" in values:
            for role in texts.keys() & {"U", "V"}:
                values[role] = values[role] + values["hidden_bias"] / 2
                texts[role] += f" + ({maps['hidden_bias']}) / 2"
        weights = {role: np.array(values[role], dtype, order="C") for role in texts}
    for role, X in weights.items():
        if not np.isfinite(X).all():
            raise InputError("map", f"{role}={texts[role]}", "finite in every number")
    U, V = weights["U"], weights.get("V", weights["U"])
    equal, bias = U.tobytes() == V.tobytes(), "mu" in weights
    if tied and not equal:
        raise InputError("tied", tied, f"False: {texts['U']} and {texts['V']} differ")
    mu = weights.get("mu", np.zeros(modulus, dtype))
    lines = [f"{role} = {text}, of shape {weights[role].shape}" for role, text in texts.items()]
    lines += (["V is U: the network is tied"] if equal else []) + ([] if bias else ["mu is 0: no bias"])
    lines += [f"all are {dtype}", f"the activation is {activation}, which no file tells"]
    left = {name: X for name, X in arrays.items() if name not in used}
    lines += [f"not used: {in_words(left)}"] if left else []
    return TwoLayerNet(U, U if equal else V, weights["W"], mu, activation, bias), lines


def predictions(run: Run) -> dict[str, np.ndarray]:
    """The network's prediction for every pair, and what is known of the pair: columns of texts, each of shape (P²,).

    The columns are a, b, label, true_label and part, as `load_pairs` reads them, and prediction. Tokens are written as
    their words. label and part are empty for a pair in no part. true_label is left out if the true labels are not
    known.
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
