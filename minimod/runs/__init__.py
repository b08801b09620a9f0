"""Runs: the configuration and the user's data, the training loop, and the directory of a run."""
