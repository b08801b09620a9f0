"""What a run records of each training pair, held against its definition, and through stops."""

from dataclasses import replace

import numpy as np
import pytest
import strict_cupy
from run_cases import by_epoch, train_on

from minimod import TrainingConfig, load_run, train
from minimod.engine import device
from minimod.engine.kernels import confidence
from minimod.runs.data import UserData

CONFIG = TrainingConfig(modulus=13, width=30, noise_ratio=0.3, epochs=9, threads=1, record=True, learning_rate=0.05)


def course_of(config, data=None):
    """The course by its definition: the network after every measured epoch, trained anew."""
    margins, losses = [], []
    for epoch in train(config, data=data).history["epoch"]:
        run = train(replace(config, epochs=int(epoch)), data=data)
        pairs = run.dataset.train
        margin, loss = confidence(run.network.logits(pairs.a, pairs.b), run.fitted.label)
        margins.append(margin)
        losses.append(loss)
    margins, losses = np.array(margins, float), np.array(losses, float)
    fitted = margins > 0
    forgotten = (fitted[:-1] & ~fitted[1:]).sum(axis=0).astype(float)
    forgotten[~fitted.any(axis=0)] = np.inf
    half = [epoch for epoch in range(len(fitted)) if fitted[epoch].mean() >= 0.5]
    half_loss = losses[half[0]] if half else np.full(len(forgotten), np.nan)
    return {
        "margin": margins.mean(axis=0), "probability": np.exp(-losses).mean(axis=0), "forgotten": forgotten,
        "half_loss": half_loss,
    }  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"batch_size": 20}, {"loss": "mse"}, {"eval_every": 4}])
def test_the_course_is_the_mean_over_the_measured_epochs(options, monkeypatch):
    monkeypatch.setattr("minimod.engine.backend.CPU_BLOCK", (30 * 40, 40))       # several blocks, in tiles
    config = replace(CONFIG, **options)
    course, expected = train(config).label_record, course_of(config)
    assert course.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(course[name], array, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_course_is_that_of_the_labels_that_are_fitted():
    labels = np.random.default_rng(0).integers(0, 13, 135)
    expected = course_of(CONFIG, UserData(labels=labels))["margin"]
    found = train(CONFIG, data=UserData(labels=labels)).label_record["margin"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_recording_changes_no_bit_of_the_network():
    recorded, plain = train(CONFIG), train(replace(CONFIG, record=False))
    assert (recorded.network.W == plain.network.W).all() and not plain.label_record


@pytest.mark.parametrize("epoch", [1, 5, 8])
def test_a_run_that_was_stopped_has_the_same_course(epoch, tmp_path):
    def stop(now, row):
        if now == epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, tmp_path / "run", callback=by_epoch(stop), checkpoint_every=1)
    train(CONFIG, tmp_path / "run")
    expected, loaded = train(CONFIG).label_record, load_run(tmp_path / "run").label_record
    assert expected.keys() == loaded.keys()
    assert all(np.array_equal(array, loaded[name], equal_nan=True) for name, array in expected.items())


def test_an_extended_run_has_the_course_of_the_longer_one(tmp_path):
    train(replace(CONFIG, epochs=4), tmp_path / "run")
    longer = train_on(CONFIG, tmp_path / "run").label_record
    whole = train(CONFIG).label_record
    assert all(np.array_equal(array, longer[name], equal_nan=True) for name, array in whole.items())


def test_a_device_records_the_same(monkeypatch):
    strict_cupy.install(monkeypatch)
    device.gpu_problem.cache_clear()
    config = replace(CONFIG, dtype="float64")
    on_device = train(replace(config, device="gpu")).label_record
    device.gpu_problem.cache_clear()
    for name, array in train(replace(config, device="cpu")).label_record.items():
        np.testing.assert_allclose(on_device[name], array, rtol=1e-9, atol=1e-12)
