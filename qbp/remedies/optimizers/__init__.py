"""Optimizers: how a step is taken, one remedy a file."""
