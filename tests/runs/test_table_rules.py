"""A run on a table of one's own has a copy of it: what becomes of the file later does not change the run."""

from dataclasses import replace

import numpy as np
import pytest
from run_cases import Stopped, contents, stop_at, train_on

from minimod import TrainingConfig, analyze, extract, load_run, train
from minimod.analysis.self_training import held_out_margins
from minimod.analysis.summary import describe_user_data
from minimod.engine.device import warn_once
from minimod.errors import InputError
from minimod.runs.data import UserData
from minimod.runs.files import load_checked_json
from minimod.runs.training import extend

P = 6
GROUP = np.add.outer(np.arange(P), np.arange(P)) % P
OTHER = GROUP[::-1].copy()


def save(table, path="table.csv"):
    np.savetxt(path, table, "%d", ",")


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A small run on the table in table.csv, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    save(GROUP)
    return TrainingConfig(rule="table:table.csv", noise_ratio=0.3, width=8, epochs=12, eval_every=4, threads=1)


def test_a_table_has_as_many_tokens_as_rows(config):
    assert config.modulus is None and train(config).config.modulus == P


def test_a_run_has_a_copy_of_its_table_and_the_checksum(config, tmp_path):
    train(config, "run")
    assert (load_run("run").data.table == GROUP).all()
    assert load_checked_json(tmp_path / "run/config.json")["data"].keys() == {"table"}


def test_a_damaged_copy_is_refused(config, tmp_path):
    train(config, "run")
    path = tmp_path / "run/data/table.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"one with all of its data|damaged|table.npz"):
        load_run("run")


def test_an_npy_file_is_the_same_run_as_a_csv(config):
    np.save("table.npy", GROUP)
    run, other = train(config), train(replace(config, rule="table:table.npy"))
    assert (run.network.U == other.network.U).all() and (run.dataset.train.label == other.dataset.train.label).all()


def test_a_groups_table_trains_as_the_group_itself(config):
    run, group = train(config), train(replace(config, rule="Z6"))
    assert (run.dataset.train.true_label == group.dataset.train.true_label).all()
    assert analyze(run)["structure"]["trained"].keys() == analyze(group)["structure"]["trained"].keys()


KINDS = {
    "The table is a group.": GROUP,
    "The table is a group under other names for a and b.": GROUP[[3, 1, 5, 0, 2, 4]],
    "The table is a Latin square, but no group.": np.array(
        [[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]]),
    "The table is neither a group nor a Latin square.": np.maximum.outer(np.arange(P), np.arange(P)),
}  # fmt: skip


@pytest.mark.parametrize(("said", "table"), KINDS.items(), ids=KINDS)
def test_it_is_said_what_a_table_is_and_what_is_left_out(said, table, config):
    save(table)
    run = train(replace(config, modulus=None))
    told = describe_user_data(run)
    assert told.startswith(said)
    assert ("components are left out" in told) == ("structure" not in analyze(run)) == ("is a group" not in said)


def test_a_stopped_run_goes_on_to_the_same_bits_after_its_file_has_gone(config, tmp_path):
    train(config, "whole", checkpoint_every=3)
    with pytest.raises(Stopped):
        train(config, "stopped", callback=stop_at(7), checkpoint_every=3)
    (tmp_path / "table.csv").unlink()
    train(config, "stopped", checkpoint_every=3)
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_a_run_is_extended_after_its_file_has_gone(config, tmp_path):
    train(config, "run")
    expected = train(replace(config, epochs=15))
    (tmp_path / "table.csv").unlink()
    longer = extend("run", 3)
    assert (longer.network.U == expected.network.U).all() and (load_run("run").data.table == GROUP).all()


def test_extraction_and_folds_take_the_copy_after_the_file_has_gone(config, tmp_path):
    run = train(config, "run")
    (tmp_path / "table.csv").unlink()
    assert (extract(load_run("run"), 1, "new")[-1].run.data.table == GROUP).all()
    assert held_out_margins(run, 2).shape == (len(run.dataset.train),)


@pytest.mark.parametrize("epochs", [12, 15])
def test_a_run_goes_on_with_its_copy_of_a_file_that_has_changed_and_says_so(epochs, config, tmp_path, caplog):
    warn_once.cache_clear()
    longer = replace(config, epochs=epochs)
    if longer == config:
        with pytest.raises(Stopped):
            train(config, "run", callback=stop_at(7), checkpoint_every=3)
    else:
        train(config, "run")
    save(OTHER)
    found = (train_on if longer != config else train)(longer, "run")
    assert (found.dataset.rule.label_table == GROUP).all() and "the run uses its copy" in caplog.text


def test_a_changed_file_does_not_change_what_is_read_of_a_run(config):
    train(config, "run")
    before = analyze("run")["methods"]["raw"]
    save(OTHER)
    assert analyze("run")["methods"]["raw"] == before


def test_a_noise_matrix_is_given_again_beside_a_table(config):
    config, matrix = replace(config, noise_kind="matrix"), 1 - np.eye(P)
    with pytest.raises(Stopped):
        train(config, "run", data=UserData(noise_matrix=matrix), callback=stop_at(7), checkpoint_every=3)
    assert train(config, "run", data=UserData(noise_matrix=matrix)).data.stored.keys() == {"noise_matrix", "table"}


def test_another_noise_matrix_beside_a_table_is_refused(config):
    config, matrix = replace(config, noise_kind="matrix"), 1 - np.eye(P)
    with pytest.raises(Stopped):
        train(config, "run", data=UserData(noise_matrix=matrix), callback=stop_at(7), checkpoint_every=3)
    with pytest.raises(InputError, match="on the same data"):
        train(config, "run", data=UserData(noise_matrix=matrix + np.eye(P, k=1)))


def test_a_table_of_another_shape_is_refused(config, tmp_path):
    (tmp_path / "table.csv").unlink()
    with pytest.raises(InputError, match=r"table is 'of shape \(5, 5\)'; it must be of shape \(6, 6\)"):
        train(replace(config, modulus=6), data=UserData(table=np.add.outer(range(5), range(5)) % 5))


def test_a_table_beside_another_rule_is_refused():
    with pytest.raises(InputError, match="table is 'given'; it must be left out, since the rule is S3"):
        train(TrainingConfig(rule="S3", width=4, epochs=0), data=UserData(table=GROUP))


def test_a_table_with_a_head_is_refused_in_a_line(config):
    with open("table.csv", "w") as file:
        file.write("a,b\n0,1\n1,0\n")
    with pytest.raises(InputError, match=r"it has shape \(3, 2\); a first row of names"):
        train(TrainingConfig(rule="table:table.csv"))
