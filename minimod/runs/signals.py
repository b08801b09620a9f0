"""Signals that ask to stop. A run notes them and obeys after an epoch; elsewhere they end the process in one line."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

# Signals that ask to stop: Ctrl-C, a program's request, and where there is one a connection that dropped.
STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

Handler = Callable[[int, FrameType | None], object] | signal.Handlers


def handle(handler: Handler) -> dict[int, Any]:
    """Set the handler of all STOPS, and return those before, by signal.

    A signal that is ignored stays so: nohup ignores SIGHUP. No thread but the main one can set handlers.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in STOPS if in_main_thread}
    for number, usual in before.items():
        if usual != signal.SIG_IGN:
            signal.signal(number, handler)
    return before


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """As `handle`, in this block alone; but a signal that is ignored at its end stays so."""
    before = handle(handler)
    try:
        yield
    finally:
        for number, usual in before.items():
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, usual)


def end(number: int, frame: FrameType | None, leave: Callable[[int], object] = sys.exit) -> None:
    """End the process with one line, and the status that a shell gives to a signal; a pool ends its processes then."""
    what = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
    os.write(2, f"minimod: {what}\n".encode())
    leave(128 + number)


# Where nothing has begun: while modules are imported, which make of an exception what they like.
end_at_once = partial(end, leave=os._exit)


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list that gets the numbers of signals to stop.

    After the first, Ctrl-C, a person's, has its usual effect again; programs may send SIGTERM and SIGHUP twice.
    """
    received, usual = list[int](), signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(signal.SIGINT, usual)

    try:
        with handled(note):
            yield received
    except BaseException as error:
        if not isinstance(error, Exception):        # Interrupted or KeyboardInterrupt, which tell of the signal
            received.clear()
        raise
    finally:
        if received:
            signal.raise_signal(received[0])  # the run has ended by itself; what comes after it is to be stopped
