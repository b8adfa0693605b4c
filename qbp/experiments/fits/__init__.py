"""Least squares as experiments: readouts fitted inside the loop, and ground states in a small span."""
