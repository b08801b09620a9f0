import contextlib
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from planted import ideal_network
from run_cases import build_dataset

from minimod import Run, TrainingConfig, analyze, filter_frequencies, train
from minimod.analysis.masking import MASK_SHARES, mask_curves, random_rankings
from minimod.analysis.readouts import predict_ensemble, predict_interaction
from minimod.analysis.rows import RANDOM_DRAWS
from minimod.analysis.scores import SCORES
from minimod.analysis.structure import Structure
from minimod.analysis.summary import in_words
from minimod.arrays import random_stream
from minimod.engine.predict import predict_table
from minimod.errors import DivergenceError, InputError
from minimod.fourier import Frequencies
from minimod.runs.accuracy import MEASURES, accuracies
from minimod.runs.data import UserData
from minimod.runs.files import plain_data
from minimod.runs.run import initial_network

CONFIG = TrainingConfig(modulus=23, width=40, noise_ratio=0.5, epochs=5, eval_every=5, threads=2)


# So many shares of 40 neurons are none; nothing is chosen of them.
EMPTY = sum(round(keep * 40) == 0 for keep in MASK_SHARES)


@pytest.fixture(scope="module")
def run():
    return train(CONFIG)


@pytest.fixture(scope="module")
def summary(run):
    return analyze(run)


def test_the_summary_can_be_written_as_json(summary):
    assert json.loads(json.dumps(plain_data(summary), allow_nan=False)).keys() == summary.keys()


@pytest.mark.parametrize("options", [
    {"init_std": 1e-45}, {"init_std": 1e-300, "dtype": "float64"}, {"init_std": 1e-22}, {"init_std": 1e10},
    {"init_std": 1e18, "loss": "mse"}, {"learning_rate": 1e-300}, {"learning_rate": 1e30}, {"width": 1},
    {"modulus": 2, "width": 1}, {"modulus": 3, "rule": "mul"}, {"train_fraction": 0.02}, {"train_fraction": 1},
    {"betas": (0, 0)}, {"betas": (1 - 2**-53, 1 - 2**-53)}, {"weight_decay": 1e30}, {"noise_ratio": 1}, {"epochs": 0},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_odd_values_are_trained_and_analysed_or_diverge_without_a_warning(optimizer, options):
    """Of any library: pytest makes every warning an error."""
    config = TrainingConfig(**{"modulus": 7, "width": 4, "epochs": 2, "threads": 2, "optimizer": optimizer} | options)
    with contextlib.suppress(DivergenceError):
        analyze(train(config))


def test_methods_are_the_accuracies_of_their_networks(run, summary):
    rule = run.dataset.rule
    dominant, residual = filter_frequencies(run.network, rule)
    networks = {"raw": run.network, "dominant": dominant, "residual": residual}
    for name in ("raw", "dominant"):
        for activation in ("quadratic", "reverse_relu"):
            networks[f"{name}+{activation}"] = replace(networks[name], activation=activation)
    networks["ideal"] = Structure(run.network, rule).ideal.network
    networks["untrained ideal"] = Structure(initial_network(run.config), rule).ideal.network
    measured = {name: accuracies(predict_table(network), run.dataset)._asdict() for name, network in networks.items()}
    for name, network in {"": run.network, "+quadratic": networks["raw+quadratic"]}.items():
        measured[f"interaction{name}"] = accuracies(predict_interaction(network), run.dataset)._asdict()
    assert {name: summary["methods"][name] for name in measured} == measured
    assert len({tuple(row.values()) for row in measured.values()}) == len(measured), "some cannot be told apart"


def test_every_method_says_what_it_needs(summary):
    assert summary["needs"].keys() == summary["methods"].keys()
    assert set(summary["needs"].values()) == {
        "nothing", "two inputs", "coordinates", "the rule", "clean validation",
        *(f"{needs}, clean validation" for needs in ("two inputs", "coordinates", "the rule")),
        "two inputs, noisy validation",
    }  # fmt: skip


def test_a_subnetwork_is_chosen_on_validation_pairs(run, summary):
    for score in SCORES:
        curves = summary["masks"]["top"][score]
        best = EMPTY + int(np.argmax(curves["validation"][EMPTY:]))
        row = summary["methods"][f"{score} subnetwork"]
        assert row == {measure: curves[measure][best] for measure in MEASURES}
        partition = summary["partition"][score]
        assert partition["generalising"] == round(40 * MASK_SHARES[best]) / 40 and partition["test"] == row["test"]
        assert partition["sum"] == pytest.approx(partition["generalising"] + partition["memorising"], nan_ok=True)


def test_without_clean_labels_a_subnetwork_is_chosen_on_noisy_ones(run, summary):
    """The smallest share within a standard error of the best, for the masks that know nothing."""
    for score in ("strength", "norm", "flatness", "norm_flatness"):
        curves = summary["masks"]["interaction"][score]
        agreement, error = (curves[name][EMPTY:] for name in ("agreement", "standard_error"))
        i = EMPTY + np.flatnonzero(agreement + error >= agreement.max())[0]
        assert summary["methods"][f"{score}+interaction, noisy"]["test"] == curves["test"][i]
        assert summary["partition"][score]["noisy_choice"] in [round(40 * keep) / 40 for keep in MASK_SHARES]


def test_without_validation_pairs_no_subnetwork_is_chosen():
    summary = analyze(train(replace(CONFIG, epochs=0, train_fraction=1)))
    for name, row in summary["methods"].items():
        masked = name.split("+")[0] in (*SCORES, "random") or name.endswith("subnetwork")
        assert math.isnan(row["clean"]) == masked
    assert math.isnan(summary["partition"]["ipr"]["generalising"])
    assert math.isnan(summary["partition"]["ipr"]["filtered_test"])


def test_a_partition_is_filtered_like_the_whole(run, summary):
    neurons = (-SCORES["ipr"].value(Structure(run.network, run.dataset.rule))).argsort()
    neurons = neurons[: round(summary["partition"]["ipr"]["generalising"] * run.config.width)]
    filtered = filter_frequencies(run.network.subnetwork(neurons), run.dataset.rule).dominant
    expected = accuracies(predict_table(filtered), run.dataset).test
    assert summary["partition"]["ipr"]["filtered_test"] == expected


def test_random_masks_stand_beside_the_scores(summary):
    for part in ("top", "rest"):
        low, mean, high = (np.array(summary["masks"][part][f"random{x}"]["clean"]) for x in (" low", "", " high"))
        assert (low <= mean + 1e-9).all() and (mean <= high + 1e-9).all() and (low < high).any()


def test_the_random_subnetwork_is_the_mean_of_all_rankings(run, summary):
    rankings = random_rankings(run.network.width, random_stream(run.config.seed, "control"))
    curves = [mask_curves(run.network, ranking, run.dataset) for ranking in rankings]
    for part, row in {"logits": "random subnetwork", "interaction": "random+interaction"}.items():
        tops = [getattr(each, part) for each in curves]
        tests = [top["test"][EMPTY + top["validation"][EMPTY:].argmax()] for top in tops]
        assert summary["methods"][row]["test"] == pytest.approx(np.mean(tests))


def test_an_ensemble_reads_out_all_its_networks(run):
    other = train(replace(CONFIG, init_seed=1))
    summary = analyze(run, ensemble=[other])
    expected = accuracies(predict_ensemble([run.network, other.network]), run.dataset)._asdict()
    assert summary["methods"]["ensemble interaction"] == expected
    for different in (replace(CONFIG, seed=1), replace(CONFIG, noise_ratio=0.4), replace(CONFIG, modulus=29)):
        with pytest.raises(InputError, match="the same data"):
            analyze(run, ensemble=[train(different)])


def test_the_random_frequency_is_the_mean_of_draws_that_differ(run, summary):
    generator, structure = random_stream(run.config.seed, "control"), Structure(run.network, run.dataset.rule)
    random_rankings(run.network.width, generator)            # they are drawn before
    networks = [structure.keep(structure.random_component(generator)) for _ in range(RANDOM_DRAWS)]
    tests = [accuracies(predict_table(network), run.dataset).test for network in networks]
    assert np.std(tests) > 0
    assert summary["methods"]["random frequency"]["test"] == pytest.approx(np.mean(tests))


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


def test_an_analysis_repeats_with_all_that_it_draws(run, summary):
    assert analyze(run)["methods"] == summary["methods"]


def test_phase_errors_are_nan_where_frequencies_differ(run):
    neurons = analyze(run, by="each")["neurons"]
    same = (neurons["frequency_u"] == neurons["frequency_v"]) & (neurons["frequency_v"] == neurons["frequency_w"])
    assert not same.all()
    assert (np.isnan(neurons["phase_error"]) == ~same).all()


def test_shares_of_nothing_are_nan():
    methods = analyze(train(TrainingConfig(modulus=7, width=8, epochs=0, noise_ratio=0)))["methods"]
    assert math.isnan(methods["raw"]["noisy"]) and not math.isnan(methods["raw"]["clean"])


def test_an_analysis_computes_each_structure_once(run, monkeypatch):
    transformed = []

    def count(self, network, coefficients=Frequencies.coefficients):
        transformed.append(network)
        return coefficients(self, network)

    monkeypatch.setattr(Frequencies, "coefficients", count)
    analyze(run)
    assert len(transformed) == 2 and transformed[0] is run.network


def test_a_run_in_words_says_what_it_was_taught_fits_and_knows():
    run = train(TrainingConfig(modulus=13, width=64, epochs=20, noise_ratio=0.4))
    last = {name: column[-1] for name, column in run.history.items()}
    raw = {name: last[f"{name}_accuracy"] for name in ("clean", "noisy", "test")}
    told = in_words(run, {"raw": raw, "dominant": {"test": 0.987, "noisy": 0.02}})
    for share in (last["clean_accuracy"], last["noisy_accuracy"], last["test_accuracy"], 0.987, 0.02):
        assert f"{100 * share:.3g} %" in told
    assert f"{len(run.dataset.train)} of the 169 pairs" in told and "Fourier" not in in_words(run)
    assert ("own answers hide it" in told) == (last["test_accuracy"] < 0.5)


def test_of_a_run_without_noise_or_test_pairs_only_what_there_is_is_said():
    run = train(TrainingConfig(modulus=7, width=8, epochs=1, noise_ratio=0, train_fraction=1.0))
    told = in_words(run, analyze(run)["methods"])
    assert "wrong" not in told and "nan" not in told and "of the labels that it was shown" in told


def test_of_a_relabelled_run_the_labels_that_it_was_trained_on_are_told():
    config = TrainingConfig(modulus=7, width=8, epochs=1, noise_ratio=0.5)
    labels = build_dataset(config).train.true_label
    told = in_words(train(config, data=UserData(labels=labels)))
    assert "wrong" not in told and "of the labels that it was shown" in told
