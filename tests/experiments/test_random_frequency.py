from dataclasses import replace

import numpy as np
import pytest
from random_frequency import (
    CLAIMS,
    RANDOM,
    accuracy,
    coupling,
    exchanged,
    exponents,
    factor,
    inverse,
    measure_coupling,
    measure_random_frequency,
    one_step_coupling,
    predicted_well,
    signal_over_noise,
    width_factor,
)

from minimod import Analysis, TrainingConfig, TwoLayerNet, make_rule, train
from minimod.analysis.structure import Structure
from minimod.claims.claim import judge

P, RULE = 31, make_rule("add", 31)


def planted(t, width=4096, seed=0):
    """The structure of a network whose w has the coefficients t û v̂ + √(1 - t²) noise, so its coupling is t."""
    network = TwoLayerNet.init(P, width, seed=seed, dtype="float64", init_std=1.0)
    structure = Structure(network, RULE)
    coefficients = structure.coefficients
    u, v, w = coefficients
    coefficients[2] = t * u * v + np.sqrt(1 - t**2) * w
    U, V, W = structure.components.weights(coefficients, network)
    return Structure(replace(network, U=U, V=V, W=W), RULE)


def components(width, seed=0):
    return np.stack([np.random.default_rng(seed).integers(1, P // 2 + 1, width)] * 3)


@pytest.mark.parametrize(("d", "n", "expected"), [(0.0, 31, 1 / 31), (0.0, 113, 1 / 113), (1.0, 2, 0.7602)])
def test_the_accuracy_is_that_of_a_normal_number_among_others(d, n, expected):
    # Of two, the difference of the numbers has the variance 2: Φ(1/√2) = 0.7602.
    assert accuracy(d, n) == pytest.approx(expected, abs=1e-3)
    assert inverse(float(accuracy(d, n)), n) == pytest.approx(d, abs=1e-2)
    assert accuracy(20.0, n) == pytest.approx(1)


@pytest.mark.parametrize(("activation", "expected"), [("quadratic", np.sqrt(2) / 3), ("relu", 8 / (3 * np.pi**2))])
@pytest.mark.parametrize("error", [0.0, 1.0, np.pi])
def test_signal_over_noise_of_neurons_with_equal_cosines_is_the_formula(activation, expected, error):
    t, phases = 2 * np.pi * 3 * np.arange(P)[:, None] / P, np.linspace(0, 6, 16)
    U, V, W = np.cos(t + phases), np.cos(t - 2 * phases), np.cos(t - phases - error).T
    structure = Structure(TwoLayerNet(U, V, np.ascontiguousarray(W), np.zeros(P)), RULE)
    d, carriers = signal_over_noise(structure, np.full((3, 16), 3), activation)
    assert d == pytest.approx(P / (P - 1) * np.sqrt(16) * expected * np.cos(error), rel=5e-3)
    assert carriers == pytest.approx(16)


@pytest.mark.parametrize("activation", ["quadratic", "relu"])
def test_signal_and_noise_are_those_of_the_logits(activation):
    measured, predicted = [], []
    is_right = RULE.label_table[:, :, None] == np.arange(P)
    for seed in range(6):
        structure, component = planted(0.15, 1024, seed), components(1024, seed)
        logits = replace(structure.keep(component), activation=activation).grid_logits()
        right, wrong = logits[is_right], logits[~is_right]
        measured.append((right.mean() - wrong.mean()) / wrong.std())
        predicted.append(signal_over_noise(structure, component, activation)[0])
    assert np.mean(predicted) == pytest.approx(np.mean(measured), rel=0.1)


@pytest.mark.parametrize("t", [0.0, 0.1, 0.3])
def test_a_planted_coupling_is_found_and_gives_d_of_random_frequencies(t):
    structure = planted(t)
    assert coupling(structure) == pytest.approx(t, abs=0.01)
    d = np.mean([signal_over_noise(structure, components(4096, seed), "quadratic")[0] for seed in range(8)])
    assert d == pytest.approx(t * np.sqrt(4096 / 6), abs=0.8)


def test_knowing_the_frequency_is_worth_the_predicted_factor_in_width():
    structure = planted(0.1, width=8192)
    random = np.mean([signal_over_noise(structure, components(8192, seed), "quadratic")[0] for seed in range(8)])
    dominant = signal_over_noise(structure, structure.component, "quadratic")[0]
    assert (dominant / random) ** 2 == pytest.approx(width_factor(P), rel=0.25)
    assert width_factor(31) < width_factor(59) < width_factor(113)


@pytest.mark.parametrize("noise_ratio", [0.0, 0.5])
def test_one_step_of_w_has_the_predicted_coupling(noise_ratio):
    config = TrainingConfig(
        modulus=P, width=4096, noise_ratio=noise_ratio, trained="output", optimizer="sgd", momentum=0.0,
        learning_rate=1e6, weight_decay=0.0, epochs=1, threads=1,
    )  # fmt: skip
    (row,) = measure_coupling(train(config))
    assert row["network"] == "one step"
    assert row["coupling"] == pytest.approx(one_step_coupling(config), rel=0.2)
    assert abs(row["untrained, in errors"]) < 4


def test_a_network_that_was_taught_answers_with_random_frequencies_and_its_controls_do_not():
    run = train(TrainingConfig(
        modulus=P, width=512, noise_ratio=0.5, epochs=120, learning_rate=0.02, weight_decay=1.0, threads=1
    ))  # fmt: skip
    (row,) = measure_random_frequency(run)
    assert row[RANDOM] > 0.5 and row["untrained"] < 0.15 and row["w exchanged"] < 0.15
    with Analysis(run) as study:
        assert abs(coupling(exchanged(study))) < 0.1 < coupling(study.structure)


def law_rows(exponent=1.0, factor=1.0, error=0.0, exchanged=0.0):
    """Rows that follow the law, but for the exponent of λ, the width factor, and an error of the prediction."""
    rows = []
    for name, c in (("trained", 1.5), ("frozen", 0.72)):
        for n in (31, 59):
            for width in (128, 512, 1024):
                for ratio in (0.5, 0.8, 0.9, 0.95):
                    rule = 1 - ratio * n / (n - 1)
                    signal = rule * np.sqrt(0.8 * width)
                    d = c * 0.15 * (rule / 0.15) ** exponent * np.sqrt(0.8 * width / 6)
                    random, best = (float(accuracy(x, n)) for x in (d, d * np.sqrt(factor * width_factor(n))))
                    rows.append({
                        "seed": 0, "network": name, "modulus": n, "noise_ratio": ratio, "width": width,
                        "label signal": signal, "untrained": 1 / n, "w exchanged": max(1 / n, exchanged),
                        "from settings": float(accuracy(c * signal / np.sqrt(6), n)),
                        "random frequency": random, RANDOM: random, "dominant+quadratic": best,
                    })  # fmt: skip
                    for column in ("random frequency", RANDOM, "dominant+quadratic"):
                        rows[-1] |= {f"{column}, predicted": rows[-1][column] + error, f"{column}, carriers": 100.0}
    return rows


@pytest.mark.parametrize(("change", "verdict"), [
    ({}, "holds"), ({"exponent": 0.5}, "does not hold"), ({"factor": 0.3}, "does not hold"),
    ({"factor": 2.0}, "does not hold"), ({"error": 0.2}, "does not hold"), ({"exchanged": 0.2}, "does not hold"),
])  # fmt: skip
def test_the_claim_falls_with_each_part_of_the_law(change, verdict):
    assert judge("random-frequency", CLAIMS["random-frequency"], "quick", law_rows(**change)).verdict == verdict


def test_exponents_and_factors_are_read_from_accuracies():
    assert exponents(law_rows()) == pytest.approx([0.5, 1], abs=0.02)
    assert factor(law_rows(factor=0.8)) == pytest.approx(0.8, rel=0.02)


def test_networks_whose_noise_few_neurons_carry_are_not_predicted():
    rows = law_rows()
    for row in rows[:10]:
        row |= {f"{RANDOM}, predicted": row[RANDOM] + 0.5, f"{RANDOM}, carriers": 5.0}
    assert predicted_well(0.05, RANDOM)(rows) == 1
