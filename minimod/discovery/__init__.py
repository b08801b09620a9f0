"""Finding the rule with nothing known of it but that there may be a group on the tokens: from labels, or predictions.

Nothing here knows of runs or files: it takes arrays of tokens.
"""
