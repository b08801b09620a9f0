"""What a run is given besides its configuration: arrays that are checked here, and kept with it as its data."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minimod.config import TrainingConfig
from minimod.data import COLUMNS, PARTS
from minimod.engine.device import warn_once
from minimod.errors import InputError
from minimod.network import TwoLayerNet
from minimod.noise import checked
from minimod.rules.tables import checked_table, load_table, table_path
from minimod.store.contents import Data


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


def with_table(data: Data, config: TrainingConfig) -> Data:
    """The data of a run, with the table of a rule that is one: the copy that the run has, or that of its file.

    Raises InputError if there is neither. A file that is no longer what the copy is gets a warning.
    """
    path = table_path(config.rule)
    if path is None or ("table" in data and not path.exists()):
        return data
    table = load_table(path)
    if not np.array_equal(data.get("table", table), table):
        warn_once(f"{path} is not the table that the run was begun with; it goes on with the copy that it has")
    return {"table": table, **data}


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
