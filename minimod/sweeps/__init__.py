"""Many runs: which ones, where they are trained, and the table of what came out."""
