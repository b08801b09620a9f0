"""Tables and matrices as programs write them and people type them: read right, or refused with place and reason."""

import numpy as np
import pytest

from minimod import TrainingConfig, load_run, train
from minimod.errors import InputError
from minimod.runs.data import UserData, load_table
from minimod.runs.reading import read_labels, read_weights

Z3 = [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
SUB3 = [[0, 2, 1], [1, 0, 2], [2, 1, 0]]
MAX = [[0, 1, 2], [1, 1, 2], [2, 2, 2]]
EAB = ["e", "a", "b"]

# Where a table comes from -> its text, the labels, and the words of its tokens if they are not 0 .. P-1.
TABLES = {
    "CSV": ("0,1,2\n1,2,0\n2,0,1\n", Z3, None),
    "semicolons and a byte-order mark": ("\ufeff0;1;2\r\n1;2;0\r\n2;0;1\r\n", Z3, None),
    "tabs": ("0\t1\t2\n1\t2\t0\n2\t0\t1\n", Z3, None),
    "runs of blanks": ("  0  1 \t2\n  1  2  0 \n\n 2\t0   1\n", Z3, None),
    "commas and blanks": ("0, 1, 2\n1, 2, 0\n2, 0, 1\n", Z3, None),
    "quotes": ('"0","1","2"\n"1", "2","0"\n"2","0","1"\n', Z3, None),
    "a separator at the end": ("0,1,2,\n1,2,0,\n2,0,1,\n", Z3, None),
    "a separator at some ends": ("0,1,2\n1,2,0,\n2,0,1,,\n", Z3, None),
    "comments": ("# Z3\n%\n0 1 2\n# half\n1 2 0\n2 0 1\n", Z3, None),
    "savetxt": ("# Z3\n0.0e+00 1.0e+00 2.0e+00\n1.0e+00 2.0e+00 0.0e+00\n2.0e+00 0.0e+00 1.0e+00\n", Z3, None),
    "GAP, from 1": ("[ [  1,  2,  3 ],\n  [  2,  3,  1 ],\n  [  3,  1,  2 ] ]\n", Z3, None),
    "GAP, named": ("m := [ [ 1, 2, 3 ], [ 2, 3, 1 ], [ 3, 1, 2 ] ];\n", Z3, None),
    "Sage": ("*  e a b\n +------\ne| e a b\na| a b e\nb| b e a\n", Z3, EAB),
    "Sage, matrix": ("[0 1 2]\n[1 2 0]\n[2 0 1]\n", Z3, None),
    "Mathematica": ("{{0, 1, 2}, {1, 2, 0}, {2, 0, 1}}", Z3, None),
    "MATLAB": ("A = [0 1 2; 1 2 0; 2 0 1];\n", Z3, None),
    "MATLAB, lines": ("[0 1 2\n 1 2 0\n 2 0 1]\n", Z3, None),
    "NumPy, print": ("[[0 1 2]\n [1 2 0]\n [2 0 1]]\n", Z3, None),
    "NumPy, repr": ("array([[0, 1, 2],\n       [1, 2, 0],\n       [2, 0, 1]], dtype=int8)\n", Z3, None),
    "Python, words": ("[['e', 'a', 'b'], ['a', 'b', 'e'], ['b', 'e', 'a']]", Z3, EAB),
    "JSON": ("[[0,1,2],[1,2,0],[2,0,1]]", Z3, None),
    "JSON, elements and words": (
        '{"elements": ["e", "a", "b"], "table": [["e","a","b"],["a","b","e"],["b","e","a"]]}', Z3, EAB),
    "JSON, elements and places": ('{"elements": ["e", "a", "b"], "table": [[0,1,2],[1,2,0],[2,0,1]]}', Z3, EAB),
    "JSON, table alone": ('{"table": [["0","1","2"],["1","2","0"],["2","0","1"]]}', Z3, None),
    "Wikipedia": ("∘\te\ta\tb\ne\te\ta\tb\na\ta\tb\te\nb\tb\te\ta\n", Z3, EAB),
    "Markdown": (
        "| * | e | a | b |\n|---|---|---|---|\n| e | e | a | b |\n| a | a | b | e |\n| b | b | e | a |\n", Z3, EAB),
    "pandas": (",e,a,b\ne,e,a,b\na,a,b,e\nb,b,e,a\n", Z3, EAB),
    "pandas, numbers": (",0,1,2\n0,0,1,2\n1,1,2,0\n2,2,0,1\n", Z3, None),
    "pandas, words over places": (",e,a,b\ne,0,1,2\na,1,2,0\nb,2,0,1\n", Z3, EAB),
    "Excel": ("\ufeff;e;a;b\r\ne;e;a;b\r\na;a;b;e\r\nb;b;e;a\r\n", Z3, EAB),
    "R": ('"e" "a" "b"\n"e" "e" "a" "b"\n"a" "a" "b" "e"\n"b" "b" "e" "a"\n', Z3, EAB),
    "a word in the corner of a group": ("Z3 e a b\ne e a b\na a b e\nb b e a\n", Z3, EAB),
    "a head, not a group": (",lo,mid,hi\nlo,lo,mid,hi\nmid,mid,mid,hi\nhi,hi,hi,hi\n", MAX, ["lo", "mid", "hi"]),
    "rows in another order": ("* e a b\nb b e a\ne e a b\na a b e\n", Z3, EAB),
    "numbers in another order": ("- 0 2 1\n1 1 2 0\n0 0 1 2\n2 2 0 1\n", SUB3, None),
    "no identity": ("0 2 1\n1 0 2\n2 1 0\n", SUB3, None),
    "words alone": ("e a b\na b e\nb e a\n", Z3, EAB),
    "residues": ("[0] [1] [2]\n[1] [2] [0]\n[2] [0] [1]\n", Z3, ["[0]", "[1]", "[2]"]),
    "digits that are words": ("00 01\n01 00\n", [[0, 1], [1, 0]], ["00", "01"]),
    "signs": ("+ -\n- +\n", [[0, 1], [1, 0]], ["+", "-"]),
    "units mod 8": (
        "1,3,5,7\n3,1,7,5\n5,7,1,3\n7,5,3,1\n", [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]], [*"1357"]),
    "no 0 and no P": ("1 1 2\n1 1 1\n2 1 1\n", [[1, 1, 2], [1, 1, 1], [2, 1, 1]], None),
    "as it stands": ("0 0 1\n0 1 1\n1 1 1\n", [[0, 0, 1], [0, 1, 1], [1, 1, 1]], None),
}  # fmt: skip


def saved(tmp_path, content, name="table.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("text", "labels", "words"), TABLES.values(), ids=TABLES)
def test_a_table_is_read_whoever_wrote_it(text, labels, words, tmp_path):
    table, found = read_labels(saved(tmp_path, text))
    assert table.tolist() == labels and (None if found is None else found.tolist()) == words


# Content -> the place and the reason.
REFUSED = {
    "0 1 2\n1 2 0\n2 0\n": "line 3 has 2 cells, and the first 3",
    "# Z3\n\n0,1,2\n1,2,0,1\n2,0,1\n": "line 4 has 4 cells, and the first 3",
    "0 1 2\n1 2 0\n2 9 1\n": "line 3, cell 2: '9' is no element: these are '0', '1', '2'",
    "0 2 1\n1 0 2\n2 9 0\n": "line 3, cell 2: '9' is no element: these are '0', '1', '2'",
    "1 3 2\n2 1 3\n3 9 1\n": "line 3, cell 2: '9' is no element: these are '1', '2', '3'",
    "0 2 1\n1 0 2\n2 x 0\n": "line 3, cell 2: 'x' is no element: these are '0', '1', '2'",
    "0,1,2\n1,,0\n2,0,1\n": "line 2, cell 2: '' is no element: these are '0', '1', '2'",
    "* e a\ne e a\na a x\n": "line 3, cell 3: 'x' is no element: these are 'e', 'a'",
    "* e a\ne e a\nx a e\n": "line 3, cell 1 is 'x': the first row and column must both be 'e', 'a'",
    "* e a b\ne e a b\na a b e\na b e a\n": "line 4, cell 1 is 'a': the first row and column must both be",
    "1 2\n1 0 0\n2 1 0\n": "line 2, cell 2: '0' is no element: these are '1', '2'",
    "0 1 2\n1 02 0\n2 0 1\n": "line 2, cell 2: '02' is no element: these are '0', '1', '2'",
    "* e a a\ne e a a\na a e e\nb a e e\n": "line 4, cell 1 is 'b': the first row and column must both be",
    "* e a\ne e a\na a *\n": "its first cell '*' may be an element or none",
    "lo mid hi\nmid mid hi\nhi hi hi\n": "its first cell 'lo' may be an element or none",
    "e a b\nb e a\na b e\n": "line 2, cell 1 is 'b': the first row and column must both be 'e', 'a', 'b'",
    "0 1\n1 0\n1 0\n": "it has shape (3, 2)",
    "0 0 1\n0 0 1\n1 1 0\n": "its first row and column may be names: leave the first cell empty then",
    "np.transpose([[0, 1], [1, 1]])": "it has shape",
    "[[0 1 ... 8]\n ...\n [8 0 ... 7]]": "line 2 has 1 cell, and the first 4",
    "0 1 ... 8\n1 2 ... 0\n... ... ... ...\n8 0 ... 7\n": "line 2, cell 2: '2' is no element: these",
    "[[0, 1], [1, 0]] and [[1, 0], [0, 1]]": "it has shape (1, 7)",
    "[[0, 1],\n [1, 0, 1]]": "row 2 has 3 cells, and the first 2",
    "[[0, 1], [1, 0, 1]]": "row 2 has 3 cells, and the first 2",
    '{"elements": ["e"], "table": [[0, 1], [1, 0]]}': "its JSON is no object with a table",
    '{"elements": ["e", "a"], "rows": [[0, 1], [1, 0]]}': "its JSON is no object with a table",
    '[["e", "a"], ["a", {}]]': "line 1 has ',' expected after",
    '0,1\n1,"0\n': "line 2 has unexpected end of data",
    "# 0 1\n% 1 0\n": "it is empty",
    b"0,1\n1,\xe9\n": "line 2 is not in UTF-8",
    "[" * 100_000: "it has shape", '["a",' * 100_000: "",
}  # fmt: skip


@pytest.mark.parametrize(("content", "reason"), REFUSED.items(), ids=lambda value: repr(value)[:40])
def test_what_is_no_table_is_refused_with_place_and_reason(content, reason, tmp_path):
    with pytest.raises(InputError) as caught:
        load_table(saved(tmp_path, content))
    assert reason in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "said"), [
    ("0,1\n1,0\n", ""), ("0;1\n1;0\n", "cells are separated by semicolons"),
    ("1 2\n2 1\n", "1 .. 2 are taken for 0 .. 1"), ("# Z2\n0 1\n1 0\n", "lines left out as comments: 1"),
    ("{{0,1},{1,0}}", "rows are in brackets"), ('[["e","a"],["a","e"]]', "rows are in brackets"),
    (",e,a\ne,e,a\na,a,e\n", "cells of the first row and column name the elements: 0 .. 1 are 'e', 'a'"),
    ("e,a\na,e\n", "no head is there, and the first row and column name the elements: 0 .. 1 are 'e', 'a'"),
    ("0 0 1\n0 1 1\n1 1 1\n", "it is taken as it stands, 3 × 3 labels"),
    ("1 1 2\n1 1 1\n2 1 1\n", "the labels are taken from 0: neither 0 nor 3 is a label"),
    ("* x y z\nx 1 1 2\ny 1 1 1\nz 2 1 1\n", "the labels are taken from 0: neither 0 nor 3 is a label"),
])  # fmt: skip
def test_what_was_taken_for_what_is_said(text, said, tmp_path, caplog):
    read_labels(saved(tmp_path, text))
    assert said in caplog.text and len(caplog.records) == bool(said)


def test_a_numpy_file_has_its_suffix_in_any_case_and_may_count_from_one(tmp_path):
    with open(tmp_path / "table.NPY", "wb") as file:
        np.save(file, np.array(Z3) + 1)
    assert load_table(tmp_path / "table.NPY").tolist() == Z3


def test_words_of_a_table_are_the_words_of_its_run(tmp_path):
    config = TrainingConfig(rule=f"table:{saved(tmp_path, TABLES['Sage'][0])}", width=4, epochs=2, threads=1)
    train(config, tmp_path / "run")
    assert load_run(tmp_path / "run").words.tolist() == EAB


def test_words_of_a_table_do_not_replace_those_that_are_given(tmp_path):
    config = TrainingConfig(rule=f"table:{saved(tmp_path, TABLES['Sage'][0])}", width=4, epochs=2, threads=1)
    assert train(config, data=UserData(tokens=np.array([*"xyz"]))).words.tolist() == [*"xyz"]


WEIGHTS = [[0, 0.5, 1], [1, 0, 0], [2.5, 1, 0]]


@pytest.mark.parametrize("text", [
    "0,.5,1\n1,0,0\n2.5,1,0\n", "0;0,5;1\n1;0;0\n2,5;1;0\n", "0\t0,5\t1\n1\t0\t0\n2,5\t1\t0\n",
    "0 5e-1 1\n1 0 0\n2.5 1 0\n",
    ",0,1,2\n0,0,0.5,1\n1,1,0,0\n2,2.5,1,0\n",
    "{{0, 0.5, 1}, {1, 0, 0}, {2.5, 1, 0}}", "[[0.  0.5 1. ]\n [1.  0.  0. ]\n [2.5 1.  0. ]]",
], ids=["CSV", "decimal commas", "decimal commas and tabs", "blanks", "pandas",
        "Mathematica", "NumPy"])  # fmt: skip
def test_a_matrix_is_read_as_a_table_is(text, tmp_path):
    assert read_weights(saved(tmp_path, text)).tolist() == WEIGHTS


@pytest.mark.parametrize(("text", "reason"), [
    ("0,1\n1,o\n", "line 2, cell 2: 'o' is no number"), ("0 1\n1\n", "line 2 has 1 cell, and the first 2"),
    (",e,a\ne,0,1\na,1,0\n", "line 2, cell 1 is 'e': the first row and column must both be '0', '1'"),
    ("0,1\n1,\n", "line 2, cell 2: '' is no number"), ("\n", "it is empty"),
])  # fmt: skip
def test_what_is_no_matrix_is_refused_with_place_and_reason(text, reason, tmp_path):
    with pytest.raises(InputError) as caught:
        read_weights(saved(tmp_path, text))
    assert caught.value.option == "noise_matrix" and reason in str(caught.value)
