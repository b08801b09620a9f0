"""A sweep keeps what it began with, writes only in its own directory, and takes no error of the system for damage."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from processes import started, wait_for
from run_cases import files_in
from sweep_cases import CLI, DEFINITION, Refusing, ignore, rows_of, with_grid

from minimod import load_run
from minimod.errors import InputError, LostDirectoryError
from minimod.runs.data import Job
from minimod.sweeps.sweep import Sweep, account, train_and_measure
from minimod.sweeps.table import load_sweep


def run(directory, definition=None, progress=ignore, **options):
    with ThreadPoolExecutor(1) as executor:
        Sweep(directory, definition).run(executor, progress, **options)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    directory = tmp_path_factory.mktemp("swept") / "sweep"
    run(directory, DEFINITION)
    return directory


@pytest.fixture
def copied(swept, tmp_path):
    return shutil.copytree(swept, tmp_path / "sweep")


# Its own directory


class AtOnce(ThreadPoolExecutor):
    """An executor that returns from `submit` when the task is done."""

    def submit(self, *task):
        future = super().submit(*task)
        future.exception()
        return future


def test_a_sweep_that_is_moved_stops_and_makes_no_other(tmp_path):
    def move(done, status):
        (tmp_path / "sweep").rename(tmp_path / "moved")

    with AtOnce(1) as executor, pytest.raises(LostDirectoryError, match="sweep was removed, moved or replaced"):
        Sweep(tmp_path / "sweep", DEFINITION).run(executor, move)
    assert not (tmp_path / "sweep").exists()
    run(tmp_path / "moved")
    assert len(rows_of(tmp_path / "moved")) == 8


def test_a_sweep_in_processes_that_is_moved_ends_in_one_line(tmp_path):
    grid = ["--grid=modulus=11", "--grid=width=8,9,10", "--grid=epochs=100000000"]
    command = [sys.executable, CLI, "sweep", "sweep", *grid, "--jobs", "2"]
    with started(command, cwd=tmp_path, stderr=subprocess.PIPE) as sweep:
        wait_for(lambda: len(list(tmp_path.glob("sweep/runs/*/config.json"))) >= 2)
        (tmp_path / "sweep").rename(tmp_path / "moved")
        *_, last = sweep.communicate(timeout=60)[1].splitlines()
    assert sweep.returncode == 1 and not (tmp_path / "sweep").exists()
    assert last.startswith("minimod: cannot go on: ") and "sweep was removed, moved or replaced" in last


def test_a_worker_makes_no_directory_of_a_sweep_that_was_moved(copied, monkeypatch):
    """Moved even after the worker has looked whether it sees the sweep."""
    monkeypatch.setattr("minimod.sweeps.sweep._sees", lambda directory, sweep_id: True)
    sweep = Sweep(copied)
    (name, config), *_ = sweep.configs.items()
    copied.rename(copied.with_name("moved"))
    assert train_and_measure(Job(config), copied / "runs" / name, sweep.id).row["status"] == "failed"
    assert not copied.exists()


@pytest.mark.parametrize("name", ["../../victim", "/tmp/outside", "..", ".", "a/b"])
def test_a_name_in_the_table_leads_nowhere_else(copied, name):
    table = copied / "results.csv"
    head, first, *others = table.read_text().splitlines(keepends=True)
    table.write_text("".join([head, name + first[first.index(",") :], *others]))
    before = files_in(copied.parent)
    with pytest.raises(InputError, match="line 2 has no name of a run"):
        run(copied, retry_failed=True)
    assert files_in(copied.parent) == before


def test_names_that_are_exchanged_in_the_table_move_no_run(copied):
    table, runs = copied / "results.csv", {path.name: files_in(path) for path in (copied / "runs").iterdir()}
    head, first, second, *others = table.read_text().splitlines(keepends=True)
    names = [line[: line.index(",")] for line in (first, second)]
    first, second = first.replace(names[0], names[1], 1), second.replace(names[1], names[0], 1)
    table.write_text("".join([head, first, second, *others]))
    run(copied)
    run(copied, retry_failed=True)
    assert {path.name for path in (copied / "runs").iterdir()} == runs.keys()
    assert all((copied / "runs" / name / "network.npz").read_bytes() == files[copied / "runs" / name / "network.npz"]
               for name, files in runs.items())
    assert Sweep(copied).state()["finished"] == 8


def test_a_directory_with_a_lock_alone_is_trained_in(copied):
    some = next((copied / "runs").iterdir())
    shutil.rmtree(some)
    some.mkdir()
    (some / ".lock").touch()
    run(copied)
    assert load_run(some) and Sweep(copied).state()["finished"] == 8


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    with pytest.raises((InputError, OSError)):
        run(tmp_path / "one", DEFINITION)


# An error of the system


def test_a_run_that_cannot_be_read_now_is_neither_failed_nor_moved(copied, monkeypatch):
    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    before = files_in(copied)
    with monkeypatch.context() as patch, pytest.raises(PermissionError):
        patch.setattr("minimod.runs.contents.load_network", refuse)
        run(copied, retry_failed=True)
    assert {path: content for path, content in files_in(copied).items() if path.name != "sweep.json"} == {
        path: content for path, content in before.items() if path.name != "sweep.json"
    }
    run(copied)
    assert Sweep(copied).state()["finished"] == 8


# Its tables


TABLE, OTHER = np.add.outer(np.arange(3), np.arange(3)) % 3, np.subtract.outer(np.arange(3), np.arange(3)) % 3


@pytest.fixture
def of_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savetxt("mine.csv", TABLE, fmt="%d", delimiter=",")
    run("sweep", with_grid(rule=["table:mine.csv"], modulus=[3]))
    return tmp_path / "sweep"


def test_a_sweep_goes_on_from_anywhere_without_the_file_of_its_table(of_a_table, tmp_path, monkeypatch):
    (tmp_path / "mine.csv").unlink()
    monkeypatch.chdir("/")
    run(of_a_table, progress=Refusing())
    name = next(row["run"] for row in load_sweep(of_a_table))
    shutil.rmtree(of_a_table / "runs" / name)
    run(of_a_table)
    assert (load_run(of_a_table / "runs" / name).dataset.rule.label_table == TABLE).all()
    assert account(of_a_table).startswith("8 of 8 runs have finished")


def test_a_file_that_has_changed_changes_no_run(of_a_table, tmp_path, caplog):
    np.savetxt(tmp_path / "mine.csv", OTHER, fmt="%d", delimiter=",")
    for directory in list((of_a_table / "runs").iterdir())[:4]:
        shutil.rmtree(directory)
    run(of_a_table)
    assert "mine.csv is not the table that the sweep was begun with" in caplog.text
    for directory in (of_a_table / "runs").iterdir():
        assert (load_run(directory).dataset.rule.label_table == TABLE).all()
