"""Processes that a test starts, to signal or to kill them."""

import os
import signal
import subprocess
import time
from contextlib import contextmanager


@contextmanager
def started(command, **options):
    """A process in a process group of its own. If the block fails, the whole group is killed: it might never end."""
    with subprocess.Popen(command, text=True, start_new_session=True, **options) as process:
        try:
            yield process
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def wait_for(condition):
    """Wait until a condition is true. After 60 seconds, fail."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it has not happened within a minute"
        time.sleep(0.02)
