"""In-place twins of activations and losses, the rows that tokens pick, and the sums of rows by token.

A twin is optional. Without a twin, the engine uses the pure function of activations.py or losses.py. Tests compare
every twin with its pure function.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from minimod.activations import ACTIVATIONS, Activation
from minimod.engine.device import segment_sums
from minimod.losses import LOSSES

# name -> (φ, φ'), functions of (Z, out) that write into `out`, which may be Z itself. The fastest ReLU in NumPy is
# `np.clip`. It saves 1 to 4 % of a step (see the tricks of `python -m benchmarks`).
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
    """φ and φ' as functions of (Z, out): the in-place twins, or else the pure functions and a copy into `out`."""

    def copied(function: Callable[..., Any]) -> Callable[..., Any]:
        def kernel(Z: Any, out: Any) -> Any:
            out[...] = function(Z)
            return out

        return kernel

    return IN_PLACE_ACTIVATIONS.get(name) or Activation(*map(copied, ACTIVATIONS[name]))


def _cross_entropy_in_place(F: Any, label: Any, n_total: int) -> tuple[Any, Any]:
    """As `losses.cross_entropy`. F is in C order.

    The largest logit of every row takes long to find, so it is subtracted only if needed. A logit above 40 needs it,
    because exponentials could overflow. A label's logit below -10 needs it, too. Otherwise the exponentials of the
    other classes could be exactly 0 in float32, and the gradient would vanish. On a GPU the largest logit is always
    subtracted. Otherwise the host would have to wait for the result of the check.
    """
    flat, at_label = F.reshape(-1), np.arange(0, F.size, F.shape[1], like=label) + label
    f_label = flat[at_label]                                 # (n,)
    if not isinstance(F, np.ndarray) or F.max(initial=0) > 40 or f_label.min(initial=0) < -10:
        top = F.max(axis=1)
        F -= top[:, None]
        f_label -= top
    flat[at_label] = -np.inf                                 # so that e = 0 at the label
    e = np.exp(F, out=F)                                     # (n, P)
    others = e @ np.ones_like(e, shape=e.shape[1:])          # (n,) row sums; the product takes a quarter of sum's time
    e_label = np.exp(f_label)                                # (n,)
    total = others + e_label                                 # (n,)
    confident = np.log1p(others / np.maximum(others, e_label))      # -log p_label, if p_label > 1/2
    loss = np.where(others < e_label, confident, np.log(total) - f_label)
    scale = 1 / (total * n_total)
    dF = np.multiply(e, scale[:, None], out=F)               # (n, P) dF = p / n_total for the other classes
    flat[at_label] = -others * scale                         # (n,) dF = (p_label - 1) / n_total at the label
    return loss.sum() / n_total, dF


def _mse_in_place(F: Any, label: Any, n_total: int) -> tuple[Any, Any]:
    """As `losses.mse`."""
    F[np.arange(len(label), like=label), label] -= 1         # (n, P) the error F - onehot
    n_terms = n_total * F.shape[1]
    loss = (F * F).sum() / n_terms
    F *= 2 / n_terms
    return loss, F


# name -> a function of (F, label, n_total). It returns the share of these n examples in the mean loss over n_total
# examples, and dF. It overwrites the logits F by dF.
IN_PLACE_LOSSES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "cross_entropy": _cross_entropy_in_place, "mse": _mse_in_place,
}


def loss_kernel(name: str, smoothing: float = 0.0) -> Callable[..., tuple[Any, Any]]:
    """The loss as a function of (F, label, n_total), see IN_PLACE_LOSSES: the in-place twin, or else the pure function.

    Losses with label smoothing have no twin.
    """
    def kernel(F: Any, label: Any, n_total: int) -> tuple[Any, Any]:
        loss, dF = LOSSES[name](F, label, smoothing) if len(F) else (0, F)
        share = len(F) / n_total
        return loss * share, dF * share

    return kernel if smoothing else IN_PLACE_LOSSES.get(name, kernel)


def confidence(F: Any, label: Any) -> tuple[Any, Any]:
    """The margin of n examples, which is F_label minus the largest other logit, and their cross-entropy loss.

    F: logits of shape (n, P), which do not change. margin, loss: of shape (n,). The loss uses no p_label. Otherwise
    float32 gives exactly 0 for confident examples, see losses.py.
    """
    at_label = (np.arange(len(label), like=label), label)
    others = F - F[at_label][:, None]                        # (n, P) F - F_label
    others[at_label] = -np.inf                               # without the label itself
    largest = others.max(axis=1)                             # (n,)
    top = np.maximum(largest, 0)                             # (n,) the largest F - F_label of all classes
    total = np.exp(others - top[:, None]).sum(axis=1)        # (n,) the sum over the other classes
    return -largest, np.where(largest < 0, np.log1p(total), top + np.log(np.exp(-top) + total))


def take_rows(X: Any, index: Any, out: Any) -> Any:
    """Write the rows X[index] into `out`. X is a NumPy or a CuPy array. The index must be in range."""
    if isinstance(X, np.ndarray):
        return X.take(index, axis=0, out=out, mode="clip")  # the mode "raise" would make another copy of `out`
    return X.take(index, axis=0, out=out)


def sums_by_input(a: Any, b: Any, modulus: int, tied: bool, dtype: Any, xp: ModuleType) -> tuple[Any, Any]:
    """For n examples (a, b): the index of k inputs, and the function (n, M) -> (k, M) that sums rows by input.

    An input is a row of U over V, of shape (2P, M). In a tied network, it is a row of U, of shape (P, M). For tokens on
    the host, the k inputs are the inputs that occur, which are few in a tile. For tokens on a GPU, they are all inputs.
    Otherwise the host would have to wait for a search. On the host, the function multiplies by a sparse one-hot matrix.
    On a GPU, it is `segment_sums`, because the bits of cuSPARSE's products differ from call to call.
    """
    inputs = np.concatenate([a, b if tied else b + modulus])
    order, n_inputs = np.argsort(inputs, kind="stable"), modulus if tied else 2 * modulus
    which = np.unique(inputs) if isinstance(inputs, np.ndarray) else np.arange(n_inputs, like=inputs)
    first = np.searchsorted(inputs[order], np.append(which, n_inputs))      # the start of every input, and the end
    rows = order % len(a)                                                    # the example of every sorted input
    index = slice(None) if len(which) == n_inputs else xp.asarray(which)
    if xp is np:
        from scipy.sparse import csr_matrix

        one_hot_T = csr_matrix((np.ones(len(rows), dtype), rows, first), shape=(len(which), len(a)))
        return index, lambda X: one_hot_T @ X
    rows, first = (xp.asarray(array).astype(np.int32) for array in (rows, first))
    return index, lambda X: segment_sums(X, rows, first)
