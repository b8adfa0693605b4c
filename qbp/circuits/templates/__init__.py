"""Circuits known by name, beside the hardware-efficient one: variational, QAOA, layered, coupled cluster."""
