"""Circuits with a small Lie algebra simulated inside it, without state vectors."""
