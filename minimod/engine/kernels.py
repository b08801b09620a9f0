"""In-place twins of activations and losses, and the two ways to go between examples and tokens.

The tables here are optional: what is not in them is taken from activations.py or losses.py. Tests hold each to its
pure twin.
"""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from minimod.activations import ACTIVATIONS, Activation
from minimod.losses import LOSSES

# name -> (φ, φ'), functions of (Z, out) that write into `out`, which may be Z itself. Of NumPy's ways to ReLU, clip is
# the fastest: 1 to 4 % of a step (the tricks of `python -m benchmarks`).
IN_PLACE_ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(
        lambda Z, out: np.clip(Z, 0, np.inf, out=out),
        lambda Z, out: np.greater(Z, 0, out=out),
    ),
    "quadratic": Activation(
        lambda Z, out: np.multiply(Z, Z, out=out),
        lambda Z, out: np.multiply(Z, 2, out=out),
    ),
    "reverse_relu": Activation(
        lambda Z, out: np.clip(np.negative(Z, out=out), 0, np.inf, out=out),
        lambda Z, out: np.minimum(np.sign(Z, out=out), 0, out=out),
    ),
}


def activation_kernel(name: str) -> Activation:
    """φ and φ' as functions of (Z, out): in place, or where there is no such twin, the pure ones and a copy."""

    def copied(function: Callable[..., Any]) -> Callable[..., Any]:
        def kernel(Z: Any, out: Any) -> Any:
            out[...] = function(Z)
            return out

        return kernel

    return IN_PLACE_ACTIVATIONS.get(name) or Activation(*map(copied, ACTIVATIONS[name]))


def _cross_entropy_in_place(F: Any, label: Any, n_total: int) -> tuple[Any, Any]:
    """As `losses.cross_entropy`."""
    at_label = (np.arange(len(label), like=label), label)
    F -= F.max(axis=1, keepdims=True)                        # (n, P), 0 at the largest logit
    f_label = F[at_label]                                    # (n,)
    e = np.exp(F, out=F)                                     # (n, P)
    e_label = e[at_label]                                    # (n,)
    e[at_label] = 0
    others = e @ np.ones_like(e, shape=e.shape[1:])         # (n,); BLAS adds up rows in a quarter of sum's time
    total = others + e_label
    loss = np.where(f_label == 0, np.log1p(others), np.log(total) - f_label)

    scale = 1 / (total * n_total)
    dF = np.multiply(e, scale[:, None], out=F)               # (n, P)
    dF[at_label] = -others * scale
    return loss.sum() / n_total, dF


def _mse_in_place(F: Any, label: Any, n_total: int) -> tuple[Any, Any]:
    """As `losses.mse`."""
    F[np.arange(len(label), like=label), label] -= 1         # (n, P), the error
    n_terms = n_total * F.shape[1]
    loss = (F * F).sum() / n_terms
    F *= 2 / n_terms
    return loss, F


# name -> a function of (F, label, n_total): what these n examples have in the mean over n_total, loss and dF. The
# logits F are used up: dF takes their place in memory.
IN_PLACE_LOSSES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "cross_entropy": _cross_entropy_in_place, "mse": _mse_in_place,
}


def loss_kernel(name: str, smoothing: float = 0.0) -> Callable[..., tuple[Any, Any]]:
    """The loss as a function of (F, label, n_total): in place, or where there is no such twin, the pure one.

    With label smoothing there is none.
    """
    def kernel(F: Any, label: Any, n_total: int) -> tuple[Any, Any]:
        loss, dF = LOSSES[name](F, label, *[smoothing] * bool(smoothing)) if len(F) else (0, F)
        share = len(F) / n_total
        return loss * share, dF * share

    return kernel if smoothing else IN_PLACE_LOSSES.get(name, kernel)


def confidence(F: Any, label: Any) -> tuple[Any, Any]:
    """Of n examples the margin, the label's logit less the largest other one, and the cross-entropy loss, each (n,).

    F are logits of shape (n, P), which are left as they are. Neither rounds to 0 before its time, see losses.py.
    """
    at_label = (np.arange(len(label), like=label), label)
    others = F - F[at_label][:, None]                        # (n, P), beside the label's logit
    others[at_label] = -np.inf
    largest = others.max(axis=1)                             # (n,)
    top = np.maximum(largest, 0)                             # that of all logits
    total = np.exp(others - top[:, None]).sum(axis=1)        # (n,), without the label's
    return -largest, np.where(largest < 0, np.log1p(total), top + np.log(np.exp(-top) + total))


def take_rows(X: Any, index: Any, out: Any) -> Any:
    """X[index], the rows of an array of either library, written into `out`. The index must be in range."""
    if isinstance(X, np.ndarray):
        return X.take(index, axis=0, out=out, mode="clip")  # "raise" would go through another copy of `out`
    return X.take(index, axis=0, out=out)


def sums_by_token(index: Any, modulus: int, dtype: Any, xp: ModuleType) -> tuple[Any, Callable[[Any, Any], Any]]:
    """k tokens, those in `index` among them, and a function that sums rows by token: (X, memory) -> (k, M).

    X has a row for every token of the index, n in all. The function multiplies X by a one-hot matrix. On the host that
    is sparse. On a GPU it is dense, and made anew each time in `memory`, an array of n P numbers that is overwritten:
    cuBLAS's products have the same bits every time, and cuSPARSE's have not. An index on the host is searched for the
    tokens that it has, which are few where examples are in tiles; one on a GPU stays there, and k is P.
    """
    if xp is np:
        from scipy.sparse import csr_matrix

        values, positions, counts = np.unique(index, return_inverse=True, return_counts=True)
        row_starts = np.concatenate([[0], counts.cumsum()])
        ones, columns = np.ones(len(index), dtype), positions.argsort(kind="stable")
        one_hot_T = csr_matrix((ones, columns, row_starts), shape=(len(values), len(index)))
        return values, lambda X, memory: one_hot_T @ X

    tokens = xp.asarray(np.unique(index)) if isinstance(index, np.ndarray) else np.arange(modulus, like=index)
    index, shape = xp.asarray(index), (len(index), len(tokens))

    def sums(X: Any, memory: Any) -> Any:
        one_hot = np.equal(index[:, None], tokens, out=memory.reshape(-1)[: math.prod(shape)].reshape(shape))
        return one_hot.T @ X

    return tokens, sums
