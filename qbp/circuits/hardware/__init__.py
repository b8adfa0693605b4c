"""Answers of a device: measured settings, parameter shift, shots and noise."""
