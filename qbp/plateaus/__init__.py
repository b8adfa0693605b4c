"""Measurements of barren plateaus: variances, landscapes, saddles, expressibility."""
