"""Start from a beta distribution that is fitted to what is known of the task."""

import math
from itertools import count

import torch
from torch import Tensor

from qbp import draws
from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import ETA, adam_step


def beinit(lab: Lab, *, eta: float = ETA, noise: float = 0.01, decay: float = 0.98) -> Steps:
    """Start at 2 pi times beta draws fitted to the targets b_i, and shake each step a little.

    :When: data say how angles should be spread; with nothing but b_i to fit it is a guess like others.
    :How: the moments of (1 + b_i) / 2 over the run's targets give the two parameters; each step of Adam is
        followed by a normal perturbation that dies out.
    :Options: eta, the step size; noise in radians at the first step, and its decay by step.
    :Cost: the start and the noise are free.
    :Source: kulshrestha_safro2022, who fit input features; here the local targets stand for them.
    """
    theta, moments = 2 * math.pi * beta_draws(lab), None
    yield Point(lab.circuit, theta)
    for step in count():
        theta, moments = adam_step(theta, lab.gradient(theta), moments, eta)
        theta = theta + noise * decay**step * lab.normal(lab.n_params, "perturbation", step)
        yield Point(lab.circuit, theta)


def fitted(bloch: Tensor) -> Tensor:
    """Return the parameters a, b of the beta distributions with the moments of rows in [-1, 1], (runs, 2)."""
    share = (1 + bloch) / 2
    mean = share.mean(-1).clamp(0.05, 0.95)
    square = share.var(-1, correction=0)
    spread = torch.minimum(square.clamp(min=1e-3), 0.95 * mean * (1 - mean))
    total = mean * (1 - mean) / spread - 1
    return torch.stack([mean * total, (1 - mean) * total], -1)


def beta_draws(lab: Lab) -> Tensor:
    """Draw from the fitted distributions, (runs, n_params) in [0, 1]."""
    rows = zip(lab.seeds, fitted(lab.bloch).tolist(), strict=True)
    found = [torch.from_numpy(draws.stream(s, "start").beta(a, b, lab.n_params)) for s, (a, b) in rows]
    return torch.stack(found).to(lab.device, lab.dtype)
