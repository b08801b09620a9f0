"""Errors a user can mend: they come whole from other processes, and know nothing of the command line."""

import pickle
import signal
from pathlib import Path

import pytest

from minimod import TrainingConfig, load_run, train
from minimod.errors import FinishedRunError, InputError, Interrupted, LockedError, UnfinishedRunError, one_of
from minimod.sweeps.sweep import Sweep

TINY = TrainingConfig(modulus=5, width=4, epochs=2, threads=1)


@pytest.mark.parametrize("kind", [InputError, LockedError, UnfinishedRunError, FinishedRunError])
def test_an_input_error_comes_back_from_another_process_as_it_was(kind):
    error = pickle.loads(pickle.dumps(kind("width", 0, "at least 1")))
    assert type(error) is kind
    assert (str(error), error.option) == ("width is 0; it must be at least 1", "width")


def test_an_interruption_comes_back_from_another_process_as_it_was():
    stop = pickle.loads(pickle.dumps(Interrupted(signal.SIGTERM, Path("run"), 7)))
    assert (stop.signal, stop.directory, stop.epoch) == (signal.SIGTERM, Path("run"), 7)
    assert str(stop) == "stopped after epoch 7"


def load_an_unfinished_run(directory):
    train(TINY, directory)
    (directory / "network.npz").unlink()
    load_run(directory)


def train_a_finished_run(directory):
    train(TINY, directory)
    train(TINY, directory)


def go_on_with_no_sweep(directory):
    Sweep(directory)


@pytest.mark.parametrize(("mistake", "kind"), [
    (load_an_unfinished_run, UnfinishedRunError), (train_a_finished_run, FinishedRunError),
    (go_on_with_no_sweep, InputError),
])
def test_a_library_error_names_no_command_line_option(tmp_path, mistake, kind):
    with pytest.raises(kind) as caught:
        mistake(tmp_path)
    assert "--" not in str(caught.value) and "minimod train" not in str(caught.value)


def test_a_wrong_name_is_answered_with_the_nearest_ones():
    many = ["learning_rate", "weight_decay", "width", *(f"other_{i}" for i in range(20))]
    assert one_of(many, "widht") == "width, or another of 23 names"
    assert one_of(many, "lr") == "learning_rate, or another of 23 names"
    assert one_of(many, "learning-rate") == "learning_rate, or another of 23 names"
    assert one_of(["add", "sub", "mul"], "mull") == "one of mul, add, sub"
    assert one_of(many, "nothing like it") == "one of " + ", ".join(many)
