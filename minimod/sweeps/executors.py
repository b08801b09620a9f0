"""Where many independent tasks are done: in processes of this machine, or on a Dask cluster.

Both are executors as in `concurrent.futures`; nothing else of minimod knows which one it has.
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

# How often Dask tries a task again whose worker died or could not be reached.
RETRIES, CLOSE_SECONDS = 3, 5


@contextmanager
def process_pool(jobs: int | None = None, device: str = "auto") -> Iterator[Executor]:
    """So many processes; None: one for each core. What is still going on when an error leaves the block ends with it.

    What `device` is here (see `choose_device`) is decided once, and is what "auto" stands for in every process. On
    GPUs there is at most one process for each, which sees no other; it never falls back to the CPU.
    """
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of BLAS's threads
    device = choose_device(device)
    names = visible_gpus() if device == "gpu" else []
    n = min(jobs or len(names), len(names)) if names else jobs or available_cores()
    with stop_requests():       # between two of its steps a semaphore would be lost
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
            # It waits: for checkpoints, and for the pool's thread, which must not live when the interpreter ends.
            pool.shutdown(cancel_futures=True)
            raise


class _ProcessPool(ProcessPoolExecutor):
    """A pool whose processes end where a signal or a GPU's error has interrupted a run, and do not begin the next one.

    After an error a GPU refuses all that a process asks of it, so every later run would fail.
    """

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:  # type: ignore[override]
        # This may start a process. It must get all that it is sent, and inherits what is blocked: Ctrl-C would be a
        # traceback of its first imports.
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
        logging.getLogger(__name__).error(f"a process ends, for its GPU has failed: {first_line(error)}")
        os._exit(1)


@contextmanager
def dask_cluster(address: str) -> Iterator[Executor]:
    """The workers of a running Dask cluster, by the address of its scheduler.

    Raises OSError if it does not answer, and BrokenExecutor where it ends while there are tasks.
    """
    try:
        from distributed import Client
    except ImportError as error:
        allowed = "left out: Dask is not installed (pip install 'minimod[cluster]')"
        raise InputError("scheduler", address, allowed) from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)      # of a lost scheduler it logs tracebacks
    client = Client(address)
    try:
        yield client.get_executor(pure=False, retries=RETRIES)
    except CancelledError as error:
        raise BrokenExecutor(f"the Dask cluster at {address} is gone; with another the same command goes on") from error
    finally:
        client.close(timeout=CLOSE_SECONDS)     # one that is gone does not answer


def in_processes(function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """function(*task) for all tasks, in their order, in a `process_pool` on the CPU; a single one here."""
    if len(tasks) <= 1:
        yield from itertools.starmap(function, tasks)
        return
    with process_pool(device="cpu") as pool:
        yield from pool.map(function, *zip(*tasks, strict=True))


def _start_worker(device: str, gpus: Any) -> None:
    """Leave Ctrl-C and warnings, which reach every process of the terminal, to the one that started the others.

    The process is pinned to the next of the GPUs, if any, before CuPy looks for them.
    """
    settle_auto(device)
    if device == "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus.get()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("minimod").setLevel(logging.ERROR)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it could not say so."""
    if parent := multiprocessing.parent_process():
        parent.join()
    os._exit(1)
