import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minimod import TrainingConfig, detect, discover_run, extract, train
from minimod.analysis.self_training import by_method
from minimod.discovery.certificate import highest_chance, log_tables, p_value
from minimod.errors import InputError
from minimod.runs.data import UserData

CONFIG = TrainingConfig(modulus=23, width=64, epochs=40, noise_ratio=0.4, learning_rate=0.02, threads=1)


@pytest.fixture(scope="module")
def run():
    return train(CONFIG)


@pytest.mark.parametrize("source", ["predictions", "labels"])
def test_the_rule_is_found_from_answers_and_from_labels(run, source):
    found = discover_run(run, source=source)
    assert (found.table == run.dataset.rule.label_table).all() and found.group == "Z23" and found.p_value < 1e-12
    assert len(found.wrong) == (23**2 if source == "predictions" else len(run.dataset.train))


def test_the_labels_that_disagree_are_the_wrong_ones(run):
    train_pairs = run.dataset.train
    assert (discover_run(run, source="labels").wrong == (train_pairs.label != train_pairs.true_label)).all()


def test_answers_that_are_no_evidence_by_themselves_have_the_probability_of_the_labels(run):
    unlike = replace(run, data=UserData(labels=np.random.default_rng(0).integers(0, 23, len(run.dataset.train))))
    assert discover_run(unlike).p_value == 1 and discover_run(run).p_value < 1e-12


@pytest.mark.parametrize(("noise", "group"), [(1, None), (0.4, "Z23")])
@pytest.mark.parametrize("source", ["predictions", "labels"])
def test_what_was_extracted_with_the_rule_is_no_evidence_beyond_the_first_labels(source, noise, group):
    first = train(replace(CONFIG, noise_ratio=noise, width=512))
    found = discover_run(extract(first, 1, answers=by_method("ideal"))[-1].run, source, max_starts=64)
    assert found.group == group and (found.p_value < 1e-12 if group else found.p_value == 1)


def test_the_probability_counts_all_choices_that_the_search_had(run):
    found, pairs = discover_run(run), run.fitted
    hits = int((found.table[pairs.a, pairs.b] == pairs.label).sum())
    answer = found.table[pairs.a, pairs.b]
    assert found.log_count >= log_tables(23, "group")
    assert found.p_value == p_value(len(pairs), hits, highest_chance(answer), found.log_count)


def test_another_source_is_refused(run):
    with pytest.raises(InputError, match="source is 'logits'; it must be one of predictions, labels"):
        discover_run(run, source="logits")


def test_what_was_discovered_detects_every_wrong_label(run):
    found = detect(run, table=discover_run(run, source="labels").table)
    assert found["auroc"]["discovery"] == 1 and found["precision"]["discovery"] == 1


# The command


def words(noise=0.2):
    """A file of pairs of days, of which a share has a wrong label; the whole table."""
    days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "x", "y", "z", "u"]
    rng, table = np.random.default_rng(0), np.add.outer(np.arange(11), np.arange(11)) % 11
    lines = ["a,b,label"]
    for a in range(11):
        for b in range(11):
            label = table[a, b] if rng.random() > noise else rng.integers(11)
            lines.append(f"{days[a]},{days[b]},{days[label]}")
    Path("pairs.csv").write_text("\n".join(lines) + "\n")
    return {(days[a], days[b]): days[table[a, b]] for a in range(11) for b in range(11)}


def test_a_file_of_words_is_completed_and_put_right(minimod):
    true = words()
    answer = minimod("discover", "pairs.csv", "--table", "found.csv", "--quiet")
    assert answer.returncode == 0 and answer.stdout.startswith("Z11, with one naming for a, b and c\n")
    with open("found.csv") as file:
        assert {(row["a"], row["b"]): row["label"] for row in csv.DictReader(file)} == true


def test_the_json_has_what_others_lean_on(minimod):
    words()
    told = json.loads(minimod("discover", "pairs.csv", "--json", "--quiet").stdout)
    assert {"assumption", "group", "agreement", "chance", "p_value"} <= told.keys()
    assert (told["assumption"], told["group"], told["pairs"]) == ("group", "Z11", 121) and told["p_value"] < 1e-9
    assert told["wrong"] == round((1 - told["agreement"]) * 121)
    x, y, z = (told["elements"][place] for place in ("a", "b", "label"))
    assert all((x[a] + y[b]) % 11 == z[true] for (a, b), true in words().items())


def test_nothing_is_found_in_noise_and_that_is_said_in_a_line(minimod):
    words(noise=1)
    answer = minimod("discover", "pairs.csv", "--table", "found.csv", "--seconds", 1, "--quiet")
    assert answer.returncode == 0 and answer.stdout.startswith("No group was found after ")
    looked = "The search looked at the table as it stands; with one naming for a, b and c, by representations of"
    assert looked in " ".join(answer.stdout.split())
    assert Path("found.csv").read_text() == "a,b,label\n"


def test_a_run_is_told_with_its_labels_as_a_control(minimod):
    minimod("train", "run", "--modulus", 31, "--width", 256, "--epochs", 60, "--noise-ratio", 0.3, "--quiet")
    told = json.loads(minimod("discover", "run", "--json", "--quiet").stdout)
    assert told["group"] == "Z31" and told["held_out"] == 1 and told["from_labels_alone"]["same_table"]
    assert minimod("discover", "run", "--from", "labels", "--quiet").stdout.count("control") == 0


def test_held_out_rows_of_a_file_are_a_second_test(minimod):
    true = words(noise=0)
    rows = [f"{a},{b},{label},{'test' if n % 4 == 0 else 'train'}" for n, ((a, b), label) in enumerate(true.items())]
    Path("pairs.csv").write_text("\n".join(["a,b,label,part", *rows]) + "\n")
    told = json.loads(minimod("discover", "pairs.csv", "--json", "--quiet").stdout)
    assert told["held_out"] == 1 and told["labels"] == 121 - math.ceil(121 / 4)


@pytest.mark.parametrize(("arguments", "message"), [
    (["none.csv"], "does not exist"), (["pairs.csv", "--from", "labels"], "--from is for a run"),
    (["bad.csv"], "has no a and no b"), (["pairs.csv", "--table", "no/found.csv"], "in a directory that exists"),
    (["pairs.csv", "--seconds", -1], "--seconds"),
])  # fmt: skip
def test_a_wrong_search_is_one_line(arguments, message, minimod):
    words()
    Path("bad.csv").write_text("x,y\n1,2\n")
    answer = minimod("discover", *arguments)
    assert answer.returncode == 2 and not answer.stdout and len(answer.stderr.splitlines()) == 1
    assert message in answer.stderr


def test_detect_takes_what_discover_finds(minimod):
    minimod("train", "run", "--modulus", 11, "--width", 16, "--epochs", 5, "--noise-ratio", 0.3, "--quiet")
    told = json.loads(minimod("detect", "run", "--discover", "--json", "--quiet").stdout)
    assert told["auroc"]["discovery"] == 1 and told["needs"]["discovery"] == "the labels alone, two inputs, a group"


def test_labels_that_are_structured_are_not_called_wrong(minimod):
    lines = [f"{a},{b},{(a + b if a < b else a - b) % 23}" for a in range(23) for b in range(23)]
    Path("pairs.csv").write_text("\n".join(["a,b,label", *lines]) + "\n")
    answer = minimod("discover", "pairs.csv", "--seconds", 1, "--quiet")
    assert answer.returncode == 0 and "The labels that disagree are structured, not noise" in answer.stdout
    told = json.loads(minimod("discover", "pairs.csv", "--seconds", 1, "--json", "--quiet").stdout)
    assert told["group"] == "Z23" and told["structured"] and 0.4 < told["agreement"] < 0.6


@pytest.mark.parametrize(("kind", "structured"), [("wrong", False), ("pair", True)])
def test_detect_is_sure_of_noise_alone(kind, structured, minimod):
    minimod("train", "run", "--modulus", 31, "--width", 8, "--epochs", 2, "--noise-ratio", 0.3, "--noise-kind", kind,
            "--quiet")
    told = json.loads(minimod("detect", "run", "--discover", "--json", "--quiet").stdout)
    assert (told["group"], told["structured"], told["auroc"]["discovery"]) == ("Z31", structured, 1)
    with open("run/detectors.csv") as file:
        assert {float(row["discovery"]) for row in csv.DictReader(file)} == {0, 0.5 if structured else 1}
    said = " ".join(minimod("detect", "run", "--discover", "--quiet").stdout.split())
    assert ("does not judge the labels" in said) == structured
