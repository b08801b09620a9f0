"""All P² pairs: split into training, validation and test, and a share of the training labels corrupted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minimod.noise import Noise, corrupt
from minimod.rules import make_rule
from minimod.rules.cyclic import CyclicRule

if TYPE_CHECKING:
    from minimod.config import TrainingConfig

# Independent random streams of one seed: changing the noise changes neither the split nor the initialisation. `control`
# is for random choices that a result is compared with.
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
    where nobody has clean labels.
    """

    rule: CyclicRule
    train: Pairs
    validation: Pairs
    test: Pairs
    held_out: Pairs


def build_dataset(config: "TrainingConfig", noise_matrix: np.ndarray | None = None) -> Dataset:
    """The dataset of a TrainingConfig, a function of its task, data and seed fields alone, and of the noise's matrix.

    round(train_fraction P²) pairs are for training, the rest is halved into validation and test (which takes the odd
    one). round(noise_ratio n_train) training labels are corrupted; with symmetric noise the count may be one less.
    Raises InputError for a matrix that cannot be used, and where the kind of noise needs one and there is none.
    """
    rule = make_rule(config.rule, config.modulus)
    n_pairs = config.modulus**2
    n_train = round(config.train_fraction * n_pairs)
    n_validation = (n_pairs - n_train) // 2
    order = random_stream(config.seed, "split").permutation(n_pairs)

    def part(indices: np.ndarray) -> Pairs:
        a, b = np.divmod(np.sort(indices), config.modulus)
        true_label = rule.label_table[a, b]
        return Pairs(a, b, true_label.copy(), true_label, np.zeros(len(a), bool))

    validation = order[n_train : n_train + n_validation]
    train, held_out = part(order[:n_train]), part(validation)
    noise = Noise(rule, random_stream(config.seed, "noise", 2), noise_matrix)
    for pairs, key in ((train, ()), (held_out, (1,))):
        corrupt(pairs, config.noise_ratio, config.noise_kind, noise, random_stream(config.seed, "noise", *key))
    return Dataset(rule, train, part(validation), part(order[n_train + n_validation :]), held_out)
