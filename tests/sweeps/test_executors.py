"""Where tasks are done: all of them, few at a time, and an end to the processes that stays with ours."""

import multiprocessing
import signal
import threading
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor

import pytest

from minimod.errors import Interrupted
from minimod.sweeps.executors import completed, in_processes


def divide_or_sleep(numerator, seconds):
    """A task that fails at once, or takes long."""
    time.sleep(seconds)
    return numerator / seconds


def interrupt_first(directory, number):
    """A task that a signal has interrupted, or, for any but the first, that leaves a file."""
    if number == 0:
        raise Interrupted(signal.SIGTERM, directory, 1)
    (directory / str(number)).touch()


@pytest.mark.parametrize("n", [0, 1, 5])
def test_tasks_are_done_in_other_processes_and_come_back_with_their_results(n):
    tasks = [(2, exponent) for exponent in range(n)]
    assert dict(in_processes(pow, tasks)) == {task: 2 ** task[1] for task in tasks}


def test_tasks_are_handed_over_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr("minimod.sweeps.executors.IN_FLIGHT", 3)
    running, most, lock = [], [], threading.Lock()

    class Counting(ThreadPoolExecutor):
        def submit(self, *task):
            with lock:
                running.append(1)
                most.append(len(running))
            return super().submit(*task)

    with Counting(2) as executor:
        for _ in completed(executor, pow, ((2, n) for n in range(20))):
            running.pop()
    assert len(most) == 20 and max(most) == 3


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
