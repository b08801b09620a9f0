"""Where many independent tasks are done: in processes of this machine, or on a Dask cluster.

Both are executors as in `concurrent.futures`. The rest of minimod does not know which of the two it uses.
"""

import itertools
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from minimod.engine.backend import choose_device, settle_auto
from minimod.engine.device import available_cores, first_line, is_gpu_error, visible_gpus
from minimod.errors import InputError, Interrupted
from minimod.runs.signals import stop_requests

# If its worker died or could not be reached, Dask repeats a task up to RETRIES times. Closing may take CLOSE_SECONDS.
RETRIES, CLOSE_SECONDS = 3, 5


@contextmanager
def process_pool(jobs: int | None = None, device: str = "auto") -> Iterator[Executor]:
    """A pool of `jobs` processes; None: one process for each core, or for each GPU. An error in the block ends them.

    The device is chosen once, here, see `choose_device`. "auto" stands for this device in every process. On GPUs there
    is at most one process for each GPU. It sees no other GPU, and never falls back to the CPU.
    """
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of BLAS's threads
    device = choose_device(device)
    names = visible_gpus() if device == "gpu" else []
    n = min(jobs or len(names), len(names)) if names else jobs or available_cores()
    with stop_requests():       # a signal between two of its steps would lose a semaphore
        gpus = context.SimpleQueue()
        pool = _ProcessPool(n, context, initializer=_start_worker, initargs=(device, gpus))
    for name in names:
        gpus.put(name)
    with pool:
        try:
            yield pool
        except BaseException:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            # It waits for checkpoints, and for the pool's thread, which must end before the interpreter.
            pool.shutdown(cancel_futures=True)
            raise


class _ProcessPool(ProcessPoolExecutor):
    """A pool whose processes end if a signal or a GPU's error interrupts a run. They do not begin the next run.

    After an error, a GPU refuses everything that the process asks, so every later run would fail.
    """

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:  # type: ignore[override]
        # This may start a process. The process must get everything that it is sent, so signals wait. It inherits the
        # blocked SIGINT. Otherwise Ctrl-C would give a traceback of its first imports.
        with stop_requests():
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                return super().submit(_or_end, function, *args)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _or_end(function: Callable[..., Any], *args: Any) -> Any:
    try:
        return function(*args)
    except Interrupted as stop:
        os._exit(128 + stop.signal)
    except RuntimeError as error:
        if not is_gpu_error(error):
            raise
        logging.getLogger(__name__).error(f"a process ends, because its GPU has failed: {first_line(error)}")
        os._exit(1)


@contextmanager
def dask_cluster(address: str) -> Iterator[Executor]:
    """The workers of a running Dask cluster, by the address of its scheduler.

    Raises OSError if the scheduler does not answer, and BrokenExecutor if it ends while tasks are left.
    """
    try:
        from distributed import Client
    except ImportError as error:
        allowed = "left out: Dask is not installed (pip install 'minimod[cluster]')"
        raise InputError("scheduler", address, allowed) from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)      # it logs tracebacks for a lost scheduler
    client = Client(address)
    try:
        yield client.get_executor(pure=False, retries=RETRIES)
    except CancelledError as error:
        raise BrokenExecutor(f"the Dask cluster at {address} is gone; run this again on another cluster") from error
    finally:
        client.close(timeout=CLOSE_SECONDS)     # a lost scheduler does not answer


def in_processes(function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """function(*task) for all tasks, in their order, in a `process_pool` on the CPU. A single task is done here."""
    if len(tasks) <= 1:
        yield from itertools.starmap(function, tasks)
        return
    with process_pool(device="cpu") as pool:
        yield from pool.map(function, *zip(*tasks, strict=True))


def _start_worker(device: str, gpus: Any) -> None:
    """Prepare a worker. Ctrl-C and warnings reach every process of the terminal, so the worker ignores them.

    The process that started the workers handles them. A worker gets the next of the GPUs, if there are any, before CuPy
    looks for GPUs.
    """
    settle_auto(device)
    if device == "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus.get()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("minimod").setLevel(logging.ERROR)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent is gone. A parent that is killed cannot end its workers."""
    if parent := multiprocessing.parent_process():
        parent.join()
    os._exit(1)
