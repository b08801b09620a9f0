"""One process for each contender, so that contenders share no threads and no memory. Contenders take turns."""

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

# A turn begins with steps that are not counted. They fill the caches with this contender's data, and meanwhile the
# threads of the last contender go to sleep. Then come the timed steps.
WARM_SECONDS, TIMED_SECONDS, TIMED_STEPS = 0.3, 0.3, 3


def peak_memory() -> float:
    """The peak memory of this process, in MB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))[1]) / 1e3


def milliseconds(run, calls: int) -> float:
    """The median time of `calls` calls, after three calls that are not counted."""
    times = []
    for _ in range(calls + 3):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[3:])


def keep_to_cores(first: int, threads: int) -> None:
    """Keep this process on `threads` cores, beginning with core `first`. Some frameworks take no number of threads."""
    with contextlib.suppress(AttributeError):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[first : first + threads])


def serve(name: str, config: TrainingConfig, threads: int, core: int, connection) -> None:
    """The loop of a contender's process. It answers requests until "end".

    "check": the first loss and gradient. "turn": the milliseconds of the timed steps. "memory": the peak memory in MB.
    """
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
    """A handle to the process of a contender. The process runs on `threads` cores, beginning with `core`."""

    def __init__(self, name: str, config: TrainingConfig, threads: int, core: int = 0):
        spawn = multiprocessing.get_context("spawn")
        self._connection, end = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(name, config, threads, core, end), daemon=True)
        self._process.start()
        end.close()
        self._connection.recv()

    def ask(self, request: str):
        """Send a request and return the answer. Raises EOFError if the process has ended."""
        self.tell(request)
        return self.answer()

    def tell(self, request: str) -> None:
        """Send a request, and do not wait for the answer."""
        self._connection.send(request)

    def answer(self):
        """Wait for the answer to the last request."""
        return self._connection.recv()

    def end(self) -> None:
        """End the process."""
        self._connection.send("end")
        self._process.join()
