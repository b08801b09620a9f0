import math
from dataclasses import replace

import numpy as np
import pytest
from discovery import (
    CLAIMS,
    HOPELESS,
    information_limit,
    measure_completion,
    measure_group,
    measure_network,
    measure_noise,
    working,
)
from self_training import ROUNDS

from minimod import TrainingConfig, train
from minimod.analysis.self_training import extract
from minimod.claims.chart import chart_of
from minimod.claims.claim import FAILS, HOLDS, judge
from minimod.discovery.synchronisation import Equations
from minimod.report.draw import draw

LABELS = TrainingConfig(modulus=23, width=1, epochs=0, noise_ratio=0.2, threads=1)


def test_one_naming_and_three_answer_the_test_pairs_of_the_rule_itself():
    one, three = measure_noise(train(LABELS))
    assert (one["namings"], three["namings"]) == ("one", "three")
    assert one["discovery test"] == three["discovery test"] == one["best decoder test"] == 1
    assert one["starts that work"] == three["starts that work"] == 1
    assert 1 > one["information limit"] > three["information limit"] > one["rank-one limit"] > 0


@pytest.mark.parametrize("rule", ["mul", "S3", "Z2^4"])
def test_a_group_is_found_and_named(rule):
    config = TrainingConfig(rule=rule, width=1, epochs=0, noise_ratio=0, modulus=23 if rule == "mul" else None)
    (row,) = measure_group(train(config))
    assert row["discovery test"] == 1 or rule == "S3"               # of six elements there are too few labels
    assert row["named"] == (row["p_value"] < 1)


def test_what_was_not_found_answers_nothing():
    labels = train(TrainingConfig(modulus=7, width=1, epochs=0, noise_ratio=0.9))
    (row,) = measure_completion(labels, labels)
    assert row["discovery test"] == 0 and row["p_value"] == 1


ACCIDENT = {"p_value in random labels": 1.0}


def completion(p_value, network=0.2, more=1.0):
    """The result of discover-completion whose labels tell nothing at 2 %, where p is said to be this."""
    rows = [
        {"seed": 0, "noise_ratio": ratio, "train_fraction": share, "discovery test": float(share > 0.02),
         "p_value": p_value if share == 0.02 else 0.0, **ACCIDENT, "network test": more if share == 0.4 else network}
        for ratio in (0.0, 0.3) for share in (0.02, 0.1, 0.2, 0.4)
    ]  # fmt: skip
    return judge("discover-completion", CLAIMS["discover-completion"], "quick", rows).verdict


@pytest.mark.parametrize(("changes", "verdict"), [
    ({}, HOLDS), ({"p_value": 0.0}, FAILS), ({"network": 0.6}, FAILS), ({"more": 0.5}, FAILS),
])  # fmt: skip
def test_completion_is_held_against_a_network_and_what_is_found_wrongly(changes, verdict):
    assert completion(**{"p_value": 1.0} | changes) == verdict


@pytest.mark.parametrize(("p_value", "verdict"), [(1.0, HOLDS), (0.01, FAILS)])
def test_a_group_must_not_be_found_where_next_to_no_label_is_right(p_value, verdict):
    rows = [
        {"seed": 0, "rule": "Z31", "noise_ratio": 0.3, "discovery test": 1.0, "named": 1.0, "p_value": 0.0},
        {"seed": 0, "rule": "Z31", "noise_ratio": HOPELESS, "discovery test": 0.0, "named": 0.0, "p_value": p_value},
    ]
    rows = [row | ACCIDENT for row in rows]
    assert judge("discover-groups", CLAIMS["discover-groups"], "quick", rows).verdict == verdict


def noise_rows(reached=0.8, missed=0.0, p_value=1.0):
    """Rows of discover-noise: found up to a noise ratio; beyond, this share of starts works, and p is this."""
    return [
        {"seed": 0, "modulus": 59, "noise_ratio": ratio, "namings": namings, "rank-one limit": 0.558,
         "discovery test": float(found), "p_value": 0.0 if found else p_value, **ACCIDENT, "best decoder test": 1.0,
         "starts that work": 0.5 if found else missed}
        for namings in ("one", "three") for ratio in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
        for found in [ratio <= reached]
    ]  # fmt: skip


@pytest.mark.parametrize(("changes", "verdict"), [
    ({}, HOLDS), ({"reached": 0.7}, HOLDS), ({"reached": 0.6}, FAILS), ({"reached": 0.9}, FAILS),
    ({"missed": 0.1}, FAILS), ({"p_value": 0.0}, FAILS),
])  # fmt: skip
def test_discovery_goes_past_rank_one_and_ends_where_starts_no_longer_work(changes, verdict):
    assert judge("discover-noise", CLAIMS["discover-noise"], "quick", noise_rows(**changes)).verdict == verdict


def test_a_network_is_read_out_and_held_beside_its_labels():
    config = TrainingConfig(modulus=23, width=64, epochs=40, noise_ratio=0.3, learning_rate=0.02, threads=1)
    run = train(config)
    (row,) = measure_network(run)
    told_nothing = (f"discovery in {source} test" for source in ("answers", "logits", "labels"))
    assert all(row[column] == 1 for column in (*told_nothing, "best decoder test"))
    assert row["self-trained test"] == extract(run, ROUNDS)[-1].accuracies.test


def test_a_start_works_that_ends_in_a_character_of_the_names_and_random_labels_have_none():
    run, names = train(replace(LABELS, noise_ratio=0.6)), np.random.default_rng(1).permutation(23)
    pairs, generator = run.dataset.train, np.random.default_rng(0)
    true = Equations(*(names[each] for each in (pairs.a, pairs.b, pairs.label)), 23)
    noise = true._replace(c=generator.integers(0, 23, len(pairs)))
    other = generator.permutation(23)
    assert working(true, "group", names, generator) > 0.8
    assert working(true, "group", other, generator) == working(noise, "group", names, generator) == 0


@pytest.mark.parametrize("name", ["discover-noise", "discover-groups", "discover-completion"])
def test_a_claim_of_labels_alone_is_drawn(name):
    claim, rng = CLAIMS[name], np.random.default_rng(0)
    keys = [
        {"modulus": m, "noise_ratio": r, "namings": n, "rule": rule, "train_fraction": f}
        for m, n, rule in ((31, "one", "Z31"), (59, "three", "D12")) for r, f in ((0.0, 0.1), (0.3, 0.2))
    ]
    rows = [
        {"seed": 0, **{key: each[key] for key in claim.keys}, "p_value": 1.0, "starts": 64, "named": 1.0,
         "starts that work": 0.5, "discovery test": float(rng.random()), "best decoder test": math.nan,
         "network test": 0.5} for each in keys
    ]
    figure = draw(chart_of(judge(name, replace_criteria(claim), "quick", rows)))
    figure.draw_without_rendering()
    inside, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(inside.x0, inside.y0) > -0.02 and inside.x1 < width + 0.02 and inside.y1 < height + 0.02


def replace_criteria(claim):
    return replace(claim, criteria=())


@pytest.mark.parametrize(("assumption", "namings"), [("group", 1), ("isotope", 3)])
def test_at_the_limit_the_labels_tell_as_much_as_there_is_to_tell(assumption, namings):
    n, P = 2000, 41
    alpha = information_limit(n, P, assumption)
    joint = np.full((P, P), alpha / (P - 1) / P)                # of a label and the true one
    np.fill_diagonal(joint, (1 - alpha) / P)
    told = (joint * np.log(joint * P * P)).sum()
    assert n * told == pytest.approx(namings * math.lgamma(P + 1), rel=1e-9)


def test_too_few_labels_tell_nothing_at_any_noise():
    assert math.isnan(information_limit(5, 41, "group"))
