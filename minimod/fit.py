"""Training in its plainest form: full batch, one step per epoch. runs/training.py does the same, faster."""

from collections.abc import Callable
from typing import Any

from minimod.arrays import Pairs
from minimod.network import TwoLayerNet


def fit(
    network: TwoLayerNet, pairs: Pairs, optimizer: Any, epochs: int, loss: str = "cross_entropy",
    smoothing: float = 0.0, callback: Callable[[int, float], object] | None = None,
) -> list[float]:
    """Fit a network to the labels of some pairs, in place, and return the loss before each step.

    optimizer: one of optimizers.py, made for `network.parameters`. loss: a name of LOSSES. smoothing: the label
    smoothing. callback: called with the epoch, from 0 on, and the loss before each step; if it returns True, the
    training stops there.
    """
    losses: list[float] = []
    for epoch in range(epochs):
        value, gradient = network.gradient(pairs, loss, smoothing)
        losses.append(float(value))
        if callback is not None and callback(epoch, losses[-1]) is True:
            break
        optimizer.step(gradient)
    return losses
