"""Remedies against barren plateaus: starts, schedules and optimizers, each measured on one budget."""
