"""The names of runs, in what order and for how long they are trained, and that none is trained twice."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import pytest
from sweep_cases import OTHERS

from minimod import TrainingConfig
from minimod.runs.config import FREE_FIELDS
from minimod.runs.data import Job
from minimod.runs.jobs import estimated_seconds, longest_first, run_name, work

SMALL = TrainingConfig(modulus=7, width=8, epochs=2)


@dataclass(frozen=True)
class Grown(TrainingConfig):
    """The configuration of a later version, with one field more."""

    temperature: float = 1.0


def test_every_field_is_tried():
    assert OTHERS.keys() == {field.name for field in fields(TrainingConfig)}


@pytest.mark.parametrize("name", [name for name in OTHERS if name not in FREE_FIELDS])
def test_runs_that_differ_have_names_that_differ(name):
    assert run_name(replace(TrainingConfig(), **{name: OTHERS[name]})) != run_name(TrainingConfig())


@pytest.mark.parametrize("name", FREE_FIELDS)
def test_what_changes_no_result_changes_no_name(name):
    assert run_name(replace(TrainingConfig(), **{name: OTHERS[name]})) == run_name(TrainingConfig())


def test_a_new_field_changes_no_name():
    assert run_name(Grown(width=8)) == run_name(TrainingConfig(width=8))
    assert run_name(Grown(width=8, temperature=2.0)) != run_name(TrainingConfig(width=8))


def test_names_stay_from_version_to_version():
    """Under another name a run that has finished would be trained again."""
    assert run_name(TrainingConfig()) == "add113-width2048-noise0.8-seed0-44136fa355b3"
    later = {"trained": "all", "record": False, "label_smoothing": 0.0, "snapshots": None}     # of later versions
    others = TrainingConfig(**OTHERS | later)
    assert run_name(others) == "sub11-width12-noise0.25-seed7-f3bfab805cf6"


def test_the_estimate_is_a_time_for_the_work():
    assert 0 < estimated_seconds([TrainingConfig(modulus=59, width=512, epochs=30)] * 2) < 60
    assert work(replace(SMALL, epochs=4)) == 2 * work(SMALL)


def test_the_longest_are_begun_first(tmp_path):
    runs = {tmp_path / str(epochs): Job(replace(SMALL, epochs=epochs)) for epochs in (2, 9, 5)}
    begun = []
    with ThreadPoolExecutor(1) as executor:
        note = lambda job, directory, more: begun.append((job.config, more))  # noqa: E731
        done = list(longest_first(executor, note, runs, "more"))
    assert begun == [(replace(SMALL, epochs=epochs), "more") for epochs in (9, 5, 2)]
    assert [directory.name for directory, _ in done] == ["9", "5", "2"]
