"""Finding the rule, with nothing known but that there may be a group: in arrays of tokens, not in runs or files."""
