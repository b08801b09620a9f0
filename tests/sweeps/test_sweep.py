"""Sweeps: which runs there are, that none is lost or double, here and on a cluster, and from version to version."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from processes import started, wait_for
from run_cases import train_on
from sweep_cases import CLI, DEFINITION, STORED, Refusing, ignore, rows_of, with_grid

from minimod import TrainingConfig, load_run, train
from minimod.engine.device import available_cores
from minimod.errors import InputError
from minimod.runs.data import Job
from minimod.runs.jobs import work
from minimod.runs.run import check_run
from minimod.sweeps.executors import dask_cluster, process_pool
from minimod.sweeps.sweep import Sweep, account, train_and_measure
from minimod.sweeps.table import COLUMNS, curves, load_sweep

SIXTY = {
    "preset": "default", "seeds": 5,
    "grid": {"modulus": [11], "epochs": [60], "width": [8, 16, 32], "noise_ratio": [0, 0.2, 0.5, 0.8]},
}  # fmt: skip


def test_the_table_has_a_row_for_every_run_in_the_order_of_the_grid(tmp_path):
    sweep = Sweep(tmp_path, DEFINITION)
    assert list(sweep.missing()) == list(sweep.configs)
    with ThreadPoolExecutor(1) as executor:
        sweep.run(executor, ignore)
    assert [row["run"] for row in rows_of(tmp_path)] == list(sweep.configs)
    assert not sweep.missing()


def test_progress_is_told_the_work_and_the_status_of_every_run(tmp_path):
    sweep, told = Sweep(tmp_path, DEFINITION), []
    with ThreadPoolExecutor(1) as executor:
        sweep.run(executor, lambda done, status: told.append((done, status)))
    lengths = sorted(map(work, sweep.configs.values()), reverse=True)
    assert told == [(length, "finished") for length in lengths], "the longest first"


def test_what_has_finished_is_not_trained_again_and_a_grid_can_grow(tmp_path):
    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, ignore)
        before = (tmp_path / "results.csv").read_bytes()
        Sweep(tmp_path).run(Refusing(), ignore)
        assert (tmp_path / "results.csv").read_bytes() == before
        Sweep(tmp_path, with_grid(width=[12])).run(executor, ignore)
    assert [row["width"] for row in rows_of(tmp_path)] == [12] * 4 + [4] * 4 + [8] * 4


def test_a_failed_run_is_recorded_with_its_error_and_tried_again_when_asked(tmp_path):
    definition = with_grid(optimizer=["sgd"], learning_rate=[1e-3, 1e30], epochs=[50])
    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, definition).run(executor, ignore)
        failed = [row for row in rows_of(tmp_path) if row["status"] == "failed"]
        assert len(rows_of(tmp_path)) == 16 and len(failed) == 8
        assert all(row["learning_rate"] == 1e30 and "DivergenceError" in row["error"] for row in failed)
        Sweep(tmp_path).run(Refusing(), ignore)
        tried = []
        Sweep(tmp_path).run(executor, lambda done, status: tried.append(status), retry_failed=True)
    assert tried == ["failed"] * 8 and len(rows_of(tmp_path)) == 16


def test_a_task_that_fails_unforeseen_is_a_row_too(tmp_path):
    class Broken(ThreadPoolExecutor):
        def submit(self, function, job, *arguments):
            return super().submit(function if job.config.width == 4 else None, job, *arguments)

    with Broken(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, ignore)
    assert [(row["width"], row["status"]) for row in rows_of(tmp_path)] == [(4, "finished")] * 4 + [(8, "failed")] * 4


def test_a_row_that_was_cut_is_measured_again(tmp_path):
    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, ignore)
        whole = (tmp_path / "results.csv").read_text()
        (tmp_path / "results.csv").write_text(whole[:-20])
        Sweep(tmp_path).run(executor, ignore)
    assert (tmp_path / "results.csv").read_text() == whole


def test_a_row_of_a_former_grid_that_was_cut_spoils_no_other(tmp_path):
    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, ignore)
        whole = (tmp_path / "results.csv").read_text()
        (tmp_path / "results.csv").write_text(whole[:-20])
        Sweep(tmp_path, with_grid(width=[12])).run(executor, ignore)
    assert [row["width"] for row in rows_of(tmp_path)] == [12] * 4 + [4] * 4 + [8] * 3


@pytest.fixture
def copied(swept, tmp_path):
    """A copy of the sweep of DEFINITION, and the directory of its third run."""
    shutil.copytree(swept, tmp_path / "s")
    name = rows_of(swept)[2]["run"]
    return tmp_path / "s", tmp_path / "s" / "runs" / name


def go_on(directory, **options):
    """Run a sweep again; what was trained, by the status of its row."""
    told = []
    with ThreadPoolExecutor(1) as executor:
        Sweep(directory).run(executor, lambda done, status: told.append(status), **options)
    return told


@pytest.mark.parametrize("lose", [shutil.rmtree, lambda run: (run / "network.npz").unlink()], ids=["run", "network"])
def test_a_run_that_is_gone_is_trained_again(copied, swept, lose):
    directory, run = copied
    lose(run)
    assert list(Sweep(directory).missing()) == [run.name]
    assert go_on(directory) == ["finished"]
    np.testing.assert_equal(rows_of(directory), rows_of(swept))
    assert check_run(run)[0] == "finished"


def truncate_network(run):
    os.truncate(run / "network.npz", 100)


def put_another_run(run):
    other = next(path for path in run.parent.iterdir() if path != run)
    shutil.rmtree(run)
    shutil.copytree(other, run)


@pytest.mark.parametrize(("damage", "said"), [
    (truncate_network, "network.npz is damaged: "),
    (lambda run: (run / "config.json").write_text("{}"), "config.json is damaged: "),
    (put_another_run, "config.json is of another run"),
], ids=["network", "configuration", "another run"])  # fmt: skip
def test_a_run_that_is_damaged_becomes_a_failed_row_that_names_the_file(copied, damage, said):
    directory, run = copied
    damage(run)
    assert go_on(directory) == []
    (failed,) = [row for row in rows_of(directory) if row["status"] == "failed"]
    assert failed["run"] == run.name and failed["error"].startswith(said) and failed["width"] == 4
    assert len(rows_of(directory)) == 8 and failed["dominant_test"] is None


def test_a_damaged_run_is_moved_aside_and_trained_again_when_asked(copied, swept):
    directory, run = copied
    for n in ("", "1"):
        truncate_network(run)
        assert go_on(directory, retry_failed=True) == ["finished"]
        aside = run.with_name(f"{run.name}.damaged{n}")
        assert (aside / "network.npz").stat().st_size == 100 and check_run(run)[0] == "finished"
    np.testing.assert_equal(rows_of(directory), rows_of(swept))


def test_a_damaged_run_of_an_earlier_grid_is_a_failed_row_and_one_that_is_gone_none(copied):
    directory, run = copied
    sweep = Sweep(directory, with_grid(width=[8]))
    gone = next(path for path in run.parent.iterdir() if "width4" in path.name and path != run)
    shutil.rmtree(gone)
    truncate_network(run)
    sweep.run(Refusing(), ignore)
    rows = rows_of(directory)
    assert [row["width"] for row in rows] == [8] * 4 + [4] * 3
    assert [row["run"] for row in rows if row["status"] == "failed"] == [run.name]


class Interrupting:
    """An executor at which Ctrl-C is pressed."""

    def submit(self, *task):
        raise KeyboardInterrupt


def test_an_account_counts_what_has_failed_what_is_missing_and_what_is_gone(copied):
    directory, run = copied
    truncate_network(run)
    with pytest.raises(KeyboardInterrupt):
        Sweep(directory, with_grid(width=[4, 8, 12])).run(Interrupting(), ignore)
    shutil.rmtree(next(path for path in run.parent.iterdir() if path != run))
    assert account(directory) == "7 of 12 runs have finished, 1 failed, 4 missing, 1 finished and gone"


def test_a_table_alone_has_an_account(swept, tmp_path):
    shutil.copy(swept / "results.csv", tmp_path)
    assert account(tmp_path) == "8 of 8 runs have finished, 8 finished and gone"


@pytest.mark.parametrize("inside", ["", "deeper/still"])
def test_a_sweep_in_the_directory_of_a_run_is_refused(tmp_path, inside):
    train(TrainingConfig(modulus=5, width=4, epochs=1, threads=1), tmp_path / "run")
    with pytest.raises(InputError, match="outside of the run in "):
        Sweep(tmp_path / "run" / inside, DEFINITION)


@pytest.mark.parametrize("inside", ["runs", "runs/new"])
def test_a_sweep_among_the_runs_of_another_is_refused(copied, inside):
    with pytest.raises(InputError, match="outside of the runs of the sweep in "):
        Sweep(copied[0] / inside, DEFINITION)


def test_a_file_is_no_directory_for_a_sweep(tmp_path):
    (tmp_path / "s").touch()
    with pytest.raises(InputError, match="it must be a directory"):
        Sweep(tmp_path / "s", DEFINITION)


def test_one_sweep_at_a_time_holds_a_directory(tmp_path):
    def second(done, status):
        with pytest.raises(InputError, match="no other process"):
            Sweep(tmp_path).run(Refusing(), ignore)

    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, second)


def test_a_worker_that_does_not_see_the_directory_sends_the_files(tmp_path):
    config = TrainingConfig(modulus=7, width=8, epochs=3, threads=1)
    sent = train_and_measure(Job(config), tmp_path / "away" / "runs" / "name", "id")
    assert not (tmp_path / "away").exists()
    assert sent.files.keys() == {"config.json", "metrics.csv", "network.npz"}
    here = tmp_path / "name"
    here.mkdir()
    for name, content in sent.files.items():
        (here / name).write_bytes(content)
    assert load_run(here).config == config


def test_a_finished_run_keeps_its_checkpoint_only_when_asked(tmp_path):
    for keep in (False, True):
        with ThreadPoolExecutor(1) as executor:
            Sweep(tmp_path / str(keep), DEFINITION).run(executor, ignore, keep_checkpoints=keep)
        for run in (tmp_path / str(keep) / "runs").iterdir():
            assert (run / "checkpoint.npz").exists() == keep
            config = replace(load_run(run).config, epochs=4)
            if keep:
                assert train_on(config, run).config.epochs == 4
            else:
                with pytest.raises(InputError, match="a sweep keeps them with --keep-checkpoints"):
                    train_on(config, run)


def test_a_sweep_that_goes_on_keeps_checkpoints_if_it_did(tmp_path):
    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, ignore, keep_checkpoints=True)
        lines = (tmp_path / "results.csv").read_text().splitlines(keepends=True)
        (tmp_path / "results.csv").write_text("".join(lines[:-2]))
        Sweep(tmp_path).run(executor, ignore)
    assert all((run / "checkpoint.npz").exists() for run in (tmp_path / "runs").iterdir())


def test_a_worker_that_does_not_see_the_directory_sends_snapshots_too(tmp_path):
    config = TrainingConfig(modulus=7, width=8, epochs=3, threads=1, snapshots=(0, 2))
    sent = train_and_measure(Job(config), tmp_path / "away" / "runs" / "name", "id")
    Sweep(tmp_path, DEFINITION)._write_files(tmp_path / "here", sent.files)
    assert load_run(tmp_path / "here").snapshots == (0, 2)


def test_snapshots_may_be_an_axis(tmp_path):
    definition = with_grid(width=[4], noise_ratio=[0.5], snapshots=[[2, 0], "log", None])
    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, definition).run(executor, ignore)
    assert [row["snapshots"] for row in load_sweep(tmp_path)] == [(0, 2)] * 2 + ["log"] * 2 + [None] * 2


@pytest.fixture
def stored(tmp_path):
    """A copy of the sweep that minimod 0.1.0 wrote."""
    return shutil.copytree(STORED, tmp_path / "stored")


def test_nothing_of_a_stored_sweep_is_missing(stored):
    sweep = Sweep(stored)
    assert [config.width for config in sweep.configs.values()] == [3, 4]
    assert not sweep.missing()


def test_a_stored_sweep_has_rows_of_typed_values(stored):
    rows = list(load_sweep(stored))
    assert [(row["run"], row["width"]) for row in rows] == [
        ("add5-width3-noise0.4-seed0-5d0d5a12bc3a", 3), ("add5-width4-noise0.4-seed0-fa5982e9ae8c", 4),
    ]
    for row in rows:
        assert (row["status"], row["error"], row["modulus"], row["epoch"]) == ("finished", None, 5, 2)
        assert (row["tied"], row["betas"], row["batch_size"], row["noise_ratio"]) == (False, (0.9, 0.98), None, 0.4)
    assert [row["final_loss"] for row in rows] == [1.7475553750991821, 1.774245262145996]
    assert [row["dominant_test"] for row in rows] == [1 / 3, 0.0] and rows[0]["raw+relu_test"] is None


def test_a_stored_sweep_has_curves(stored):
    points = curves(stored, "width", "test_accuracy", "noise_ratio")
    assert {(point.by, point.x, point.mean) for point in points} == {(0.4, 3, 1 / 3), (0.4, 4, 0.0)}


def test_a_stored_sweep_is_not_trained_again(stored):
    def files():
        own = ("results.csv", "sweep.json", ".lock")
        return {path: path.read_bytes() for path in stored.rglob("*") if path.is_file() and path.name not in own}

    before, rows = files(), list(load_sweep(stored))
    definition = Sweep(stored).definition
    Sweep(stored).run(Refusing(), ignore)
    assert files() == before and list(load_sweep(stored)) == rows
    assert Sweep(stored).definition == definition
    assert (stored / "results.csv").read_text().splitlines()[0] == ",".join(COLUMNS)


def test_a_stored_sweep_can_grow(stored):
    definition = Sweep(stored).definition
    larger = Sweep(stored, definition | {"grid": definition["grid"] | {"width": [3, 4, 5]}})
    assert [config.width for config in larger.missing().values()] == [5]
    before = list(load_sweep(stored))
    with ThreadPoolExecutor(1) as executor:
        larger.run(executor, ignore)
    rows = list(load_sweep(stored))
    assert rows[:2] == before and [(row["width"], row["status"]) for row in rows[2:]] == [(5, "finished")]


@pytest.fixture(scope="module")
def pool_rows(tmp_path_factory):
    """Sixty runs on the process pool."""
    directory = tmp_path_factory.mktemp("pool")
    with process_pool() as executor:
        Sweep(directory, SIXTY).run(executor, ignore)
    return rows_of(directory)


def killed_and_started_again(directory, options, times):
    """What the sweep of SIXTY says in the end, after it was killed some times a while after it had started."""
    grid = [f"--grid={name}={','.join(map(str, values))}" for name, values in SIXTY["grid"].items()]
    command = [sys.executable, CLI, "sweep", directory, *grid, "--seeds", "5", *options]
    for _ in range(times):
        with started(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            for _ in range(12):
                process.stderr.readline()
            process.send_signal(signal.SIGKILL)
    again = [sys.executable, CLI, "sweep", directory, "--quiet", *options]
    return subprocess.run(again, capture_output=True, text=True)


def test_a_sweep_that_is_killed_and_started_again_ends_the_same(tmp_path, pool_rows):
    answer = killed_and_started_again(tmp_path / "sweep", [], times=3)
    assert answer.stdout.startswith("60 finished, 0 failed")
    np.testing.assert_equal(rows_of(tmp_path / "sweep"), pool_rows)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_sweep_that_is_stopped_lets_its_runs_write_checkpoints(tmp_path, number, status):
    grid = ["--grid=modulus=11", "--grid=width=8,9,10,11", "--grid=epochs=3,100000000"]
    def measured():
        return [path.parent for path in tmp_path.glob("runs/*/metrics.csv") if len(path.read_text().splitlines()) > 5]

    with started([sys.executable, CLI, "sweep", tmp_path, *grid], stderr=subprocess.PIPE) as process:
        wait_for(lambda: len(measured()) >= min(2, available_cores()))
        runs = measured()
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == status
    states = [check_run(directory) for directory in runs]
    assert states and all(state == "unfinished" and "epoch" in files["checkpoint.npz"] for state, files in states)


@pytest.mark.parametrize(("signals", "status"), [
    ([signal.SIGINT], 130), ([signal.SIGTERM], 143), ([signal.SIGINT] * 3, 130), ([signal.SIGTERM] * 3, 143),
], ids=["Ctrl-C", "SIGTERM", "Ctrl-C thrice", "SIGTERM thrice"])  # fmt: skip
def test_a_sweep_that_is_stopped_ends_with_the_line_that_goes_on(tmp_path, signals, status):
    """All processes get the signals, as from a terminal, and while they start: nothing else is said."""
    command = [sys.executable, CLI, "sweep", "my sweep", "--grid=modulus=11", "--grid=epochs=100000000,100000001"]
    with started(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        assert process.stderr.readline() == "2 runs in all\n"
        assert process.stderr.readline().startswith("2 runs to train")
        wait_for((tmp_path / "my sweep" / "results.csv").exists)
        time.sleep(0.2)     # the first process is at its imports
        for number in signals:
            os.killpg(process.pid, number)
            time.sleep(0.05)
        rest = process.communicate(timeout=30)[1]
    assert (process.returncode, rest) == (status, "minimod: stopped; resume with: minimod sweep 'my sweep'\n")


@pytest.mark.filterwarnings("ignore")
def test_a_sweep_on_a_cluster_that_is_killed_and_started_again_ends_the_same(tmp_path, pool_rows):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        options = ["--scheduler", cluster.scheduler_address]
        answer = killed_and_started_again(tmp_path / "sweep", options, times=2)
    assert answer.stdout.startswith("60 finished, 0 failed")
    np.testing.assert_equal(rows_of(tmp_path / "sweep"), pool_rows)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shared", [True, False], ids=["file system shared", "not shared"])
def test_a_cluster_gives_the_table_of_the_pool_though_a_worker_is_killed_and_one_added(
    tmp_path, pool_rows, shared, monkeypatch
):
    distributed = pytest.importorskip("distributed")
    if not shared:
        monkeypatch.setattr("minimod.sweeps.sweep.save_checked_json", lambda path, data: None)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as watcher, dask_cluster(cluster.scheduler_address) as executor,
    ):
        victim = min(watcher.run(os.getpid).values())
        seen = []

        def disturb(done, status):
            seen.append(status)
            if len(seen) == 15:
                os.kill(victim, signal.SIGKILL)
            if len(seen) == 30:
                cluster.scale(3)

        Sweep(tmp_path, SIXTY).run(executor, disturb)
    rows = rows_of(tmp_path)
    assert len(seen) == len(rows) == 60
    np.testing.assert_equal(rows, pool_rows)
    assert sum((tmp_path / "runs" / row["run"] / "network.npz").exists() for row in rows) == 60
