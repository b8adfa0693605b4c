"""Parametrized circuits, what is measured on them, and the problems they pose."""
