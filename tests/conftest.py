import logging
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import strict_cupy
from filelock import FileLock
from sweep_cases import DEFINITION, ignore

from minimod import cli
from minimod.engine import device
from minimod.sweeps.sweep import Sweep

# A shell ignores SIGINT in background jobs, and child processes inherit this. Then processes of tests would not stop.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def minimod(monkeypatch, capsys, tmp_path):
    """A function that calls the command line in an empty directory. Returns returncode, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["minimod", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, caught.value.code or 0, out, err)

    return call


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A function that lets `make` fill a directory, once for all test processes. Tests must only read the directory."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def directory(name, make):
        place, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                place.mkdir()
                make(place)
                done.touch()
        return place

    return directory


@pytest.fixture(autouse=True)
def usual_log():
    """Before each test, no warning counts as given. After each test, the log level is as usual: --quiet raises it."""
    device.warn_once.cache_clear()
    yield
    logging.getLogger("minimod").setLevel(logging.NOTSET)


@pytest.fixture
def cupy(monkeypatch):
    """The strict stand-in for CuPy. `import cupy` finds it until the test ends."""
    yield strict_cupy.install(monkeypatch)
    device.gpu_problem.cache_clear()


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The directory of the sweep of DEFINITION. Tests must only read it."""
    directory = tmp_path_factory.mktemp("swept")
    with ThreadPoolExecutor(1) as executor:
        Sweep(directory, DEFINITION).run(executor, ignore)
    return directory
