"""All that `minimod analyze` shows of one run, as plain data: what analysis.json holds and what plots.py draws."""

import math
from collections.abc import Sequence

import numpy as np

from minimod.analysis.accuracy import MEASURES, accuracies, predict_grid
from minimod.analysis.filtration import filter_frequencies, fit_ideal_neurons
from minimod.analysis.fourier import dominant_structure, in_coordinates, phase_error, phases, wrap
from minimod.analysis.masking import KEEP, SCORES, Curves, partition, random_curves, score_curves
from minimod.analysis.methods import COORDINATES, METHODS, NOTHING, RULE, TWO_INPUTS, applicable
from minimod.analysis.readout import predict_ensemble
from minimod.backend import Backend, open_backend
from minimod.config import TrainingConfig
from minimod.data import random_stream
from minimod.errors import InputError
from minimod.network import TwoLayerNet, initial_network
from minimod.runs import Run

# How many random choices of frequencies the control is the mean of.
RANDOM_DRAWS = 10


def analyze(run: Run, by: str = "joint", ensemble: Sequence[Run] = ()) -> dict:
    """The methods' accuracies and the Fourier structure of a run's network; nan becomes None.

    `by` is whose power decides a neuron's frequency (see `fourier.dominant_frequencies`). `ensemble` are further runs
    on the same data (see `init_seed`), for one more row: `ensemble interaction`, the readout of all together. Raises
    InputError if they have other data. The summary has

    - title, config, by, chance (1 / P), counts (pairs each measure is over), history (column -> list),
    - methods: row -> {clean, noisy, repaired, validation, test}; needs: row -> what it has to know; see `method_rows`,
    - masks: curves over the share `keep` of neurons, see `mask_study`; partition: score -> see `partition_rows`,
    - neurons: lists over neurons, see `neuron_table`; initial_share: the list "share" of the network before training,
    - structure: trained -> `typical` of the neurons and the share of the weights' power in ideal ones, and
      untrained -> the same before training, a control,
    - spectrum: the mean share of power of u, v, w, a list over frequencies 1 .. ⌊N/2⌋ of lists over neurons in `order`,
    - examples: some neurons' weights and what the filtration keeps of them, see `example_neurons`.
    """
    config, dataset, network = run.config, run.dataset, run.network
    rule = dataset.rule
    untrained = initial_network(config)
    spectrum, shares, frequency = dominant_structure(network, rule, by)
    neurons = neuron_table(spectrum, shares, frequency)
    initial_neurons = neuron_table(*dominant_structure(untrained, rule, by))
    control = random_stream(config.seed, "control")
    with open_backend("cpu", config.threads) as backend:
        scored = score_curves(network, dataset, backend)
        random = random_curves(network, dataset, control, backend)
        methods, needs = method_rows(run, untrained, by, scored, random, control, backend)
        if ensemble:
            methods["ensemble interaction"] = ensemble_row([run, *ensemble], backend)
            needs["ensemble interaction"] = f"{TWO_INPUTS}, {1 + len(ensemble)} networks"
        partitions = partition_rows(run, by, scored, random, backend)
    order = np.lexsort((-neurons["share"], frequency[2]))
    noisy = int(dataset.train.is_noisy.sum())
    return plain_data({
        "title": title(config) + ("" if by == "joint" else f", frequencies by {by}"),
        "config": config.to_dict(),
        "by": by,
        "chance": 1 / config.modulus,
        "counts": {
            "clean": len(dataset.train) - noisy, "noisy": noisy, "repaired": noisy,
            "validation": len(dataset.validation), "test": len(dataset.test),
        },
        "history": run.history,
        "methods": methods,
        "needs": needs,
        "masks": mask_study(scored, random),
        "partition": partitions,
        "neurons": neurons,
        "initial_share": initial_neurons["share"],
        "structure": {
            name: typical(table) | {"ideal_power_share": fit_ideal_neurons(net, rule).power_share}
            for name, table, net in (("trained", neurons, network), ("untrained", initial_neurons, untrained))
        },
        "spectrum": {"order": order, "share": shares.mean(axis=0)[:, order].round(4)},
        "examples": example_neurons(run, frequency, neurons["share"]),
    })


def title(config: TrainingConfig) -> str:
    """The run in one line."""
    labels = {"wrong": "wrong", "uniform": "random", "symmetric": "symmetrically wrong"}[config.noise_kind]
    share = f"{100 * config.noise_ratio:g} % of the training labels {labels}"
    return f"{config.rule} mod {config.modulus}, width {config.width}, {share}, seed {config.seed}"


def method_rows(
    run: Run, untrained: TwoLayerNet, by: str, scored: dict[str, Curves], random: list[Curves],
    control: np.random.Generator, backend: Backend,
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """The accuracies of every method, and what each needs to know.

    First those of methods.py. Then the subnetworks that a score picks, of the share γ_G that is best on validation
    labels; random subnetwork: picked in the same way from random rankings, mean of RANDOM_RANKINGS. Then controls.
    random frequency: the dominant network's filtration at one frequency drawn for each neuron, mean of RANDOM_DRAWS.
    untrained ideal: the ideal fit of the network before training. rule: the rule, on the pairs with coordinates.
    """
    network, dataset, rule = run.network, run.dataset, run.dataset.rule
    methods = applicable(network.activation)
    rows = {
        name: accuracies(method.predict(network, rule, by, backend), dataset) for name, method in methods.items()
    }
    needs = {name: method.needs for name, method in methods.items()}
    for name, curves in scored.items():
        rows[f"{name} subnetwork"] = at_best_share(curves)
        needs[f"{name} subnetwork"] = f"{SCORES[name].needs}, validation"
    rows["random subnetwork"] = mean_row([at_best_share(curves) for curves in random])
    needs["random subnetwork"] = f"{NOTHING}, validation"

    def draw():
        frequency = np.stack([control.integers(1, rule.order // 2 + 1, network.width)] * 3)
        return predict_grid(filter_frequencies(network, rule, frequency=frequency).dominant, backend)

    rows["random frequency"] = mean_row([accuracies(draw(), dataset) for _ in range(RANDOM_DRAWS)])
    rows["untrained ideal"] = accuracies(METHODS["ideal"].predict(untrained, rule, by, backend), dataset)
    rows["rule"] = accuracies(np.where(rule.has_coordinates, rule.label_table, -1), dataset)
    return rows, needs | {"random frequency": COORDINATES, "untrained ideal": RULE, "rule": RULE}


def ensemble_row(runs: Sequence[Run], backend: Backend) -> dict[str, float]:
    """The accuracies of the interaction readout of several runs together, see `predict_ensemble`."""
    dataset = runs[0].dataset
    for run in runs[1:]:
        for part in ("train", "test"):
            ours, theirs = getattr(dataset, part), getattr(run.dataset, part)
            if not all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in ("a", "b", "label")):
                raise InputError("run of the ensemble", str(run.directory), "one on the same data, but for init_seed")
    return accuracies(predict_ensemble([run.network for run in runs], backend), dataset)


def at_best_share(curves: Curves) -> dict[str, float]:
    """The accuracies of the top network at the share that is best on validation; nan without validation pairs."""
    validation = curves.top["validation"]
    if np.isnan(validation).any():
        return dict.fromkeys(MEASURES, math.nan)
    return {measure: float(values[validation.argmax()]) for measure, values in curves.top.items()}


def mean_row(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of every measure."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def mask_study(scored: dict[str, Curves], random: list[Curves]) -> dict:
    """The curves as plain data: keep, and for part top and rest: score -> measure -> accuracies over keep.

    The random rankings are there under three names: random, their mean, random low and random high, their extremes.
    """
    study: dict = {"keep": KEEP}
    for part in ("top", "rest"):
        study[part] = {name: getattr(curves, part) for name, curves in scored.items()}
        for name, reduce in {"random": np.mean, "random low": np.min, "random high": np.max}.items():
            study[part][name] = {
                measure: reduce([getattr(curves, part)[measure] for curves in random], axis=0) for measure in MEASURES
            }
    return study


def partition_rows(
    run: Run, by: str, scored: dict[str, Curves], random: list[Curves], backend: Backend
) -> dict[str, dict[str, float]]:
    """By score: γ_G, γ_R and their sum (see `partition`), and the test accuracy of the top γ_G, raw and filtered.

    The filtered one is for comparison with the row `dominant`, the whole network filtered. random: mean of rankings.
    """
    def row(curves):
        generalising, memorising = partition(curves)
        row = {"generalising": generalising, "memorising": memorising, "sum": generalising + memorising}
        if math.isnan(generalising):
            return row | {"test": math.nan, "filtered_test": math.nan}
        part = run.network.subnetwork(curves.ranking[: round(generalising * run.network.width)])
        filtered = METHODS["dominant"].predict(part, run.dataset.rule, by, backend)
        return row | {
            "test": at_best_share(curves)["test"], "filtered_test": accuracies(filtered, run.dataset)["test"]
        }

    return {name: row(curves) for name, curves in scored.items()} | {"random": mean_row([row(c) for c in random])}


def neuron_table(spectrum, shares, frequency) -> dict[str, np.ndarray]:
    """Per neuron: the frequencies of u, v, w, their shares of the power and the mean share, the phases, their error.

    φ_a + φ_b and the phase error are nan where the three frequencies differ.
    """
    share = np.take_along_axis(shares, frequency[:, None] - 1, axis=1)[:, 0]
    phase = phases(spectrum, frequency)
    same = (frequency == frequency[0]).all(axis=0)
    return {
        "frequency_u": frequency[0], "frequency_v": frequency[1], "frequency_w": frequency[2],
        "share": share.mean(axis=0), "share_u": share[0], "share_v": share[1], "share_w": share[2],
        "phase_a": phase[0], "phase_b": phase[1], "phase_c": phase[2],
        "phase_sum": np.where(same, wrap(phase[0] + phase[1]), np.nan),
        "phase_error": np.where(same, phase_error(phase), np.nan),
    }


def typical(neurons: dict[str, np.ndarray]) -> dict[str, float]:
    """Of a `neuron_table`: the median share, the root mean square phase error, and over how many neurons that is."""
    errors = neurons["phase_error"][~np.isnan(neurons["phase_error"])]
    return {
        "neurons_with_one_frequency": len(errors),
        "median_share": float(np.median(neurons["share"])),
        "phase_error_rms": float(np.sqrt(np.mean(errors**2))) if len(errors) else math.nan,
    }


def example_neurons(run: Run, frequency, share) -> list[dict]:
    """The neurons at the top, the upper quartile, the median and the lower quartile of the dominant share.

    Each vector's weights over the rule's coordinates x, and what the filtration keeps of them, both in the order of the
    position k x mod N, in which a cosine of frequency k has one period.
    """
    order = run.dataset.rule.order
    dominant = filter_frequencies(run.network, run.dataset.rule, frequency=frequency).dominant
    weights, kept = (in_coordinates(network, run.dataset.rule) for network in (run.network, dominant))

    def curve(vector, m):
        position = frequency[vector, m] * np.arange(order) % order
        by_position = np.argsort(position, kind="stable")
        return {
            "frequency": frequency[vector, m], "position": position[by_position],
            "weight": weights[vector, by_position, m], "dominant": kept[vector, by_position, m],
        }

    ranked = np.argsort(share)
    chosen = [int(ranked[round(quantile * (len(ranked) - 1))]) for quantile in (1, 0.75, 0.5, 0.25)]
    return [
        {"neuron": m, "share": share[m], "vectors": {name: curve(i, m) for i, name in enumerate("uvw")}} for m in chosen
    ]


def plain_data(value):
    """The value as JSON knows it: arrays as lists, None for what is not finite; float32 numbers to six digits."""
    if isinstance(value, dict):
        return {key: plain_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype == np.float32:
            value = np.array([float(f"{x:.6g}") for x in value.flat]).reshape(value.shape)
        return plain_data(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
