"""Figures of what is said about one circuit and its plateau."""
