import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np

from minimod import TrainingConfig, load_run, train
from minimod.cli.advice import train_command
from minimod.runs.data import UserData

CONFIG = TrainingConfig(modulus=7, width=4, epochs=1, tied=True, bias=False, betas=(0.8, 0.9), noise_ratio=0.25)


def test_the_command_of_a_run_trains_the_same_one(minimod):
    run = train(CONFIG, Path("first run"))
    assert minimod(*shlex.split(train_command(run).replace("'first run'", "again"))[1:]).returncode == 0
    assert load_run("again").config == CONFIG and (load_run("again").network.W == run.network.W).all()


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
