"""Random start: no remedy."""

import math

from qbp.remedies.lab import Lab, Steps
from qbp.remedies.steps import ETA, descend


def no_init(lab: Lab, *, eta: float = ETA) -> Steps:
    """Start at angles uniform on [0, 2 pi) and follow the gradient of the task by Adam.

    :When: as what the others are compared with; deep circuits begin on a plateau (mcclean2018).
    :How: :func:`qbp.remedies.steps.descend` from keyed draws, those of experiment vqe.
    :Options: eta, the step size.
    :Cost: the start is free; a step costs a gradient.
    :Source: mcclean2018, kandala2017, kingma_ba2015.
    """
    return descend(lab, lab.uniform(lab.n_params, 0.0, 2 * math.pi), eta)
