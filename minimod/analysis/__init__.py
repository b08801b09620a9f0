"""What a trained network holds: accuracies, its structure in the rule's components, filtered networks.

Nothing here reads files, trains, or knows of runs: it takes arrays and networks.
"""
