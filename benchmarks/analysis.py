"""The analysis of a headline network, compared with the same analysis in straightforward NumPy."""

import statistics
import time

import numpy as np
from threadpoolctl import threadpool_limits

from minimod import TrainingConfig
from minimod.analysis.readouts import predict_kept
from minimod.analysis.structure import Structure
from minimod.engine.backend import open_backend
from minimod.engine.predict import predict_table
from minimod.groups.rules import make_rule
from minimod.network import TwoLayerNet
from minimod.runs.run import initial_network

# Seconds between turns: the BLAS threads of the last turn still spin for some time.
REST = 0.2


def naive(network: TwoLayerNet):
    """The predictions of the network and of the filtered network for all pairs, and the dominant frequencies.

    For addition mod 113.
    """
    a, b = np.divmod(np.arange(network.modulus**2), network.modulus)

    def predictions(U, V, W):
        hidden = np.maximum(U[a] + V[b], 0)
        return (hidden @ W + network.mu).argmax(axis=1)

    weights = np.stack([network.U, network.V, network.W.T])
    spectrum = np.fft.fft(weights, axis=1)
    power = np.abs(spectrum[:, 1 : network.modulus // 2 + 1]) ** 2
    k = 1 + (power / power.sum(axis=1, keepdims=True)).sum(axis=0).argmax(axis=0)
    keep = np.arange(network.modulus)[:, None]
    mask = (keep == k) | (keep == network.modulus - k)
    U, V, WT = np.fft.ifft(spectrum * mask, axis=1).real
    return predictions(network.U, network.V, network.W), predictions(U, V, WT.T), k


def measure(threads: int, rounds: int) -> dict[str, float]:
    """Median milliseconds of minimod and of the naive version, both on `threads` threads, for a headline network."""
    network, rule = initial_network(TrainingConfig()), make_rule("add", 113)
    times = {"minimod": [], "naive": []}
    for round in range(rounds + 1):
        with open_backend("cpu", threads) as backend:
            time.sleep(REST)
            start = time.perf_counter()
            structure = Structure(network, rule)
            ours = predict_table(network, backend), predict_kept(structure, structure.component, backend=backend)
            times["minimod"].append(1e3 * (time.perf_counter() - start))
        time.sleep(REST)
        with threadpool_limits(threads):
            start = time.perf_counter()
            theirs = naive(network)
            times["naive"].append(1e3 * (time.perf_counter() - start))
        if round == 0:   # warm-up, not counted
            times = {"minimod": [], "naive": []}
            for table, expected in zip(ours, theirs, strict=False):
                assert (table.ravel() == expected).mean() > 0.999, "the two predict other labels"
    return {name: statistics.median(values) for name, values in times.items()}
