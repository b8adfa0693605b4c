"""Experiments of the paper's later versions: a cloning attack on BB84, and a regression on the Wine data."""
