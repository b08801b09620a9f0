from dataclasses import replace

import numpy as np
import pytest
from planted import random_network

from minimod import make_rule, readout
from minimod.analysis.readouts import interaction_of, predict_ensemble, predict_interaction, predict_kept
from minimod.analysis.structure import Structure
from minimod.engine.backend import open_backend
from minimod.engine.predict import predict_table
from minimod.readout import interaction


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("activation", [None, "quadratic", "gelu"])
@pytest.mark.parametrize(("name", "P"), [("add", 23), ("sub", 24), ("mul", 23), ("D7", 14), ("S4", 24)])
def test_components_answer_by_component_what_their_network_answers(name, P, activation, threads):
    """Cosines and sines, the Nyquist frequency, tokens without components, and components of more dimensions."""
    structure = Structure(random_network(P=P, M=60), make_rule(name, P))
    component = structure.random_component(np.random.default_rng(0))
    network = structure.keep(component)
    with open_backend("cpu", threads) as backend:
        answers = predict_kept(structure, component, activation, backend)
        expected = predict_table(replace(network, activation=activation or network.activation), backend)
    assert (answers == expected).all()


@pytest.mark.parametrize("activation", ["relu", "quadratic"])
def test_the_interaction_in_blocks_is_the_one_at_once(activation):
    network = random_network(P=23, M=60, activation=activation)
    with open_backend("cpu", 2) as backend:
        assert (predict_interaction(network, backend) == readout.predict_interaction(network)).all()


@pytest.mark.parametrize("tied", [False, True])
def test_the_interaction_of_many_pairs_is_from_means_of_hidden_vectors(tied, monkeypatch):
    monkeypatch.setattr("minimod.analysis.readouts.MANY_PAIRS", 0)
    network, a, b = random_network(P=23, M=60, tied=tied), np.array([3, 0, 22, 3]), np.array([7, 0, 1, 1])
    expected = interaction(network.grid_logits())
    np.testing.assert_allclose(interaction_of(network)(a, b), expected[a, b], atol=1e-12)
    assert (predict_interaction(network) == expected.argmax(axis=2)).all()
    assert (predict_ensemble([network]) == expected.argmax(axis=2)).all()


def test_an_ensemble_weighs_networks_alike_whatever_their_scale():
    networks = [random_network(seed=seed) for seed in range(3)]
    effects = [interaction(network.grid_logits()) for network in networks]
    expected = sum(effect / effect.std() for effect in effects).argmax(axis=2)
    scaled = [network.convert(lambda array, by=10.0**i: by * array) for i, network in enumerate(networks)]
    assert (predict_ensemble(scaled) == expected).all()
    assert (predict_ensemble(networks[:1]) == predict_interaction(networks[0])).all()
