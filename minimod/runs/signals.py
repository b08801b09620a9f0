"""Signals that ask a run to stop: noted while an epoch is trained, obeyed after it. And Ctrl-C while modules load."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Signals that ask to stop: Ctrl-C, a program's request, and where there is one a connection that dropped.
STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def importing() -> Iterator[None]:
    """Ctrl-C ends the process in one line: nothing has begun, and an import makes of an exception what it likes."""
    def end(*_: object) -> None:
        os.write(2, b"minimod: interrupted\n")
        os._exit(130)

    usual = signal.getsignal(signal.SIGINT)
    if usual != signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)
    yield
    signal.signal(signal.SIGINT, usual)


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list that gets the numbers of signals to stop.

    After the first, Ctrl-C, a person's, has its usual effect again; programs may send SIGTERM and SIGHUP twice.
    """
    received: list[int] = []
    usual: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        usual = {number: signal.getsignal(number) for number in STOPS}

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(signal.SIGINT, usual[signal.SIGINT])

    for number, handler in usual.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    if received:
        signal.raise_signal(received[0])  # the run has ended by itself; what comes after it is to be stopped
