"""Everything that `minimod analyze` shows of one run, as numbers and arrays: not rounded, nan if undefined."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from minimod.analysis.analysis import Analysis, AnyRun
from minimod.analysis.masking import MASK_SHARES, MEMORISED, PARTITION_NEEDS, SAMPLED, Curves
from minimod.analysis.rows import best_agnostic, labels_need
from minimod.analysis.scores import NOTHING
from minimod.analysis.structure import Structure
from minimod.data import PARTS, Dataset
from minimod.groups.rules import PAIRS, kind_of, table_path
from minimod.noise import NOISE_KINDS
from minimod.rules import RULES
from minimod.runs.config import TrainingConfig
from minimod.runs.metrics import THRESHOLDS, first_epochs
from minimod.runs.run import Run

OPERATIONS = {"add": "+", "sub": "-", "mul": "·", "div": "/"}     # the sign of each of RULES


def analyze(
    run: AnyRun, by: str = "joint", ensemble: Sequence[AnyRun] = (), thresholds: Iterable[float] = THRESHOLDS,
) -> dict[str, Any]:
    """The accuracies of all rows and the Fourier structure of a run's network, as numbers and arrays.

    run: what `train` and `load_run` return, or a run's directory. by: which vectors' power decides a neuron's
    frequency, see `fourier.dominant_components`. ensemble: further runs on the same data (see `init_seed`). They add
    the row `ensemble interaction`, the readout of all networks together. Raises InputError if a run of the ensemble has
    other data, or if two runs have the same network. The summary has

    - title, config, by, chance (1 / P), counts (measure -> number of pairs), history (column -> array),
    - first_epochs: for every accuracy, the first measured epoch past each of `thresholds`, see `metrics.first_epochs`,
    - methods: row -> {clean, noisy, repaired, validation, test}; needs: row -> what it needs to know; see `Analysis`,
    - masks: curves over the share `keep` of neurons, see `mask_study`,
    - partition: score -> see `Analysis.partition`; partition_needs: what its numbers need to know besides the needs of
      the score,
    - neurons: arrays over neurons, see `Structure.neurons`; initial_share and initial_phase_error: the arrays "share"
      and "phase_error" of the network before training,
    - structure: trained -> `Structure.typical`; untrained -> the same for the network before training, a control,
    - components: the names of the rule's components, frequencies or representations by dimension,
    - spectrum: the mean share of power of u, v, w, of shape (components, neurons in `order`),
    - examples: some neurons' weights, and the part that the filtration keeps, see `example_neurons`,
    - sample: only for a run with many pairs. `masks`, `partition` and rows that draw at random are then counted on a
      sample, see `Analysis.sample`. The entry has the number of pairs by kind, and the largest standard error of a
      share of these pairs,
    - left_out: why everything about components (neurons and the entries after it) is missing, or why clean, noisy and
      repaired are nan. Empty otherwise.
    """
    with Analysis(run, by, ensemble=ensemble) as analysis:
        return summary_of(analysis, thresholds)


def summary_of(analysis: Analysis, thresholds: Iterable[float] = THRESHOLDS) -> dict[str, Any]:
    """What `analyze` returns, for an open Analysis."""
    run, by = analysis.run, analysis.by
    config, train = run.config, run.dataset.train
    noisy = int(train.is_noisy.sum())
    return {
        "title": title(run, by),
        "config": config.to_dict(), "by": by, "chance": 1 / config.modulus,
        "counts": {
            "clean": (len(train) - noisy) * run.dataset.is_known, "noisy": noisy, "repaired": noisy,
            "validation": len(run.dataset.validation), "test": len(run.dataset.test),
        },
        "history": run.history, "first_epochs": first_epochs(run.history, thresholds),
        "methods": {name: row._asdict() for name, row in analysis.rows.items()}, "needs": analysis.needs,
        "masks": mask_study(analysis.scored, analysis.random), "partition": analysis.partition,
        "partition_needs": PARTITION_NEEDS,
        **(structure_study(analysis.structure, analysis.untrained) if analysis.has_components else {}),
        "left_out": left_out(run),
        **({} if analysis.sample is run.dataset else {"sample": sample_study(analysis.sample)}),
    }


def sample_study(sample: Dataset) -> dict[str, float]:
    """By kind, the number of pairs in a sample. Also the largest standard error of a share of these pairs."""
    noisy = int(sample.train.is_noisy.sum())
    return {"clean": len(sample.train) - noisy, "noisy": noisy, "validation": len(sample.validation),
            "test": len(sample.test), "standard_error": 0.5 / math.sqrt(SAMPLED)}


def structure_study(structure: Structure, untrained: Structure) -> dict[str, Any]:
    """The part of the summary about neurons in the rule's components, with the untrained network as the control."""
    return {
        "components": structure.rule.component_names, "neurons": structure.neurons,
        "initial_share": untrained.neurons["share"], "initial_phase_error": untrained.neurons["phase_error"],
        "structure": {"trained": structure.typical, "untrained": untrained.typical},
        "spectrum": {"order": structure.order, "share": structure.shares.mean(axis=0)[:, structure.order]},
        "examples": example_neurons(structure),
    }


def in_words(run: Run, methods: Mapping[str, Mapping[str, float]] | None = None) -> str:
    """What a run was shown, what it memorised, and what it knows, in a few sentences.

    methods: row -> its accuracies, at least raw. None: raw alone, from the last metrics of the run.
    """
    config, dataset, last = run.config, run.dataset, {name: column[-1] for name, column in run.history.items()}
    shown = run.fitted
    wrong = int((shown.label != shown.true_label).sum()) * dataset.is_known
    whole = f" of the {int((dataset.rule.label_table >= 0).sum())} pairs of {task(config)}"
    of = f" pairs of {config.modulus} tokens" if run.data.pairs is not None else whole
    sentences = [f"A two-layer network was shown {len(shown)}{of}."]
    methods = methods or {"raw": {name: last[f"{name}_accuracy"] for name in ("clean", "noisy", "test")}}
    if wrong and not run.data.is_relabelled:
        sentences.append(f"{percent(wrong / len(shown))} of the labels that it was shown are wrong.")
    else:       # no label that it was shown counts as noisy
        methods = {name: {**row, "noisy": math.nan} for name, row in methods.items()}
        if "train_accuracy" in last:
            sentences.append(f"It gives back {percent(last['train_accuracy'])} of the labels that it was shown.")
    known = answers_in_words(methods, 1 / config.modulus, dataset.rule.component_kind, labels_need(run.data))
    return " ".join([*sentences, known]).strip()


def answers_in_words(
    methods: Mapping[str, Mapping[str, float]], chance: float, component: str, labels_needed: str = NOTHING
) -> str:
    """What a network memorised, what it knows, and by which rows, in a few sentences. They do not mention nan.

    methods: row -> its accuracies, at least raw. component: "frequency", or what else the rule has.
    labels_needed: what the labels of the run needed to know, see `rows.labels_need`.
    """
    raw, kept, sentences = methods["raw"], methods.get("dominant"), list[str]()
    if not math.isnan(raw["noisy"]):
        it = "It memorised the labels: it" if raw["noisy"] > MEMORISED else "It"
        right = f"{percent(raw['clean'])} of the right labels"
        sentences.append(f"{it} gives back {percent(raw['noisy'])} of the wrong labels and {right}.")
    if not math.isnan(raw["test"]):
        right = f"{percent(raw['test'])} correctly; chance is {percent(chance)}"
        sentences.append(f"Of the test pairs, which it never saw, it answers {right}.")
    if kept and not math.isnan(kept["test"]):
        what = "Fourier frequency" if component == "frequency" else component
        finds = f"answers {percent(kept['test'])} of the test pairs correctly"
        forgets = f", and gives back {percent(kept['noisy'])} of the wrong labels"
        sentences += [
            f"Now filter it: of each neuron's weights, keep the strongest {what} and drop the rest.",
            "No label is used for that, and nothing is trained again.",
            f"The filtered network (row dominant) {finds}{'' if math.isnan(kept['noisy']) else forgets}.",
        ]
        if "untrained dominant" in methods:
            control = percent(methods["untrained dominant"]["test"])
            sentences.append(f"With the same filter, the network before training answers {control} of the test pairs.")
        if "random frequency" in methods:
            control = percent(methods["random frequency"]["test"])
            sentences.append(f"With a random {what} per neuron, the trained network answers {control}.")
        if kept["test"] > 0.9 and raw["test"] < 0.5:
            sentences.append("So the rule is in the weights, and the network's own answers hide it.")
    if (best := best_agnostic(methods, labels_needed)) and not math.isnan(raw["test"]):
        shown = percent(methods["interaction"]["test"])
        sentences.append(f"Without knowledge of the rule, the row interaction answers {shown} of the test pairs.")
        shown = percent(methods[best]["test"])
        sentences.append(f'"{best}", the best other such row on validation pairs, answers {shown}.')
    return " ".join(sentences)


def percent(share: float) -> str:
    """A share as people say it: 0.1234 is "12.3 %"."""
    return f"{100 * share:.3g} %"


def task(config: TrainingConfig) -> str:
    """The rule as a formula, such as "a + b mod 113"."""
    P = config.modulus
    return f"a {OPERATIONS[config.rule]} b mod {P}" if config.rule in RULES else f"{config.rule}, {P} tokens"


def describe_user_data(run: Run) -> str:
    """What a user's table or pairs were found to be, in a sentence or two. Empty for other runs."""
    rule, dataset = run.dataset.rule, run.dataset
    sentences = []
    if table_path(run.config.rule) or (run.config.rule == PAIRS and (rule.label_table >= 0).all()):
        sentences.append(f"The table is {kind_of(rule)}.")
    if run.data.pairs is not None:
        counts = ", ".join(f"{len(getattr(dataset, part))} for {part}" for part in PARTS)
        sentences.append(f"Pairs: {counts}; of {rule.modulus} tokens.")
    return " ".join([*sentences, left_out(run)]).strip()


def left_out(run: Run) -> str:
    """What is left out because the rule is not known, in a sentence or two. Empty if nothing is left out."""
    rule, dataset = run.dataset.rule, run.dataset
    sentences = []
    if not dataset.is_known:
        sentences.append("The true labels are not known: no clean, noisy or repaired. Test labels count as true.")
    if not rule.has_components.any():
        table = rule.label_table
        why = "The rule is known in part" if (table < 0).any() else f"The table is {kind_of(rule)}"
        why = "The rule is not known" if (table < 0).all() else why
        sentences.append(f"{why}: rows and figures that need its components are left out.")
    return " ".join(sentences)


def title(run: Run, by: str = "joint") -> str:
    """A run in one line. by: whose power decides a neuron's frequency, see `analyze`."""
    config = run.config
    parts = [
        f"{config.rule} mod {config.modulus}" if config.rule in RULES else f"{config.rule}, {config.modulus} tokens",
        f"width {config.width}",
    ]
    if config.trained != "all":
        parts.append(f"{config.trained} layer trained alone")
    if run.data.pairs is None:      # the noise of a user's pairs is not known
        parts.append(f"{100 * config.noise_ratio:g} % of the training labels {NOISE_KINDS[config.noise_kind].title}")
    parts.append(f"seed {config.seed}")
    if run.epoch is not None:
        parts.append(f"epoch {run.epoch}")
    if by != "joint":
        parts.append(f"frequencies by {by}")
    return ", ".join(parts)


def mask_study(scored: dict[str, Curves], random: list[Curves]) -> dict[str, Any]:
    """The mask curves. "keep" has the shares. "top", "interaction" and "rest" have score -> measure -> accuracies.

    top, interaction and rest are the fields logits, interaction and rest of `Curves`. The random rankings are three
    scores: "random" is their mean, "random low" and "random high" are their extremes.
    """
    study: dict[str, Any] = {"keep": np.array(MASK_SHARES)}
    for part, field in {"top": "logits", "interaction": "interaction", "rest": "rest"}.items():
        study[part] = {name: getattr(curves, field) for name, curves in scored.items()}
        drawn = {name: np.array([getattr(curves, field)[name] for curves in random]) for name in random[0].rest}
        study[part]["random"] = {name: values.mean(axis=0) for name, values in drawn.items()}
        study[part]["random low"] = {name: values.min(axis=0) for name, values in drawn.items()}
        study[part]["random high"] = {name: values.max(axis=0) for name, values in drawn.items()}
    return study


def example_neurons(structure: Structure) -> list[dict[str, Any]]:
    """The neurons at the maximum, upper quartile, median and lower quartile of the share, see `neuron_curves`."""
    share = structure.neurons["share"]
    ranked = np.argsort(share, kind="stable")
    chosen = [int(ranked[round(quantile * (len(ranked) - 1))]) for quantile in (1, 0.75, 0.5, 0.25)]
    return [{"neuron": m, "share": share[m], "vectors": neuron_curves(structure, m)} for m in chosen]


def neuron_curves(structure: Structure, m: int) -> dict[str, dict[str, Any]]:
    """The weights of u, v and w of neuron m, and the part that the filtration keeps.

    Under a cyclic rule they are over the rule's coordinates x. x is at the position k x mod N, so a cosine of frequency
    k has one period. Under other rules they are over the tokens, and the kept part increases.
    """
    rule, parts, x = structure.rule, (structure.network, structure.dominant), np.arange(structure.rule.modulus)
    tokens = structure.components.tokens if structure.has_phases else (x, x, x)

    def curve(vector: int) -> dict[str, Any]:
        k, t = structure.component[vector, m], tokens[vector]
        weight, kept = ((part.U, part.V, part.W.T)[vector][t, m] for part in parts)
        position = k * x[: len(t)] % len(t) if structure.has_phases else kept.argsort(kind="stable").argsort()
        in_order = np.argsort(position, kind="stable")
        return {
            rule.component_kind: k if structure.has_phases else rule.component_names[k - 1],
            "position": position[in_order], "weight": weight[in_order], "dominant": kept[in_order],
        }

    return {name: curve(i) for i, name in enumerate("uvw")}
