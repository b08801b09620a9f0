"""Methods that know nothing about the rule: what they read out of a network, and up to which noise.

    minimod reproduce experiments/agnostic.py
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from minimod import Analysis, Run, TrainingConfig
from minimod.analysis.rows import AGNOSTIC
from minimod.claims import (
    CLEAN,
    L2,
    Claim,
    Plot,
    Row,
    by_number,
    highest,
    least,
    lowest,
    method_rows,
    most,
    numbers,
    read,
    select,
    setting,
)
from minimod.claims.criteria import CHOSEN
from minimod.runs.accuracy import Accuracies


def large_runs(scale: str) -> list[TrainingConfig]:
    """Runs at the paper's modulus, with their history. They train until the rule shows in the output."""
    size: dict[str, Any] = {"modulus": 113, "learning_rate": 5e-3, "eval_every": None}
    return [
        setting(noise_ratio=0.1, width=1024, epochs=500, **size),
        setting(noise_ratio=0.3, width=512, **size | L2),
    ]


READOUT = Claim(
    phrase="A readout that does not know the rule answers, and repairs wrong labels.",
    statement="(Beyond the paper.) The interaction readout knows nothing about the rule. It answers test pairs that "
    "the network itself does not answer. At little noise, it repairs most of the corrupted labels. Choosing neurons "
    "does less.",
    experiment="Every method on two runs at modulus 113: noise 0.3 at width 512, and noise 0.1 at width 1024. Except "
    f"in the rows that end in noisy, shares of neurons are {CLEAN}",
    configs=large_runs, measure=method_rows, keys=("noise_ratio", "method"), seeds=1,
    criteria=(
        least("test", 0.98, noise_ratio=0.3, method="interaction", because="chosen after a prototype, which has 0.990"),
        most("test", 0.65, noise_ratio=0.3, method="raw", because="chosen after a prototype, which has 0.569"),
        least("test", 0.05, noise_ratio=0.3, method=("ipr_w subnetwork", "random subnetwork")),
        least("test", 0.05, noise_ratio=0.3, method=("dominant", "ipr_w subnetwork")),
        least("repaired", 0.95, noise_ratio=0.1, method="interaction+quadratic"),
    ),
    plot=Plot("method", ("noisy", "repaired", "test"), ("noise_ratio",)),
)

# The score of the mask, fixed before the runs: it needs to know nothing, and uses both norm and flatness.
MASK = "norm_flatness"


def corrupted(scale: str, noise_ratio: float | None = None) -> TrainingConfig:
    """A network to begin self-training with, wide and trained long.

    noise_ratio: None means the noise ratio of most measurements.
    """
    size: dict[str, Any] = {"modulus": 113, "width": 2048, "weight_decay": 3e-5, "epochs": 800}
    ratio, size = (0.45, {"modulus": 59, "width": 512}) if scale == "quick" else (0.6, size)
    return setting(**L2 | size, noise_ratio=noise_ratio or ratio)


def measure_masked(run: Run) -> list[Row]:
    """The interaction readout of all neurons, of the top neurons by each score, and of random neurons."""
    rows: list[Row] = []
    with Analysis(run) as study:
        noisy_labels = study.row("raw").noisy
        for score in ("all neurons", *AGNOSTIC, "random"):
            row = study.row("interaction" if score == "all neurons" else f"{score}+interaction")
            unknown = Accuracies(*[math.nan] * len(row))
            blind = study.row(f"{score}+interaction, noisy") if score in AGNOSTIC else unknown
            rows.append({
                "noise_ratio": run.config.noise_ratio, "score": score, "raw noisy": noisy_labels,
                "noisy choice, test": blind.test, "noisy choice, repaired": blind.repaired, "test": row.test,
                "repaired": row.repaired,
            })
    return rows


MASKED_READOUT = Claim(
    phrase="A mask and a readout that do not know the rule answer only together.",
    statement="(Beyond the paper.) A mask and a readout, neither of which knows the rule, answer together what neither "
    "answers alone. They are the interaction readout and the few neurons with the largest and flattest weights. The "
    "number of neurons can be chosen on held-out labels that are as noisy as the training labels.",
    experiment="Modulus 113, Adam with a little L2. norm_flatness is the score that was fixed before the runs. "
    "noisy choice: the share of neurons is chosen without any clean label, on held-out labels that are as noisy as the "
    f"training labels. test and repaired: the share of neurons is {CLEAN}",
    configs=lambda scale: [         # more noise needs a wider network: noise 0.3, 0.5 and, at full scale, 0.6
        large_runs(scale)[1], setting(modulus=113, noise_ratio=0.5, width=1024, **L2),
        *[corrupted(scale)] * (scale == "full"),
    ],
    measure=measure_masked, keys=("noise_ratio", "score"), seeds=1,
    full_criteria=(
        least("test", 0.7, noise_ratio=0.6, score=MASK, because="chosen after a prototype, which has 0.76"),
    ),
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        least("test", 0.92, noise_ratio=0.5, score=MASK, because="chosen after prototypes, which have 0.944 and 0.956"),
        least("test", 0.05, noise_ratio=0.5, score=(MASK, "all neurons")),
        least("test", 0.05, noise_ratio=0.5, score=(MASK, "random")),
        most("most that the noisy choice costs", 0.02, highest(("test", "noisy choice, test"), score=MASK), (
            CHOSEN
        )),
    ),
    plot=Plot("score", {
        "noisy choice, test": "test pairs, number of neurons chosen on noisy labels",
        "test": "test pairs, chosen on true labels",
        "noisy choice, repaired": "wrong labels repaired, chosen on noisy labels",
        "repaired": "wrong labels repaired, chosen on true labels",
    }, ("noise_ratio",)),
)

# Both networks have a weight decay at which the interaction readout works up to much noise.
QUADRATIC, RELU = "quadratic, MSE", "ReLU, cross-entropy"
LIMIT_NETWORKS: dict[str, dict[str, Any]] = {
    QUADRATIC: {"activation": "quadratic", "loss": "mse", "learning_rate": 1e-2, "weight_decay": 3},
    RELU: {"learning_rate": 5e-3, "weight_decay": 3},
}


# The constant of the largest rank-one part of noise, see `agnostic_limit`; the train fraction of the runs that test it.
NOISE_CONSTANT, TRAIN_FRACTION = 2.87, 0.8


def agnostic_limit(modulus: int, train_fraction: float) -> float:
    """The noise ratio α at which a frequency of the rule is as strong in training labels as noise can be.

        (1 - α) ρ √(P / 2) = 2.87 √(α ρ),    with the train fraction ρ.

    The left side is the strength of a frequency in the tensor of labels, of shape (P, P, P). The right side is about
    the largest rank-one part of the noise, measured on random tensors. At more noise than α, a search for rank-one
    structure finds noise first. α is an estimate, and does not bound other searches.
    """
    # (1 - α)² = q α with q = 2 · 2.87² / (ρ P). So α² - (2 + q) α + 1 = 0, and α is the smaller root.
    q = 2 * NOISE_CONSTANT**2 / (train_fraction * modulus)
    return 1 + q / 2 - math.sqrt(q + q**2 / 4)


def limit_configs(scale: str) -> list[TrainingConfig]:
    """Both networks, at three moduli and at noise ratios around the predicted limit."""
    moduli = (23, 41, 59) if scale == "quick" else (59, 113, 149)
    return [
        setting(
            modulus=modulus, noise_ratio=round(agnostic_limit(modulus, TRAIN_FRACTION) + step, 3), width=512,
            epochs=700, **network,
        )
        for network in LIMIT_NETWORKS.values() for modulus in moduli for step in (-0.2, -0.1, -0.05, 0.0, 0.1)
    ]


def measure_limit(run: Run) -> list[Row]:
    """The test accuracy of the interaction readout, by network, modulus and noise ratio."""
    config = run.config
    network = QUADRATIC if config.loss == "mse" else RELU
    limit = agnostic_limit(config.modulus, config.train_fraction)
    return [{
        "network": network, "modulus": config.modulus, "noise_ratio": config.noise_ratio, "limit": limit,
        "noise less limit": config.noise_ratio - limit, **read(run, "raw test", "interaction test"),
    }]


def half_points(rows: list[Row], network: str) -> list[float]:
    """The noise ratio at which the interaction test accuracy falls through 0.5, for every modulus, the smallest first.

    Between rows the accuracy is interpolated by straight lines. If it is below 0.5 at the first ratio, the half point
    is the first ratio. If it never falls below 0.5, the half point is nan.
    """
    points = []
    for modulus in sorted(set(numbers(rows, "modulus"))):
        curve = by_number(select(rows, network=network, modulus=modulus), "noise_ratio")
        ratios, tests = numbers(curve, "noise_ratio"), numbers(curve, "interaction test")
        falls = [i for i in range(len(tests) - 1) if tests[i] >= 0.5 > tests[i + 1]]
        ends = slice(falls[0], falls[0] + 2) if falls else slice(0)
        point = float(np.interp(0.5, tests[ends][::-1], ratios[ends][::-1])) if falls else math.nan
        points.append(ratios[0] if tests[0] < 0.5 else point)
    return points


def fitted_constants(rows: list[Row]) -> np.ndarray:
    """The fitted constant c of the quadratic network, divided by `NOISE_CONSTANT`, for every modulus.

    (1 - α) ρ √(P / 2) = c √(α ρ), so c = (1 - α) √(ρ P / 2 α). Here α is the half point.
    """
    alpha, moduli = np.array(half_points(rows, QUADRATIC)), np.array(sorted(set(numbers(rows, "modulus"))))
    fitted: np.ndarray = (1 - alpha) * np.sqrt(TRAIN_FRACTION * moduli / (2 * alpha)) / NOISE_CONSTANT
    return fitted


AGNOSTIC_LIMIT = Claim(
    phrase="Rule-agnostic search has a noise limit, which grows with the modulus.",
    statement="(Beyond the paper.) A search for rank-one structure knows nothing about the rule. It can find the rule "
    "only if the rule is stronger in the labels than noise can be. So it works up to a noise ratio, the limit, which "
    "has one constant and grows with the modulus. A quadratic network with squared error works up to a noise ratio "
    "whose constant is within a quarter of the constant of random tensors. The paper's ReLU network with cross-entropy "
    "ends at less noise.",
    experiment="The interaction readout of both networks, at three moduli and at noise ratios around the predicted "
    "limit. The half point is the noise ratio at which the readout answers half of the test pairs. The fitted constant "
    "is the constant whose limit is the half point. The constant of random tensors is "
    f"{NOISE_CONSTANT:g}.",
    configs=limit_configs, measure=measure_limit, keys=("network", "modulus", "noise_ratio"), seeds=1,
    criteria=(
        most("quadratic: fitted constant over random tensors' constant, or its inverse, largest", 1.25, lambda rows: (
            float(np.exp(np.max(np.abs(np.log(fitted_constants(rows))))))
        ), "constants from 2.3 to 3.6 pass, about half of the constants that the former bound let pass", before=(
            "asked a distance of 0.1 in noise ratio, which constants from 2.7 to 4.3 pass; measured 0.074"
        )),
        most("quadratic: largest fitted constant over the smallest", 1.1, lambda rows: (
            float(np.max(fitted_constants(rows)) / np.min(fitted_constants(rows)))
        ), "if the half point stayed the same, it would be 1.6, the root of the largest modulus over the smallest"),
        least("quadratic: half point at the largest modulus less half point at the smallest", 0.1, lambda rows: (
            half_points(rows, QUADRATIC)[-1] - half_points(rows, QUADRATIC)[0]
        ), before="asked 0.05, as 0.097 was measured from modulus 59 to 113, where the limit itself grows by 0.096"),
        least("largest modulus: half point of quadratic less half point of ReLU", 0.05, lambda rows: (
            half_points(rows, QUADRATIC)[-1] - half_points(rows, RELU)[-1]
        )),
    ),
    plot=Plot("noise less limit", ("raw test", "interaction test"), ("network", "modulus")),
    remark="One result did not come out at moduli 23 to 59: the constant is not within a quarter of the constant of "
    "random tensors. It falls as the modulus grows, from 3.7 at 23 to 3.1 at 59 (seed 0). With a larger modulus, the "
    "step at the limit is sharper. At the small moduli both networks behave in the same way. ReLU falls short if all "
    "neurons of one network of this width are used. See masked-readout and self-training for more.",
)

MEMBERS = (1, 2, 4, 8)


def ensemble_configs(scale: str) -> list[tuple[TrainingConfig, ...]]:
    """Networks on the same data with different initial weights; the last one is as wide as all others together."""
    if scale == "quick":
        ratios, values = [0.4], {"modulus": 59, "width": 256, "epochs": 500}
    else:
        ratios, values = [0.5, 0.6], {"modulus": 113, "width": 512, "epochs": 1000}
    firsts = (setting(noise_ratio=ratio, weight_decay=3, **values) for ratio in ratios)
    return [
        (*(replace(first, init_seed=n) for n in range(max(MEMBERS))), replace(first, width=max(MEMBERS) * first.width))
        for first in firsts
    ]


def measure_ensemble(*trained: Run) -> list[Row]:
    """The interaction readout of the first n members together, and of the wide network, with the mean raw accuracy."""
    *members, wide = trained
    with Analysis(wide) as study:
        def answered(first: Run, *others: Run) -> float:
            row = "ensemble interaction" if others else "interaction"
            return Analysis(first, ensemble=others, backend=study.backend).row(row).test

        return [{
            "noise_ratio": wide.config.noise_ratio, "networks": n,
            "raw test": float(np.mean([run.history["test_accuracy"][-1] for run in members[:n]])),
            "interaction test": answered(*members[:n]), "one wide network": answered(wide),
        } for n in MEMBERS]


AGNOSTIC_ENSEMBLE = Claim(
    phrase="Several networks, or one equally wide, can be read out at more noise.",
    statement="(Open question.) The paper's own network, ReLU with cross-entropy, can be read out at more noise "
    "without knowledge of the rule. At a noise at which one network fails, the summed interactions of several networks "
    "answer. These networks differ only in their initial weights. A single network that is as wide as all of them "
    "together also answers.",
    experiment="The interaction readout of 1 to 8 networks trained on the same labels, with their interactions summed. "
    "For comparison, the interaction readout of a single network that is as wide as all eight.",
    configs=ensemble_configs, measure=measure_ensemble, keys=("noise_ratio", "networks"), seeds=1,
    criteria=(
        most("lesser noise: 1 network, interaction test", 0.9, highest("interaction test", networks=1)),
        least("lesser noise: 8 networks, interaction test", 0.99, highest("interaction test", networks=8)),
        least("lesser noise: wide network, interaction test", 0.99, highest("one wide network", networks=8)),
    ),
    plot=Plot("networks", {
        "raw test": "test pairs, by the mean network itself",
        "interaction test": "test pairs, by the interactions of all together",
        "one wide network": "test pairs, by the interactions of one network as wide as eight",
    }, ("noise_ratio",), "log"),
    remark="The wide network is the control of the ensemble, and does about as well. The number of neurons averages "
    "out the effect of memorised labels on other pairs. The few neurons that a mask chooses do better, see "
    "masked-readout.",
)

CLAIMS = {
    "readout": READOUT, "masked-readout": MASKED_READOUT, "agnostic-limit": AGNOSTIC_LIMIT,
    "agnostic-ensemble": AGNOSTIC_ENSEMBLE,
}
