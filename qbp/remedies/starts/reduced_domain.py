"""Uniform start on a reduced domain."""

import math

from qbp.remedies.lab import Lab, Steps
from qbp.remedies.steps import ETA, descend


def reduced_domain(lab: Lab, *, eta: float = ETA, scale: float = 1.0) -> Steps:
    """Start at angles uniform on [-a pi, a pi], with a = scale / sqrt(L) for L layers.

    :When: deep circuits whose angles need not be small: the domain is wider than `small-uniform`.
    :How: keyed uniform draws, then Adam on the whole circle.
    :Options: eta, the step size; scale of the domain.
    :Cost: the start is free.
    :Source: wang2023: the width that bounds the gradient below falls as one over the root of depth.
    """
    layers = lab.ansatz.n_layers
    half = math.pi * min(1.0, scale / math.sqrt(layers))
    return descend(lab, lab.uniform(lab.n_params, -half, half), eta)
