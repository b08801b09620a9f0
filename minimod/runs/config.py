"""What to run: one frozen dataclass, validated on creation, to and from JSON; and named presets."""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from minimod.activations import ACTIVATIONS
from minimod.arrays import checked_array
from minimod.engine.backend import DEVICES
from minimod.errors import InputError, choice
from minimod.groups.rules import PAIRS, make_rule, natural_modulus
from minimod.losses import LOSSES
from minimod.network import TRAINED
from minimod.noise import NOISE_KINDS, check_noise
from minimod.optimizers import OPTIMIZERS
from minimod.rules import RULES
from minimod.runs.constraints import Boolean, Choice, Constraint, Epochs, Interval, Pair, RuleName

# Fields that are refused beside pairs of a user, since the pairs set them.
FIELDS_SET_BY_PAIRS = ("rule", "modulus", "train_fraction", "noise_ratio", "noise_kind")


def _option(default: Any, constraint: Constraint, help: str) -> Any:
    """A field with what it may be, and what `--help` says of it."""
    return field(default=default, metadata={"constraint": constraint, "help": help})


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that determines a training run. Creating one raises InputError for a value that cannot be used.

    Command-line options are these names with dashes. The README's headline is a preset.
    No default may ever change: what a run's configuration does not mention has the value that stands here.
    """

    # The task and its data.
    rule: str = _option(
        "add", RuleName(),
        "Rule c = a ∘ b to learn: add, sub, mul or div mod P; a group, as Z12, D6, Q8, S4, A5, SL(2,5), Z7:Z3, Z2^3 or "
        "Z2xS4; or table:FILE, a CSV or npy of P × P labels",
    )
    modulus: int = _option(
        None, Interval(int, 2, 100_000).or_none("113, or as many as the group, table or pairs have"),
        "Modulus P: tokens and classes are 0 .. P-1",
    )
    train_fraction: float = _option(
        0.8, Interval(float, 0, 1, open=0),
        "Share of all pairs to train on; the rest is halved into validation and test",
    )
    noise_ratio: float = _option(0.8, Interval(float, 0, 1), "Share α of the training labels to corrupt")
    noise_kind: str = _option(
        "wrong", Choice(NOISE_KINDS),
        "A corrupted label is drawn: " + "; ".join(f"{name}: {kind.help}" for name, kind in NOISE_KINDS.items()),
    )
    seed: int = _option(0, Interval(int, 0), "Seed of the split, the noise, the initialisation and the batches")
    init_seed: int | None = _option(
        None, Interval(int, 0).or_none("seed"), "Seed of the initialisation alone, for other networks on the same data"
    )
    # The network.
    width: int = _option(2048, Interval(int, 1), "Hidden neurons M")
    activation: str = _option("relu", Choice(ACTIVATIONS), "Activation φ of the hidden layer")
    tied: bool = _option(False, Boolean(), "One weight matrix for both inputs, U = V")
    bias: bool = _option(True, Boolean(), "An output bias μ")
    init_std: float | None = _option(
        None, Interval(float, 0, open=0).or_none("M^(-1/2)"), "Standard deviation of the initial weights"
    )
    # The optimisation.
    trained: str = _option(
        "all", Choice(TRAINED), "What is trained: all, W and μ over U and V as drawn, or U and V under W as drawn"
    )
    loss: str = _option(
        "cross_entropy", Choice(LOSSES), "Mean over examples; mse is against one-hot labels, mean over classes too"
    )
    label_smoothing: float = _option(
        0.0, Interval(float, 0, 1, open=1), "Share ε of a label that is spread over all classes alike"
    )
    optimizer: str = _option("adamw", Choice(OPTIMIZERS), "As PyTorch's of that name; muon leaves μ to adamw")
    learning_rate: float = _option(5e-3, Interval(float, 0, open=0), "Step size")
    betas: tuple[float, float] = _option(
        (0.9, 0.98), Pair(Interval(float, 0, 1, open=1)),
        "Averaging of the gradient and of its square; for adam, adamw, and μ under muon",
    )
    momentum: float = _option(
        0.9, Interval(float, 0, 1, open=1), "For sgd and muon (PyTorch's default for Muon is 0.95)"
    )
    weight_decay: float = _option(
        0.5, Interval(float, 0), "Decoupled for adamw and muon, L2 in the gradient for adam and sgd"
    )
    epochs: int = _option(100, Interval(int, 0), "Passes over the training pairs; in full batch, gradient steps")
    batch_size: int | None = _option(None, Interval(int, 1).or_none("all of them"), "Training pairs a gradient step")
    # How it is run.
    eval_every: int | None = _option(
        None, Interval(int, 1).or_none("1 up to epoch 40, then 5 % of those passed"), "Epochs between evaluations"
    )
    record: bool = _option(False, Boolean(), "Record how each training pair is fitted, for minimod detect")
    dtype: str = _option("float32", Choice(("float32", "float64")), "Floating-point type of the network")
    device: str = _option("auto", Choice(DEVICES), "NumPy on the CPU, CuPy on a GPU, or whichever there is to use")
    threads: int | None = _option(
        None, Interval(int, 1).or_none("all cores"), "CPU threads; results do not depend on them"
    )
    snapshots: tuple[int, ...] | str | None = _option(
        None, Epochs().or_none("none"), "Epochs after which the network is kept, in snapshots/, as 0,10,100"
    )

    def __post_init__(self) -> None:
        for name, constraint in CONSTRAINTS.items():
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, constraint.check(value))
            except ValueError as error:
                raise InputError(name, value, str(constraint)) from error
        natural = natural_modulus(self.rule)
        if self.modulus is None:
            object.__setattr__(self, "modulus", natural)
        if natural:         # tables and pairs are looked at once they are there
            check_noise(self.noise_kind, make_rule(self.rule, self.modulus))
        if self.modulus is not None and round(self.train_fraction * self.modulus**2) < 1:
            raise InputError("train_fraction", self.train_fraction, f"enough for one of the {self.modulus**2} pairs")

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data, for JSON."""
        return asdict(self)

    @property
    def without_effect(self) -> set[str]:
        """The options of other optimisers, which this one does not have."""
        options = {option for optimizer in OPTIMIZERS.values() for option in optimizer.options}
        return options.difference(OPTIMIZERS[self.optimizer].options)

    def changes(self) -> dict[str, Any]:
        """The fields that differ from their defaults: the same ones when later versions have more fields."""
        defaults = {each.name: each.default for each in fields(self)} | {"modulus": natural_modulus(self.rule)}
        return {name: value for name, default in defaults.items() if (value := getattr(self, name)) != default}

    def fingerprint(self) -> dict[str, Any]:
        """The `changes`, each under the first name that its field ever had: what checksums are made of."""
        return {FIRST_NAMES.get(name, name): value for name, value in self.changes().items()}

    def changed(self, **changes: Any) -> "TrainingConfig":
        """With some fields changed; a new rule comes with its modulus, unless that is given or the rule takes any."""
        if "rule" in changes and changes["rule"] not in RULES:
            changes = {"modulus": None} | changes
        return replace(self, **changes)

    def on_pairs(self, pairs: Any) -> "TrainingConfig":
        """For pairs of one's own, as `train` takes them: their rule, train fraction and noise are what they are.

        The modulus has to be that of their tokens.
        """
        parts = checked_array("pairs", pairs, (None, 5))[:, -1]
        n = min(max(int((parts == 0).sum()), 1), self.modulus**2)       # of other numbers `train` says more
        return replace(self, rule=PAIRS, train_fraction=n / self.modulus**2, noise_ratio=0.0, noise_kind="wrong")

    def __new__(cls, *_: Any, **values: Any) -> "TrainingConfig":
        """Refuse an unknown field in words, where Python would raise TypeError."""
        for name in values:
            choice("configuration field", name, cls.__dataclass_fields__)
        return super().__new__(cls)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainingConfig":
        """The inverse of `to_dict`, of this version or an earlier one; fields that are missing take their defaults."""
        return cls(**{RENAMED.get(name, name): value for name, value in values.items()})

    @classmethod
    def from_preset(cls, name: str, **overrides: Any) -> "TrainingConfig":
        """A preset of PRESETS, with single fields overridden.

        Raises InputError for an unknown preset, and for an option of the optimisers that this optimiser does not have.
        """
        config = PRESETS[choice("preset", name, PRESETS)].changed(**overrides)
        for option in overrides.keys() & config.without_effect:
            raise InputError(option, overrides[option], f"left out: {config.optimizer} has no such option")
        return config


CONSTRAINTS: dict[str, Constraint] = {each.name: each.metadata["constraint"] for each in fields(TrainingConfig)}
RENAMED = {"train": "trained"}          # how earlier versions called a field
FIRST_NAMES = {new: old for old, new in RENAMED.items()}
FREE_FIELDS = ("threads",)      # they do not change what a run computes: it may go on with others

# `headline` tells noise from short training: after its 100 epochs the network answers where no label is wrong. With the
# defaults, which stored configurations lean on, that takes 300 epochs. `paper` has the paper's width, optimiser and
# budget: 200 000 steps, each 0.10 s on two cores with AVX-512 (python -m benchmarks, width 4096), so some 6 hours.
PRESETS = {
    "default": TrainingConfig(),
    "headline": TrainingConfig(learning_rate=0.02, weight_decay=1),
    "paper": TrainingConfig(width=4097, learning_rate=1e-3, weight_decay=0.1, epochs=200_000),
}
