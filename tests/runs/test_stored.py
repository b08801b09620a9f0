"""Runs and sweeps that earlier versions wrote, in tests/stored: they load, go on and can be extended.

What is trained now is held to the old runs up to rounding: versions and machines round otherwise.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from run_cases import Stopped, files_in, stop_at
from sweep_cases import ignore

from minimod import TrainingConfig, extend, load_run, resume, train
from minimod.errors import DivergedRunError, FinishedRunError, InputError, UnfinishedRunError
from minimod.runs.files import load_arrays, load_checked_json, save_checked_json
from minimod.runs.run import check_run, initial_network
from minimod.sweeps.sweep import Sweep, account
from minimod.sweeps.table import curves, load_sweep

STORED = Path(__file__).parents[1] / "stored"
FIRST = STORED / "0.1.0" / "run"
LATER = ("0.2.0", "0.3.0")

SMALL = TrainingConfig(modulus=5, width=3, epochs=4, eval_every=2, noise_ratio=0.4, threads=1, device="cpu")
OF_FIRST = TrainingConfig(modulus=7, width=8, epochs=4, eval_every=2, noise_ratio=0.4, threads=1)
CONFIGS = {
    "run": OF_FIRST,
    "finished": replace(SMALL, record=True, snapshots=(0, 1, 3)),
    "frozen": replace(SMALL, trained="output"),
    "relabelled": SMALL,
    "pairs": replace(SMALL, rule="pairs", noise_ratio=0.0),
    "table": replace(SMALL, rule="table:own.csv", noise_kind="matrix"),
    "extending": replace(SMALL, snapshots=(0, 1)),
    "extending-0.1.0": OF_FIRST,
    "extended": SMALL,
}
DATA = {"relabelled": {"labels", "kept"}, "pairs": {"pairs", "tokens"}, "table": {"table", "noise_matrix"}}

# Runs to which nothing is being done.
WHOLE = ["0.1.0/run", *(f"{v}/{name}" for v in LATER for name in ("finished", "frozen", *DATA))]
UNFINISHED = [f"{version}/unfinished" for version in ("0.1.0", *LATER)]

# Finished runs with an unfinished extension to epoch 8 in .extension/; and one with a finished extension to epoch 6.
EXTENDING, EXTENDED = ["0.2.0/extending", "0.3.0/extending", "0.3.0/extending-0.1.0"], "0.3.0/extended"
SWEEPS = [f"{version}/sweep" for version in LATER]


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A function that copies a stored directory to where it may be changed; there is no file of a table there."""
    monkeypatch.chdir(tmp_path)
    return lambda place: shutil.copytree(STORED / place, tmp_path / "copied")


def assert_close(network, other):
    """Of the same shapes, finite, and equal up to rounding."""
    assert network.arrays.keys() == other.arrays.keys() and len(network.arrays) == 4
    for name, array in network.arrays.items():
        assert np.isfinite(array).all()
        np.testing.assert_allclose(array, other.arrays[name], rtol=1e-5, atol=1e-6)


def assert_trained_now(run, config):
    """The run has the configuration, and the numbers of a run of it that is trained now on the same data."""
    fresh = train(replace(config, snapshots=None), data=run.data)
    assert run.config == config and run.epoch is None
    assert_close(run.network, fresh.network)
    assert run.history["epoch"].tolist() == fresh.history["epoch"].tolist()
    for name in ("loss", "norm_U", "norm_W"):
        np.testing.assert_allclose(run.history[name], fresh.history[name], rtol=1e-5, atol=1e-6)
    assert run.label_record.keys() == fresh.label_record.keys()
    for name, array in run.label_record.items():
        assert array.shape == fresh.label_record[name].shape


def test_nothing_that_is_stored_is_left_out():
    tested = [*WHOLE, *UNFINISHED, *EXTENDING, EXTENDED, *SWEEPS, "0.1.0/sweep", *(f"{v}/diverged" for v in LATER)]
    assert {f"{path.parent.name}/{path.name}" for path in STORED.glob("*/*")} == {*tested}


# Loading

@pytest.mark.parametrize("place", [*WHOLE, *EXTENDING, EXTENDED])
def test_a_finished_run_loads(place, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run, name = load_run(STORED / place), Path(place).name
    stored = load_arrays(STORED / place / "network.npz")
    assert all(array.tobytes() == stored[name].tobytes() for name, array in run.network.arrays.items())
    assert run.history["epoch"].tolist() == [0, 2, 4] and run.data.stored.keys() == DATA.get(name, set())
    assert run.words.tolist() == (
        ["null", "eins", "zwei", "drei", "fünf"] if name == "pairs" else [str(n) for n in range(run.network.modulus)]
    )
    assert check_run(STORED / place)[0] == "finished"
    assert_trained_now(run, CONFIGS[name])


@pytest.mark.parametrize("version", LATER)
def test_data_are_what_they_were(version, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    data = {name: load_run(STORED / version / name).data for name in DATA}
    assert (data["relabelled"].labels == np.arange(20) % 5).all()
    assert (data["relabelled"].subset == (np.arange(20) % 4 > 0)).all()
    assert data["pairs"].pairs.shape == (25, 5) and data["pairs"].pairs[0].tolist() == [0, 0, 1, 0, 1]
    assert data["table"].table[2].tolist() == [2, 4, 0, 1, 3]
    assert (data["table"].noise_matrix == (np.ones((5, 5)) - np.eye(5)) / 4).all()


@pytest.mark.parametrize("version", LATER)
def test_a_run_with_a_frozen_layer_has_it_as_drawn(version):
    run = load_run(STORED / version / "frozen")
    assert run.network.trained == "output" and not (run.network.W == initial_network(run.config).W).any()
    assert (run.network.U == initial_network(run.config).U).all()


@pytest.mark.parametrize("version", LATER)
def test_a_run_has_its_course_and_snapshots(version):
    run = load_run(STORED / version / "finished")
    assert run.snapshots == (0, 1, 3)
    assert run.label_record and all(len(array) == 20 for array in run.label_record.values())
    assert_close(run.at(0).network, initial_network(run.config))
    assert_close(run.at(3).network, train(replace(run.config, epochs=3, snapshots=None)).network)
    assert load_run(run.directory, epoch=1).history["epoch"].tolist() == [0]


@pytest.mark.parametrize("epoch", ["inf", "3.7", "1e999", "nan", ""])
def test_of_the_first_version_an_epoch_that_is_none_is_damage(copied, epoch):
    """Its network has no metrics: there, the table is the only copy."""
    directory = copied("0.1.0/run")
    *lines, last = (directory / "metrics.csv").read_text().splitlines()
    (directory / "metrics.csv").write_text("\n".join([*lines, epoch + last[last.index(",") :]]) + "\n")
    with pytest.raises(InputError, match=r"network\.npz: (it has a line of|its metrics do not reach|line)"):
        load_run(directory)
    assert check_run(directory)[0] == "damaged"


# Going on

@pytest.mark.parametrize("place", UNFINISHED)
def test_an_unfinished_run_goes_on(place, copied):
    directory = copied(place)
    assert check_run(directory) == ("unfinished", {"config.json": "whole", "checkpoint.npz": "whole, epoch 2 of 4"})
    with pytest.raises(UnfinishedRunError):
        load_run(directory)
    epochs = []
    resume(directory, callback=lambda state: epochs.append(state.epoch))
    assert epochs == [3, 4] and check_run(directory)[0] == "finished"
    assert_trained_now(load_run(directory), SMALL)


@pytest.mark.parametrize("version", LATER)
def test_a_run_that_diverged_begins_anew_with_another_rate(version, copied):
    directory = copied(f"{version}/diverged")
    assert check_run(directory)[0] == "diverged"
    for read in (load_run, resume):
        with pytest.raises(DivergedRunError, match="not finite at epoch 1"):
            read(directory)
    resume(directory, learning_rate=0.1)
    assert_trained_now(load_run(directory), replace(SMALL, optimizer="sgd", learning_rate=0.1))


# Extending

@pytest.mark.parametrize("place", WHOLE)
def test_a_finished_run_is_extended_through_a_stop(place, copied):
    directory = copied(place)
    before = load_run(directory)
    with pytest.raises(Stopped):
        extend(directory, 3, callback=stop_at(6), checkpoint_every=1)
    again = load_run(directory)
    assert again.config == before.config and again.history["epoch"].tolist() == before.history["epoch"].tolist()
    assert all(array.tobytes() == before.network.arrays[name].tobytes() for name, array in again.network.arrays.items())
    assert check_run(directory)[1]["extension"] == "unfinished, to epoch 7"
    resume(directory)
    run = load_run(directory)
    assert_trained_now(run, replace(before.config, epochs=7))
    assert check_run(directory)[0] == "finished" and "extension" not in check_run(directory)[1]
    assert run.data.checksums == before.data.checksums and run.snapshots == before.snapshots
    for epoch in run.snapshots:
        assert (run.at(epoch).network.W == before.at(epoch).network.W).all()


@pytest.mark.parametrize("place", EXTENDING)
def test_an_unfinished_extension_goes_on(place, copied):
    directory, config = copied(place), load_run(STORED / place).config
    assert check_run(directory)[1]["extension"] == "unfinished, to epoch 8"
    with pytest.raises(UnfinishedRunError, match="an extension to epoch 8"):
        extend(directory, 6)
    assert load_run(directory).config == config and not (directory / ".extension").exists()
    assert check_run(directory)[1]["extension"] == "unfinished, to epoch 8"
    epochs = []
    resume(directory, callback=lambda state: epochs.append(state.epoch))
    assert epochs == [7, 8]
    snapshots = (0, 1, 6) if config.snapshots else None
    run = load_run(directory)
    assert_trained_now(run, replace(config, epochs=8, snapshots=snapshots))
    assert run.snapshots == (snapshots or ()) and check_run(directory)[0] == "finished"
    for epoch in run.snapshots:
        assert_close(run.at(epoch).network, train(replace(config, epochs=epoch, snapshots=None)).network)


@pytest.mark.parametrize("place", EXTENDING)
@pytest.mark.parametrize("written", range(5))
def test_an_extension_is_brought_in_whenever_that_is_stopped(place, written, copied, monkeypatch):
    """The finished run loads at every instant, and the extension goes on."""
    directory, config, replace_file = copied(place), load_run(STORED / place).config, os.replace

    def stopping(*paths):
        nonlocal written
        if not written:
            raise Stopped
        written -= 1
        replace_file(*paths)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr("os.replace", stopping)
        resume(directory)
    assert load_run(directory).config == config and check_run(directory)[0] == "finished"
    resume(directory)
    assert load_run(directory).config.epochs == 8 and not (directory / ".extension").exists()


@pytest.mark.parametrize("is_half_copied", [False, True])
def test_a_finished_extension_that_was_not_brought_in_is(is_half_copied, copied):
    """Of a process that was killed while it copied the extension over the run; it removed the network first."""
    directory = copied(EXTENDED)
    (directory / ".extension.12.part").mkdir()
    assert check_run(directory)[1]["extension"] == "finished, to epoch 6"
    if is_half_copied:
        (directory / "network.npz").unlink()
    with pytest.raises(FinishedRunError):
        resume(directory)
    assert_trained_now(load_run(directory), replace(SMALL, epochs=6))
    assert_trained_now(extend(directory, 2), replace(SMALL, epochs=8))
    assert not [*directory.glob(".extension*")]


@pytest.mark.parametrize("place", EXTENDING[:2])
def test_an_extension_that_diverged_is_brought_in_and_made_shorter(place, copied):
    directory = copied(place)
    path, config = directory / ".extension/config.json", load_run(directory).config
    save_checked_json(path, load_checked_json(path) | {"diverged": "the loss is not finite at epoch 8"})
    state, files = check_run(directory)
    assert state == "finished" and files["extension"] == "diverged: the loss is not finite at epoch 8"
    for go_on in (resume, lambda directory: extend(directory, 4)):
        with pytest.raises(InputError, match=r"(with more|by then), the loss is not finite at epoch 8"):
            go_on(directory)
        assert load_run(directory).config == config and check_run(directory)[0] == "finished"
        assert check_run(directory)[1]["extension"] == files["extension"]
    assert_trained_now(extend(directory, 3), replace(config, epochs=7))


def test_an_extension_without_a_whole_description_says_so(copied):
    directory = copied(EXTENDED)
    os.truncate(directory / ".extension/config.json", 90)
    state, files = check_run(directory)
    assert state == "finished" and files["extension"].startswith("damaged: ")
    assert load_run(directory).config == SMALL


# Sweeps; test_sweep.py has more on that of the first version

@pytest.mark.parametrize("place", SWEEPS)
def test_a_sweep_trains_what_is_missing(place, copied):
    directory = copied(place)
    (row,) = load_sweep(directory)
    assert (row["status"], row["trained"], row["width"], row["epoch"]) == ("finished", "output", 3, 2)
    assert account(directory) == "1 of 2 runs have finished, 1 missing"
    assert [config.trained for config in Sweep(directory).missing().values()] == ["all"]
    runs = files_in(directory / "runs")
    with ThreadPoolExecutor(1) as executor:
        Sweep(directory).run(executor, ignore)
    rows = list(load_sweep(directory))
    assert [row["trained"] for row in rows] == ["all", "output"] and rows[1] == row
    assert runs.items() <= files_in(directory / "runs").items()
    assert not Sweep(directory).missing() and account(directory) == "2 of 2 runs have finished"
    assert [point.x for point in curves(directory, "trained", "final_loss")] == ["all", "output"]
    for row in rows:
        run = load_run(directory / "runs" / row["run"])
        assert run.config.trained == row["trained"]
        assert_close(run.network, train(run.config).network)
    kept = [*directory.glob("runs/*/checkpoint.npz")]       # 0.2.0 did not remember that they are to be kept
    assert len(kept) == 1 + (place == "0.3.0/sweep")


@pytest.mark.parametrize("place", SWEEPS)
def test_a_run_of_a_sweep_is_extended(place, copied):
    (directory,) = (copied(place) / "runs").iterdir()
    config = load_run(directory).config
    assert_trained_now(extend(directory, 2), replace(config, epochs=4))


# Commands

@pytest.mark.parametrize("place", ["0.1.0/run", *(f"{version}/finished" for version in LATER)])
@pytest.mark.parametrize("command", ["analyze", "check"])
def test_a_command_takes_a_stored_run(command, place, copied, minimod):
    answer = minimod(command, copied(place))
    assert answer.returncode == 0 and answer.stdout
