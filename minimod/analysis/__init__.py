"""What a trained network holds: structure, scores, masks, rows, detectors, self-training, and `Analysis(run)`."""
