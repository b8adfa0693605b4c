"""Start at zero angles."""

import torch

from qbp.remedies.lab import Lab, Steps
from qbp.remedies.steps import ETA, descend


def zero(lab: Lab, *, eta: float = ETA) -> Steps:
    """Start with every angle zero: the circuit leaves the all-zero state as it is.

    :When: the all-zero state is a good guess; elsewhere its gradient may vanish by symmetry.
    :How: zeros, then Adam.  All runs start alike, and differ by task and shots alone.
    :Options: eta, the step size.
    :Cost: the start is free.
    :Source: the simplest of the identity starts of grant2019.
    """
    return descend(lab, torch.zeros(lab.runs, lab.n_params, dtype=lab.dtype, device=lab.device), eta)
