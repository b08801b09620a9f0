"""What a run is given besides its configuration: arrays that are checked here, and kept with it as its data."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from minimod.arrays import Pairs
from minimod.data import PARTS, Dataset, make_dataset
from minimod.engine.device import warn_once
from minimod.errors import InputError
from minimod.groups.rules import PAIRS, TableRule, checked_table, make_rule, rule_of_table, table_path
from minimod.network import TwoLayerNet
from minimod.noise import checked
from minimod.runs.config import TrainingConfig
from minimod.runs.files import load_numbers

# Arrays that the configuration cannot rebuild, by name.
Data = Mapping[str, np.ndarray]
NO_DATA: Data = MappingProxyType({})

# The columns of pairs that are given, as the array `pairs` has them; -1 stands for a true label that is not known, and
# a part is its place in PARTS.
COLUMNS = ("a", "b", "label", "true_label", "part")


def checked_data(config: TrainingConfig, arrays: Mapping[str, Any]) -> Data:
    """The arrays that are not None, as `train` takes them by name. Raises InputError for one that cannot be used."""
    P = config.modulus
    data = {name: np.asarray(array) for name, array in arrays.items() if array is not None}
    for name in {"labels", "pairs"} & data.keys():
        if data[name].dtype.kind not in "iu":
            raise InputError(name, f"{data[name].dtype} of shape {data[name].shape}", "integers")
        data[name] = data[name].astype(np.int64)
    if "table" in data:
        if not table_path(config.rule):
            raise InputError("table", "given", f"left out, where the rule is {config.rule}")
        data["table"] = checked_table(data["table"], "given")
    if "pairs" in data:
        _check_pairs(data["pairs"], config)
    if "tokens" in data:
        data["tokens"] = data["tokens"].astype(str)
    for name, shape in {"tokens": (P,), "table": (P, P)}.items():
        if name in data and data[name].shape != shape:
            raise InputError(name, f"of shape {data[name].shape}", f"of shape {shape}")
    if "noise_matrix" in data:
        if config.noise_kind != "matrix":
            raise InputError("noise_kind", config.noise_kind, "matrix, where a noise_matrix is given")
        data["noise_matrix"] = checked(data["noise_matrix"], P)
    return data


def _check_pairs(pairs: np.ndarray, config: TrainingConfig) -> None:
    """Raise InputError unless integers can be the pairs of a dataset, of this many tokens."""
    P = config.modulus
    if pairs.ndim != 2 or pairs.shape[1] != len(COLUMNS) or not len(pairs):
        raise InputError("pairs", f"of shape {pairs.shape}", f"of shape (n, {len(COLUMNS)}): {', '.join(COLUMNS)}")
    ranges = [(0, P - 1), (0, P - 1), (0, P - 1), (-1, P - 1), (0, len(PARTS) - 1)]
    for name, (low, high), column in zip(COLUMNS, ranges, pairs.T, strict=True):
        if column.min() < low or column.max() > high:
            raise InputError("pairs", f"{name} from {column.min()} to {column.max()}", f"in {low} .. {high}")
    if len(np.unique(pairs[:, :2], axis=0)) < len(pairs):
        raise InputError("pairs", f"{len(pairs)} pairs", "each pair once")
    if (pairs[:, -1] != PARTS.index("train")).all():
        raise InputError("pairs", "none for training", "one for training at least")
    if config.noise_ratio:
        raise InputError("noise_ratio", config.noise_ratio, "0, where pairs are given: their labels stay as they are")


def load_table(path: Path) -> np.ndarray:
    """Labels of (a, b) in row a and column b, of a CSV or npy file, int64, (P, P). Raises InputError for another."""
    return checked_table(load_numbers(path), str(path))


def resolve(config: TrainingConfig, data: Data) -> tuple[TrainingConfig, Data]:
    """The configuration with its modulus, and the data of a run with the table of a rule that is one.

    The table is the copy that the run has, or the one in its file. Raises InputError if there is neither. If the file
    is no longer the same as the copy, this warns.
    """
    path = table_path(config.rule)
    if path is not None and ("table" not in data or path.exists()):
        table = load_table(path)
        if not np.array_equal(data.get("table", table), table):
            warn_once(f"{path} is not the table that the run was begun with; it goes on with the copy that it has")
        data = {"table": table, **data}
    if config.modulus is None:
        if path is None:
            raise InputError("modulus", None, "the number of tokens, where pairs are given")
        config = replace(config, modulus=len(data["table"]))
    return config, data


def build_dataset(config: TrainingConfig, data: Data = NO_DATA) -> Dataset:
    """The dataset of a configuration, a function of its task, data and seed fields, and of the data of a run.

    Raises InputError as `make_dataset` does, for a matrix that cannot be used, and for data that are missing.
    """
    if "pairs" in data:
        return given_dataset(config, data["pairs"], data.get("table"))
    rule = make_rule(config.rule, config.modulus, data.get("table"))
    return make_dataset(
        rule, config.train_fraction, config.noise_ratio, config.noise_kind, config.seed, data.get("noise_matrix")
    )


def given_dataset(config: TrainingConfig, pairs: np.ndarray, table: np.ndarray | None = None) -> Dataset:
    """The dataset of pairs that are given, integers of shape (n, 5): a row a pair, its columns those of COLUMNS.

    The labels stay as they are, but those of validation and test pairs are the true ones where these are known. The
    rule is that of the configuration, or of its table, and gives true labels that are not given. Where it is PAIRS, it
    is the table of the true labels, which has components if it is whole and a group's.
    """
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    a, b, label, true_label, part = pairs.T
    if config.rule != PAIRS:
        rule = make_rule(config.rule, config.modulus, table)
        says = rule.label_table[a, b]
        other = (says < 0) | ((true_label >= 0) & (true_label != says))
        if other.any():
            allowed = f"pairs of the rule {config.rule}, with its true labels"
            raise InputError("pairs", f"{a[other][0]}, {b[other][0]}", allowed)
        true_label = says
    is_known = bool((true_label >= 0).all())
    if config.rule == PAIRS:
        table = np.full((config.modulus, config.modulus), -1)
        table[a, b] = true_label
        rule = TableRule(PAIRS, len(table), table) if (table < 0).any() else rule_of_table(PAIRS, table)
    true_label = true_label if is_known else label
    all_pairs = Pairs(a, b, label, true_label, label != true_label)
    train, noisy_validation, test = (all_pairs[part == number] for number in range(len(PARTS)))
    validation, test = (
        replace(each, label=each.true_label, is_noisy=np.zeros(len(each), bool)) for each in (noisy_validation, test)
    )
    return Dataset(rule, train, validation, test, noisy_validation, is_known)


def check_network(network: TwoLayerNet, config: TrainingConfig) -> None:
    """Raise InputError unless a network is one of this configuration, which has no epochs."""
    told = {"epochs": 0, "modulus": network.modulus, "width": network.width, "dtype": str(network.U.dtype),
            "activation": network.activation, "tied": network.tied, "bias": network.has_bias}
    for name, value in told.items():
        if getattr(config, name) != value:
            raise InputError(name, getattr(config, name), f"{value}, where this network is given")


def check_fitted(data: Data, n_train: int, modulus: int) -> None:
    """Raise InputError unless labels and choice are of the training pairs."""
    labels, kept = data.get("labels", np.zeros(n_train, int)), data.get("kept", np.ones(n_train, bool))
    if labels.shape != (n_train,):
        raise InputError("labels", f"{labels.dtype} of shape {labels.shape}", f"integers of shape {(n_train,)}")
    if labels.min() < 0 or labels.max() >= modulus:
        raise InputError("labels", f"{labels.min()} to {labels.max()}", f"in 0 .. {modulus - 1}")
    if kept.shape != (n_train,) or kept.dtype != bool or not kept.any():
        allowed = f"booleans of shape {(n_train,)}, some of them true"
        raise InputError("kept", f"{kept.dtype} of shape {kept.shape}", allowed)
