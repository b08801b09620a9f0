"""The losses: name -> a function that returns the loss and its gradient with respect to the logits, computed together.

Each takes logits F of shape (n, P), labels of shape (n,), and `n_total`, the number of examples that the mean is
over. The n examples may be one block of them: the losses and gradients of the blocks then add up to those of the
whole. The logits are used up: the gradient takes their place in memory.
"""

from collections.abc import Callable

import numpy as np


def cross_entropy(F, label, n_total: int):
    """-log p_label with p = softmax(F), mean over examples; gradient (p - onehot(label)) / n_total, of shape (n, P).

    The gradient at the label, p_label - 1, is taken as minus the sum of the other probabilities, and the loss as
    log1p(the others' exponentials) where the label has the largest logit: neither rounds to 0 before its time, so
    training does not stall on confident examples ("softmax collapse", Prieto et al., arXiv 2501.04697).
    """
    at_label = (np.arange(len(label), like=label), label)
    F -= F.max(axis=1, keepdims=True)                        # (n, P), 0 at the largest logit
    f_label = F[at_label]                                    # (n,)
    e = np.exp(F, out=F)                                     # (n, P)
    e_label = e[at_label]                                    # (n,)
    e[at_label] = 0
    others = e @ np.ones_like(e[0])                         # (n,); BLAS adds up rows in a quarter of sum's time
    total = others + e_label
    loss = np.where(f_label == 0, np.log1p(others), np.log(total) - f_label)

    scale = 1 / (total * n_total)
    dF = np.multiply(e, scale[:, None], out=F)               # (n, P)
    dF[at_label] = -others * scale
    return loss.sum() / n_total, dF


def mse(F, label, n_total: int):
    """(F - onehot(label))², mean over examples and classes; gradient 2 (F - onehot(label)) / (n_total P), (n, P)."""
    F[np.arange(len(label), like=label), label] -= 1         # (n, P), the error
    n_terms = n_total * F.shape[1]
    loss = (F * F).sum() / n_terms
    F *= 2 / n_terms
    return loss, F


LOSSES: dict[str, Callable] = {"cross_entropy": cross_entropy, "mse": mse}
