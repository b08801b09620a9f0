import numpy as np
import pytest
from planted import random_network

from minimod import TrainingConfig, train
from minimod.activations import ACTIVATIONS, Activation
from minimod.arrays import Pairs
from minimod.engine.backend import SERIAL
from minimod.engine.gradient import Gradient, make_blocks
from minimod.engine.kernels import IN_PLACE_ACTIVATIONS, IN_PLACE_LOSSES, activation_kernel, loss_kernel
from minimod.losses import LOSSES


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("in_place", [True, False])
def test_a_kernel_is_its_pure_activation_written_into_memory(name, in_place):
    Z = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)
    Z[0, 0] = 0
    for pure, kernel in zip(ACTIVATIONS[name], activation_kernel(name), strict=True):
        memory = Z.copy()
        out = memory if in_place else np.empty_like(Z)
        assert kernel(memory, out=out) is out
        np.testing.assert_array_equal(out, pure(Z) * np.float32(1))


@pytest.fixture
def logits():
    return 3 * np.random.default_rng(0).standard_normal((5, 4)), np.array([0, 3, 1, 1, 2])


@pytest.mark.parametrize("name", LOSSES)
def test_a_kernel_is_its_pure_loss(name, logits):
    F, label = logits
    loss, dF = LOSSES[name](F, label)
    kernel_loss, kernel_dF = loss_kernel(name)(F.copy(), label, 5)
    assert kernel_loss == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(kernel_dF, dF, rtol=1e-12)


@pytest.mark.parametrize("without_twin", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_blocks_add_up_to_the_whole(name, without_twin, logits, monkeypatch):
    if without_twin:
        monkeypatch.delitem(IN_PLACE_LOSSES, name)
    F, label = logits
    loss, dF = LOSSES[name](F, label)
    parts = [loss_kernel(name)(F[rows].copy(), label[rows], 5) for rows in (slice(0, 2), slice(2, 5))]
    assert sum(part[0] for part in parts) == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(np.concatenate([part[1] for part in parts]), dF, rtol=1e-12)


@pytest.mark.parametrize("name", IN_PLACE_LOSSES)
def test_the_gradient_takes_the_place_of_the_logits(name, logits):
    F, label = logits
    assert loss_kernel(name)(F, label, 5)[1] is F


def test_every_twin_has_a_pure_entry():
    assert IN_PLACE_ACTIVATIONS.keys() <= ACTIVATIONS.keys() and IN_PLACE_LOSSES.keys() <= LOSSES.keys()


def test_a_new_activation_and_a_new_loss_are_one_entry_each(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "sine", Activation(np.sin, np.cos))
    monkeypatch.setitem(LOSSES, "sum", lambda F, label, smoothing: (F.sum(axis=1).mean(), np.full_like(F, 1 / len(F))))
    run = train(TrainingConfig(modulus=7, width=8, epochs=3, activation="sine", loss="sum", threads=1))
    assert run.history["loss"][-1] < run.history["loss"][0]

    network = random_network(activation="sine")
    a, b = np.divmod(np.arange(49), 7)
    pairs = Pairs(a, b, a, a, np.zeros(49, bool))
    _, gradient, _ = Gradient(network, "sum", SERIAL)(make_blocks(pairs, network, SERIAL))
    for name, expected in network.gradient(pairs, "sum")[1].items():
        np.testing.assert_allclose(gradient[name], expected, rtol=1e-12, atol=1e-14)
