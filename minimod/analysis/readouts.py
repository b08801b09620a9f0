"""Prediction tables of networks: by the logits, by the interaction (see readout.py), and with some components alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from minimod.analysis.structure import Structure
from minimod.arrays import Array, to_host
from minimod.engine.backend import SERIAL, Backend
from minimod.engine.kernels import activation_kernel
from minimod.engine.memory import BufferPool
from minimod.engine.predict import grid_logits, map_hidden_rows, predict_table
from minimod.network import TwoLayerNet
from minimod.readout import interaction

# With more pairs P² than this, no array has P³ numbers. Then mask curves are counted on a sample of the pairs.
MANY_PAIRS = 20_000
BLOCK = 4096        # examples at a time, so that their hidden vectors fit in memory


def blocks(n: int) -> list[slice]:
    """Slices of at most BLOCK examples that together hold n examples."""
    return [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]


def has_many_pairs(modulus: int) -> bool:
    """Whether the P² pairs are more than MANY_PAIRS."""
    return modulus**2 > MANY_PAIRS


def mean_hidden(network: TwoLayerNet, backend: Backend = SERIAL) -> Array:
    """The mean over b of the hidden vectors of all pairs (a, b), of shape (P, M), for every a."""
    P, M = network.U.shape
    means = map_hidden_rows(lambda rows, H: H.reshape(-1, P, M).mean(axis=1), network, backend)
    return np.concatenate(means)


def swapped(network: TwoLayerNet) -> TwoLayerNet:
    """The network that answers (b, a) as the network answers (a, b)."""
    return TwoLayerNet(network.V, network.U, network.W, network.mu, network.activation)


def hidden_means(network: TwoLayerNet, backend: Backend = SERIAL) -> tuple[Array, Array]:
    """Two arrays of shape (P, M). First: the mean of the hidden vectors over b, for every a.

    Second: the mean over a minus the mean over all pairs, for every b. So h(a, b) - first[a] - second[b] is the
    interaction of the hidden vectors.
    """
    over_b, over_a = mean_hidden(network, backend), mean_hidden(swapped(network), backend)
    return over_b, over_a - over_a.mean(axis=0)


def interaction_of(network: TwoLayerNet, backend: Backend = SERIAL) -> Callable[[Any, Any], Array]:
    """A function from inputs a and b to the interaction of their logits, of shape (n, P).

    a and b are arrays of shape (n,), where the network's arrays live. Or a is one token, and b a slice of all tokens.
    Up to MANY_PAIRS pairs the result is a part of `readout.interaction`. With more pairs, the logits of all pairs, P³
    numbers, would not fit in memory. Logits are linear in the hidden vectors, F(a, b) = h(a, b) W + μ. So the means
    of the logits are means of hidden vectors, times W, plus μ:

        interaction(a, b) = h(a, b) W - (mean over b of h(a, ·)) W - (mean over a of h(·, b)) W + (mean of h) W.
    """
    if not has_many_pairs(network.modulus):
        effects = interaction(grid_logits(network, backend))
        return lambda a, b: effects[a, b]
    row, column = (means @ network.W for means in hidden_means(network, backend))               # (P, P) each
    value = activation_kernel(network.activation).value

    def effect(a: Any, b: Any) -> Array:
        Z = network.U[a] + network.V[b]
        return value(Z, out=Z) @ network.W - row[a] - column[b]

    return effect


def _by_rows(function: Callable[[Any, Any], Any], P: int, backend: Backend) -> np.ndarray:
    """function(a, b) for every first input a with all second inputs b, row after row, stacked."""
    return np.stack(list(backend.map(lambda a: function(a, slice(None)), range(P))))


def predict_interaction(network: TwoLayerNet, backend: Backend = SERIAL) -> np.ndarray:
    """The class with the largest interaction for every pair (a, b), of shape (P, P), on the host."""
    effect = interaction_of(network, backend)
    return _by_rows(lambda a, b: to_host(effect(a, b).argmax(axis=1)), network.modulus, backend)


def predict_ensemble(networks: Sequence[TwoLayerNet], backend: Backend = SERIAL) -> np.ndarray:
    """As `predict_interaction`, for the sum of the networks' interactions, each divided by its standard deviation.

    It is for networks that were trained on the same data from different initial weights. All of them hold the same
    rule. The effect of a memorised label on other pairs differs from network to network, and averages out.
    """
    def standardised(network: TwoLayerNet) -> Callable[[Any, Any], Array]:
        effect = interaction_of(network, backend)
        # The mean of an interaction is 0. So its variance is the mean of its squares.
        variance = _by_rows(lambda a, b: float((effect(a, b) ** 2).mean()), network.modulus, backend).mean()
        return lambda a, b: effect(a, b) / (math.sqrt(variance) or 1)

    def labels(a: Any, b: Any) -> np.ndarray:
        return to_host(sum(effect(a, b) for effect in effects).argmax(axis=1))

    effects = [standardised(network) for network in networks]
    return _by_rows(labels, networks[0].modulus, backend)


# name -> from a network and a backend to the prediction table, of shape (P, P).
READOUTS: dict[str, Callable[[TwoLayerNet, Backend], np.ndarray]] = {
    "logits": predict_table, "interaction": predict_interaction,
}


def predict_kept(
    structure: Structure, component: Array, activation: str | None = None, backend: Backend = SERIAL
) -> np.ndarray:
    """`predict_table(structure.keep(component))`, of shape (P, P), with another activation if `activation` names one.

    If components are frequencies, a neuron's w has two coefficients, of a cosine and a sine. So W = Cᵀ Bᵀ. C, of shape
    (n, M), is sparse. B, of shape (P, n), is the basis of c. H W = (C Hᵀ)ᵀ Bᵀ then costs a sparse product and a product
    that does not depend on M. Pre-activations have neurons as rows, the order in which C reads them.
    On a GPU, the dense product is as fast, so it is used. It is also used with many pairs if M <= n, because then it is
    faster. Classes can tie, for example if all frequencies share a divisor with P. Then rounding chooses between them.
    """
    network = structure.keep(component)
    network = replace(network, activation=activation or network.activation)
    phi, (P, M) = activation_kernel(network.activation), network.U.shape
    *_, B, component_of = structure.rule.bases
    is_narrow = has_many_pairs(P) and M <= B.shape[1]
    if not isinstance(network.W, np.ndarray) or structure.has_matrices or is_narrow:
        return predict_table(network, backend)

    from scipy.sparse import csr_matrix

    BT = B.T.astype(network.W.dtype)                                                      # (n, P)
    C = csr_matrix(np.where(component_of[:, None] == component[2], BT @ network.W.T, 0))         # (n, M)
    UT, VT = np.ascontiguousarray(network.U.T), np.ascontiguousarray(network.V.T)
    n_rows = max(1, backend.block_size(M, P) // P)
    memory = BufferPool(lambda: np.empty(M * n_rows * P, network.U.dtype))

    def labels(a: int) -> Any:
        rows = UT[:, a : a + n_rows]
        with memory.borrow() as array:
            Z = np.add(rows[:, :, None], VT[:, None, :], out=array[: rows.size * P].reshape(*rows.shape, P))
            H = phi.value(Z, out=Z).reshape(M, -1)                                        # (M, rows · P)
            return ((C @ H).T @ BT).argmax(axis=1)

    return np.concatenate(list(backend.map(labels, range(0, P, n_rows)))).reshape(P, P)
