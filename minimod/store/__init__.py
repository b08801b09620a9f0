"""What lies on disk: a run's directory and its files, whole or not at all."""
