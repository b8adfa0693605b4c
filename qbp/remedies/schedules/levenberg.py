"""Levenberg-Marquardt on the local residuals as Stage 1."""

import math

import torch
from torch import Tensor

from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import ETA, descend


def levenberg(lab: Lab, *, eta: float = ETA, stage_1: int = 20, until: float = 1 / 3) -> Steps:
    """Solve eq. 1 by damped Gauss-Newton steps, then follow the task by Adam.

    :When: the local targets can be met: then few steps do what many gradient steps do.
    :How: a step solves (J^T J + mu I) d = - J^T r for the residuals r = <O> - b; one that lowers eq. 1 is
        taken and mu divided by three, another is not and mu is doubled.
    :Options: eta, Adam's step size; stage_1, steps of Stage 1; until, the share of the budget they may take.
    :Cost: a step of Stage 1 costs the Jacobian and one value in three settings.
    :Source: levenberg1944, marquardt1963, on eq. 1 of boabang_gyamerah2026.
    """
    theta = lab.uniform(lab.n_params, 0.0, 2 * math.pi)
    yield Point(lab.circuit, theta)
    seen, mu = lab.locally(theta), torch.ones_like(theta[:, :1])
    for _ in range(stage_1):
        if lab.share >= until:
            break
        tried = theta + damped(lab.local_jacobian(theta), seen - lab.bloch, mu)
        there = lab.locally(tried)
        lower = (there - lab.bloch).square().sum(-1) < (seen - lab.bloch).square().sum(-1)
        lower = lower.unsqueeze(-1)
        theta, seen = torch.where(lower, tried, theta), torch.where(lower, there, seen)
        mu = torch.where(lower, mu / 3, mu * 2).clamp(1e-9, 1e9)
        yield Point(lab.circuit, theta)
    yield from descend(lab, theta, eta)


def damped(jacobian: Tensor, residuals: Tensor, mu: Tensor) -> Tensor:
    """Return the Levenberg-Marquardt step, (runs, n_params).

    Args:
        jacobian: of the expectations, (runs, n_params, m).
        residuals: (runs, m).
        mu: damping, (runs, 1).
    """
    m = jacobian.shape[-1]  # the smaller of the two systems: (J J^T + mu I) of size m
    inner = jacobian.mT @ jacobian + mu.unsqueeze(-1) * torch.eye(m).to(jacobian)
    return -(jacobian @ torch.linalg.solve(inner, residuals.unsqueeze(-1))).squeeze(-1)
