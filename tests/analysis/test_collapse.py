"""NC1 on classes whose variances are known, and that its estimates have no bias."""

import numpy as np
import pytest

from minimod.analysis.collapse import classes

P, M = 40, 6


def drawn(generator, counts, within, between):
    """Gaussian classes of so many examples each, whose variances have these traces."""
    label = np.repeat(np.arange(P), counts)
    means = np.sqrt(between / M) * generator.normal(size=(P, M))
    return means[label] + np.sqrt(within / M) * generator.normal(size=(len(label), M)), label, means


@pytest.mark.parametrize("counts", [2, 5, 50])
def test_the_estimates_have_no_bias(counts):
    generator, found = np.random.default_rng(0), []
    for _ in range(300):
        H, label, means = drawn(generator, [counts] * P, within=3.0, between=2.0)
        of = classes(H.__getitem__, label, P)
        other = means[label] + np.sqrt(12.0 / M) * generator.normal(size=H.shape)     # four times the variance
        found.append((of.within * of.between, of.between, of.spread(other, label) * of.between))
    within, between, spread = np.mean(found, axis=0)
    assert within == pytest.approx(3, rel=0.03) and between == pytest.approx(2, rel=0.06)
    assert spread == pytest.approx(12, rel=0.03)


def test_collapsed_classes_have_0():
    label = np.arange(P).repeat(3)
    assert classes(np.eye(P)[label].__getitem__, label, P).within == 0


def test_classes_of_one_example_or_none_are_left_out():
    generator = np.random.default_rng(0)
    H, label, _ = drawn(generator, [5] * 20 + [1] * 10 + [0] * 10, within=1.0, between=1.0)
    few, whole = classes(H.__getitem__, label, P), classes(H[:100].__getitem__, label[:100], 20)
    assert (few.within, few.between) == pytest.approx((whole.within, whole.between))
    assert few.spread(H, label) == pytest.approx(whole.spread(H[:100], label[:100]))
