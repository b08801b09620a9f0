"""In-place twins of activations and losses, and the two ways to go between examples and tokens.

The tables here are optional: what is not in them is taken from activations.py or losses.py. Tests hold each to its
pure twin.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from minimod.activations import ACTIVATIONS, Activation
from minimod.engine.device import segment_sums
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
    """As `losses.cross_entropy`. The largest logit of each row is dear to find, and taken off only where it has to be.

    That is where one is above 40, so that exponentials could overflow, or where the label's is below -10, so that those
    of the others could round to 0 before its time; and on a GPU, which would wait for the answer. F is in C order.
    """
    flat, at_label = F.reshape(-1), np.arange(0, F.size, F.shape[1], like=label) + label
    f_label = flat[at_label]                                 # (n,)
    if not isinstance(F, np.ndarray) or F.max(initial=0) > 40 or f_label.min(initial=0) < -10:
        top = F.max(axis=1)
        F -= top[:, None]
        f_label -= top
    flat[at_label] = -np.inf                                 # leaves the other classes' exponentials
    e = np.exp(F, out=F)                                     # (n, P)
    others = e @ np.ones_like(e, shape=e.shape[1:])          # (n,); BLAS adds up rows in a quarter of sum's time
    e_label = np.exp(f_label)
    total = others + e_label
    confident = np.log1p(others / np.maximum(others, e_label))      # the loss where the label has most
    loss = np.where(others < e_label, confident, np.log(total) - f_label)
    scale = 1 / (total * n_total)
    dF = np.multiply(e, scale[:, None], out=F)               # (n, P)
    flat[at_label] = -others * scale
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
        loss, dF = LOSSES[name](F, label, smoothing) if len(F) else (0, F)
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


def sums_by_input(a: Any, b: Any, modulus: int, tied: bool, dtype: Any, xp: ModuleType) -> tuple[Any, Any]:
    """Which k inputs n examples (a, b) have, as an index, and a function that sums the rows of X, (n, M), by them.

    Inputs are rows of U over V, (2P, M), or of U, (P, M), where these are tied. Tokens on the host are searched for
    those that there are, which are few where examples are in tiles; on a GPU nothing waits for such an answer, and all
    inputs are summed for. On the host the function multiplies by a sparse one-hot matrix. On a GPU it
    is `segment_sums`, since cuSPARSE's products have other bits every time.
    """
    inputs = np.concatenate([a, b if tied else b + modulus])
    order, n_inputs = np.argsort(inputs, kind="stable"), modulus if tied else 2 * modulus
    which = np.unique(inputs) if isinstance(inputs, np.ndarray) else np.arange(n_inputs, like=inputs)
    first = np.searchsorted(inputs[order], np.append(which, n_inputs))      # where each begins in the order; the end
    rows = order % len(a)                                                    # of the example that has the input
    index = slice(None) if len(which) == n_inputs else xp.asarray(which)
    if xp is np:
        from scipy.sparse import csr_matrix

        one_hot_T = csr_matrix((np.ones(len(rows), dtype), rows, first), shape=(len(which), len(a)))
        return index, lambda X: one_hot_T @ X
    rows, first = (xp.asarray(array).astype(np.int32) for array in (rows, first))
    return index, lambda X: segment_sums(X, rows, first)
