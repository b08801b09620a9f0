"""The heart alone ends where training with everything around it ends."""

import numpy as np
import pytest
from run_cases import build_dataset

from minimod import TrainingConfig, TwoLayerNet, fit, make_dataset, make_rule, train
from minimod.activations import ACTIVATIONS
from minimod.errors import InputError
from minimod.losses import LOSSES
from minimod.network import TRAINED
from minimod.optimizers import OPTIMIZERS
from minimod.runs.training import make_optimizer

CONFIG = TrainingConfig(modulus=13, width=40, noise_ratio=0.4, epochs=8, dtype="float64", eval_every=1, threads=1)


def fitted(config):
    """A network of the heart, trained by its plain loop, and the losses."""
    network = TwoLayerNet.init(
        config.modulus, config.width, config.seed, config.activation, config.tied, config.bias, dtype=config.dtype,
        trained=config.trained,
    )
    data = make_dataset(make_rule(config.rule, config.modulus), noise_ratio=config.noise_ratio)
    optimizer = make_optimizer(config, network.parameters)
    losses = fit(network, data.train, optimizer, config.epochs, config.loss, config.label_smoothing)
    return network, data, losses


@pytest.mark.parametrize("options", [
    *({"optimizer": name, "learning_rate": 0.01} for name in OPTIMIZERS),
    *({"activation": name} for name in ACTIVATIONS), *({"loss": name} for name in LOSSES),
    *({"trained": name} for name in TRAINED), {"tied": True}, {"bias": False}, {"label_smoothing": 0.2},
    *({"rule": name} for name in ("sub", "mul", "div")), {"modulus": 12},
], ids=str)  # fmt: skip
def test_the_plain_loop_ends_where_training_ends(options):
    config = CONFIG.changed(**options)
    network, _, losses = fitted(config)
    run = train(config)
    np.testing.assert_allclose(losses, run.history["loss"][:-1], rtol=1e-10)
    for name, array in run.network.arrays.items():
        np.testing.assert_allclose(network.arrays[name], array, rtol=1e-8, atol=1e-11, err_msg=name)


def test_the_dataset_of_the_heart_is_that_of_a_configuration():
    plain = make_dataset(make_rule("add", 13), noise_ratio=0.4)
    of_config = build_dataset(CONFIG)
    for part in ("train", "validation", "test", "noisy_validation"):
        for name in ("a", "b", "label", "true_label", "is_noisy"):
            assert (getattr(getattr(plain, part), name) == getattr(getattr(of_config, part), name)).all()


def test_a_callback_is_told_each_epoch_and_its_loss_and_can_stop():
    network = TwoLayerNet.init(7, 8)
    data, told = make_dataset(make_rule("add", 7)), []

    def callback(epoch, loss):
        told.append((epoch, loss))
        return epoch == 3

    losses = fit(network, data.train, make_optimizer(CONFIG, network.parameters), 10, callback=callback)
    assert [epoch for epoch, _ in told] == [0, 1, 2, 3] and [loss for _, loss in told] == losses


@pytest.mark.parametrize(("options", "message"), [
    ({"train_fraction": 1.5}, r"train_fraction is 1\.5; it must be a number in \[0, 1\]"),
    ({"train_fraction": -0.5}, r"train_fraction is -0\.5; it must be a number in \[0, 1\]"),
    ({"noise_ratio": 2}, r"noise_ratio is 2; it must be a number in \[0, 1\]"),
    ({"noise_ratio": float("nan")}, r"noise_ratio is nan; it must be a number in \[0, 1\]"),
    ({"noise_kind": "wrnog"}, "noise_kind is 'wrnog'; it must be one of wrong"),
])
def test_a_dataset_refuses_what_is_no_share_and_no_noise(options, message):
    with pytest.raises(InputError, match=message):
        make_dataset(make_rule("add", 7), **options)


def test_a_gradient_refuses_an_unknown_loss():
    network, data = TwoLayerNet.init(7, 4), make_dataset(make_rule("add", 7))
    with pytest.raises(InputError, match="loss is 'crossentropy'; it must be one of cross_entropy"):
        network.gradient(data.train, "crossentropy")


@pytest.mark.parametrize("true", [True, np.True_])
def test_a_callback_stops_the_loop_by_a_true_of_python_or_of_numpy(true):
    network, data = TwoLayerNet.init(7, 4), make_dataset(make_rule("add", 7))
    losses = fit(network, data.train, OPTIMIZERS["sgd"](network.parameters), 5, callback=lambda epoch, loss: true)
    assert len(losses) == 1


def test_the_package_has_the_function_also_once_its_module_is_imported():
    import minimod.fit

    assert minimod.fit is fit and callable(fit)
