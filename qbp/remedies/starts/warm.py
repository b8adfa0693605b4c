"""Mean-field warm start."""

import torch
from torch import Tensor

from qbp.remedies.lab import Lab, Steps
from qbp.remedies.steps import ETA, descend


def warm(lab: Lab, *, eta: float = ETA, jitter: float = 0.02) -> Steps:
    """Start at the product state along the targets b_i, placed in the last layer but one.

    :When: mean field is a good guess, and classical computers find it.
    :How: RY and RZ of that layer point each qubit along b_i; the last layer is zero, so that its CZs and
        those before cancel, and the layers before act on the all-zero state, which CZs leave alone.  A small
        normal jitter on all angles breaks symmetries.  Then Adam.
    :Options: eta, the step size; jitter in radians.
    :Cost: the start is free: mean field is classical work.
    :Source: tate2023 for cuts; product states as warm starts of any Hamiltonian.
    """
    theta = pointing(lab) + jitter * lab.normal(lab.n_params)
    return descend(lab, theta, eta)


def pointing(lab: Lab) -> Tensor:
    """Return the angles of the product state, (runs, n_params); raise ValueError for one layer."""
    layers = lab.ansatz.n_layers
    if layers < 2:
        raise ValueError(f"layers must be at least 2 for method warm, got {layers}")
    x, y, z = lab.seen.unbind(-1)
    polar = torch.atan2(torch.hypot(x, y), z)
    theta = torch.zeros(lab.runs, layers, lab.n_qubits, 2, dtype=lab.dtype, device=lab.device)
    theta[:, -2] = torch.stack([polar, torch.atan2(y, x)], -1)
    return theta.flatten(1)
