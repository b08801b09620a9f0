"""Sweeps: which runs there are, that none is lost or double, here and on a cluster; the table and the plots."""

import csv
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from minimod import TrainingConfig, load_run
from minimod.backend import available_cores
from minimod.errors import InputError, Interrupted
from minimod.executors import completed, dask_cluster, in_processes, process_pool
from minimod.grid import configurations, parse_values
from minimod.plots import draw_curves, draw_heat_map
from minimod.runs import check_run
from minimod.sweep import COLUMNS, Sweep, curves, finished_run, run_name, train_and_measure

CLI = [sys.executable, str(Path(__file__).parents[1] / "cli.py")]
DEFINITION = {
    "preset": "headline", "seeds": 2,
    "grid": {"modulus": [7], "epochs": [3], "width": [4, 8], "noise_ratio": [0.0, 0.5]},
}  # fmt: skip
SIXTY = {
    "preset": "headline", "seeds": 5,
    "grid": {"modulus": [11], "epochs": [60], "width": [8, 16, 32], "noise_ratio": [0, 0.2, 0.5, 0.8]},
}  # fmt: skip


def table(directory):
    """The rows of a table without what is measured in seconds."""
    with open(directory / "results.csv", newline="") as file:
        return [{name: text for name, text in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def ignore(config, status):
    """No progress."""


@pytest.mark.parametrize(("name", "text", "values"), [
    ("width", "64,128", [64, 128]), ("noise_ratio", "0:0.9:0.3", [0, 0.3, 0.6, 0.9]), ("tied", "true", [True]),
    ("seed", "2:4:1", [2, 3, 4]), ("activation", "relu,gelu", ["relu", "gelu"]), ("batch_size", "none,10", [None, 10]),
])
def test_values_of_a_grid(name, text, values):
    assert parse_values(name, text) == values


@pytest.mark.parametrize(("name", "text"), [
    ("widht", "3"), ("width", ""), ("width", "0"), ("width", "1.5"), ("width", "1:2"), ("width", "1:5:0"),
    ("noise_ratio", "0:2:1"), ("width", "5:1:1"), ("width", "1:1e12:1"), ("tied", "maybe"), ("noise_ratio", "nan"),
])
def test_values_that_a_field_cannot_have_are_refused(name, text):
    with pytest.raises(InputError):
        parse_values(name, text)


def test_the_grid_is_a_product_with_seeds_and_nothing_twice():
    configs = configurations(TrainingConfig(), {"width": [8, 16, 8], "tied": [True, False]}, 3)
    assert len(configs) == len(set(map(run_name, configs))) == 2 * 2 * 3
    assert {config.seed for config in configurations(TrainingConfig(), {"seed": [5, 6]}, 3)} == {5, 6}


def test_the_table_has_a_row_for_every_run_in_the_order_of_the_grid(tmp_path):
    sweep = Sweep(tmp_path, DEFINITION)
    seen = []
    with ThreadPoolExecutor(1) as executor:
        sweep.run(executor, lambda config, status: seen.append(config.width))
    assert seen == [8] * 4 + [4] * 4, "the longest first"
    rows = table(tmp_path)
    assert [row["run"] for row in rows] == list(sweep.configs)
    assert set(rows[0]) | {"seconds"} == set(COLUMNS)
    for row in rows:
        run = load_run(tmp_path / "runs" / row["run"])
        assert float(row["test_accuracy"]) == run.history["test_accuracy"][-1]
        assert float(row["dominant_test"]) == run.history["filtered_test_accuracy"][-1]
        assert float(row["final_loss"]) == run.history["loss"][-1] and row["loss"] == run.config.loss
        assert (int(row["width"]), int(row["epoch"]), row["status"]) == (run.config.width, 3, "finished")


class Refusing:
    """An executor that must not be asked."""

    def submit(self, *task):
        pytest.fail("trained again")


def test_what_has_finished_is_not_trained_again_and_a_grid_can_grow(tmp_path):
    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, ignore)
        before = (tmp_path / "results.csv").read_bytes()
        Sweep(tmp_path).run(Refusing(), ignore)
        assert (tmp_path / "results.csv").read_bytes() == before
        larger = DEFINITION | {"grid": DEFINITION["grid"] | {"width": [12]}}
        Sweep(tmp_path, larger).run(executor, ignore)
    assert [row["width"] for row in table(tmp_path)] == ["12"] * 4 + ["4"] * 4 + ["8"] * 4


def test_a_failed_run_is_recorded_with_its_error_and_tried_again_when_asked(tmp_path):
    rates = {"optimizer": ["sgd"], "learning_rate": [1e-3, 1e30], "epochs": [50]}
    definition = DEFINITION | {"grid": DEFINITION["grid"] | rates}
    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, definition).run(executor, ignore)
        failed = [row for row in table(tmp_path) if row["status"] == "failed"]
        assert len(table(tmp_path)) == 16 and len(failed) == 8
        assert all(row["learning_rate"] == "1e+30" and "DivergenceError" in row["error"] for row in failed)
        Sweep(tmp_path).run(Refusing(), ignore)
        tried = []
        Sweep(tmp_path).run(executor, lambda config, status: tried.append(status), retry_failed=True)
    assert tried == ["failed"] * 8 and len(table(tmp_path)) == 16


def test_a_task_that_fails_unforeseen_is_a_row_too(tmp_path):
    class Broken(ThreadPoolExecutor):
        def submit(self, function, config, *rest):
            return super().submit(function, *((config, *rest) if config.width == 4 else (None, *rest)))

    with Broken(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, ignore)
    assert [(row["width"], row["status"]) for row in table(tmp_path)] == [("4", "finished")] * 4 + [("8", "failed")] * 4


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
        Sweep(tmp_path, DEFINITION | {"grid": DEFINITION["grid"] | {"width": [12]}}).run(executor, ignore)
    assert [row["width"] for row in table(tmp_path)] == ["12"] * 4 + ["4"] * 4 + ["8"] * 3


def test_one_sweep_at_a_time_holds_a_directory(tmp_path):
    def second(config, status):
        with pytest.raises(InputError, match="no other process"):
            Sweep(tmp_path).run(Refusing(), ignore)

    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, second)


def test_a_run_that_another_process_trains_is_waited_for(tmp_path):
    config = TrainingConfig(modulus=7, width=8, epochs=5, threads=1)
    inside, finished = threading.Event(), []

    def slow(epoch, row):
        inside.set()
        time.sleep(0.2)

    first = threading.Thread(target=lambda: finished_run(config, tmp_path / "run", 1, slow))
    first.start()
    inside.wait()
    finished.append(finished_run(config, tmp_path / "run", 1, lambda *_: pytest.fail("trained twice")))
    first.join()
    assert finished[0].network.W.any()


def test_a_worker_that_does_not_see_the_directory_sends_the_files(tmp_path):
    config = TrainingConfig(modulus=7, width=8, epochs=3, threads=1)
    sent = train_and_measure(config, tmp_path / "away" / "runs" / "name", "id")
    assert not (tmp_path / "away").exists()
    assert sent.files.keys() == {"config.json", "metrics.csv", "checkpoint.npz", "network.npz"}
    here = tmp_path / "name"
    here.mkdir()
    for name, content in sent.files.items():
        (here / name).write_bytes(content)
    assert load_run(here).config == config


def test_tasks_are_handed_over_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr("minimod.executors.IN_FLIGHT", 3)
    running, most, lock = [], [], threading.Lock()

    class Counting(ThreadPoolExecutor):
        def submit(self, *task):
            with lock:
                running.append(1)
                most.append(len(running))
            return super().submit(*task)

    with Counting(2) as executor:
        for _ in completed(executor, pow, ((2, n) for n in range(20))):
            running.pop()
    assert len(most) == 20 and max(most) == 3


@pytest.fixture(scope="module")
def pool_table(tmp_path_factory):
    """Sixty runs on the process pool."""
    directory = tmp_path_factory.mktemp("pool")
    with process_pool() as executor:
        Sweep(directory, SIXTY).run(executor, ignore)
    return table(directory)


def killed_and_started_again(directory, options, times):
    """What the sweep of SIXTY says in the end, after it was killed some times a while after it had started."""
    grid = [f"--grid={name}={','.join(map(str, values))}" for name, values in SIXTY["grid"].items()]
    command = [*CLI, "sweep", directory, *grid, "--seeds", "5", *options]
    for _ in range(times):
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
            for _ in range(12):
                process.stderr.readline()
            process.send_signal(signal.SIGKILL)
    return subprocess.run([*CLI, "sweep", directory, "--quiet", *options], capture_output=True, text=True)


def test_a_sweep_that_is_killed_and_started_again_ends_the_same(tmp_path, pool_table):
    answer = killed_and_started_again(tmp_path / "sweep", [], times=3)
    assert answer.stdout.startswith("60 finished, 0 failed")
    assert table(tmp_path / "sweep") == pool_table


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_sweep_that_is_stopped_lets_its_runs_write_checkpoints(tmp_path, number, status):
    grid = ["--grid=modulus=11", "--grid=width=8,9,10,11", "--grid=epochs=3,100000000"]
    with subprocess.Popen(
        [*CLI, "sweep", tmp_path, *grid], stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        deadline = time.monotonic() + 30
        measured = []
        while len(measured) < min(2, available_cores()) and time.monotonic() < deadline:
            time.sleep(0.05)
            measured = [path for path in tmp_path.glob("runs/*/metrics.csv") if len(path.read_text().splitlines()) > 5]
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == status
    states = [check_run(path.parent) for path in measured]
    assert states and all(state == "unfinished" and "epoch" in files["checkpoint.npz"] for state, files in states)


@pytest.mark.filterwarnings("ignore")
def test_a_sweep_on_a_cluster_that_is_killed_and_started_again_ends_the_same(tmp_path, pool_table):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        options = ["--scheduler", cluster.scheduler_address]
        answer = killed_and_started_again(tmp_path / "sweep", options, times=2)
    assert answer.stdout.startswith("60 finished, 0 failed")
    assert table(tmp_path / "sweep") == pool_table


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shared", [True, False], ids=["file system shared", "not shared"])
def test_a_cluster_gives_the_table_of_the_pool_though_a_worker_is_killed_and_one_added(
    tmp_path, pool_table, shared, monkeypatch
):
    distributed = pytest.importorskip("distributed")
    if not shared:
        monkeypatch.setattr("minimod.sweep.save_signed_json", lambda path, data: None)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as watcher, dask_cluster(cluster.scheduler_address) as executor,
    ):
        victim = min(watcher.run(os.getpid).values())
        seen = []

        def disturb(config, status):
            seen.append(status)
            if len(seen) == 15:
                os.kill(victim, signal.SIGKILL)
            if len(seen) == 30:
                cluster.scale(3)

        Sweep(tmp_path, SIXTY).run(executor, disturb)
    rows = table(tmp_path)
    assert len(seen) == len(rows) == 60
    assert rows == pool_table
    assert sum((tmp_path / "runs" / row["run"] / "network.npz").exists() for row in rows) == 60


def interrupt_first(directory, number):
    """A task that a signal has interrupted, or, for any but the first, that leaves a file."""
    if number == 0:
        raise Interrupted(signal.SIGTERM, directory, 1)
    (directory / str(number)).touch()


def test_a_process_that_a_signal_has_interrupted_begins_no_other_task(tmp_path, monkeypatch):
    monkeypatch.setattr("minimod.executors.available_cores", lambda: 1)
    with pytest.raises(BrokenExecutor):
        list(in_processes(interrupt_first, [(tmp_path, number) for number in range(3)]))
    assert not list(tmp_path.iterdir())


def test_curves_gather_runs_by_their_columns(tmp_path):
    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, ignore)
    gathered = curves(tmp_path, "width", "test_accuracy", "noise_ratio")
    assert {by: {x: len(numbers) for x, numbers in row.items()} for by, row in gathered.items()} == {
        "0.0": {"4": 2, "8": 2}, "0.5": {"4": 2, "8": 2},
    }
    rows = [row for row in table(tmp_path) if (row["width"], row["noise_ratio"]) == ("8", "0.5")]
    assert gathered["0.5"]["8"] == [float(row["test_accuracy"]) for row in rows]
    with pytest.raises(InputError, match="column is 'nothing'"):
        curves(tmp_path, "width", "nothing")
    with pytest.raises(InputError, match="column of numbers"):
        curves(tmp_path, "width", "activation")


CURVES = {"0.1": {"64": [0.5, 0.7], "8": [0.1, 0.3]}, "0.02": {"8": [0.2], "64": [0.9]}}


def test_curves_are_drawn_in_the_order_of_their_numbers():
    (axes,) = draw_curves(CURVES, "width", "test_accuracy", "noise_ratio", True).axes
    assert [line.get_label() for line in axes.lines] == ["0.02", "0.1"]
    assert axes.lines[1].get_xydata().tolist() == [[8, 0.2], [64, 0.6]]
    assert axes.get_xscale() == "log"


def test_a_heat_map_has_a_cell_for_every_pair_of_values():
    axes = draw_heat_map(CURVES, "width", "test_accuracy", "noise_ratio").axes[0]
    assert axes.images[0].get_array().tolist() == [[0.2, 0.9], [0.2, 0.6]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["8", "64"]


def test_the_command_line_sweeps_and_plots(tmp_path):
    (tmp_path / "grid.toml").write_text('seeds = 2\n[grid]\nmodulus = [7]\nepochs = "2,3"\nwidth = [4]\n')
    sweep = subprocess.run(
        [*CLI, "sweep", "s", "--file", "grid.toml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (sweep.returncode, sweep.stdout) == (0, "4 finished, 0 failed. The table is s/results.csv.\n")
    plot = [*CLI, "plot", "s", "--x", "epochs", "--y", "dominant_test"]
    assert subprocess.run(plot, cwd=tmp_path, capture_output=True, text=True).stdout == (
        "Written to s/dominant_test-over-epochs.png.\n"
    )
    assert (tmp_path / "s" / "dominant_test-over-epochs.png").stat().st_size > 5000


@pytest.mark.parametrize("arguments", [
    ["--grid", "widht=3"], ["--grid", "width"], [], ["--file", "missing.toml"], ["--seeds", "0"],
    ["--grid", "width=3", "--scheduler", "tcp://127.0.0.1:1"],
])
def test_wrong_options_of_a_sweep_are_one_line(tmp_path, arguments):
    environment = os.environ | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    answer = subprocess.run(
        [*CLI, "sweep", "s", "--quiet", *arguments], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert answer.returncode in (1, 2)
    assert answer.stderr.startswith("minimod: ") and answer.stderr.count("\n") == 1


@pytest.mark.parametrize("content", [
    "preset = [1]", "seeds = 0", "seeds = 1.5", "grid = 3", "other = 1", "[grid", "[grid]\nwidth = [0]",
])
def test_a_toml_file_that_is_no_sweep_is_one_line(tmp_path, content):
    (tmp_path / "grid.toml").write_text(content)
    answer = subprocess.run(
        [*CLI, "sweep", "s", "--quiet", "--file", "grid.toml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert answer.returncode == 2
    assert answer.stderr.startswith("minimod: ") and answer.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "content"), [
    ("sweep.json", b"{"), ("results.csv", b"\xff\xfe\n"), ("results.csv", b"a" * 10**6 + b"\n"), ("results.csv", b""),
])
def test_a_damaged_sweep_is_one_line(tmp_path, name, content):
    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, ignore)
    (tmp_path / name).write_bytes(content)
    command = ["sweep", "."] if name == "sweep.json" else ["plot", ".", "--x", "width", "--y", "test_accuracy"]
    answer = subprocess.run([*CLI, *command], cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode in (1, 2)
    assert answer.stderr.startswith("minimod: ") and answer.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [["--output", "x.bmp"], ["--log-x", "--x", "activation"], ["--heat-map"]])
def test_wrong_options_of_a_plot_are_one_line(tmp_path, options):
    with ThreadPoolExecutor(1) as executor:
        Sweep(tmp_path, DEFINITION).run(executor, ignore)
    command = [*CLI, "plot", ".", "--x", "width", "--y", "test_accuracy", *options]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stderr.startswith("minimod: ") and answer.stderr.count("\n") == 1
