"""Finite groups: by name or by table, their representations, and the rules that they make."""
