"""The rule from labels alone: up to which noise, from how few pairs, for which groups; and what a network adds.

    minimod reproduce experiments/discovery.py
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from agnostic import agnostic_limit, corrupted
from high_noise import best_affine_prediction
from self_training import ROUNDS, beside

from minimod import Run, TrainingConfig, discover, discover_run, extract
from minimod.analysis.rows import DEFAULT_METHOD
from minimod.claims import (
    Claim,
    Number,
    Plot,
    Row,
    all_of,
    furthest,
    least,
    lowest,
    most,
    note,
    read,
    runs,
    select,
)
from minimod.discovery.certificate import RENAMINGS, highest_chance, log_tables, p_value
from minimod.discovery.judging import SIGNIFICANT, Found
from minimod.discovery.synchronisation import SHARING, Equations, Solver, random_start, unit
from minimod.groups.names import canonical_name
from minimod.readout import predict_interaction
from minimod.runs.accuracy import accuracies

# The search ends after this number of starts, on any machine. Near its limits, one start in some hundred works.
MAX_STARTS = 2500
IN_FULL: dict[str, Any] = {"max_starts": MAX_STARTS, "seconds": math.inf}
# For the answers of a network. The rule in labels alone is found within 64 starts.
BRIEFLY: dict[str, Any] = {"max_starts": 500, "seconds": math.inf}
STARTS = 256                            # the starts that `working` tries
HOPELESS = 0.96                         # noise: with 24 or 31 classes, hardly more right labels than by chance
LABELS = {"width": 1, "epochs": 0}      # for labels alone: the networks are not used


def information_limit(n: int, n_tokens: int, assumption: str) -> float:
    """The noise ratio α beyond which n labels do not determine the table, for any method. nan if they never do.

        n (log P + (1 - α) log(1 - α) + α log(α / (P - 1))) = log P!    for one naming, 3 log P! for three namings.

    The left side is the information of n labels about the table, in nats. Labels have P classes. A share α of the
    labels is wrong, with any other class. The right side is the information that is needed. A group with many
    automorphisms has fewer tables, P! / |Aut|: for 737 labels of Z2^5 the limit is .872, not .858.
    """
    from scipy.optimize import brentq

    def surplus(alpha: float) -> float:
        noise = sum(p * math.log(p / ways) for p, ways in ((1 - alpha, 1), (alpha, n_tokens - 1)) if p > 0)
        return n * (math.log(n_tokens) + noise) - RENAMINGS[assumption] * math.lgamma(n_tokens + 1)

    return float(brentq(surplus, 0, 1 - 1 / n_tokens)) if surplus(0) > 0 else math.nan


def tested(table: np.ndarray, run: Run) -> float:
    """The share of test pairs for which the table has the true label."""
    return float(accuracies(table, run.dataset).test)


def answered(found: Found, run: Run) -> Row:
    """The test accuracy of the found table, the starts and the p-value of the search, a p-value in random labels."""
    train, P = run.dataset.train, run.config.modulus
    answer, label = found.table[train.a, train.b], np.random.default_rng(run.config.seed).integers(P, size=len(train))
    hits, log_count = int((answer == label).sum()), log_tables(P, found.assumption or "group")
    return {
        "discovery test": tested(found.table, run), "starts": found.starts, "p_value": found.p_value,
        "p_value in random labels": p_value(len(train), hits, highest_chance(answer), log_count),
    }


# A control of the p-value: the p-value of the same tables for labels that are drawn at random.
IN_RANDOM_LABELS = least("lowest p_value in random labels", SIGNIFICANT, lowest("p_value in random labels"), because=(
    "a table counts as found below this p-value, and an accident must not count as found"
))


def working(equations: Equations, sharing: str, elements: np.ndarray, generator: np.random.Generator) -> float:
    """The share of starts that end in a character of Z_P: they overlap with a character by more than 0.8.

    elements: the names of the tokens a.
    """
    P = equations.n_tokens
    starts = [random_start(generator, P, STARTS, 1) for _ in set(SHARING[sharing])]
    ended = unit(Solver(equations).synchronise(starts, sharing)[0])
    overlaps = np.abs(np.fft.fft(ended[elements], axis=0)) / P
    return float((overlaps[1:].max(axis=0) > 0.8).mean())


def measure_noise(run: Run) -> list[Row]:
    """Discovery with one naming of the tokens, and with three namings: the share of starts that work, and limits."""
    pairs, P, noise = run.dataset.train, run.config.modulus, run.config.noise_ratio
    generator, alike = np.random.default_rng(run.config.seed), [np.arange(P)] * 3
    names = {"one": ("group", alike), "three": ("isotope", [generator.permutation(P) for _ in range(3)])}
    rows: list[Row] = []
    for namings, (sharing, (x, y, z)) in names.items():
        equations = Equations(x[pairs.a], y[pairs.b], z[pairs.label], P)
        found = discover(*equations, **IN_FULL)
        back = np.append(np.argsort(z), -1)             # from the new names of the classes c to the old names
        best = tested(best_affine_prediction(run.dataset), run) if namings == "one" else math.nan
        rows.append({
            "modulus": P, "noise_ratio": noise, "namings": namings,
            **answered(replace(found, table=back[found.table[np.ix_(x, y)]]), run),
            "starts that work": working(equations, sharing, x, generator), "best decoder test": best,
            "rank-one limit": agnostic_limit(P, run.config.train_fraction),
            "information limit": information_limit(len(pairs), P, sharing),
        })
    return rows


def measure_group(run: Run) -> list[Row]:
    """Discovery in the labels of a group, and whether it found the right name."""
    found, config = discover_run(run, "labels", **IN_FULL), run.config
    true = f"Z{config.modulus - 1}" if config.rule == "mul" else canonical_name(config.rule)
    return [{
        "rule": config.rule, "noise_ratio": config.noise_ratio, **answered(found, run),
        "named": float(found.group == true),
        "information limit": information_limit(len(run.dataset.train), config.modulus, "group"),
    }]


def measure_completion(run: Run, network: Run) -> list[Row]:
    """Discovery in a share of all pairs, and the test accuracy of a network trained on the same share."""
    config, n = run.config, len(run.dataset.train)
    return [{
        "noise_ratio": config.noise_ratio, "train_fraction": config.train_fraction,
        **answered(discover_run(run, "labels", **IN_FULL), run),
        "network test": max(read(network, "raw test", "interaction test").values()),
        "information limit": information_limit(n, config.modulus, "group"),
    }]


def completion_configs(scale: str) -> list[tuple[TrainingConfig, TrainingConfig]]:
    """Pairs of runs: labels of a share of all pairs, and a network to train on the same share.

    The networks have a weight decay at which readouts work up to much noise.
    """
    shares = {
        "modulus": 59 if scale == "quick" else 113, "train_fraction": [0.02, 0.04, 0.06, 0.1, 0.2, 0.4],
        "noise_ratio": [0.0, 0.3],
    }
    networks = runs(shares, shares, width=512, weight_decay=3, epochs=1000)(scale)
    return [(replace(network, width=1, epochs=0), network) for network in networks]


def found_wrongly(rows: list[Row]) -> float:
    """The lowest test accuracy of the tables that count as found by their p-value. nan if no table counts as found."""
    return min((float(row["discovery test"]) for row in rows if row["p_value"] < 1), default=math.nan)


def told(rows: list[Row]) -> list[Row]:
    """The rows whose labels determine the rule: all rows except the rows at HOPELESS noise."""
    return [row for row in rows if row["noise_ratio"] < HOPELESS]


def reached(modulus: int) -> Number:
    """The noise up to which the rule is found with one naming, less the rank-one limit."""
    keys: dict[str, Any] = {"modulus": modulus, "namings": "one"}
    return lambda rows: furthest("discovery test", 1.0, **keys)(rows) - select(rows, **keys)[0]["rank-one limit"]


def measure_network(run: Run) -> list[Row]:
    """The test accuracy of readouts that know more or less of the rule, and of discovery in answers and labels."""
    interaction = predict_interaction(run.network)
    a, b = np.indices(interaction.shape)
    return [{
        "noise_ratio": run.config.noise_ratio,
        **read(run, "raw noisy", "raw test", "interaction test", f"{DEFAULT_METHOD} test", "dominant test"),
        "self-trained test": extract(run, ROUNDS, beside(run, "self-trained"))[-1].accuracies.test,
        "discovery in answers test": tested(discover_run(run, **BRIEFLY).table, run),
        "discovery in logits test": tested(discover(a.ravel(), b.ravel(), interaction.ravel(), **BRIEFLY).table, run),
        "discovery in labels test": tested(discover_run(run, "labels", **BRIEFLY).table, run),
        "best decoder test": tested(best_affine_prediction(run.dataset), run),
    }]


FOUND = "test pairs, by the rule found in the labels"

DISCOVER_NOISE = Claim(
    phrase="The rule is found in noisy labels alone, without knowing anything of it.",
    statement="(Beyond the paper.) The rule can be found in corrupted labels alone. The method knows neither the rule "
    "nor its coordinates, nor which token is which. It works even if a, b and c are renamed separately. It works at "
    "more noise than a search for rank-one structure. It ends before the information in the labels ends, at a noise at "
    "which starts no longer work.",
    experiment="Labels without any network. Group synchronisation: every token gets a unit complex number, such that "
    "for most labelled pairs the numbers of a and b multiply to the number of c. Random starts end in characters, and "
    "the table is read off the characters. three namings: a, b and c are renamed at random, each in its own way. best "
    "decoder: the rule c = s (a + b) + t that agrees with most labels, by a method that knows this form. A search ends "
    f"after {MAX_STARTS} starts. starts that work: the share of {STARTS} starts that end near a character. rank-one "
    "limit: see agnostic-limit. information limit: the noise beyond which the labels do not distinguish one table from "
    "all others.",
    configs=runs(
        {"modulus": [31, 59]}, {"modulus": [59, 113]}, noise_ratio=[0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9], **LABELS
    ),
    measure=measure_noise, keys=("modulus", "noise_ratio", "namings"), seeds=2,
    criteria=(
        least("discovery test", 1.0, modulus=59, noise_ratio=0.7, namings="one"),
        least("discovery test", 1.0, modulus=59, noise_ratio=0.5, namings="three"),
        least("all or nothing: lowest test of what was found", 0.99, found_wrongly),
        least("modulus 59, one naming: noise up to which it is found less the rank-one limit", 0.1, reached(59)),
        most("discovery test", 0.05, modulus=59, noise_ratio=0.9, namings="one", because="not found: chance is 0.017"),
        least("best decoder test", 0.99, modulus=59, noise_ratio=0.9, namings="one", because="the labels suffice"),
        most("where nothing is found: largest share of starts that work", 1 / STARTS, lambda rows: max(
            (float(row["starts that work"]) for row in rows if row["p_value"] == 1), default=math.nan
        ), f"if 1 start in {STARTS} works, all of {MAX_STARTS} starts fail with probability 6e-5"),
        IN_RANDOM_LABELS,
        *(
            note(f"hard begins: a tenth of the starts works up to noise, modulus 59, {namings}", furthest(
                "starts that work", 0.1, modulus=59, namings=namings
            )) for namings in ("one", "three")
        ),
    ),
    full_criteria=(
        least("discovery test", 1.0, modulus=113, noise_ratio=0.8, namings="one"),
        least("discovery test", 1.0, modulus=113, noise_ratio=0.7, namings="three"),
        least("starts that work", 0.5, modulus=113, noise_ratio=0.8, namings="one"),
        least("modulus 113, one naming: noise up to which it is found less that limit", 0.1, reached(113), before=(
            "asked of noise 0.8 less the limit, numbers that no measurement changes"
        )),
    ),
    plot=Plot("noise_ratio", {
        "discovery test": FOUND, "starts that work": "share of the starts that work",
        "best decoder test": "test pairs, by the best rule c = s (a + b) + t",
    }, ("modulus", "namings")),
)

DISCOVER_GROUPS = Claim(
    phrase="Groups of many kinds are found in noisy labels, and named.",
    statement="(Beyond the paper.) Discovery in noisy labels finds abelian groups, dihedral groups, other groups, and "
    "the zero of a multiplication. It also names the groups.",
    experiment="Labels without any network. 30 % of the labels are wrong (half of them at full scale). For "
    "representations of dimension d, every token gets a d × d unitary matrix. named: whether the group found has the "
    f"right name. information limit: see discover-noise. The control is noise {HOPELESS:g}, at which nothing may be "
    "found.",
    configs=all_of(
        runs(
            {"rule": ["Z31", "Z2^5", "Z2xZ12", "D12", "S4"], "noise_ratio": 0.3},
            {"rule": ["Z113", "mul", "Z2^7", "Z4xZ28", "Z10^2", "D57", "SL(2,5)", "S5"], "noise_ratio": 0.5},
            modulus=None, **LABELS,
        ),
        runs({"rule": ["Z31", "D12"]}, {"rule": ["Z113", "D57"]}, modulus=None, noise_ratio=HOPELESS, **LABELS),
    ),
    measure=measure_group, keys=("rule", "noise_ratio"), seeds=2,
    criteria=(
        least("lowest discovery test", 1.0, lambda rows: lowest("discovery test")(told(rows))),
        least("all named", 1.0, lambda rows: lowest("named")(told(rows))),
        least(f"noise {HOPELESS:g}: lowest p-value", 0.05, lowest("p_value", noise_ratio=HOPELESS), (
            "the usual level of a test; below this level, chance would be called a group"
        )),
        IN_RANDOM_LABELS,
    ),
    plot=Plot("rule", {"discovery test": FOUND, "named": "named rightly"}, ("noise_ratio",), label="share"),
)

DISCOVER_COMPLETION = Claim(
    phrase="A tenth of the pairs is enough to find the rule.",
    statement="(Beyond the paper.) A tenth of the pairs is enough to find the rule. At modulus 113, four per cent of "
    "the pairs are enough. A network that was trained on a tenth of the pairs answers less than half of the rest.",
    experiment="Labels without any network, for a share of all pairs, without noise and with 30 % noise. network: a "
    "network of width 512, trained for 1,000 epochs on the same share. network test: the accuracy of its own answers "
    "or of its interactions, whichever is larger. information limit: the noise beyond which this number of labels "
    "does not distinguish one table from all others.",
    configs=completion_configs, measure=measure_completion, keys=("noise_ratio", "train_fraction"), seeds=2,
    criteria=(
        least("discovery test", 1.0, noise_ratio=0.0, train_fraction=0.1),
        least("discovery test", 1.0, noise_ratio=0.3, train_fraction=0.2),
        least("all or nothing: lowest test of what was found", 0.99, found_wrongly),
        most("network test", 0.5, noise_ratio=0.0, train_fraction=0.1),
        least("network test", 0.9, noise_ratio=0.0, train_fraction=0.4, because="with more pairs it can answer"),
        IN_RANDOM_LABELS,
    ),
    full_criteria=(least("discovery test", 1.0, noise_ratio=0.0, train_fraction=0.04),),
    plot=Plot("train_fraction", {
        "discovery test": FOUND, "network test": "test pairs, by a network or by its interactions",
    }, ("noise_ratio",)),
)

DISCOVER_NETWORK = Claim(
    phrase="The rule is found in a network's answers, and in its labels alone too.",
    statement="(Beyond the paper.) Discovery finds the rule in a network's answers on all pairs, without knowing "
    "anything about the rule. At the same noise, readouts that know as little are at chance, and so is self-training. "
    "Filtration needs to know the coordinates. The network adds nothing: discovery in its labels alone works as well.",
    experiment="Networks that have fitted every label, trained as in self-training. Discovery in answers takes the "
    "network's predictions for all pairs, both memorised labels and guesses. Discovery in logits takes the predictions "
    "of the interaction readout for all pairs. Discovery in labels takes the training labels: this is the honest "
    f"control. self-trained: after {ROUNDS} rounds by the masked readout, {DEFAULT_METHOD}. dominant needs to know the "
    "coordinates, and best decoder the form of the rule.",
    # On both sides of the noise ratio at which rank-one structure ends.
    configs=lambda scale: [
        corrupted(scale, ratio)
        for ratio in (0.1, 0.3, *((0.45, 0.5) if scale == "quick" else (0.5, 0.6)), 0.7, 0.8, 0.9)
    ],
    measure=measure_network, keys=("noise_ratio",), seeds=1, trains=True,
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        least("discovery in answers test", 1.0, noise_ratio=0.7),
        most(f"{DEFAULT_METHOD} test", 0.1, noise_ratio=0.7),
        least("interaction test", 0.9, noise_ratio=0.3, because=(
            "a broken readout is at chance too; at noise 0.1 the raw network answers as much"
        ), before="asked 0.9 at noise 0.1, measured 1.000; the raw network had 0.991"),
        most("self-trained test", 0.1, noise_ratio=0.7),
        least(("discovery in labels test", "discovery in answers test"), 0.0, noise_ratio=0.7),
        note(("discovery in answers test", "discovery in logits test"), noise_ratio=0.7),
    ),
    plot=Plot("noise_ratio", {
        "raw test": "", "interaction test": "",
        f"{DEFAULT_METHOD} test": "test pairs, by the interactions of the top neurons",
        "self-trained test": "test pairs, after self-training", "dominant test": "",
        "discovery in answers test": "test pairs, by the rule found in the answers",
        "best decoder test": "test pairs, by the best rule c = s (a + b) + t",
    }),
)

CLAIMS = {
    "discover-noise": DISCOVER_NOISE, "discover-groups": DISCOVER_GROUPS, "discover-completion": DISCOVER_COMPLETION,
    "discover-network": DISCOVER_NETWORK,
}
