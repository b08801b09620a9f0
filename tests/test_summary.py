import json
from dataclasses import replace

import numpy as np
import pytest
from planted import ideal_network

from minimod import Run, TrainingConfig, analyze, filter_frequencies, train
from minimod.analysis.accuracy import accuracies, predict_grid
from minimod.analysis.filtration import fit_ideal_neurons
from minimod.analysis.masking import KEEP, SCORES, random_curves
from minimod.analysis.readout import predict_ensemble, predict_interaction
from minimod.analysis.summary import RANDOM_DRAWS
from minimod.data import build_dataset, random_stream
from minimod.errors import InputError
from minimod.network import initial_network

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
    rule = run.dataset.rule
    dominant, residual = filter_frequencies(run.network, rule)
    networks = {"raw": run.network, "dominant": dominant, "residual": residual}
    for name in ("raw", "dominant"):
        for activation in ("quadratic", "reverse_relu"):
            networks[f"{name}+{activation}"] = replace(networks[name], activation=activation)
    networks["ideal"] = fit_ideal_neurons(run.network, rule).network
    networks["untrained ideal"] = fit_ideal_neurons(initial_network(run.config), rule).network
    measured = {name: accuracies(predict_grid(network), run.dataset) for name, network in networks.items()}
    for name, network in {"": run.network, "+quadratic": networks["raw+quadratic"]}.items():
        measured[f"interaction{name}"] = accuracies(predict_interaction(network), run.dataset)
    assert {name: summary["methods"][name] for name in measured} == measured
    assert len({tuple(row.values()) for row in measured.values()}) == len(measured), "some cannot be told apart"


def test_every_method_says_what_it_needs(summary):
    assert summary["needs"].keys() == summary["methods"].keys()
    assert set(summary["needs"].values()) == {
        "nothing", "two inputs", "coordinates", "the rule",
        "coordinates, validation", "the rule, validation", "nothing, validation",
    }  # fmt: skip


def test_a_subnetwork_is_chosen_on_validation_pairs(run, summary):
    for score in SCORES:
        curves = summary["masks"]["top"][score]
        best = int(np.argmax(curves["validation"]))
        row = summary["methods"][f"{score} subnetwork"]
        assert row == {measure: values[best] for measure, values in curves.items()}
        partition = summary["partition"][score]
        assert partition["generalising"] == KEEP[best] and partition["test"] == row["test"]
        if partition["memorising"] is not None:
            assert partition["sum"] == pytest.approx(partition["generalising"] + partition["memorising"])


def test_without_validation_pairs_no_subnetwork_is_chosen():
    summary = analyze(train(replace(CONFIG, epochs=0, train_fraction=1)))
    for name, row in summary["methods"].items():
        assert (row["clean"] is None) == name.endswith("subnetwork")
    assert summary["partition"]["ipr"]["generalising"] is None is summary["partition"]["ipr"]["filtered_test"]


def test_a_partition_is_filtered_like_the_whole(run, summary):
    neurons = (-SCORES["ipr"].value(run.network, run.dataset.rule)).argsort()
    neurons = neurons[: round(summary["partition"]["ipr"]["generalising"] * run.config.width)]
    filtered = filter_frequencies(run.network.subnetwork(neurons), run.dataset.rule).dominant
    expected = accuracies(predict_grid(filtered), run.dataset)["test"]
    assert summary["partition"]["ipr"]["filtered_test"] == expected


def test_random_masks_stand_beside_the_scores(summary):
    for part in ("top", "rest"):
        low, mean, high = (np.array(summary["masks"][part][f"random{x}"]["clean"]) for x in (" low", "", " high"))
        assert (low <= mean + 1e-9).all() and (mean <= high + 1e-9).all() and (low < high).any()


def test_the_random_subnetwork_is_the_mean_of_all_rankings(run, summary):
    rankings = random_curves(run.network, run.dataset, random_stream(run.config.seed, "control"))
    tests = [curves.top["test"][curves.top["validation"].argmax()] for curves in rankings]
    assert np.std(tests) > 0
    assert summary["methods"]["random subnetwork"]["test"] == pytest.approx(np.mean(tests))


def test_an_ensemble_reads_out_all_its_networks(run):
    other = train(replace(CONFIG, init_seed=1))
    summary = analyze(run, ensemble=[other])
    expected = accuracies(predict_ensemble([run.network, other.network]), run.dataset)
    assert summary["methods"]["ensemble interaction"] == expected
    for different in (replace(CONFIG, seed=1), replace(CONFIG, noise_ratio=0.4), replace(CONFIG, modulus=29)):
        with pytest.raises(InputError, match="the same data"):
            analyze(run, ensemble=[train(different)])


def test_the_random_control_draws_a_frequency_for_each_neuron(run, summary, monkeypatch):
    drawn, measured = [], []

    def record(network, rule, by="joint", frequency=None):
        drawn.append(frequency)
        parts = filter_frequencies(network, rule, by, frequency)
        measured.append(accuracies(predict_grid(parts.dominant), run.dataset)["test"])
        return parts

    monkeypatch.setattr("minimod.analysis.summary.filter_frequencies", record)
    assert analyze(run)["methods"] == summary["methods"]
    draws = np.stack(drawn[:RANDOM_DRAWS])                   # the last is the examples'
    assert (draws[:, 0] == draws[:, 1]).all() and (draws[:, 0] == draws[:, 2]).all()
    assert set(draws.ravel().tolist()) == set(range(1, 12))
    assert (draws[:, 0] != draws[:, 0, :1]).any(axis=1).all()
    assert summary["methods"]["random frequency"]["test"] == pytest.approx(np.mean(measured[:RANDOM_DRAWS]))


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
    expected = {
        "median_share": 1, "phase_error_rms": 0, "neurons_with_one_frequency": network.width, "ideal_power_share": 1,
    }  # fmt: skip
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
