"""Diagnosis of a circuit: whether its landscape is a barren plateau, at which rate, and why."""
