import numpy as np
import pytest

from minimod.losses import LOSSES, cross_entropy


@pytest.fixture
def logits():
    return 3 * np.random.default_rng(0).standard_normal((5, 4)), np.array([0, 3, 1, 1, 2])


def test_cross_entropy_is_the_textbook_formula(logits):
    F, label = logits
    p = np.exp(F) / np.exp(F).sum(axis=1, keepdims=True)
    loss, dF = LOSSES["cross_entropy"](F, label)
    assert loss == pytest.approx(-np.log(p[np.arange(5), label]).mean(), rel=1e-12)
    np.testing.assert_allclose(dF, (p - np.eye(4)[label]) / 5, rtol=1e-12)


def test_mse_is_the_textbook_formula(logits):
    F, label = logits
    error = F - np.eye(4)[label]
    loss, dF = LOSSES["mse"](F, label)
    assert loss == pytest.approx((error**2).mean(), rel=1e-12)
    np.testing.assert_allclose(dF, 2 * error / 20, rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_label_smoothing_is_the_textbook_formula(logits, smoothing):
    F, label = logits
    q = (1 - smoothing) * np.eye(4)[label] + smoothing / 4
    p = np.exp(F) / np.exp(F).sum(axis=1, keepdims=True)
    loss, dF = LOSSES["cross_entropy"](F, label, smoothing)
    assert loss == pytest.approx(-(q * np.log(p)).sum(axis=1).mean(), rel=1e-12)
    np.testing.assert_allclose(dF, (p - q) / 5, rtol=1e-12, atol=1e-15)
    loss, dF = LOSSES["mse"](F, label, smoothing)
    assert loss == pytest.approx(((F - q) ** 2).mean(), rel=1e-12)
    np.testing.assert_allclose(dF, 2 * (F - q) / 20, rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_the_logits_are_left_alone(name, logits):
    F, label = logits
    before = F.copy()
    LOSSES[name](F, label)
    assert (F == before).all()


def test_cross_entropy_does_not_collapse_on_confident_examples():
    """At a margin of 40, p = 1 to float32's precision; loss and gradient are exp(-40) all the same."""
    loss, dF = cross_entropy(np.array([[40, 0]], np.float32), np.array([0]))
    assert loss == pytest.approx(np.exp(-40.0), rel=1e-5, abs=0)
    np.testing.assert_allclose(dF, [[-np.exp(-40.0), np.exp(-40.0)]], rtol=1e-5)


def test_cross_entropy_is_finite_for_a_hopeless_label():
    loss, dF = cross_entropy(np.array([[500, 0]], np.float32), np.array([1]))
    assert loss == 500
    assert dF.tolist() == [[1, -1]]
