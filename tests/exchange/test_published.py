"""The script on published networks says what is missing, and holds shares and accuracies to what a project reports."""

import importlib.util
import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from minimod import make_rule

FILE = Path(__file__).parents[2] / "experiments/published/__main__.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("published", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_file_that_is_missing_is_said(script, tmp_path, capsys):
    script.main(tmp_path)
    said = capsys.readouterr().out
    for each in script.PUBLISHED:
        assert f"- {each.project}, {each.path} is missing in {tmp_path}" in said
    assert f"No file of {script.CHUGHTAI}" in said


def test_tables_are_of_the_rules(script):
    assert (script.label_table("add 7") == make_rule("add", 7).label_table).all()
    table, identity = script.label_table("S4 in order"), [*permutations(range(4))].index((0, 1, 2, 3))
    assert (table[identity] == np.arange(24)).all() and all({*row} == {*range(24)} for row in [*table, *table.T])
    assert (table[table, :][:, :, 5] == table[:, table[:, 5]]).all()           # (x y) z = x (y z)


def test_a_project_is_compared_with_what_it_reports(script, tmp_path):
    torch, P, d, M = pytest.importorskip("torch"), 7, 3, 5
    stream = np.random.default_rng(0)
    shapes = {"W_x": (P, d), "W_y": (P, d), "W": (2 * d, M), "W_U": (M, P)}
    state = {name: torch.from_numpy(stream.standard_normal(shape)) for name, shape in shapes.items()}
    torch.save(state, tmp_path / "model.pt")
    layers = (state["W_x"] @ state["W"][:d], state["W_y"] @ state["W"][d:], state["W_U"].T)
    power = [(np.abs(np.fft.rfft(X.numpy(), axis=0)) ** 2).sum(1) * [1, 2, 2, 2] for X in layers]
    summary = {"test_acc": 0.25}
    for key, its in zip(("percent_x_embed", "percent_y_embed", "percent_unembed"), power, strict=True):
        for name, share in zip(("trivial", "freq_1", "freq_2", "freq_3"), its / its.sum(), strict=True):
            summary[f"{key}_{name}_rep"] = share
    (tmp_path / "summary_metrics.json").write_text(json.dumps(summary))
    (tmp_path / "cfg.json").write_text(json.dumps({"seed": 1, "frac_train": 0.5}))
    (tmp_path / "key_reps.txt").write_text("freq_1\nfreq_9\n")
    found = script.measure(script.Published("", "", "add 7"), tmp_path / "model.pt", tmp_path)
    assert found["layout"] == "embedded" and found["theirs"] == "0.250" and len(found["differences"]) == 3
    assert max(found["differences"].values()) < 1e-12 and "freq_9" in script.key_representations(found, tmp_path / "x")
