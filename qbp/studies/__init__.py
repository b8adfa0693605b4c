"""Studies: which runs are compared, and their tables."""
