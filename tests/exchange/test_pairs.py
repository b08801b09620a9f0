"""Pairs of one's own are read as they stand, or refused in a line; no label of theirs is ever another one."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from run_cases import Stopped, contents, stop_at, train_on

from minimod import TrainingConfig, analyze, detect, extract, load_run, train
from minimod.analysis.summary import describe_user_data
from minimod.data import PARTS
from minimod.errors import InputError
from minimod.exchange.pairs import load_pairs
from minimod.groups.rules import MOST_TOKENS, GroupRule
from minimod.runs.data import COLUMNS, UserData, given_dataset

P = 5
A, B = np.divmod(np.arange(P * P), P)
SUM = (A + B) % P
LABEL = np.where(np.arange(P * P) % 4, SUM, (SUM + 1) % P)
PART = np.arange(P * P) % 7 % 3
PAIRS = np.stack([A, B, LABEL, SUM, PART], axis=1)
UNKNOWN = np.stack([A, B, LABEL, np.full(P * P, -1), PART], axis=1)
CONFIG = TrainingConfig(modulus=P, width=8, epochs=12, eval_every=4, threads=1).on_pairs(PAIRS)


def written(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def as_csv(pairs, tokens="01234", names=COLUMNS):
    words = [[*(tokens[number] for number in row[:4]), PARTS[row[4]]] for row in pairs.tolist()]
    rows = [[row[COLUMNS.index(name)] for name in names] for row in words]
    return "\n".join(map(",".join, [names, *rows])) + "\n"


# The reader


def test_all_columns_are_read_as_numbers_of_tokens_and_parts(tmp_path):
    pairs, tokens = load_pairs(written(tmp_path / "pairs.csv", as_csv(PAIRS)))
    assert pairs.dtype == np.int64 and (pairs == PAIRS).all() and tokens.tolist() == list("01234")


def test_without_true_labels_none_is_known_and_without_parts_all_are_for_training(tmp_path):
    pairs, _ = load_pairs(written(tmp_path / "pairs.csv", as_csv(PAIRS, names=COLUMNS[:3])))
    assert (pairs[:, :3] == PAIRS[:, :3]).all() and (pairs[:, 3] == -1).all() and not pairs[:, 4].any()


def test_columns_come_in_any_order_beside_others(tmp_path):
    path = written(tmp_path / "pairs.csv", "note,label,b,a,note\n?,z,y,x,!\n")
    pairs, tokens = load_pairs(path)
    assert tokens[pairs[0, :3]].tolist() == ["x", "y", "z"]


@pytest.mark.parametrize(("words", "tokens"), [
    (["10", "9", "2"], ["2", "9", "10"]), (["-1", "1", "0"], ["-1", "0", "1"]), (["10", "9", "x"], ["10", "9", "x"]),
    (["01", "1", "10"], ["01", "1", "10"]), (["1.0", "10.0", "2.0"], ["1.0", "10.0", "2.0"]),
    (["é", "z", "日本"], ["z", "é", "日本"]), ([" x ", "x", "y"], ["x", "y"]), (["²", "1", "3"], ["1", "3", "²"]),
    (['"x,1"', '"say ""y"""', "a b"], ["a b", 'say "y"', "x,1"]), (["odd", "=1+1", "nan"], ["=1+1", "nan", "odd"]),
])  # fmt: skip
def test_tokens_are_all_words_sorted(words, tokens, tmp_path):
    pairs, found = load_pairs(written(tmp_path / "pairs.csv", f"a,b,label\n{','.join(words)}\n"))
    assert found.tolist() == tokens
    assert found[pairs[0, :3]].tolist() == next(csv.reader([",".join(map(str.strip, words))]))


@pytest.mark.parametrize("content", [
    "\ufeffa,b,label\nx,y,z\n", "a,b,label\r\nx,y,z\r\n", "a,b,label\rx,y,z\r", "a,b,label\n\nx,y,z",
    " a , b,label\n x,y , z\n",
])  # fmt: skip
def test_a_file_of_another_editor_is_the_same(content, tmp_path):
    pairs, tokens = load_pairs(written(tmp_path / "pairs.csv", content))
    assert tokens.tolist() == ["x", "y", "z"] and pairs.tolist() == [[0, 1, 2, -1, 0]]


HEAD = "a,b,label\n"
WRONG = {
    "no column": ("", "it is empty"), "no label": ("a,b\nx,y\n", "has no label"),
    "bars": ("a|b|label\nx|y|x\n", "has no a"), "no pair": (HEAD, "0 pairs"),
    "one token": (HEAD + "x,x,x\n", "with 1 tokens"), "a column twice": ("a,b,a,label\nx,y,x,y\n", "a column twice"),
    "no label at all": (HEAD + "x,y,\n", "0 pairs"), "a blank": (HEAD + "x, ,y\n", "b is '' in line 2"),
    "a short row": (HEAD + "x,y\n", "line 2 has 2 cells"), "a long row": (HEAD + "x,y,x,z\n", "line 2 has 4 cells"),
    "a part": ("a,b,label,part\nx,y,x,Train\n", "part is 'Train' in line 2"), "a quote": (HEAD + '"x,y,x\n', "end of"),
    "NUL": (HEAD + "x,y\0,x\n", "not in UTF-8"), "Latin-1": (HEAD.encode() + b"\xe9,y,x\n", "not in UTF-8"),
    "a pair twice": (HEAD + "x,y,x\ny,x,x\nx,y,y\n", "given with each pair once; x y comes 2 times"),
    "a pair in two parts": ("a,b,label,part\nx,y,x,train\nx,y,x,test\n", "x y comes 2 times"),
    "too many tokens": (HEAD + "".join(f"{i},{i},{i}\n" for i in range(MOST_TOKENS + 1)), "and at most 2000 tokens"),
    **{f"a word of two lines: {end!r}": (HEAD + f'"x{end}y",y,x\n', "no word")
       for end in ("\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028")},
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_file_of_pairs_is_refused_in_a_line_that_says_why(content, message, tmp_path):
    with pytest.raises(InputError) as caught:
        load_pairs(written(tmp_path / "pairs.csv", content))
    assert caught.value.option == "pairs" and message in str(caught.value) and "\n" not in str(caught.value)


def test_tokens_that_are_given_are_the_only_ones(tmp_path):
    path = written(tmp_path / "pairs.csv", HEAD + "1,2,1\n")
    pairs, tokens = load_pairs(path, ["2", "1", "0"])
    assert pairs[0, :3].tolist() == [1, 0, 1] and tokens.tolist() == ["2", "1", "0"]
    with pytest.raises(InputError, match="of tokens 0 to 1, and '2' is none of them"):
        load_pairs(path, ["0", "1"])


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load_pairs(tmp_path / "none.csv")


def test_a_mutated_file_is_refused_or_read_in_range(tmp_path):
    rng, whole = np.random.default_rng(0), as_csv(PAIRS, ["x", "y y", "é", '"q,1"', "7"]).encode()
    pieces = [b"", b",", b"\n", b'"', b"\0", b"\xff", b"\r", b"train", b"z", b"x,x,x,x,test\n", "\u2028".encode()]
    read = 0
    for number in range(600):
        content = whole
        for _ in range(rng.integers(1, 3)):
            start, end = sorted(rng.integers(0, len(content) + 1, 2))
            end = min(end, start + rng.integers(0, 9) ** 2 // 4)
            content = content[:start] + pieces[rng.integers(len(pieces))] + content[end:]
        try:
            pairs, tokens = load_pairs(written(tmp_path / f"{number}.csv", content))
        except InputError:
            continue
        read += 1
        highest = np.array([len(tokens)] * 4 + [len(PARTS)])
        assert pairs.dtype == np.int64 and pairs.shape == (len(pairs), 5) and len(pairs) and tokens.dtype.kind == "U"
        assert (pairs >= [0, 0, 0, -1, 0]).all() and (pairs < highest).all(), number
    assert 20 < read < 580, "the mutations test only one of the two"


# The dataset


def test_pairs_are_sorted_into_their_parts_with_labels_as_they_are():
    data = given_dataset(CONFIG, PAIRS[np.random.default_rng(0).permutation(P * P)])
    for number, name in enumerate(("train", "noisy_validation")):
        pairs, expected = getattr(data, name), PAIRS[PART == number].T
        assert all((getattr(pairs, column) == row).all() for column, row in zip(COLUMNS[:4], expected))
        assert (pairs.is_noisy == (pairs.label != pairs.true_label)).all()


def test_validation_and_test_pairs_have_true_labels_where_these_are_known():
    for number, name in enumerate(("validation", "test"), 1):
        pairs = getattr(given_dataset(CONFIG, PAIRS), name)
        assert (pairs.label == SUM[PART == number]).all() and not pairs.is_noisy.any()
        assert (getattr(given_dataset(CONFIG, UNKNOWN), name).label == LABEL[PART == number]).all()


def test_the_test_loss_is_of_true_labels_as_the_test_accuracy_is():
    run = train(replace(CONFIG, dtype="float64"), data=UserData(pairs=PAIRS))
    F = run.network.logits(A, B)[PART == 2]
    loss = np.log(np.exp(F).sum(axis=1)) - F[np.arange(len(F)), SUM[PART == 2]]
    assert run.history["test_loss"][-1] == pytest.approx(loss.mean())


def test_true_labels_that_are_a_groups_table_have_its_components():
    assert isinstance(given_dataset(CONFIG, PAIRS).rule, GroupRule)
    assert not given_dataset(CONFIG, PAIRS[:-1]).rule.has_components.any()


def test_of_unknown_true_labels_nothing_is_noisy_and_nothing_known():
    data = given_dataset(CONFIG, UNKNOWN)
    assert not data.is_known and (data.rule.label_table == -1).all()
    assert not any(getattr(data, name).is_noisy.any() for name in ("train", "validation", "test", "noisy_validation"))


def test_a_rule_that_pairs_follow_is_the_datasets():
    assert given_dataset(replace(CONFIG, rule="add"), PAIRS).rule.label_table[2, 4] == 1
    table = np.stack([A, B], axis=1).max(axis=1).reshape(P, P)
    found = given_dataset(replace(CONFIG, rule="table:max.csv"), UNKNOWN, table)
    assert (found.rule.label_table == table).all() and found.is_known
    assert (found.train.true_label == table[found.train.a, found.train.b]).all()


def test_a_true_label_that_the_rule_contradicts_is_refused():
    with pytest.raises(InputError, match="pairs of the rule sub, with its true labels"):
        given_dataset(replace(CONFIG, rule="sub"), PAIRS)


def test_a_row_without_a_label_is_left_alone_and_a_true_label_may_be_empty(tmp_path):
    (tmp_path / "pairs.csv").write_text("a,b,label,true_label\nx,y,x,\ny,x,,x\ny,y,x,x\n")
    assert load_pairs(tmp_path / "pairs.csv")[0].tolist() == [[0, 1, 0, -1, 0], [1, 1, 0, 0, 0]]


# A run


@pytest.mark.parametrize("pairs", [PAIRS, UNKNOWN], ids=["known", "unknown"])
def test_a_run_keeps_its_labels(pairs, tmp_path):
    train(CONFIG, tmp_path / "run", data=UserData(pairs=pairs))
    run = load_run(tmp_path / "run")
    assert (run.dataset.train.label == LABEL[PART == 0]).all() and (run.data.pairs == pairs).all()


def test_a_stopped_run_on_pairs_goes_on_by_its_copy_to_the_same_bits(tmp_path):
    train(CONFIG, tmp_path / "whole", data=UserData(pairs=PAIRS), checkpoint_every=3)
    with pytest.raises(Stopped):
        train(CONFIG, tmp_path / "stopped", data=UserData(pairs=PAIRS), callback=stop_at(7), checkpoint_every=3)
    train(CONFIG, tmp_path / "stopped", checkpoint_every=3)
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_a_run_on_pairs_is_extended_on_them(tmp_path):
    train(CONFIG, tmp_path / "run", data=UserData(pairs=PAIRS))
    longer = train_on(replace(CONFIG, epochs=15), tmp_path / "run")
    assert (longer.network.U == train(replace(CONFIG, epochs=15), data=UserData(pairs=PAIRS)).network.U).all()


def test_tokens_are_kept_as_words_to_be_read(tmp_path):
    tokens = np.array(["a b", "x,1", 'say "y"', "é", "日本"])
    train(CONFIG, tmp_path / "run", data=UserData(pairs=PAIRS, tokens=tokens))
    with open(tmp_path / "run/data/tokens.csv", newline="", encoding="utf-8") as file:
        assert [*csv.reader(file)] == [["number", "tokens"], *([str(i), word] for i, word in enumerate(tokens))]
    assert load_run(tmp_path / "run").data.tokens.tolist() == tokens.tolist()


def test_other_words_in_a_runs_tokens_are_damage(tmp_path):
    train(CONFIG, tmp_path / "run", data=UserData(pairs=PAIRS, tokens=np.array([*"abcde"])))
    path = tmp_path / "run/data/tokens.csv"
    path.write_text(path.read_text().replace("c", "d"))
    with pytest.raises(InputError, match=r"tokens\.csv: it is not the one that config.json names"):
        load_run(tmp_path / "run")


CHANGED = PAIRS.copy()
CHANGED[3, 2] = 0
REFUSED = {
    "of floats": (CONFIG, {"pairs": PAIRS.astype(float)}, "it must be integers"),
    "of another shape": (CONFIG, {"pairs": PAIRS[:, :4]}, r"of shape \(n, 5\)"),
    "none": (CONFIG, {"pairs": PAIRS[:0]}, r"\(n, 5\)"),
    "out of range": (CONFIG, {"pairs": PAIRS + (COLUMNS.index("label") == np.arange(5))}, "label from 1 to 5"),
    "twice": (CONFIG, {"pairs": np.concatenate([PAIRS, PAIRS])}, "different pairs"),
    "none for training": (CONFIG, {"pairs": PAIRS[PART > 0]}, "at least one training pair"),
    "too few tokens": (CONFIG, {"pairs": PAIRS, "tokens": ["x"]}, r"tokens is 'of shape \(1,\)'"),
    "with noise": (replace(CONFIG, noise_ratio=0.1), {"pairs": PAIRS}, "their labels stay as they are"),
}  # fmt: skip


@pytest.mark.parametrize(("config", "arrays", "message"), REFUSED.values(), ids=REFUSED)
def test_pairs_that_cannot_be_trained_on_leave_nothing(config, arrays, message, tmp_path):
    with pytest.raises(InputError, match=message):
        train(config, tmp_path / "run", data=UserData(**arrays))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("pairs", [PAIRS[PART > 0], np.concatenate([PAIRS] * 3)], ids=["no training", "many"])
def test_the_configuration_leaves_it_to_training_to_refuse_pairs(pairs):
    assert 0 < CONFIG.on_pairs(pairs).train_fraction <= 1


def test_an_unfinished_run_on_other_pairs_is_refused_and_left_alone(tmp_path):
    with pytest.raises(Stopped):
        train(CONFIG, tmp_path / "run", data=UserData(pairs=PAIRS), callback=stop_at(7), checkpoint_every=3)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="on the same data"):
        train(CONFIG, tmp_path / "run", data=UserData(pairs=CHANGED))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


# What is said of it


def test_what_needs_the_true_labels_is_left_out_and_said_so():
    run = train(CONFIG, data=UserData(pairs=UNKNOWN))
    summary = analyze(run)
    assert {summary["counts"][name] for name in ("clean", "noisy", "repaired")} == {0}
    assert all(np.isnan(row[name]) for row in summary["methods"].values() for name in ("clean", "noisy", "repaired"))
    assert "structure" not in summary and "dominant" not in summary["methods"]
    assert summary["left_out"].startswith("The true labels are not known")
    assert "rule is not known:" in describe_user_data(run)


def test_test_labels_count_as_true_where_true_ones_are_not_known():
    run = train(CONFIG, data=UserData(pairs=UNKNOWN))
    test = run.dataset.test
    expected = (run.network.logits(test.a, test.b).argmax(axis=1) == LABEL[PART == 2]).mean()
    assert analyze(run)["methods"]["raw"]["test"] == pytest.approx(expected)


def test_detectors_are_judged_by_true_labels_alone():
    assert detect(train(CONFIG, data=UserData(pairs=PAIRS)))["wrong"] == (LABEL != SUM)[PART == 0].sum()
    found = detect(train(CONFIG, data=UserData(pairs=UNKNOWN)))
    assert found["wrong"] == 0 and np.isnan(list(found["auroc"].values())).all()
    assert all(len(score) == (PART == 0).sum() for score in found["scores"].values())


def test_extraction_goes_on_by_the_pairs_of_the_run(tmp_path):
    run = train(CONFIG, tmp_path / "run", data=UserData(pairs=PAIRS, tokens=np.array([*"abcde"])))
    last = extract(run, 1, tmp_path / "new")[-1].run
    assert (last.data.pairs == PAIRS).all() and last.data.tokens.tolist() == [*"abcde"]
    assert Path(tmp_path / "new/data/tokens.csv").exists()


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_spreadsheet_s_delimiters_and_capitals_are_read(delimiter, tmp_path):
    text = "A,B,Label\nx,y,x\ny,x,y\n"
    (tmp_path / "pairs.csv").write_text(text.replace(",", delimiter))
    pairs, tokens = load_pairs(tmp_path / "pairs.csv")
    assert tokens.tolist() == ["x", "y"] and pairs.tolist() == [[0, 1, 0, -1, 0], [1, 0, 1, -1, 0]]


# Separators, equations, repeats, rare tokens

XYZ = [["x", "y", "z"], ["y", "x", "x"]]
MINUS = [["-1", "2", "1"], ["3", "-4", "-1"]]
IN_WORDS = {
    "spaces": ("a b  label\nx  y\tz\ny x x\n", XYZ), "comments": ("# mine\na,b,label\n%\nx,y,z\ny,x,x\n", XYZ),
    "a separator at the end": ("a,b,label,\nx,y,z,\ny,x,x,\n", XYZ),
    "Markdown": ("| a | b | label |\n|---|---|---|\n| x | y | z |\n| y | x | x |\n", XYZ),
    "JSON": ('[["a", "b", "label"], ["x", "y", "z"], ["y", "x", "x"]]', XYZ),
    "+": ("-1+2=1\n3+-4=-1\n", MINUS), "+ in blanks": ("-1 + 2 = 1\n3 + -4 = -1\n", MINUS),
    "-": ("-1-2=1\n3--4=-1\n", MINUS), "- in blanks": ("-1 - 2 = 1\n3 - -4 = -1\n", MINUS),
    "*": ("x*y=z\ny*x=x\n", XYZ), "/": ("x/y = z\ny/x = x\n", XYZ), "×": ("x × y = z\ny × x = x\n", XYZ),
    "∘": ("x∘y=z\ny∘x=x\n", XYZ), "a comma": ("x,y=z\ny,x=x\n", XYZ), "a blank": ("x y = z\ny x = x\n", XYZ),
    "a word": ("x then y = z\ny then x = x\n", XYZ), "==": ("x*y==z\ny*x==x\n", XYZ),
    "a word with mod": ("x*y=mod7\n", [["x", "y", "mod7"]]),
    "a comma at the end": ("x*y=z,\ny*x=x,\n", XYZ), "no right side": ("x*y=z\nx*x=\ny*x=x\n", XYZ),
    "a minus in words": ("un-do * x = re-do\nx * re-do = x\n", [["un-do", "x", "re-do"], ["x", "re-do", "x"]]),
    "decimals": ("1.5+2=3.5\n2+2=4\n", [["1.5", "2", "3.5"], ["2", "2", "4"]]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), IN_WORDS.values(), ids=IN_WORDS)
def test_a_file_is_read_whatever_separates_its_words(text, words, tmp_path):
    pairs, tokens = load_pairs(written(tmp_path / "pairs.txt", text))
    assert tokens[pairs[:, :3]].tolist() == words and (pairs[:, 3:] == [-1, 0]).all()


@pytest.mark.parametrize(("text", "reason"), [
    ("(3+4)%7=0\n", "line 1 is '(3+4)%7=0', and no equation"), ("f(3,4)=0\n", "line 1"), ("3+4=0(mod7)\n", "line 1"),
    ("$3 + 4 = 0\n", "line 1"), ("3->4=0\n", "line 1"), ("3 + 4 = 0%7\n", "line 1"),
    ("a+b=c\na-b=c\n", "line 2 is 'a-b=c', and no equation a+b=c"),
    ("a+b=c\na+b\n", "line 2 is 'a+b', and no equation"), ("a+b=c=d\n", "line 1 is 'a+b=c=d', and no equation"),
    ("# sums\na+b+c=d\n", "line 2 is 'a+b+c=d', and no equation"), ("a+b=c d\n", "line 1 is 'a+b=c d'"),
    ("re-do*x=y\nre-do*y=x\n", "if words have signs, put blanks around the sign between them"),
    ("=\n", "line 1 is '=', and no equation"), ("a+=b\n", "line 1 is 'a+=b', and no equation"),
])  # fmt: skip
def test_what_is_no_equation_is_refused_with_its_line(text, reason, tmp_path):
    with pytest.raises(InputError) as caught:
        load_pairs(written(tmp_path / "pairs.txt", text))
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_a_pair_that_comes_again_is_merged(tmp_path, caplog):
    content = "a,b,label,true_label\nx,y,z,\nx,y,z,x\ny,x,z,\nx,y,z,\n"
    pairs, _ = load_pairs(written(tmp_path / "pairs.csv", content))
    assert pairs.tolist() == [[0, 1, 2, 0, 0], [1, 0, 2, -1, 0]]
    assert "2 rows repeat a pair, and are merged with it" in caplog.text


SEVERAL = "a,b,label\nx,y,x\ny,y,y\nx,y,z\nx,y,z\ny,x,z\ny,x,y\n"


def test_a_pair_with_other_labels_is_refused_with_both_lines(tmp_path):
    reason = "x y comes 3 times, its label is x in line 2 and z in line 4; or give --repeats majority"
    with pytest.raises(InputError, match=reason):
        load_pairs(written(tmp_path / "pairs.csv", SEVERAL))


def test_the_commonest_label_is_taken_and_ties_are_left_out(tmp_path, caplog):
    pairs, tokens = load_pairs(written(tmp_path / "pairs.csv", SEVERAL), repeats="majority")
    assert tokens[pairs[:, :3]].tolist() == [["x", "y", "z"], ["y", "y", "y"]]
    assert "2 pairs have several labels: 1 get the commonest, 1 tie and are out" in caplog.text


@pytest.mark.parametrize(("column", "values"), [("part", ("train", "test")), ("true_label", ("x", "y"))])
def test_a_pair_is_in_one_part_and_has_one_true_label_whatever_is_done_with_labels(column, values, tmp_path):
    content = f"a,b,label,{column}\n" + "".join(f"x,y,x,{value}\n" for value in values)
    with pytest.raises(InputError, match=f"its {column} is {values[0]} in line 2 and {values[1]} in line 3$"):
        load_pairs(written(tmp_path / "pairs.csv", content), repeats="majority")


def test_repeats_has_its_names():
    with pytest.raises(InputError, match="repeats is 'mean'; it must be one of majority"):
        load_pairs(Path("pairs.csv"), repeats="mean")


def test_pairs_in_the_words_of_a_table_come_back(tmp_path, minimod):
    rule = f"table:{written(tmp_path / 'table.txt', '* e a b|e e a b|a a b e|b b e a'.replace('|', chr(10)))}"
    minimod("train", "run", "--rule", rule, "--width", 4, "--epochs", 1, "--threads", 1)
    for file in ("pairs.csv", "net.npz"):
        minimod("export", "run", file)
    assert minimod("import", "net.npz", "again", "--rule", rule, "--pairs", "pairs.csv").returncode == 0
    run, again = load_run("run"), load_run("again")
    assert (again.dataset.train.label == run.dataset.train.label).all() and again.words.tolist() == ["e", "a", "b"]


@pytest.mark.parametrize("P", [5, 7, 23])
def test_a_stray_token_is_warned_of(P, tmp_path, caplog):
    rows = [[a, b, (a + b) % P] for a in range(P) for b in range(P)]
    rows[3][0] = "O"
    load_pairs(written(tmp_path / "pairs.csv", HEAD + "".join(f"{a},{b},{c}\n" for a, b, c in rows)))
    assert f"rare tokens: 'O' (1 of {3 * P * P} words): a typo?" in caplog.text


@pytest.mark.parametrize("fraction", [1, 0.5, 0.1])
def test_tokens_that_are_rare_by_chance_are_not_warned_of(fraction, tmp_path, caplog):
    rng = np.random.default_rng(0)
    for name in range(30):
        chosen = np.argwhere(rng.random((15, 15)) < fraction)
        rows = [f"{a},{b},{rng.integers(15)}\n" for a, b in chosen]
        load_pairs(written(tmp_path / f"{name}.csv", HEAD + "".join(rows)))
    assert "rare" not in caplog.text


def test_a_column_of_floats_is_of_the_same_tokens(tmp_path, caplog):
    rows = "".join(f"{a},{b},{(a + b) % 5}.0\n" for a in range(5) for b in range(5))
    pairs, tokens = load_pairs(written(tmp_path / "pairs.csv", HEAD + rows))
    assert tokens.tolist() == [*"01234"] and (pairs[:, 2] == pairs[:, :2].sum(axis=1) % 5).all()
    assert "0.0 is taken for 0" in caplog.text


def test_labels_that_are_no_inputs_are_said_to_be(tmp_path, caplog):
    load_pairs(written(tmp_path / "pairs.csv", HEAD + "x,y,z\n"))
    assert "no label is also an a or b" in caplog.text
