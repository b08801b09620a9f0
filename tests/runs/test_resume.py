"""A run that is stopped, killed or extended ends with the bits of one that never was."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import strict_cupy
from processes import started
from run_cases import ENVIRONMENT, SMALL, VARIANTS, Stopped, by_epoch, contents, stop_at, train_on

from minimod import load_run, train
from minimod.engine import device
from minimod.errors import DivergenceError, InputError, Interrupted
from minimod.runs.files import load_arrays

CLI = [sys.executable, str(Path(__file__).parents[2] / "cli.py")]


@pytest.mark.parametrize("epoch", [2, 4, 7, 12])
@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_a_stopped_run_ends_as_one_that_never_was(tmp_path, options, epoch):
    config = replace(SMALL, **options)
    train(config, tmp_path / "whole", checkpoint_every=3)
    with pytest.raises(Stopped):
        train(config, tmp_path / "stopped", callback=stop_at(epoch), checkpoint_every=3)
    assert (tmp_path / "stopped" / "checkpoint.npz").exists() == (epoch > 3)
    run = train(config, tmp_path / "stopped", checkpoint_every=3)
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    assert run.history["epoch"].tolist() == load_run(tmp_path / "whole").history["epoch"].tolist()


def test_a_run_on_the_device_goes_on_with_the_same_numbers(tmp_path, monkeypatch):
    strict_cupy.install(monkeypatch)
    try:
        config = replace(SMALL, device="gpu")
        whole = train(config)
        with pytest.raises(Stopped):
            train(config, tmp_path / "run", callback=stop_at(7), checkpoint_every=3)
        strict_cupy.transfers.clear()
        resumed = train(config, tmp_path / "run")
        assert all((X == whole.network.arrays[name]).all() for name, X in resumed.network.arrays.items())
    finally:
        device.gpu_problem.cache_clear()


def test_the_first_epochs_are_not_trained_again(tmp_path):
    with pytest.raises(Stopped):
        train(SMALL, tmp_path / "run", callback=stop_at(8), checkpoint_every=3)
    seen = []
    train(SMALL, tmp_path / "run", callback=by_epoch(lambda epoch, row: seen.append(epoch)))
    assert seen == list(range(7, 13))


def test_seconds_go_on_from_those_before(tmp_path):
    for last in (8, 11):        # checkpoints at 3 and 6, then at 9

        def slow(epoch, row, last=last):
            time.sleep(0.05)
            if epoch == last:
                raise Stopped

        with pytest.raises(Stopped):
            train(SMALL, tmp_path / "run", callback=by_epoch(slow), checkpoint_every=3)
    seconds = train(SMALL, tmp_path / "run").history["seconds"]
    assert seconds[-1] > 0.05 * 9 and (np.diff(seconds) >= 0).all()


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    with pytest.raises(Stopped):
        train(SMALL, tmp_path / "run", callback=stop_at(8), checkpoint_every=3)
    (tmp_path / "run" / "checkpoint.npz.123.part").write_text("half")
    train(SMALL, tmp_path / "run")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "config.json.123.part").write_text("killed in the first instant")
    train(SMALL, tmp_path / "new")
    assert not list(tmp_path.rglob("*.part"))


def test_a_checkpoint_by_time_is_written_when_it_is_due(tmp_path):
    with pytest.raises(Stopped):
        train(SMALL, tmp_path / "often", callback=stop_at(9), checkpoint_every=timedelta(microseconds=1))
    with pytest.raises(Stopped):
        train(SMALL, tmp_path / "seldom", callback=stop_at(9), checkpoint_every=timedelta(hours=1))
    assert load_arrays(tmp_path / "often" / "checkpoint.npz")["epoch"] == 8
    assert not (tmp_path / "seldom" / "checkpoint.npz").exists()


def test_an_extended_run_has_the_parameters_of_a_long_one(tmp_path):
    train(SMALL, tmp_path / "run")
    longer = replace(SMALL, epochs=20)
    train_on(longer, tmp_path / "run")
    train(longer, tmp_path / "long")
    ours, theirs = contents(tmp_path / "run"), contents(tmp_path / "long")
    assert ours == theirs


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_epoch_and_writes_a_checkpoint(tmp_path, number):
    def progress(epoch, row):
        if epoch == 5:
            os.kill(os.getpid(), number)

    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Interrupted, match="stopped after epoch 5") as caught:
        train(SMALL, tmp_path / "run", callback=by_epoch(progress))
    assert caught.value.signal == number
    assert handlers == [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    train(SMALL, tmp_path / "run")
    train(SMALL, tmp_path / "whole")
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


@pytest.mark.parametrize(("second", "raised"), [(signal.SIGTERM, Interrupted), (signal.SIGINT, KeyboardInterrupt)])
def test_a_second_ctrl_c_stops_at_once_and_a_second_sigterm_does_not(tmp_path, second, raised):
    def progress(epoch, row):
        if epoch == 5:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), second)

    with pytest.raises(raised):
        train(SMALL, tmp_path / "run", callback=by_epoch(progress))
    assert (tmp_path / "run" / "checkpoint.npz").exists() == (raised is Interrupted)


def test_a_signal_in_the_last_epoch_stops_what_comes_after(tmp_path):
    def progress(epoch, row):
        if epoch == SMALL.epochs:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(SMALL, tmp_path / "run", callback=by_epoch(progress))
    assert load_run(tmp_path / "run").config == SMALL


@pytest.mark.parametrize(("number", "status"), [
    (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129),
])
def test_the_command_line_says_how_to_go_on(tmp_path, number, status):
    command = [*CLI, "train", "run", "--modulus", "11", "--width", "12", "--epochs", "100000000", "--eval-every", "1"]
    with started(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        process.stderr.readline()
        process.send_signal(number)
        *_, last = process.communicate(timeout=30)[1].splitlines()
    assert process.returncode == status
    assert last.startswith("minimod: stopped after epoch ") and last.endswith("minimod train run --resume")


def test_only_one_process_trains_in_a_directory(tmp_path):
    def progress(epoch, row):
        if epoch == 3:
            code = "from run_cases import *; train(SMALL, sys.argv[1])"
            other = subprocess.run(
                [sys.executable, "-c", code, tmp_path / "run"], env=ENVIRONMENT, capture_output=True, text=True
            )
            assert "a directory in which no other process trains now" in other.stderr

    train(SMALL, tmp_path / "run", callback=by_epoch(progress))


@pytest.mark.parametrize(("change", "named"), [
    ({"width": 9}, "this run has width 8 and not 9"),
    ({"seed": 1, "rule": "sub"}, "this run has rule add, seed 0 and not sub, 1"),
])
def test_a_run_of_other_options_is_refused_with_those_that_differ(tmp_path, change, named):
    with pytest.raises(Stopped):
        train(SMALL, tmp_path / "run", callback=stop_at(8), checkpoint_every=3)
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(InputError, match=named):
        train(replace(SMALL, **change), tmp_path / "run")
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    train(replace(SMALL, threads=2), tmp_path / "run")


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    def full(file, **arrays):
        if arrays["epoch"] == 6:
            file.write(b"half")
            raise OSError(28, "No space left on device")
        np_savez(file, **arrays)

    np_savez = np.savez
    monkeypatch.setattr("minimod.runs.files.np.savez", full)
    with pytest.raises(OSError, match=r"No space left on device: .*checkpoint\.npz"):
        train(SMALL, tmp_path / "run", checkpoint_every=3)
    assert load_arrays(tmp_path / "run" / "checkpoint.npz")["epoch"] == 3
    assert not list((tmp_path / "run").glob("*.part"))




def test_a_run_that_diverges_writes_no_checkpoint_of_it(tmp_path):
    wild = replace(SMALL, optimizer="sgd", learning_rate=1e30, eval_every=100, epochs=100)
    with pytest.raises(DivergenceError):
        train(wild, tmp_path / "run", checkpoint_every=1)
    arrays = load_arrays(tmp_path / "run" / "checkpoint.npz") if (tmp_path / "run" / "checkpoint.npz").exists() else {}
    assert all(np.isfinite(X).all() for name, X in arrays.items() if name.startswith("state_") and "buffer" not in name)


def test_after_sigkill_at_any_instant_a_run_goes_on_to_the_same_end(tmp_path):
    """200 kills, a process each: it trains with a checkpoint every epoch, and a thread of it kills it at random."""
    killed = """
import os, signal, sys, threading, time
from pathlib import Path
from run_cases import SMALL, replace, train
config, generator = replace(SMALL, epochs=20), __import__("random").Random(int(sys.argv[2]))
for number in range(int(sys.argv[3])):
    pid = os.fork()
    if not pid:
        delay = generator.uniform(0, float(sys.argv[4]))
        threading.Thread(target=lambda: (time.sleep(delay), os.kill(os.getpid(), signal.SIGKILL)), daemon=True).start()
        train(replace(config, seed=number % 5), Path(sys.argv[1]) / f"run{number}", checkpoint_every=1)
        os._exit(0)
    os.waitpid(pid, 0)
    [generator.random() for _ in range(7)]
"""
    config = replace(SMALL, epochs=20)
    start = time.perf_counter()
    for seed in range(5):
        train(replace(config, seed=seed), tmp_path / f"whole{seed}", checkpoint_every=1)
    duration = (time.perf_counter() - start) / 5
    program = tmp_path / "program.py"
    program.write_text(killed)
    n = 200
    subprocess.run([sys.executable, program, tmp_path, "0", str(n), str(duration)], env=ENVIRONMENT, check=True)
    unfinished = sum(not (tmp_path / f"run{number}" / "network.npz").exists() for number in range(n))
    assert unfinished > n / 2
    same = 0
    for number in range(n):
        if not (tmp_path / f"run{number}" / "network.npz").exists():
            train(replace(config, seed=number % 5), tmp_path / f"run{number}", checkpoint_every=1)
        same += contents(tmp_path / f"run{number}") == contents(tmp_path / f"whole{number % 5}")
    print(f"{unfinished} of {n} killed before their end; {same} of {n} ended as if undisturbed")
    assert same == n
