"""The predictions of a network for some or all pairs, in blocks that fit in cache, spread over threads.

The predictions for all pairs are a *prediction table*, of shape (P, P). Entry [a, b] is the class for the pair (a, b).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minimod.arrays import Array, Pairs, to_host
from minimod.engine.backend import SERIAL, Backend
from minimod.engine.kernels import activation_kernel, loss_kernel, take_rows
from minimod.engine.memory import BufferPool
from minimod.network import TwoLayerNet


def predict(network: TwoLayerNet, a: np.ndarray, b: np.ndarray, backend: Backend = SERIAL) -> np.ndarray:
    """The class with the largest logit for every pair of inputs a and b, of shape (n,), on the host.

    a, b: tokens on the host, of shape (n,).
    """
    labels = map_logit_blocks(lambda rows, F: to_host(F.argmax(axis=1)), network, a, b, backend)
    return np.concatenate(labels) if labels else np.empty(0, int)


def evaluate(
    network: TwoLayerNet, pairs: Pairs, loss: str, smoothing: float = 0.0, backend: Backend = SERIAL
) -> tuple[np.ndarray, float]:
    """As `predict` for n pairs on the host, and the mean loss of their labels. For n = 0, the loss is nan.

    loss: a name in LOSSES. smoothing: the label smoothing.
    """
    kernel = loss_kernel(loss, smoothing)

    def answers(rows: slice, F: Array) -> tuple[np.ndarray, float]:
        predicted = to_host(F.argmax(axis=1))
        return predicted, float(kernel(F, np.asarray(pairs.label[rows], like=F), len(pairs))[0])

    if not len(pairs):
        return np.empty(0, int), math.nan
    labels, losses = zip(*map_logit_blocks(answers, network, pairs.a, pairs.b, backend), strict=True)
    return np.concatenate(labels), sum(losses)


def map_logit_blocks(
    function: Callable[[slice, Array], Any], network: TwoLayerNet, a: np.ndarray, b: np.ndarray,
    backend: Backend = SERIAL,
) -> list[Any]:
    """The list of function(rows, F) for all blocks of pairs.

    rows: the slice of the pairs in the block. F: their logits, which the function may overwrite.
    """
    P, M = network.U.shape
    size = min(len(a), backend.block_size(M, P))
    phi, shapes = activation_kernel(network.activation), ((size, M), (size, M), (size, P))      # of Z, H and F
    memory = BufferPool(lambda: [np.empty(shape, network.U.dtype, like=network.U) for shape in shapes])

    def block(start: int) -> Any:
        rows = slice(start, start + size)
        tokens_a, tokens_b = (np.asarray(tokens[rows], like=network.U) for tokens in (a, b))
        with memory.borrow() as arrays:
            Z, H, F = (array[: len(tokens_a)] for array in arrays)
            take_rows(network.U, tokens_a, out=Z)
            Z += take_rows(network.V, tokens_b, out=H)
            np.matmul(phi.value(Z, out=H), network.W, out=F)
            F += network.mu
            return function(rows, F)

    return list(backend.map(block, range(0, len(a), size or 1)))


def map_hidden_rows(
    function: Callable[[slice, Array], Any], network: TwoLayerNet, backend: Backend, n_rows: int | None = None
) -> list[Any]:
    """The list of function(rows, H) for all blocks of first inputs.

    rows: the slice of the first inputs in the block. n_rows: their number (None: as many as fit into a block).
    H: the hidden vectors of these first inputs with every second input, of shape (number of rows · P, M). They are
    sorted by first and then by second input.
    """
    P, M = network.U.shape
    n_rows = n_rows or max(1, min(P, backend.block_size(M, P) // P))
    phi = activation_kernel(network.activation)
    memory = BufferPool(lambda: np.empty((n_rows, P, M), network.U.dtype, like=network.U))

    def block(start: int) -> Any:
        rows = slice(start, min(start + n_rows, P))
        n = rows.stop - start
        with memory.borrow() as array:
            Z = np.add(network.U[rows][:, None, :], network.V, out=array[:n])
            return function(rows, phi.value(Z, out=Z).reshape(n * P, M))     # H = φ(Z), in the memory of Z

    return list(backend.map(block, range(0, P, n_rows)))


def predict_table(network: TwoLayerNet, backend: Backend = SERIAL) -> np.ndarray:
    """The class with the largest logit for every pair (a, b), of shape (P, P), on the host."""
    P = network.modulus

    def labels(rows: slice, H: Array) -> Array:
        F = H @ network.W
        F += network.mu
        return F.argmax(axis=1)

    return np.concatenate([to_host(each) for each in map_hidden_rows(labels, network, backend)]).reshape(P, P)


def grid_logits(network: TwoLayerNet, backend: Backend = SERIAL) -> Array:
    """As `network.grid_logits()`, of shape (P, P, P): first input, second input, class."""
    P = network.modulus
    logits = np.empty((P, P, P), network.U.dtype, like=network.U)

    def write(rows: slice, H: Array) -> None:
        logits[rows] = (H @ network.W + network.mu).reshape(-1, P, P)

    map_hidden_rows(write, network, backend)
    return logits
