import numpy as np
import pytest
from planted import random_network

from minimod.backend import SERIAL, Backend, open_backend
from minimod.data import Pairs
from minimod.gradient import SHARDS, Gradient, in_tiles, make_blocks


def examples(n=700, P=11, seed=3):
    generator = np.random.default_rng(seed)
    a, b, label = generator.integers(0, P, (3, n))
    return Pairs(a, b, label, label, np.zeros(n, bool))


def whole_batch(network, pairs):
    """The readable reference: all examples at once, dense one-hot matrices, softmax as in a textbook; ReLU."""
    one_hot = np.eye(network.modulus)
    A, B, Y, n = one_hot[pairs.a], one_hot[pairs.b], one_hot[pairs.label], len(pairs)
    Z = A @ network.U + B @ network.V
    H = np.maximum(Z, 0)
    F = H @ network.W + network.mu
    p = np.exp(F) / np.exp(F).sum(axis=1, keepdims=True)
    dF = (p - Y) / n
    dZ = (dF @ network.W.T) * (Z > 0)
    return -np.log((p * Y).sum(axis=1)).mean(), {"U": A.T @ dZ, "V": B.T @ dZ, "W": H.T @ dF, "mu": dF.sum(axis=0)}


@pytest.mark.parametrize("block_examples", [64, 100, 1000])
def test_the_engine_equals_the_readable_reference(block_examples):
    network, pairs = random_network(P=11, M=24), examples()
    backend = Backend(np, map, 1, 10**9, block_examples, "")
    blocks = make_blocks(pairs, network, backend)
    assert len(blocks) == -(-700 // block_examples)
    loss, gradient, _ = Gradient(network, "cross_entropy", backend)(blocks)
    expected_loss, expected = whole_batch(network, pairs)
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    for name, array in expected.items():
        np.testing.assert_allclose(gradient[name], array, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_gradient_has_the_same_bits_for_any_number_of_threads(threads):
    network = random_network(P=11, M=24).convert(lambda array: array.astype(np.float32))
    blocks = make_blocks(examples(), network, Backend(np, map, 1, 10**9, 64, ""))
    assert len(blocks) > SHARDS
    loss, gradient, predicted = Gradient(network, "cross_entropy", SERIAL)(blocks, predict=True)
    with open_backend("cpu", threads) as backend:
        other_loss, other, other_predicted = Gradient(network, "cross_entropy", backend)(blocks, predict=True)
    assert loss == other_loss and (predicted == other_predicted).all()
    assert all((gradient[name] == other[name]).all() for name in gradient)


def test_nothing_is_silently_cast():
    network = random_network(P=11, M=24).convert(lambda array: array.astype(np.float32))
    _, gradient, _ = Gradient(network, "cross_entropy", SERIAL)(make_blocks(examples(), network, SERIAL))
    assert {array.dtype for array in gradient.values()} == {np.dtype(np.float32)}


def test_predicted_labels_are_those_of_the_network_in_the_order_of_the_pairs():
    network, pairs = random_network(P=11, M=24), examples()
    backend = Backend(np, map, 1, 10**9, 64, "")
    _, _, predicted = Gradient(network, "mse", backend)(make_blocks(pairs, network, backend), predict=True)
    assert (predicted == network.logits(pairs.a, pairs.b).argmax(axis=1)).all()


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
    tiled = in_tiles(Pairs(a, b, a, a, np.zeros(800, bool)), 30, 100)
    assert sorted(zip(tiled.a, tiled.b, strict=True)) == sorted(zip(a, b, strict=True))
    parts = [tiled[start : start + 100] for start in range(0, 800, 100)]
    different = np.mean([len(set(part.a)) + len(set(part.b)) for part in parts])
    assert different < 36        # 11 + 11 if every block were a square; about 58 in random order
