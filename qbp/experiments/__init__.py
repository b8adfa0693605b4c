"""Experiments: their configurations, and the runs they determine."""
