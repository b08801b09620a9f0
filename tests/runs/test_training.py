import itertools
import math
import re
import threading
import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from run_cases import build_dataset, by_epoch, train_on

from minimod import TrainingConfig, filter_frequencies, load_run, train
from minimod.analysis.structure import Structure
from minimod.engine.backend import open_backend
from minimod.engine.predict import predict_table
from minimod.errors import DivergenceError, InputError
from minimod.losses import LOSSES
from minimod.network import TRAINED
from minimod.optimizers import OPTIMIZERS
from minimod.runs.accuracy import accuracies
from minimod.runs.data import Job, UserData, resolve
from minimod.runs.metrics import METRIC_COLUMNS
from minimod.runs.run import initial_network
from minimod.runs.training import _batches, evaluation_epochs, finished_run, memory_needed, snapshot_epochs

SMALL = TrainingConfig(modulus=23, width=64, epochs=12, noise_ratio=0.3, threads=2)


def same_bits(run, other):
    names = [name for name in METRIC_COLUMNS if name != "seconds"]
    return all((array == other.network.arrays[name]).all() for name, array in run.network.arrays.items()) and all(
        np.array_equal(run.history[name], other.history[name], equal_nan=True) for name in names
    )


@pytest.mark.parametrize("options", [{}, {"batch_size": 50}, {"optimizer": "muon"}])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_run_repeats_bit_for_bit_with_any_number_of_threads(threads, options, monkeypatch):
    monkeypatch.setattr("minimod.engine.backend.CPU_BLOCK", (64 * 64, 64))  # several blocks even for this small network
    config = replace(SMALL, **options)
    assert same_bits(train(config), train(replace(config, threads=threads)))


def test_another_seed_is_another_run():
    assert not same_bits(train(SMALL), train(replace(SMALL, seed=1)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_optimizer_lowers_every_loss(loss, optimizer):
    rates = {"sgd": 1.0, "adam": 5e-3, "adamw": 5e-3, "muon": 2e-2}
    decay = 0.0 if optimizer == "adam" else 1e-3
    config = replace(SMALL, loss=loss, optimizer=optimizer, learning_rate=rates[optimizer], weight_decay=decay)
    losses = train(config).history["loss"]
    assert losses[-1] < 0.98 * losses[0]


def test_the_measured_row_belongs_to_the_network_of_that_epoch():
    run = train(replace(SMALL, width=256))
    measured = accuracies(predict_table(run.network), run.dataset)
    for name, value in measured._asdict().items():
        assert run.history[f"{name}_accuracy"][-1] == value
    filtered = accuracies(predict_table(filter_frequencies(run.network, run.dataset.rule).dominant), run.dataset)
    assert run.history["filtered_test_accuracy"][-1] == filtered.test != filtered.validation
    for name, array in run.network.arrays.items():
        assert run.history[f"norm_{name}"][-1] == pytest.approx(np.linalg.norm(array), rel=1e-6)
    loss, _ = run.network.gradient(run.dataset.train, "cross_entropy")
    assert run.history["loss"][-1] == pytest.approx(loss, rel=1e-6)


def test_no_epochs_give_the_network_as_initialised():
    config = replace(SMALL, epochs=0, seed=3)
    run = train(config)
    assert run.history["epoch"].tolist() == [0]
    initial = initial_network(config)
    assert all((array == initial.arrays[name]).all() for name, array in run.network.arrays.items())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("trained", TRAINED)
def test_what_is_not_trained_keeps_its_bits(trained, optimizer):
    config = TrainingConfig(modulus=7, width=8, epochs=3, trained=trained, optimizer=optimizer, weight_decay=0.1)
    before, after = initial_network(config).arrays, train(config).network.arrays
    for name, array in after.items():
        assert (array != before[name]).any() == (name in TRAINED[trained])


def test_a_tied_network_stays_tied():
    run = train(replace(SMALL, tied=True))
    assert run.network.tied
    assert (run.network.U == run.network.V).all()


def test_a_network_without_bias_stays_so():
    assert not train(replace(SMALL, bias=False)).network.mu.any()


def test_dtype_is_kept():
    assert train(replace(SMALL, dtype="float64")).network.U.dtype == np.float64
    assert train(SMALL).network.U.dtype == np.float32


def test_a_batch_of_everything_is_full_batch():
    """Up to rounding: the two sum over different blocks."""
    full, batch = train(replace(SMALL, dtype="float64")), train(replace(SMALL, dtype="float64", batch_size=10_000))
    np.testing.assert_allclose(full.network.W, batch.network.W, rtol=1e-6, atol=1e-9)


def test_without_noise_or_held_out_pairs_their_measures_are_nan():
    history = train(replace(SMALL, noise_ratio=0, train_fraction=1)).history
    for name in ("noisy", "repaired", "validation", "test", "filtered_test"):
        assert math.isnan(history[f"{name}_accuracy"][-1])
    assert history["clean_accuracy"][-1] > 0


@pytest.mark.parametrize("options", [{}, {"batch_size": 50}])
def test_divergence_is_reported_with_its_epoch(options):
    with pytest.raises(DivergenceError, match=r"not finite at epoch \d+; try a smaller learning rate"):
        train(replace(SMALL, optimizer="sgd", learning_rate=1e9, **options))


def test_divergence_between_evaluations_is_dated_exactly():
    config = replace(SMALL, optimizer="sgd", learning_rate=1e9)
    messages = []
    for every in (1, 12):
        with pytest.raises(DivergenceError) as caught:
            train(replace(config, eval_every=every))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    epoch = int(re.search(r"epoch (\d+)", messages[0])[1])
    assert np.isfinite(train(replace(config, epochs=epoch - 1)).history["loss"]).all()
    with pytest.raises(DivergenceError):
        train(replace(config, epochs=epoch))


def batches(config, epoch):
    """The places in the training set of every batch's pairs, in an epoch."""
    train = build_dataset(config).train
    codes = train.a * config.modulus + train.b
    parts = _batches(train, config.batch_size, config.seed, epoch)
    return [np.searchsorted(codes, part.a * config.modulus + part.b) for part in parts]


def test_every_epoch_goes_over_every_training_pair_once():
    parts = batches(replace(SMALL, batch_size=50), 1)
    assert [len(part) for part in parts] == [50] * 8 + [23]
    assert sorted(np.concatenate(parts)) == list(range(423))


def test_batches_are_drawn_anew_for_every_epoch_and_seed():
    config = replace(SMALL, batch_size=50)
    first = [set(batches(c, epoch)[0]) for c, epoch in ((config, 1), (config, 2), (replace(config, seed=1), 1))]
    assert all(len(one & other) < 25 for one, other in itertools.combinations(first, 2))


def test_every_batch_is_a_step():
    whole, small = train(replace(SMALL, epochs=1)), train(replace(SMALL, epochs=1, batch_size=50))
    moved = [abs(run.network.W - train(replace(SMALL, epochs=0)).network.W).max() for run in (whole, small)]
    assert moved[1] > 3 * moved[0]


def test_progress_is_told_every_epoch_and_every_row():
    told = []
    note = by_epoch(lambda epoch, row: told.append((epoch, row and row["epoch"])))
    run = train(replace(SMALL, eval_every=5), callback=note)
    assert [epoch for epoch, _ in told] == list(range(13))
    assert [row for _, row in told if row is not None] == run.history["epoch"].tolist() == [0, 5, 10, 12]


def test_the_schedule_is_dense_in_the_first_hundred_epochs_and_sparser_later():
    schedule = list(evaluation_epochs(200_000))
    assert schedule[:41] == list(range(41))
    assert sum(epoch <= 100 for epoch in schedule) > 50
    assert len(schedule) < 300
    assert schedule[-1] == 200_000
    assert sorted(set(schedule)) == schedule


def test_the_schedule_can_be_given():
    assert list(evaluation_epochs(10, 4)) == [0, 4, 8, 10]
    assert list(evaluation_epochs(8, 4)) == [0, 4, 8]


def test_gpu_is_refused_where_there_is_none(monkeypatch):
    monkeypatch.setattr("minimod.engine.backend.gpu_problem", lambda: "no GPU in this test")
    with pytest.raises(InputError, match="device is 'gpu'; it must be auto or cpu here: no GPU in this test"):
        train(replace(SMALL, device="gpu"))


@pytest.mark.parametrize("rule", ["sub", "mul"])
def test_other_rules_come_out_of_noise_too(rule):
    """With half of the labels wrong; under `mul`, the 3 % of pairs that contain 0 are out of the filtration's reach."""
    config = TrainingConfig(rule=rule, modulus=59, width=512, noise_ratio=0.5, weight_decay=1.0, epochs=150)
    history = train(config).history
    assert history["filtered_test_accuracy"][-1] > 0.9
    assert history["test_accuracy"][-1] < 0.5


@pytest.mark.parametrize("options", [
    {"modulus": 113, "width": 16}, {"modulus": 113, "width": 1024}, {"modulus": 23, "width": 8192},
    {"modulus": 227, "width": 16, "batch_size": 20_000}, {"modulus": 59, "width": 1024, "dtype": "float64"},
    {"modulus": 59, "width": 2048, "activation": "gelu"}, {"modulus": 59, "width": 2048, "optimizer": "muon"},
    {"modulus": 227, "width": 64, "label_smoothing": 0.1}, {"modulus": 113, "width": 16, "record": True},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_estimate_of_memory_is_a_bound_and_not_a_loose_one(options, threads):
    config = TrainingConfig(epochs=1, threads=threads, **options)
    with open_backend("cpu", threads) as backend:
        needed = memory_needed(config, backend)
    train(replace(SMALL, epochs=0))  # imports
    tracemalloc.start()
    train(config)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= needed
    if threads == 1:                    # what several hold at one moment is up to the machine
        assert needed <= 2 * peak


def test_what_does_not_fit_into_memory_is_refused_before_it_starts(monkeypatch, tmp_path):
    monkeypatch.setattr("minimod.runs.training.free_memory", lambda xp: 2e9)
    message = r"width 1000000 and modulus 113 needs about 37\.\d GB of memory, and 2\.0 GB are free"
    with pytest.raises(MemoryError, match=message):
        train(TrainingConfig(width=10**6), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def other_labels(config):
    """Labels that are those of the dataset, but for a turn of each by one."""
    return (build_dataset(config).train.label + 1) % config.modulus


def test_other_labels_are_fitted_and_accuracies_go_on_to_mean_those_of_the_dataset():
    config = replace(SMALL, width=512, epochs=60, noise_ratio=0)
    run = train(config, data=UserData(labels=other_labels(config)))
    predicted = run.network.logits(run.dataset.train.a, run.dataset.train.b).argmax(axis=1)
    assert (predicted == run.data.labels).mean() > 0.95
    assert run.history["clean_accuracy"][-1] < 0.05
    assert (run.dataset.train.label == build_dataset(config).train.label).all()


@pytest.mark.parametrize("labels", [
    np.zeros(5, int), np.zeros(423), np.full(423, 23), np.full(423, -1), np.zeros((423, 1), int),
], ids=["number", "dtype", "too large", "negative", "shape"])  # fmt: skip
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(InputError, match="labels is"):
        train(SMALL, data=UserData(labels=labels))


def test_a_finished_run_is_used_again(tmp_path):
    first = finished_run(Job(SMALL), tmp_path / "run")
    written = (tmp_path / "run" / "metrics.csv").read_bytes()
    second = finished_run(Job(replace(SMALL, threads=1)), tmp_path / "run", lambda *_: pytest.fail("trained again"))
    assert (first.network.W == second.network.W).all()
    assert (tmp_path / "run" / "metrics.csv").read_bytes() == written


def test_a_finished_run_on_other_labels_is_not_taken_for_this_one(tmp_path):
    n_train = len(build_dataset(SMALL).train)
    labelled = resolve(SMALL, UserData(labels=np.zeros(n_train, int)))
    finished_run(labelled, tmp_path / "run")
    finished_run(labelled, tmp_path / "run", lambda *_: pytest.fail("trained again"))
    with pytest.raises(InputError, match="on the same data"):
        finished_run(resolve(SMALL, UserData(labels=np.ones(n_train, int))), tmp_path / "run")


def test_an_unfinished_run_is_trained_to_its_end(tmp_path):
    finished_run(Job(SMALL), tmp_path / "run")
    (tmp_path / "run" / "network.npz").unlink()
    finished_run(Job(SMALL), tmp_path / "run")
    assert (tmp_path / "run" / "network.npz").exists()
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 1 + SMALL.epochs + 1


def test_a_run_of_another_configuration_is_not_taken_for_this_one(tmp_path):
    finished_run(Job(SMALL), tmp_path / "run")
    with pytest.raises(InputError, match="this run has seed 0 and not 1"):
        finished_run(Job(replace(SMALL, seed=1)), tmp_path / "run")


def test_a_run_that_diverges_is_named(tmp_path):
    with pytest.raises(DivergenceError, match=r"^wild: the loss is not finite"):
        finished_run(Job(replace(SMALL, learning_rate=1e30, epochs=50)), tmp_path / "wild")


def test_a_run_that_another_process_trains_is_waited_for(tmp_path):
    config = replace(SMALL, epochs=5, threads=1)
    inside, finished = threading.Event(), []

    def slow(state):
        inside.set()
        time.sleep(0.2)

    first = threading.Thread(target=lambda: finished_run(Job(config), tmp_path / "run", slow))
    first.start()
    inside.wait()
    finished.append(finished_run(Job(config), tmp_path / "run", lambda *_: pytest.fail("trained twice")))
    first.join()
    assert finished[0].network.W.any()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("fitted", [False, True])
def test_the_metrics_are_those_of_the_network(loss, fitted):
    config = replace(SMALL, loss=loss, train_fraction=0.6, label_smoothing=0.1 * fitted)
    labels = np.random.default_rng(0).integers(0, 23, len(build_dataset(config).train)) if fitted else None
    run = train(config, data=UserData(labels=labels))
    train_pairs = replace(run.dataset.train, label=run.fitted.label)
    parts = {
        "": train_pairs, "clean_": train_pairs[~train_pairs.is_noisy], "noisy_": train_pairs[train_pairs.is_noisy],
        "validation_": run.dataset.validation, "test_": run.dataset.test,
    }  # fmt: skip
    last = {name: column[-1] for name, column in run.history.items()}
    for name, pairs in parts.items():
        value, _ = run.network.gradient(pairs, loss, config.label_smoothing)
        assert last[f"{name}loss"] == pytest.approx(value, rel=1e-5)
    predicted = run.network.logits(train_pairs.a, train_pairs.b).argmax(axis=1)
    assert last["train_accuracy"] == (predicted == train_pairs.label).mean()
    assert last["mean_ipr"] == pytest.approx(Structure(run.network, run.dataset.rule).ipr.mean())


@pytest.mark.parametrize(("options", "undefined"), [
    ({"noise_ratio": 0}, {"noisy_loss", "noisy_accuracy", "repaired_accuracy"}),
    ({"noise_ratio": 1}, {"clean_loss", "clean_accuracy"}),
    ({"train_fraction": 1}, {"validation_loss", "test_loss", "validation_accuracy", "test_accuracy",
                             "filtered_test_accuracy"}),
])  # fmt: skip
def test_what_there_are_no_pairs_for_is_nan(options, undefined):
    history = train(replace(SMALL, epochs=1, **options)).history
    assert {name for name, column in history.items() if np.isnan(column).any()} == undefined


WEIGHTS = np.roll(np.eye(23), 1, axis=1)
BY_MATRIX = replace(SMALL, noise_kind="matrix", epochs=4)


def test_a_noise_matrix_is_kept_with_the_run(tmp_path):
    run = train(BY_MATRIX, tmp_path / "run", data=UserData(noise_matrix=WEIGHTS.astype(int)))
    pairs = run.dataset.train
    assert pairs.is_noisy.any() and (pairs.label == (pairs.true_label + pairs.is_noisy) % 23).all()
    loaded = load_run(tmp_path / "run")
    assert (loaded.dataset.train.label == pairs.label).all() and (loaded.data.noise_matrix == WEIGHTS).all()
    longer = train_on(replace(BY_MATRIX, epochs=6), tmp_path / "run")
    assert same_bits(longer, train(replace(BY_MATRIX, epochs=6), data=UserData(noise_matrix=WEIGHTS)))


def test_a_run_with_a_noise_matrix_is_gone_on_with_without_it(tmp_path):
    def stop(epoch, row):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data = UserData(noise_matrix=WEIGHTS)
        train(BY_MATRIX, tmp_path / "run", data=data, callback=by_epoch(stop), checkpoint_every=1)
    with pytest.raises(InputError, match="on the same data"):
        train(BY_MATRIX, tmp_path / "run", data=UserData(noise_matrix=WEIGHTS.T))
    assert same_bits(train(BY_MATRIX, tmp_path / "run"), train(BY_MATRIX, data=UserData(noise_matrix=WEIGHTS)))


@pytest.mark.parametrize(("config", "weights", "option"), [
    (BY_MATRIX, None, "noise_matrix"), (BY_MATRIX, WEIGHTS[:3], "noise_matrix"),
    (BY_MATRIX, WEIGHTS + np.eye(23), "row 0 of noise_matrix"), (SMALL, WEIGHTS, "noise_kind"),
])  # fmt: skip
def test_a_noise_matrix_that_cannot_be_used_is_refused_before_anything_is_written(config, weights, option, tmp_path):
    with pytest.raises(InputError) as caught:
        train(config, tmp_path / "run", data=UserData(noise_matrix=weights))
    assert caught.value.option == option and not (tmp_path / "run").exists()


def test_pairs_that_are_left_out_are_not_trained_on(tmp_path):
    kept = np.arange(423) % 3 > 0
    run = train(SMALL, tmp_path / "run", data=UserData(subset=kept))
    pairs = run.dataset.train
    other = np.where(kept, pairs.label, 0)
    assert same_bits(run, load_run(tmp_path / "run")) and (load_run(tmp_path / "run").data.subset == kept).all()
    assert (train(SMALL, data=UserData(subset=kept, labels=other)).network.W == run.network.W).all()
    last = {name: column[-1] for name, column in run.history.items()}
    value, _ = run.network.gradient(pairs[kept], SMALL.loss)
    assert last["loss"] == pytest.approx(value, rel=1e-5)
    fitted = run.network.logits(pairs.a, pairs.b).argmax(axis=1) == pairs.label
    assert last["train_accuracy"] == fitted[kept].mean() and last["clean_accuracy"] == fitted[~pairs.is_noisy].mean()


def test_pairs_that_are_left_out_stay_out_when_a_run_goes_on(tmp_path):
    kept = np.arange(423) % 3 > 0

    def stop(epoch, row):
        if epoch == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SMALL, tmp_path / "run", data=UserData(subset=kept), callback=by_epoch(stop), checkpoint_every=1)
    assert same_bits(train(SMALL, tmp_path / "run"), train(SMALL, data=UserData(subset=kept)))


@pytest.mark.parametrize("kept", [np.ones(3, bool), np.zeros(423, bool), np.ones(423, int), "all"])
def test_a_choice_of_pairs_that_cannot_be_used_is_refused(kept, tmp_path):
    with pytest.raises(InputError, match="subset"):
        train(SMALL, tmp_path / "run", data=UserData(subset=kept))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("epochs", "snapshots", "expected"), [
    (40, "log", [0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 40]), (32, "log", [0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32]),
    (1, "log", [0, 1]), (0, "log", [0]), (40, (0, 10, 40, 41), [0, 10, 40]), (40, None, []),
])  # fmt: skip
def test_snapshots_are_of_these_epochs(epochs, snapshots, expected):
    assert sorted(snapshot_epochs(replace(SMALL, epochs=epochs, snapshots=snapshots))) == expected


def test_a_run_that_goes_on_tells_its_callback_of_no_epoch_twice(tmp_path):
    told = []

    def stop_at_two(state):
        told.append(state.epoch)
        return np.bool_(state.epoch == 2)

    config = replace(SMALL, epochs=5)
    train(config, tmp_path / "run", callback=stop_at_two)
    assert told == [0, 1, 2]
    train(config, tmp_path / "run", callback=stop_at_two)
    assert told == [0, 1, 2, 3, 4, 5]


def test_a_state_that_is_kept_has_the_network_of_its_epoch_or_none():
    states, networks = [], []

    def look(state):
        states.append(state)
        if state.epoch == 1:
            networks.append(state.network.U.copy())

    run = train(replace(SMALL, epochs=3), callback=look)
    assert (states[1].network.U == networks[0]).all() and (run.network.U != networks[0]).any()
    with pytest.raises(RuntimeError, match="the network of epoch 0 was not asked for while the callback ran"):
        _ = states[0].network


@pytest.mark.parametrize("data", [{}, {"labels": [0]}, np.zeros(3)], ids=str)
def test_data_that_are_no_user_data_are_refused(data):
    with pytest.raises(InputError, match="it must be a UserData"):
        train(SMALL, data=data)
