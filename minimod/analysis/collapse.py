"""Neural collapse: how far hidden features spread within their class, over how far the classes lie apart (NC1).

Source: Papyan, Han & Donoho (arXiv 2008.08186); for corrupted labels Nguyen et al. (arXiv 2206.05530), where memorising
them dilates the classes. Traces stand for the matrices, and all variances are unbiased: the mean of a class of few
examples has a variance of its own, which would count as distance between classes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minimod.analysis.readouts import blocks


class Classes(NamedTuple):
    """What the features of some examples say of P classes; those of one example or none are left out.

    mean: of shape (P, M). variance, n: the trace of the covariance within each class, and its examples, (P,).
    between: the trace of the covariance of the class means, without what they vary by themselves.
    """

    mean: np.ndarray
    variance: np.ndarray
    n: np.ndarray
    between: float

    @property
    def within(self) -> float:
        """NC1: the mean trace of the covariance within a class, over that between them."""
        return float(self.variance[self.n > 1].mean()) / self.between

    def spread(self, H: np.ndarray, label: np.ndarray) -> float:
        """As NC1, of other examples about these classes' means: features of shape (n, M), labels (n,)."""
        known = self.n[label] > 1
        H, label = H[known], label[known]
        squares = ((H - self.mean[label]) ** 2).sum(axis=1) - self.variance[label] / self.n[label]
        return float(squares.mean()) / self.between


def classes(hidden: Callable[[slice], np.ndarray], label: np.ndarray, modulus: int) -> Classes:
    """The classes of hidden features by the n examples' labels, of shape (n,). Some class needs two examples or more.

    hidden: from some rows to their features, of shape (rows, M), such as `H.__getitem__`. Every block calls it twice.
    """
    n, variance = np.bincount(label, minlength=modulus), np.zeros(modulus)
    mean = np.zeros((modulus, hidden(slice(1)).shape[1]))
    for rows in blocks(len(label)):
        np.add.at(mean, label[rows], hidden(rows))
    mean /= np.maximum(n, 1)[:, None]
    for rows in blocks(len(label)):
        np.add.at(variance, label[rows], ((hidden(rows) - mean[label[rows]]) ** 2).sum(axis=1))
    variance /= np.maximum(n - 1, 1)
    known = n > 1
    apart = mean[known].var(axis=0, ddof=1).sum() - (variance[known] / n[known]).mean()
    return Classes(mean, variance, n, float(apart))
