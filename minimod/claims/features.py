"""Claims on what a network has inside: by activation, phase and share of neurons, learned or not; at most noise."""

from dataclasses import replace
from functools import partial

import numpy as np

from minimod.analysis.analysis import Analysis
from minimod.analysis.masking import KEEP
from minimod.analysis.scores import SCORES
from minimod.claims.claim import Claim, Number, Plot, Row
from minimod.claims.criteria import cell, furthest, highest, least, lowest, most, note, ratio
from minimod.claims.settings import FROZEN, L2, all_of, network_of, read, read_from, reading, runs, standard_runs
from minimod.data import Dataset
from minimod.runs.accuracy import accuracies
from minimod.runs.config import TrainingConfig
from minimod.runs.run import Run

SWAP = Claim(
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
    with Analysis(run) as study, Analysis(frozen) as control:
        structures = {"trained": study.structure, "untrained": study.untrained, "frozen": control.structure}
        errors = {name: each.typical["phase_error_rms"] for name, each in structures.items()}
    return [{"noise_ratio": run.config.noise_ratio, **errors}]


PHASES = Claim(
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
    with Analysis(frozen) as study:
        control = study.curves(study.random_rankings[0], study.structure.dominant)
    with Analysis(run) as study:
        by_ipr = study.ranking("ipr")
        *random, ranked, reverse = (
            study.curves(order, study.structure.dominant) for order in (*study.random_rankings, by_ipr, by_ipr[::-1])
        )
    tests = [curves.logits["test"] for curves in random]
    return [{
        "noise_ratio": run.config.noise_ratio, "share": keep,
        "random test": float(np.mean(tests, axis=0)[i]), "lowest random test": float(np.min(tests, axis=0)[i]),
        "top test": float(ranked.logits["test"][i]), "bottom test": float(reverse.logits["test"][i]),
        "frozen, random test": float(control.logits["test"][i]),
    } for i, keep in enumerate(KEEP) if keep in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1)]


SPREAD = Claim(
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

# A frozen network fits every label without decay.
learned = partial(runs, {"modulus": 59, "width": 512}, {"modulus": 113, "width": 2048}, noise_ratio=[0.1, 0.3, 0.8])


def measure_learned(run: Run) -> list[Row]:
    """What is fitted, answered, extracted and picked; phases and shares, and those before training."""
    columns = ("raw noisy", "raw test", "interaction test", "norm+interaction test", "dominant test",
               "dominant+quadratic test", "random subnetwork test")
    with Analysis(run) as study:
        trained, untrained = (each.typical for each in (study.structure, study.untrained))
        row = read_from(study, *columns)
        row["best subnetwork test"] = max(study.row(f"{score} subnetwork").test for score in SCORES)
    return [row | {
        "noise_ratio": run.config.noise_ratio, "network": network_of(run.config),
        "phase error": trained["phase_error_rms"], "dominant share": trained["median_share"],
        "untrained share": untrained["median_share"],
    }]


def share_gained(network: str) -> Number:
    """The median dominant share over that before training, which is the smaller the more frequencies there are."""
    now, before = (cell(f"{when} share", network=network, noise_ratio=0.3) for when in ("dominant", "untrained"))
    return ratio(now, before)


LEARNED_FEATURES = Claim(
    statement="(Beyond the paper.) Near-perfect accuracy after frequency filtration is no evidence that features were "
    "learned: a network whose U and V, or W, stay as they were drawn has it too. What it cannot do shows what is "
    "learned: it answers nothing itself, its interactions answer nothing, no score picks neurons that do, and its "
    "frequencies do not stand out.",
    experiment="All weights trained, with Adam and a little L2; W and μ alone (frozen); U and V alone (frozen output).",
    configs=all_of(learned(**L2), learned(**FROZEN), learned(**FROZEN | {"trained": "input"})),
    measure=measure_learned, keys=("noise_ratio", "network"), seeds=2,
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        least("dominant+quadratic test", 0.95, network="frozen", noise_ratio=0.1),
        least("dominant+quadratic test", 0.95, network="frozen", noise_ratio=0.3),
        note("dominant+quadratic test", network="frozen", noise_ratio=0.8),
        least("raw test", 0.9, network="trained", noise_ratio=0.1),
        least("interaction test", 0.9, network="trained", noise_ratio=0.3),
        most("frozen: highest raw test", 0.05, highest("raw test", network="frozen")),
        most("frozen: highest interaction test", 0.1, highest("interaction test", network="frozen")),
        most("frozen: highest test of a score's subnetwork", 0.1, highest("best subnetwork test", network="frozen")),
        most("frozen output: highest raw test", 0.05, highest("raw test", network="frozen output")),
        most("frozen, noise 0.3: dominant share over that before training", 1.5, share_gained("frozen")),
        least("trained, noise 0.3: the same", 2, share_gained("trained")),
        least("phase error", 0.2, network=("frozen", "trained"), noise_ratio=0.3),
    ),
    plot=Plot("network", (
        "raw test", "interaction test", "best subnetwork test", "dominant test", "dominant+quadratic test"
    ), ("noise_ratio",)),
    remark="At noise 0.8 the trained network's own answers, interactions and shares tell nothing either: there the "
    "phase error alone is smaller than a frozen network's.",
)


def measure_high_noise(run: Run) -> list[Row]:
    """What filtration answers, and what the best decoder does with the same labels."""
    best = accuracies(best_affine_prediction(run.dataset), run.dataset).test
    return [
        {"width": run.config.width, "noise_ratio": run.config.noise_ratio}
        | read(run, "raw test", "dominant test", "dominant+quadratic test") | {"best decoder test": best}
    ]


def best_affine_prediction(dataset: Dataset) -> np.ndarray:
    """The predictions, of shape (P, P), of the rule c = s (a + b) + t mod P that agrees with most training labels.

    Of the P (P - 1) rules with scale s ≠ 0 and offset t this is the most likely one, where each label is independently
    replaced by a uniformly drawn wrong one with a probability below 1 - 1/P. So it is the best guess at the whole rule
    for a method that knows its form, but neither s nor t. P is a prime.
    """
    P, train = dataset.rule.modulus, dataset.train
    total = train.a + train.b
    agreements = np.array([np.bincount((train.label - s * total) % P, minlength=P) for s in range(1, P)])
    s, t = np.unravel_index(agreements.argmax(), agreements.shape)
    x = np.arange(P)
    return ((s + 1) * (x[:, None] + x) + t) % P


HIGH_NOISE = Claim(
    statement="(Beyond the paper.) Frequency filtration goes past 80 % noise, the further the wider the network.",
    experiment="Noise ratios up to 0.98 at modulus 113. best decoder: the rule c = s (a + b) + t that agrees with most "
    "training labels: the most likely one for a method that knows cyclic addition but neither scale s nor offset t.",
    configs=runs(
        quick={"width": [512, 2048]}, full={"width": [512, 2048, 8192]}, modulus=113,
        noise_ratio=[0.8, 0.9, 0.95, 0.98], epochs=60, learning_rate=5e-3, weight_decay=0.5,
    ),
    measure=measure_high_noise, keys=("width", "noise_ratio"), seeds=1,
    criteria=(
        least("dominant+quadratic test", 0.95, width=2048, noise_ratio=0.9),
        least("dominant+quadratic test", 0.2, width=(2048, 512), noise_ratio=0.95),
        note("noise up to which the best decoder answers all", furthest("best decoder test", 1.0, width=2048)),
    ),
    plot=Plot("noise_ratio", ("raw test", "dominant test", "dominant+quadratic test", "best decoder test"), ("width",)),
)
