"""Snapshots are the networks of the course, whatever happens to the process that writes them."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import strict_cupy
from run_cases import ENVIRONMENT, SMALL, VARIANTS, WILD, Stopped, by_epoch, contents, files_in, stop_at, train_on

from minimod import load_run, train
from minimod.engine import device
from minimod.errors import DivergenceError, InputError
from minimod.runs.files import load_arrays
from minimod.runs.run import check_run

KEPT = replace(SMALL, snapshots=(0, 3, 7, 100))
LONGER = replace(KEPT, epochs=20, snapshots="log")


def bits(network):
    return {name: X.tobytes() for name, X in network.arrays.items()}


def everything(directory):
    """As `contents`, and every snapshot."""
    return contents(directory), {path.name: path.read_bytes() for path in directory.glob("snapshots/*.npz")}


@pytest.fixture
def kept(tmp_path):
    train(KEPT, tmp_path / "run")
    return tmp_path / "run"


# What they are


@pytest.mark.parametrize("options", [*VARIANTS, {"record": True}], ids=str)
def test_a_snapshot_has_the_bits_of_a_run_of_that_length(tmp_path, options):
    run = train(replace(KEPT, **options), tmp_path / "run")
    assert run.snapshots == load_run(tmp_path / "run").snapshots == (0, 3, 7)
    for epoch in run.snapshots:
        assert bits(run.at(epoch).network) == bits(train(replace(SMALL, **options, epochs=epoch)).network)


def test_snapshots_change_nothing_of_the_course(kept):
    assert bits(load_run(kept).network) == bits(train(SMALL).network)


def test_snapshots_of_a_run_on_the_device_are_on_the_host(tmp_path, monkeypatch):
    strict_cupy.install(monkeypatch)
    try:
        run = train(replace(KEPT, device="gpu"), tmp_path / "run")
        assert bits(run.at(3).network) == bits(train(replace(SMALL, device="gpu", epochs=3)).network)
    finally:
        device.gpu_problem.cache_clear()


def test_a_snapshot_is_there_when_progress_is_told_of_its_epoch(tmp_path):
    told, place = {}, tmp_path / "run" / "snapshots"
    train(KEPT, tmp_path / "run", callback=by_epoch(lambda epoch, _: told.update({epoch: len(files_in(place))})))
    assert told == {epoch: (1, 2, 3)[(epoch >= 3) + (epoch >= 7)] for epoch in range(13)}


def test_a_run_at_an_epoch_has_the_history_up_to_there(kept):
    run, then = load_run(kept), load_run(kept, epoch=7)
    assert then.epoch == 7 and then.config == run.config and then.snapshots == (0, 3, 7)
    assert then.history["epoch"].tolist() == [0, 4]
    assert then.history["loss"].tolist() == run.history["loss"][:2].tolist()
    assert "; epoch 7, test accuracy " in repr(then)


def test_a_run_at_an_epoch_has_those_before(kept):
    then = load_run(kept, epoch=3)
    assert then.at(3) is then and bits(then.at(0).network) == bits(load_run(kept, epoch=0).network)
    with pytest.raises(InputError, match=r"epoch is 7; it must be one of 0, 3$"):
        then.at(7)


def test_the_last_epoch_needs_no_snapshot(kept):
    run = load_run(kept)
    assert run.at(12) is run and bits(load_run(kept, epoch=12).network) == bits(run.network)


@pytest.mark.parametrize("epoch", [5, -1, 100])
def test_an_epoch_without_a_snapshot_is_refused_with_those_that_have_one(kept, epoch):
    with pytest.raises(InputError, match=f"epoch is {epoch}; it must be one of 0, 3, 7, 12$"):
        load_run(kept, epoch=epoch)


def test_a_run_in_memory_keeps_none():
    with pytest.raises(InputError, match="directory is None; it must be a path, since the run saves snapshots"):
        train(KEPT)


# Stopped, killed and extended

KILLED = """
import os, signal, sys
from pathlib import Path
from test_snapshots import KEPT, LONGER, train, train_on
config, call = (LONGER, train_on) if sys.argv[2] == "extension" else (KEPT, train)
replace = os.replace
train(KEPT, Path(sys.argv[1]) / "first")     # imports what training needs, once
for number in map(int, sys.argv[3:]):
    pid = os.fork()
    if not pid:
        left = [number]
        def killing(*paths):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(*paths)
        os.replace = killing
        call(config, Path(sys.argv[1]) / f"run{number}", checkpoint_every=5)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL, number
"""


@pytest.mark.parametrize(("what", "config", "kills"), [
    ("run", KEPT, range(1, 10, 2)), ("extension", LONGER, range(1, 8)),
])  # fmt: skip
def test_killed_at_a_write_all_snapshots_are_there_in_the_end(tmp_path, what, config, kills):
    """A process each is killed before it puts its first file in place, its third, and so on to its last."""
    if extend := what == "extension":
        train(KEPT, tmp_path / "whole")
        for number in kills:
            shutil.copytree(tmp_path / "whole", tmp_path / f"run{number}")
    (train_on if extend else train)(config, tmp_path / "whole")
    (tmp_path / "program.py").write_text(KILLED)
    command = [sys.executable, tmp_path / "program.py", tmp_path, what, *map(str, kills)]
    environment = ENVIRONMENT | {"PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{ENVIRONMENT['PYTHONPATH']}"}
    subprocess.run(command, env=environment, check=True)
    for number in kills:
        place = tmp_path / f"run{number}"
        if check_run(place)[0] != "finished" or load_run(place).config != config:
            (train_on if extend and "extension" not in check_run(place)[1] else train)(config, place)
        assert everything(place) == everything(tmp_path / "whole"), number


def test_an_extension_has_the_snapshots_of_its_run_and_its_own(kept):
    train_on(LONGER, kept)
    run = load_run(kept)
    assert run.snapshots == (0, 3, 7, 16, 20)
    for epoch in run.snapshots:
        assert bits(run.at(epoch).network) == bits(train(replace(SMALL, epochs=epoch)).network)


def test_an_extension_without_snapshots_keeps_those_of_its_run(kept):
    train_on(replace(SMALL, epochs=20), kept)
    assert load_run(kept).snapshots == (0, 3, 7) and load_run(kept).at(3).epoch == 3


def test_an_unfinished_run_does_not_go_on_with_other_snapshots(tmp_path):
    with pytest.raises(Stopped):
        train(KEPT, tmp_path / "run", callback=stop_at(8), checkpoint_every=3)
    before = files_in(tmp_path)
    with pytest.raises(InputError, match=r"this run has snapshots \(0, 3, 7, 100\) and not None"):
        train(SMALL, tmp_path / "run")
    assert files_in(tmp_path) == before


def test_what_a_killed_process_left_of_a_snapshot_is_removed(tmp_path):
    with pytest.raises(Stopped):
        train(KEPT, tmp_path / "run", callback=stop_at(8), checkpoint_every=3)
    (tmp_path / "run" / "snapshots" / "7.npz.123.part").write_text("half")
    train(KEPT, tmp_path / "run")
    assert {path.name for path in (tmp_path / "run" / "snapshots").iterdir()} == {"0.npz", "3.npz", "7.npz"}


def test_a_diverged_run_makes_room_and_takes_its_snapshots_along(tmp_path):
    with pytest.raises(DivergenceError):
        train(replace(WILD, snapshots="log"), tmp_path / "run", checkpoint_every=1)
    (tmp_path / "run" / "snapshots" / "notes.txt").write_text("mine")
    train(SMALL, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run" / "snapshots").iterdir()] == ["notes.txt"]


def test_a_network_that_has_diverged_is_no_snapshot(tmp_path):
    with pytest.raises(DivergenceError):
        train(replace(WILD, snapshots=tuple(range(13)), eval_every=100), tmp_path / "run")
    snapshots = [load_arrays(path) for path in (tmp_path / "run" / "snapshots").iterdir()]
    assert snapshots and all(np.isfinite(arrays[name]).all() for arrays in snapshots for name in ("U", "V", "W", "mu"))


# Whole or damaged


def test_check_counts_snapshots(kept):
    state, files = check_run(kept)
    assert (state, files["snapshots"]) == ("finished", "whole, 3 of them")


def test_check_says_nothing_of_snapshots_where_there_are_none(tmp_path):
    train(SMALL, tmp_path / "run")
    assert "snapshots" not in check_run(tmp_path / "run")[1]


def damage(directory, how):
    """Damage the snapshot of epoch 3."""
    path = directory / "snapshots" / "3.npz"
    if how == "missing":
        path.unlink()
    elif how == "cut":
        os.truncate(path, 200)
    elif how == "of another epoch":
        shutil.copy(directory / "snapshots" / "0.npz", path)
    else:
        train(replace(KEPT, seed=1), directory.parent / "other")
        shutil.copy(directory.parent / "other" / "snapshots" / "3.npz", path)


@pytest.mark.parametrize("how", ["missing", "cut", "of another epoch", "of another run"])
@pytest.mark.parametrize("is_finished", [True, False])
def test_a_damaged_snapshot_is_named_and_no_command_reads_the_run(tmp_path, how, is_finished):
    directory = tmp_path / "run"
    with pytest.raises(Stopped):
        train(KEPT, directory, callback=stop_at(8), checkpoint_every=3)
    if is_finished:
        train(KEPT, directory)
    damage(directory, how)
    before = files_in(directory)
    state, files = check_run(directory)
    assert state == "damaged" and files["snapshots"].startswith("damaged: 3.npz: ")
    longer = replace(KEPT, epochs=20)
    for read in (
        lambda: load_run(directory), lambda: train(KEPT, directory), lambda: train_on(longer, directory),
    ):
        with pytest.raises(InputError, match=r"3\.npz"):
            read()
    assert files_in(directory) == before


def test_a_snapshot_that_is_damaged_after_its_run_was_loaded_is_refused(kept):
    run = load_run(kept)
    damage(kept, "cut")
    with pytest.raises(InputError, match=r"one with all of its snapshots \(3\.npz: "):
        run.at(3)
