"""All P² pairs: split into training, validation and test, and a share of the training labels corrupted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from minimod.errors import InputError
from minimod.noise import Noise, check_noise, corrupt
from minimod.rules import make_rule
from minimod.rules.rule import Rule
from minimod.rules.tables import PAIRS, TableRule, rule_of_table

if TYPE_CHECKING:
    from minimod.config import TrainingConfig

# Independent random streams of one seed: changing the noise changes no split. `control`: to compare results with.
STREAMS = ("split", "noise", "initialisation", "batches", "control")


def random_stream(seed: int, name: str, *key: int) -> np.random.Generator:
    """The generator of the stream `name` of STREAMS; `key` picks an independent one within it, such as an epoch's."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAMS.index(name), *key)))


@dataclass(frozen=True, eq=False, repr=False)
class Pairs:
    """n pairs, sorted by a and then b; every array has shape (n,).

    label is what the network is trained or tested on, true_label what the rule says. is_noisy marks the labels that
    were drawn at random: under the noise kind `uniform` some of them are right by chance.
    """

    a: np.ndarray
    b: np.ndarray
    label: np.ndarray
    true_label: np.ndarray
    is_noisy: np.ndarray

    def __repr__(self) -> str:
        return f"Pairs({len(self)}, {int(self.is_noisy.sum())} noisy)"

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, index: Any) -> "Pairs":
        return self.convert(lambda array: array[index])

    def convert(self, function: Callable[[Any], Any]) -> "Pairs":
        """Pairs whose arrays are `function` of these ones': a choice of some, a move to a device."""
        return Pairs(*map(function, (self.a, self.b, self.label, self.true_label, self.is_noisy)))


@dataclass(frozen=True, eq=False)
class Dataset:
    """The pairs of a rule in three parts, training, validation and test. Only training labels are corrupted.

    held_out: the validation pairs once more, with labels as noisy as those of training: what there is to choose by
    where nobody has clean labels. is_known: whether the true labels are; where not, labels stand for them, and nothing
    can be said of noise.
    """

    rule: Rule
    train: Pairs
    validation: Pairs
    test: Pairs
    held_out: Pairs
    is_known: bool = True


# The columns of pairs that are given, as the array `pairs` has them; -1 stands for a true label that is not known, and
# a part is its place in PARTS.
COLUMNS = ("a", "b", "label", "true_label", "part")
PARTS = ("train", "validation", "test")


def build_dataset(config: "TrainingConfig", data: Mapping[str, np.ndarray] | None = None) -> Dataset:
    """The dataset of a TrainingConfig, a function of its task, data and seed fields, and of these arrays of a run.

    Of the pairs that the rule is defined on (all P², but under division), round(train_fraction n) are for training, the
    rest is halved into validation and test (which takes the odd one). round(noise_ratio n_train) training labels are
    corrupted; with symmetric noise the count may be one less. `data` has, where it is needed, the noise's matrix as
    noise_matrix, the table of a rule that is one as table, and pairs that are given, see `given_dataset`. Raises
    InputError for a matrix that cannot be used, and where something that is needed is not there.
    """
    data = data or {}
    if "pairs" in data:
        return given_dataset(config, data["pairs"], data.get("table"))
    rule = make_rule(config.rule, config.modulus, data.get("table"))
    check_noise(config.noise_kind, rule)
    defined = np.flatnonzero(rule.label_table >= 0)
    n_train = round(config.train_fraction * len(defined))
    if not n_train:
        raise InputError("train_fraction", config.train_fraction, f"enough for one of the {len(defined)} pairs")
    n_validation = (len(defined) - n_train) // 2
    order = random_stream(config.seed, "split").permutation(len(defined))

    def part(indices: np.ndarray) -> Pairs:
        a, b = np.divmod(defined[np.sort(indices)], config.modulus)
        true_label = rule.label_table[a, b]
        return Pairs(a, b, true_label.copy(), true_label, np.zeros(len(a), bool))

    validation = order[n_train : n_train + n_validation]
    train, held_out = part(order[:n_train]), part(validation)
    noise = Noise(rule, random_stream(config.seed, "noise", 2), data.get("noise_matrix"))
    for pairs, key in ((train, ()), (held_out, (1,))):
        corrupt(pairs, config.noise_ratio, config.noise_kind, noise, random_stream(config.seed, "noise", *key))
    return Dataset(rule, train, part(validation), part(order[n_train + n_validation :]), held_out)


def given_dataset(config: "TrainingConfig", pairs: np.ndarray, table: np.ndarray | None = None) -> Dataset:
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
    train, held_out, test = (all_pairs[part == number] for number in range(len(PARTS)))
    validation, test = (
        replace(each, label=each.true_label, is_noisy=np.zeros(len(each), bool)) for each in (held_out, test)
    )
    return Dataset(rule, train, validation, test, held_out, is_known)
