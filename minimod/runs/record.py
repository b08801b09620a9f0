"""How each training pair is fitted, where `record` asks: sums over measured epochs, which checkpoints keep."""

import numpy as np


class Record:
    """The sums, one number for each of n training pairs. All are on the host, in the pairs' order."""

    def __init__(self, n: int):
        self.state = {
            "record_epochs": np.zeros(1), "record_margin": np.zeros(n), "record_probability": np.zeros(n),
            "record_fitted": np.zeros(n, bool), "record_forgotten": np.zeros(n), "record_half_loss": np.full(n, np.nan),
        }

    def add(self, margin: np.ndarray, loss: np.ndarray) -> None:
        """Add a measured epoch: each label's margin and loss, of shape (n,), see `kernels.confidence`."""
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
        """The record by name, each of shape (n,).

        margin, probability: the means over the measured epochs. forgotten: how often a label was fitted, and no longer
        so at the next measured epoch; inf for one that never was. half_loss: the loss at the first measured epoch with
        half of the labels fitted, nan if there was none.
        """
        epochs, margin, probability, fitted, forgotten, half_loss = self.state.values()
        never = ~fitted & (forgotten == 0)
        return {
            "margin": margin / epochs, "probability": probability / epochs,
            "forgotten": np.where(never, np.inf, forgotten), "half_loss": half_loss,
        }
