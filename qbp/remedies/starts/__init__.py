"""Starts: where training begins, one remedy a file."""
