import csv
import json
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from unittest.mock import Mock

import click
import numpy as np
import pytest
from sweep_cases import CLI, OTHERS

from minimod import TrainingConfig, analyze, load_sweep
from minimod.analysis.detectors import DETECTORS, auroc
from minimod.analysis.rows import BRIEF, DEFAULT_METHOD, ROWS, best_agnostic
from minimod.analysis.summary import in_words
from minimod.claims import CLAIMS, named, reproduction
from minimod.cli import COMMANDS, SECTIONS, commands, display
from minimod.cli.display import cell
from minimod.cli.runs import train
from minimod.errors import Interrupted
from minimod.report.page_data import detectors
from minimod.runs.config import CONSTRAINTS, PRESETS
from minimod.runs.constraints import Choice, RuleName
from minimod.runs.metrics import ACCURACIES, METRIC_COLUMNS
from minimod.runs.run import check_run, load_run
from minimod.runs.training import CHECKPOINT_EVERY
from minimod.runs.training import train as train_network
from minimod.version import VERSION

SMALL = ["--modulus", "11", "--width", "12", "--epochs", "3", "--threads", "1"]


def test_train_and_analyze_leave_the_run_directory_of_the_design(minimod):
    assert minimod("train", "run", *SMALL).returncode == 0
    assert minimod("analyze", "run").returncode == 0
    assert {path.name for path in Path("run").iterdir()} == {
        ".lock", "config.json", "metrics.csv", "checkpoint.npz", "network.npz", "analysis.json", "figures",
    }  # fmt: skip
    assert len(list(Path("run/figures").iterdir())) == 12


def test_options_reach_the_configuration(minimod):
    assert OTHERS.keys() == {field.name for field in fields(TrainingConfig)}
    arguments = []
    for name, value in OTHERS.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            arguments.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            arguments += [f"--{flag}", *(value if isinstance(value, tuple) else [value])]
    assert minimod("train", "run", *arguments).returncode == 0
    stored = json.loads(Path("run/config.json").read_text())["config"]
    assert TrainingConfig.from_dict(stored) == TrainingConfig(**OTHERS)


def test_options_override_a_preset(minimod):
    assert minimod("train", "run", "--preset", "paper", *SMALL).returncode == 0
    config = TrainingConfig.from_dict(json.loads(Path("run/config.json").read_text())["config"])
    assert (config.learning_rate, config.weight_decay, config.epochs) == (1e-3, 0.1, 3)


WRONG = [
    (["--width", 8, "--width", 16], ["--width is given twice"]),
    (["--tied", "--no-tied"], ["--tied or --no-tied is given twice"]),
    (["--modulus", 1], ["--modulus", "1", "[2, 100000]"]),
    (["--noise-ratio", 1.2], ["--noise-ratio", "1.2", "[0, 1]"]),
    (["--activation", "tanh"], ["--activation", "tanh", "relu", "reverse_relu"]),
    (["--width", 0], ["--width", "0", "[1, inf)"]),
    (["--width", "many"], ["--width", "many", "a whole number in [1, inf)"]),
    (["--betas", 0.9, 1.5], ["--betas", "1.5", "[0, 1)"]),
    (["--learning-rate", "nan"], ["--learning-rate", "nan", "(0, inf)"]),
    (["--rule", "mul", "--modulus", 9], ["--modulus", "9", "odd prime"]),
    (["--device", "gpu"], ["--device", "gpu", "auto or cpu"]),
    (["--preset", "huge"], ["--preset", "huge", "default", "headline", "paper"]),
    (["--widht", 3], ["--widht", "it must be --width"]),
    (["--lr", 3], ["--lr", "it must be --learning-rate"]),
]


@pytest.mark.parametrize(("arguments", "named"), WRONG, ids=str)
def test_bad_input_is_one_line_that_says_what_is_allowed(minimod, monkeypatch, arguments, named):
    monkeypatch.setattr("minimod.engine.backend.gpu_problem", lambda: "no GPU in this test")
    answer = minimod("train", "run", *arguments)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert re.fullmatch(r"minimod: [^\n]+\n", answer.stderr)
    assert all(part in answer.stderr for part in named), answer.stderr
    assert not Path("run").exists()


def test_a_terminal_without_greek_letters_gets_help_all_the_same():
    command = [sys.executable, "-c", "from minimod.cli import main; main()", "train", "--help"]
    answer = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "latin-1"}, capture_output=True)
    assert answer.returncode == 0 and b"--noise-ratio" in answer.stdout


def test_figures_are_drawn_from_a_notebooks_shell(tmp_path):
    """Jupyter names its own backend to every process it starts, whether or not that process can load it."""
    code = "import sys; from minimod.cli import main; sys.argv[0] = 'minimod'; main()"
    environment = os.environ | {"MPLBACKEND": "module://no_such.backend"}
    for arguments in (["train", "run", "--quiet", *SMALL], ["analyze", "run"]):
        subprocess.run([sys.executable, "-c", code, *arguments], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "run" / "figures" / "phases.png").exists()


def test_an_existing_run_is_refused_and_left_alone(minimod):
    minimod("train", "run", *SMALL)
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    answer = minimod("train", "run", *SMALL)
    assert answer.returncode == 2
    assert answer.stderr == (
        "minimod: run directory is 'run'; it must be new, or hold an unfinished run; this run has finished, and"
        " --extend EPOCHS trains it further\n"
    )
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before


@pytest.mark.parametrize("what", ["nothing", "an empty directory", "a file"])
def test_analyze_refuses_what_is_no_run(minimod, what):
    if what == "an empty directory":
        Path("run").mkdir()
    elif what == "a file":
        Path("run").write_text("mine")
    answer = minimod("analyze", "run")
    assert answer.returncode == 2
    assert re.fullmatch(r"minimod: run directory is 'run'; it must be [^\n]+\n", answer.stderr)


@pytest.mark.parametrize("kind", [RuntimeError, Exception])       # CUDA's errors and cuBLAS's; the compiler's
def test_an_error_of_the_gpu_is_one_line(minimod, monkeypatch, kind):
    error = type("DeviceError", (kind,), {"__module__": "cupy_backends.cuda.libs.cublas"})("CUBLAS_STATUS\nmore")
    monkeypatch.setattr("minimod.runs.training.train", Mock(side_effect=error))
    answer = minimod("train", "run", "--quiet", *SMALL)
    assert (answer.returncode, answer.stderr) == (1, "minimod: cannot go on: the GPU failed (CUBLAS_STATUS)\n")


def test_another_runtime_error_is_not_taken_for_the_gpus(minimod, monkeypatch):
    monkeypatch.setattr("minimod.runs.training.train", Mock(side_effect=RuntimeError("a fault of ours")))
    with pytest.raises(RuntimeError, match="a fault of ours"):
        minimod("train", "run", "--quiet", *SMALL)


def test_a_full_disk_is_one_line(minimod, monkeypatch):
    def full(directory, row):
        raise OSError(28, "No space left on device", str(directory / "metrics.csv"))

    monkeypatch.setattr("minimod.runs.training.contents.append_metrics", full)
    answer = minimod("train", "run", "--quiet", *SMALL)
    assert answer.returncode == 1
    assert answer.stderr.startswith("minimod: cannot go on: [Errno 28] No space left on device: ")
    assert answer.stderr.endswith("run/metrics.csv'\n") and answer.stderr.count("\n") == 1


def test_divergence_is_one_line(minimod):
    answer = minimod("train", "run", "--quiet", *SMALL, "--optimizer", "sgd", "--learning-rate", 1e9)
    assert answer.returncode == 1
    assert re.fullmatch(r"minimod: the loss is not finite at epoch \d; try [^\n]+\n", answer.stderr)


def test_nothing_is_said_of_the_time_left_before_anything_is_done(capsys):
    config = TrainingConfig(modulus=11, width=8, epochs=2, threads=1)
    with click.Context(commands, obj={}), display.runs_display([config]) as tell:
        tell(0, "epoch 0")
        tell(1000, "epoch 1")
    first, second = capsys.readouterr().err.splitlines()[-2:]
    assert first.endswith("  epoch 0") and second.endswith(" left")


def test_plain_progress_is_a_line_per_evaluation(minimod):
    lines = minimod("train", "run", *SMALL).stderr.splitlines()
    assert len(lines) == 4
    line = r"epoch +\d+  loss \S+  clean \S+ noisy \S+ test \S+ filtered \S+"
    first, *middle, last = lines
    assert re.fullmatch(line, first) and re.fullmatch(line, last)
    assert all(re.fullmatch(line + r"  \d+ s left", each) for each in middle)


@pytest.mark.parametrize("columns", [80, 60])
def test_a_terminal_gets_a_bar_with_what_fits(minimod, monkeypatch, columns):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    answer = minimod("train", "run", *SMALL)
    assert answer.returncode == 0
    assert "100%" in answer.stderr and ("filtered" in answer.stderr) == (columns == 80)


def test_a_sweep_has_one_bar_on_a_terminal(minimod, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    answer = minimod("sweep", "s", "--grid=modulus=7", "--grid=width=4,8", "--grid=epochs=2", "--jobs", 1)
    announced, to_train, bar, end = answer.stderr.split("\n")
    assert (announced, to_train[:15], end) == ("2 runs in all", "2 runs to train", "")
    assert "100%" in bar and bar.count("finished") >= 1


@pytest.mark.parametrize("tty", [True, False])
def test_quiet_is_silent(minimod, monkeypatch, tty):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: tty, raising=False)
    assert minimod("train", "run", "--quiet", *SMALL).stderr == ""


def test_json_says_the_same_to_machines(minimod):
    trained = json.loads(minimod("train", "run", "--json", "--quiet", *SMALL).stdout)
    assert list(trained["metrics"]) == list(METRIC_COLUMNS)
    analysed = json.loads(minimod("analyze", "run", "--json", "--no-figures").stdout)
    written = json.loads(Path("run/analysis.json").read_text())
    assert analysed["methods"] == written["methods"] and analysed["chance"] == 1 / 11


def strict_json(text):
    """The data in a text that is JSON; NaN and Infinity are not."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_json_has_null_for_what_is_nan(minimod):
    trained = minimod("train", "run", "--json", "--quiet", *SMALL, "--noise-ratio", 0)
    assert strict_json(trained.stdout)["metrics"]["noisy_accuracy"] is None
    analysed = strict_json(minimod("analyze", "run", "--json", "--no-figures").stdout)
    written = strict_json(Path("run/analysis.json").read_text())
    for summary in (analysed, written):
        assert summary["methods"]["raw"]["noisy"] is None and summary["methods"]["raw"]["clean"] is not None
        assert summary["partition"]["ipr"]["memorising"] is None
    assert written["history"]["noisy_accuracy"] == [None] * 4


@pytest.mark.parametrize("columns", [64, 80, 132])
def test_no_text_is_wider_than_the_terminal_and_all_prints_what_is_cut(minimod, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    calls = [
        ["train", "run", *SMALL, "--record", "--snapshots", "log"], ["train", "--help"], ["--help"], ["group", "S6"],
        ["analyze", "run", "--course", "--no-figures"], ["detect", "run"], ["extract", "run", "--output", "new"],
        *[[name, "--help"] for name in COMMANDS], ["discover", "run", "--max-starts", 8, "--quiet"], ["check", "run"],
    ]
    for call in calls:
        text = minimod(*call).stdout
        for line in text.splitlines():
            assert len(line) <= columns or "minimod " in line or " " not in line, (call, line)
        if "--all prints it" in text and call[0] in ("analyze", "group"):
            assert "prints it" not in minimod(*call, "--all").stdout
    assert "--all prints it" in minimod("analyze", "run", "--course", "--no-figures").stdout


def first_words(minimod, *call):
    return unwrapped(minimod(*call).stdout.split("\n\n")[0])


def test_train_and_analyze_begin_with_what_was_memorised_and_what_is_known(minimod):
    words = first_words(minimod, "train", "run", *SMALL)
    run = load_run("run")
    methods = analyze(run)["methods"]
    assert words == in_words(run, methods) == first_words(minimod, "analyze", "run", "--no-figures")


def test_train_and_analyze_print_the_rows_of_brief_and_the_best_that_knows_nothing(minimod):
    answers = minimod("train", "run", *SMALL).stdout, minimod("analyze", "run", "--no-figures").stdout
    methods = analyze("run")["methods"]
    names = [name for name in (*BRIEF, best_agnostic(methods)) if name in methods]
    assert len(names) == 8 and names[0] == "raw"
    for answer in answers:
        (table,) = (part for part in answer.split("\n\n") if part.startswith("method "))
        found = {line[:33].strip(): line[33:].split() for line in table.splitlines()[1:]}
        assert [*found] == names
        for name in names:
            assert found[name] == [cell(value) for value in methods[name].values()]


def test_a_row_that_knows_nothing_is_chosen_by_validation_pairs_and_no_row_that_knows_more():
    row = {"test": 0.0, "validation": 0.1}
    methods = {"raw": row | {"validation": 1.0}, "norm subnetwork": row | {"validation": 1.0}, "untrained+relu": row,
               "norm+interaction, noisy": row | {"validation": 0.2}, "raw+quadratic": row | {"test": 1.0}}
    assert best_agnostic(methods) == "norm+interaction, noisy"
    assert best_agnostic(methods, "the rule") is None and best_agnostic(methods, "two inputs") is not None
    assert best_agnostic({"raw+relu": row | {"validation": math.nan}}) is None


def test_analyze_prints_a_row_per_method(minimod):
    minimod("train", "run", *SMALL)
    answer = minimod("analyze", "run", "--no-figures", "--all")
    summary = json.loads(Path("run/analysis.json").read_text())
    rows, needs, heading = {}, {}, None
    partition = answer.stdout.split("partition by")[1]
    for needs_of_one in summary["partition_needs"].values():
        assert f"  {needs_of_one}\n" in partition
    for line in answer.stdout.split("partition by")[0].splitlines():
        if line.startswith("-- needs to know: "):
            heading = line.removeprefix("-- needs to know: ")
        rows[line[:33].strip()], needs[line[:33].strip()] = line[33:].split(), heading
    for name, row in summary["methods"].items():
        assert rows[name] == ["-" if value is None else f"{value:.3f}" for value in row.values()]
        assert needs[name] == summary["needs"][name]


def test_an_ensemble_is_one_more_row(minimod):
    minimod("train", "run", *SMALL)
    minimod("train", "other", *SMALL, "--init-seed", 5)
    minimod("train", "elsewhere", *SMALL, "--seed", 5)
    answer = minimod("analyze", "run", "--ensemble", "other", "--no-figures", "--json")
    assert json.loads(answer.stdout)["needs"]["ensemble interaction"] == "two inputs, 2 networks"
    assert "same data" in minimod("analyze", "run", "--ensemble", "elsewhere").stderr


def test_analyze_tells_the_first_epochs_past_thresholds(minimod):
    minimod("train", "run", *SMALL)
    told = minimod("analyze", "run", "--no-write", "--all").stdout.splitlines()
    head = next(i for i, line in enumerate(told) if line.startswith("first measured epoch"))
    assert told[head].split()[-3:] == ["0.5", "0.9", "0.99"]
    assert [line[:40].strip() for line in told[head + 1 :]] == [part.replace("_", " ") for part in ACCURACIES]
    answer = minimod("analyze", "run", "--no-write", "--threshold", 0, "--threshold", 1, "--threshold", 0, "--json")
    epochs = json.loads(answer.stdout)["first_epochs"]
    assert {name.rsplit("_", 1)[1] for name in epochs} == {"0", "1"} and epochs["first_epoch_test_0"] == 0
    assert epochs["first_epoch_test_1"] is None
    assert minimod("analyze", "run", "--threshold", 1.5).returncode == 2
    assert "--threshold is nan" in minimod("analyze", "run", "--threshold", "nan").stderr


def test_extract_trains_on_answers_and_tells_every_round(minimod):
    minimod("train", "run", *SMALL)
    answer = minimod("extract", "run", "--output", "new", "--rounds", 2, "--threads", 2)
    head, *rows = answer.stdout.split("\n\n")[0].splitlines()
    assert head.split("  ")[-1].strip() == "changed" and [row.split()[0] for row in rows] == ["0", "1", "2"]
    assert "minimod analyze new" in answer.stdout and max(map(len, answer.stdout.splitlines())) <= 100
    assert {path.name for path in Path("new").iterdir()} == {
        ".lock", "config.json", "metrics.csv", "checkpoint.npz", "network.npz", "data", "rounds",
    }  # fmt: skip
    told = json.loads(minimod("extract", "run", "--output", "new", "--rounds", 2, "--json", "--quiet").stdout)
    assert [f"{told['rounds'][i]['test']:.3f}" for i in range(3)] == [row.split()[4] for row in rows]
    assert json.loads(Path("new/config.json").read_text())["config"]["threads"] == 2
    assert minimod("analyze", "new", "--no-figures").returncode == 0


def test_a_noise_matrix_comes_from_a_csv_file(minimod):
    weights = np.roll(np.eye(5), 2, axis=1)
    np.savetxt("confusion.csv", weights, delimiter=",")
    options = ("--modulus", 5, "--width", 8, "--epochs", 2, "--noise-kind", "matrix")
    assert minimod("train", "run", *options, "--noise-matrix", "confusion.csv").returncode == 0
    pairs = load_run("run").dataset.train
    assert (pairs.label == (pairs.true_label + 2 * pairs.is_noisy) % 5).all()
    assert "labels drawn by a matrix" in minimod("analyze", "run", "--no-write").stdout
    assert minimod("train", "run", "--extend", 2).returncode == 0


@pytest.mark.parametrize(("content", "message"), [
    (None, "'--noise-matrix': File 'confusion.csv' does not exist."), ("", "(it is empty)"),
    ("0,1\n1\n", "line 2 has 1 cell, and the first 2"), ("0,one\n1,0\n", "line 1, cell 2: 'one' is no number"),
    ("0,1\n1,0\n", "--noise-matrix is 'float64 of shape (2, 2)'; it must be numbers, of shape (5, 5)"),
    ("# 0,1\n", "(it is empty)"), ("\xff\xfe", "line 1 is not in UTF-8"),
    ("0,1,1,1,nan\n" * 5, "row 0 of noise_matrix"),
])  # fmt: skip
def test_a_file_that_is_no_noise_matrix_is_one_line(content, message, minimod):
    if content is not None:
        Path("confusion.csv").write_bytes(content.encode("latin-1"))
    options = ("--modulus", 5, "--noise-kind", "matrix", "--noise-matrix", "confusion.csv")
    answer = minimod("train", "run", *options)
    assert answer.returncode == 2 and message in answer.stderr and len(answer.stderr.splitlines()) == 1
    assert not Path("run").exists()


def test_noise_by_a_matrix_needs_one(minimod):
    answer = minimod("train", "run", "--noise-kind", "matrix")
    assert answer.returncode == 2 and "--noise-matrix is None; it must be given" in answer.stderr
    assert not Path("run").exists()
    answer = minimod("sweep", "sweep", "--grid", "noise_kind=wrong,matrix")
    assert answer.returncode == 2 and "another kind in a sweep" in answer.stderr and not Path("sweep").exists()


def test_detect_scores_every_training_label(minimod):
    minimod("train", "run", "--modulus", 13, "--width", 40, "--noise-ratio", 0.3, "--epochs", 60,
            "--learning-rate", 0.02, "--record")
    answer = minimod("detect", "run")
    head, *rows = answer.stdout.split("\n\n")[1].splitlines()
    assert answer.stdout.startswith("135 training labels, 40 of them wrong\n") and head.startswith("detector")
    assert {row[:20].strip() for row in rows} == {*DETECTORS} - {"held-out folds", "self-training", "discovery"}
    assert max(map(len, answer.stdout.splitlines())) <= 80 and "--record" not in answer.stdout
    with open("run/detectors.csv", newline="") as file:
        table = list(csv.DictReader(file))
    pairs = load_run("run").dataset.train
    assert [int(row["label"]) for row in table] == pairs.label.tolist()
    told = json.loads(minimod("detect", "run", "--csv", "scores.csv", "--json").stdout)
    assert told["csv"] == "scores.csv" and told["labels"] == 135 and told["wrong"] == 40
    for name, number in told["auroc"].items():
        score = np.array([float(row[name]) for row in table])
        assert number == pytest.approx(auroc(score, pairs.is_noisy))
    assert Path("scores.csv").read_bytes() == Path("run/detectors.csv").read_bytes()
    assert minimod("check", "run").returncode == 0


def test_detect_takes_an_extracted_network_and_says_what_was_not_recorded(minimod):
    minimod("train", "run", *SMALL)
    minimod("extract", "run", "--output", "new", "--rounds", 1)
    answer = minimod("detect", "run", "--extracted", "new", "--folds", 2, "--quiet")
    assert {path.name[:6] for path in Path("run/folds").iterdir()} == {"1-of-2", "2-of-2"} and not answer.stderr
    assert "held-out folds" in answer.stdout
    assert "self-training" in answer.stdout and "see minimod train --record" in answer.stdout
    minimod("train", "other", *SMALL, "--seed", 1)
    for options in (["--extracted", "other"], ["--csv", "nowhere/none.csv"]):
        refused = minimod("detect", "run", "--folds", 3, *options)
        assert refused.returncode == 2 and len(refused.stderr.splitlines()) == 1
        assert len([*Path("run/folds").iterdir()]) == 2, "it has trained before it refused"
    refused = minimod("detect", "run", "--folds", 1000)
    assert refused.returncode == 2 and refused.stderr.startswith("minimod: --folds is 1000; it must be")


@pytest.mark.parametrize(("method", "more"), [("ideal", ", the rule"), (DEFAULT_METHOD, "")])
def test_detect_says_what_the_extraction_needed(minimod, method, more):
    minimod("train", "run", *SMALL)
    needs = json.loads(minimod("extract", "run", "--output", "new", "--method", method, "--json").stdout)["needs"]
    assert needs == ROWS[method].needs
    answer, told = (minimod("detect", "run", "--extracted", "new", how).stdout for how in ("--all", "--json"))
    expected = f"two inputs, noisy validation, further training{more}"
    assert json.loads(told)["needs"]["self-training"] == expected
    assert next(line for line in answer.splitlines() if line.startswith("self-training")).endswith(f"  {expected}")
    column = f"self-training [{expected}]" if more else "self-training"
    assert next(csv.reader(Path("run/detectors.csv").read_text().splitlines()))[-1] == column
    assert detectors(load_run("run"))["self-training"]["needs"] == expected
    assert json.loads(minimod("analyze", "new", "--no-write", "--json").stdout)["needs"]["raw"] == needs


def test_a_device_or_a_pipe_is_not_replaced_by_a_file(minimod):
    minimod("train", "run", *SMALL)
    os.mkfifo("pipe")
    answer = minimod("detect", "run", "--csv", "pipe")
    assert answer.returncode == 1 and "no regular file: 'pipe'" in answer.stderr
    assert Path("pipe").is_fifo()


def test_extract_says_where_there_is_nothing_to_train(minimod):
    minimod("train", "run", "--modulus", 7, "--width", 64, "--epochs", 100, "--noise-ratio", 0)
    answer = minimod("extract", "run", "--output", "new", "--method", "raw", "--quiet")
    assert "nothing to train" in answer.stdout and not Path("new").exists()


def test_whose_power_decides_is_an_option(minimod):
    minimod("train", "run", *SMALL)
    for by in ("joint", "w", "each"):
        minimod("analyze", "run", "--no-figures", "--by", by)
        neurons = json.loads(Path("run/analysis.json").read_text())["neurons"]
        assert (neurons["frequency_u"] == neurons["frequency_w"]) == (by != "each")


def test_snapshots_are_kept_of_the_epochs_that_are_given(minimod):
    minimod("train", "run", *SMALL, "--snapshots", "2,0")
    assert load_run("run").snapshots == (0, 2)
    assert "snapshots       whole, 2 of them\n" in minimod("check", "run").stdout


def tiny_pairs(path="pairs.csv"):
    """A table of five words, some labels wrong, in three parts."""
    words, parts = ["zero", "one, or so", "two", "3", "é"], ["train", "train", "validation", "train", "test"]
    rows = [(words[a], words[b], words[(a + b + (a == 1)) % 5], words[(a + b) % 5], parts[(a + 2 * b) % 5])
            for a in range(5) for b in range(5)]
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("a", "b", "label", "true_label", "part"), *rows])


def unwrapped(text):
    """A text without the ends of its lines, which hang on the terminal's width."""
    return " ".join(text.split())


TINY = ["--width", 6, "--epochs", 2, "--threads", 1, "--quiet"]


def test_pairs_of_ones_own_bring_their_task_and_it_is_said_what_they_are(minimod):
    tiny_pairs()
    answer = minimod("train", "run", *TINY, "--pairs", "pairs.csv")
    assert answer.returncode == 0 and not answer.stderr
    said = "The table is a group. Pairs: 15 for train, 5 for validation, 5 for test; of 5 tokens. "
    assert said in unwrapped(answer.stdout)
    config = load_run("run").config
    assert (config.rule, config.modulus, config.noise_ratio, config.train_fraction) == ("pairs", 5, 0, 0.6)


def test_what_is_not_known_of_pairs_is_said_by_train_and_analyze(minimod):
    Path("pairs.csv").write_text("a,b,label\nx,y,x\ny,x,x\n")
    said = "The true labels are not known: no clean, noisy or repaired. Test labels count as true."
    assert said in unwrapped(minimod("train", "run", *TINY, "--pairs", "pairs.csv").stdout)
    assert said in unwrapped(minimod("analyze", "run", "--no-write").stdout)
    assert "which are wrong is not known" in minimod("detect", "run").stdout


def test_scores_of_detectors_are_beside_the_words_of_the_pairs(minimod):
    tiny_pairs()
    minimod("train", "run", *TINY, "--pairs", "pairs.csv")
    assert minimod("detect", "run").returncode == 0
    with open("run/detectors.csv", newline="", encoding="utf-8") as file:
        scored = {(row["a"], row["b"], row["label"]) for row in csv.DictReader(file)}
    with open("pairs.csv", newline="", encoding="utf-8") as file:
        assert scored == {(row["a"], row["b"], row["label"]) for row in csv.DictReader(file) if row["part"] == "train"}


@pytest.mark.parametrize(("arguments", "message"), [
    *((["--pairs", "pairs.csv", f"--{name}", value], f"it goes without --{name}") for name, value in {
        "rule": "add", "modulus": 5, "train-fraction": 0.5, "noise-ratio": 0, "noise-kind": "wrong"}.items()),
    (["--pairs", "pairs.csv", "--resume"], "--resume uses the options and data of the run: it goes without --pairs"),
    (["--pairs", "pairs.csv", "--extend", 3], "--extend uses the options and data of the run: it goes without --pairs"),
    (["--noise-matrix", "pairs.csv", "--extend", 3], "it goes without --noise-matrix"),
    (["--pairs", "pairs.csv", "--noise-matrix", "pairs.csv"], "it goes without --noise-matrix"),
    (["--pairs", "none.csv"], "does not exist"), (["--pairs", "."], "is a directory"),
    (["--pairs", "table.csv"], "has no a and no b"), (["--pairs", "held.csv"], "at least one training pair"),
    (["--pairs", "twice.csv"], "x y comes 2 times"), (["--rule", "pairs"], "--modulus is None"),
    (["--rule", "table:none.csv"], "No such file"), (["--rule", "table:pairs.csv"], "it has shape (26, 5)"),
    (["--rule", "table:out.csv"], "'2' is no element: these are '0', '1'"),
    (["--rule", "table:wide.csv"], "it has shape (1, 2)"),
    (["--rule", "table:"], "--rule is 'table:'"), (["--rule", "table:table.csv", "--modulus", 3], "--modulus is 3"),
    (["--rule", "S3", "--modulus", 113], "6, the number of tokens of S3, or left out"),
    (["--rule", "Q7"], "--rule is 'Q7'"), (["--snapshots", "1,x"], "--snapshots"),
])  # fmt: skip
def test_a_wrong_task_is_one_line_and_leaves_nothing(arguments, message, minimod):
    tiny_pairs()
    for name, text in {
        "table": "0,1\n1,0\n", "out": "0,2\n1,0\n", "wide": "0,1\n", "held": "a,b,label,part\nx,y,x,test\n",
        "twice": "a,b,label\nx,y,x\nx,y,y\n",
    }.items():  # fmt: skip
        Path(f"{name}.csv").write_text(text)
    answer = minimod("train", "run", *TINY, *arguments)
    assert answer.returncode == 2 and not answer.stdout
    assert len(answer.stderr.splitlines()) == 1 and message in answer.stderr, answer.stderr
    assert not Path("run").exists()


@pytest.mark.parametrize(("arguments", "message"), [
    (["analyze", "run", "--epoch", 7], "--epoch is 7; it must be one of 0, 1, 2"),
    (["analyze", "run", "--epoch", -1], "--epoch"), (["analyze", "plain", "--epoch", 0], "it must be one of 2"),
    (["analyze", "plain", "--course"], "--snapshots is None"), (["group", "add"], "'ADD' is no group's name"),
    (["group", "Q7"], "Q7"), (["group", "table:none.csv"], "No such file"),
])  # fmt: skip
def test_a_wrong_question_about_a_course_or_a_group_is_one_line(arguments, message, minimod):
    minimod("train", "run", "--modulus", 5, *TINY, "--snapshots", "0,1")
    minimod("train", "plain", "--modulus", 5, *TINY)
    answer = minimod(*arguments)
    assert answer.returncode == 2 and not answer.stdout
    assert len(answer.stderr.splitlines()) == 1 and message in answer.stderr, answer.stderr


@pytest.mark.parametrize("task", ["known", "unknown", "table", "group"])
def test_json_of_every_command_on_a_run_parses(task, minimod):
    tiny_pairs()
    Path("unknown.csv").write_text("a,b,label\nx,y,x\ny,x,x\n")
    Path("table.csv").write_text("0,0,0\n0,1,1\n0,1,2\n")
    options = {
        "known": ["--pairs", "pairs.csv"], "unknown": ["--pairs", "unknown.csv"],
        "table": ["--rule", "table:table.csv"], "group": ["--rule", "S3"],
    }[task]  # fmt: skip
    for command in (["train", "run", *TINY, *options, "--snapshots", "log"], ["detect", "run"], ["check", "run"],
                    ["analyze", "run", "--course", "--no-figures"], ["analyze", "run", "--epoch", 1, "--no-figures"]):
        answer = minimod(*command, "--json")
        assert answer.returncode == 0 and json.loads(answer.stdout) and not answer.stderr, command


def test_a_course_is_a_line_a_snapshot_in_the_text_and_columns_in_the_json_and_the_file(minimod):
    minimod("train", "run", "--modulus", 5, *TINY, "--snapshots", "0,1")
    lines = minimod("analyze", "run", "--course", "--no-figures").stdout.splitlines()
    told = json.loads(minimod("analyze", "run", "--course", "--no-write", "--json").stdout)["course"]
    assert json.loads(Path("run/analysis.json").read_text())["course"] == told and told["epoch"] == [0, 1, 2]
    head = next(line for line in lines if line.lstrip().startswith("epoch  "))
    place, following = head.index("norm U"), lines[lines.index(head) + 1 :][:3]
    assert [line[place : place + 7].strip() for line in following] == [f"{x:.3f}" for x in told["norm U"]]


def test_the_analysis_of_a_snapshot_lies_beside_it_and_leaves_the_run_whole(minimod):
    minimod("train", "run", "--modulus", 5, *TINY, "--snapshots", "0,1")
    assert "epoch 1\n" in minimod("analyze", "run", "--epoch", 1, "--no-figures").stdout
    assert Path("run/snapshots/1/analysis.json").exists() and not Path("run/analysis.json").exists()
    assert minimod("check", "run").returncode == 0


def test_the_same_command_goes_on_with_a_run_whose_table_has_gone(minimod):
    Path("table.csv").write_text("0,1\n1,0\n")
    with pytest.raises(KeyError):
        config = TrainingConfig(rule="table:table.csv", width=6, epochs=2, threads=1)
        train_network(config, "run", callback=lambda state: {}[state.epoch] if state.epoch else None)
    Path("table.csv").unlink()
    assert "No such file" in minimod("train", "other", *TINY, "--rule", "table:table.csv").stderr
    assert minimod("train", "run", *TINY, "--rule", "table:table.csv").returncode == 0
    assert minimod("analyze", "run", "--no-figures").returncode == 0


def test_a_group_is_described_and_a_table_is_told_apart(minimod):
    Path("table.csv").write_text("0,0\n0,1\n")
    assert json.loads(minimod("group", "S3", "--json").stdout)["dimensions"] == [1, 1, 2]
    assert minimod("group", "table:table.csv").stdout.startswith("table:table.csv: neither a group nor a Latin square")


def test_every_field_has_an_option_with_a_range_and_a_default(minimod):
    text = minimod("train", "--help").stdout
    for field in fields(TrainingConfig):
        entry = re.search(rf"--{field.name.replace('_', '-')}(?![\w-]).*?\[default:\s.*?\]", text, re.DOTALL)
        assert entry, field.name
        flat = re.sub(r"\s+", " ", entry.group())
        constraint = CONSTRAINTS[field.name]
        domain = "table:FILE" if isinstance(constraint, RuleName) else constraint.domain or "--no-"
        allowed = constraint.choices if isinstance(constraint, Choice) else [domain]
        assert all(value in flat for value in allowed), flat


def test_every_command_and_every_option_of_train_stands_in_one_section():
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(COMMANDS)
    named = [name for names in train.sections.values() for name in names]
    others = {"run_dir", "quiet", "as_json", "show_all"}
    assert sorted(named) == sorted({option.name for option in train.params} - others)


@pytest.fixture
def small_claim(monkeypatch):
    """The claim `tied`, of tiny runs."""
    claim = CLAIMS["tied"]
    tiny = [replace(config, modulus=11, width=12, epochs=2) for config in claim.configs("quick")]
    monkeypatch.setitem(CLAIMS, "tied", replace(claim, configs=lambda scale: tiny))
    # In this process: another one would not know the small claim.
    monkeypatch.setattr(reproduction, "process_pool", lambda: ThreadPoolExecutor(1))
    monkeypatch.setattr(reproduction, "in_processes", lambda function, tasks: [function(*t) for t in tasks])


def test_reproduce_measures_each_seed_and_says_its_verdict(minimod, small_claim):
    answer = json.loads(minimod("reproduce", "tied", "--seeds", 2, "--json").stdout)[0]
    assert answer["claim"] == "tied" and answer["verdict"] == "does not hold"
    assert all(len(criterion["values"]) == 2 for criterion in answer["criteria"])
    assert len(answer["rows"]) == 4 * 2
    text = minimod("reproduce", "tied", "--seeds", 2).stdout
    assert text.startswith(f"tied: does not hold. {CLAIMS['tied'].phrase[:40]}")


def written(directory):
    """The files that reproduce has made in a directory, but for its runs."""
    paths = [path.relative_to(directory) for path in Path(directory).rglob("*") if path.is_file()]
    return sorted(str(path) for path in paths if path.parts[0] != "runs")


def test_reproduce_writes_rows_a_figure_and_the_page_and_names_it(minimod, small_claim):
    text = minimod("reproduce", "tied", "--seeds", 1).stdout
    assert re.search(r" s\. Runs are in reproduced; the page is reproduced/results\.md\.\n$", text)
    assert written("reproduced") == ["figures/tied.png", "results.md", "rows/tied.json"]


def test_reproduce_at_full_scale_writes_files_of_its_own(minimod, small_claim):
    minimod("reproduce", "tied", "--seeds", 1, "--scale", "full")
    assert written("reproduced") == ["figures/tied-full.png", "results-full.md", "rows/tied-full.json"]


def test_reproduce_writes_what_it_has_found_where_it_is_told_to(minimod, small_claim):
    minimod("reproduce", "tied", "--seeds", 1, "--output", "there/deep")
    assert written("there/deep") == ["figures/tied.png", "results.md", "rows/tied.json"]
    assert [path.name for path in Path("reproduced").iterdir()] == ["runs"]


def test_the_page_grows_claim_by_claim(minimod, small_claim, monkeypatch):
    monkeypatch.setitem(CLAIMS, "rules", replace(CLAIMS["tied"], statement="Another."))
    for name in ("tied", "rules"):
        minimod("reproduce", name, "--seeds", 1)
    assert re.findall(r"^### (\w+): ", Path("reproduced/results.md").read_text(), re.MULTILINE) == ["rules", "tied"]


def test_rows_that_cannot_go_on_the_page_are_said_before_anything_is_trained(minimod, small_claim):
    Path("reproduced/rows").mkdir(parents=True)
    Path("reproduced/rows/rules.json").write_text("{")
    answer = minimod("reproduce", "tied", "--seeds", 1)
    assert_one_line(answer, (2,))
    assert "reproduced/rows/rules.json" in answer.stderr and written("reproduced") == ["rows/rules.json"]
    assert not Path("reproduced/runs").exists()


def test_a_damaged_file_of_rows_is_mended_by_measuring_that_claim(minimod, small_claim):
    Path("reproduced/rows").mkdir(parents=True)
    Path("reproduced/rows/tied.json").write_text("{")
    assert minimod("reproduce", "tied", "--seeds", 1).returncode == 0


def test_ctrl_c_keeps_the_claims_that_have_been_measured_whole(minimod, small_claim, monkeypatch):
    def interrupted(run):
        raise KeyboardInterrupt

    monkeypatch.setitem(CLAIMS, "rules", replace(CLAIMS["tied"], measure=interrupted))
    # One after another, as processes do for many.
    monkeypatch.setattr(reproduction, "in_processes", lambda function, tasks: (function(*t) for t in tasks))
    assert minimod("reproduce", "tied", "rules", "--seeds", 1).returncode == 130
    assert written("reproduced") == ["figures/tied.png", "rows/tied.json"]


def test_reproduce_all_writes_the_page(minimod, small_claim, monkeypatch):
    # Another table: monkeypatch would put what is taken out of this one back at its end.
    monkeypatch.setattr(named, "CLAIMS", {"tied": CLAIMS["tied"]})
    text = minimod("reproduce", "all", "--seeds", 1).stdout
    assert text.splitlines()[0].split(maxsplit=1) == ["tied", "does not hold"]
    page = Path("reproduced/results.md").read_text()
    assert "minimod reproduce tied --scale quick --seeds 1\n" in page
    assert "| tied, symmetric noise " in page and "(figures/tied.png)" in page


def test_reproduce_says_how_long_it_will_take_before_it_starts(minimod, small_claim):
    progress = minimod("reproduce", "tied", "--seeds", 1).stderr.splitlines()
    assert progress[0] == "4 runs in all" and re.fullmatch(r"4 runs to train, about \d+ s", progress[1])
    assert len(progress) == 2 + 4 + 1 and progress[-2].startswith("100%")
    again = minimod("reproduce", "tied", "--seeds", 1)
    assert again.stderr == "4 runs in all\nmeasuring\n", "finished runs are used again"
    assert minimod("reproduce", "tied", "--seeds", 1, "--quiet", "--directory", "elsewhere").stderr == ""


def test_the_version_comes_with_what_it_runs_on(minimod):
    first, *lines = minimod("--version").stdout.splitlines()
    facts = {line[:14].strip(): line[14:] for line in lines}
    assert first == f"minimod, version {VERSION}" and facts["numpy"] == np.__version__
    assert facts["array module"] in ("numpy", "cupy")
    assert facts["GPU"] == "yes" or facts["GPU"].startswith("no: ")
    assert "threads" in facts["BLAS"] and int(facts["threads"]) > 0


def test_no_command_prints_the_help(minimod):
    assert minimod().stdout == minimod("--help").stdout


def test_the_launcher_is_the_same_command():
    assert "reproduce" in subprocess.check_output([sys.executable, CLI, "--help"], text=True)


def test_resume_takes_the_options_of_the_run_and_extend_adds_epochs(minimod):
    minimod("train", "run", *SMALL)
    Path("run/network.npz").unlink()
    assert minimod("check", "run").stdout.startswith("unfinished\n")
    assert minimod("train", "run", "--resume", "--quiet").returncode == 0
    answer = json.loads(minimod("train", "run", "--extend", 4, "--json", "--quiet").stdout)
    assert (answer["config"]["width"], answer["config"]["epochs"], answer["metrics"]["epoch"]) == (12, 7, 7)
    assert json.loads(minimod("check", "run", "--json").stdout)["state"] == "finished"


def test_an_unfinished_run_comes_with_the_command_that_goes_on(minimod):
    minimod("train", "my run", *SMALL)
    Path("my run/network.npz").unlink()
    answer = minimod("analyze", "my run")
    assert answer.returncode == 2
    assert answer.stderr == (
        "minimod: run directory is 'my run'; it must be the directory of a finished run; resume this one by:"
        " minimod train 'my run' --resume\n"
    )


def test_a_run_that_is_stopped_says_how_it_goes_on(minimod, monkeypatch):
    def stop(*_, **__):
        raise Interrupted(signal.SIGTERM, Path("my run"), 7)

    monkeypatch.setattr("minimod.runs.training.train", stop)
    answer = minimod("train", "my run", "--quiet", *SMALL)
    assert answer.returncode == 143
    assert answer.stderr == "minimod: stopped after epoch 7; resume with: minimod train 'my run' --resume\n"


def test_check_ends_with_status_1_for_a_damaged_run(minimod):
    minimod("train", "run", *SMALL)
    os.truncate("run/network.npz", 100)
    answer = minimod("check", "run")
    assert answer.returncode == 1 and "network.npz     damaged: " in answer.stdout


@pytest.mark.parametrize("value", ["0", "-3", "nan", "nans", "0s", "-1s", "1e99s", "soon"])
def test_an_interval_is_a_positive_number_of_epochs_or_seconds(minimod, value):
    answer = minimod("train", "run", f"--checkpoint-every={value}", *SMALL)
    assert answer.returncode == 2 and answer.stderr == (
        f"minimod: --checkpoint-every is {value!r}; it must be a number of epochs, as 500, or of seconds, as 30s\n"
    )
    assert not Path("run").exists()


def test_the_command_line_sweeps_and_plots(minimod):
    Path("grid.toml").write_text('seeds = 2\n[grid]\nmodulus = [7]\nepochs = "2,3"\nwidth = [4]\n')
    sweep = minimod("sweep", "s", "--file", "grid.toml")
    assert (sweep.returncode, sweep.stdout) == (0, "4 finished, 0 failed. The table is s/results.csv.\n")
    plot = minimod("plot", "s", "--x", "epochs", "--y", "dominant_test")
    assert (plot.returncode, plot.stdout) == (0, "Written to s/dominant_test-over-epochs.png.\n")
    assert Path("s/dominant_test-over-epochs.png").stat().st_size > 5000


def test_a_sweep_as_json_says_what_has_become_of_its_runs(minimod):
    grid = ["--grid=modulus=7", "--grid=width=4", "--grid=optimizer=sgd", "--grid=epochs=50"]
    answer = minimod("sweep", "s", "--json", *grid, "--grid=learning_rate=1e-3,1e30", "--jobs", 1)
    said = json.loads(answer.stdout)
    assert answer.returncode == 1 and {name: said[name] for name in ("directory", "finished", "failed", "missing")} == {
        "directory": "s", "finished": 1, "failed": 1, "missing": 0,
    }  # fmt: skip
    assert [error.partition(":")[0] for error in said["failures"].values()] == ["DivergenceError"]


def test_seeds_alone_are_seeds_of_the_preset(minimod, monkeypatch):
    monkeypatch.setitem(PRESETS, "default", TrainingConfig(modulus=7, width=4, epochs=1))
    assert minimod("sweep", "s", "--seeds", 3).stdout.startswith("3 finished, 0 failed")
    assert minimod("sweep", "s").stdout.startswith("3 finished, 0 failed"), "goes on with the same"


def test_a_plot_says_how_many_runs_there_are_and_behind_each_point(minimod, swept):
    for name in ("plot.svg", "again.svg"):
        answer = minimod("plot", swept, "--x", "width", "--y", "test_accuracy", "--output", name)
    assert Path("plot.svg").read_bytes() == Path("again.svg").read_bytes()
    assert answer.stderr.splitlines() == [
        "8 of 8 runs have finished; 2 seeds × 2 noise ratios behind each point",
        "a mean is over several values of noise_ratio: --where noise_ratio=VALUE, --by or --panel keep them apart",
    ]
    for apart in ("--where=noise_ratio=0.5", "--by=noise_ratio", "--panel=noise_ratio"):
        answer = minimod("plot", swept, "--x", "width", "--y", "test_accuracy", "--output", "plot.svg", apart)
        assert answer.stderr == "8 of 8 runs have finished; 2 seeds behind each point\n"


def test_a_plot_as_json_has_the_points_that_are_drawn(minimod, swept):
    columns = ["--x", "width", "--y", "noisy_accuracy", "--by", "noise_ratio", "--panel", "seed"]
    said = json.loads(minimod("plot", swept, *columns, "--where", "width=4", "--output", "plot.svg", "--json").stdout)
    assert said["file"] == "plot.svg" and said["where"] == {"width": [4]} and said["y"] == "noisy_accuracy"
    rows = [row for row in load_sweep(swept) if (row["width"], row["noise_ratio"]) == (4, 0.5)]
    assert [(each["panel"], each["by"], each["x"], each["mean"]) for each in said["points"]] == [
        (row["seed"], 0.5, 4, row["noisy_accuracy"]) for row in rows
    ]
    assert all((each["runs"], each["never"], each["over"]) == (1, 0, {}) for each in said["points"])


def test_a_plot_has_the_dots_per_inch_that_are_asked_for(minimod, swept):
    from PIL import Image

    sizes = {}
    for dpi in (40, 120):
        minimod("plot", swept, "--x", "width", "--y", "test_accuracy", "--output", "plot.png", "--dpi", dpi)
        with Image.open("plot.png") as image:
            sizes[dpi] = image.size
    assert sizes[40][0] == 40 * 8 and sizes[120][0] == 120 * 8


@pytest.mark.parametrize("number", [100_001, 10**11])
@pytest.mark.parametrize(("command", "each"), [(["sweep", "s"], 1), (["reproduce", "headline"], 2)], ids=str)
def test_very_many_runs_have_to_be_confirmed(minimod, command, each, number):
    answer = minimod(*command, "--seeds", number)
    assert_one_line(answer, (2,))
    assert f"{each * number} runs" in answer.stderr and "--yes" in answer.stderr
    assert not Path("s").exists() and not Path("reproduced").exists()


def test_more_runs_than_can_be_kept_account_of_are_refused_all_the_same(minimod):
    answer = minimod("sweep", "s", "--seeds", 10**11, "--yes")
    assert_one_line(answer, (2,))
    assert "cannot be tracked" in answer.stderr


@pytest.mark.parametrize("options", [
    [], ["--by", "noise_ratio", "--log-x"], ["--by", "noise_ratio", "--heat-map", "--panel", "seed"],
    ["--y", "first_epoch_test_0.99", "--by", "seed"], ["--x", "noise_ratio", "--log-x"], ["--y", "seed", "--log-y"],
])  # fmt: skip
def test_a_plot_is_a_file(minimod, swept, options):
    answer = minimod("plot", swept, *with_defaults(options), "--output", "plot.svg")
    assert (answer.returncode, answer.stdout) == (0, "Written to plot.svg.\n")
    assert Path("plot.svg").read_text().rstrip().endswith("</svg>")


def with_defaults(options):
    """Options of a plot, and those that it cannot be without."""
    given = {"--x": "width", "--y": "test_accuracy"}
    return [*(part for name, value in given.items() if name not in options for part in (name, value)), *options]


def test_a_failed_run_of_a_sweep_is_told_and_is_a_status(minimod):
    options = ["--grid", "optimizer=sgd", "--grid", "learning_rate=1e-3,1e30", "--grid", "epochs=50"]
    answer = minimod("sweep", "s", "--quiet", "--grid", "modulus=7", "--grid", "width=4", *options)
    assert (answer.returncode, answer.stdout) == (1, "1 finished, 1 failed. The table is s/results.csv.\n")
    assert re.fullmatch(r"failed: add7-width4-\S+: DivergenceError: [^\n]+\n", answer.stderr)


def assert_one_line(answer, statuses):
    """The command has failed with one of these statuses, and has said why in a line."""
    assert answer.returncode in statuses
    assert answer.stderr.startswith("minimod: ") and answer.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [
    ["--grid", "widht=3"], ["--grid", "width"], [], ["--file", "missing.toml"], ["--seeds", "0"],
    ["--grid", "threads=1,2"], ["--grid", "width=8", "--grid", "width=16"], ["--grid", "width=8,8"],
    ["--grid", "seed=1,2", "--seeds", "3"], ["--seeds", "2", "--seeds", "3"], ["--file", "grid.toml", "--seeds", "2"],
    ["--file", "grid.toml", "--preset", "headline"], ["--file", "grid.toml", "--grid", "width=8"],
    ["--grid", "width=8", "--jobs", "0"], ["--grid", "width=8", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"],
])  # fmt: skip
def test_wrong_options_of_a_sweep_are_one_line(minimod, arguments):
    assert_one_line(minimod("sweep", "s", "--quiet", *arguments), (2,))
    assert not Path("s").exists()


@pytest.mark.parametrize("option", ["--seeds=5", "--preset=paper"])
def test_a_sweep_keeps_its_grid_unless_another_is_given(minimod, swept, option):
    answer = minimod("sweep", swept, option)
    assert_one_line(answer, (2,))
    assert "has a grid already" in answer.stderr


@pytest.mark.parametrize(("names", "said"), [
    (["all", "headline"], "or all alone"), (["tied", "tied"], "each claim once"), (["haedline"], "must be headline"),
    (["tied", "--scale", "quick", "--scale", "full"], "--scale is given twice"),
])  # fmt: skip
def test_wrong_names_of_claims_are_one_line(minimod, names, said):
    answer = minimod("reproduce", *names)
    assert_one_line(answer, (2,))
    assert said in answer.stderr


def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path):
    """In a process of its own: Dask reads its settings when it is loaded, and warns."""
    command = [sys.executable, CLI, "sweep", "s", "--quiet", "--grid", "width=3", "--scheduler", "tcp://127.0.0.1:1"]
    environment = os.environ | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert_one_line(answer, (1, 2))


@pytest.mark.parametrize("content", [
    "preset = [1]", "seeds = 0", "seeds = 1.5", "grid = 3", "other = 1", "[grid", "[grid]\nwidth = [0]",
])
def test_a_toml_file_that_is_no_sweep_is_one_line(minimod, content):
    Path("grid.toml").write_text(content)
    assert_one_line(minimod("sweep", "s", "--quiet", "--file", "grid.toml"), (2,))


@pytest.mark.parametrize(("name", "content"), [
    ("sweep.json", b"{"), ("results.csv", b"\xff\xfe\n"), ("results.csv", b"a" * 10**6 + b"\n"), ("results.csv", b""),
])
def test_a_damaged_sweep_is_one_line(minimod, swept, name, content):
    shutil.copytree(swept, "s")
    Path("s", name).write_bytes(content)
    command = ["sweep", "s"] if name == "sweep.json" else ["plot", "s", "--x", "width", "--y", "test_accuracy"]
    assert_one_line(minimod(*command), (1, 2))


@pytest.mark.parametrize("options", [
    ["--output", "x.bmp"], ["--x", "activation", "--log-x"], ["--heat-map"],
    ["--heat-map", "--by", "seed", "--log-x"], ["--heat-map", "--by", "seed", "--linear-y"],
    ["--where", "widht=8"], ["--where", "width=x"], ["--where", "width=5"], ["--where", "width"], ["--panel", "none"],
    ["--x", "seed", "--x", "width"], ["--dpi", "50", "--output", "x.svg"], ["--dpi", "100000"], ["--by", "noise-ratio"],
])  # fmt: skip
def test_wrong_options_of_a_plot_are_one_line(minimod, swept, options):
    assert_one_line(minimod("plot", swept, *with_defaults(options)), (2,))


# What is around a command: streams, signals, places


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams_are_no_traceback(tmp_path, closed):
    command = f"{shlex.join([sys.executable, CLI])} --version {closed}"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert answer.returncode == 0 and "Traceback" not in answer.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_output_that_cannot_be_written_costs_no_run(tmp_path):
    with open("/dev/full", "w") as full:
        command = [sys.executable, CLI, "train", "run", *SMALL]
        answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, cwd=tmp_path, text=True, timeout=60)
        assert answer.returncode == 0 and "Written to run" in answer.stdout
        answer = subprocess.run([*command[:3], "other", *SMALL, "--quiet"], stdout=full, stderr=subprocess.PIPE,
                                cwd=tmp_path, text=True, timeout=60)  # fmt: skip
    assert answer.stderr == "minimod: cannot go on: [Errno 28] No space left on device\n"
    assert {check_run(tmp_path / name)[0] for name in ("run", "other")} == {"finished"}


def test_the_package_is_a_program(tmp_path):
    command = [sys.executable, "-m", "minimod", "--version"]
    assert subprocess.check_output(command, cwd=Path(CLI).parent, text=True).startswith("minimod, version")


def test_a_checkout_of_the_same_name_does_not_hide_the_package(tmp_path):
    (tmp_path / "minimod").symlink_to(Path(CLI).parent)
    command = [sys.executable, "-c", "from minimod import train; print(train.__name__)"]
    assert subprocess.check_output(command, cwd=tmp_path, text=True) == "train\n"


@pytest.mark.parametrize("module", ["minimod.cli", "minimod.runs.training", "numpy"])
def test_ctrl_c_while_it_imports_is_one_line(module):
    code = """
import builtins, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from minimod.__main__ import main

def interrupted(name, *rest, real=builtins.__import__):
    if name == MODULE:
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *rest)

builtins.__import__ = interrupted
main()
""".replace("MODULE", repr(module)).replace("import builtins, os, signal", "import builtins, os, signal, sys", 1)
    code = code.replace("main()\n", "sys.argv = ['minimod', 'train', '--help']\nmain()\n")
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (answer.returncode, answer.stderr) == (130, "minimod: interrupted\n")


def test_the_package_imports_nothing_heavy_before_it_is_used():
    code = "import sys, minimod; assert 'numpy' not in sys.modules; minimod.train; assert 'numpy' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_analyze_writes_nothing_or_elsewhere(minimod):
    minimod("train", "run", *SMALL)
    before = {path: path.stat().st_mtime_ns for path in [Path("run"), *Path("run").iterdir()]}
    printed = json.loads(minimod("analyze", "run", "--json", "--no-write").stdout)
    assert minimod("analyze", "run", "--output", "there/deep", "--no-figures").returncode == 0
    assert {path: path.stat().st_mtime_ns for path in [Path("run"), *Path("run").iterdir()]} == before
    assert json.loads(Path("there/deep/analysis.json").read_text())["methods"] == printed["methods"]


@pytest.mark.parametrize("spelled", ["run", "./run", "run/../run", "copy", "link"])
def test_a_network_is_not_its_own_ensemble(minimod, spelled):
    minimod("train", "run", *SMALL)
    shutil.copytree("run", "copy")
    Path("link").symlink_to("run")
    answer = minimod("analyze", "run", "--ensemble", spelled, "--no-write")
    assert answer.returncode == 2 and "a run whose network none of the others has" in answer.stderr


WILD_OPTIONS = ["--optimizer", "sgd", "--learning-rate", 1e9]
NAMES = {"network": "network.npz", "checkpoint": "checkpoint.npz", "extension's": "checkpoint.npz"}


@pytest.mark.parametrize(("before", "after"), [
    ("none", "finished"), ("unfinished", "finished"), ("diverged", "finished"), ("finished", "finished"),
    ("a sweep", "none"), ("extended", "finished"), *((f"damaged: {name}", "finished") for name in NAMES),
])  # fmt: skip
def test_what_check_advises_helps(minimod, before, after):
    """The last line is done as it stands, with a rate in place of RATE, and without what it says it is for."""
    if before == "a sweep":
        minimod("sweep", "my run", "--grid", "width=4", "--grid", "modulus=7", "--grid", "epochs=1", "--quiet")
    elif before != "none":
        minimod("train", "my run", *SMALL, *(WILD_OPTIONS if before == "diverged" else []))
    if before in ("extended", "damaged: extension's"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("minimod.runs.training._Training._finish", lambda *_: sys.exit(3))
            minimod("train", "my run", "--extend", 2)
    if before == "unfinished":
        Path("my run/network.npz").unlink()
    if damaged := NAMES.get(before.removeprefix("damaged: ")):
        os.truncate(Path("my run", damaged), 90)
    answer = minimod("check", "my run")
    assert answer.returncode == (before in ("none", "a sweep") or damaged is not None)
    advice = answer.stdout.splitlines()[-1].partition("  #")[0].replace("RATE", "0.1")
    for command in advice.split(" && "):
        program, *arguments = shlex.split(command)
        arguments += SMALL if before == "none" else []
        done = minimod(*arguments) if program == "minimod" else subprocess.run([program, *arguments])
        assert done.returncode == 0, command
    assert minimod("check", "my run").stdout.startswith(f"{after}\n")


def test_a_stopped_extension_goes_on_by_resume(minimod):
    minimod("train", "run", *SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minimod.runs.training._Training._finish", lambda *_: sys.exit(3))
        minimod("train", "run", "--extend", 2)
    assert "extension       unfinished, to epoch 5\n" in minimod("check", "run").stdout
    answer = json.loads(minimod("train", "run", "--resume", "--json").stdout)
    assert answer["metrics"]["epoch"] == 5 and minimod("check", "run").stdout.startswith("finished\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name):
    _, command, _ = commands.resolve_command(click.Context(commands), [name])
    assert command.name == name and command.get_short_help_str(1000) == COMMANDS[name][-1]


@pytest.mark.parametrize("name", COMMANDS)
def test_options_that_exclude_others_are_options_of_the_command(name):
    _, command, _ = commands.resolve_command(click.Context(commands), [name])
    flags = {flag for param in command.params for flag in param.opts + param.secondary_opts}
    for flag, why, others in command.excludes:
        assert {flag, *others} <= flags and flag not in others and why


def test_checkpoints_come_as_often_as_in_python():
    _, command, _ = commands.resolve_command(click.Context(commands), ["train"])
    (option,) = (param for param in command.params if param.name == "checkpoint_every")
    assert option.type.convert(option.default, None, None) == CHECKPOINT_EVERY


def test_a_mistyped_command_is_told_what_it_may_have_been(minimod):
    answer = minimod("tarin", "run")
    assert answer.returncode == 2 and "command is 'tarin'; it must be train" in answer.stderr


def test_the_help_of_all_is_there_before_numpy_would_be():
    told = "import sys, minimod.__main__ as m; sys.argv[1:] = ['--help']\ntry: m.main()\nfinally: print('numpy' in %s)"
    answer = subprocess.run([sys.executable, "-c", told % "sys.modules"], capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == "False" and "reproduce" in answer.stdout


SEVERAL = "a,b,label\nx,x,y\nx,y,x\nx,y,y\nx,y,x\ny,x,x\ny,y,y\ny,y,x\n"


@pytest.mark.parametrize("command", [["train", "run", *TINY, "--pairs"], ["discover"]], ids=["train", "discover"])
def test_labels_of_several_annotators_need_a_word(command, minimod):
    Path("pairs.csv").write_text(SEVERAL)
    answer = minimod(*command, "pairs.csv")
    reason = "its label is x in line 3 and y in line 4; or give --repeats majority"
    assert answer.returncode == 2 and reason in answer.stderr
    assert minimod(*command, "pairs.csv", "--repeats", "majority").returncode == 0


@pytest.mark.parametrize(("arguments", "message"), [
    (["train", "run"], "--repeats is for the labels of --pairs"),
    (["discover", "run"], "--repeats is for a file; a run has each pair once"),
    (["import", "run/network.npz", "new", "--modulus", 5], "--repeats is for the labels of --pairs"),
])  # fmt: skip
def test_repeats_without_a_file_of_pairs_is_refused(arguments, message, minimod):
    minimod("train", "run", *TINY)
    answer = minimod(*arguments, "--repeats", "majority")
    assert answer.returncode == 2 and message in answer.stderr


@pytest.mark.parametrize("quiet", [[], ["--quiet"]], ids=["told", "quiet"])
def test_what_a_file_was_taken_for_is_said_unless_quiet(quiet, minimod, caplog):
    Path("equations.txt").write_text("".join(f"{a} * {b} = {(a + b) % 5}\n" for a in range(5) for b in range(5)))
    answer = minimod("discover", "equations.txt", *quiet)
    assert answer.stdout.startswith("Z5") and bool(caplog.messages) == (not quiet)
