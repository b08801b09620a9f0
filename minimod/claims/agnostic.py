"""Claims on methods that know nothing of the rule: what they read out of a network, and how far they can go."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from minimod.analysis.accuracy import accuracies
from minimod.analysis.masking import mask_curves, random_rankings
from minimod.analysis.methods import AGNOSTIC
from minimod.analysis.readout import predict_ensemble, predict_interaction
from minimod.claims.claim import Claim, Number, Plot, Row
from minimod.claims.criteria import by_number, highest, least, lowest, most, number_in, numbers, select
from minimod.claims.readings import method_rows, read
from minimod.claims.settings import L2, large_runs, setting
from minimod.config import TrainingConfig
from minimod.data import random_stream
from minimod.extraction import Answers, by_method, extract
from minimod.store.runs import Run
from minimod.summary import Analysis, open_analysis

READOUT = Claim(
    statement="(Beyond the paper.) The interaction readout, which knows nothing of the rule, answers what the network "
    "itself does not, and repairs most of the corrupted labels at little noise. Choosing neurons does less.",
    experiment="Every method on two runs at modulus 113: noise 0.3 at width 512, and noise 0.1 at width 1024.",
    configs=large_runs, measure=method_rows, keys=("noise_ratio", "method"), seeds=1,
    criteria=(
        least("test", 0.98, noise_ratio=0.3, method="interaction"),
        most("test", 0.65, noise_ratio=0.3, method="raw"),
        least("test", 0.05, noise_ratio=0.3, method=("ipr_w subnetwork", "random subnetwork")),
        least("test", 0.05, noise_ratio=0.3, method=("dominant", "ipr_w subnetwork")),
        least("repaired", 0.95, noise_ratio=0.1, method="interaction+quadratic"),
    ),
    plot=Plot("method", ("noisy", "repaired", "test"), ("noise_ratio",)),
)

# The mask that is fixed beforehand: of the scores that know nothing, the one of both norm and flatness.
MASK = "norm_flatness"


def masked_configs(scale: str) -> list[TrainingConfig]:
    """Networks at modulus 113, the wider the more noise there is: 0.3, 0.5 and, at full scale, 0.6."""
    _, little_noise = large_runs(scale)
    configs = [little_noise, setting(modulus=113, noise_ratio=0.5, width=1024, **L2)]
    return configs if scale == "quick" else [*configs, self_training_configs(scale)[0][0]]


def measure_masked(run: Run) -> list[Row]:
    """The interaction readout of all neurons, of the top ones by each score, and of random ones."""
    rows: list[Row] = []
    with open_analysis(run) as study:
        noisy_labels = study.row("raw")["noisy"]
        for score in ("all neurons", *AGNOSTIC, "random"):
            row = study.row("interaction" if score == "all neurons" else f"{score}+interaction")
            blind = study.row(f"{score}+interaction, noisy") if score in AGNOSTIC else dict.fromkeys(row, math.nan)
            rows.append({
                "noise_ratio": run.config.noise_ratio, "score": score, "raw noisy": noisy_labels, "test": row["test"],
                "repaired": row["repaired"], "noisy choice, test": blind["test"],
                "noisy choice, repaired": blind["repaired"],
            })
    return rows


MASKED_READOUT = Claim(
    statement="(Beyond the paper.) A mask and a readout together, neither of which knows the rule, answer where each "
    "alone does not: the interaction readout of the few neurons with the largest and flattest weights. How many "
    "neurons can be chosen on held-out labels that are as noisy as those of training.",
    experiment="Modulus 113, Adam with a little L2. norm_flatness is the score that was fixed beforehand. Shares are "
    "chosen on clean validation labels, and (noisy choice) without any clean label.",
    configs=masked_configs, measure=measure_masked, keys=("noise_ratio", "score"), seeds=1,
    full_criteria=(least("test", 0.7, noise_ratio=0.6, score=MASK),),
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        least("test", 0.92, noise_ratio=0.5, score=MASK),
        least("test", 0.05, noise_ratio=0.5, score=(MASK, "all neurons")),
        least("test", 0.05, noise_ratio=0.5, score=(MASK, "random")),
        most("most that the noisy choice costs", 0.02, highest(("test", "noisy choice, test"), score=MASK)),
    ),
    plot=Plot("score", ("test", "noisy choice, test", "repaired", "noisy choice, repaired"), ("noise_ratio",)),
)

# How many networks are trained on answers; where no clean label chooses, more.
ROUNDS, BLIND_ROUNDS = 2, 4
BY_MASK, BY_ALL, BY_RANDOM, BLIND = "masked readout", "readout of all", "random neurons", "masked, no clean label"
LONG = "nobody, trained as long"


def self_training_configs(scale: str) -> list[tuple[TrainingConfig, ...]]:
    """Networks to begin with; beside the first, one that trains as long as all rounds, and one with less to train on.

    That one trains on 95 % of the noisy labels: 5 % are held out, to choose the share of neurons on.
    """
    size: dict[str, Any] = {"modulus": 113, "width": 2048, "weight_decay": 3e-5, "epochs": 800}
    ratios, size = ([0.45], {"modulus": 59, "width": 512}) if scale == "quick" else ([0.6, 0.5, 0.65], size)
    first, *others = (setting(noise_ratio=ratio, **L2 | size) for ratio in ratios)
    longer = replace(first, epochs=(ROUNDS + 1) * first.epochs)
    return [(first, longer, replace(first, train_fraction=0.95 * first.train_fraction)), *((each,) for each in others)]


def by_random_neurons(study: Analysis) -> tuple[float, np.ndarray]:
    """The interaction readout of the first of the random rankings: the control of a mask."""
    run, network = study.run, study.run.network
    order = random_rankings(network.width, random_stream(run.config.seed, "control"))[0]
    chosen = mask_curves(network, order, run.dataset, study.backend).chosen("interaction", "validation")
    return chosen.share, predict_interaction(network.subnetwork(chosen.neurons), study.backend)


def by_noisy_labels(study: Analysis) -> tuple[float, np.ndarray]:
    """The masked readout, its share of neurons chosen on a nineteenth as many noisy labels as are trained on."""
    run = study.run
    held_out, n = run.dataset.held_out, round(len(run.dataset.train) / 19)
    some = np.sort(random_stream(run.config.seed, "control").permutation(len(held_out))[:n])
    few = replace(run, dataset=replace(run.dataset, held_out=held_out[some]))
    return by_method(f"{MASK}+interaction, noisy")(replace(study, run=few))


def measure_self_training(run: Run, *controls: Run) -> list[Row]:
    """The rounds that begin with a run, by what relabels its training pairs; what ends early stays as it is."""
    def rounds(by: str, first: Run, n: int, answers: Answers) -> list[Row]:
        place = None if first.directory is None else first.directory.parents[1] / "rounds" / first.directory.name / by
        done = extract(first, n, place, answers)
        rows = [dict(each.row) for each in done] + [dict(done[-1].row) for _ in range(n + 1 - len(done))]
        seconds = sum(float(each.run.history["seconds"][-1]) for each in done)
        return [
            {
                "noise_ratio": run.config.noise_ratio, "relabelled_by": by, "round": number,
                "noise less limit": run.config.noise_ratio - agnostic_limit(run.config.modulus, 0.8),
                **{name.replace("_", " "): value for name, value in row.items() if name != "round"},
                "seconds of training": seconds,
            }
            for number, row in enumerate(rows)
        ]

    masked = by_method(f"{MASK}+interaction")
    rows = rounds(BY_MASK, run, ROUNDS, masked)
    if controls:
        longer, less = controls
        rows += rounds(BY_ALL, run, ROUNDS, by_method("interaction"))
        rows += rounds(BY_RANDOM, run, ROUNDS, by_random_neurons)
        rows += rounds(LONG, longer, 0, masked) + rounds(BLIND, less, BLIND_ROUNDS, by_noisy_labels)
    return rows


def after(by: str, less: str | None = None, column: str = "test", less_round: int = -1) -> Number:
    """The column after the last round, where the controls are; less that after a round of another, if one is named."""
    def number(rows: list[Row]) -> float:
        ratio = select(rows, relabelled_by=BLIND)[0]["noise_ratio"]
        ends = [
            number_in(by_number(select(rows, noise_ratio=ratio, relabelled_by=name), "round")[i], column)
            for name, i in ((by, -1), (less, less_round)) if name
        ]
        return ends[0] - sum(ends[1:])

    return number


SELF_TRAINING = Claim(
    statement="(Beyond the paper.) Labels repaired by a network's masked readout train a better network: round by "
    "round the rule comes out, also where a single network's readout gets little of it, and without any knowledge of "
    "the rule. It ends where rank-one structure does, see agnostic-limit.",
    experiment=f"The training pairs get the labels that the interaction readout of the top neurons by {MASK} answers, "
    "and a new network is trained on them. Beside it: relabelling by the readout of all neurons, and of random ones; "
    "one network trained as long as all; and the masked readout without any clean label: 5 % of the noisy labels are "
    "held out, and choose the share of neurons.",
    configs=self_training_configs, measure=measure_self_training, keys=("noise_ratio", "relabelled_by", "round"),
    criteria=(
        least("masked readout: test in the end", 0.9, after(BY_MASK)),
        least("masked readout: repaired in the end", 0.6, after(BY_MASK, column="repaired")),
        least("masked readout: test in the end less that of the first", 0.1, after(BY_MASK, BY_MASK, less_round=0)),
        least("no clean label: test in the end", 0.9, after(BLIND)),
        least("masked readout less the network trained as long, repaired", 0.1, after(BY_MASK, LONG, "repaired")),
        least("masked readout less readout of all, test", 0.05, after(BY_MASK, BY_ALL)),
        least("masked readout less random neurons, test", 0.05, after(BY_MASK, BY_RANDOM)),
    ),
    full_criteria=(
        least("noise 0.6: test in the end", 0.99, after(BY_MASK)),
        least("noise 0.6: repaired in the end", 0.93, after(BY_MASK, column="repaired")),
        least("noise 0.6, no clean label: test in the end", 0.97, after(BLIND)),
        most("test", 0.5, noise_ratio=0.65, relabelled_by=BY_MASK, round=ROUNDS),
    ),
    plot=Plot("round", ("labels right", "raw test", "test", "repaired"), ("noise_ratio", "relabelled_by")),
)

# Both networks at a weight decay at which the interaction readout goes far.
QUADRATIC, RELU = "quadratic, MSE", "ReLU, cross-entropy"
LIMIT_NETWORKS: dict[str, dict[str, Any]] = {
    QUADRATIC: {"activation": "quadratic", "loss": "mse", "learning_rate": 1e-2, "weight_decay": 3},
    RELU: {"learning_rate": 5e-3, "weight_decay": 3},
}


def agnostic_limit(modulus: int, train_fraction: float) -> float:
    """The noise ratio α at which one frequency of the rule is as strong in the training labels as noise can be.

    In the tensor of labels, of shape (P, P, P), a frequency has the strength (1 - α) ρ √(P / 2), with the train
    fraction ρ, and the largest rank-one part of the noise is about 2.87 √(α ρ), measured on random tensors. Beyond the
    α where they meet, a search for rank-one structure finds noise first. It is an estimate and bounds no other search.
    """
    # (1 - α)² = q α with q = 2 · 2.87² / (ρ P), so α² - (2 + q) α + 1 = 0, of which α is the smaller root.
    q = 2 * 2.87**2 / (train_fraction * modulus)
    return 1 + q / 2 - math.sqrt(q + q**2 / 4)


def limit_configs(scale: str) -> list[TrainingConfig]:
    """Both networks at three moduli, at noise ratios around the predicted limit."""
    moduli = (23, 41, 59) if scale == "quick" else (59, 97, 113)
    return [
        setting(
            modulus=modulus, noise_ratio=round(agnostic_limit(modulus, 0.8) + step, 3), width=512, epochs=700, **network
        )
        for network in LIMIT_NETWORKS.values() for modulus in moduli for step in (-0.2, -0.1, 0.0, 0.1)
    ]


def measure_limit(run: Run) -> list[Row]:
    """What the interaction readout answers, by network, modulus and noise ratio."""
    config = run.config
    network = QUADRATIC if config.loss == "mse" else RELU
    limit = agnostic_limit(config.modulus, config.train_fraction)
    return [{
        "network": network, "modulus": config.modulus, "noise_ratio": config.noise_ratio, "limit": limit,
        "noise less limit": config.noise_ratio - limit, **read(run, "raw test", "interaction test"),
    }]


def half_points(rows: list[Row], network: str) -> list[float]:
    """The noise ratio at which the interaction test accuracy falls through 0.5, for every modulus, the smallest first.

    By straight lines between the rows; nan where it never falls so far, or is never so high.
    """
    points = []
    for modulus in sorted(set(numbers(rows, "modulus"))):
        curve = by_number(select(rows, network=network, modulus=modulus), "noise_ratio")
        ratios, tests = numbers(curve, "noise_ratio"), numbers(curve, "interaction test")
        falls = [i for i in range(len(tests) - 1) if tests[i] >= 0.5 > tests[i + 1]]
        ends = slice(falls[0], falls[0] + 2) if falls else slice(0)
        points.append(float(np.interp(0.5, tests[ends][::-1], ratios[ends][::-1])) if falls else math.nan)
    return points


AGNOSTIC_LIMIT = Claim(
    statement="(Beyond the paper.) A search for rank-one structure, which knows nothing of the rule, can find it only "
    "where it is stronger in the labels than noise can be: up to a noise ratio that grows with the modulus. A "
    "quadratic network with squared error comes near this limit, the paper's ReLU network with cross-entropy falls "
    "short of it.",
    experiment="The interaction readout of both networks at noise ratios around the predicted limit, at three moduli. "
    "The half point is the noise ratio at which it answers half of the test pairs.",
    configs=limit_configs, measure=measure_limit, keys=("network", "modulus", "noise_ratio"), seeds=1,
    criteria=(
        most("quadratic: largest distance of the half point from the limit over the moduli", 0.1, lambda rows: (
            float(np.max(np.abs(np.subtract(half_points(rows, QUADRATIC), sorted(set(numbers(rows, "limit")))))))
        )),
        least("quadratic: half point at the largest modulus less that at the smallest", 0.05, lambda rows: (
            half_points(rows, QUADRATIC)[-1] - half_points(rows, QUADRATIC)[0]
        )),
        least("largest modulus: half point of quadratic less that of ReLU", 0.05, lambda rows: (
            half_points(rows, QUADRATIC)[-1] - half_points(rows, RELU)[-1]
        )),
    ),
    plot=Plot("noise less limit", ("raw test", "interaction test"), ("network", "modulus")),
    remark="The step at the limit is sharper the larger the modulus; at the small ones both networks behave alike. "
    "That ReLU falls short holds of all neurons of one network this wide: see masked-readout and self-training.",
)

MEMBERS = (1, 2, 4, 8)


def ensemble_configs(scale: str) -> list[tuple[TrainingConfig, ...]]:
    """Networks on the same data, each from initial weights of its own; last, one as wide as all of them together."""
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
    """The interaction readout of the first members together, and of the wide network; the mean raw accuracy beside."""
    *members, wide = trained
    with open_analysis(wide) as study:
        def answered(*networks: Run) -> float:
            table = predict_ensemble([run.network for run in networks], study.backend)
            return float(accuracies(table, wide.dataset)["test"])

        return [
            {
                "noise_ratio": wide.config.noise_ratio, "networks": n,
                "raw test": float(np.mean([run.history["test_accuracy"][-1] for run in members[:n]])),
                "interaction test": answered(*members[:n]), "one wide network": answered(wide),
            }
            for n in MEMBERS
        ]


AGNOSTIC_ENSEMBLE = Claim(
    statement="(Open question.) The paper's own network, ReLU with cross-entropy, can be read out without knowledge "
    "of the rule at more noise: where one network fails, the interactions of several together, which differ in nothing "
    "but their initial weights, answer; and so does a single one that is as wide as all of them.",
    experiment="The interaction readout of 1 to 8 networks trained on the same labels, their interactions summed, "
    "beside that of a single one as wide as all eight.",
    configs=ensemble_configs, measure=measure_ensemble, keys=("noise_ratio", "networks"), seeds=1,
    criteria=(
        most("lesser noise: 1 network, interaction test", 0.9, highest("interaction test", networks=1)),
        least("lesser noise: 8 networks, interaction test", 0.99, highest("interaction test", networks=8)),
        least("lesser noise: wide network, interaction test", 0.99, highest("one wide network", networks=8)),
    ),
    plot=Plot("networks", ("raw test", "interaction test", "one wide network"), ("noise_ratio",), "log"),
    remark="The wide network, the ensemble's control, does about as well: the number of neurons averages out what the "
    "memorised labels do to other pairs. The few neurons that a mask picks do better, see masked-readout.",
)
