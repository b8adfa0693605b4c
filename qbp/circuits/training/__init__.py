"""Circuits that are trained: many steps in one call, and a layer of torch."""
