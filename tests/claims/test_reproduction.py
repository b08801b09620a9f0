"""Carrying out claims: which runs there are, that none is trained twice, and that a stop loses no finished one."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from minimod import TrainingConfig
from minimod.backend import available_cores
from minimod.claims import CLAIMS
from minimod.claims.reproduction import Reproduction
from minimod.errors import DivergenceError, InputError
from minimod.executors import in_processes
from minimod.sweep import estimated_seconds, finished_run, work

SMALL = TrainingConfig(modulus=7, width=8, epochs=2)


def test_a_finished_run_is_used_again(tmp_path):
    first = finished_run(SMALL, tmp_path / "run", threads=1)
    written = (tmp_path / "run" / "metrics.csv").read_bytes()
    second = finished_run(SMALL, tmp_path / "run", threads=2, progress=lambda *_: pytest.fail("trained again"))
    assert (first.network.W == second.network.W).all()
    assert (tmp_path / "run" / "metrics.csv").read_bytes() == written


def test_an_unfinished_run_is_trained_from_the_start(tmp_path):
    finished_run(SMALL, tmp_path / "run", threads=1)
    (tmp_path / "run" / "network.npz").unlink()
    finished_run(SMALL, tmp_path / "run", threads=1)
    assert (tmp_path / "run" / "network.npz").exists()
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 1 + 3


def test_a_run_of_another_configuration_is_not_taken_for_the_claims(tmp_path):
    finished_run(SMALL, tmp_path / "run", threads=1)
    with pytest.raises(InputError, match="the configuration that is asked for"):
        finished_run(replace(SMALL, seed=1), tmp_path / "run", threads=1)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Two claims of tiny runs that share one run, for two seeds."""
    configs = [SMALL, replace(SMALL, noise_ratio=0.5), replace(SMALL, epochs=9)]
    monkeypatch.setitem(CLAIMS, "tied", replace(CLAIMS["tied"], configs=lambda scale: configs[:2]))
    monkeypatch.setitem(CLAIMS, "swap", replace(CLAIMS["swap"], configs=lambda scale: configs[1:]))
    return Reproduction(["tied", "swap"], "quick", tmp_path, seeds=2)


def test_runs_that_claims_share_are_trained_once_and_the_longest_first(small):
    missing = small.missing()
    assert len(missing) == 3 * 2
    assert [config.epochs for config in missing] == [9, 9, 2, 2, 2, 2]
    assert len({small.run_directory(config) for config in missing}) == 6


def test_what_has_finished_is_missing_no_more(small):
    one = small.missing()[-1]
    done = []
    small.train([one], lambda amount, text: done.append(amount))
    assert sum(done) == work(one) and one not in small.missing() and len(small.missing()) == 5


def test_results_have_a_row_for_every_run_and_seed(monkeypatch, small):
    monkeypatch.setattr("minimod.claims.reproduction.in_processes", lambda f, tasks: [(t, f(*t)) for t in tasks])
    small.train(small.missing(), lambda done, text: None)
    tied, swap = small.results()
    assert [len(tied.rows), len(swap.rows)] == [4, 4]
    assert tied.seeds == swap.seeds == [0, 1]
    assert {row["noise_ratio"] for row in swap.rows} == {0.5, 0.8}


@pytest.mark.parametrize("n", [0, 1, 5])
def test_tasks_are_done_in_other_processes_and_come_back_with_their_results(n):
    tasks = [(2, exponent) for exponent in range(n)]
    assert dict(in_processes(pow, tasks)) == {task: 2 ** task[1] for task in tasks}


def test_an_error_in_a_process_ends_the_others():
    start = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        list(in_processes(divide_or_sleep, [(0, 0), (0, 60)]))
    assert time.monotonic() - start < 30


def divide_or_sleep(numerator, seconds):
    """A task that fails at once, or takes long."""
    time.sleep(seconds)
    return numerator / seconds


def test_the_estimate_is_a_time_for_the_work():
    assert 0 < estimated_seconds([TrainingConfig(modulus=59, width=512, epochs=30)] * 2) < 60
    assert work(replace(SMALL, epochs=4)) == 2 * work(SMALL)


def test_a_run_that_diverges_is_named(tmp_path):
    with pytest.raises(DivergenceError, match=r"^wild: the loss is not finite"):
        finished_run(replace(SMALL, learning_rate=1e30, epochs=50), tmp_path / "wild", threads=1)


def test_an_input_error_comes_back_from_another_process_as_it_was():
    error = pickle.loads(pickle.dumps(InputError("width", 0, "at least 1")))
    assert (str(error), error.option) == ("width is 0; it must be at least 1", "width")


def test_processes_of_others_are_left_alone():
    bystander = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    bystander.start()
    try:
        with pytest.raises(ZeroDivisionError):
            list(in_processes(divide_or_sleep, [(0, 0), (0, 60)]))
        assert bystander.is_alive()
    finally:
        bystander.kill()
        bystander.join()


@pytest.mark.skipif(available_cores() < 2, reason="a single process trains where it was started")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_stop_ends_all_processes_and_keeps_what_has_finished(tmp_path, stop):
    """A short run and two endless ones: Ctrl-C reaches all processes, a kill only the first."""
    program = tmp_path / "program.py"
    program.write_text(
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from minimod.claims import CLAIMS\n"
        "from minimod.claims.reproduction import Reproduction\n"
        "from minimod.claims.measures import setting\n"
        "if __name__ == '__main__':\n"
        "    configs = [setting(modulus=11, width=8, epochs=n) for n in (20, 100_000_000, 100_000_001)]\n"
        "    CLAIMS['tied'] = replace(CLAIMS['tied'], configs=lambda scale: configs)\n"
        "    reproduction = Reproduction(['tied'], 'quick', Path('out'), seeds=1)\n"
        "    reproduction.train(reproduction.missing()[::-1], lambda done, text: print(text, flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, program], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert "width8" in process.stdout.readline()
        (os.killpg if stop == signal.SIGINT else os.kill)(process.pid, stop)
        try:
            assert process.wait(timeout=30) != 0
        finally:
            process.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and processes_of_group(process.pid):
        time.sleep(0.1)
    assert not processes_of_group(process.pid)
    finished = [path.parent for path in Path(tmp_path, "out").rglob("network.npz")]
    assert len(finished) == 1


def processes_of_group(group):
    """The processes of a process group that are still there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
