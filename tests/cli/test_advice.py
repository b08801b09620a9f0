import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minimod import TrainingConfig, load_run, train
from minimod.cli.advice import train_command
from minimod.runs.data import UserData

CONFIG = TrainingConfig(modulus=7, width=4, epochs=1, tied=True, bias=False, betas=(0.8, 0.9), noise_ratio=0.25)


def test_the_command_of_a_run_trains_the_same_one(minimod):
    run = train(CONFIG, Path("first run"))
    assert minimod(*shlex.split(train_command(run).replace("'first run'", "again"))[1:]).returncode == 0
    assert load_run("again").config == CONFIG and (load_run("again").network.W == run.network.W).all()


@pytest.mark.parametrize("changes", [
    {"snapshots": (0, 2, 3)}, {"snapshots": "log", "eval_every": 2},
    {"rule": "S3", "modulus": 6, "label_smoothing": 0.1},
    {"trained": "output", "optimizer": "sgd", "momentum": 0.5, "betas": (0.9, 0.98)}, {"batch_size": 9, "record": True},
], ids=str)  # fmt: skip
def test_every_field_is_written_as_the_command_line_takes_it(minimod, changes):
    config = replace(CONFIG, **changes)
    run = train(config, Path("run"))
    assert minimod(*shlex.split(train_command(run).replace("train run", "train again"))[1:]).returncode == 0
    assert load_run("again").config == config


def test_what_has_no_effect_is_left_out(tmp_path):
    assert "--momentum" not in train_command(train(replace(CONFIG, momentum=0.5), tmp_path / "run"))


def test_pairs_of_one_s_own_are_given_to_it_and_what_they_bring_is_not(minimod):
    lines = [f"{a},{b},{(a + b) % 5}" for a in range(5) for b in range(5)]
    Path("pairs.csv").write_text("\n".join(["a,b,label", *lines]) + "\n")
    assert minimod("train", "own", "--pairs", "pairs.csv", "--width", 4, "--epochs", 1).returncode == 0
    command = train_command(load_run("own"))
    assert command == "minimod train own --pairs FILE --width 4 --epochs 1"
    assert minimod(*command.replace("own", "again").replace("FILE", "pairs.csv").split()[1:]).returncode == 0


def test_a_relabelled_run_has_no_such_command(tmp_path):
    labels = np.zeros(len(train(CONFIG).dataset.train), int)
    run = train(replace(CONFIG, seed=1), tmp_path / "run", data=UserData(labels=labels))
    assert train_command(run).startswith("# ")
