"""Neural collapse: whether memorising corrupted labels dilates the classes in the hidden layer.

    minimod reproduce experiments/dilation.py
"""

import math
from functools import partial

import numpy as np

from minimod import Analysis, Run, TrainingConfig
from minimod.analysis.collapse import classes
from minimod.analysis.masking import MEMORISED
from minimod.arrays import Pairs, random_stream
from minimod.claims import (
    L2,
    Claim,
    Number,
    Plot,
    Row,
    all_of,
    by_number,
    cell,
    least,
    most,
    note,
    numbers,
    runs,
    select,
)


def _features(run: Run, pairs: Pairs) -> np.ndarray:
    """The hidden features of some pairs, float64, of shape (n, M)."""
    return np.asarray(run.network.hidden(pairs.a, pairs.b), float)


def measure_dilation(run: Run) -> list[Row]:
    """NC1 of the clean training pairs, and the spread of corrupted pairs and of test pairs about their classes."""
    config, train, test = run.config, run.dataset.train, run.dataset.test
    clean, noisy = train[~train.is_noisy], train[train.is_noisy]
    of = classes(_features(run, clean).__getitem__, clean.label, config.modulus)
    return [{
        "label_smoothing": config.label_smoothing, "width": config.width, "noise_ratio": config.noise_ratio,
        "NC1, clean": of.within,
        "corrupted over clean": of.spread(_features(run, noisy), noisy.label) / of.within if len(noisy) else math.nan,
        "NC1, test": of.spread(_features(run, test), test.label), "raw noisy": float(run.history["noisy_accuracy"][-1]),
        "raw test": float(run.history["test_accuracy"][-1]),
    }]


def dilation(noise_ratio: float, over: float, smoothing: float = 0.0) -> Number:
    """NC1 of the network of width 512, divided by its NC1 at noise ratio `over` without label smoothing."""
    base = cell("NC1, clean", label_smoothing=0.0, width=512, noise_ratio=over)
    other = cell("NC1, clean", label_smoothing=smoothing, width=512, noise_ratio=noise_ratio)
    return lambda rows: other(rows) / base(rows)


sizes = partial(runs, {"modulus": 59}, {"modulus": 113}, **L2)
DILATION = Claim(
    phrase="Memorising wrong labels dilates the classes in the hidden layer.",
    statement="(Nguyen et al., arXiv 2206.05530.) Memorising corrupted labels dilates the classes in the hidden layer: "
    "relative to the distance between classes, features spread further within a class. With label smoothing, a network "
    "generalises better.",
    experiment="NC1 is the variance of the hidden features within the classes, divided by their variance between the "
    "classes. It is measured for the clean training pairs, and for test pairs about the same classes. For corrupted "
    "pairs, NC1 is divided by NC1 of the clean pairs. Adam and a little L2, over noise, width and label smoothing.",
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
        least("raw test", 0.2, label_smoothing=(0.1, 0.0), width=512, noise_ratio=0.3, before=(
            "asked 0.2, measured 0.192 at full scale, then asked 0.1: the first bound stands again, as nothing but the "
            "result spoke for the other"
        )),
        note("noise 0.3: NC1, clean, with label smoothing over that without", dilation(0.3, over=0.3, smoothing=0.1)),
    ),
    plot=Plot("noise_ratio", {
        "NC1, clean": "right training pairs", "NC1, test": "test pairs",
    }, ("label_smoothing", "width"), label="NC1: spread of the classes", yscale="log"),
    remark="Two results did not come out. Label smoothing does not work by a smaller dilation: it makes networks "
    "answer more test pairs, and spreads their features further. The hidden layer of a two-layer network does not "
    "collapse: NC1 stays far above 0, because the features of a pair come from a sum over its two tokens. At full "
    "scale label smoothing gains 0.19, and 0.2 was asked.",
)

# The noise ratio of most networks that are measured along training.
RATIO = 0.3


def measure_course(run: Run) -> list[Row]:
    """1/NC1 at every snapshot: of clean, corrupted and test pairs, and of a few clean pairs.

    The few clean pairs are as many as the corrupted pairs at noise RATIO.
    """
    config, train, test = run.config, run.dataset.train, run.dataset.test
    clean, noisy = train[~train.is_noisy], train[train.is_noisy]
    few = clean[random_stream(config.seed, "control").permutation(len(clean))[: round(RATIO * len(train))]]

    def collapse(of: Run, pairs: Pairs) -> float:
        features = _features(of, pairs).__getitem__
        return 1 / classes(features, pairs.label, config.modulus).within if len(pairs) else math.nan

    rows: list[Row] = []
    with Analysis(run) as analysis:
        for study in analysis.moments():
            then, raw = study.run, study.row("raw")
            about = classes(_features(then, clean).__getitem__, clean.label, config.modulus)
            rows.append({
                "labels": labels_of(config), "width": config.width, "epoch": study.epoch,
                "1/NC1, clean": 1 / about.within, "1/NC1, as few clean": collapse(then, few),
                "1/NC1, corrupted": collapse(then, noisy),
                "1/NC1, test": 1 / about.spread(_features(then, test), test.label),
                "raw clean": raw.clean, "raw noisy": raw.noisy, "raw test": raw.test,
            })
    return rows


def labels_of(config: TrainingConfig) -> str:
    """The labels that a network is trained on, in words."""
    if config.noise_ratio:
        return f"{config.noise_ratio:.0%} wrong"
    return "all right, fewer" if config.train_fraction < TrainingConfig.train_fraction else "all right"


def course_of(rows: list[Row], labels: str, width: int = 512) -> list[Row]:
    """The rows of one network, in the order of the epochs."""
    return by_number(select(rows, labels=labels, width=width), "epoch")


def until_memorised(column: str, labels: str, width: int = 512) -> Number:
    """The highest number of a column up to the first epoch with memorised noise, over the number at this epoch.

    1 if the column only rises. nan if the noise is never memorised, or if the column is not above 0 at this epoch.
    """
    def number(rows: list[Row]) -> float:
        course = course_of(rows, labels, width)
        n = next((n for n, row in enumerate(course, 1) if row["raw noisy"] >= MEMORISED), 0)
        return _highest_over_last(numbers(course[:n], column))

    return number


def fall(values: list[float]) -> float:
    """The largest factor by which values fall from one value to a later value.

    1 if they only rise. nan if no value is above 0.
    """
    firsts = [values[: n + 1] for n, value in enumerate(values) if value > 0]
    return max(map(_highest_over_last, firsts), default=math.nan)


def _highest_over_last(values: list[float]) -> float:
    """The highest value over the last value. nan unless the last value is above 0."""
    return max(values) / values[-1] if values and values[-1] > 0 else math.nan


def at_the_end(labels: str, over: str) -> Number:
    """NC1 of the clean pairs at the end, over this NC1 with other labels. nan if the classes do not lie apart."""
    def number(rows: list[Row]) -> float:
        mine, other = (course_of(rows, each)[-1]["1/NC1, clean"] for each in (labels, over))
        return float(other / mine) if min(mine, other) > 0 else math.nan

    return number


course = partial(sizes, snapshots="log")
HALF, SOME, RIGHT, FEWER = "50% wrong", "30% wrong", "all right", "all right, fewer"
WIDTHS = (128, 512, 2048)

DILATION_COURSE = Claim(
    phrase="In training, only wrongly labelled pairs dilate, not clean or test pairs.",
    statement="(After Nguyen et al., arXiv 2206.05530, who say that classes dilate while corrupted labels are "
    "memorised.) Along training, only the corrupted pairs dilate. They gather by their wrong labels before clean pairs "
    "gather by their right labels. They scatter while the last corrupted labels are memorised. Clean and test pairs "
    "never dilate. Noise slows down their contraction. So in the end their classes are more dilated than after "
    "training on the same number of right labels alone.",
    experiment="1/NC1 is the variance of the hidden features between classes, divided by their variance within the "
    "classes. It is measured at snapshots whose epochs are spaced by a factor. It is measured for clean training "
    "pairs, for test pairs about the same classes, and for corrupted pairs by their wrong labels. The control of the "
    "corrupted pairs is the same number of clean pairs, drawn at random. Two networks have only right labels: one "
    "trains on all pairs, and one on the number of pairs that have right labels at noise 0.3. If classes dilate, "
    "1/NC1 falls. It is 0 if classes lie as far apart as classes of random pairs. At first it is below 0, because "
    "with right labels every token is in every class.",
    configs=all_of(
        course(noise_ratio=[0.5, RATIO, 0.0], width=512), course(width=[128, 2048], noise_ratio=RATIO),
        course(noise_ratio=0.0, width=512, train_fraction=(1 - RATIO) * TrainingConfig.train_fraction),
    ),
    measure=measure_course, keys=("labels", "width", "epoch"), seeds=1,
    criteria=(
        # These bounds are older than the runs of seeds 0 to 2. 1.2 because NC1 of one setting varies by a few per cent
        # over seeds.
        *(least(
            f"corrupted, {labels}, width {width}: highest 1/NC1 before over that when memorised", 1.2,
            until_memorised("1/NC1, corrupted", labels, width),
        ) for labels, width in ((HALF, 512), *((SOME, width) for width in WIDTHS))),
        # Only these few per cent. Otherwise the fall of the corrupted pairs could come from their small number.
        most("as few clean: the same, highest over widths", 1.05, lambda rows: max(
            until_memorised("1/NC1, as few clean", SOME, width)(rows) for width in WIDTHS
        )),
        # In the paper, test pairs dilate while noise is memorised, so the factor is above 1.
        most("test: largest factor by which 1/NC1 falls along training, over networks", 1.05, lambda rows: max(
            fall(numbers(course_of(rows, labels, width), "1/NC1, test"))
            for labels, width in {(row["labels"], row["width"]) for row in rows}
        )),
        # 1.5 is the bound of the claim above. Fewer labels alone may do at most a tenth of the effect.
        least("NC1, clean, at the end: 30% wrong over as many right ones alone", 1.5, at_the_end(SOME, over=FEWER)),
        most("NC1, clean, at the end: as many right ones alone over all right", 1.05, at_the_end(FEWER, over=RIGHT)),
    ),
    plot=Plot("epoch", {
        "1/NC1, clean": "right training pairs", "1/NC1, as few clean": "right pairs, as few as the wrong ones",
        "1/NC1, corrupted": "wrong training pairs, about their wrong labels", "1/NC1, test": "test pairs",
    }, ("labels", "width"), "symlog", label="1/NC1: how tight they are"),
)

CLAIMS = {"dilation": DILATION, "dilation-course": DILATION_COURSE}
