"""Gradient variances by Pauli strings followed back through a circuit, without a state vector."""
