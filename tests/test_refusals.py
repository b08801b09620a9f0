"""A refused command changes nothing: fifty refused calls of each, drawn at random, among directories of every kind."""

import contextlib
import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_cases import by_epoch, train_on
from sweep_cases import DEFINITION, ignore

from minimod import TrainingConfig, cli, train
from minimod.errors import DivergenceError
from minimod.sweeps.sweep import Sweep

SMALL = TrainingConfig(modulus=7, width=8, epochs=6, threads=1)


class Stopped(Exception):
    """Raised out of the progress callback."""


def stop(epoch, row):
    if epoch == SMALL.epochs - 1 or epoch == SMALL.epochs + 2:
        raise Stopped


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A directory with runs in every state, a sweep, a directory of someone's own, and an empty one."""
    place = tmp_path_factory.mktemp("everything")
    for name in ("finished", "extending", "damaged"):
        train(SMALL, place / name)
    with contextlib.suppress(Stopped):
        train_on(replace(SMALL, epochs=9), place / "extending", callback=by_epoch(stop), checkpoint_every=1)
    with contextlib.suppress(Stopped):
        train(SMALL, place / "unfinished", callback=by_epoch(stop), checkpoint_every=1)
    with contextlib.suppress(DivergenceError):
        train(replace(SMALL, optimizer="sgd", learning_rate=1e30), place / "diverged")
    os.truncate(place / "damaged" / "network.npz", 100)
    with ThreadPoolExecutor(1) as executor:
        Sweep(place / "swept", DEFINITION).run(executor, ignore)
    (place / "own").mkdir()
    (place / "own" / "notes.txt").write_text("mine")
    (place / "empty").mkdir()
    (place / "bad.toml").write_text("[grid]\nlr = [0.1, 1.0]\n")
    return place


def state_of(place):
    """Every path below a directory, with the bytes of files and the time at which a directory's entries changed."""
    return {path: path.read_bytes() if path.is_file() else path.stat().st_mtime_ns for path in place.rglob("*")}


PLACES = ["finished", "extending", "damaged", "unfinished", "diverged", "swept", "own", "empty", "new", "bad.toml"]

# Command -> (its argument, options that are always refused, options that are not)
CALLS = {
    "train": (
        PLACES,
        [
            ["--modulus", "1"], ["--width", "0"], ["--betas", "0.9", "1.5"], ["--learning-rate", "nan"],
            ["--widht", "3"], ["--rule", "mul", "--modulus", "9"], ["--train-fraction", "1e-9"], ["--device", "gpu"],
            ["--extend", "0"], ["--extend", "2", "--epochs", "9"], ["--extend", "2", "--resume"],
            ["--extend", "2", "--preset", "paper"], ["--extend", "2", "--seed", "5"], ["--resume", "--preset", "paper"],
            ["--extend", "2", "--learning-rate", "1"], ["--resume", "--width", "0"], ["--checkpoint-every", "0"],
            ["--noise-kind", "matrix"], ["--noise-matrix", "nothing"], ["--noise-matrix", "bad.toml"],
            ["--noise-kind", "bijective", "--rule", "mul"], ["--snapshots", "0,x"], ["--snapshots", "-1"],
        ],
        [["--quiet"], ["--json"], ["--threads", "1"], ["--checkpoint-every", "3"], ["--eval-every", "2"]],
    ),
    "analyze": (
        PLACES,
        [
            ["--by", "v"], ["--ensemble", "nothing"], ["--ensemble", "own"], ["--no-write", "--output", "elsewhere"],
            ["--no-write", "--figures"], ["--threshold", "2"], ["--threshold", "nan"],
            ["--figure"], ["--output", "bad.toml"], ["--ensemble", "damaged"], ["--ensemble", "finished/../finished",
             "--ensemble", "finished"],
        ],
        [["--json"], ["--by", "w"]],
    ),
    "extract": (
        PLACES,
        [
            ["--rounds", "0"], ["--method", "no such row"], ["--output", "own"], ["--output", "finished"],
            ["--output", "bad.toml"], ["--output", "swept"], ["--quiet"], ["--output", "unfinished", "--rounds", "1"],
        ],
        [["--json"], ["--method", "interaction"]],
    ),
    "detect": (
        PLACES,
        [
            ["--extracted", "nothing"], ["--extracted", "finished"], ["--extracted", "swept"], ["--folds", "1"],
            ["--folds", "1000"], ["--csv", "own"], ["--csv", "nowhere/scores.csv"], ["--fold", "2"],
            ["--folds", "2", "--extracted", "damaged"],
        ],
        [["--json"], ["--quiet"]],
    ),
    "check": (PLACES, [["--resume"], ["again"]], [["--json"]]),
    "reproduce": (
        ["headline", "all", "width"],
        [["no-such-claim"], ["--seeds", "0"], ["--scale", "huge"], ["--output", "bad.toml"]],
        [["--quiet"], ["--json"], ["--directory", "reproduced"]],
    ),
    "sweep": (
        PLACES,
        [
            ["--grid", "widht=8"], ["--grid", "width"], ["--grid", "width=0"], ["--grid", "noise_ratio=0:1:0"],
            ["--file", "bad.toml"], ["--file", "nothing.toml"], ["--seeds", "0"], ["--grid", "threads=1,2"],
        ],
        [["--quiet"], ["--retry-failed"]],
    ),
    "plot": (
        PLACES,
        [
            ["--x", "width", "--y", "accuracy"], ["--x", "widht", "--y", "test_accuracy"], ["--x", "width"],
            ["--x", "width", "--y", "rule"], ["--y", "test_accuracy"],
            ["--x", "rule", "--y", "loss", "--log-x"], ["--x", "width", "--y", "loss", "--output", "a.b"],
        ],
        [["--by", "seed"]],
    ),
    "discover": (
        PLACES,
        [
            ["--from", "nowhere"], ["--seconds", "-1"], ["--max-starts", "0"], ["--seed", "-1"], ["--threads", "0"],
            ["--device", "gpu"], ["--table", "nowhere/table.csv"], ["--table", "own"], ["--form", "labels"],
        ],
        [["--quiet"], ["--json"], ["--no-write"]],
    ),
    "report": (
        PLACES, [["--output", "nowhere/page.html"], ["--output", "own"], ["--epoch", "2"]],
        [["--output", "elsewhere.html"]],
    ),
    "import": (
        ["bad.toml", "nothing.npz", "finished/network.npz", "finished"],
        [
            ["new"], ["new", "--modulus", "1"], ["finished", "--modulus", "7"], ["new", "--modulus", "7", "--map", "U"],
            ["new", "--modulus", "7", "--layout", "none"], ["new", "--modulus", "7", "--map", "U=X"],
        ],
        [["--json"], ["--tied"]],
    ),
    "export": (
        PLACES,
        [
            ["network.foo"], ["nowhere/network.npz"], ["finished/config.json"], ["network.npz", "--epoch", "3"],
            ["network.npz", "--epoch", "-1"], ["own"],
        ],
        [["--epoch", "6"]],
    ),
    "group": (["S3", "D4", "table:bad.toml"], [["again"], ["--josn"], ["--quiet"]], [["--json"]]),
}  # fmt: skip


@pytest.mark.parametrize("command", CALLS)
@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_refused_call_changes_nothing(everything, command, data):
    places, refused, allowed = CALLS[command]
    arguments = [data.draw(st.sampled_from(places))] if places else []
    options = [data.draw(st.sampled_from(refused)), *data.draw(st.lists(st.sampled_from(allowed), unique_by=tuple))]
    arguments += [word for option in data.draw(st.permutations(options)) for word in option]
    before = state_of(everything)
    with (
        contextlib.chdir(everything), mock.patch.object(sys, "argv", ["minimod", command, *arguments]),
        mock.patch("minimod.engine.backend.gpu_problem", lambda: "no GPU in this test"),
        contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())),
        contextlib.redirect_stderr(io.TextIOWrapper(io.BytesIO())) as said, pytest.raises(SystemExit) as caught,
    ):
        cli.main()
    said.seek(0)
    assert caught.value.code == 2, (arguments, said.read())
    assert said.read().count("\n") == 1
    assert state_of(everything) == before, arguments


def test_refused_calls_change_nothing_where_text_is_not_utf_8():
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "a_refused_call"]
    answer = subprocess.run(command, env=environment, capture_output=True)
    assert answer.returncode == 0, answer.stdout.decode(errors="replace")

