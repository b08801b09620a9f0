"""All that `minimod analyze` shows of one run, as plain data: what analysis.json holds and what plots.py draws."""

import math
from dataclasses import replace

import numpy as np

from minimod.analysis.accuracy import MEASURES, accuracies, predict_grid
from minimod.analysis.filtration import filter_frequencies
from minimod.analysis.fourier import (
    dominant_frequencies,
    in_coordinates,
    phase_error,
    phases,
    power,
    power_shares,
    spectra,
    wrap,
)
from minimod.backend import Backend, open_backend
from minimod.config import TrainingConfig
from minimod.data import random_stream
from minimod.network import TwoLayerNet, initial_network
from minimod.runs import Run
from minimod.tasks import Rule

# The networks that a swap of the activation can lead to; the one it was trained with is left out.
SWAPS = ("relu", "quadratic", "reverse_relu")

# How many random choices of frequencies the control is the mean of.
RANDOM_DRAWS = 10


def analyze(run: Run, by: str = "joint") -> dict:
    """The methods' accuracies and the Fourier structure of a run's network; nan becomes None.

    `by` is whose power decides a neuron's frequency (see `fourier.dominant_frequencies`). The summary has

    - title, config, by, chance (1 / P), counts (pairs each measure is over), history (column -> list),
    - methods: row -> {clean, noisy, repaired, validation, test}, see `method_accuracies`,
    - neurons: lists over neurons, see `neuron_table`; initial_share: the list "share" of the network before training,
    - structure: trained -> `typical` of the neurons, and untrained -> the same before training, a control,
    - spectrum: the mean share of power of u, v, w, a list over frequencies 1 .. ⌊N/2⌋ of lists over neurons in `order`,
    - examples: some neurons' weights and what the filtration keeps of them, see `example_neurons`.
    """
    rule, config = run.dataset.rule, run.config
    spectrum, shares, frequency = dominant_structure(run.network, rule, by)
    neurons = neuron_table(spectrum, shares, frequency)
    untrained = initial_network(config, random_stream(config.seed, "initialisation"))
    initial_neurons = neuron_table(*dominant_structure(untrained, rule, by))
    with open_backend("cpu", config.threads) as backend:
        methods = method_accuracies(run, frequency, backend)
    order = np.lexsort((-neurons["share"], frequency[2]))
    noisy = int(run.dataset.train.is_noisy.sum())
    return plain_data({
        "title": title(config) + ("" if by == "joint" else f", frequencies by {by}"),
        "config": config.to_dict(),
        "by": by,
        "chance": 1 / config.modulus,
        "counts": {
            "clean": len(run.dataset.train) - noisy, "noisy": noisy, "repaired": noisy,
            "validation": len(run.dataset.validation), "test": len(run.dataset.test),
        },
        "history": run.history,
        "methods": methods,
        "neurons": neurons,
        "initial_share": initial_neurons["share"],
        "structure": {"trained": typical(neurons), "untrained": typical(initial_neurons)},
        "spectrum": {"order": order, "share": shares.mean(axis=0)[:, order].round(4)},
        "examples": example_neurons(run, frequency, neurons["share"]),
    })


def dominant_structure(network: TwoLayerNet, rule: Rule, by: str):
    """A network's spectra, their shares of power and the dominant frequencies, see fourier.py."""
    spectrum = spectra(network, rule)
    shares = power_shares(power(spectrum, rule.order))
    return spectrum, shares, dominant_frequencies(shares, by)


def title(config: TrainingConfig) -> str:
    """The run in one line."""
    labels = {"wrong": "wrong", "uniform": "random", "symmetric": "symmetrically wrong"}[config.noise_kind]
    share = f"{100 * config.noise_ratio:g} % of the training labels {labels}"
    return f"{config.rule} mod {config.modulus}, width {config.width}, {share}, seed {config.seed}"


def method_accuracies(run: Run, frequency, backend: Backend) -> dict[str, dict[str, float]]:
    """The accuracies of the network as trained (raw), of what filtration makes of it, and with swapped activations.

    dominant and residual: see `filter_frequencies`, at the frequencies given, of shape (3, M). name+activation: the
    network evaluated with that activation in place of the trained one. random frequency: a control, the filtration at
    one frequency drawn for each neuron; mean of RANDOM_DRAWS. rule: the rule itself, on the pairs with coordinates.
    """
    network, rule = run.network, run.dataset.rule

    def measure(network):
        return accuracies(predict_grid(network, backend), run.dataset)

    dominant, residual = filter_frequencies(network, rule, frequency=frequency)
    methods = {"raw": measure(network), "dominant": measure(dominant), "residual": measure(residual)}
    for name, base in {"raw": network, "dominant": dominant}.items():
        for activation in SWAPS:
            if activation != network.activation:
                methods[f"{name}+{activation}"] = measure(replace(base, activation=activation))

    generator = random_stream(run.config.seed, "control")
    draws = []
    for _ in range(RANDOM_DRAWS):
        drawn = generator.integers(1, rule.order // 2 + 1, network.width)
        draws.append(measure(filter_frequencies(network, rule, frequency=np.stack([drawn] * 3)).dominant))
    methods["random frequency"] = {name: float(np.mean([draw[name] for draw in draws])) for name in MEASURES}
    methods["rule"] = accuracies(np.where(rule.has_coordinates, rule.label_table, -1), run.dataset)
    return methods


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
