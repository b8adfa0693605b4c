"""Intervals, tests and curves of finished runs."""
