from dataclasses import replace

import numpy as np
import pytest

from minimod import TrainingConfig, analyze, train
from minimod.analysis.analysis import Analysis
from minimod.analysis.detectors import auroc, roc
from minimod.errors import InputError
from minimod.report.exhibit import exhibit as exhibit_of
from minimod.runs.accuracy import OUTCOMES, accuracies, outcomes

CONFIG = TrainingConfig(modulus=13, width=24, epochs=12, noise_ratio=0.4, learning_rate=0.02, threads=1)


def exhibit(run):
    with Analysis(run) as study:
        return exhibit_of(study)


def test_outcomes_are_counted_as_accuracies_are():
    dataset = train(CONFIG).dataset
    table = np.random.default_rng(0).integers(0, 13, (13, 13))
    a, b = dataset.train.a[::2], dataset.train.b[::2]
    table[a, b] = dataset.train.label[::2]
    counts = np.bincount(outcomes(table, dataset).ravel(), minlength=len(OUTCOMES))
    n, shares = dict(zip(OUTCOMES, counts.tolist())), accuracies(table, dataset)._asdict()
    noisy = int(dataset.train.is_noisy.sum())
    assert n["wrong label, memorised"] == round(shares["noisy"] * noisy) > 0
    assert n["wrong label, repaired"] == round(shares["repaired"] * noisy)
    assert n["right label, fitted"] == round(shares["clean"] * (len(dataset.train) - noisy)) > 0
    held = {part: len(getattr(dataset, part)) for part in ("validation", "test")}
    assert n["held out, right"] == round(sum(shares[part] * size for part, size in held.items()))
    assert n["not asked"] == 0 and sum(counts) == 169


@pytest.mark.parametrize("kind", ["smooth", "ties", "inf"])
def test_the_area_under_the_curve_is_the_auroc(kind):
    rng = np.random.default_rng(0)
    score, wrong = rng.standard_normal(90), rng.random(90) < 0.3
    score = {"ties": np.round(score), "inf": np.where(score > 1, np.inf, score)}.get(kind, score)
    assert np.trapezoid(*roc(score, wrong)[::-1]) == pytest.approx(auroc(score, wrong))


def test_a_curve_is_thinned_and_keeps_its_ends():
    score = np.arange(5000.0)
    right, wrong = roc(score, score % 3 == 0)
    assert len(right) == len(wrong) <= 100 and (right[0], wrong[0], right[-1], wrong[-1]) == (0, 0, 1, 1)


def test_what_is_shown_of_a_run_is_what_its_summary_has():
    run = train(CONFIG)
    shown, summary = exhibit(run), analyze(run)
    (last,) = shown["moments"]
    assert (shown["columns"] == summary["spectrum"]["order"]).all()
    np.testing.assert_allclose(
        last["shares"] / 255 * shown["largest"], summary["spectrum"]["share"], atol=shown["largest"] / 500
    )
    assert (np.diff(summary["neurons"]["share"][shown["neurons"]]) <= 0).all()
    assert shown["curves"]["u"]["weight"].shape == (24, 13)
    for name, table in last["pairs"].items():
        share = np.isin(table[run.dataset.test.a, run.dataset.test.b], [1]).mean()
        assert share == pytest.approx(summary["methods"][name]["test"])


def test_snapshots_are_moments_in_order(tmp_path):
    run = train(TrainingConfig(**vars(CONFIG) | {"snapshots": (0, 5)}), tmp_path / "run")
    moments = exhibit(run)["moments"]
    assert [each["epoch"] for each in moments] == [0, 5, 12]
    assert set(moments[0]["pairs"]) == {"raw", "interaction", "dominant", "dominant+quadratic"}
    assert [each["epoch"] for each in exhibit(run.at(5))["moments"]] == [0, 5]


@pytest.mark.parametrize(("name", "text"), [
    ("detectors.csv", "a,b,label,random\n1,2,3,x\n"), ("detectors.csv", ""), ("detectors.csv", "random\n1\n"),
    ("discovery.json", "{}"), ("discovery.json", "["),
])  # fmt: skip
def test_files_that_are_not_of_this_run_are_refused(tmp_path, name, text):
    run = train(CONFIG, tmp_path / "run")
    (tmp_path / "run" / name).write_text(text)
    with pytest.raises(InputError, match="call it again"):
        exhibit(run)


def test_where_truth_is_not_known_no_label_is_called_right():
    run = train(CONFIG)
    assert "right label, fitted" in exhibit(run)["outcomes"]
    unknown = replace(run, dataset=replace(run.dataset, is_known=False))
    assert "given label, fitted" in exhibit(unknown)["outcomes"]
