import json
from dataclasses import replace

import numpy as np
import pytest
from planted import ideal_network

from minimod import Run, TrainingConfig, analyze, filter_frequencies, train
from minimod.analysis.accuracy import accuracies, predict_grid
from minimod.analysis.summary import RANDOM_DRAWS
from minimod.data import build_dataset

CONFIG = TrainingConfig(modulus=23, width=40, noise_ratio=0.5, epochs=5, eval_every=5, threads=2)


@pytest.fixture(scope="module")
def run():
    return train(CONFIG)


@pytest.fixture(scope="module")
def summary(run):
    return analyze(run)


def test_the_summary_is_plain_data(summary):
    assert json.loads(json.dumps(summary, allow_nan=False)).keys() == summary.keys()


def test_methods_are_the_accuracies_of_their_networks(run, summary):
    dominant, residual = filter_frequencies(run.network, run.dataset.rule)
    networks = {"raw": run.network, "dominant": dominant, "residual": residual}
    for name in ("raw", "dominant"):
        for activation in ("quadratic", "reverse_relu"):
            networks[f"{name}+{activation}"] = replace(networks[name], activation=activation)
    measured = {name: accuracies(predict_grid(network), run.dataset) for name, network in networks.items()}
    assert {name: summary["methods"][name] for name in measured} == measured
    assert len({tuple(row.values()) for row in measured.values()}) == len(measured), "some cannot be told apart"


def test_the_random_control_draws_a_frequency_for_each_neuron(run, summary, monkeypatch):
    drawn, measured = [], []

    def record(network, rule, by="joint", frequency=None):
        drawn.append(frequency)
        parts = filter_frequencies(network, rule, by, frequency)
        measured.append(accuracies(predict_grid(parts.dominant), run.dataset)["test"])
        return parts

    monkeypatch.setattr("minimod.analysis.summary.filter_frequencies", record)
    assert analyze(run)["methods"] == summary["methods"]
    draws = np.stack(drawn[1 : 1 + RANDOM_DRAWS])            # the first is the dominant, the last the examples'
    assert (draws[:, 0] == draws[:, 1]).all() and (draws[:, 0] == draws[:, 2]).all()
    assert set(draws.ravel().tolist()) == set(range(1, 12))
    assert (draws[:, 0] != draws[:, 0, :1]).any(axis=1).all()
    assert summary["methods"]["random frequency"]["test"] == pytest.approx(np.mean(measured[1 : 1 + RANDOM_DRAWS]))


@pytest.mark.parametrize(("activation", "swaps"), [
    ("relu", {"quadratic", "reverse_relu"}), ("quadratic", {"relu", "reverse_relu"}),
    ("gelu", {"relu", "quadratic", "reverse_relu"}),
])  # fmt: skip
def test_swaps_lead_away_from_the_activation_trained_with(activation, swaps):
    methods = analyze(train(TrainingConfig(modulus=7, width=8, epochs=0, activation=activation)))["methods"]
    for base in ("raw", "dominant"):
        assert {name.removeprefix(f"{base}+") for name in methods if name.startswith(f"{base}+")} == swaps


def test_the_rule_is_the_best_that_a_frequency_method_can_score(summary):
    assert summary["methods"]["rule"] == {"clean": 1, "noisy": 0, "repaired": 1, "validation": 1, "test": 1}


def test_under_mul_pairs_with_zero_are_out_of_reach():
    methods = analyze(train(TrainingConfig(rule="mul", modulus=7, width=8, epochs=0, train_fraction=0.1)))["methods"]
    assert methods["rule"]["test"] < 1


def test_counts_are_those_of_the_dataset(summary):
    n_train = round(0.8 * 23**2)
    noisy = round(0.5 * n_train)
    rest = 23**2 - n_train
    assert summary["counts"] == {
        "clean": n_train - noisy, "noisy": noisy, "repaired": noisy,
        "validation": rest // 2, "test": rest - rest // 2,
    }  # fmt: skip
    assert summary["chance"] == 1 / 23


def test_ideal_neurons_are_described_as_such():
    dataset = build_dataset(CONFIG)
    network = ideal_network(dataset.rule, "relu")
    summary = analyze(Run(TrainingConfig(modulus=23, width=network.width), dataset, network, {}))
    assert min(summary["neurons"]["share"]) == pytest.approx(1)
    expected = {"median_share": 1, "phase_error_rms": 0, "neurons_with_one_frequency": network.width}
    assert summary["structure"]["trained"] == pytest.approx(expected, abs=1e-6)
    assert summary["methods"]["dominant"]["test"] == 1


def test_before_training_neither_shares_nor_phases_are_special(run, summary):
    """A run of no epochs is its own control; and its phase errors spread like random ones, π/√3."""
    untrained = analyze(train(replace(CONFIG, epochs=0)))
    assert untrained["structure"]["trained"] == untrained["structure"]["untrained"] == summary["structure"]["untrained"]
    other = analyze(train(replace(CONFIG, epochs=0, seed=1)), by="each")
    assert other["structure"]["trained"] == other["structure"]["untrained"]
    wide = analyze(train(replace(CONFIG, epochs=0, width=2000)))["structure"]["untrained"]
    assert wide["phase_error_rms"] == pytest.approx(np.pi / np.sqrt(3), rel=0.05)


def test_the_spectrum_is_sorted_by_frequency(summary):
    order = summary["spectrum"]["order"]
    assert sorted(order) == list(range(40))
    frequency = np.array(summary["neurons"]["frequency_w"])[order]
    assert (np.diff(frequency) >= 0).all()
    # u, v and w share one frequency in most neurons' means, so the sorted image has it as its largest entry.
    share = np.array(summary["spectrum"]["share"])
    assert share.shape == (11, 40)
    assert (share.argmax(axis=0) + 1 == frequency).all()


def test_an_example_shows_what_the_filtration_keeps(run, summary):
    example = summary["examples"][0]
    assert example["share"] == max(summary["neurons"]["share"])
    dominant = filter_frequencies(run.network, run.dataset.rule).dominant
    curve = example["vectors"]["v"]
    by_position = np.argsort(curve["frequency"] * np.arange(23) % 23)
    np.testing.assert_allclose(curve["weight"], run.network.V[by_position, example["neuron"]], rtol=1e-5)
    np.testing.assert_allclose(curve["dominant"], dominant.V[by_position, example["neuron"]], rtol=1e-4, atol=1e-6)


def test_phase_errors_are_none_where_frequencies_differ(run):
    neurons = analyze(run, by="each")["neurons"]
    same = [u == v == w for u, v, w in zip(*(neurons[f"frequency_{x}"] for x in "uvw"))]
    assert not all(same)
    assert [error is not None for error in neurons["phase_error"]] == same


def test_shares_of_nothing_are_none():
    methods = analyze(train(TrainingConfig(modulus=7, width=8, epochs=0, noise_ratio=0)))["methods"]
    assert methods["raw"]["noisy"] is None and methods["raw"]["clean"] is not None
