"""Sweeps: a chapter run again for every choice of its parameters, on one machine or on a cluster."""
