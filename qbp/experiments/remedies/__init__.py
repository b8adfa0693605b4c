"""Remedies on one task and one budget of circuit evaluations: configuration, training and records."""
