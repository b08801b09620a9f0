"""The table: its columns and their types, tables of earlier versions, and the curves that are read from it."""

import csv
import io
import math
import os
import shutil

import numpy as np
import pytest
from sweep_cases import Refusing, ignore

from minimod import TrainingConfig, load_run, train
from minimod.errors import InputError
from minimod.runs.run import FINISHED
from minimod.sweeps.sweep import Sweep
from minimod.sweeps.table import (
    COLUMNS,
    OPTIONS,
    curves,
    failed_row,
    fixed_settings,
    load_sweep,
    result_row,
    write_rows,
)

TINY = TrainingConfig(modulus=5, width=4, epochs=2, threads=1)


def test_a_row_says_what_the_run_says(swept):
    rows = list(load_sweep(swept))
    assert len(rows) == 8
    for row in rows:
        assert list(row) == list(COLUMNS)
        run = load_run(swept / "runs" / row["run"])
        assert row["test_accuracy"] == run.history["test_accuracy"][-1]
        assert row["dominant_test"] == run.history["filtered_test_accuracy"][-1]
        assert row["final_loss"] == run.history["loss"][-1] and row["loss"] == run.config.loss
        assert (row["width"], row["epoch"], row["status"]) == (run.config.width, 3, "finished")


@pytest.mark.parametrize("options", [
    {}, {"noise_ratio": 0}, {"activation": "quadratic", "tied": True, "bias": False}, {"init_std": 0.1, "init_seed": 3},
    {"batch_size": 7, "eval_every": 2, "betas": (0.1, 0.2)}, {"dtype": "float64", "learning_rate": 1 / 3},
    {"snapshots": (2,)}, {"snapshots": "log"},
], ids=str)
def test_every_value_of_a_row_survives_the_table(tmp_path, options):
    row = result_row("name", train(TrainingConfig(**TINY.to_dict() | options), tmp_path / "run"))
    write_rows(tmp_path / "results.csv", [row])
    (read,) = load_sweep(tmp_path)
    expected = dict.fromkeys(COLUMNS) | row
    np.testing.assert_equal(read, expected)
    assert {name: type(value) for name, value in read.items()} == {name: type(v) for name, v in expected.items()}


def test_the_row_of_a_failed_run_survives_the_table(tmp_path):
    row = failed_row("name", TINY, OSError('no "space",\nleft'))
    write_rows(tmp_path / "results.csv", [row])
    assert list(load_sweep(tmp_path)) == [dict.fromkeys(COLUMNS) | row]
    assert row["error"] == 'OSError: no "space", left'


NEWEST = ["device", "norm_mu", "ideal_repaired", "ideal_test"]


@pytest.fixture
def earlier(swept, tmp_path):
    """A copy of the sweep, with a table that lacks the columns of NEWEST."""
    shutil.copytree(swept, tmp_path / "earlier")
    path = tmp_path / "earlier" / "results.csv"
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    with open(path, "w", newline="") as file:
        columns = [name for name in rows[0] if name not in NEWEST]
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "earlier"


def test_what_an_earlier_table_lacks_is_none(swept, earlier):
    np.testing.assert_equal(list(load_sweep(earlier)), [row | dict.fromkeys(NEWEST) for row in load_sweep(swept)])


def test_an_earlier_table_is_written_again_with_all_columns(swept, earlier):
    Sweep(earlier).run(Refusing(), ignore)
    assert (earlier / "results.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    np.testing.assert_equal(list(load_sweep(earlier)), [row | dict.fromkeys(NEWEST) for row in load_sweep(swept)])


@pytest.mark.parametrize("header", ["run,status,colour", "status,width", ""])
def test_a_table_with_other_columns_is_refused(tmp_path, header):
    (tmp_path / "results.csv").write_text(header + "\n")
    with pytest.raises(InputError, match="its columns are not of this version or an earlier one"):
        list(load_sweep(tmp_path))


def test_a_value_that_its_column_cannot_have_is_refused(tmp_path):
    (tmp_path / "results.csv").write_text("run,test_accuracy\nname,much\n")
    with pytest.raises(InputError, match="test_accuracy is never 'much'"):
        list(load_sweep(tmp_path))


@pytest.fixture
def saved(swept, tmp_path):
    """Save the table of the sweep anew, as bytes made of its text."""
    def save(change):
        (tmp_path / "results.csv").write_bytes(change((swept / "results.csv").read_text()))
        return tmp_path

    return save


def separated_by(separator, text):
    """A table in other words: with another separator, and with CRLF at the end of lines, as spreadsheets have it."""
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator).writerows(csv.reader(text.splitlines()))
    return file.getvalue().encode()


@pytest.mark.parametrize("change", [
    lambda text: text.encode("utf-8-sig"), lambda text: separated_by(";", text), lambda text: separated_by("\t", text),
    lambda text: text.replace("False", "FALSE").encode(), lambda text: (text + "," * text.count(",")).encode(),
    lambda text: (text + "\n").encode(),
], ids=["byte-order mark", "semicolons", "tabs", "capitals", "torn", "empty line"])  # fmt: skip
def test_a_table_that_a_spreadsheet_has_saved_is_simply_read(swept, saved, change):
    np.testing.assert_equal(list(load_sweep(saved(change))), list(load_sweep(swept)))


@pytest.mark.parametrize("change", [
    lambda text: text.encode("utf-16"), lambda text: text.encode("utf-16-le"), lambda text: text.encode("utf-16-be"),
    lambda text: text.replace("finished", "finished\N{LATIN SMALL LETTER E WITH ACUTE}").encode("latin-1"),
], ids=["UTF-16", "little-endian", "big-endian", "Latin-1"])  # fmt: skip
def test_a_table_in_another_encoding_is_refused_with_what_to_do(saved, change):
    with pytest.raises(InputError, match=r"a whole table .*is not in UTF-8: save it as CSV UTF-8"):
        list(load_sweep(saved(change)))


@pytest.mark.parametrize("wrong", ["a,b\n", "name\n", "," * 500 + "a\n"])
def test_a_line_with_another_number_of_fields_is_named(saved, wrong):
    def insert(text):
        lines = text.splitlines(keepends=True)
        return "".join([*lines[:3], wrong, *lines[3:]]).encode()

    with pytest.raises(InputError, match=r"it must be a whole table .*line 4 has \d+ cells, and the first line \d+"):
        list(load_sweep(saved(insert)))


def test_a_line_without_the_name_of_its_run_is_named(tmp_path):
    (tmp_path / "results.csv").write_text("run,width\nname,3\n,4\n")
    with pytest.raises(InputError, match="line 3 has no name of a run"):
        list(load_sweep(tmp_path))


@pytest.mark.parametrize("make", [lambda path: path.touch(), os.mkdir, os.mkfifo], ids=["empty", "directory", "pipe"])
def test_what_is_no_table_is_refused(tmp_path, make):
    make(tmp_path / "results.csv")
    with pytest.raises(InputError, match=r"it must be a whole table .*remove the file, and the sweep writes it anew"):
        list(load_sweep(tmp_path))


def test_a_table_without_rows_has_no_curves(tmp_path):
    write_rows(tmp_path / "results.csv", [])
    with pytest.raises(InputError, match=r"csv'; it must be a table with finished runs that have test_accuracy"):
        curves(tmp_path, "width", "test_accuracy")


def test_a_directory_that_was_never_swept_has_no_curves(tmp_path):
    with pytest.raises(InputError, match="the directory of a sweep"):
        curves(tmp_path, "width", "test_accuracy")


def test_curves_leave_out_a_share_of_nothing(swept):
    assert {point.by for point in curves(swept, "width", "noisy_accuracy", "noise_ratio")} == {0.5}


@pytest.mark.parametrize(("y", "differ"), [("test_accuracy", {"noise_ratio", "seed", "width"}),
                                           ("noisy_accuracy", {"seed", "width"})])
def test_settings_are_what_all_runs_behind_the_points_have(swept, y, differ):
    settings = fixed_settings(curves(swept, "width", y))
    assert settings.keys() == OPTIONS.keys() - differ and (settings["modulus"], settings["epochs"]) == (7, 3)


def test_a_wrong_column_is_answered_with_the_nearest(swept):
    with pytest.raises(InputError, match="it must be dominant_test or"):
        curves(swept, "width", "dominnt_test")


def test_a_sweep_that_has_not_begun_has_no_rows(tmp_path):
    assert list(load_sweep(tmp_path)) == []


def test_curves_gather_runs_by_their_columns(swept):
    gathered = {point[:3]: point for point in curves(swept, "width", "test_accuracy", "noise_ratio")}
    assert gathered.keys() == {(None, noise, width) for noise in (0.0, 0.5) for width in (4, 8)}
    numbers = [row["test_accuracy"] for row in load_sweep(swept) if (row["width"], row["noise_ratio"]) == (8, 0.5)]
    point = gathered[None, 0.5, 8]
    assert (point.runs, point.measured, point.never, point.over) == (2, 2, 0, {"seed": 2})
    assert (point.mean, point.low, point.high) == pytest.approx((np.mean(numbers), min(numbers), max(numbers)))
    assert {point.by for point in curves(swept, "width", "test_accuracy")} == {None}


def test_curves_are_of_the_runs_that_are_meant_and_say_what_still_varies(swept):
    first, second = curves(swept, "width", "test_accuracy")
    assert first.over == second.over == {"noise_ratio": 2, "seed": 2} and first.runs == 4
    only = curves(swept, "width", "test_accuracy", where={"noise_ratio": [0.5]})
    assert [point.over for point in only] == [{"seed": 2}] * 2 and only[0].settings["noise_ratio"] == 0.5
    panels = curves(swept, "width", "test_accuracy", panel="noise_ratio")
    assert [point[3:] for point in panels if point.panel == 0.5] == [point[3:] for point in only]
    with pytest.raises(InputError, match=r"finished runs that have test_accuracy, of noise_ratio 0\.3"):
        curves(swept, "width", "test_accuracy", where={"noise_ratio": [0.3]})


def test_curves_leave_out_what_has_not_finished(tmp_path):
    row = result_row("finished", train(TINY))
    write_rows(tmp_path / "results.csv", [row, failed_row("failed", TINY, OSError("full"))])
    assert [point[:9] for point in curves(tmp_path, "width", "final_loss")] == [
        (None, None, 4, 1, 1, 0, row["final_loss"], row["final_loss"], row["final_loss"])
    ]


def test_curves_of_what_is_no_column_of_numbers_are_refused(swept):
    with pytest.raises(InputError, match="column is 'nothing'"):
        curves(swept, "width", "nothing")
    with pytest.raises(InputError, match="column of numbers"):
        curves(swept, "width", "activation")
    with pytest.raises(InputError, match="finished runs that have init_std"):
        curves(swept, "width", "init_std")


def test_a_share_of_nothing_stays_nan(swept):
    rows = [row for row in load_sweep(swept) if row["noise_ratio"] == 0]
    assert rows and all(math.isnan(row["noisy_accuracy"]) for row in rows)


def test_what_a_run_never_reached_is_counted_and_in_no_mean(tmp_path):
    epochs = {4: (7.0, 9.0), 8: (5.0, math.inf), 16: (math.inf, math.nan), 32: (math.nan, None)}
    rows = [
        {"run": f"{width}-{seed}", "status": FINISHED, "width": width, "seed": seed, "first_epoch_test_0.99": epoch}
        for width, each in epochs.items() for seed, epoch in enumerate(each)
    ]
    write_rows(tmp_path / "results.csv", rows)
    np.testing.assert_equal([point[2:9] for point in curves(tmp_path, "width", "first_epoch_test_0.99")], [
        (4, 2, 2, 0, 8.0, 7.0, 9.0), (8, 2, 1, 1, 5.0, 5.0, 5.0), (16, 2, 0, 1, math.nan, math.nan, math.nan),
    ])  # fmt: skip


def test_a_sweep_directory_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"sweep directory is .*nowhere.*; it must be a directory that exists"):
        list(load_sweep(tmp_path / "nowhere"))
