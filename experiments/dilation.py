"""Neural collapse: whether memorising corrupted labels dilates the classes in the hidden layer.

    minimod reproduce experiments/dilation.py
"""

import math
from functools import partial

import numpy as np

from minimod import Run
from minimod.analysis.collapse import classes
from minimod.arrays import Pairs
from minimod.claims import L2, Claim, Number, Plot, Row, all_of, cell, least, note, runs


def measure_dilation(run: Run) -> list[Row]:
    """NC1 of the clean training pairs, and how far corrupted ones and held-out ones spread about their classes."""
    config, network, train, test = run.config, run.network, run.dataset.train, run.dataset.test

    def features(pairs: Pairs) -> np.ndarray:
        return np.asarray(network.hidden(pairs.a, pairs.b), float)

    clean, noisy = train[~train.is_noisy], train[train.is_noisy]
    of = classes(features(clean), clean.label, config.modulus)
    return [{
        "label_smoothing": config.label_smoothing, "width": config.width, "noise_ratio": config.noise_ratio,
        "NC1, clean": of.within,
        "corrupted over clean": of.spread(features(noisy), noisy.label) / of.within if len(noisy) else math.nan,
        "NC1, test": of.spread(features(test), test.label), "raw noisy": float(run.history["noisy_accuracy"][-1]),
        "raw test": float(run.history["test_accuracy"][-1]),
    }]


def dilation(noise_ratio: float, over: float, smoothing: float = 0.0) -> Number:
    """NC1 of the network of the middle width, over that at another noise ratio and without label smoothing."""
    base = cell("NC1, clean", label_smoothing=0.0, width=512, noise_ratio=over)
    other = cell("NC1, clean", label_smoothing=smoothing, width=512, noise_ratio=noise_ratio)
    return lambda rows: other(rows) / base(rows)


sizes = partial(runs, {"modulus": 59}, {"modulus": 113}, **L2)
DILATION = Claim(
    statement="(Nguyen et al., arXiv 2206.05530.) Memorising corrupted labels dilates the classes in the hidden layer: "
    "features spread further within them, over their distance. With label smoothing a network generalises better.",
    experiment="NC1, the variance of the hidden features within the classes over that between them, of the clean "
    "training pairs; of test pairs about the same classes; and of corrupted pairs, over that of clean ones. Adam and a "
    "little L2, over noise, width and label smoothing.",
    configs=all_of(
        sizes(label_smoothing=[0.0, 0.1], noise_ratio=[0.0, 0.1, 0.3, 0.5], width=512),
        sizes(width=[128, 2048], noise_ratio=0.3),
    ),
    measure=measure_dilation, keys=("label_smoothing", "width", "noise_ratio"), seeds=1,
    criteria=(
        least("NC1, clean: at noise 0.3 over that without noise", 1.5, dilation(0.3, over=0.0)),
        least("NC1, clean: at noise 0.5 over that at 0.3", 1.5, dilation(0.5, over=0.3)),
        least("noise 0.1: corrupted over clean", 1.05, cell(
            "corrupted over clean", label_smoothing=0.0, width=512, noise_ratio=0.1
        )),
        # Asked .2 at first (ff83730, 2026-11-25); full scale then gave .192 (.597 to .789), and the bound was made .1
        # (99611e1, the same day). The first one stands again: nothing but the result spoke for the other.
        least("raw test", 0.2, label_smoothing=(0.1, 0.0), width=512, noise_ratio=0.3),
        note("noise 0.3: NC1, clean, with label smoothing over that without", dilation(0.3, over=0.3, smoothing=0.1)),
    ),
    plot=Plot("noise_ratio", ("NC1, clean", "NC1, test"), ("label_smoothing", "width"), label="NC1"),
    remark="What did not come out: that label smoothing works by lessening the dilation. It makes networks answer more "
    "and spreads their features further. Nor does the hidden layer of a two-layer network collapse: NC1 stays far "
    "above 0, since the features of a pair are made of a sum over its two tokens.",
)

CLAIMS = {"dilation": DILATION}
