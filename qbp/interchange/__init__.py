"""Circuits and Hamiltonians of other tools: their files and their objects, read and written."""
