"""Where tasks are done: all of them, few at a time, and an end to the processes that stays with ours."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor

import pytest
from processes import started, wait_for
from run_cases import ENVIRONMENT
from sweep_cases import CLI, ignore

from minimod.engine.backend import choose_device
from minimod.engine.device import gpu_problem
from minimod.errors import Interrupted
from minimod.sweeps.executors import in_processes, process_pool
from minimod.sweeps.sweep import Sweep
from minimod.sweeps.table import load_sweep


def divide_or_sleep(numerator, seconds):
    """A task that fails at once, or takes long."""
    time.sleep(seconds)
    return numerator / seconds


def interrupt_first(directory, number):
    """A task that a signal has interrupted, or, for any but the first, that leaves a file."""
    if number == 0:
        raise Interrupted(signal.SIGTERM, directory, 1)
    (directory / str(number)).touch()


class DeviceError(RuntimeError):
    """As CuPy's."""


DeviceError.__module__ = "cupy_backends.cuda.api.runtime"


def break_the_device(directory, number):
    """A task that breaks the process's GPU, or, for any but the first, leaves a file."""
    if number == 0:
        raise DeviceError("cudaErrorIllegalAddress")
    (directory / str(number)).touch()


def gpu_when_all_are_here(directory, n):
    """The GPU that this process is pinned to, told when n processes ask."""
    (directory / str(os.getpid())).touch()
    wait_for(lambda: len(list(directory.iterdir())) >= n)
    return os.environ["CUDA_VISIBLE_DEVICES"]


def auto_and_lookups():
    """What "auto" is in this process, and how often it has looked for a GPU."""
    return choose_device("auto"), gpu_problem.cache_info().misses


@pytest.fixture
def two_gpus(monkeypatch):
    """A machine with two, for the process that opens the pool; its workers find none of that name."""
    monkeypatch.setattr("minimod.sweeps.executors.choose_device", lambda device: "gpu")
    monkeypatch.setattr("minimod.sweeps.executors.visible_gpus", lambda: ["GPU-no-such", "GPU-nor-such"])


@pytest.mark.parametrize("n", [0, 1, 5])
def test_tasks_are_done_in_other_processes_and_come_back_with_their_results(n):
    tasks = [(2, exponent) for exponent in range(n)]
    assert list(in_processes(pow, tasks)) == [2 ** task[1] for task in tasks]


def test_an_error_in_a_process_ends_the_others():
    start = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        list(in_processes(divide_or_sleep, [(0, 0), (0, 60)]))
    assert time.monotonic() - start < 30


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


def test_a_process_that_a_signal_has_interrupted_begins_no_other_task(tmp_path, monkeypatch):
    monkeypatch.setattr("minimod.sweeps.executors.available_cores", lambda: 1)
    with pytest.raises(BrokenExecutor):
        list(in_processes(interrupt_first, [(tmp_path, number) for number in range(3)]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("jobs", [None, 8])
def test_every_gpu_has_one_process_and_no_process_another_gpu(two_gpus, tmp_path, jobs):
    with process_pool(jobs) as pool:
        answers = [pool.submit(gpu_when_all_are_here, tmp_path, 2) for _ in range(2)]
        assert sorted(answer.result() for answer in answers) == ["GPU-no-such", "GPU-nor-such"]
        assert pool._max_workers == 2


def test_a_process_that_cannot_open_its_gpu_fails_the_run_in_words_and_leaves_the_configuration(two_gpus, tmp_path):
    with process_pool() as pool:
        Sweep(tmp_path, {"preset": "headline", "grid": {"modulus": [7], "width": [4]}, "seeds": 1}).run(pool, ignore)
    (row,) = load_sweep(tmp_path)
    assert (row["status"], row["device"]) == ("failed", "auto")
    assert "device is 'gpu'; it must be auto or cpu here: CuPy" in row["error"]


def test_processes_on_the_cpu_are_told_so_and_do_not_look_for_a_gpu(monkeypatch):
    monkeypatch.setattr("minimod.sweeps.executors.choose_device", lambda device: "cpu")
    with process_pool(1) as pool:
        assert pool.submit(auto_and_lookups).result() == ("cpu", 0)


def test_a_process_whose_gpu_has_failed_says_so_and_begins_no_other_task(tmp_path, capfd):
    with pytest.raises(BrokenExecutor), process_pool(1, "cpu") as pool:
        list(pool.map(break_the_device, [tmp_path] * 3, range(3)))
    assert not list(tmp_path.iterdir())
    assert "its GPU has failed: cudaErrorIllegalAddress" in capfd.readouterr().err


def test_a_cluster_that_dies_is_one_line(tmp_path):
    pytest.importorskip("distributed")
    file = tmp_path / "scheduler.json"
    scheduler, worker = (
        subprocess.Popen([sys.executable, "-m", f"distributed.cli.dask_{name}", "--scheduler-file", file, *options],
                         env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name, options in {
            "scheduler": ["--port", "0", "--dashboard-address", ":0"],
            "worker": ["--nthreads", "1", "--no-dashboard", "--no-nanny"],
        }.items()
    )
    grid = ["--grid=modulus=11", "--grid=epochs=2,100000000", "--grid=width=8"]
    try:
        wait_for(lambda: file.exists() and file.read_text().strip())
        command = [sys.executable, CLI, "sweep", "sweep", *grid, "--scheduler", json.loads(file.read_text())["address"]]
        with started(command, cwd=tmp_path, stderr=subprocess.PIPE) as sweep:
            wait_for(lambda: list(tmp_path.glob("sweep/runs/*")))
            scheduler.kill()
            *_, last = sweep.communicate(timeout=60)[1].splitlines()
        assert sweep.returncode == 1
        assert last.startswith("minimod: cannot go on: the Dask cluster at tcp://") and "another cluster" in last
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
