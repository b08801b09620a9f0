import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from minimod.errors import Interrupted
from minimod.runs.signals import STOPS, handled, stop_requests

CLI = Path(__file__).parents[2] / "cli.py"


@pytest.fixture(autouse=True)
def usual():
    """The handlers are those from before when the test ends, and all different ones during it."""
    before = {number: signal.getsignal(number) for number in STOPS}
    for number in STOPS:
        signal.signal(number, lambda *_: None)
    yield {number: signal.getsignal(number) for number in STOPS}
    for number, handler in before.items():
        signal.signal(number, handler)


def test_all_signals_are_handled_in_the_block_alone(usual):
    received = []
    with handled(lambda number, frame: received.append(number)):
        for number in STOPS:
            os.kill(os.getpid(), number)
    assert received == list(STOPS) and {number: signal.getsignal(number) for number in STOPS} == usual


def test_a_signal_that_is_ignored_stays_so_as_under_nohup():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stop_requests() as received:
        os.kill(os.getpid(), signal.SIGHUP)
        assert not received
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.parametrize(("error", "told"), [
    (None, [signal.SIGTERM]), (ZeroDivisionError(), [signal.SIGTERM]),
    (Interrupted(signal.SIGTERM, Path("run"), 3), []),          # it tells of the signal itself
], ids=["no error", "an error", "Interrupted"])  # fmt: skip
def test_a_noted_signal_takes_effect_after_the_block(error, told):
    """A process of a pool that swallowed it would wait for ever."""
    seen = []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    with pytest.raises(type(error)) if error else contextlib.nullcontext(), stop_requests():
        os.kill(os.getpid(), signal.SIGTERM)
        if error:
            raise error
    assert seen == told


def test_what_the_block_comes_to_ignore_is_ignored_from_there_on(usual):
    with handled(lambda number, frame: signal.signal(number, signal.SIG_IGN)):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) == usual[signal.SIGINT]


@pytest.mark.parametrize(("number", "said"), [
    (signal.SIGINT, "interrupted"), (signal.SIGTERM, "stopped by SIGTERM"), (signal.SIGHUP, "stopped by SIGHUP"),
])  # fmt: skip
@pytest.mark.parametrize("when", ["importing", "at work"])
def test_a_signal_ends_a_command_in_one_line_and_with_its_status(when, number, said, tmp_path):
    at_work = "import minimod.cli.elsewhere as module; module.facts = kill"
    importing = "import minimod.cli as module; module.import_module = kill"
    program = tmp_path / "program.py"
    program.write_text(f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
kill = lambda *_: os.kill(os.getpid(), {int(number)})
{at_work if when == "at work" else importing}
sys.argv = ["minimod", "group", "S3"]
from minimod.__main__ import main
main()
""")
    environment = os.environ | {"PYTHONPATH": str(CLI.parent)}
    answer = subprocess.run([sys.executable, program], capture_output=True, text=True, env=environment, timeout=60)
    assert (answer.returncode, answer.stderr) == (128 + number, f"minimod: {said}\n")
