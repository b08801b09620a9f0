"""The configuration of a run: one frozen dataclass, checked on creation, to and from JSON; and named presets."""

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

# Fields that a user's pairs set. If pairs are given, options with these names are refused.
FIELDS_SET_BY_PAIRS = ("rule", "modulus", "train_fraction", "noise_ratio", "noise_kind")


def _option(default: Any, constraint: Constraint, help: str) -> Any:
    """A field with its constraint, and with its text for `--help`."""
    return field(default=default, metadata={"constraint": constraint, "help": help})


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that determines a training run. A value that cannot be used raises InputError.

    Command-line options have the same names, with dashes. The README's headline is a preset.
    No default may ever change: a field that a stored configuration lacks has its default.
    """

    # The task and its data.
    rule: str = _option(
        "add", RuleName(),
        "Rule c = a ∘ b to learn: add, sub, mul or div mod P; a group, as Z12, D6, Q8, S4, A5, SL(2,5), Z7:Z3, Z2^3 or "
        "Z2xS4; or table:FILE, a CSV or npy of P × P labels",
    )
    modulus: int = _option(
        None, Interval(int, 2, 100_000).or_none("113, or the number of tokens of the group, table or pairs"),
        "Modulus P: tokens and classes are 0 .. P-1",
    )
    train_fraction: float = _option(
        0.8, Interval(float, 0, 1, open=0),
        "Share of all pairs to train on; half of the other pairs are for validation, half for test",
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
        "all", Choice(TRAINED), "Weights that training changes: all, output (W and μ) or input (U and V)"
    )
    loss: str = _option(
        "cross_entropy", Choice(LOSSES), "Mean over examples; mse is also a mean over classes, against one-hot labels"
    )
    label_smoothing: float = _option(
        0.0, Interval(float, 0, 1, open=1), "Share ε of every label that is spread evenly over all classes"
    )
    optimizer: str = _option("adamw", Choice(OPTIMIZERS), "As in PyTorch; muon uses adamw for μ")
    learning_rate: float = _option(5e-3, Interval(float, 0, open=0), "Step size")
    betas: tuple[float, float] = _option(
        (0.9, 0.98), Pair(Interval(float, 0, 1, open=1)),
        "Decay of the averages of the gradient and of its square; for adam, adamw, and muon's μ",
    )
    momentum: float = _option(
        0.9, Interval(float, 0, 1, open=1), "For sgd and muon (PyTorch's default for Muon is 0.95)"
    )
    weight_decay: float = _option(
        0.5, Interval(float, 0), "Decoupled for adamw and muon, L2 in the gradient for adam and sgd"
    )
    epochs: int = _option(100, Interval(int, 0), "Passes over the training pairs; in full batch, a pass is one step")
    batch_size: int | None = _option(None, Interval(int, 1).or_none("all of them"), "Training pairs per gradient step")
    # How it is run.
    eval_every: int | None = _option(
        None, Interval(int, 1).or_none("1 up to epoch 40, then 5 % of the epochs so far"), "Epochs between evaluations"
    )
    record: bool = _option(False, Boolean(), "Record how every training pair is fitted, for minimod detect")
    dtype: str = _option("float32", Choice(("float32", "float64")), "Floating-point type of the network")
    device: str = _option("auto", Choice(DEVICES), "NumPy on the CPU, CuPy on a GPU; auto: a GPU if one can be used")
    threads: int | None = _option(
        None, Interval(int, 1).or_none("all cores"), "CPU threads; results do not depend on them"
    )
    snapshots: tuple[int, ...] | str | None = _option(
        None, Epochs().or_none("none"), "Epochs after which the network is saved in snapshots/, as 0,10,100"
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
        if natural:         # a table or pairs are checked when they are given
            check_noise(self.noise_kind, make_rule(self.rule, self.modulus))
        if self.modulus is not None and round(self.train_fraction * self.modulus**2) < 1:
            raise InputError("train_fraction", self.train_fraction, f"large enough for one of {self.modulus**2} pairs")

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data, for JSON."""
        return asdict(self)

    @property
    def without_effect(self) -> set[str]:
        """The options that only other optimisers have."""
        options = {option for optimizer in OPTIMIZERS.values() for option in optimizer.options}
        return options.difference(OPTIMIZERS[self.optimizer].options)

    def changes(self) -> dict[str, Any]:
        """The fields that differ from their defaults. New fields in a later version do not change the result."""
        defaults = {each.name: each.default for each in fields(self)} | {"modulus": natural_modulus(self.rule)}
        return {name: value for name, default in defaults.items() if (value := getattr(self, name)) != default}

    def fingerprint(self) -> dict[str, Any]:
        """The `changes`, for checksums. A renamed field has its first name here."""
        return {FIRST_NAMES.get(name, name): value for name, value in self.changes().items()}

    def changed(self, **changes: Any) -> "TrainingConfig":
        """The configuration with some fields changed. A new rule outside RULES also sets the modulus, if none is given.
        """
        if "rule" in changes and changes["rule"] not in RULES:
            changes = {"modulus": None} | changes
        return replace(self, **changes)

    def on_pairs(self, pairs: Any) -> "TrainingConfig":
        """The configuration for a user's pairs, see `UserData`.

        The pairs set the rule, the train fraction and the noise. The modulus must be the number of tokens in the pairs.
        """
        parts = checked_array("pairs", pairs, (None, 5))[:, -1]
        n = min(max(int((parts == 0).sum()), 1), self.modulus**2)       # `train` refuses other numbers of pairs
        return replace(self, rule=PAIRS, train_fraction=n / self.modulus**2, noise_ratio=0.0, noise_kind="wrong")

    def __new__(cls, *_: Any, **values: Any) -> "TrainingConfig":
        """Raise InputError for an unknown field, for which Python would raise TypeError."""
        for name in values:
            choice("configuration field", name, cls.__dataclass_fields__)
        return super().__new__(cls)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainingConfig":
        """The inverse of `to_dict`, of this version or of an earlier version. Missing fields have their defaults."""
        return cls(**{RENAMED.get(name, name): value for name, value in values.items()})

    @classmethod
    def from_preset(cls, name: str, **overrides: Any) -> "TrainingConfig":
        """A preset in PRESETS, with some fields overridden.

        Raises InputError for an unknown preset, and for an option that only other optimisers have.
        """
        config = PRESETS[choice("preset", name, PRESETS)].changed(**overrides)
        for option in overrides.keys() & config.without_effect:
            raise InputError(option, overrides[option], f"left out: {config.optimizer} has no such option")
        return config


CONSTRAINTS: dict[str, Constraint] = {each.name: each.metadata["constraint"] for each in fields(TrainingConfig)}
RENAMED = {"train": "trained"}          # the name of a field in earlier versions -> its name
FIRST_NAMES = {new: old for old, new in RENAMED.items()}
FREE_FIELDS = ("threads",)      # these fields do not change the results, so a run can be resumed with other values

# `headline` separates the effect of noise from the effect of short training. If no label is wrong, its network predicts
# test labels after 100 epochs. With the defaults, it would take 300 epochs; the defaults stay, because stored
# configurations depend on them. `paper` has the paper's width, optimiser and budget of 200 000 steps. A step takes
# 0.10 s on two cores with AVX-512 (python -m benchmarks, width 4096). So the run takes some 6 hours.
PRESETS = {
    "default": TrainingConfig(),
    "headline": TrainingConfig(learning_rate=0.02, weight_decay=1),
    "paper": TrainingConfig(width=4097, learning_rate=1e-3, weight_decay=0.1, epochs=200_000),
}
