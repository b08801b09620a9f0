"""Who may write in a directory: the process whose lock is the file at its path, wherever it is called from."""

import os
import shutil
import subprocess
import sys

import pytest
from run_cases import ENVIRONMENT, LONGER, SMALL, by_epoch, contents, files_in

from minimod import extend, extract, load_run, resume, train
from minimod.errors import InputError, LockedError, LostDirectoryError
from minimod.runs.holding import hold
from minimod.runs.run import check_run


def at(epoch, action):
    """A callback that does something after an epoch."""
    return by_epoch(lambda now, row: now == epoch and action())


# A directory that is not the one that was held


@pytest.mark.parametrize("end", ["removed", "moved", "replaced"])
def test_a_run_stops_where_its_directory_is_another(tmp_path, end):
    """What lies at its path then may be another process's run: it is not touched."""
    directory = tmp_path / "run"

    def act():
        directory.rename(tmp_path / "elsewhere")
        if end == "removed":
            shutil.rmtree(tmp_path / "elsewhere")
        if end == "replaced":
            train(LONGER, directory)

    with pytest.raises(LostDirectoryError, match="run was removed, moved or replaced"):
        train(SMALL, directory, callback=at(3, act), checkpoint_every=1)
    assert directory.exists() == (end == "replaced")
    if end == "replaced":
        train(LONGER, tmp_path / "undisturbed")
        assert contents(directory) == contents(tmp_path / "undisturbed")
    if end == "moved":
        assert resume(tmp_path / "elsewhere").history["epoch"][-1] == SMALL.epochs


def test_an_extension_stops_where_its_directory_is_another(tmp_path):
    train(SMALL, tmp_path / "run")
    with pytest.raises(LostDirectoryError):
        extend(tmp_path / "run", 8, callback=at(14, lambda: (tmp_path / "run").rename(tmp_path / "elsewhere")))
    assert load_run(tmp_path / "elsewhere").config == SMALL and not (tmp_path / "run").exists()


def test_a_run_that_diverges_says_so_in_no_other_directory(tmp_path):
    wild = SMALL.changed(optimizer="sgd", learning_rate=1e30)
    with pytest.raises(LostDirectoryError):
        train(wild, tmp_path / "run", callback=at(0, lambda: (tmp_path / "run").rename(tmp_path / "elsewhere")))
    assert not (tmp_path / "run").exists()


def test_an_extraction_stops_where_its_directory_is_another(tmp_path):
    """Also between two rounds."""
    noisy = SMALL.changed(noise_ratio=0.4, epochs=40)
    train(noisy, tmp_path / "run")
    train(noisy.changed(seed=1), tmp_path / "other run")
    extract(tmp_path / "other run", 1, tmp_path / "other")
    before = files_in(tmp_path / "other")

    def tell(done):
        if done.number == 1:
            (tmp_path / "new").rename(tmp_path / "old")
            (tmp_path / "other").rename(tmp_path / "new")

    with pytest.raises(LostDirectoryError):
        extract(tmp_path / "run", 3, tmp_path / "new", tell=tell)
    assert files_in(tmp_path / "new") == {tmp_path / "new" / path.relative_to(tmp_path / "other"): content
                                          for path, content in before.items()}


def test_what_is_found_is_not_written_beside_another_run(tmp_path):
    train(SMALL, tmp_path / "run")
    train(SMALL.changed(seed=1), tmp_path / "other")
    run = load_run(tmp_path / "run")
    assert run.beside("discovery.json") == tmp_path / "run" / "discovery.json"
    (tmp_path / "run").rename(tmp_path / "moved")
    with pytest.raises(LostDirectoryError):
        run.beside("discovery.json")
    (tmp_path / "other").rename(tmp_path / "run")
    with pytest.raises(LostDirectoryError):
        run.beside("discovery.json")


# Paths hold from the call on


def test_a_relative_path_does_not_follow_the_working_directory(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    train(SMALL.changed(seed=5), "run")
    before = files_in(elsewhere)
    monkeypatch.chdir(tmp_path)
    run = train(SMALL, "run", callback=at(2, lambda: os.chdir(elsewhere)))
    assert run.directory == tmp_path / "run" and load_run(tmp_path / "run").config == SMALL
    monkeypatch.chdir(tmp_path)
    extend("run", 8, callback=at(14, lambda: os.chdir(elsewhere)))
    assert load_run(tmp_path / "run").config == LONGER
    monkeypatch.chdir(tmp_path)
    extract("run", 1, "extracted", tell=lambda done: os.chdir(elsewhere))
    assert load_run(tmp_path / "extracted").config.epochs == LONGER.epochs
    assert files_in(elsewhere) == before


def test_a_loaded_run_is_found_from_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(SMALL.changed(snapshots=(0, 4)), "run")
    run = load_run("run")
    monkeypatch.chdir("/")
    assert run.at(4).epoch == 4


def test_a_link_that_leads_nowhere_is_no_new_directory(tmp_path):
    (tmp_path / "run").symlink_to(tmp_path / "nothing")
    with pytest.raises(InputError, match="new or empty"):
        train(SMALL, tmp_path / "run")


# A refused call leaves nothing behind


def test_a_refused_call_makes_no_directory(tmp_path):
    with pytest.raises(InputError):
        train(SMALL.changed(noise_kind="matrix"), tmp_path / "above" / "run")
    assert not list(tmp_path.iterdir())


def test_a_refused_call_leaves_no_lock_in_a_run_without_one(tmp_path):
    train(SMALL, tmp_path / "run")
    (tmp_path / "run" / ".lock").unlink()
    before = files_in(tmp_path)
    with pytest.raises(InputError):
        train(SMALL.changed(seed=3), tmp_path / "run")
    assert files_in(tmp_path) == before


def test_a_directory_is_held_once(tmp_path):
    held = tmp_path / "held"
    with hold(held), pytest.raises(LockedError, match="no other process trains now"), hold(held):
        pass


# An error of the system is no damage


@pytest.fixture
def finished(tmp_path):
    train(SMALL, tmp_path / "run")
    return tmp_path / "run"


def test_a_lack_of_memory_is_no_damage(tmp_path):
    """The checkpoint is larger than what the process may still take."""
    train(SMALL.changed(width=200_000, epochs=1), tmp_path / "run")
    program = """
import resource, sys
from minimod.runs.run import check_run
import numpy
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 8 * 10**6, resource.RLIM_INFINITY))
try:
    print(check_run(sys.argv[1]))
except MemoryError:
    print("MemoryError")
"""
    command = [sys.executable, "-c", program, tmp_path / "run"]
    told = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert told.stdout == "MemoryError\n", told.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_a_file_without_permission_is_no_damage(finished):
    (finished / "network.npz").chmod(0)
    for look in (check_run, load_run):
        with pytest.raises(PermissionError):
            look(finished)


def test_an_error_of_the_system_is_no_damage(finished, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("minimod.runs.files.open", refuse, raising=False)
    for look in (check_run, load_run, lambda directory: train(SMALL, directory)):
        with pytest.raises(PermissionError):
            look(finished)
