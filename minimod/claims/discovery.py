"""Claims on discovery: how much noise, how few pairs and which groups it bears; what a network adds to its labels."""

import math
from dataclasses import replace

import numpy as np

from minimod.analysis.accuracy import accuracies
from minimod.claims.claim import Claim, Plot, Row
from minimod.claims.criteria import least, lowest, most
from minimod.claims.features import best_affine_prediction
from minimod.claims.readings import read
from minimod.claims.settings import middle_runs, runs
from minimod.discovery.search import Found
from minimod.extraction import DEFAULT_METHOD
from minimod.retrieval import discover
from minimod.rules.groups import canonical_name
from minimod.store.runs import Run

# The search gives up after so long. What is found is found in less; what is not may need more.
SECONDS = 10.0

# Labels alone: networks that nobody looks at.
LABELS = {"width": 1, "epochs": 0}


def tested(table: np.ndarray, run: Run) -> float:
    """The share of test pairs that a table answers rightly."""
    return float(accuracies(table, run.dataset)["test"])


def answered(found: Found, run: Run) -> Row:
    """What the table that was found answers, and how it was found."""
    return {"discovery test": tested(found.table, run), "starts": found.starts, "p_value": found.p_value}


def measure_noise(run: Run) -> list[Row]:
    """Discovery under one naming of the tokens, and under three."""
    pairs, P, generator = run.dataset.train, run.config.modulus, np.random.default_rng(run.config.seed)
    x, y, z = (generator.permutation(P) for _ in range(3))
    three = discover(x[pairs.a], y[pairs.b], z[pairs.label], P, seconds=SECONDS)
    back = np.append(np.argsort(z), -1)             # from the names that the c have
    apart = replace(three, table=back[three.table[np.ix_(x, y)]])
    keys: Row = {"modulus": P, "noise_ratio": run.config.noise_ratio}
    best = tested(best_affine_prediction(run.dataset), run)
    one = discover(run, source="labels", seconds=SECONDS)
    return [
        keys | {"namings": "one", **answered(one, run), "best decoder test": best},
        keys | {"namings": "three", **answered(apart, run), "best decoder test": math.nan},
    ]


def measure_group(run: Run) -> list[Row]:
    """Discovery in the labels of a group, and whether it was named rightly."""
    found, rule = discover(run, source="labels", seconds=12 * SECONDS), run.config.rule
    true = f"Z{run.config.modulus - 1}" if rule == "mul" else canonical_name(rule)
    return [{
        "rule": rule, "noise_ratio": run.config.noise_ratio, **answered(found, run), "named": float(found.group == true)
    }]


def measure_completion(run: Run) -> list[Row]:
    """Discovery in a share of all pairs."""
    keys: Row = {"noise_ratio": run.config.noise_ratio, "train_fraction": run.config.train_fraction}
    return [keys | answered(discover(run, source="labels", seconds=SECONDS), run)]


def measure_network(run: Run) -> list[Row]:
    """What is read out of a network, told more or less, and what discovery makes of its answers and of its labels."""
    return [{
        "noise_ratio": run.config.noise_ratio,
        **read(run, "raw noisy", "raw test", "interaction test", f"{DEFAULT_METHOD} test", "dominant test"),
        "discovery in answers test": tested(discover(run, seconds=SECONDS).table, run),
        "discovery in labels test": tested(discover(run, source="labels", seconds=SECONDS).table, run),
        "best decoder test": tested(best_affine_prediction(run.dataset), run),
    }]


DISCOVER_NOISE = Claim(
    statement="(Beyond the paper.) The rule can be found in corrupted labels alone, knowing neither the rule nor its "
    "coordinates, nor which token is which; even with a, b and c named apart.",
    experiment="Labels without any network. Group synchronisation: every token gets a unit complex number, such that "
    "most labelled pairs multiply; what random starts end in are characters, and the table is read off them. Under "
    "three namings a, b and c are renamed each at random. best decoder: the rule c = s (a + b) + t that agrees with "
    "most labels, by a method that knows that form. No search begins a new wave of starts after 10 seconds.",
    configs=runs({"modulus": [31, 59]}, {"modulus": [59, 113]}, noise_ratio=[0.3, 0.5, 0.6, 0.7, 0.8], **LABELS),
    measure=measure_noise, keys=("modulus", "noise_ratio", "namings"), seeds=2,
    criteria=(
        least("discovery test", 1.0, modulus=59, noise_ratio=0.7, namings="one"),
        least("discovery test", 1.0, modulus=59, noise_ratio=0.5, namings="three"),
        least("all or nothing: lowest test of what was found", 0.99, lambda rows: min(
            float(row["discovery test"]) for row in rows if float(row["p_value"]) < 1
        )),
    ),
    full_criteria=(
        least("discovery test", 1.0, modulus=113, noise_ratio=0.8, namings="one"),
        least("discovery test", 1.0, modulus=113, noise_ratio=0.7, namings="three"),
    ),
    plot=Plot("noise_ratio", ("discovery test", "best decoder test"), ("modulus", "namings")),
)

DISCOVER_GROUPS = Claim(
    statement="(Beyond the paper.) It finds abelian groups, dihedral and other ones, and the zero of a multiplication, "
    "and names them.",
    experiment="Labels without any network, 30 % of them wrong (at full scale half). For representations of dimension "
    "d every token gets a d × d unitary matrix. named: whether the group found has the right name.",
    configs=runs(
        {"rule": ["Z31", "Z2^5", "Z2xZ12", "D12", "S4"], "noise_ratio": 0.3},
        {"rule": ["Z113", "Z2^7", "Z4xZ28", "Z10^2", "D57", "SL(2,5)", "S5"], "noise_ratio": 0.5}, **LABELS,
    ),
    measure=measure_group, keys=("rule", "noise_ratio"), seeds=2,
    criteria=(
        least("lowest discovery test", 1.0, lowest("discovery test")), least("all named", 1.0, lowest("named")),
    ),
    plot=Plot("rule", ("discovery test", "named"), label="share"),
)

DISCOVER_COMPLETION = Claim(
    statement="(Beyond the paper.) A few per cent of the pairs are enough to find the rule, where a network needs a "
    "third of them.",
    experiment="Labels without any network, of a share of all pairs, without noise and with 30 %.",
    configs=runs(
        {"modulus": 59}, {"modulus": 113}, train_fraction=[0.02, 0.04, 0.06, 0.1, 0.2], noise_ratio=[0.0, 0.3], **LABELS
    ),
    measure=measure_completion, keys=("noise_ratio", "train_fraction"), seeds=2,
    criteria=(
        least("discovery test", 1.0, noise_ratio=0.0, train_fraction=0.1),
        least("discovery test", 1.0, noise_ratio=0.3, train_fraction=0.2),
    ),
    full_criteria=(least("discovery test", 1.0, noise_ratio=0.0, train_fraction=0.04),),
    plot=Plot("train_fraction", ("discovery test",), ("noise_ratio",)),
)

DISCOVER_NETWORK = Claim(
    statement="(Beyond the paper.) From a network's answers on all pairs the rule is found with nothing known of it, "
    "where readouts that know as little are at chance, and filtration has to be told the coordinates. The network adds "
    "nothing: its labels alone do as well.",
    experiment="Networks that have fitted every label. Discovery in answers takes what the network predicts for all "
    "pairs, memorised labels and guesses alike; in labels, what it was trained on, the honest control. dominant is "
    "told the coordinates, best decoder the form of the rule.",
    configs=middle_runs(noise_ratio=[0.1, 0.3, 0.5, 0.7, 0.8, 0.9], weight_decay=3, epochs=250),
    measure=measure_network, keys=("noise_ratio",), seeds=1,
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        least("discovery in answers test", 1.0, noise_ratio=0.7),
        most(f"{DEFAULT_METHOD} test", 0.1, noise_ratio=0.7),
        least(("discovery in labels test", "discovery in answers test"), 0.0, noise_ratio=0.7),
    ),
    plot=Plot("noise_ratio", (
        "raw test", "interaction test", f"{DEFAULT_METHOD} test", "dominant test",
        "discovery in answers test", "best decoder test",
    )),
)
