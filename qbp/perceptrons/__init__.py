"""Perceptrons of the paper, their data and the problems they pose."""
