"""Configurations of experiments and what runs them."""
