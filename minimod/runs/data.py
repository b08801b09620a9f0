"""A user's arrays beside the configuration. They are checked here, and stored with the run as its data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minimod.arrays import Pairs, checked_array
from minimod.data import PARTS, Dataset, make_dataset
from minimod.engine.device import warn_once
from minimod.errors import InputError, check_type, choice
from minimod.groups.rules import PAIRS, TableRule, checked_table, make_rule, rule_of_table, table_path
from minimod.noise import checked
from minimod.runs.config import TrainingConfig
from minimod.runs.files import array_checksum
from minimod.runs.reading import read_labels

# The columns of `UserData.pairs`. -1 stands for an unknown true label. A part is an index into PARTS.
COLUMNS = ("a", "b", "label", "true_label", "part")

# field -> its name in stored files, if that is another name. All versions store the field under this name.
STORED_AS = {"subset": "kept"}


@dataclass(frozen=True, eq=False)
class UserData:
    """Arrays that a configuration cannot rebuild. An array that is not given is None.

    labels: of shape (n_train,), fitted instead of the training labels. Losses and train_accuracy refer to these labels.
        All other accuracies still refer to the labels of the dataset.
    subset: booleans of shape (n_train,), True for the training pairs that are trained on.
    pairs: integers of shape (n, 5), a user's pairs, one pair per row, with the columns COLUMNS. The rule of the
        configuration is then PAIRS, or a rule that the pairs follow, see `TrainingConfig.on_pairs`.
    tokens: of shape (P,), the words that the tokens stand for.
    table: of shape (P, P), the labels of a rule table:FILE, if no such file exists.
    noise_matrix: of shape (P, P), the weights for noise of kind matrix, see `noise.by_matrix`.
    answers_of: no array, but names of rows of `analyze`. `labels` are the predictions of these rows, see `extract`. So
        the names say what the labels needed to know. Empty if this is not known. Runs that differ only in these names
        count as the same run.
    """

    labels: np.ndarray | None = None
    subset: np.ndarray | None = None
    pairs: np.ndarray | None = None
    tokens: np.ndarray | None = None
    table: np.ndarray | None = None
    noise_matrix: np.ndarray | None = None
    answers_of: tuple[str, ...] = ()

    @cached_property
    def stored(self) -> dict[str, np.ndarray]:
        """The arrays that are given, by their names in stored files."""
        arrays = {STORED_AS.get(each.name, each.name): getattr(self, each.name) for each in fields(self)}
        return {name: array for name, array in arrays.items() if array is not None and name != "answers_of"}

    @classmethod
    def from_stored(cls, arrays: Mapping[str, Any]) -> "UserData":
        """The inverse of `stored`. `arrays` may also have `answers_of`."""
        names = {STORED_AS.get(each.name, each.name): each.name for each in fields(cls)}
        return cls(**{names[name]: array for name, array in arrays.items()})

    @cached_property
    def checksums(self) -> dict[str, str]:
        """The checksum of every array that is given, by its name in stored files."""
        return {name: array_checksum({name: array}) for name, array in self.stored.items()}

    def __new__(cls, *_: Any, **arrays: Any) -> "UserData":
        """Raise InputError for an unknown field, for which Python would raise TypeError."""
        for name in arrays:
            choice("field of UserData", name, cls.__dataclass_fields__)
        return super().__new__(cls)

    def check(self, config: TrainingConfig) -> "UserData":
        """The same arrays in their final dtypes. Raises InputError for an array that cannot be used."""
        P = config.modulus
        data = {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) is not None}
        check_type("answers_of", self.answers_of, tuple, "a tuple of names of rows")
        data["answers_of"] = tuple(map(str, self.answers_of))
        if "labels" in data:
            data["labels"] = checked_array("labels", data["labels"], (None,), 0, P - 1)
        if "subset" in data:
            data["subset"] = checked_array("subset", data["subset"], (None,), kind="booleans")
        if "table" in data:
            if not table_path(config.rule):
                raise InputError("table", "given", f"left out, since the rule is {config.rule}")
            data["table"] = checked_table(data["table"])
        if "pairs" in data:
            data["pairs"] = checked_array("pairs", data["pairs"], (None, len(COLUMNS)))
            _check_pairs(data["pairs"], config)
        if "tokens" in data:
            data["tokens"] = np.asarray(data["tokens"]).astype(str)
            if re.search("\r(?!\n)|[\0\ud800-\udfff]", "|".join(data["tokens"].ravel())):     # lost in a CSV
                raise InputError("tokens", data["tokens"].tolist(), r"words in UTF-8, without \r and \0")
        for name, shape in {"tokens": (P,), "table": (P, P)}.items():
            if name in data and data[name].shape != shape:
                raise InputError(name, f"of shape {data[name].shape}", f"of shape {shape}")
        if "noise_matrix" in data:
            if config.noise_kind != "matrix":
                raise InputError("noise_kind", config.noise_kind, "matrix, since a noise_matrix is given")
            data["noise_matrix"] = checked(data["noise_matrix"], P)
        return UserData(**data)

    def fitted(self, train: Pairs) -> Pairs:
        """The pairs to train on, with the labels to fit. train: the training pairs of the dataset.

        Raises InputError if `labels` or `subset` do not have one entry per training pair, or if no pair is left.
        """
        labels = train.label if self.labels is None else self.labels
        subset = np.ones(len(train), bool) if self.subset is None else self.subset
        if labels.shape != (len(train),):
            raise InputError("labels", f"{labels.dtype} of shape {labels.shape}", f"integers of shape {(len(train),)}")
        if subset.shape != (len(train),) or not subset.any():
            allowed = f"booleans of shape {(len(train),)}, at least one of them true"
            raise InputError("subset", f"{subset.dtype} of shape {subset.shape}", allowed)
        return replace(train, label=labels)[subset]

    @property
    def is_relabelled(self) -> bool:
        """Whether the run fits other labels than the dataset's, or fewer pairs."""
        return self.labels is not None or self.subset is not None


NO_DATA = UserData()


def _check_pairs(pairs: np.ndarray, config: TrainingConfig) -> None:
    """Raise InputError unless the integers can be the pairs of a dataset with the modulus of the configuration."""
    P = config.modulus
    if not len(pairs):
        raise InputError("pairs", f"of shape {pairs.shape}", f"of shape (n, {len(COLUMNS)}): {', '.join(COLUMNS)}")
    ranges = [(0, P - 1), (0, P - 1), (0, P - 1), (-1, P - 1), (0, len(PARTS) - 1)]
    for name, (low, high), column in zip(COLUMNS, ranges, pairs.T, strict=True):
        if column.min() < low or column.max() > high:
            raise InputError("pairs", f"{name} from {column.min()} to {column.max()}", f"in {low} .. {high}")
    if len(np.unique(pairs[:, :2], axis=0)) < len(pairs):
        raise InputError("pairs", f"{len(pairs)} pairs, some of them equal", "different pairs")
    if (pairs[:, -1] != PARTS.index("train")).all():
        raise InputError("pairs", "without a training pair", "given with at least one training pair")
    if config.noise_ratio:
        raise InputError("noise_ratio", config.noise_ratio, "0 for given pairs: their labels stay as they are")


class Job(NamedTuple):
    """A job for training: a configuration with its modulus, and checked data, see `resolve`."""

    config: TrainingConfig
    data: UserData = NO_DATA

    def with_table(self) -> "Job":
        """The job with the table of its rule, if the rule is a table.

        The table is the run's copy, or else the table in the rule's file. If the file has words for its elements, they
        become the tokens, unless tokens are given. Raises InputError if neither a copy nor a file exists. Logs a
        warning if the file differs from the copy.
        """
        path, table = table_path(self.config.rule), self.data.table
        if path is None or (table is not None and not path.exists()):
            return self
        if table is not None:
            warn_if_changed(path, table, "run")
            return self
        table, words = read_labels(path)
        if len(table) != self.config.modulus:
            allowed = f"{len(table)}, the number of tokens of {self.config.rule}, or left out"
            raise InputError("modulus", self.config.modulus, allowed)
        tokens = words if self.data.tokens is None else self.data.tokens
        return resolve(self.config, replace(self.data, table=table, tokens=tokens))

    def dataset(self) -> Dataset:
        """The dataset. It depends on the task, data and seed fields of the configuration, and on the user's data.

        Raises InputError as `make_dataset` does, for a matrix that cannot be used, and for missing data.
        """
        config, data = self
        if data.pairs is not None:
            return given_dataset(config, data.pairs, data.table)
        rule = make_rule(config.rule, config.modulus, data.table)
        return make_dataset(
            rule, config.train_fraction, config.noise_ratio, config.noise_kind, config.seed, data.noise_matrix
        )


def load_table(path: Path) -> np.ndarray:
    """The labels in a file, int64, of shape (P, P), see `read_labels`. Raises InputError for a file without a table."""
    return checked_table(read_labels(path)[0], str(path))


def warn_if_changed(path: Path, copy: np.ndarray, what: str) -> None:
    """Log a warning if the file of a table differs from the copy that a run or a sweep has. what: "run" or "sweep"."""
    try:
        is_same = np.array_equal(copy, load_table(path))
    except (InputError, OSError):
        is_same = False
    if not is_same:
        warn_once(f"{path} is not the table that the {what} was begun with; the {what} uses its copy of that table")


def with_modulus(config: TrainingConfig, data: UserData | None = None) -> TrainingConfig:
    """The configuration with its modulus. If it has none, the modulus is the size of the rule's table.

    The table is the given table, or else the table in the rule's file. Raises InputError for a rule without a table.
    """
    path, table = table_path(config.rule), data and data.table
    if config.modulus is not None:
        return config
    if path is None:
        raise InputError("modulus", None, "the number of tokens in the given pairs")
    return replace(config, modulus=len(load_table(path) if table is None else checked_table(table)))


def resolve(config: TrainingConfig, data: UserData | None = None) -> Job:
    """The job of a configuration and a user's data. Raises InputError for arrays that cannot be used."""
    config = with_modulus(config, data)
    return Job(config, (data or NO_DATA).check(config))


def given_dataset(config: TrainingConfig, pairs: np.ndarray, table: np.ndarray | None = None) -> Dataset:
    """The dataset of given pairs, integers of shape (n, 5), one pair per row, with the columns COLUMNS.

    Training labels stay as they are. If all true labels are known, validation and test pairs get their true labels.
    The rule is the rule of the configuration, and gives the true labels. If the configuration's rule is PAIRS, the rule
    is the table of the given true labels. It has components if the table is complete and isotopic to a group.
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
