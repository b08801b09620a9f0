"""Neural collapse: how far hidden features spread within their class, over how far the classes lie apart (NC1).

Source: Papyan, Han & Donoho (arXiv 2008.08186). For corrupted labels: Nguyen et al. (arXiv 2206.05530); memorising such
labels dilates the classes. Here, traces of covariance matrices stand for the matrices. All variances are unbiased. The
mean of a class with few examples varies by chance. This variance must not count as distance between classes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minimod.analysis.readouts import blocks


class Classes(NamedTuple):
    """Statistics of P classes in the features of some examples. A class with fewer than two examples does not count.

    mean: of shape (P, M). variance: the trace of the covariance within each class, of shape (P,). n: the number of
    examples of each class, of shape (P,). between: the trace of the covariance of the class means, minus the mean of
    variance / n. The subtracted part is how far the means vary by chance.
    """

    mean: np.ndarray
    variance: np.ndarray
    n: np.ndarray
    between: float

    @property
    def within(self) -> float:
        """NC1: the mean of `variance` over the classes, divided by `between`."""
        return float(self.variance[self.n > 1].mean()) / self.between

    def spread(self, H: np.ndarray, label: np.ndarray) -> float:
        """NC1 of other examples, about these classes' means. H: features, of shape (n, M). label: of shape (n,)."""
        known = self.n[label] > 1
        H, label = H[known], label[known]
        squares = ((H - self.mean[label]) ** 2).sum(axis=1) - self.variance[label] / self.n[label]
        return float(squares.mean()) / self.between


def classes(hidden: Callable[[slice], np.ndarray], label: np.ndarray, modulus: int) -> Classes:
    """The classes of hidden features by the examples' labels, of shape (n,). Two classes need two examples or more.

    hidden: from a slice of the examples to their features, of shape (rows, M), such as `H.__getitem__`. It is called
    twice for every block of examples.
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
