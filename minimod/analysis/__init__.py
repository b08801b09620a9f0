"""What a trained network holds: accuracies, Fourier structure, filtered networks. Nothing here reads files."""
