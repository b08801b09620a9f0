"""Which labels are fitted first: collisions of labels, and wrong labels from another Latin square.

    minimod reproduce experiments/noise_order.py
"""

import numpy as np

from minimod import Run
from minimod.analysis.detectors import collisions
from minimod.claims import Claim, Plot, Row, highest, least, lowest, most, note, numbers, runs

# The noise kinds with random wrong labels, and with another Latin square. The least predicted lead that counts.
RANDOM, LATIN, PREDICTED = ("wrong", "uniform"), ("pair", "bijective"), 0.1


def measure_order(run: Run) -> list[Row]:
    """How much more often noisy labels collide than clean labels, and how much further their loss falls."""
    config, train = run.config, run.dataset.train
    n = collisions(train.a, train.b, train.label, config.modulus) / config.train_fraction
    losses = (run.history[f"{part}loss"] for part in ("clean_", "noisy_", ""))
    clean, noisy, of_all = (float(loss[0] - loss[-1]) for loss in losses)
    return [{
        "noise_kind": config.noise_kind, "rule": config.rule, "noise_ratio": config.noise_ratio,
        "predicted lead": float(n[train.is_noisy].mean() - n[~train.is_noisy].mean()),
        "fall of clean loss": clean, "fall of noisy loss": noisy, "measured lead": (noisy - clean) / of_all,
    }]


def predicted_well(rows: list[Row]) -> list[bool]:
    """For every row with a prediction, whether the sign of the measured lead is as predicted."""
    both = zip(numbers(rows, "predicted lead"), numbers(rows, "measured lead"), strict=True)
    return [(predicted > 0) == (measured > 0) for predicted, measured in both if abs(predicted) >= PREDICTED]


NOISE_ORDER = Claim(
    phrase="Collisions decide whether right or wrong labels are fitted first.",
    statement="(Theorem 3 of the companion paper, and beyond it.) Collisions decide which labels are fitted first. "
    "Early in training, a label is fitted by the labels of the other training pairs in its row and its column. Random "
    "wrong labels collide more often than right labels, and are fitted first. Wrong labels from another Latin square "
    "are fitted first only while they are fewer than the right labels.",
    experiment="The fall of the loss of noisy and of clean labels in 30 epochs with small steps, over four kinds of "
    "noise, three ratios and two rules. The measured lead of noisy labels is the difference of the two falls, over the "
    "fall of the whole loss. The predicted lead is the mean number of collisions of noisy labels less the mean number "
    f"of collisions of clean labels, over the train fraction. If it is below {PREDICTED:g}, nothing is predicted.",
    configs=runs(
        {"modulus": 59, "width": 512}, {"modulus": 113, "width": 1024}, learning_rate=1e-3, weight_decay=0.1, epochs=30,
        eval_every=30, noise_kind=[*RANDOM, *LATIN], rule=["add", "sub"], noise_ratio=[0.2, 0.5, 0.7],
    ),
    measure=measure_order, keys=("noise_kind", "rule", "noise_ratio"),
    criteria=(
        least("share of signs predicted right", 0.95, lambda rows: float(np.mean(predicted_well(rows))), because=(
            "the constant prediction, noise is always first, is right in 0.8 of the 20 combinations"
        )),
        note("combinations that are predicted, of 24", lambda rows: float(len(predicted_well(rows))), because=(
            "the labels alone fix this number"
        ), before="asked at least 20, measured 20"),
        least("random wrong labels: smallest lead", 0.0, lambda rows: (
            min(lowest("measured lead", noise_kind=kind)(rows) for kind in RANDOM)
        )),
        most("another Latin square, noise 0.7: largest lead", 0.0, lambda rows: (
            max(highest("measured lead", noise_kind=kind, noise_ratio=0.7)(rows) for kind in LATIN)
        )),
        note("correlation of the predicted and the measured lead", lambda rows: float(
            np.corrcoef(numbers(rows, "predicted lead"), numbers(rows, "measured lead"))[0, 1]
        )),
    ),
    plot=Plot("noise_ratio", {
        "predicted lead": "predicted", "measured lead": "measured",
    }, ("noise_kind", "rule"), label="lead"),
    remark="For another Latin square at noise 0.5, nothing is predicted, because it has as many labels as the rule.",
)

CLAIMS = {"noise-order": NOISE_ORDER}
