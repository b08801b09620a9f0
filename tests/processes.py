"""Processes that a test starts, to signal or to kill them."""

import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress


@contextmanager
def started(command, **options):
    """A process in a process group of its own. If the block fails, the whole group is killed: it might never end."""
    with subprocess.Popen(command, text=True, start_new_session=True, **options) as process:
        try:
            yield process
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise


def wait_for(condition, seconds=60):
    """Wait until a condition is true. After that many seconds, fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it has not happened within {seconds} s"
        time.sleep(0.02)
