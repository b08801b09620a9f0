"""Signals that ask a process to stop. A run stops at the end of the epoch. Elsewhere, the process ends with one line.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

# Signals that ask to stop: Ctrl-C, the request of a program, and a lost connection (not on every system).
STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

Handler = Callable[[int, FrameType | None], object] | signal.Handlers


def handle(handler: Handler) -> dict[int, Any]:
    """Set the handler of all STOPS. Return the handlers before, by signal.

    An ignored signal stays ignored: nohup ignores SIGHUP. Only the main thread can set handlers; in another thread,
    this does nothing.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in STOPS if in_main_thread}
    for number, usual in before.items():
        if usual != signal.SIG_IGN:
            signal.signal(number, handler)
    return before


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """As `handle`, for this block alone. A signal that is ignored at the end of the block stays ignored."""
    before = handle(handler)
    try:
        yield
    finally:
        for number, usual in before.items():
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, usual)


def end(number: int, frame: FrameType | None, leave: Callable[[int], object] = sys.exit) -> None:
    """End the process with one line, and with the exit status that a shell gives to this signal.

    leave: the function that ends the process. With sys.exit, a pool also ends its processes.
    """
    what = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
    os.write(2, f"minimod: {what}\n".encode())
    leave(128 + number)


# For the time of the imports. An imported module could catch the exception of sys.exit, so this ends without it.
end_at_once = partial(end, leave=os._exit)


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list to which the numbers of the signals are added.

    After the first signal, Ctrl-C has its usual effect again, because it comes from a person. Programs may send SIGTERM
    and SIGHUP twice.
    """
    received, usual = list[int](), signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(signal.SIGINT, usual)

    try:
        with handled(note):
            yield received
    except BaseException as error:
        if not isinstance(error, Exception):        # Interrupted or KeyboardInterrupt, which report the signal
            received.clear()
        raise
    finally:
        if received:
            signal.raise_signal(received[0])  # the run has ended by itself; the signal stops what follows
