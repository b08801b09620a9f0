import json
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import softmax

from minimod import TrainingConfig, extract, load_run, train
from minimod.analysis.analysis import Analysis
from minimod.analysis.rows import labels_need
from minimod.analysis.self_training import by_method, held_out_margins
from minimod.errors import InputError
from minimod.runs.data import UserData
from minimod.runs.run import FINISHED, NONE, check_run

CONFIG = TrainingConfig(modulus=11, width=24, noise_ratio=0.4, epochs=8, eval_every=4, threads=1)
METHOD = "norm_flatness+interaction, noisy"


class Stopped(Exception):
    pass


def refused(call, option):
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.option == option


@pytest.fixture(scope="module")
def run():
    return train(CONFIG)


@pytest.fixture(scope="module")
def rounds(run):
    return extract(run, 2)


def answers_of(run, method=METHOD):
    """What the method answers on the training pairs."""
    with Analysis(run) as study:
        return study.predict(method)[run.dataset.train.a, run.dataset.train.b]


def contents(directory):
    """All files of a directory, bit for bit, but those that have seconds in them."""
    paths = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory): path.read_bytes() for path in paths if path.suffix == ".json" or "data" in
            path.parts} | {"W": load_run(directory).network.W.tobytes()}  # fmt: skip


def test_every_round_is_trained_on_the_answers_of_the_one_before(run, rounds):
    assert [done.number for done in rounds] == [0, 1, 2] and rounds[0].run is run
    for before, after in pairwise(rounds):
        assert (after.run.data.labels == answers_of(before.run)).all()
        again = train(CONFIG, data=UserData(labels=after.run.data.labels))
        assert (again.network.W == after.run.network.W).all()


def test_the_numbers_of_a_round_are_those_of_its_labels_and_its_readout(rounds):
    for done in rounds:
        pairs = done.run.dataset.train
        fitted = pairs.label if done.run.data.labels is None else done.run.data.labels
        answered = answers_of(done.run)
        assert done.row["labels_right"] == (fitted == pairs.true_label).mean()
        assert done.row["changed"] == (answered != fitted).mean()
        assert done.row["raw_test"] == done.run.history["test_accuracy"][-1]
        # Noisy and repaired go on to mean the labels that were corrupted at first.
        assert done.row["repaired"] == (answered == pairs.true_label)[pairs.is_noisy].mean()
        with Analysis(done.run) as study:
            assert done.row["test"] == pytest.approx(study.row(METHOD).test, abs=2 / 12)    # near-ties
            assert done.row["kept"] == study.scored["norm_flatness"].chosen("interaction", "noisy").share


@pytest.mark.parametrize("method", ["interaction", "norm+interaction, noisy", "dominant", "strength subnetwork"])
def test_any_row_of_analyze_can_relabel(run, method):
    _, done = extract(run, 1, answers=by_method(method))
    assert (done.run.data.labels == answers_of(run, method)).all()


BY_DEFAULT, TOLD = "two inputs, noisy validation", "unknown answers"


@pytest.mark.parametrize(("chain", "needs"), [
    ([None], BY_DEFAULT), ([by_method("raw")], "nothing"), ([by_method("ideal")], "the rule"),
    ([by_method("ipr subnetwork")], "coordinates, clean validation"),
    ([by_method("norm+interaction")], "two inputs, clean validation"), ([lambda study: by_method()(study)], TOLD),
    ([by_method("dominant"), None], f"coordinates, {BY_DEFAULT}"),
    ([None, by_method("ideal"), None], f"{BY_DEFAULT}, the rule"),
    ([lambda study: by_method()(study), None], f"{TOLD}, {BY_DEFAULT}"),
])  # fmt: skip
def test_a_round_knows_what_its_labels_needed(run, tmp_path, chain, needs):
    """Of rounds that begin with a round, all of them; in memory and from its directory."""
    for number, answers in enumerate(chain):
        run = extract(run, 1, tmp_path / str(number), answers)[-1].run
    for each in (run, load_run(run.directory), load_run(tmp_path / str(number))):
        assert labels_need(each.data) == needs and Analysis(each).needs["raw"] == needs
    assert Analysis(run).needs["dominant"].split(", ")[0] == "coordinates"


def test_controls_without_trained_weights_do_not_need_what_the_labels_needed(run):
    first, last = (Analysis(each.run).needs for each in extract(run, 1, answers=lambda study: by_method()(study)))
    same = {name for name in first if last[name] == first[name]}
    assert same == {name for name in first if name.startswith("untrained")} | {"rule"}


def test_of_other_labels_it_is_unknown_what_they_needed(run, rounds, tmp_path):
    """Of labels that a user gives, and of rounds of earlier versions, which go on as they are."""
    labels = rounds[1].run.data.labels
    assert labels_need(train(CONFIG, data=UserData(labels=labels)).data) == TOLD and labels_need(run.data) == "nothing"
    train(CONFIG, tmp_path / "new" / "rounds" / "1", data=UserData(labels=labels))
    done = extract(run, 2, tmp_path / "new")
    assert [labels_need(each.run.data) for each in done] == ["nothing", TOLD, f"{TOLD}, {BY_DEFAULT}"]
    assert [each.row for each in done] == [each.row for each in rounds]


def test_it_ends_where_the_answers_are_the_labels():
    fitted = train(replace(CONFIG, width=64, noise_ratio=0, epochs=100, learning_rate=0.02))
    assert fitted.history["clean_accuracy"][-1] == 1
    assert len(extract(fitted, 3, answers=by_method("raw"))) == 1


def test_every_round_is_in_rounds_and_the_last_one_in_the_directory(run, rounds, tmp_path):
    extract(run, 2, tmp_path / "new")
    places = {"": 2, "rounds/1": 1, "rounds/2": 2}
    assert {path.name for path in (tmp_path / "new" / "rounds").iterdir()} == {"1", "2"}
    for name, number in places.items():
        assert check_run(tmp_path / "new" / name)[0] == FINISHED
        stored = load_run(tmp_path / "new" / name)
        assert (stored.network.W == rounds[number].run.network.W).all()
        assert (stored.data.labels == rounds[number].run.data.labels).all()


@pytest.mark.parametrize(("first", "then"), [(1, 2), (2, 1)])
def test_more_or_fewer_rounds_go_on_from_those_there_are(run, rounds, tmp_path, first, then):
    extract(run, first, tmp_path / "new")
    done = extract(run, then, tmp_path / "new")
    assert [each.row for each in done] == [each.row for each in rounds[: then + 1]]
    assert (load_run(tmp_path / "new").network.W == rounds[then].run.network.W).all()


def test_the_same_again_trains_nothing(run, rounds, tmp_path):
    extract(run, 2, tmp_path / "new")
    before = contents(tmp_path / "new")

    @contextmanager
    def display(config):
        yield lambda state: pytest.fail("it trains")

    again = extract(run, 2, tmp_path / "new", display=display)
    assert [done.row for done in again] == [done.row for done in rounds] and contents(tmp_path / "new") == before


@pytest.mark.parametrize(("number", "epoch"), [(1, 3), (1, 8), (2, 3)])
def test_stopped_anywhere_it_goes_on_to_the_same_end(run, rounds, tmp_path, number, epoch):
    begun = []

    @contextmanager
    def display(config):
        begun.append(config)

        def callback(state):
            if (len(begun), state.epoch) == (number, epoch):
                raise Stopped

        yield callback

    with pytest.raises(Stopped):
        extract(run, 2, tmp_path / "new", display=display)
    assert check_run(tmp_path / "new")[0] == NONE
    done = extract(run, 2, tmp_path / "new")
    assert [each.row for each in done] == [each.row for each in rounds]
    assert (load_run(tmp_path / "new").network.W == rounds[2].run.network.W).all()


@pytest.mark.parametrize("left", ["config.json", "metrics.csv", "data/labels.npz", "checkpoint.npz"])
def test_killed_while_the_last_round_is_copied_it_goes_on(run, tmp_path, left):
    extract(run, 1, tmp_path / "new")
    expected = contents(tmp_path / "new")
    for name in ("network.npz", "checkpoint.npz", "metrics.csv", "data/labels.npz", "config.json"):
        if name == left:
            break
        (tmp_path / "new" / name).unlink()
    extract(run, 1, tmp_path / "new")
    assert contents(tmp_path / "new") == expected


def test_what_is_not_the_same_extraction_is_refused_and_left_alone(run, tmp_path):
    extract(run, 2, tmp_path / "new")
    train(CONFIG, tmp_path / "run")
    before = {name: contents(tmp_path / name) for name in ("new", "run")}
    refused(lambda: extract(run, 2, tmp_path / "run"), "output")
    refused(lambda: extract(run, 2, tmp_path / "new", by_method("interaction")), "run directory")
    refused(lambda: extract(replace(run, config=replace(CONFIG, epochs=9)), 2, tmp_path / "new"), "run directory")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "own" / "rounds").mkdir(parents=True)
    (tmp_path / "own" / "thesis.txt").write_text("mine")
    refused(lambda: extract(run, 1, tmp_path / "own"), "output")
    refused(lambda: extract(run, 1, tmp_path / "file"), "output")
    assert {name: contents(tmp_path / name) for name in ("new", "run")} == before


def test_what_cannot_be_done_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("minimod.engine.backend.gpu_problem", lambda: "no GPU in this test")
    run = train(replace(CONFIG, train_fraction=1))
    refused(lambda: extract(run, 1, tmp_path / "new"), "number of held-out pairs")
    refused(lambda: by_method("intreaction"), "method")
    for rounds in (-1, 1.5, "2", True):
        refused(lambda rounds=rounds: extract(run, rounds, tmp_path / "new"), "rounds")
    elsewhere = replace(run, config=replace(CONFIG, device="gpu"))
    refused(lambda: extract(elsewhere, 1, tmp_path / "new", by_method("interaction")), "device")
    assert not (tmp_path / "new").exists()
    assert len(extract(run, 1, answers=by_method("interaction"))) == 2


def test_the_configuration_is_that_of_the_run(run, tmp_path):
    extract(run, 1, tmp_path / "new")
    assert TrainingConfig.from_dict(json.loads((tmp_path / "new" / "config.json").read_text())["config"]) == CONFIG
    assert np.array_equal(load_run(tmp_path / "new").dataset.train.label, run.dataset.train.label)


def test_what_is_trained_again_keeps_no_snapshots(tmp_path):
    run = train(replace(CONFIG, snapshots="log"), tmp_path / "run")
    extract(run, 1, tmp_path / "new")
    held_out_margins(run, 2, tmp_path / "new" / "folds")
    assert not list((tmp_path / "new").rglob("snapshots"))


def test_the_noise_matrix_goes_with_the_rounds(tmp_path):
    weights = np.roll(np.eye(11), 1, axis=1)
    run = train(replace(CONFIG, noise_kind="matrix"), data=UserData(noise_matrix=weights))
    extract(run, 1, tmp_path / "new")
    new = load_run(tmp_path / "new")
    assert new.data.stored.keys() == {"labels", "noise_matrix"}
    assert (new.dataset.train.label == run.dataset.train.label).all()


def test_every_pair_is_held_out_of_the_network_that_gives_its_margin(run, tmp_path):
    margins, pairs = held_out_margins(run, 3, tmp_path / "folds"), run.dataset.train
    names = [f"{number}-of-3-epochs-8" for number in (1, 2, 3)]
    assert {path.name for path in (tmp_path / "folds").iterdir()} == {*names}
    folds = [load_run(tmp_path / "folds" / name) for name in names]
    times_left_out = sum((~fold.data.subset).astype(int) for fold in folds)
    assert (times_left_out == 1).all()
    for fold in folds:
        left_out = ~fold.data.subset
        assert 31 <= left_out.sum() <= 33
        p = softmax(fold.network.logits(pairs.a[left_out], pairs.b[left_out]).astype(float), axis=1)
        label = pairs.label[left_out]
        others = np.where(np.eye(11, dtype=bool)[label], -np.inf, p).max(axis=1)
        np.testing.assert_allclose(margins[left_out], p[np.arange(len(p)), label] - others, atol=1e-6)
    assert (held_out_margins(run, 3) == margins).all()
    before = contents(tmp_path / "folds" / names[0])
    assert (held_out_margins(run, 3, tmp_path / "folds") == margins).all()
    assert contents(tmp_path / "folds" / names[0]) == before


def test_folds_leave_out_what_the_run_left_out(tmp_path):
    kept = np.arange(97) % 3 > 0
    held_out_margins(train(CONFIG, data=UserData(subset=kept)), 2, tmp_path)
    trained_on = [load_run(path).data.subset for path in tmp_path.iterdir()]
    assert (sum(map(np.asarray, trained_on), np.zeros(97, int)) == kept).all()


@pytest.mark.parametrize("folds", [1, 98, 2.5, "2"])
def test_folds_must_be_a_number_of_them(run, folds):
    refused(lambda: held_out_margins(run, folds), "folds")


def test_the_rounds_may_be_of_another_width(run, tmp_path):
    first, second = extract(run, 1, tmp_path / "new", width=9)
    assert first.run is run and second.run.config == replace(CONFIG, width=9)
    assert load_run(tmp_path / "new").network.width == 9
    refused(lambda: extract(run, 1, tmp_path / "new"), "run directory")
