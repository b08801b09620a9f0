"""The losses: name -> a pure function that returns the loss and its gradient with respect to the logits.

Each takes logits F of shape (n, P), labels of shape (n,), and the label smoothing, if there is any. The loss is the
mean over the n examples; the gradient dF has the shape of F. engine/kernels.py has the same in place.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def cross_entropy(F: Any, label: Any, smoothing: float = 0.0) -> tuple[Any, Any]:
    """-log p_label with p = softmax(F), mean over examples; gradient (p - onehot(label)) / n, of shape (n, P).

    The gradient at the label, p_label - 1, is taken as minus the sum of the other probabilities, and the loss as
    log1p(the others' exponentials) where the label has the largest logit: neither rounds to 0 before its time, so
    training does not stall on confident examples ("softmax collapse", Prieto et al., arXiv 2501.04697).

    With label smoothing ε (Szegedy et al., arXiv 1512.00567) the label is q = (1 - ε) onehot(label) + ε / P: the loss
    is (1 - ε) of the above and ε of the mean over classes of -log p, the gradient (p - q) / n.
    """
    is_label = _one_hot(label, F.shape[1])                              # (n, P)
    F = F - F.max(axis=1, keepdims=True)                                # (n, P), 0 at the largest logit
    e = np.exp(F)                                                       # (n, P)
    e_label = np.where(is_label, e, 0).sum(axis=1)                      # (n,)
    others = np.where(is_label, 0, e).sum(axis=1)                       # (n,)
    f_label = np.where(is_label, F, 0).sum(axis=1)                      # (n,)
    total = others + e_label
    # f_label == 0: the label has the largest logit.
    loss = np.where(f_label == 0, np.log1p(others), np.log(total) - f_label)
    dF = np.where(is_label, -others[:, None], e) / (len(F) * total)[:, None]
    if smoothing:
        loss = (1 - smoothing) * loss + smoothing * (np.log(total) - F.mean(axis=1))
        dF = (1 - smoothing) * dF + smoothing * (e / total[:, None] - 1 / F.shape[1]) / len(F)
    return loss.mean(), dF


def mse(F: Any, label: Any, smoothing: float = 0.0) -> tuple[Any, Any]:
    """(F - q)², mean over examples and classes; gradient 2 (F - q) / (n P), (n, P). q: see `cross_entropy`."""
    error = F - (1 - smoothing) * _one_hot(label, F.shape[1]) - smoothing / F.shape[1]      # (n, P)
    return (error * error).mean(), 2 * error / error.size


def _one_hot(label: Any, P: int) -> Any:
    """Whether a class is the label, booleans of shape (n, P)."""
    return label[:, None] == np.arange(P, like=label)


LOSSES: dict[str, Callable[..., tuple[Any, Any]]] = {"cross_entropy": cross_entropy, "mse": mse}
