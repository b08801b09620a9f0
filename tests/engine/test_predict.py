import numpy as np
import pytest
from planted import random_network

from minimod.activations import ACTIVATIONS
from minimod.engine.backend import SERIAL, Backend, open_backend
from minimod.engine.predict import grid_logits, map_hidden_rows, predict, predict_table


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_all_ways_to_predict_are_those_of_the_network(activation):
    network = random_network(P=13, M=24, activation=activation)
    logits = network.grid_logits()
    np.testing.assert_allclose(grid_logits(network), logits, rtol=1e-12, atol=1e-12)
    assert (predict_table(network) == logits.argmax(axis=2)).all()
    a, b = np.array([3, 0, 12, 3]), np.array([12, 5, 0, 4])
    assert (predict(network, a, b) == logits[a, b].argmax(axis=1)).all()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("block_examples", [64, 100, 1000])
def test_blocks_and_threads_change_no_prediction(block_examples, threads):
    network = random_network(P=13, M=24)
    with open_backend("cpu", threads) as opened:
        backend = Backend(np, opened.map, threads, 10**9, block_examples, "")
        assert (predict_table(network, backend) == predict_table(network)).all()
        a, b = np.divmod(np.arange(169), 13)
        assert (predict(network, a, b, backend) == predict_table(network).ravel()).all()


def test_rows_come_in_order_with_their_hidden_vectors():
    network = random_network(P=13, M=24)
    seen = map_hidden_rows(lambda rows, H: (rows, H.copy()), network, SERIAL, n_rows=5)
    assert [rows for rows, _ in seen] == [slice(0, 5), slice(5, 10), slice(10, 13)]
    H = np.maximum(network.U[:, None] + network.V, 0).reshape(169, 24)
    np.testing.assert_allclose(np.concatenate([part for _, part in seen]), H)


def test_no_pairs_and_no_neurons_can_be_asked():
    network = random_network(P=13, M=24)
    assert predict(network, np.empty(0, int), np.empty(0, int)).shape == (0,)
    nothing = network.subnetwork(np.empty(0, int))
    assert (predict_table(nothing) == network.mu.argmax()).all()
