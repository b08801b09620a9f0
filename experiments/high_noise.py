"""Filtration at high noise, compared with the best decoder that knows the form of the rule.

    minimod reproduce experiments/high_noise.py
"""

import numpy as np

from minimod import Run
from minimod.claims import Claim, Plot, Row, furthest, least, note, read, runs
from minimod.claims.criteria import SWAPPED, above_controls
from minimod.data import Dataset
from minimod.runs.accuracy import accuracies


def measure_high_noise(run: Run) -> list[Row]:
    """The test accuracy of filtration, and of the best decoder with the same labels."""
    best = accuracies(best_affine_prediction(run.dataset), run.dataset).test
    return [
        {"width": run.config.width, "noise_ratio": run.config.noise_ratio}
        | read(run, "raw test", "dominant test", *SWAPPED) | {"best decoder test": best}
    ]


def best_affine_prediction(dataset: Dataset) -> np.ndarray:
    """The predictions, of shape (P, P), of the rule c = s (a + b) + t mod P that agrees with most training labels.

    P is a prime, and the P (P - 1) candidates have scale s ≠ 0 and offset t. Assume that every label is independently
    wrong with a probability below 1 - 1/P. Also assume that a wrong label is drawn uniformly. Then this rule is the
    most likely candidate. So it is the best guess if the form of the rule is known, but neither s nor t.
    """
    P, train = dataset.rule.modulus, dataset.train
    total = train.a + train.b
    agreements = np.array([np.bincount((train.label - s * total) % P, minlength=P) for s in range(1, P)])
    s, t = np.unravel_index(agreements.argmax(), agreements.shape)
    x = np.arange(P)
    return ((s + 1) * (x[:, None] + x) + t) % P


HIGH_NOISE = Claim(
    phrase="Filtration works beyond 80 % noise, and further in wider networks.",
    statement="(Beyond the paper.) Frequency filtration works beyond 80 % noise. The wider the network, the more noise "
    "filtration bears.",
    experiment="Noise ratios up to 0.98 at modulus 113. best decoder: the rule c = s (a + b) + t that agrees with most "
    "training labels. It is the most likely rule for a method that knows cyclic addition, but neither the scale s nor "
    "the offset t.",
    configs=runs(
        quick={"width": [512, 2048]}, full={"width": [512, 2048, 8192]}, modulus=113,
        noise_ratio=[0.8, 0.9, 0.95, 0.98], epochs=60, learning_rate=5e-3, weight_decay=0.5,
    ),
    measure=measure_high_noise, keys=("width", "noise_ratio"), seeds=1,
    criteria=(
        least("dominant+quadratic test", 0.95, width=2048, noise_ratio=0.9),
        *above_controls("width 2048, noise 0.9: ", width=2048, noise_ratio=0.9),
        least("dominant+quadratic test", 0.2, width=(2048, 512), noise_ratio=0.95),
        note("noise up to which the best decoder answers all", furthest("best decoder test", 1.0, width=2048)),
    ),
    plot=Plot("noise_ratio", dict.fromkeys(("raw test", "dominant test", *SWAPPED[:2]), "") | {
        "best decoder test": "test pairs, by the best rule c = s (a + b) + t",
    }, ("width",)),
)

CLAIMS = {"high-noise": HIGH_NOISE}
