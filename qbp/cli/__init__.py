"""Command line: the commands of `qbp` and their arguments."""
