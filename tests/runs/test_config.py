import json
import math

import pytest

from minimod import TrainingConfig
from minimod.errors import InputError
from minimod.runs.config import PRESETS

REFUSED = [
    ("rule", "no such rule"), ("rule", None), ("modulus", 1), ("modulus", 2.5), ("modulus", "113"), ("modulus", True),
    ("train_fraction", 0), ("train_fraction", 1.01), ("noise_ratio", 1.2), ("noise_ratio", -0.1),
    ("noise_ratio", math.nan), ("noise_kind", "gaussian"), ("seed", -1), ("width", 0), ("activation", "tanh"),
    ("tied", 1), ("bias", "no"), ("init_std", 0), ("loss", "hinge"), ("optimizer", "lbfgs"), ("learning_rate", 0),
    ("learning_rate", math.inf), ("betas", (0.9, 1)), ("betas", (0.9,)), ("betas", 0.9), ("momentum", 1),
    ("weight_decay", -1), ("epochs", -1), ("batch_size", 0), ("eval_every", 0), ("dtype", "float16"),
    ("device", "tpu"), ("threads", 0), ("snapshots", "often"), ("snapshots", ()), ("snapshots", (-1, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_a_bad_value_is_refused_by_name(name, value):
    with pytest.raises(InputError) as caught:
        TrainingConfig(**{name: value})
    assert caught.value.option == name
    assert str(caught.value).startswith(f"{name} is {value!r}; it must be ")


ACCEPTED = [
    ("modulus", 2), ("train_fraction", 1), ("noise_ratio", 0), ("noise_ratio", 1), ("width", 1), ("epochs", 0),
    ("weight_decay", 0), ("momentum", 0), ("betas", [0, 0.5]), ("init_std", 1e-9), ("batch_size", 1), ("seed", 2**63),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), ACCEPTED)
def test_a_value_on_the_edge_is_accepted(name, value):
    accepted = getattr(TrainingConfig(**{name: value}), name)
    assert accepted == (tuple(value) if name == "betas" else value)


def test_mul_over_a_composite_modulus_is_refused():
    with pytest.raises(InputError, match="modulus is 9"):
        TrainingConfig(rule="mul", modulus=9)


def test_a_training_set_cannot_be_empty():
    with pytest.raises(InputError, match=r"train_fraction is 0\.001"):
        TrainingConfig(modulus=5, train_fraction=0.001)


def test_json_round_trip():
    config = TrainingConfig(rule="mul", modulus=7, width=3, betas=(0.5, 0.6), init_std=0.1, batch_size=4, tied=True)
    assert TrainingConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_an_unknown_field_is_refused():
    with pytest.raises(InputError, match="configuration field is 'widht'"):
        TrainingConfig.from_dict({"widht": 3})


def test_numbers_take_the_type_of_their_field():
    config = TrainingConfig(weight_decay=1, width=64.0)
    assert type(config.weight_decay) is float and type(config.width) is int


@pytest.mark.parametrize("snapshots", [None, "log", (0, 10)])
def test_snapshots_survive_json(snapshots):
    config = TrainingConfig(snapshots=snapshots)
    assert TrainingConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_epochs_of_snapshots_are_in_order_and_each_once():
    assert TrainingConfig(snapshots=[10, 0, 3.0, 10]).snapshots == (0, 3, 10)


def test_single_fields_override_a_preset():
    config = TrainingConfig.from_preset("paper", width=100)
    assert config.width == 100
    assert config.epochs == PRESETS["paper"].epochs == 200_000


def test_the_headline_differs_from_the_defaults_in_rate_and_decay_alone():
    assert TrainingConfig() == PRESETS["default"]
    assert TrainingConfig(learning_rate=0.02, weight_decay=1) == PRESETS["headline"]
    assert (TrainingConfig().modulus, TrainingConfig().width, TrainingConfig().noise_ratio) == (113, 2048, 0.8)


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="default, headline, paper"):
        TrainingConfig.from_preset("small")


@pytest.mark.parametrize(("optimizer", "option", "value"), [
    ("adamw", "momentum", 0.5), ("adam", "momentum", 0.9), ("sgd", "betas", (0.5, 0.9)),
])  # fmt: skip
def test_an_option_that_the_optimiser_does_not_have_is_refused_where_it_is_given(optimizer, option, value):
    with pytest.raises(InputError, match=f"{option} is .*; it must be left out: {optimizer} has no such option"):
        TrainingConfig.from_preset("headline", optimizer=optimizer, **{option: value})
    assert TrainingConfig.from_preset("headline", optimizer="muon", momentum=0.5, betas=(0.5, 0.9)).momentum == 0.5
