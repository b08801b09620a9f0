import json

import numpy as np
import pytest
from optimizer_cases import CASES, REFERENCE, problem, run_minimod, run_torch

from minimod import TrainingConfig
from minimod.optimizers import OPTIMIZERS, AdamW, MatrixMuon, orthogonalize
from minimod.runs.training import make_optimizer


def assert_close(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_ten_steps_match_the_numbers_stored_from_pytorch(case):
    assert_close(run_minimod(case), json.loads(REFERENCE.read_text())["parameters"][case])


@pytest.mark.parametrize("case", CASES)
def test_ten_steps_match_pytorch_itself(case):
    pytest.importorskip("torch")
    assert_close(run_minimod(case), run_torch(case))


@pytest.mark.parametrize("shape", [(20, 60), (60, 20), (20, 20)])
def test_orthogonalize_brings_singular_values_near_one_and_keeps_the_vectors(shape):
    G = np.random.default_rng(0).standard_normal(shape)
    left, values, right = np.linalg.svd(G, full_matrices=False)
    inside = left.T @ orthogonalize(G) @ right.T
    sizeable = values > 0.1 * values[0]
    assert ((np.diag(inside) > 0.65) & (np.diag(inside) < 1.25))[sizeable].all()
    np.testing.assert_allclose(inside, np.diag(np.diag(inside)), atol=1e-9)


def test_orthogonalize_survives_a_zero_matrix():
    assert not orthogonalize(np.zeros((3, 4))).any()


def test_muon_takes_the_matrices_transposed_and_adamw_the_bias():
    parameters = {"W": np.ones((3, 4)), "mu": np.ones(4)}
    gradient = {"W": np.eye(3, 4), "mu": np.arange(4.0)}
    config = TrainingConfig(optimizer="muon", learning_rate=0.1, momentum=0.9, weight_decay=0.2)
    both = {name: array.copy() for name, array in parameters.items()}
    make_optimizer(config, both).step(gradient)
    MatrixMuon({"W": parameters["W"].T}, 0.1, 0.9, 0.2).step({"W": gradient["W"].T})
    AdamW({"mu": parameters["mu"]}, 0.1, config.betas, 0.2).step(gradient)
    assert all((both[name] == parameters[name]).all() for name in parameters)


@pytest.mark.parametrize(("shape", "factor"), [((10, 40), 2), ((40, 10), 1)])
def test_muon_scales_by_outputs_over_inputs(shape, factor):
    """As for torch.nn.Linear: the step of a matrix from 10 inputs to 40 outputs is twice as long, not the reverse."""
    parameters, gradient = {"W": np.zeros(shape)}, {"W": np.random.default_rng(0).standard_normal(shape)}
    config = TrainingConfig(optimizer="muon", learning_rate=1, momentum=0, weight_decay=0)
    make_optimizer(config, parameters).step(gradient)
    singular_values = np.linalg.svd(parameters["W"], compute_uv=False)
    assert 0.65 * factor < singular_values.min() and singular_values.max() < 1.25 * factor


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_a_name_and_its_options_give_the_numbers_stored_from_pytorch(name):
    parameters, gradients = problem()
    optimizer = make_optimizer(TrainingConfig(optimizer=name, **CASES[name][2]), parameters)
    for gradient in gradients:
        optimizer.step(gradient)
    assert_close(parameters, json.loads(REFERENCE.read_text())["parameters"][name])


# What an optimiser heeds of a configuration; the rest changes nothing. A vector under muon is adamw's.
HEEDED = {
    "sgd": {"learning_rate", "momentum", "weight_decay"}, "adam": {"learning_rate", "betas", "weight_decay"},
    "adamw": {"learning_rate", "betas", "weight_decay"}, "muon": {"learning_rate", "momentum", "weight_decay", "betas"},
}  # fmt: skip


@pytest.mark.parametrize("field", ["learning_rate", "betas", "momentum", "weight_decay"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_configuration_reaches_its_optimizer(name, field):
    def after_three_steps(**changes):
        parameters = {"W": np.arange(6.0).reshape(2, 3), "mu": np.ones(3)}
        optimizer = make_optimizer(TrainingConfig(optimizer=name, **changes), parameters)
        generator = np.random.default_rng(0)
        for _ in range(3):
            optimizer.step({name: generator.standard_normal(theta.shape) for name, theta in parameters.items()})
        return np.concatenate([X.ravel() for X in parameters.values()])

    values = {"learning_rate": 0.1, "betas": (0.5, 0.6), "momentum": 0.3, "weight_decay": 0.8}
    changed = (after_three_steps() != after_three_steps(**{field: values[field]})).any()
    assert changed == (field in HEEDED[name])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_are_updated_in_place_in_their_own_precision(name):
    parameters = {"W": np.ones((3, 4), np.float32), "mu": np.ones(4, np.float32)}
    held = dict(parameters)
    optimizer = make_optimizer(TrainingConfig(optimizer=name), parameters)
    optimizer.step({key: np.ones_like(array) for key, array in parameters.items()})
    for key, array in held.items():
        assert parameters[key] is array and array.dtype == np.float32 and (array != 1).all()
