"""Neural collapse: how far hidden features spread within their class, over how far the classes lie apart (NC1).

Source: Papyan, Han & Donoho (arXiv 2008.08186); for corrupted labels Nguyen et al. (arXiv 2206.05530), where memorising
them dilates the classes. Traces stand for the matrices, and all variances are unbiased: the mean of a class of few
examples has a variance of its own, which would count as distance between classes.
"""

from typing import NamedTuple

import numpy as np


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


def classes(H: np.ndarray, label: np.ndarray, modulus: int) -> Classes:
    """The classes of hidden features, of shape (n, M), by their labels, (n,). Some need two examples or more."""
    n, mean, variance = np.bincount(label, minlength=modulus), np.zeros((modulus, H.shape[1])), np.zeros(modulus)
    np.add.at(mean, label, H)
    mean /= np.maximum(n, 1)[:, None]
    np.add.at(variance, label, ((H - mean[label]) ** 2).sum(axis=1))
    variance /= np.maximum(n - 1, 1)
    known = n > 1
    apart = mean[known].var(axis=0, ddof=1).sum() - (variance[known] / n[known]).mean()
    return Classes(mean, variance, n, float(apart))
