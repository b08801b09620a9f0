"""Runs: what to train, the training loop, and the directory in which a run is kept."""
