"""What a network answers with one component per neuron, kept (see fourier.py) or drawn at random."""

from dataclasses import replace
from typing import Any

import numpy as np

from minimod.analysis.structure import Structure
from minimod.arrays import Array
from minimod.engine.backend import SERIAL, Backend
from minimod.engine.kernels import activation_kernel
from minimod.engine.memory import Kept
from minimod.engine.predict import predict_table


def predict_kept(
    structure: Structure, component: Array, activation: str | None = None, backend: Backend = SERIAL
) -> np.ndarray:
    """As `predict_table` of `structure.keep(component)`, with another activation if asked for; of shape (P, P).

    Where classes tie, as they do if all frequencies have a divisor in common with P, rounding chooses between them.
    Where a component has few dimensions, as a frequency with its cosine and sine, the output layer is W = Cᵀ Bᵀ: C has
    a neuron's few coefficients, and B is the basis of c. H W then is a sparse product and one that is the same for any
    width. Pre-activations have neurons as rows here, since that is the order in which C reads them. On a GPU the dense
    product is as fast.
    """
    network = structure.keep(component)
    network = replace(network, activation=activation or network.activation)
    phi, (P, M) = activation_kernel(network.activation), network.U.shape
    *_, B, component_of = structure.rule.bases
    if not isinstance(network.W, np.ndarray) or np.bincount(component_of)[1:].max() > 2:
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


def random_component(structure: Structure, generator: np.random.Generator) -> Array:
    """The control of filtration: a component drawn for each neuron, the same for u, v and w, of shape (3, M)."""
    n_components = structure.components.component_of.max()
    component = np.stack([generator.integers(1, n_components + 1, structure.network.width)] * 3)
    return np.asarray(component, like=structure.network.U)
