"""Many runs: which runs, where they are trained, and the table of their results."""
