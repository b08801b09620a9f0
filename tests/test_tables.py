"""Every entry of every table that people add to does what its table asks of it. A new entry is checked without a word.

As scikit-learn has it for estimators: the checks are of the tables, and know none of the entries.
"""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from claim_cases import ALL_CLAIMS
from planted import ideal_network, join, random_network

from minimod import TrainingConfig, TwoLayerNet, analyze, make_rule, train
from minimod.activations import ACTIVATIONS
from minimod.analysis.analysis import Analysis
from minimod.analysis.detectors import DETECTORS, Evidence
from minimod.analysis.masking import CHOICES
from minimod.analysis.readouts import READOUTS
from minimod.analysis.rows import RANDOM, ROWS
from minimod.analysis.scores import COORDINATES, NOTHING, RULE, SCORES, TWO_INPUTS
from minimod.analysis.structure import Structure
from minimod.claims.claim import SCALES
from minimod.losses import LOSSES
from minimod.network import TRAINED
from minimod.noise import NOISE_KINDS
from minimod.optimizers import OPTIMIZERS
from minimod.report.figures import FIGURES
from minimod.rules import RULES
from minimod.runs.config import PRESETS
from minimod.runs.data import UserData
from minimod.runs.metrics import METRICS
from minimod.runs.run import initial_network

TINY = TrainingConfig(modulus=7, width=6, epochs=2, noise_ratio=0.5, device="cpu", threads=1)
NEEDS = (NOTHING, TWO_INPUTS, COORDINATES, RULE)


@cache
def tiny_run():
    return train(TINY)


@cache
def tiny_summary():
    return analyze(tiny_run())


def untrained(rule="add"):
    return Structure(initial_network(TINY), make_rule(rule, TINY.modulus))


def assert_table(table, P=TINY.modulus):
    """A label for every pair."""
    assert table.shape == (P, P) and table.dtype.kind == "i"
    assert 0 <= table.min() and table.max() < P


def predicts(name):
    config = replace(TINY, rule="S3", modulus=6) if "rank one" in name else TINY
    row, P = ROWS[name], config.modulus
    mask = row.mask
    assert {*row.needs.split(", ")} <= {*NEEDS, *([CHOICES[mask.choice].needs] if mask else [])}
    assert not mask or row.needs.endswith(CHOICES[mask.choice].needs)
    assert not mask or (mask.score in {*SCORES, RANDOM} and mask.readout in READOUTS)
    analysis = Analysis(train(config), ensemble=[train(replace(config, init_seed=1))])
    for table in np.reshape(analysis.predict(name), (-1, P, P)):
        assert_table(table, P)
    assert row.is_method <= (analysis.predict(name).ndim == 2)
    assert all(0 <= share <= 1 for share in analysis.row(name))
    assert (analysis.chosen(name) is None) == (mask is None)


def ranks_neurons(name):
    assert SCORES[name].needs in NEEDS
    score = SCORES[name].value(untrained())
    assert score.shape == (TINY.width,) and np.isfinite(score).all()
    rule = make_rule("add", 31)
    nothing = TwoLayerNet(np.zeros((31, 4)), np.zeros((31, 4)), np.zeros((4, 31)), np.zeros(31))
    of_nothing = SCORES[name].value(Structure(nothing, rule))
    assert np.isfinite(of_nothing).all(), "a neuron whose weights are all 0 needs a finite score"
    ideal, random = ideal_network(rule, "relu"), random_network(P=31, M=64)     # which has half the ideal norm
    both = join(ideal, random.convert(lambda X: X / np.sqrt(8)))
    scores = SCORES[name].value(Structure(both, rule))
    last = (-scores).argsort()[-random.width :]
    assert (last >= ideal.width).mean() > 0.9, "random neurons must rank below ideal ones: is the sign right?"
    assert of_nothing.max() <= np.median(scores[: ideal.width]), "weights that are all 0 must not rank above ideal ones"


def has_labels_and_orthonormal_bases(name):
    rule = make_rule(name, TINY.modulus)
    assert (rule.name, rule.modulus) == (name, TINY.modulus)
    assert_table(np.where(rule.has_components, rule.label_table, 0))
    assert_table(rule.has_components.astype(int))
    *bases, label = rule.bases
    for basis in bases:
        assert basis.shape == (TINY.modulus, len(label))
        np.testing.assert_allclose(basis.T @ basis, np.eye(len(label)), atol=1e-12)
    assert label.dtype.kind == "i" and set(label) == set(range(label.max() + 1))


def trains(field):
    """The check that a run with a name in this field of the configuration ends with finite numbers."""
    def check(name):
        weights = 1 - np.eye(TINY.modulus) if name == "matrix" else None
        run = train(replace(TINY, **{field: name}), data=UserData(noise_matrix=weights))
        assert run.history["epoch"].tolist() == [0, 1, 2]
        assert np.isfinite(run.history["loss"]).all()
        assert all(np.isfinite(array).all() for array in run.network.arrays.values())
        assert any((array != initial_network(TINY).arrays[key]).any() for key, array in run.network.arrays.items())

    return check


def is_trained_with_and_tame(name):
    trains("activation")(name)
    far = np.array([-1000, -1, 0, 1, 1000], np.float32)
    for function in ACTIVATIONS[name]:
        assert np.isfinite(np.asarray(function(far), float)).all()


def is_measured(name):
    assert np.isfinite(tiny_run().history[name]).all()


def has_runs_that_differ_at_both_scales(name):
    for scale in SCALES:
        experiments = ALL_CLAIMS[name].experiments(scale)
        assert len(set(experiments)) == len(experiments) > 0
        for configs in experiments:
            assert all(isinstance(config, TrainingConfig) and config.seed == 0 for config in configs)


def scores_labels(name):
    n, P, generator = 40, 7, np.random.default_rng(0)
    a, b, label = generator.integers(0, P, (3, n))
    names = ("margin", "probability", "forgotten", "half_loss")
    margin, course = generator.normal(size=n), dict.fromkeys(names, b + 0.5)
    table = np.zeros((P, P), int)
    detector, evidence = DETECTORS[name], Evidence(a, b, label, P, generator, course, *[margin] * 6, table)
    score = detector.score(getattr(evidence, detector.source), evidence)
    assert score.shape == (n,) and np.isfinite(score).all() and detector.needs


def is_drawn(name):
    followed = {"course": {"epoch": np.array([0, 2]), "raw test": np.array([0.0, 0.5])}}
    FIGURES[name](tiny_summary() | followed).draw_without_rendering()


def survives_json(name):
    assert TrainingConfig.from_dict(json.loads(json.dumps(PRESETS[name].to_dict()))) == PRESETS[name]


# Table -> its entries, and the check of each.
TABLES = {
    "ROWS": (ROWS, predicts), "SCORES": (SCORES, ranks_neurons),
    "RULES": (RULES, has_labels_and_orthonormal_bases), "NOISE_KINDS": (NOISE_KINDS, trains("noise_kind")),
    "LOSSES": (LOSSES, trains("loss")), "ACTIVATIONS": (ACTIVATIONS, is_trained_with_and_tame),
    "OPTIMIZERS": (OPTIMIZERS, trains("optimizer")), "METRICS": (METRICS, is_measured),
    "TRAINED": (TRAINED, trains("trained")), "DETECTORS": (DETECTORS, scores_labels),
    "CLAIMS": (ALL_CLAIMS, has_runs_that_differ_at_both_scales), "FIGURES": (FIGURES, is_drawn),
    "PRESETS": (PRESETS, survives_json),
}  # fmt: skip


@pytest.mark.parametrize(("check", "name"), [
    pytest.param(check, name, id=f"{table}-{name}") for table, (entries, check) in TABLES.items() for name in entries
])  # fmt: skip
def test_an_entry_does_what_its_table_asks(check, name):
    check(name)
