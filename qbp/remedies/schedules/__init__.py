"""Schedules: what is trained when, one remedy a file."""
