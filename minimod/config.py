"""What to run: one frozen dataclass, validated on creation, to and from JSON; and named presets."""

import sys
from dataclasses import asdict, dataclass, field, fields, replace
from numbers import Real
from typing import get_args, get_origin

from minimod.activations import ACTIVATIONS
from minimod.backend import DEVICES
from minimod.data import NOISE_KINDS
from minimod.errors import InputError
from minimod.losses import LOSSES
from minimod.optimizers import OPTIMIZERS
from minimod.tasks import RULES, make_rule


def _option(default, help: str, *, choices=None, interval: str | None = None, none: str | None = None):
    """A field with what `--help` says of it, and what it may be: one of `choices`, a number in `interval`, or None.

    `none` is what None stands for.
    """
    choices = tuple(choices) if choices else None
    return field(default=default, metadata={"help": help, "choices": choices, "interval": interval, "none": none})


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that determines a training run. Creating one raises InputError for a value that cannot be used.

    Command-line options are these names with dashes. The defaults are the headline of the README: 80 % wrong labels.
    """

    # The task and its data.
    rule: str = _option("add", "Rule c = a ∘ b mod P to learn", choices=RULES)
    modulus: int = _option(113, "Modulus P: tokens and classes are 0 .. P-1", interval="[2, 100000]")
    train_fraction: float = _option(
        0.8, "Share of the P² pairs to train on; the rest is halved into validation and test", interval="(0, 1]"
    )
    noise_ratio: float = _option(0.8, "Share α of the training labels to corrupt", interval="[0, 1]")
    noise_kind: str = _option(
        "wrong",
        "How a corrupted label is drawn: from the wrong labels; from all, so it may be right; from the wrong ones, "
        "the same for (a, b) and (b, a)",
        choices=NOISE_KINDS,
    )
    seed: int = _option(0, "Seed of the split, the noise, the initialisation and the batches", interval="[0, inf)")
    init_seed: int | None = _option(
        None, "Seed of the initialisation alone, for other networks on the same data", interval="[0, inf)", none="seed"
    )
    # The network.
    width: int = _option(2048, "Hidden neurons M", interval="[1, inf)")
    activation: str = _option("relu", "Activation φ of the hidden layer", choices=ACTIVATIONS)
    tied: bool = _option(False, "One weight matrix for both inputs, U = V")
    bias: bool = _option(True, "An output bias μ")
    init_std: float | None = _option(
        None, "Standard deviation of the initial weights", interval="(0, inf)", none="M^(-1/2)"
    )
    # The optimisation.
    loss: str = _option(
        "cross_entropy", "Mean over examples; mse is against one-hot labels, mean over classes too", choices=LOSSES
    )
    optimizer: str = _option("adamw", "As PyTorch's of that name; muon leaves μ to adamw", choices=OPTIMIZERS)
    learning_rate: float = _option(5e-3, "Step size", interval="(0, inf)")
    betas: tuple[float, float] = _option(
        (0.9, 0.98), "Averaging of the gradient and of its square; for adam, adamw, and μ under muon", interval="[0, 1)"
    )
    momentum: float = _option(0.9, "For sgd and muon (PyTorch's default for Muon is 0.95)", interval="[0, 1)")
    weight_decay: float = _option(
        0.5, "Decoupled for adamw and muon, L2 in the gradient for adam and sgd", interval="[0, inf)"
    )
    epochs: int = _option(100, "Passes over the training pairs; in full batch, gradient steps", interval="[0, inf)")
    batch_size: int | None = _option(None, "Training pairs a gradient step", interval="[1, inf)", none="all of them")
    # How it is run.
    eval_every: int | None = _option(
        None, "Epochs between evaluations", interval="[1, inf)", none="1 up to epoch 40, then 5 % of those passed"
    )
    dtype: str = _option("float32", "Floating-point type of the network", choices=("float32", "float64"))
    device: str = _option("auto", "NumPy on the CPU, CuPy on a GPU, or whichever there is to use", choices=DEVICES)
    threads: int | None = _option(
        None, "CPU threads; results do not depend on them", interval="[1, inf)", none="all cores"
    )

    def __post_init__(self):
        for option in fields(self):
            object.__setattr__(self, option.name, _checked(option, getattr(self, option.name)))
        make_rule(self.rule, self.modulus)
        if round(self.train_fraction * self.modulus**2) < 1:
            raise InputError("train_fraction", self.train_fraction, f"enough for one of the {self.modulus**2} pairs")

    def to_dict(self) -> dict:
        """The fields as plain data, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "TrainingConfig":
        """The inverse of `to_dict`; fields that are missing take their defaults, unknown ones raise InputError."""
        known = [option.name for option in fields(cls)]
        for name in values:
            if name not in known:
                raise InputError("configuration field", name, "one of " + ", ".join(known))
        return cls(**values)

    @classmethod
    def from_preset(cls, name: str, **overrides) -> "TrainingConfig":
        """A preset of PRESETS, with single fields overridden."""
        if name not in PRESETS:
            raise InputError("preset", name, "one of " + ", ".join(PRESETS))
        return replace(PRESETS[name], **overrides)


def _checked(option, value):
    """The value in the field's own type. Raises InputError if it has another type, or lies outside what is allowed."""
    choices, interval = option.metadata["choices"], option.metadata["interval"]
    kinds = get_args(option.type) or (option.type,)

    if value is None and option.default is None:
        return None
    if choices:
        allowed, fits, kind = "one of " + ", ".join(choices), value in choices, str
    elif bool in kinds:
        allowed, fits, kind = "true or false", isinstance(value, bool), bool
    elif get_origin(option.type) is tuple:
        allowed, kind = f"two numbers in {interval}", lambda pair: tuple(float(x) for x in pair)
        fits = isinstance(value, (tuple, list)) and len(value) == 2 and all(_lies_in(x, interval) for x in value)
    elif float in kinds:
        allowed, fits, kind = f"a number in {interval}", _lies_in(value, interval), float
    else:
        allowed, fits, kind = f"a whole number in {interval}", _lies_in(value, interval) and int(value) == value, int

    if not fits:
        raise InputError(option.name, value, allowed)
    return kind(value)


def _lies_in(value, interval: str) -> bool:
    """Whether the value is a finite real number, as floats go, in the interval, written as in "[0, 1)"."""
    if isinstance(value, bool) or not isinstance(value, Real) or abs(value) > sys.float_info.max:
        return False
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = low < value or (low == value and interval[0] == "[")
    below = value < high or (value == high and interval[-1] == "]")
    return above and below


# The default is the headline. `paper` has the paper's width, optimiser and budget: 200 000 steps, each 0.22 s on two
# cores (python -m benchmarks, width 4096), so some 12 hours.
PRESETS = {
    "headline": TrainingConfig(),
    "paper": TrainingConfig(width=4097, learning_rate=1e-3, weight_decay=0.1, epochs=200_000),
}
