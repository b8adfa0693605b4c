"""Baseline that the paper cites: Sellier's training by wave packets."""
