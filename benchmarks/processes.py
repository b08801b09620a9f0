"""A process for each contender, so that none inherits another's threads or memory. They take turns."""

import contextlib
import multiprocessing
import os
import re
import statistics
import time
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from minimod import TrainingConfig
from minimod.engine.backend import open_backend

# A turn: steps that are not counted, until the caches hold this contender's data and the last one's threads sleep;
# then those that are.
WARM_SECONDS, TIMED_SECONDS, TIMED_STEPS = 0.3, 0.3, 3


def peak_memory() -> float:
    """The most memory that this process has had, in MB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))[1]) / 1e3


def milliseconds(run, calls: int) -> float:
    """The median time of so many calls, after three that are not counted."""
    times = []
    for _ in range(calls + 3):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[3:])


def keep_to_cores(first: int, threads: int) -> None:
    """Let this process run on `threads` cores from the `first` on: not every framework can be told a number."""
    with contextlib.suppress(AttributeError):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[first : first + threads])


def serve(name: str, config: TrainingConfig, threads: int, core: int, connection) -> None:
    """In a contender's process: answer "check" with the first loss and gradient, "turn" with milliseconds."""
    keep_to_cores(core, threads)
    with open_backend(config.device, threads) as backend:
        step, gradient = CONTENDERS[name](config, backend)
        connection.send("ready")
        while (request := connection.recv()) != "end":
            if request == "check":
                at_start = gradient()
                connection.send((step(), at_start))
            elif request == "memory":
                connection.send(peak_memory())
            else:
                start = time.perf_counter()
                while time.perf_counter() - start < WARM_SECONDS:
                    step()
                times = []
                while sum(times) < 1e3 * TIMED_SECONDS or len(times) < TIMED_STEPS:
                    start = time.perf_counter()
                    step()
                    times.append(1e3 * (time.perf_counter() - start))
                connection.send(times)


class Contender:
    """A contender's process, seen from outside. It runs on `threads` cores, counted from `core`."""

    def __init__(self, name: str, config: TrainingConfig, threads: int, core: int = 0):
        spawn = multiprocessing.get_context("spawn")
        self._connection, end = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(name, config, threads, core, end), daemon=True)
        self._process.start()
        end.close()
        self._connection.recv()

    def ask(self, request: str):
        """Its answer; EOFError if it has ended."""
        self.tell(request)
        return self.answer()

    def tell(self, request: str) -> None:
        """Ask, and do not wait for the answer."""
        self._connection.send(request)

    def answer(self):
        """The answer to what it was told."""
        return self._connection.recv()

    def end(self) -> None:
        """Let the process end."""
        self._connection.send("end")
        self._process.join()
