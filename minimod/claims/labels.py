"""Claims on labels: which are fitted first, and how well detectors tell the wrong ones."""

import math
from functools import partial

import numpy as np

from minimod.analysis.collapse import classes
from minimod.analysis.detection import detect
from minimod.analysis.detectors import collisions
from minimod.analysis.extraction import extract, held_out_logits
from minimod.arrays import Pairs
from minimod.claims.claim import Cell, Claim, Number, Plot, Row
from minimod.claims.criteria import cell, highest, least, lowest, most, note, number_in, numbers, ratio, select
from minimod.claims.settings import L2, all_of, beside, runs
from minimod.runs.run import Run

# What random wrong labels are, and what another Latin square is; the smallest difference that counts as a prediction.
RANDOM, LATIN, PREDICTED = ("wrong", "uniform"), ("pair", "bijective"), 0.1


def measure_order(run: Run) -> list[Row]:
    """How much more often noisy labels collide than clean ones, and how much further their loss falls."""
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
    """Whether the sign was right, of the rows with a prediction."""
    both = zip(numbers(rows, "predicted lead"), numbers(rows, "measured lead"), strict=True)
    return [(predicted > 0) == (measured > 0) for predicted, measured in both if abs(predicted) >= PREDICTED]


NOISE_ORDER = Claim(
    statement="(Theorem 3 of the companion paper, and past it.) Who is fitted first is decided by collisions: early "
    "on, a label is fitted by what the other training pairs in its row and its column say. Random wrong labels collide "
    "more often than right ones, and are fitted first; those of another Latin square only while they are the fewer.",
    experiment="How far the loss of noisy and of clean labels falls in 30 epochs with small steps, over four kinds of "
    "noise, three ratios and two rules. The measured lead of noisy labels is the difference over the fall of the whole "
    "loss; the predicted one their mean number of collisions less that of clean ones, over the train fraction. Where "
    f"that is below {PREDICTED:g} nothing is predicted.",
    configs=runs(
        {"modulus": 59, "width": 512}, {"modulus": 113, "width": 1024}, learning_rate=1e-3, weight_decay=0.1, epochs=30,
        eval_every=30, noise_kind=[*RANDOM, *LATIN], rule=["add", "sub"], noise_ratio=[0.2, 0.5, 0.7],
    ),
    measure=measure_order, keys=("noise_kind", "rule", "noise_ratio"),
    criteria=(
        least("share of signs predicted right", 0.95, lambda rows: float(np.mean(predicted_well(rows)))),
        least("combinations that are predicted, of 24", 20, lambda rows: float(len(predicted_well(rows)))),
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
    plot=Plot("noise_ratio", ("predicted lead", "measured lead"), ("noise_kind", "rule"), label="lead"),
    remark="Nothing is predicted for another Latin square at noise 0.5, where it has as many labels as the rule.",
)

# Networks that have memorised and answer nothing themselves, and networks in which the rule shows.
MEMORISES, SHOWS = "AdamW, small steps", "Adam, L2"
FIELD = ("aum", "cartography", "half-fitted loss")
FOLDS = 3


def measure_detectors(run: Run) -> list[Row]:
    """How well every detector tells wrong labels from right ones; where the rule shows, after two rounds too."""
    setting = MEMORISES if run.config.optimizer == "adamw" else SHOWS
    extracted = extract(run, 2, beside(run, "detectors"))[-1].run if setting == SHOWS else None
    found = detect(run, extracted, held_out_logits(run, FOLDS, beside(run, "folds")))
    return [{
        "noise_ratio": run.config.noise_ratio, "setting": setting, "detector": name,
        "AUROC": found["auroc"][name], "precision": found["precision"][name],
        "raw test": float(run.history["test_accuracy"][-1]),
    } for name in found["scores"]]


def of_the_field(noise_ratio: float) -> Number:
    """The highest AUROC of FIELD, on a network that has memorised all."""
    keys: dict[str, Cell] = {"setting": MEMORISES, "noise_ratio": noise_ratio}
    return lambda rows: max(number_in(row, "AUROC") for row in select(rows, **keys) if row["detector"] in FIELD)


# With the course of training, at more noise where the modulus is larger.
recorded = partial(
    runs, {"modulus": 59, "width": 512, "noise_ratio": [0.1, 0.3]},
    {"modulus": 113, "width": 1024, "noise_ratio": [0.1, 0.3, 0.5, 0.8]}, record=True, eval_every=None,
)
DETECTION = Claim(
    statement="(Beyond the paper.) Methods that tell wrong labels by how training goes take for granted that right "
    "ones are fitted first. Here they are fitted last, and of a network that has memorised all these methods do worse "
    "than chance. What tells wrong labels without knowing the rule are collisions, which need no network; and readouts "
    "of the interaction, all of them where the rule shows.",
    experiment="AUROC of each detector (chance is 0.5), and the share of wrong labels among as many with the highest "
    "scores. With small steps a network memorises all and answers nothing; with Adam and a little L2 the rule shows. "
    "self-training: the last network of two rounds of minimod extract. held-out folds: three networks, each trained "
    "on two thirds of the labels.",
    configs=all_of(recorded(learning_rate=1e-3, weight_decay=0.1, epochs=240), recorded(**L2)),
    measure=measure_detectors, keys=("noise_ratio", "setting", "detector"), seeds=1, trains=True,
    criteria=(
        most("memorises, noise 0.1: best of the course of training", 0.5, of_the_field(0.1)),
        most("memorises, noise 0.3: best of the course of training", 0.5, of_the_field(0.3)),
        most("AUROC", 0.5, noise_ratio=0.3, setting=MEMORISES, detector="loss"),
        note("AUROC", noise_ratio=0.1, setting=MEMORISES, detector="loss"),
        least("AUROC", 0.9, noise_ratio=0.1, setting=MEMORISES, detector="collisions"),
        least("AUROC", 0.75, noise_ratio=0.3, setting=MEMORISES, detector="collisions"),
        least("AUROC", 0.8, noise_ratio=0.1, setting=MEMORISES, detector="interaction"),
        note("AUROC", noise_ratio=0.3, setting=MEMORISES, detector="interaction"),
        least("AUROC", 0.99, noise_ratio=0.3, setting=SHOWS, detector="interaction"),
        least("AUROC", 0.99, noise_ratio=0.3, setting=SHOWS, detector="masked readout"),
        least("AUROC", 0.15, noise_ratio=0.3, setting=SHOWS, detector=("masked readout", "collisions")),
        least("AUROC", 0.9, noise_ratio=0.1, setting=SHOWS, detector="loss"),
    ),
    full_criteria=(
        least("AUROC", 0.95, noise_ratio=0.5, setting=SHOWS, detector="masked readout"),
        note("AUROC", noise_ratio=0.8, setting=SHOWS, detector="masked readout"),
    ),
    plot=Plot("detector", ("AUROC", "precision"), ("noise_ratio", "setting"), label="AUROC and precision"),
    remark="The loss at the end points the wrong way in a network that has memorised all, and the right way where the "
    "rule shows: there right labels have the smaller loss. It turns before the network answers: at modulus 113 and "
    "noise 0.1 the one trained with small steps answers 1 %, and its loss already finds 38 % of the wrong labels, its "
    "interactions 86 %. Reports that losses find wrong labels, at noise up to 0.12, are of such networks.",
)


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
    return ratio(cell("NC1, clean", label_smoothing=smoothing, width=512, noise_ratio=noise_ratio), base)


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
        least("raw test", 0.1, label_smoothing=(0.1, 0.0), width=512, noise_ratio=0.3),
        note("noise 0.3: NC1, clean, with label smoothing over that without", dilation(0.3, over=0.3, smoothing=0.1)),
    ),
    plot=Plot("noise_ratio", ("NC1, clean", "NC1, test"), ("label_smoothing", "width"), label="NC1"),
    remark="What did not come out: that label smoothing works by lessening the dilation. It makes networks answer more "
    "and spreads their features further. Nor does the hidden layer of a two-layer network collapse: NC1 stays far "
    "above 0, since the features of a pair are made of a sum over its two tokens.",
)
