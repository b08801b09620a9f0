"""The losses: name -> a pure function that returns the loss and its gradient with respect to the logits.

A loss function takes logits F of shape (n, P), labels of shape (n,), and the label smoothing ε in [0, 1]. It returns
the mean loss over the n examples and the gradient dF, of the shape of F. With label smoothing (Szegedy et al., arXiv
1512.00567) the target of an example is

    q = (1 - ε) onehot(label) + ε / P,    so q = onehot(label) without smoothing.

engine/kernels.py computes the same losses in place.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def cross_entropy(F: Any, label: Any, smoothing: float = 0.0) -> tuple[Any, Any]:
    """The cross-entropy of the labels, and its gradient. The plain formulas, without smoothing, are

        p = softmax(F),    loss = mean of -log p_label,    dF = (p - onehot(label)) / n.

    The code computes the same numbers in another way, because of rounding. In float32, p_label rounds to 1 if the other
    probabilities add up to less than 6e-8. The plain formulas then give 0 for the loss and 0 for dF at the label. So
    training stalls on confident examples ("softmax collapse", Prieto et al., arXiv 2501.04697). The code never computes
    p_label - 1 as a difference. With e = exp(F) and others = the sum of e over all classes but the label, it uses

        p_label - 1 = -others / (others + e_label),
        -log p_label = log1p(others)    if the label has the largest logit, moved to 0, so that e_label = 1.

    With label smoothing ε, the loss is (1 - ε) · (-log p_label) + ε · (mean over all classes of -log p). Its gradient
    is dF = (p - q) / n.
    """
    is_label = _one_hot(label, F.shape[1])                              # (n, P)
    F = F - F.max(axis=1, keepdims=True)                                # (n, P), largest logit 0; p is the same
    e = np.exp(F)                                                       # (n, P)
    e_label = np.where(is_label, e, 0).sum(axis=1)                      # (n,) e at the label
    others = np.where(is_label, 0, e).sum(axis=1)                       # (n,) sum of e over all other classes
    f_label = np.where(is_label, F, 0).sum(axis=1)                      # (n,) F at the label
    total = others + e_label                                            # (n,) p = e / total
    # loss = -log p_label = log(total) - f_label. If the label has the largest logit, f_label is exactly 0: the maximum
    # minus itself. Then total = 1 + others.
    loss = np.where(f_label == 0, np.log1p(others), np.log(total) - f_label)
    # dF = (p - onehot) / n: -others / (n total) at the label, e / (n total) elsewhere.
    dF = np.where(is_label, -others[:, None], e) / (len(F) * total)[:, None]
    if smoothing:
        # loss ← (1 - ε) loss + ε mean_c(-log p_c), and dF ← (1 - ε) dF + ε (p - 1/P) / n, which is (p - q) / n.
        loss = (1 - smoothing) * loss + smoothing * (np.log(total) - F.mean(axis=1))
        dF = (1 - smoothing) * dF + smoothing * (e / total[:, None] - 1 / F.shape[1]) / len(F)
    return loss.mean(), dF


def mse(F: Any, label: Any, smoothing: float = 0.0) -> tuple[Any, Any]:
    """The mean squared error: the mean of (F - q)² over examples and classes. Its gradient is 2 (F - q) / (n P)."""
    error = F - (1 - smoothing) * _one_hot(label, F.shape[1]) - smoothing / F.shape[1]      # F - q      (n, P)
    return (error * error).mean(), 2 * error / error.size                                   # size = n P


def _one_hot(label: Any, P: int) -> Any:
    """The one-hot matrix of the labels, as booleans of shape (n, P)."""
    return label[:, None] == np.arange(P, like=label)


LOSSES: dict[str, Callable[..., tuple[Any, Any]]] = {"cross_entropy": cross_entropy, "mse": mse}
