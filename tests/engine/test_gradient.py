from dataclasses import replace

import numpy as np
import pytest
import strict_cupy
from planted import random_network

from minimod.activations import ACTIVATIONS
from minimod.arrays import Pairs, to_host
from minimod.engine import device
from minimod.engine.backend import SERIAL, SHARDS, Backend, open_backend
from minimod.engine.gradient import Gradient, in_tiles, make_blocks
from minimod.engine.kernels import IN_PLACE_LOSSES
from minimod.losses import LOSSES
from minimod.network import TRAINED


def examples(n=700, P=11, seed=3):
    generator = np.random.default_rng(seed)
    a, b, label = generator.integers(0, P, (3, n))
    return Pairs(a, b, label, label, np.zeros(n, bool))


@pytest.fixture(params=["numpy", "stand-in"])
def array_module(request, monkeypatch):
    """NumPy, and the strict stand-in for CuPy."""
    if request.param == "numpy":
        yield np
    else:
        yield strict_cupy.install(monkeypatch)
        device.gpu_problem.cache_clear()


# By dtype: the relative rounding that is let through, and what counts as 0.
ROUNDING = {"float64": (1e-12, 1e-14), "float32": (1e-4, 1e-6)}


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_engine_equals_the_reference(activation, loss, tied, has_bias, array_module, dtype):
    """Over more blocks than there are shards, of two lengths."""
    rtol, atol = ROUNDING[dtype]
    host = random_network(P=11, M=24, activation=activation, tied=tied, has_bias=has_bias)
    host = host.convert(lambda array: array.astype(dtype))
    network = host.convert(array_module.asarray)
    backend = Backend(array_module, map, 1, 10**9, 40, "")
    pairs = in_tiles(examples(), network, backend)
    blocks = make_blocks(pairs, network, backend)
    assert len(blocks) == 18 > SHARDS and {len(block.label) for block in blocks} == {38, 39}
    value, gradient, _ = Gradient(network, loss, backend)(blocks)
    expected_value, expected = host.gradient(pairs, loss)
    assert float(value) == pytest.approx(expected_value, rel=rtol)
    assert gradient.keys() == expected.keys()
    on_device, on_device_gradient = network.gradient(pairs, loss)
    assert float(on_device) == pytest.approx(expected_value, rel=rtol)
    for name, array in expected.items():
        np.testing.assert_allclose(to_host(gradient[name]), array, rtol=rtol, atol=atol)
        np.testing.assert_allclose(to_host(on_device_gradient[name]), array, rtol=rtol, atol=atol)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_engine_equals_the_reference_with_label_smoothing_too(loss, array_module):
    host, pairs = random_network(P=11, M=24), examples()
    network, backend = host.convert(array_module.asarray), Backend(array_module, map, 1, 10**9, 64, "")
    value, gradient, _ = Gradient(network, loss, backend, smoothing=0.2)(make_blocks(pairs, network, backend))
    expected_value, expected = host.gradient(pairs, loss, smoothing=0.2)
    assert float(value) == pytest.approx(expected_value, rel=1e-12)
    for name, array in expected.items():
        np.testing.assert_allclose(to_host(gradient[name]), array, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("train", TRAINED)
def test_the_gradient_is_that_of_what_is_trained_alone(train, tied):
    network, pairs = replace(random_network(P=11, M=24, tied=tied), trained=train), examples()
    blocks = make_blocks(pairs, network, SERIAL)
    _, gradient, _ = Gradient(network, "cross_entropy", SERIAL)(blocks)
    _, of_all = replace(network, trained="all").gradient(pairs, "cross_entropy")
    assert set(gradient) == set(TRAINED[train]) - set("V" * tied) == set(network.gradient(pairs, "cross_entropy")[1])
    for name, array in gradient.items():
        np.testing.assert_allclose(array, of_all[name], rtol=1e-12, atol=1e-14)


def test_blocks_of_pairs_on_the_device_are_made_there_and_have_the_same_gradient(cupy):
    host = random_network(P=11, M=24)
    network, backend = host.convert(cupy.asarray), Backend(cupy, map, 1, 10**9, 64, "")
    pairs = examples().convert(cupy.asarray)
    strict_cupy.transfers.clear()
    _, gradient, _ = Gradient(network, "mse", backend)(make_blocks(pairs, network, backend))
    assert not strict_cupy.transfers
    device.gpu_problem.cache_clear()
    for name, array in host.gradient(examples(), "mse")[1].items():
        np.testing.assert_allclose(gradient[name].get(), array, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("block_examples, n_blocks", [(40, 18), (64, 16), (100, 8), (300, 4), (1000, 1)])
def test_the_pairs_are_cut_into_blocks_of_one_length(block_examples, n_blocks):
    network, pairs = random_network(P=11, M=24), examples()
    blocks = make_blocks(pairs, network, Backend(np, map, 1, 10**9, block_examples, ""))
    assert len(blocks) == n_blocks
    assert max(len(block.label) for block in blocks) - min(len(block.label) for block in blocks) <= 1
    assert (np.concatenate([block.label for block in blocks]) == pairs.label).all()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_gradient_has_the_same_bits_for_any_number_of_threads(threads):
    network = random_network(P=11, M=24).convert(lambda array: array.astype(np.float32))
    blocks = make_blocks(examples(), network, Backend(np, map, 1, 10**9, 40, ""))
    assert len(blocks) > SHARDS
    loss, gradient, answers = Gradient(network, "cross_entropy", SERIAL)(blocks, answer=True)
    with open_backend("cpu", threads) as backend:
        other_loss, other, others = Gradient(network, "cross_entropy", backend)(blocks, answer=True)
    assert loss == other_loss and (answers.predicted == others.predicted).all()
    assert (answers.clean_loss, answers.noisy_loss) == (others.clean_loss, others.noisy_loss)
    assert all((gradient[name] == other[name]).all() for name in gradient)


def test_nothing_is_silently_cast():
    network = random_network(P=11, M=24).convert(lambda array: array.astype(np.float32))
    _, gradient, _ = Gradient(network, "cross_entropy", SERIAL)(make_blocks(examples(), network, SERIAL))
    assert {array.dtype for array in gradient.values()} == {np.dtype(np.float32)}


def test_predicted_labels_are_those_of_the_network_in_the_order_of_the_pairs():
    network, pairs = random_network(P=11, M=24), examples()
    backend = Backend(np, map, 1, 10**9, 64, "")
    _, _, answers = Gradient(network, "mse", backend)(make_blocks(pairs, network, backend), answer=True)
    assert (answers.predicted == network.logits(pairs.a, pairs.b).argmax(axis=1)).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("twin", [True, False])
@pytest.mark.parametrize("noisy", [0, 300, 700])
def test_the_loss_is_told_by_parts(loss, twin, noisy, array_module, monkeypatch):
    if not twin:
        monkeypatch.delitem(IN_PLACE_LOSSES, loss)
    host, pairs = random_network(P=11, M=24), examples()
    pairs.is_noisy[:] = np.random.default_rng(0).permutation(700) < noisy
    network, backend = host.convert(array_module.asarray), Backend(array_module, map, 1, 10**9, 64, "")
    value, gradient, answers = Gradient(network, loss, backend)(make_blocks(pairs, network, backend), answer=True)
    F = host.logits(pairs.a, pairs.b)
    for part, total in ((~pairs.is_noisy, answers.clean_loss), (pairs.is_noisy, answers.noisy_loss)):
        expected = LOSSES[loss](F[part], pairs.label[part])[0] * part.sum() if part.any() else 0
        assert float(total) == pytest.approx(expected, rel=1e-12)
    assert float(answers.clean_loss + answers.noisy_loss) == pytest.approx(700 * float(value), rel=1e-12)
    unasked = Gradient(network, loss, backend)(make_blocks(pairs, network, backend))[1]
    assert all((to_host(gradient[name]) == to_host(unasked[name])).all() for name in gradient)


def test_a_second_call_forgets_the_first():
    network = random_network(P=11, M=24)
    gradient_of = Gradient(network, "cross_entropy", SERIAL)
    blocks = make_blocks(examples(seed=1), network, SERIAL)
    first = {name: array.copy() for name, array in gradient_of(blocks)[1].items()}
    gradient_of(make_blocks(examples(n=900, seed=2), network, SERIAL))
    for name, array in gradient_of(blocks)[1].items():
        assert (array == first[name]).all()


def test_tiles_are_the_same_pairs_with_few_different_tokens_in_a_block():
    a, b = np.divmod(np.random.default_rng(0).permutation(30 * 30)[:800], 30)
    pairs, backend = Pairs(a, b, a, a, np.zeros(800, bool)), Backend(np, map, 1, 10**9, 100, "")
    tiled = in_tiles(pairs, random_network(P=30, M=2), backend)
    assert sorted(zip(tiled.a, tiled.b, strict=True)) == sorted(zip(a, b, strict=True))
    parts = [tiled[start : start + 100] for start in range(0, 800, 100)]
    different = np.mean([len(set(part.a)) + len(set(part.b)) for part in parts])
    assert different < 36        # 11 + 11 if every block were a square; about 58 in random order
