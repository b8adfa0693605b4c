"""Audit of the paper: its claims, measured on the results and judged by rule."""
