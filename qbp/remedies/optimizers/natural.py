"""Natural gradient with the full metric."""

import math
from itertools import count

import torch
from torch import Tensor

from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import ETA


def natural(lab: Lab, *, eta: float = ETA, every: int = 10, shift: float = 0.1) -> Steps:
    """Follow the gradient in the metric of states: solve (g + shift I) d = gradient, step by eta.

    :When: the angles are ill-conditioned, and measuring the metric is affordable.
    :How: the Fubini-Study metric g from overlaps of doubly shifted states, measured anew every few steps.
    :Options: eta, the step size; every, steps between two metrics; shift of the metric.
    :Cost: a metric of p angles costs 2 p (p - 1) + p evaluations, a step a gradient.
    :Source: stokes2020; mari2021 for the shifts.
    """
    theta, metric = lab.uniform(lab.n_params, 0.0, 2 * math.pi), None
    yield Point(lab.circuit, theta)
    for step in count():
        if step % every == 0:
            metric = measured_metric(lab, theta)
        assert metric is not None
        damped = metric + shift * torch.eye(lab.n_params).to(theta)
        theta = theta - eta * torch.linalg.solve(damped, lab.gradient(theta))
        yield Point(lab.circuit, theta)


def measured_metric(lab: Lab, theta: Tensor) -> Tensor:
    """Measure the Fubini-Study metric, (runs, n_params, n_params)."""
    p = lab.n_params
    lab.pay(2 * p * (p - 1) + p)
    states = lab.turned(theta)
    gram = states.conj() @ states.mT  # <a|b> of the state and those turned at each rotation
    a, (x, y) = gram[:, 0, 1:].imag, (gram[:, 1:, 1:].mT.real, gram[:, 1:, 1:].mT.imag)
    i, j = torch.triu_indices(p, p, 1, device=theta.device)
    found = theta.new_zeros(lab.runs, p, p)
    for s, t in ((1, 1), (-1, -1), (1, -1), (-1, 1)):  # shifts of both angles by plus and minus pi / 2
        even = 1 - s * t * x[:, i, j]
        odd = s * a[:, i] + t * a[:, j] - s * t * y[:, i, j]
        seen = lab.shots.binomial(((even**2 + odd**2) / 4).clamp(0, 1).cpu().numpy())
        found[:, i, j] -= s * t * torch.from_numpy(seen).to(theta) / 8
    found = found + found.mT
    alone = lab.shots.binomial((a**2).clamp(0, 1).cpu().numpy())  # one angle shifted by pi
    return found + torch.diag_embed((1 - torch.from_numpy(alone).to(theta)) / 4)
