"""The effect of weight decay on the scores that rank neurons.

    minimod reproduce experiments/decay.py
"""

from functools import partial

import numpy as np

from minimod import Analysis, Run
from minimod.claims import CLEAN, L2, Claim, Plot, Row, all_of, least, lowest, most, note, runs
from minimod.claims.features import agreement_with_strength

middle_runs = partial(runs, {"modulus": 59, "width": 512}, {"modulus": 113, "width": 1024})


def measure_decay(run: Run) -> list[Row]:
    """How similar the largest weights are, whether Strength ranks as IPR does, and what the top neurons answer."""
    config, names = run.config, ("strength", "ipr", "norm_flatness", "random")
    largest = np.abs(run.network.W).max(axis=1)
    with Analysis(run) as study:
        tests = {f"{name} test": study.row(f"{name} subnetwork").test for name in names}
        raw, correlation = study.row("raw"), agreement_with_strength(study)
    low, median, high = np.quantile(largest, [0.1, 0.5, 0.9])
    return [{
        "setting": f"{config.optimizer}, {config.weight_decay:g}",
        "raw noisy": raw.noisy, "raw test": raw.test, **tests,
        "rank correlation of Strength and IPR": correlation["ipr"],
        "λ‖w‖_∞, 10 %": config.weight_decay * low, "λ‖w‖_∞, median": config.weight_decay * median,
        "λ‖w‖_∞, 90 %": config.weight_decay * high, "‖w‖_∞, 90 over 10 %": high / low,
    }]


DECAY = Claim(
    phrase="Whether Strength can rank neurons depends on the weight decay.",
    statement="(Beyond the paper.) Whether Strength can rank neurons depends on the weight decay. The weight decay of "
    "AdamW pulls the largest weight of every neuron towards 1/λ (Xie & Li, arXiv 2404.04454). So with much decay, all "
    "neurons have nearly the same largest weight. L2 in the gradient of Adam has no such effect.",
    experiment="30 % noise, with AdamW at growing decay and with Adam at growing L2. λ‖w‖_∞ is the largest output "
    "weight of a neuron times the decay, as quantiles over the neurons. AdamW's bound in the limit is 1, and finite "
    "training can exceed it. strength, ipr, norm_flatness and random answer with a share of their top neurons, "
    f"{CLEAN}",
    configs=all_of(
        middle_runs(noise_ratio=0.3, weight_decay=[0.3, 1.0, 3.0], epochs=250),
        middle_runs(noise_ratio=0.3, **L2 | {"weight_decay": [1e-5, 3e-5, 1e-4, 3e-4]}),
    ),
    measure=measure_decay, keys=("setting",), seeds=2,
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        least(("strength test", "random test"), 0.1, setting="adam, 0.0001"),
        most(("strength test", "random test"), 0.05, setting="adamw, 3"),
        least("rank correlation of Strength and IPR", 0.5, setting="adam, 0.0001"),
        most("rank correlation of Strength and IPR", 0.0, setting="adamw, 3"),
        least("λ‖w‖_∞, median", 0.9, setting="adamw, 3"),
        most("‖w‖_∞, 90 over 10 %", 1.5, setting="adamw, 3", because="weights that are all equal have 1"),
        note("‖w‖_∞, 90 over 10 %", setting="adam, 0.0001"),
    ),
    plot=Plot("setting", {"raw test": "", "random test": "test pairs, by random neurons", **{
        f"{name} test": f"test pairs, by the top neurons by {name.replace('_', ' ')}"
        for name in ("strength", "norm_flatness", "ipr")
    }}),
)

CLAIMS = {"decay": DECAY}
