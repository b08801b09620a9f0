"""Find the rule without knowing it, on the assumption that there may be a group. From labels, or from a run."""
