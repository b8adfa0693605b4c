"""Command line: the commands of `qbp`, their arguments and what they print."""
