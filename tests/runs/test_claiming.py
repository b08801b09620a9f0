"""Who may train in a directory: what is refused changes nothing, what belongs to another run is refused, and a longer
run grows beside the finished one."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import strict_cupy
from run_cases import ENVIRONMENT, LONGER, SMALL, WILD, Stopped, by_epoch, contents, files_in, stop_at, train_on

from minimod import TrainingConfig, load_run, train
from minimod.engine import device
from minimod.errors import DivergedRunError, DivergenceError, FinishedRunError, InputError, UnfinishedRunError
from minimod.runs import claiming
from minimod.runs import contents as contents_module
from minimod.runs.contents import load_description
from minimod.runs.data import UserData
from minimod.runs.files import load_arrays, save_arrays
from minimod.runs.run import check_run
from minimod.runs.training import State, extend, resume


@pytest.fixture
def finished(tmp_path):
    train(SMALL, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def half_extended(finished):
    """A finished run, and beside it a longer one that was stopped."""
    with pytest.raises(Stopped):
        train_on(LONGER, finished, callback=stop_at(17), checkpoint_every=3)
    return finished


# Extensions


def test_a_stopped_extension_leaves_the_run_as_it_was(half_extended, tmp_path):
    whole, again = train(SMALL, tmp_path / "undisturbed"), load_run(half_extended)
    assert again.config == SMALL and again.epoch is None
    assert all((again.network.arrays[name] == X).all() for name, X in whole.network.arrays.items())
    assert again.history["epoch"].tolist() == whole.history["epoch"].tolist()
    state, files = check_run(half_extended)
    assert (state, files["extension"]) == ("finished", "unfinished, to epoch 20")


@pytest.mark.parametrize("go_on", [partial(train, LONGER), resume], ids=["train", "resume"])
def test_a_stopped_extension_goes_on_and_takes_the_place_of_the_run(half_extended, tmp_path, go_on):
    train(LONGER, tmp_path / "long")
    seen = []
    run = go_on(half_extended, callback=by_epoch(lambda epoch, row: seen.append(epoch)))
    assert seen == [16, 17, 18, 19, 20], "the last checkpoint was at 15"
    assert run.directory == half_extended and load_run(half_extended).config == LONGER
    assert contents(half_extended) == contents(tmp_path / "long")


def test_the_shorter_run_has_finished_also_while_it_is_extended(half_extended):
    with pytest.raises(FinishedRunError):
        train(SMALL, half_extended)


def test_a_run_is_extended_again_and_again(tmp_path):
    train(SMALL, tmp_path / "run")
    for more in (3, 2, 3):
        extend(tmp_path / "run", more)
    train(LONGER, tmp_path / "long")
    found, expected = (contents(tmp_path / name)[1] for name in ("run", "long"))
    assert all(found[name] == X for name, X in expected.items() if name != "metrics")


@pytest.mark.parametrize("epochs", [0, -3, 1.5, True, "5"])
def test_an_extension_is_by_a_number_of_epochs(finished, epochs):
    with pytest.raises(InputError, match=r"epochs is .*; it must be a whole number in .1, inf."):
        extend(finished, epochs)


def test_a_second_extension_of_another_length_is_refused(half_extended):
    before = files_in(half_extended)
    with pytest.raises(UnfinishedRunError, match="has an extension to epoch 20"):
        train_on(replace(SMALL, epochs=21), half_extended)
    assert files_in(half_extended) == before


def test_a_run_without_a_checkpoint_is_not_extended(finished):
    (finished / "checkpoint.npz").unlink()
    before = files_in(finished)
    with pytest.raises(InputError, match=r"checkpoint\.npz"):
        train_on(LONGER, finished)
    assert files_in(finished) == before


@pytest.mark.parametrize(("change", "named"), [
    ({"learning_rate": 0.1}, "learning_rate is 0.1; it must be 0.005, as in the run"),
    ({"lr": 0.1}, "configuration field is 'lr'; it must be learning_rate"),
])  # fmt: skip
def test_an_extension_has_the_options_of_its_run_and_more_epochs(finished, change, named):
    before = files_in(finished)
    with pytest.raises(InputError, match=named):
        extend(finished, 8, **change)
    assert files_in(finished) == before


def test_only_a_finished_run_is_extended(tmp_path):
    with pytest.raises(Stopped):
        train(SMALL, tmp_path / "run", callback=stop_at(8), checkpoint_every=3)
    with pytest.raises(UnfinishedRunError):
        train_on(LONGER, tmp_path / "run")
    with pytest.raises(InputError):
        train_on(LONGER, tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_labels_of_its_own_go_with_an_extended_run(tmp_path):
    labels = np.random.default_rng(0).integers(0, 7, 39)
    train(SMALL, tmp_path / "run", data=UserData(labels=labels))
    extended, whole = train_on(LONGER, tmp_path / "run"), train(LONGER, data=UserData(labels=labels))
    assert (extended.network.W == whole.network.W).all() and (load_run(tmp_path / "run").data.labels == labels).all()


def test_after_sigkill_at_any_instant_of_an_extension_a_whole_run_is_there(tmp_path):
    """60 kills, a process each, in the middle of an extension of a finished run or of what an earlier kill left."""
    killed = """
import os, signal, sys, threading, time
from pathlib import Path
from run_cases import LONGER, train, train_on
generator = __import__("random").Random(0)
for number in range(60):
    pid = os.fork()
    if not pid:
        delay = generator.uniform(0, float(sys.argv[2]))
        threading.Thread(target=lambda: (time.sleep(delay), os.kill(os.getpid(), signal.SIGKILL)), daemon=True).start()
        directory = Path(sys.argv[1]) / f"run{number % 20}"
        begun = "finished" in (directory / "config.json").read_text()
        (train if begun else train_on)(LONGER, directory, checkpoint_every=1)
        os._exit(0)
    os.waitpid(pid, 0)
    [generator.random() for _ in range(7)]
"""
    import time

    for number in range(20):
        train(SMALL, tmp_path / f"run{number}", checkpoint_every=1)
    train(LONGER, tmp_path / "long", checkpoint_every=1)
    shutil.copytree(tmp_path / "run0", tmp_path / "timed")
    start = time.perf_counter()
    train_on(LONGER, tmp_path / "timed", checkpoint_every=1)
    duration = time.perf_counter() - start
    (tmp_path / "program.py").write_text(killed)
    subprocess.run([sys.executable, tmp_path / "program.py", tmp_path, str(duration)], env=ENVIRONMENT, check=True)
    unfinished = 0
    for number in range(20):
        directory = tmp_path / f"run{number}"
        if load_run(directory).config == SMALL:
            unfinished += 1
            begun = "extension" in check_run(directory)[1]
            (train if begun else train_on)(LONGER, directory)
        with pytest.raises(FinishedRunError):
            train(LONGER, directory)
        assert load_run(directory).config == LONGER
        assert (load_run(directory).network.W == load_run(tmp_path / "long").network.W).all()
    assert unfinished


@pytest.mark.parametrize("is_finished", [True, False])
def test_an_extension_that_an_earlier_version_was_making_is_brought_in(finished, tmp_path, is_finished):
    """Up to 0.3.0 it grew in .extension/, with files of its own."""
    with contextlib.nullcontext() if is_finished else pytest.raises(Stopped):
        train(LONGER, tmp_path / "longer", callback=None if is_finished else stop_at(17), checkpoint_every=3)
    shutil.copytree(tmp_path / "longer", finished / ".extension")
    assert load_run(finished).config == SMALL
    with pytest.raises(FinishedRunError) if is_finished else contextlib.nullcontext():
        resume(finished)
    assert not (finished / ".extension").exists() and load_run(finished).config == LONGER
    train(LONGER, tmp_path / "whole", checkpoint_every=3)
    assert contents(finished) == contents(tmp_path / "whole")


def test_an_extension_of_another_run_is_not_brought_in(finished, tmp_path):
    train(replace(LONGER, seed=5), tmp_path / "other")
    shutil.copytree(tmp_path / "other", finished / ".extension")
    before = files_in(finished)
    with pytest.raises(InputError, match=r"one whose \.extension is of the same run"):
        resume(finished)
    assert files_in(finished) == before and load_run(finished).config == SMALL


def test_a_reader_looks_again_where_a_run_has_grown_meanwhile(finished, monkeypatch):
    """It may have read the description just before an extension replaced it and the network."""
    old = [load_description(finished)]
    train_on(LONGER, finished)
    read = contents_module.load_description
    monkeypatch.setattr(contents_module, "load_description", lambda place: old.pop() if old else read(place))
    assert load_run(finished).config == LONGER


# Nothing of the user's is lost


def test_only_what_a_killed_process_left_is_removed(tmp_path):
    mine = {tmp_path / "run" / name: name.encode() for name in ("film.part", "config.json.part", "keep/x.npz.1.part")}
    (tmp_path / "run" / "keep").mkdir(parents=True)
    for path, content in mine.items():
        path.write_bytes(content)
    with pytest.raises(InputError, match="nothing is overwritten"):
        train(SMALL, tmp_path / "run")
    assert files_in(tmp_path) == mine
    train(SMALL, tmp_path / "other")
    shutil.copytree(tmp_path / "run", tmp_path / "other", dirs_exist_ok=True)
    (tmp_path / "other" / "checkpoint.npz.7.part").write_text("half")
    train_on(LONGER, tmp_path / "other")
    left = {path.relative_to(tmp_path / "other") for path in (tmp_path / "other").rglob("*.part")}
    assert left == {path.relative_to(tmp_path / "run") for path in mine}


def diverging_after(calls, monkeypatch):
    """Let the loss be called not finite when it is looked at for the last of so many times."""
    left = [calls]

    def look(losses):
        left[0] -= 1
        if left[0] == 0:
            raise DivergenceError("the loss is not finite")

    monkeypatch.setattr("minimod.runs.training._raise_if_diverged", look)


def test_labels_survive_a_process_that_is_killed_when_a_diverged_run_begins_anew(tmp_path, monkeypatch):
    labels = np.random.default_rng(0).integers(0, 7, 39)
    with monkeypatch.context() as patch, pytest.raises(DivergenceError):
        diverging_after(4, patch)
        train(SMALL, tmp_path / "run", data=UserData(labels=labels), checkpoint_every=1)
    calm = replace(SMALL, learning_rate=1e-3)
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(claiming.contents, "save_description", lambda *_: stop_at(0)(State(0, None, None)))
        train(calm, tmp_path / "run")
    with pytest.raises(Stopped):
        train(calm, tmp_path / "run", callback=stop_at(2), checkpoint_every=100)
    assert (train(calm, tmp_path / "run").data.labels == labels).all()


@pytest.mark.parametrize("step", ["save_data", "save_description"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_diverged_run_begins_anew_on_other_data_though_it_is_killed(tmp_path, monkeypatch, step, when):
    labels = np.random.default_rng(0).integers(0, 7, 39)
    with monkeypatch.context() as patch, pytest.raises(DivergenceError):
        diverging_after(4, patch)
        train(SMALL, tmp_path / "run", data=UserData(labels=labels), checkpoint_every=1)
    calm, others = replace(SMALL, learning_rate=1e-3), UserData(labels=(labels + 1) % 7)
    usual = getattr(contents_module, step)

    def kill(*arguments):
        if when == "after":
            usual(*arguments)
        raise Stopped

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(contents_module, step, kill)
        train(calm, tmp_path / "run", data=others)
    train(calm, tmp_path / "run", data=others)
    train(calm, tmp_path / "new", data=others)
    assert contents(tmp_path / "run") == contents(tmp_path / "new")


@pytest.mark.parametrize("step", ["save_data", "save_description"])
def test_a_run_that_was_killed_before_its_data_were_written_goes_on(tmp_path, monkeypatch, step):
    data = UserData(labels=np.random.default_rng(0).integers(0, 7, 39))
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(contents_module, step, lambda *_: stop_at(0)(State(0, None, None)))
        train(SMALL, tmp_path / "run", data=data)
    state, files = check_run(tmp_path / "run")
    assert state == ("unfinished" if step == "save_data" else "none")
    assert step == "save_description" or "to resume it, give the data again" in files["data"]
    train(SMALL, tmp_path / "run", data=data)
    assert check_run(tmp_path / "run")[0] == "finished"


def test_a_diverged_run_begins_anew_under_a_table(tmp_path):
    np.savetxt(tmp_path / "table.csv", np.subtract.outer(np.arange(7), np.arange(7)) % 7, fmt="%d", delimiter=",")
    with pytest.raises(DivergenceError):
        train(WILD, tmp_path / "run")
    train(SMALL.changed(rule=f"table:{tmp_path / 'table.csv'}"), tmp_path / "run")
    assert load_run(tmp_path / "run").data.table.tolist()[0] == [0, 6, 5, 4, 3, 2, 1]


def test_a_run_of_a_table_that_was_killed_before_its_table_was_written_goes_on(tmp_path, monkeypatch):
    np.savetxt(tmp_path / "table.csv", np.subtract.outer(np.arange(7), np.arange(7)) % 7, fmt="%d", delimiter=",")
    config = SMALL.changed(rule=f"table:{tmp_path / 'table.csv'}")
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(contents_module, "save_data", lambda *_: stop_at(0)(State(0, None, None)))
        train(config, tmp_path / "run")
    assert resume(tmp_path / "run").history["epoch"][-1] == 12 and load_run(tmp_path / "run")


def test_an_extension_without_one_of_its_snapshots_is_refused_and_the_run_stays(tmp_path):
    train(replace(SMALL, snapshots=(2,)), tmp_path / "run")
    with pytest.raises(Stopped):
        extend(tmp_path / "run", 8, snapshots=(2, 13, 19), callback=stop_at(17), checkpoint_every=1)
    (tmp_path / "run" / "snapshots" / "13.npz").unlink()
    with pytest.raises(InputError, match=r"all of its snapshots \(13\.npz"):
        resume(tmp_path / "run")
    assert load_run(tmp_path / "run").config.epochs == 12


def test_a_checkpoint_that_does_not_fit_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(Stopped):
        train(SMALL, tmp_path / "run", callback=stop_at(8), checkpoint_every=3)
    path = tmp_path / "run" / "checkpoint.npz"
    save_arrays(path, load_arrays(path) | {"state_U": np.zeros((7, 9), np.float32)})
    before = files_in(tmp_path)
    with pytest.raises(InputError, match="array of the checkpoint is 'U'"):
        train(SMALL, tmp_path / "run")
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("every", [0, -3, 1.5, True, "5"])
def test_an_interval_of_checkpoints_that_is_none_is_refused(tmp_path, every):
    with pytest.raises(InputError, match="checkpoint_every"):
        train(SMALL, tmp_path / "run", checkpoint_every=every)
    assert not (tmp_path / "run").exists()


# A file belongs to its run

OTHERS = [
    {"seed": 1}, {"noise_ratio": 0.5}, {"learning_rate": 0.01}, {"epochs": 11}, {"activation": "gelu"}, {"rule": "sub"},
    {"optimizer": "adam"}, {"init_std": 0.1}, {"eval_every": 3}, {"noise_kind": "uniform"},
]  # fmt: skip


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_a_file_of_another_run_is_refused_by_whoever_reads_it(finished, tmp_path, other):
    train(replace(SMALL, **other), tmp_path / "other")
    own = files_in(finished)
    for name in ("config.json", "network.npz", "checkpoint.npz"):
        shutil.copy(tmp_path / "other" / name, finished)
        if (finished / name).read_bytes() == own[finished / name]:
            continue
        before = files_in(finished)
        assert check_run(finished)[0] == "damaged", name
        for read in (
            lambda: load_run(finished), lambda: train(SMALL, finished), lambda: train_on(LONGER, finished),
        ):
            with pytest.raises(InputError):
                read()
        assert files_in(finished) == before
        (finished / name).write_bytes(own[finished / name])


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_an_unfinished_run_does_not_go_on_from_the_checkpoint_of_another(tmp_path, other):
    config = replace(SMALL, **other)
    for name, each in {"run": SMALL, "other": config}.items():
        with pytest.raises(Stopped):
            train(each, tmp_path / name, callback=stop_at(8), checkpoint_every=3)
    shutil.copy(tmp_path / "other" / "checkpoint.npz", tmp_path / "run")
    with pytest.raises(InputError, match=r"it belongs to another run|it was written beside another config\.json"):
        train(SMALL, tmp_path / "run")


# A state has a name


def test_a_diverged_run_is_called_so_and_is_not_trained_again(tmp_path):
    with pytest.raises(DivergenceError):
        train(WILD, tmp_path / "run")
    before = files_in(tmp_path)
    assert check_run(tmp_path / "run")[0] == "diverged"
    for attempt in (lambda: train(WILD, tmp_path / "run"), lambda: load_run(tmp_path / "run")):
        with pytest.raises(DivergedRunError, match="the loss is not finite at epoch"):
            attempt()
    assert files_in(tmp_path) == before


def test_a_diverged_run_makes_room_for_one_at_another_rate(tmp_path):
    with pytest.raises(DivergenceError):
        train(WILD, tmp_path / "run", checkpoint_every=1)
    calm = replace(WILD, learning_rate=0.1)
    train(calm, tmp_path / "run")
    train(calm, tmp_path / "new")
    assert contents(tmp_path / "run") == contents(tmp_path / "new") and check_run(tmp_path / "run")[0] == "finished"


def test_an_extension_that_diverges_leaves_the_run_finished(finished, monkeypatch):
    def diverge(losses):
        raise DivergenceError("the loss is not finite")

    with monkeypatch.context() as patch, pytest.raises(DivergenceError):
        patch.setattr("minimod.runs.training._raise_if_diverged", diverge)
        train_on(LONGER, finished)
    state, files = check_run(finished)
    assert (state, files["extension"]) == ("finished", "diverged: the loss is not finite")
    with pytest.raises(InputError, match="it must be extended by fewer epochs"):
        train(LONGER, finished)
    with pytest.raises(InputError, match="epochs is 20; it must be less than 20: by then, the loss is not finite"):
        train_on(LONGER, finished)
    assert train_on(replace(SMALL, epochs=14), finished).history["epoch"][-1] == 14


@pytest.mark.parametrize("what", ["nothing", "an empty directory", "a sweep", "a file"])
def test_what_is_no_run_is_in_the_state_none(tmp_path, what):
    if what == "an empty directory" or what == "a sweep":
        (tmp_path / "run").mkdir()
    if what == "a sweep":
        (tmp_path / "run" / "sweep.json").write_text("{}")
    if what == "a file":
        (tmp_path / "run").write_text("mine")
    state, files = check_run(tmp_path / "run")
    assert state == "none" and ("a sweep" in files["config.json"]) == (what == "a sweep")


@pytest.mark.parametrize("name", ["config.json", "network.npz", "checkpoint.npz"])
def test_a_pipe_in_place_of_a_file_is_damage_and_no_wait(finished, name):
    (finished / name).unlink()
    os.mkfifo(finished / name)
    signal.alarm(20)
    try:
        assert check_run(finished)[0] == "damaged"
        with pytest.raises(InputError, match="it is no regular file"):
            load_run(finished)
    finally:
        signal.alarm(0)


def test_a_file_far_too_long_is_refused_before_it_is_read(finished):
    with open(finished / "network.npz", "r+b") as file:
        file.truncate(10**12)
    with pytest.raises(InputError, match=r"network\.npz: it is longer than"):
        load_run(finished)


# A run stays on the kind of device it began on


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A stopped run of the device "auto", begun on the device that is given."""
    config = TrainingConfig(**SMALL.to_dict() | {"device": "auto"})

    def begin(kind):
        with monkeypatch.context() as patch:
            if kind == "gpu":
                strict_cupy.install(patch)
            with pytest.raises(Stopped):
                train(config, tmp_path / "run", callback=stop_at(8), checkpoint_every=3)
        device.gpu_problem.cache_clear()
        return tmp_path / "run", config

    yield begin
    device.gpu_problem.cache_clear()


def test_a_run_that_began_on_a_gpu_does_not_go_on_without_one_unless_told(begun, caplog):
    caplog.set_level("WARNING", "minimod")
    directory, config = begun("gpu")
    with pytest.raises(InputError, match=r"device is 'auto'; it must be cpu, to continue the run here"):
        train(config, directory)
    assert train(replace(config, device="cpu"), directory).history["epoch"][-1] == 12
    assert "with other bits" in caplog.text


def test_a_run_that_began_on_the_cpu_stays_there(begun, monkeypatch):
    directory, config = begun("cpu")
    strict_cupy.install(monkeypatch)
    train(config, directory)
    assert not strict_cupy.transfers
