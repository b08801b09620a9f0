"""The record of how every training pair is fitted, for the option `record`: sums over the measured epochs.

Checkpoints save the sums.
"""

import numpy as np


class Record:
    """The sums for n training pairs, on the host, in the order of the pairs."""

    def __init__(self, n: int):
        self.state = {
            "record_epochs": np.zeros(1), "record_margin": np.zeros(n), "record_probability": np.zeros(n),
            "record_fitted": np.zeros(n, bool), "record_forgotten": np.zeros(n), "record_half_loss": np.full(n, np.nan),
        }

    def add(self, margin: np.ndarray, loss: np.ndarray) -> None:
        """Add a measured epoch. margin, loss: of every label, of shape (n,), see `kernels.confidence`."""
        state, fitted = self.state, margin > 0
        state["record_epochs"] += 1
        state["record_margin"] += margin
        state["record_probability"] += np.exp(-loss)
        state["record_forgotten"] += state["record_fitted"] & ~fitted
        state["record_fitted"][...] = fitted
        if fitted.mean() >= 0.5 and np.isnan(state["record_half_loss"]).any():
            state["record_half_loss"][...] = loss

    @property
    def label_record(self) -> dict[str, np.ndarray]:
        """The record by name: arrays of shape (n,).

        margin, probability: the means over the measured epochs. forgotten: how often a label was fitted at a measured
        epoch, but not at the next measured epoch. It is inf for a label that was never fitted. half_loss: the loss at
        the first measured epoch at which at least half of the labels are fitted. It is nan if there was no such epoch.
        """
        epochs, margin, probability, fitted, forgotten, half_loss = self.state.values()
        never = ~fitted & (forgotten == 0)
        return {
            "margin": margin / epochs, "probability": probability / epochs,
            "forgotten": np.where(never, np.inf, forgotten), "half_loss": half_loss,
        }
