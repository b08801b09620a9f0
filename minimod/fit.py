"""Training in its plainest form: every step uses all pairs, so an epoch is one step.

A training run does the same in runs/training.py, faster, with mini-batches, checkpoints and a history.
"""

from collections.abc import Callable
from typing import Any

from minimod.arrays import Pairs, is_true
from minimod.errors import InputError, check_type, checked_number
from minimod.network import TwoLayerNet


def fit(
    network: TwoLayerNet, pairs: Pairs, optimizer: Any, epochs: int, loss: str = "cross_entropy",
    smoothing: float = 0.0, callback: Callable[[int, float], object] | None = None,
) -> list[float]:
    """Fit a network to the labels of the pairs, and return the loss before every step, one number per epoch.

    The steps change the network's arrays in place. optimizer: an optimiser of optimizers.py, made for
    `network.parameters`. loss: a name in LOSSES. smoothing: the label smoothing ε, see losses.py. callback: called
    before every step with the epoch (0, 1, ...) and the loss. If it returns True, training stops without this step.
    Then the last loss is the loss of the network as `fit` leaves it.
    Nothing checks that the loss is finite. Raises InputError for pairs with a token or a label outside 0 .. P-1, for an
    optimiser of another network, and for any other argument that cannot be used.
    """
    check_type("callback", callback, Callable | None, "a function")
    check_type("pairs", pairs, Pairs, "Pairs, such as the dataset's `train`")
    network.tokens(a=pairs.a, b=pairs.b, label=pairs.label)             # only to check them: `gradient` does not
    # The optimiser must hold the network's own arrays: a step on copies would not change the network. An optimiser
    # without `parameters` cannot be checked, and passes.
    held = getattr(optimizer, "parameters", network.parameters)
    if not hasattr(optimizer, "step") or any(held.get(name) is not X for name, X in network.parameters.items()):
        raise InputError("optimizer", optimizer, "an optimiser of this network's parameters")
    losses: list[float] = []
    for epoch in range(checked_number("epochs", epochs, 0, kind=int)):
        # Forward and backward pass over all pairs; `value` is the loss of the network before the step.
        value, gradient = network.gradient(pairs, loss, smoothing)
        losses.append(float(value))
        if callback and is_true(callback(epoch, losses[-1])):
            break
        optimizer.step(gradient)
    return losses
