import copy
from dataclasses import replace

import pytest

from minimod import TrainingConfig, analyze, train
from minimod.claims import CLAIMS, finished_run
from minimod.errors import InputError

SMALL = TrainingConfig(modulus=7, width=8, epochs=2, threads=1)


@pytest.fixture(scope="module")
def headline():
    """The summary of the headline run itself; evaluating it only at its end saves a third of the time."""
    return analyze(train(replace(CLAIMS["headline"].config, eval_every=100)))


def test_the_headline_holds(headline):
    failed = [criterion for criterion in CLAIMS["headline"].criteria if not criterion.holds(headline)]
    assert not failed


def test_the_headline_memorises_every_label(headline):
    assert headline["methods"]["raw"]["clean"] == headline["methods"]["raw"]["noisy"] == 1


def test_the_filtered_headline_repairs_the_labels_it_was_trained_against(headline):
    assert headline["methods"]["dominant"]["repaired"] > 0.99
    assert headline["methods"]["dominant"]["noisy"] < 0.01


def test_the_dominant_frequency_beats_a_random_one(headline):
    assert headline["methods"]["dominant"]["test"] > headline["methods"]["random frequency"]["test"] + 0.3


@pytest.mark.parametrize("criterion", CLAIMS["headline"].criteria, ids=str)
def test_a_claim_fails_when_one_criterion_does(headline, criterion):
    broken = copy.deepcopy(headline)
    step = -0.001 if criterion.relation == "at least" else 0.001
    broken["methods"][criterion.method][criterion.measure] = criterion.bound + step
    assert CLAIMS["headline"].holds([headline, headline])
    assert not CLAIMS["headline"].holds([headline, broken])


def test_a_bound_is_met_when_reached():
    for criterion in CLAIMS["headline"].criteria:
        assert criterion.holds({"methods": {criterion.method: {criterion.measure: criterion.bound}}})


def test_a_finished_run_is_used_again(tmp_path):
    first = finished_run(SMALL, tmp_path / "run")
    written = (tmp_path / "run" / "metrics.csv").read_bytes()
    second = finished_run(SMALL, tmp_path / "run", progress=lambda *_: pytest.fail("trained again"))
    assert (first.network.W == second.network.W).all()
    assert (tmp_path / "run" / "metrics.csv").read_bytes() == written


def test_an_unfinished_run_is_trained_from_the_start(tmp_path):
    finished_run(SMALL, tmp_path / "run")
    (tmp_path / "run" / "network.npz").unlink()
    finished_run(SMALL, tmp_path / "run")
    assert (tmp_path / "run" / "network.npz").exists()
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 1 + 3


def test_an_empty_directory_is_used(tmp_path):
    assert finished_run(SMALL, tmp_path).directory == tmp_path


def test_a_run_of_another_configuration_is_not_taken_for_the_claims(tmp_path):
    finished_run(SMALL, tmp_path / "run")
    with pytest.raises(InputError, match="the claim's own configuration"):
        finished_run(replace(SMALL, seed=1), tmp_path / "run")
