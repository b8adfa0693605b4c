"""Gaussian start of a width that shrinks with depth."""

from qbp.remedies.lab import Lab, Steps
from qbp.remedies.steps import ETA, descend


def small_angle(lab: Lab, *, eta: float = ETA, locality: int = 2) -> Steps:
    """Start at normal angles of variance 1 / (4 S (L + 2)), for L layers and terms on S qubits.

    :When: local observables and deep circuits: the gradient is bounded below by a power of 1/L.
    :How: :func:`width` times keyed normal draws, then Adam.
    :Options: eta, the step size; locality, the S above.
    :Cost: the start is free.
    :Source: zhang2022.
    """
    return descend(lab, width(lab, locality) * lab.normal(lab.n_params), eta)


def width(lab: Lab, locality: int = 2) -> float:
    """Return the standard deviation in radians, from the number of layers of the ansatz."""
    layers = lab.ansatz.n_layers
    return (4 * locality * (layers + 2)) ** -0.5
