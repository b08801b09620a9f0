"""Prediction tables of networks: by their logits, by their interaction (see readout.py), and by kept components."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from minimod.analysis.structure import Structure
from minimod.arrays import Array, to_host
from minimod.engine.backend import SERIAL, Backend
from minimod.engine.kernels import activation_kernel
from minimod.engine.memory import Kept
from minimod.engine.predict import grid_logits, predict_table
from minimod.network import TwoLayerNet
from minimod.readout import interaction


def predict_interaction(network: TwoLayerNet, backend: Backend = SERIAL) -> np.ndarray:
    """The class with the largest interaction for every pair (a, b), of shape (P, P), on the host.

    It holds 3 P³ numbers in memory.
    """
    return to_host(interaction(grid_logits(network, backend)).argmax(axis=2))


def predict_ensemble(networks: Iterable[TwoLayerNet], backend: Backend = SERIAL) -> np.ndarray:
    """As `predict_interaction`, for the sum of the networks' interactions, each divided by its standard deviation.

    It is for networks that were trained on the same data from different initial weights. All of them hold the same
    rule. What a memorised label does to other pairs differs from network to network, and averages out.
    """
    total: Array = 0
    for network in networks:
        effect = interaction(grid_logits(network, backend))
        total = total + effect / (effect.std() or 1)
    return to_host(total.argmax(axis=2))


# name -> from a network and a backend to the prediction table, of shape (P, P).
READOUTS: dict[str, Callable[[TwoLayerNet, Backend], np.ndarray]] = {
    "logits": predict_table, "interaction": predict_interaction,
}


def predict_kept(
    structure: Structure, component: Array, activation: str | None = None, backend: Backend = SERIAL
) -> np.ndarray:
    """`predict_table(structure.keep(component))`, of shape (P, P), with another activation if `activation` names one.

    If components are frequencies, a neuron's w has two coefficients, of a cosine and a sine. So W = Cᵀ Bᵀ, where C,
    of shape (n, M), is sparse and B, of shape (P, n), is the basis of c. H W = (C Hᵀ)ᵀ Bᵀ then costs a sparse product
    and a product that does not depend on M. Pre-activations have neurons as rows, the order in which C reads them.
    On a GPU the dense product is as fast. Classes can tie, for example if all frequencies share a divisor with P. Then
    rounding chooses between them.
    """
    network = structure.keep(component)
    network = replace(network, activation=activation or network.activation)
    phi, (P, M) = activation_kernel(network.activation), network.U.shape
    *_, B, component_of = structure.rule.bases
    if not isinstance(network.W, np.ndarray) or structure.has_matrices:
        return predict_table(network, backend)

    from scipy.sparse import csr_matrix

    BT = B.T.astype(network.W.dtype)                                                      # (n, P)
    C = csr_matrix(np.where(component_of[:, None] == component[2], BT @ network.W.T, 0))         # (n, M)
    UT, VT = np.ascontiguousarray(network.U.T), np.ascontiguousarray(network.V.T)
    n_rows = max(1, backend.block_size(M, P) // P)
    memory = Kept(lambda: np.empty(M * n_rows * P, network.U.dtype))

    def labels(a: int) -> Any:
        rows = UT[:, a : a + n_rows]
        with memory.borrow() as array:
            Z = np.add(rows[:, :, None], VT[:, None, :], out=array[: rows.size * P].reshape(*rows.shape, P))
            H = phi.value(Z, out=Z).reshape(M, -1)                                        # (M, rows · P)
            return ((C @ H).T @ BT).argmax(axis=1)

    return np.concatenate(list(backend.map(labels, range(0, P, n_rows)))).reshape(P, P)
