"""Rotosolve."""

import math

import torch
from torch import Tensor

from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import sweeps


def rotosolve(lab: Lab) -> Steps:
    """Set each angle in turn to the minimum of the task over it, which three values give.

    :When: few shots or no good step size: there is none to choose.
    :How: over one angle the task is a + b cos + c sin; from a random start, angle after angle in their order.
    :Options: none.
    :Cost: three values for each angle; a sweep costs one and a half gradients.
    :Source: ostaszewski2021, nakanishi2020.
    """
    theta = lab.uniform(lab.n_params, 0.0, 2 * math.pi)
    yield Point(lab.circuit, theta)
    for k in sweeps(lab.n_params):
        tried = theta.unsqueeze(1).repeat(1, 3, 1)
        tried[:, 1, k] += math.pi / 2
        tried[:, 2, k] -= math.pi / 2
        theta = theta.clone()
        theta[:, k] += minimum(lab.energies(tried))
        yield Point(lab.circuit, theta)


def minimum(three: Tensor) -> Tensor:
    """Return the turn to the lowest point from values at 0, pi/2 and -pi/2, (..., 3) -> (...), in (-pi, pi].

    Example:
        >>> minimum(torch.tensor([1.0, 0.0, 0.0])).abs()  # of cos: half a turn away
        tensor(3.1416)
    """
    here, up, down = three.unbind(-1)
    turn = -math.pi / 2 - torch.atan2(2 * here - up - down, up - down)
    return torch.where(turn <= -math.pi, turn + 2 * math.pi, turn)
