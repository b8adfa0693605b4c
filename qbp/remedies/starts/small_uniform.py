"""Uniform start of a width that shrinks with depth."""

from qbp.remedies.lab import Lab, Steps
from qbp.remedies.starts.small_angle import width
from qbp.remedies.steps import ETA, descend


def small_uniform(lab: Lab, *, eta: float = ETA, locality: int = 2) -> Steps:
    """Start at uniform angles around zero with the variance of the Gaussian start.

    :When: as `small-angle`; it says whether the shape of the distribution matters, or its width alone.
    :How: uniform on plus and minus sqrt(3) times :func:`~qbp.remedies.starts.small_angle.width`, then Adam.
    :Options: eta, the step size; locality, qubits of a term.
    :Cost: the start is free.
    :Source: zhang2022, with another distribution of the same variance.
    """
    half = 3**0.5 * width(lab, locality)
    return descend(lab, lab.uniform(lab.n_params, -half, half), eta)
