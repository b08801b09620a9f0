"""Claims on what a network has inside: by activation, phase and share of neurons, learned or not; at most noise."""

from dataclasses import replace

import numpy as np

from minimod.analysis.masking import KEEP, mask_curves, random_rankings
from minimod.analysis.scores import ranking
from minimod.analysis.structure import neuron_table, typical
from minimod.analysis.study import open_analysis
from minimod.arrays import random_stream
from minimod.claims.claim import Claim, Plot, Row
from minimod.claims.criteria import highest, least, lowest, most
from minimod.claims.settings import FROZEN, middle_runs, reading
from minimod.runs.config import TrainingConfig
from minimod.runs.run import Run

# The runs that several claims take apart: every label is fitted, at four noise ratios.
standard_runs = middle_runs(noise_ratio=[0.1, 0.3, 0.5, 0.8], weight_decay=3, epochs=250)

SWAP = Claim(
    phrase="Other activations in evaluation keep the rule and forget the noise.",
    statement="Trained with ReLU and evaluated with the quadratic or the reverse ReLU activation, a network keeps or "
    "raises its test accuracy, and forgets noise: its weights hold a symmetric rule.",
    experiment="Both swaps at four noise ratios.",
    configs=standard_runs,
    measure=reading(("noise_ratio",), *(
        f"{name} {measure}" for measure in ("test", "noisy") for name in ("raw", "raw+quadratic", "raw+reverse_relu")
    )),
    keys=("noise_ratio",),
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        least("quadratic: lowest gain in test accuracy", -0.02, lowest(("raw+quadratic test", "raw test"))),
        least("reverse ReLU: lowest gain in test accuracy", -0.02, lowest(("raw+reverse_relu test", "raw test"))),
        least(("raw+quadratic test", "raw test"), 0.1, noise_ratio=0.3),
        most("raw+quadratic noisy", 0.9, noise_ratio=0.1),
        most("largest noisy accuracy with reverse ReLU", 0.9, highest("raw+reverse_relu noisy")),
    ),
    plot=Plot("noise_ratio", (
        "raw test", "raw+quadratic test", "raw+reverse_relu test", "raw noisy", "raw+quadratic noisy",
        "raw+reverse_relu noisy",
    )),
)


def frozen_too(scale: str) -> list[tuple[TrainingConfig, ...]]:
    """The standard runs, each with its frozen twin."""
    return [(config, replace(config, **FROZEN)) for config in standard_runs(scale)]


def measure_phases(run: Run, frozen: Run) -> list[Row]:
    """The phase errors of the network before and after training, and of its frozen twin."""
    with open_analysis(run) as study, open_analysis(frozen) as control:
        structures = {"trained": study.structure, "untrained": study.untrained, "frozen": control.structure}
        errors = {name: typical(neuron_table(each))["phase_error_rms"] for name, each in structures.items()}
    return [{"noise_ratio": run.config.noise_ratio, **errors}]


PHASES = Claim(
    phrase="Neurons come to obey φ_a + φ_b = φ_c.",
    statement="The neurons come to obey φ_a + φ_b = φ_c, the better the less noise there is.",
    experiment="The root mean square of φ_a + φ_b - φ_c over the neurons, in rad, at their dominant frequencies, "
    "before and after training. Random phases give π/√3 = 1.81. frozen: a network that trains W and μ alone.",
    configs=frozen_too, measure=measure_phases, keys=("noise_ratio",),
    criteria=(
        most("trained", 0.5, noise_ratio=0.1),
        most("trained", 1.5, noise_ratio=0.8),
        least("trained", 0.2, noise_ratio=(0.8, 0.1)),
        least("least untrained error", 1.6, lowest("untrained")),
        least(("frozen", "trained"), 0.2, noise_ratio=0.1),
    ),
    plot=Plot("noise_ratio", ("trained", "frozen", "untrained"), label="root mean square phase error, rad"),
    remark="In the frozen network w alone comes to fit the phases that u and v were drawn with: the phase relation by "
    "itself is no evidence of learned features, a small error at little noise is.",
)


def measure_spread(run: Run, frozen: Run) -> list[Row]:
    """What shares of the filtered neurons answer: drawn at random, also of the frozen twin; or either end by IPR."""
    with open_analysis(frozen) as study:
        order = random_rankings(frozen.network.width, random_stream(frozen.config.seed, "control"))[0]
        control = mask_curves(study.structure.dominant, order, frozen.dataset, study.backend)
    with open_analysis(run) as study:
        by_ipr = ranking("ipr", study.structure)
        rankings = random_rankings(run.network.width, random_stream(run.config.seed, "control"))
        *random, ranked, reverse = (
            mask_curves(study.structure.dominant, order, run.dataset, study.backend)
            for order in (*rankings, by_ipr, by_ipr[::-1])
        )
    tests = [curves.logits["test"] for curves in random]
    return [{
        "noise_ratio": run.config.noise_ratio, "share": keep,
        "random test": float(np.mean(tests, axis=0)[i]), "lowest random test": float(np.min(tests, axis=0)[i]),
        "top test": float(ranked.logits["test"][i]), "bottom test": float(reverse.logits["test"][i]),
        "frozen, random test": float(control.logits["test"][i]),
    } for i, keep in enumerate(KEEP) if keep in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1)]


SPREAD = Claim(
    phrase="All neurons hold some of the rule.",
    statement="The structure is spread over the neurons: all of them hold some of it.",
    experiment="Test accuracy of shares of the filtered network's neurons: at random (mean and lowest of ten draws), "
    "and from the top and the bottom of the ranking by IPR. frozen: a network that trains W and μ alone, one draw.",
    configs=frozen_too, measure=measure_spread, keys=("noise_ratio", "share"),
    criteria=(
        *(least("bottom test", 0.5, noise_ratio=ratio, share=0.5) for ratio in (0.1, 0.3, 0.5)),
        least("random test", 0.9, noise_ratio=0.3, share=0.5),
    ),
    plot=Plot("share", ("random test", "top test", "bottom test", "frozen, random test"), ("noise_ratio",)),
    remark="Even the half with the lowest IPR holds the rule once it is filtered, hardly less than the half with "
    "the highest. That is no evidence of learned features: a frozen network's neurons hold it likewise.",
)
