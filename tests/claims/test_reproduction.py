"""Carrying out claims: which runs there are, that none is trained twice, and that a stop loses no finished one."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from processes import started, wait_for

from minimod import TrainingConfig
from minimod.claims import CLAIMS
from minimod.claims.named import find_claims
from minimod.claims.reproduction import Reproduction
from minimod.engine.device import available_cores
from minimod.errors import InputError
from minimod.runs.jobs import work

SMALL = TrainingConfig(modulus=7, width=8, epochs=2)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Two claims of tiny runs that share one run, for two seeds, in this process: another one would not know them."""
    configs = [SMALL, replace(SMALL, noise_ratio=0.5), replace(SMALL, epochs=9)]
    monkeypatch.setitem(CLAIMS, "tied", replace(CLAIMS["tied"], configs=lambda scale: configs[:2], criteria=()))
    monkeypatch.setitem(CLAIMS, "swap", replace(CLAIMS["swap"], configs=lambda scale: configs[1:], criteria=()))
    monkeypatch.setattr("minimod.claims.reproduction.process_pool", lambda: ThreadPoolExecutor(1))
    monkeypatch.setattr("minimod.claims.reproduction.in_processes", lambda f, tasks: [f(*t) for t in tasks])
    return Reproduction(find_claims(["tied", "swap"]), "quick", tmp_path, seeds=2)


def ignore(done, text):
    """No progress."""


def test_runs_that_claims_share_are_trained_once(small):
    missing = small.missing()
    assert len(missing) == len(set(missing)) == 3 * 2


def test_all_runs_are_trained_the_longest_first(small):
    missing, told = small.missing(), []
    small.train(missing, lambda done, text: told.append((done, text)))
    longest_first = sorted(missing, key=work, reverse=True)
    assert [config.epochs for config in longest_first] == [9, 9, 2, 2, 2, 2]
    assert told == [(work(config), small.store.place(config).name) for config in longest_first]
    assert not small.missing()


def test_what_has_finished_is_missing_no_more(small):
    config = next(config for config in small.missing() if config.epochs == 2)
    done = []
    small.train([config], lambda amount, text: done.append(amount))
    assert sum(done) == work(config) and config not in small.missing() and len(small.missing()) == 5


def test_results_have_a_row_for_every_run_and_seed(small):
    small.train(small.missing(), ignore)
    tied, swap = small.results()
    assert [len(tied.rows), len(swap.rows)] == [4, 4]
    assert tied.seeds == swap.seeds == [0, 1]
    assert {row["noise_ratio"] for row in swap.rows} == {0.5, 0.8}


def test_a_damaged_run_is_an_error_and_is_not_trained_again(small):
    small.train(small.missing(), ignore)
    directory = small.store.place(SMALL)
    os.truncate(directory / "network.npz", 100)
    before = {path: path.read_bytes() for path in directory.iterdir()}
    assert not small.missing()
    with pytest.raises(InputError, match=rf"{directory}'; it must be the whole of a finished run \(network.npz: "):
        list(small.results())
    assert {path: path.read_bytes() for path in directory.iterdir()} == before


def test_a_claim_is_given_before_the_next_is_measured(small, monkeypatch):
    small.train(small.missing(), ignore)
    measured = []

    def one_by_one(function, tasks):
        for task in tasks:
            measured.append(task[0])
            yield function(*task)

    monkeypatch.setattr("minimod.claims.reproduction.in_processes", one_by_one)
    assert next(small.results()).name == "tied" and set(measured) == {"tied"}


@pytest.mark.skipif(available_cores() < 2, reason="a single process trains where it was started")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_stop_ends_all_processes_and_keeps_what_has_finished(tmp_path, stop):
    """A short run and two endless ones: Ctrl-C reaches all processes, a kill only the first.

    The short run is begun first, since it counts for longer: one epoch of a large network against ten million of the
    smallest there is.
    """
    program = tmp_path / "program.py"
    program.write_text(
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from minimod.claims import CLAIMS\n"
        "from minimod.claims.reproduction import Reproduction\n"
        "from minimod.claims.settings import setting\n"
        "if __name__ == '__main__':\n"
        "    configs = [setting(modulus=2, width=1, epochs=n) for n in (10_000_000, 10_000_001)]\n"
        "    configs.append(setting(modulus=113, width=2048, epochs=1))\n"
        "    claim = replace(CLAIMS['tied'], configs=lambda scale: configs)\n"
        "    reproduction = Reproduction({'tied': claim}, 'quick', Path('out'), seeds=1)\n"
        "    reproduction.train(reproduction.missing(), lambda done, text: print(text, flush=True))\n"
    )
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with started([sys.executable, program], cwd=tmp_path, **streams) as process:
        assert "width2048" in process.stdout.readline()
        (os.killpg if stop == signal.SIGINT else os.kill)(process.pid, stop)
        assert process.wait(timeout=30) != 0
    wait_for(lambda: not processes_of_group(process.pid), seconds=10)
    finished = [path.parent for path in Path(tmp_path, "out").rglob("network.npz")]
    assert len(finished) == 1


def processes_of_group(group):
    """The processes of a process group that are still there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
