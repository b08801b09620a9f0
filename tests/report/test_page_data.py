from dataclasses import replace

import numpy as np
import pytest

from minimod import TrainingConfig, analyze, filter_frequencies, train
from minimod.analysis.analysis import Analysis
from minimod.analysis.detectors import auroc, roc
from minimod.errors import InputError
from minimod.report.page_data import COLUMNS, page_data
from minimod.runs.accuracy import OUTCOMES, accuracies, outcomes

CONFIG = TrainingConfig(modulus=13, width=24, epochs=12, noise_ratio=0.4, learning_rate=0.02, threads=1)


def data_of(run):
    with Analysis(run) as study:
        return page_data(study)


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
    shown, summary = data_of(run), analyze(run)
    (last,) = shown["moments"]
    assert (shown["columns"] == summary["spectrum"]["order"]).all()
    np.testing.assert_allclose(
        last["shares"] / 255 * shown["largest"], summary["spectrum"]["share"], atol=shown["largest"] / 500
    )
    for name, table in last["outcomes"].items():
        share = np.isin(table[run.dataset.test.a, run.dataset.test.b], [1]).mean()
        assert share == pytest.approx(summary["methods"][name]["test"])
    assert (shown["ranked"] == np.argsort(-summary["neurons"]["share"], kind="stable")).all()
    assert last["counts"]["neurons"].sum() == 24 and last["counts"]["power"].sum() == pytest.approx(1)


@pytest.mark.parametrize("rule", ["add", "mul", "S3"])
def test_the_weights_and_the_bases_of_a_page_give_the_network_and_its_dominant_part(rule):
    run = train(CONFIG.changed(rule=rule, modulus=None if rule == "S3" else 13))
    shown = data_of(run)
    last, network = shown["moments"][-1], run.network
    u, v, w = vectors = last["weights"] * last["scale"][:, :, None]
    for ours, theirs in ((u, network.U.T), (v, network.V.T), (w, network.W)):
        np.testing.assert_allclose(ours, theirs[last["neurons"]], atol=np.abs(theirs).max() / 32767)
    kept, _ = filter_frequencies(network, run.dataset.rule)
    for x, basis, component, theirs in zip(vectors, shown["bases"], last["component"], (kept.U.T, kept.V.T, kept.W)):
        belongs = shown["component_of"] == component[:, None]                                       # (neurons, n)
        np.testing.assert_allclose((x @ basis.T * belongs) @ basis, theirs, atol=2e-4)


def test_what_was_shown_and_what_is_answered_are_the_labels():
    run = train(CONFIG)
    shown, train_ = data_of(run), run.fitted
    assert (shown["given"][train_.a, train_.b] == train_.label).all() and (shown["given"] >= 0).sum() == len(train_)
    assert (shown["rule"] == run.dataset.rule.label_table).all()
    a, b = np.indices((13, 13)).reshape(2, -1)
    assert (shown["moments"][-1]["answers"].ravel() == run.network.predict(a, b)).all()


def test_an_activation_is_given_where_hidden_values_lie():
    shown = data_of(train(CONFIG))
    at = np.linspace(-shown["phi"]["range"], shown["phi"]["range"], len(shown["phi"]["value"]))
    np.testing.assert_allclose(shown["phi"]["value"], np.maximum(at, 0), atol=1e-6)
    assert 0 in at


def test_a_wide_network_is_shown_in_part():
    shown = data_of(train(CONFIG.changed(modulus=7, width=2 * COLUMNS, epochs=0)))
    assert len(shown["columns"]) == COLUMNS and shown["is_whole"]
    assert len(shown["moments"][-1]["neurons"]) == 2 * COLUMNS


def test_snapshots_are_moments_in_order(tmp_path):
    run = train(TrainingConfig(**vars(CONFIG) | {"snapshots": (0, 5)}), tmp_path / "run")
    moments = data_of(run)["moments"]
    assert [each["epoch"] for each in moments] == [0, 5, 12]
    assert set(moments[0]["outcomes"]) == {"raw", "interaction", "dominant", "dominant+quadratic"}
    assert [each["epoch"] for each in data_of(run.at(5))["moments"]] == [0, 5]


@pytest.mark.parametrize(("name", "text"), [
    ("detectors.csv", "a,b,label,random\n1,2,3,x\n"), ("detectors.csv", ""), ("detectors.csv", "random\n1\n"),
    ("discovery.json", "{}"), ("discovery.json", "["),
])  # fmt: skip
def test_files_that_are_not_of_this_run_are_refused(tmp_path, name, text):
    run = train(CONFIG, tmp_path / "run")
    (tmp_path / "run" / name).write_text(text)
    with pytest.raises(InputError, match="call it again"):
        data_of(run)


def test_where_truth_is_not_known_no_label_is_called_right():
    run = train(CONFIG)
    assert "right label, fitted" in data_of(run)["outcomes"]
    unknown = replace(run, dataset=replace(run.dataset, is_known=False))
    assert "given label, fitted" in data_of(unknown)["outcomes"]
