"""First epochs past a threshold."""

import math

import numpy as np
import pytest

from minimod import TrainingConfig, analyze, train
from minimod.runs.metrics import ACCURACIES, THRESHOLDS, first_epoch, first_epochs

HISTORY = {
    "epoch": np.array([0, 3, 6, 9]), "clean_accuracy": np.array([0.1, 0.5, 0.95, 0.7]),
    "noisy_accuracy": np.array([0.1, 0.2, 0.4, 0.6]), "test_accuracy": np.full(4, np.nan),
}  # fmt: skip


@pytest.mark.parametrize(("level", "columns", "expected"), [
    (0.5, ["clean"], 3), (0.9, ["clean"], 6), (0.96, ["clean"], math.inf), (0, ["clean"], 0),
    (0.5, ["clean", "noisy"], 9), (0.9, ["clean", "noisy"], math.inf),
])  # fmt: skip
def test_the_first_epoch_is_that_at_which_all_are_at_the_level(level, columns, expected):
    assert first_epoch(HISTORY, level, *(f"{name}_accuracy" for name in columns)) == expected


def test_what_was_not_measured_has_no_first_epoch():
    assert math.isnan(first_epoch(HISTORY, 0.5, "test_accuracy"))
    assert math.isnan(first_epoch(HISTORY, 0.5, "clean_accuracy", "test_accuracy"))


def test_the_summary_has_the_first_epochs_of_every_accuracy():
    run = train(TrainingConfig(modulus=11, width=64, noise_ratio=0, epochs=60, learning_rate=0.02, threads=1))
    found = analyze(run, thresholds=[0.25, 0.5])["first_epochs"]
    assert [*found] == [f"first_epoch_{part}_{level}" for part in ACCURACIES for level in (0.25, 0.5)]
    epoch = found["first_epoch_clean_0.5"]
    row = run.history["epoch"].tolist().index(epoch)
    accuracy = run.history["clean_accuracy"]
    assert accuracy[row] >= 0.5 > accuracy[:row].max() and math.isnan(found["first_epoch_noisy_0.5"])
    assert len(first_epochs(run.history)) == len(ACCURACIES) * len(THRESHOLDS)
