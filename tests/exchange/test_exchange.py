"""A network from elsewhere is a run like any other, and what a run gives others comes back with the same bits."""

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from run_cases import train_on

from minimod import TrainingConfig, analyze, detect, extract, load_run, train
from minimod.engine.predict import predict_table
from minimod.errors import InputError
from minimod.exchange.formats import write_network
from minimod.exchange.networks import import_network, predictions
from minimod.runs.data import UserData

P = 7
A, B = np.divmod(np.arange(P * P), P)
CONFIG = TrainingConfig(modulus=P, width=12, epochs=3, noise_ratio=0.3, threads=1)
HEAD = "a,b,label,true_label,part\n"


@pytest.fixture(scope="module")
def network():
    return train(CONFIG).network


@pytest.fixture
def file(network, tmp_path):
    write_network(network, tmp_path / "file.npz")
    return tmp_path / "file.npz"


def pairs_file(path, columns=("a", "b", "label"), labels=(A + B) % P, part="train"):
    """All pairs, of which the first third has another part."""
    parts = np.where(np.arange(P * P) < P * P // 3, part, "train")
    table = {"a": A, "b": B, "label": labels, "part": parts}
    rows = zip(*(table[name] for name in columns))
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


# Import


def test_an_imported_network_is_a_run_of_no_epochs_with_its_bits(file, network, tmp_path):
    run, lines = import_network(file, tmp_path / "run", modulus=P)
    stored = load_run(tmp_path / "run")
    assert run.config.epochs == 0 and stored.config == run.config and run.config.noise_ratio == 0
    assert all(X.tobytes() == stored.network.arrays[name].tobytes() for name, X in network.arrays.items())
    assert lines[0] == f"U = U, of shape ({P}, 12)" and not run.dataset.train.is_noisy.any()


def test_without_pairs_they_are_split_as_training_does(file, tmp_path):
    run, _ = import_network(file, tmp_path / "run", modulus=P, seed=3)
    ours = train(TrainingConfig(modulus=P, width=1, epochs=0, noise_ratio=0, seed=3)).dataset
    assert all((getattr(run.dataset.test, name) == getattr(ours.test, name)).all() for name in ("a", "b", "label"))


def test_with_pairs_labels_and_parts_are_theirs_and_true_labels_the_rules(file, tmp_path):
    labels = np.where(np.arange(P * P) % 5, (A + B) % P, 0)
    pairs = pairs_file(tmp_path / "pairs.csv", ("a", "b", "label", "part"), labels, "test")
    run, _ = import_network(file, tmp_path / "run", pairs=pairs, modulus=P)
    data = load_run(tmp_path / "run").dataset
    assert (data.train.label == labels[16:]).all() and (data.test.a == A[:16]).all() and not len(data.validation)
    assert data.is_known and (data.train.true_label == ((A + B) % P)[16:]).all()
    assert run.config.rule == "add" and "% of the training labels" not in analyze(run)["title"]


def test_pairs_go_with_a_table_of_ones_own(file, tmp_path):
    np.savetxt(tmp_path / "table.csv", np.maximum.outer(np.arange(P), np.arange(P)), "%d", ",")
    pairs = pairs_file(tmp_path / "pairs.csv")
    import_network(file, tmp_path / "run", pairs=pairs, rule=f"table:{tmp_path / 'table.csv'}")
    assert (load_run(tmp_path / "run").dataset.train.true_label == np.maximum(A, B)).all()


def test_the_usual_work_is_done_on_an_imported_network(file, tmp_path):
    import_network(file, tmp_path / "run", modulus=P)
    run = load_run(tmp_path / "run")
    assert analyze(run)["methods"].keys() == analyze(train(CONFIG))["methods"].keys()
    assert detect(run)["wrong"] == 0 and [done.number for done in extract(run, 1, tmp_path / "new")] == [0, 1]


def test_an_imported_network_is_trained_on(file, network, tmp_path):
    run, _ = import_network(file, tmp_path / "run", modulus=P, noise_ratio=0.3)
    longer = train_on(replace(run.config, epochs=2), tmp_path / "run")
    assert longer.config.epochs == 2 and not np.array_equal(longer.network.U, network.U)
    assert (run.network.U == network.U).all()


REFUSED = {
    "another modulus": ({"modulus": P + 1}, "such that U is of shape"),
    "a rule of another order": ({"rule": "S3", "modulus": P}, "6, the number of tokens of S3"),
    "a tied one": ({"modulus": P, "tied": True}, "U and V differ"),
    "a map of nothing": (
        {"modulus": P, "maps": {"U": "W_in", "W": "W"}}, "W_in is no array of floats in the file, one of"),
    "a map of one role": ({"modulus": P, "maps": {"U": "U"}}, "given for U and W"),
    "no layout": ({"modulus": P, "layout": "lasagne"}, "layout is .lasagne.; it must be one of minimod"),
    "another layout": ({"modulus": P, "layout": "groups"}, "W_in is no array of floats in the file"),
    "maps and a layout": ({"modulus": P, "layout": "minimod", "maps": {"U": "U", "W": "W"}}, "left out"),
    "a token too many": ({"modulus": P, "pairs": HEAD + f"0,{P},0,0,train\n"}, "of tokens 0 to 6"),
    "no training pair": ({"modulus": P, "pairs": HEAD + "0,1,1,1,test\n"}, "at least one training pair"),
    "a pair twice": ({"modulus": P, "pairs": HEAD + "0,1,1,1,train\n0,1,2,1,train\n"}, "0 1 comes 2 times"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_and_leaves_nothing(options, message, file, tmp_path):
    if "pairs" in options:
        (tmp_path / "pairs.csv").write_text(options["pairs"])
        options = {**options, "pairs": tmp_path / "pairs.csv"}
    with pytest.raises(InputError, match=message):
        import_network(file, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


# Predictions


def test_predictions_are_of_all_pairs_with_their_parts():
    run = train(CONFIG)
    found = predictions(run)
    assert [len(column) for column in found.values()] == [P * P] * 6
    assert found["a"].tolist() == A.astype(str).tolist() and found["b"].tolist() == B.astype(str).tolist()
    assert found["prediction"].tolist() == predict_table(run.network).ravel().astype(str).tolist()
    assert found["true_label"].tolist() == ((A + B) % P).astype(str).tolist()
    counts = {part: (found["part"] == part).sum() for part in ("train", "validation", "test")}
    assert counts == {part: len(getattr(run.dataset, part)) for part in counts}


def test_predictions_are_in_the_words_of_the_pairs_and_empty_where_nothing_is_known():
    pairs = np.array([[0, 1, 2, -1, 0], [1, 0, 2, -1, 2]])
    config = TrainingConfig(rule="pairs", modulus=3, noise_ratio=0, width=4, epochs=0)
    found = predictions(train(config, data=UserData(pairs=pairs, tokens=["x", "y", "odd"])))
    assert found["a"].tolist() == ["x"] * 3 + ["y"] * 3 + ["odd"] * 3 and {*found["prediction"]} <= {"x", "y", "odd"}
    assert found["part"].tolist() == ["", "train", "", "test", *[""] * 5] and "true_label" not in found
    assert found["label"].tolist() == ["", "odd", "", "odd", *[""] * 5]


def test_predictions_of_division_have_no_true_label_by_zero():
    found = predictions(train(TrainingConfig(rule="div", modulus=P, noise_ratio=0, width=4, epochs=0)))
    assert ((found["true_label"] == "") == (found["b"] == "0")).all()
    assert ((found["part"] == "") == (found["b"] == "0")).all()


# The commands


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
@pytest.mark.parametrize("options", [[], ["--tied"], ["--no-bias", "--dtype", "float64"]], ids=" ".join)
def test_an_exported_network_comes_back_with_the_same_bits(options, suffix, minimod):
    if suffix == "safetensors":
        pytest.importorskip("safetensors")
    minimod("train", "run", "--modulus", P, "--width", 12, "--epochs", 3, "--quiet", *options)
    assert minimod("export", "run", f"file.{suffix}").returncode == 0
    tied = options[: "--tied" in options]
    assert minimod("import", f"file.{suffix}", "again", "--modulus", P, *tied).returncode == 0
    assert minimod("export", "again", f"other.{suffix}").returncode == 0
    assert Path(f"file.{suffix}").read_bytes() == Path(f"other.{suffix}").read_bytes()
    run, again = load_run("run"), load_run("again")
    assert all(X.tobytes() == again.network.arrays[name].tobytes() for name, X in run.network.arrays.items())
    assert all(getattr(run.config, name) == getattr(again.config, name) for name in ("width", "tied", "bias", "dtype"))


def test_a_published_layout_answers_as_its_authors_formula(minimod):
    rng = np.random.default_rng(0)
    layers = {"fc1.weight": rng.standard_normal((16, 2 * P)), "fc2.weight": rng.standard_normal((P, 16))}
    layers = {name: X.astype(np.float32) for name, X in layers.items()}
    np.savez("file.npz", **layers)
    assert minimod("import", "file.npz", "run", "--modulus", P).returncode == 0
    E = np.eye(P)
    hidden = np.maximum(layers["fc1.weight"].astype(float) @ np.concatenate([E[A], E[B]], axis=1).T, 0)
    expected = (layers["fc2.weight"].astype(float) @ hidden).T
    assert np.abs(load_run("run").network.logits(A, B) - expected).max() < 1e-6 * np.abs(expected).max()


def test_a_map_turns_an_array(minimod):
    rng = np.random.default_rng(0)
    arrays = {"x": rng.standard_normal((P, P)), "y": rng.standard_normal((P, P))}
    np.savez("file.npz", **arrays)
    answer = minimod("import", "file.npz", "run", "--modulus", P, "--map", "U=x.T", "--map", "W=y")
    assert answer.returncode == 0 and f"U = x.T, of shape ({P}, {P})\n" in answer.stdout
    assert (load_run("run").network.U == arrays["x"].T).all() and (load_run("run").network.W == arrays["y"]).all()


def test_a_layout_is_chosen_by_name_where_a_file_has_more(minimod):
    rng = np.random.default_rng(0)
    arrays = {"W_in": rng.standard_normal((12, P)), "W_out": rng.standard_normal((P, 12)), "losses": np.zeros(3)}
    np.savez("file.npz", **arrays)
    refused = minimod("import", "file.npz", "run", "--modulus", P)
    assert "the arrays are W_in (12, 7), W_out (7, 12), losses (3,)" in refused.stderr
    answer = minimod("import", "file.npz", "run", "--modulus", P, "--layout", "groups")
    assert answer.returncode == 0 and "not used: losses (3,)\nthe layout is groups\n" in answer.stdout
    assert (load_run("run").network.U == arrays["W_in"].T).all()


def test_of_many_states_the_last_is_read_and_a_map_names_another(minimod):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    states = [{"W_in": torch.from_numpy(rng.standard_normal((12, P))), "W_out": torch.zeros(P, 12)} for _ in range(3)]
    torch.save({"state_dicts": states, "optimizer": {}, "losses": [1.0, 0.5]}, "file.pth")
    answer = minimod("import", "file.pth", "last", "--modulus", P)
    assert "\nthe layout is groups, of state_dicts[2], the last of 3\n" in answer.stdout
    maps = ["--map", "U=state_dicts[-3].W_in.T", "--map", "W=state_dicts[-1].W_out.T"]
    assert minimod("import", "file.pth", "first", "--modulus", P, *maps).returncode == 0
    for run, state in (("last", states[2]), ("first", states[0])):
        assert (load_run(run).network.U == state["W_in"].numpy().T).all()


def test_how_many_pairs_are_answered_as_the_rule_does_is_said(minimod):
    np.savez("file.npz", U=np.eye(P), W=np.eye(P), mu=np.arange(P) == 3)
    answer = minimod("import", "file.npz", "run", "--rule", "sub", "--modulus", P)
    right = (load_run("run").network.predict(A, B) == (A - B) % P).mean()
    assert f"\nthe network answers {right:.1%} of all pairs as sub does\n" in answer.stdout and 0 < right < 0.5


def test_a_snapshot_is_exported_as_it_was(minimod):
    minimod("train", "run", "--modulus", P, "--width", 12, "--epochs", 3, "--snapshots", "0,1", "--quiet")
    assert minimod("export", "run", "file.npz", "--epoch", 1).returncode == 0
    with np.load("file.npz") as arrays:
        assert (arrays["U"] == load_run("run", 1).network.U).all()


def test_predictions_are_exported_as_csv_in_the_words_of_the_pairs(minimod):
    Path("pairs.csv").write_text('a,b,label\n"x,1",é,"say ""y"""\n')
    minimod("train", "run", "--pairs", "pairs.csv", "--width", 4, "--epochs", 1, "--quiet")
    assert minimod("export", "run", "file.csv").returncode == 0
    with open("file.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9 and {row["a"] for row in rows} == {"x,1", "é", 'say "y"'}
    assert [row["part"] for row in rows if row["part"]] == ["train"]


def test_what_became_of_each_array_is_said_in_json_too(minimod, network):
    write_network(network, Path("file.npz"))
    told = json.loads(minimod("import", "file.npz", "run", "--modulus", P, "--json").stdout)
    assert told["directory"] == "run" and told["config"]["epochs"] == 0 and told["arrays"][0].startswith("U = U")


@pytest.mark.parametrize(("arguments", "message"), [
    (["export", "run", "file.txt"], "a file that ends in"), (["export", "run", "no/file.npz"], "in a directory that"),
    (["export", "none", "file.npz"], "is no run's directory"), (["export", "run", "f.npz", "--epoch", 1], "one of 2"),
    (["export", "run", "run/network.npz"], "none of the run's own"),
    (["import", "none.npz", "new"], "does not exist"), (["import", "pairs.csv", "new", "--modulus", P], "ends in .npz"),
    (["import", "file.npz", "new"], "--modulus is needed"),
    (["import", "file.npz", "new", "--modulus", P, "--map", "Z=U"], "ROLE=EXPRESSION"),
    (["import", "file.npz", "new", "--modulus", P, "--map", "U=Q", "--map", "W=W"], "--map is 'U=Q'; it must be"),
    (["import", "file.npz", "new", "--modulus", P, "--map", "U=U", "--map", "W=W", "--layout", "minimod"], "--layout"),
    (["import", "file.npz", "new", "--modulus", P, "--layout", "minimod-tide"], "--layout"),
    (["import", "file.npz", "new", "--modulus", P + 1], "the arrays are U (7, 12), V (7, 12), W (12, 7), mu (7,)"),
    (["import", "file.npz", "new", "--modulus", P, "--pairs", "pairs.csv", "--train-fraction", 1], "without"),
    (["import", "file.npz", "new", "--modulus", P, "--pairs", "pairs.csv"], "'x' is none of them"),
    (["import", "file.npz", "run", "--modulus", P], "must be new"),
    (["import", "file.npz", "new", "--rule", "pairs", "--modulus", P], "given with its table or pairs"),
])  # fmt: skip
def test_a_wrong_exchange_is_one_line_and_changes_nothing(arguments, message, minimod, network):
    write_network(network, Path("file.npz"))
    Path("pairs.csv").write_text("a,b,label\nx,y,x\n")
    minimod("train", "run", "--modulus", P, "--width", 12, "--epochs", 2, "--quiet")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    answer = minimod(*arguments)
    assert answer.returncode == 2 and not answer.stdout
    assert len(answer.stderr.splitlines()) == 1 and message in answer.stderr, answer.stderr
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
    assert {*os.listdir()} == {"file.npz", "pairs.csv", "run"}
