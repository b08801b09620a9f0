"""An Analysis measures a run part by part, as `analyze` does all at once, and with rows and rankings of one's own."""

import re
import threading
from dataclasses import replace

import numpy as np
import pytest
from planted import join, random_network

from minimod import TrainingConfig, analyze, make_rule, train
from minimod.analysis.analysis import Analysis
from minimod.analysis.masking import MASK_SHARES, mask_curves
from minimod.analysis.rows import METHODS, ROWS, WHOLE, Row
from minimod.analysis.scores import COORDINATES
from minimod.engine.backend import SERIAL
from minimod.engine.predict import predict_table
from minimod.errors import InputError
from minimod.runs.accuracy import Accuracies, accuracies
from minimod.runs.run import initial_network

CONFIG = TrainingConfig(modulus=23, width=40, noise_ratio=0.5, epochs=5, threads=2, snapshots=(0, 2, 3, 4))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(CONFIG, tmp_path_factory.mktemp("analysis") / "run")


@pytest.fixture(scope="module")
def summary(run):
    return analyze(run)


def test_what_is_asked_for_alone_is_what_the_whole_says(run, summary):
    with Analysis(run) as analysis:
        for name in ("dominant", "raw", "random+interaction", "norm subnetwork"):
            assert analysis.row(name)._asdict() == summary["methods"][name]
        for name, row in analysis.partition.items():
            assert row == pytest.approx(summary["partition"][name], nan_ok=True)
        assert {name: row._asdict() for name, row in analysis.rows.items()} == summary["methods"]
        assert analysis.needs == summary["needs"] and analysis.rows.keys() == analysis.needs.keys()


def test_a_run_is_given_by_its_directory_too(run):
    with Analysis(run) as one, Analysis(run.directory) as two, Analysis(str(run.directory)) as three:
        assert one.row("raw") == two.row("raw") == three.row("raw")


def test_threads_end_with_the_block(run):
    before = threading.active_count()
    with Analysis(run, threads=3) as analysis:
        assert analysis.backend.threads == 3
        list(analysis.backend.map(str, range(3)))
        assert threading.active_count() > before
    assert threading.active_count() == before and analysis.backend is SERIAL
    with pytest.raises(InputError), Analysis(run) as analysis:
        raise InputError("anything", 0, "another")
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 2])
def test_without_a_block_it_computes_on_the_calling_thread(run, threads):
    before = threading.active_count()
    table = Analysis(run, threads=threads).predict("dominant")
    assert threading.active_count() == before
    with Analysis(run, threads=threads) as analysis:
        assert (analysis.predict("dominant") == table).all()


def test_predictions_are_what_is_counted(run):
    with Analysis(run) as analysis:
        for name in WHOLE:
            if name in analysis.needs:
                assert analysis.count(analysis.predict(name)) == analysis.row(name)
        draws = analysis.predict("random frequency")
        assert draws.shape == (10, 23, 23)
        assert analysis.row("random frequency").test == pytest.approx(np.mean(analysis.count(draws).test))
        assert analysis.predict("random subnetwork").shape == (10, 23, 23)
        assert analysis.chosen("dominant") is None and len(analysis.chosen("norm subnetwork").neurons) > 0


def test_of_many_pairs_curves_are_of_a_sample_and_rows_of_all_pairs(run, monkeypatch):
    whole = Analysis(run).rows
    monkeypatch.setattr("minimod.analysis.readouts.MANY_PAIRS", 500)
    monkeypatch.setattr("minimod.analysis.masking.SAMPLED", 30)
    with Analysis(run) as analysis:
        for name, row in analysis.rows.items():
            drawn, expected = name.startswith("random"), whole[name]
            assert row.validation == expected.validation and (row != expected if drawn else row == expected), name
        frequencies = analysis.count(analysis.predict("random frequency")).validation
        assert analysis.row("random frequency").validation == pytest.approx(frequencies.mean())
        assert len(analysis.sample.test) == 30 and analysis.sample is analysis.sample
        chosen = analysis.chosen("norm subnetwork")
        assert chosen.accuracies.test == round(30 * chosen.accuracies.test) / 30


def test_a_row_of_ones_own_is_measured_like_any_other(run):
    untrained = Row(COORDINATES, lambda analysis, row: analysis.table(analysis.untrained.dominant, row.activation))
    with Analysis(run) as analysis:
        expected = predict_table(analysis.untrained.dominant, analysis.backend)
        assert (analysis.predict(untrained) == expected).all()
        assert analysis.row(untrained) == accuracies(expected, run.dataset)
        swapped = replace(ROWS["random frequency"], activation="quadratic")
        assert analysis.row(swapped) != analysis.row("random frequency")


def test_a_ranking_has_the_best_first(run):
    network = join(random_network(P=23, M=4), random_network(P=23, M=1).convert(lambda array: 9 * array))
    assert Analysis(replace(run, network=network)).ranking("norm")[0] == 4


def test_unknown_names_are_refused_with_the_nearest(run):
    with pytest.raises(InputError, match=r"row is 'dominnat'; it must be .*dominant"):
        Analysis(run).row("dominnat")
    with pytest.raises(InputError, match="score is 'nrom'; it must be one of norm"):
        Analysis(run).curves("nrom")


def test_curves_are_of_scores_rankings_and_other_networks(run):
    with Analysis(run) as analysis:
        ranking = analysis.ranking("norm")[::-1]
        structure = analysis.structure
        for curves, network, order in (
            (analysis.curves("norm"), run.network, analysis.ranking("norm")),
            (analysis.curves(ranking), run.network, ranking),
            (analysis.curves(ranking, structure.dominant), structure.dominant, ranking),
            (analysis.curves("norm", structure.dominant), structure.dominant, analysis.ranking("norm")),
            (analysis.random[0], run.network, analysis.random_rankings[0]),
        ):
            expected = mask_curves(network, order, run.dataset, analysis.backend)
            assert curves.logits["test"].shape == (len(MASK_SHARES),)
            for part in ("logits", "interaction", "rest"):
                np.testing.assert_array_equal(getattr(curves, part)["test"], getattr(expected, part)["test"])
        assert analysis.curves("norm") is analysis.scored["norm"], "computed once"


def test_the_components_of_another_rule_can_be_looked_at():
    run = train(replace(CONFIG, rule="mul", snapshots=None))
    with Analysis(run) as analysis, Analysis(run, rule=make_rule("add", 23)) as tokens:
        assert tokens.structure.shares.shape[1] == analysis.structure.shares.shape[1] == 11
        assert (tokens.structure.component != analysis.structure.component).any()
        assert tokens.row("raw") == analysis.row("raw") and tokens.row("dominant") != analysis.row("dominant")


def test_moments_are_the_snapshots_and_the_end_on_the_same_threads(run):
    with Analysis(run, by="w") as analysis:
        moments = list(analysis.moments())
        assert [each.epoch for each in moments] == [0, 2, 3, 4, 5] and moments[-1] is analysis
        assert {each.by for each in moments} == {"w"} and {each.backend for each in moments} == {analysis.backend}
        assert moments[0].row("raw") == analysis.count(predict_table(initial_network(CONFIG)))
        assert [each.epoch for each in analysis.moments(2)] == [0, 4, 5]
    with Analysis(run.at(3)) as early:
        assert [each.epoch for each in early.moments()] == [0, 2, 3]


def test_an_ensemble_has_a_row_more(run):
    others = [train(replace(CONFIG, init_seed=seed, snapshots=None)) for seed in (1, 2)]
    with Analysis(run, ensemble=others) as analysis:
        assert analysis.needs["ensemble interaction"] == "two inputs, 3 networks"
        assert isinstance(analysis.row("ensemble interaction"), Accuracies)
    assert "ensemble interaction" not in Analysis(run).needs
    with pytest.raises(InputError, match="none of the others"):
        Analysis(run, ensemble=[others[0], others[0]])


def test_methods_predict_with_one_network_and_controls_do_not():
    assert set(WHOLE) < set(METHODS) < ROWS.keys()
    assert not {"rule", "random subnetwork", "untrained ideal", "ensemble interaction"} & set(METHODS)


def test_without_pairs_that_are_held_out_no_neurons_can_be_chosen():
    analysis = Analysis(train(replace(CONFIG, epochs=0, train_fraction=1, snapshots=None)))
    assert np.isnan(analysis.row("norm subnetwork")).all()
    with pytest.raises(InputError, match="number of held-out pairs"):
        analysis.predict("norm subnetwork")


@pytest.mark.parametrize("name", ["rank one", "untrained rank one+quadratic", "ensemble interaction"])
def test_a_row_that_does_not_apply_is_refused(name):
    with Analysis(train(TrainingConfig(modulus=7, width=8, epochs=1))) as analysis:
        for measured in (analysis.row, analysis.predict):
            with pytest.raises(InputError, match=f"row is '{re.escape(name)}'; it must be"):
                measured(name)
