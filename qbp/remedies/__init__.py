"""Remedies for circuits that do not train."""
