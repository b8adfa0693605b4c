"""Gradient variances where training starts: angles near a Clifford point, and noise behind every gate."""
