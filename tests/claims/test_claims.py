"""The verdicts, and every claim carried through on networks that are hardly trained."""

import dataclasses
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minimod import TrainingConfig, analyze, train
from minimod.claims import CLAIMS
from minimod.claims.agnostic import QUADRATIC, RELU, agnostic_limit
from minimod.claims.claim import FAILS, HOLDS, INCONCLUSIVE, SCALES, Criterion, Result
from minimod.claims.extraction import best_affine_prediction
from minimod.claims.figure import draw_claim
from minimod.claims.measures import cell, furthest, note
from minimod.claims.results import number, page, section, spread, table
from minimod.claims.variations import doshi_phase
from minimod.data import build_dataset


def result(*values, relation="at least", bound=0.5):
    """The result of a claim whose only number has these values, seed by seed."""
    claim = replace(CLAIMS["tied"], keys=(), criteria=(Criterion("x", cell("x"), relation, bound),))
    return Result("made up", claim, "quick", [{"seed": seed, "x": value} for seed, value in enumerate(values)])


@pytest.mark.parametrize(("relation", "values", "verdict"), [
    ("at least", (0.5, 0.9), HOLDS), ("at least", (0.4, 0.499), FAILS), ("at least", (0.4, 0.6), INCONCLUSIVE),
    ("at most", (0.5, 0.1), HOLDS), ("at most", (0.501, 0.9), FAILS), ("at most", (0.4, 0.6), INCONCLUSIVE),
    ("at least", (0.9, math.nan), INCONCLUSIVE), ("at least", (0.1, math.nan), INCONCLUSIVE),
    ("at most", (math.nan,), INCONCLUSIVE),
])  # fmt: skip
def test_a_verdict_needs_all_seeds_either_way(relation, values, verdict):
    assert result(*values, relation=relation).verdict == verdict


def test_a_claim_falls_with_one_criterion():
    claim = replace(CLAIMS["tied"], keys=(), criteria=tuple(
        Criterion(name, cell(name), "at least", 0.5) for name in "xy"
    ))  # fmt: skip
    rows = [{"seed": seed, "x": 1.0, "y": 1.0} for seed in range(2)]
    assert Result("both", claim, "quick", rows).verdict == HOLDS
    for row in rows:
        row["y"] = 0.0
    assert Result("both", claim, "quick", rows).verdict == FAILS


TIED = {
    "untied, wrong noise": (1.0, 1.0), "untied, symmetric noise": (1.0, 1.0),
    "tied, wrong noise": (0.5, 1.0), "tied, symmetric noise": (1.0, 1.0),
}  # fmt: skip


@pytest.mark.parametrize(("network", "column", "value"), [
    ("tied, wrong noise", "raw noisy", 0.9), ("tied, symmetric noise", "raw noisy", 0.9),
    ("untied, wrong noise", "raw noisy", 0.9), ("tied, symmetric noise", "dominant test", 0.5),
])  # fmt: skip
def test_made_up_numbers_that_should_fail_a_claim_fail_it(network, column, value):
    rows = [
        {"seed": 0, "network": name, "raw noisy": noisy, "dominant test": test} for name, (noisy, test) in TIED.items()
    ]
    assert Result("tied", CLAIMS["tied"], "quick", rows).verdict == HOLDS
    next(row for row in rows if row["network"] == network)[column] = value
    assert Result("tied", CLAIMS["tied"], "quick", rows).verdict == FAILS


@pytest.fixture(scope="module")
def headline():
    """The headline run itself, measured at its end alone, and its result as a claim."""
    run = train(replace(CLAIMS["headline"].configs("quick")[0], eval_every=100))
    rows = [{"seed": 0} | row for row in CLAIMS["headline"].measure(run)]
    return Result("headline", CLAIMS["headline"], "quick", rows)


def test_the_headline_holds(headline):
    assert headline.verdict == HOLDS, section(headline)


def test_the_headline_beats_its_controls(headline):
    tests = {row["method"]: row["test"] for row in headline.rows}
    repaired = {row["method"]: row["repaired"] for row in headline.rows}
    assert repaired["dominant"] > 0.99
    assert tests["dominant"] > tests["random frequency"] + 0.3
    assert tests["interaction"] < 0.05, "no method without the coordinates gets there"


@pytest.fixture(scope="module", params=CLAIMS)
def untrained(request):
    """The result of a claim on tiny networks after one epoch, as many as it asks for."""
    claim = CLAIMS[request.param]

    def shrunk(config):
        # The moduli of agnostic-limit stay: its noise ratios are made for them.
        modulus = config.modulus if request.param == "agnostic-limit" else 11
        return replace(config, modulus=modulus, epochs=1, eval_every=1, threads=1)

    rows = [
        {"seed": seed} | row
        for seed in range(2) for configs in claim.experiments("quick")
        for row in claim.measure(*(train(replace(shrunk(config), seed=seed)) for config in configs))
    ]
    return Result(request.param, claim, "quick", rows)


def test_no_claim_holds_of_networks_that_are_hardly_trained(untrained):
    assert untrained.verdict != HOLDS
    for criterion in untrained.claim.criteria:
        assert all(isinstance(value, (int, float)) for value in untrained.values(criterion))


def test_the_keys_tell_the_rows_of_a_seed_apart(untrained):
    rows = untrained.of_seed(0)
    assert len({tuple(row[key] for key in untrained.claim.keys) for row in rows}) == len(rows)
    assert len(untrained.rows) == 2 * len(rows)


def test_a_claim_is_drawn_and_written_without_a_gap(untrained):
    figure = draw_claim(untrained)
    figure.draw_without_rendering()
    inside, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(inside.x0, inside.y0) > -0.02 and inside.x1 < width + 0.02 and inside.y1 < height + 0.02, "cut off"
    plot = untrained.claim.plot
    assert {plot.x, *plot.columns, *plot.panel} <= {*untrained.claim.keys, *untrained.columns}
    text = section(untrained)
    assert text.startswith(f"## {untrained.name}: {untrained.verdict}\n")
    assert untrained.claim.statement in " ".join(text.split())
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == (
        2 + len(untrained.claim.criteria) + len(untrained.of_seed(0))
    )


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", CLAIMS)
def test_every_scale_has_runs_that_differ(name, scale):
    experiments = CLAIMS[name].experiments(scale)
    assert len(set(experiments)) == len(experiments) > 0
    for configs in experiments:
        assert all(isinstance(config, TrainingConfig) and config.seed == 0 for config in configs)


def test_numbers_are_written_as_people_read_them():
    assert [number(x) for x in (0.5, 1.0, 0.0, 113, 5.0, math.nan, math.inf, "relu")] == [
        "0.500", "1.000", "0.000", "113", "5", "-", "never", "relu",
    ]  # fmt: skip
    assert spread([5, 7, math.inf]) == "never (5 to never)"
    assert spread([5, 7, math.nan]) == spread([math.nan, 5, 7]) == "-"
    assert spread([0.5, 0.7]) == "0.600 (0.500 to 0.700)"
    assert spread([0.5, 0.5]) == "0.500"
    assert spread(["a", "b", "a"]) == "a / b"


def test_a_table_has_columns_of_one_width():
    lines = table([["name", "x"], ["long name", "1"], ["b", "0.25"]]).splitlines()
    assert lines[1] == "|-----------|-----:|"
    assert lines[3] == "| b         | 0.25 |"


def test_the_page_links_to_every_claim():
    text = page([result(0.9), result(0.1)], "minimod reproduce all")
    assert "[made up](#made up-holds)" in text and "[made up](#made up-does-not-hold)" in text


def test_the_committed_page_is_of_the_present_claims():
    text = " ".join((Path(__file__).parents[1] / "docs" / "results.md").read_text().split())
    for name, claim in CLAIMS.items():
        assert f"## {name}: " in text
        for words in (claim.statement, claim.experiment, claim.remark, *(c.statement for c in claim.criteria)):
            assert words in text, f"{name}: {words}"


def test_plain_results_are_json():
    assert json.loads(json.dumps(result(0.9, 0.8).plain()))["criteria"][0]["values"] == [0.9, 0.8]


def test_a_method_reaches_as_far_as_it_stays_above_the_level():
    rows = [{"noise_ratio": ratio, "x": x} for ratio, x in ((0.4, 0.8), (0.0, 1.0), (0.2, 0.9), (0.6, 1.0))]
    assert furthest("x", 0.9)(rows) == 0.2
    assert furthest("x", 1.1)(rows) == -math.inf


@pytest.mark.parametrize("order", [(20, 20, math.inf), (math.inf, 20, 20)])
def test_what_was_never_reached_fails_wherever_it_stands(order):
    rows = [
        {"seed": 0, "noise_ratio": ratio, "dominant test 99 %": epoch, "training 99 %": 50, "raw test at the end": 0.0}
        for ratio, epoch in zip((0.1, 0.3, 0.8), order, strict=True)
    ]
    claim = CLAIMS["structure-before-output"]
    assert Result("structure", claim, "quick", rows).verdict == FAILS
    for row in rows:
        row["dominant test 99 %"] = 20
    assert Result("structure", claim, "quick", rows).verdict == HOLDS


def test_a_noted_number_decides_nothing():
    claim = replace(CLAIMS["tied"], keys=(), criteria=(note("x", cell("x")),))
    for value in (0.0, 1e9, math.nan):
        noted = Result("noted", claim, "quick", [{"seed": 0, "x": value}])
        assert noted.verdict == HOLDS and "noted" in section(noted)


def limit_rows(distance, shortfall):
    """Rows of agnostic-limit, whose interaction test falls from 1 to 0 at this distance from the limit."""
    return [
        {
            "seed": 0, "network": network, "modulus": modulus, "noise_ratio": agnostic_limit(modulus, 0.8) + step,
            "limit": agnostic_limit(modulus, 0.8),
            "interaction test": float(step < distance - (shortfall if network == RELU else 0)),
        }
        for network in (QUADRATIC, RELU) for modulus in (23, 41, 59) for step in np.arange(-0.4, 0.5, 0.05)
    ]


@pytest.mark.parametrize(("distance", "shortfall", "verdict"), [
    (0.01, 0.2, HOLDS), (0.01, 0.0, FAILS), (-0.3, 0.1, FAILS), (0.3, 0.1, FAILS),
])  # fmt: skip
def test_the_limit_claim_stands_and_falls_with_where_the_curves_fall(distance, shortfall, verdict):
    rows = limit_rows(distance, shortfall)
    assert Result("agnostic-limit", CLAIMS["agnostic-limit"], "quick", rows).verdict == verdict


def test_a_limit_that_does_not_grow_with_the_modulus_fails():
    rows = [row | {"interaction test": float(row["noise_ratio"] < 0.45)} for row in limit_rows(0, 0.2)]
    assert Result("agnostic-limit", CLAIMS["agnostic-limit"], "quick", rows).verdict == FAILS


@pytest.mark.parametrize(("train_accuracy", "test_accuracy", "phase"), [
    (1.0, 1.0, "coexistence"), (0.9, 0.9, "coexistence"), (0.89, 0.9, "partial inversion"),
    (0.71, 0.95, "partial inversion"), (0.69, 0.95, "full inversion"), (0.9, 0.89, "memorisation"),
    (0.89, 0.89, "forgetting"),
])  # fmt: skip
def test_phases_are_those_of_doshis_table(train_accuracy, test_accuracy, phase):
    assert doshi_phase(train_accuracy, test_accuracy, 0.35) == phase


@pytest.mark.parametrize(("modulus", "expected"), [(113, 0.65), (97, 0.64)])
def test_the_agnostic_limit_is_where_signal_and_noise_meet(modulus, expected):
    limit = agnostic_limit(modulus, 0.8)
    assert limit == pytest.approx(expected, abs=0.01)
    assert (1 - limit) * 0.8 * math.sqrt(modulus / 2) == pytest.approx(2.87 * math.sqrt(limit * 0.8))


@pytest.mark.parametrize("noise_ratio", [0.0, 0.9])
def test_the_best_decoder_finds_scale_and_offset_in_the_labels(noise_ratio):
    dataset = build_dataset(TrainingConfig(modulus=59, noise_ratio=noise_ratio))
    x = np.arange(59)
    for scale, offset in ((1, 0), (7, 11), (58, 58)):
        train = replace(dataset.train, label=(scale * dataset.train.label + offset) % 59)
        prediction = best_affine_prediction(dataclasses.replace(dataset, train=train))
        assert (prediction == (scale * (x[:, None] + x) + offset) % 59).all()


def test_the_readout_claim_is_the_table_of_analyze():
    run = train(TrainingConfig(modulus=11, width=12, epochs=1, noise_ratio=0.3))
    rows = CLAIMS["readout"].measure(run)
    methods = analyze(run)["methods"]
    assert {row["method"]: row["test"] for row in rows} == {name: method["test"] for name, method in methods.items()}
