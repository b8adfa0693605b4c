"""Algorithm 1 as published."""

import math
from itertools import count

import torch
from torch import Tensor

from qbp import draws
from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import ETA, adam_step


def two_stage(
    lab: Lab,
    *,
    eta: float = ETA,
    stage_1: int = 100,
    lam: float = 0.9,
    beta: float = 0.05,
    decay: tuple[float, float] = (0.98, 0.99),
    omega: float = 4.0,
) -> Steps:
    """Train eq. 1 for some steps, then blend it into the task with an oscillation, both annealed.

    :When: the paper's answer to plateaus.
    :How: the lines of Algorithm 1 (:mod:`qbp.algorithm_1`) with Adam in both stages.
    :Options: eta, the step size; stage_1, steps of Stage 1; lam and beta at the switch and their decay by
        step; omega of the oscillation.
    :Cost: a step of Stage 1 measures three settings and the values in them, one of Stage 2 those of task and
        O_i together; the oscillation is free.
    :Source: boabang_gyamerah2026, Algorithm 1 and Section IV.
    """
    theta, moments = lab.uniform(lab.n_params, 0.0, 2 * math.pi), None
    phases = draws.uniform(lab.seeds, "phi", lab.n_params, high=2 * math.pi).to(theta)
    yield Point(lab.circuit, theta)
    for step in count():
        if step < stage_1:
            gradient = blended(lab, theta, 1.0)
        else:
            gradient = blended(lab, theta, lam)
            gradient = gradient + beta * omega / lab.n_params * torch.cos(omega * theta + phases)
            lam, beta = lam * decay[0], beta * decay[1]
        theta, moments = adam_step(theta, gradient, moments, eta)
        yield Point(lab.circuit, theta)


def blended(lab: Lab, theta: Tensor, lam: float) -> Tensor:
    """Measure the gradient of (1 - lam) E + lam L_convex (eq. 4 without oscillation), (runs, n_params)."""
    if lam == 0:
        return lab.gradient(theta)
    return lab.gradient(theta, task=1 - lam, local=lambda seen: 2 * lam * (seen - lab.bloch))
