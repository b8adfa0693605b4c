"""Compiled path of expectations and gradients; a reader of the method may skip it."""
