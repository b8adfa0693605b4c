"""Lie algebras that the rotations of a circuit span: their size, and what a small one gives away."""
