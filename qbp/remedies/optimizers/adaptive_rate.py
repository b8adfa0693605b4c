"""Step size that follows the decrease of the task."""

import math

import torch

from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import ETA


def adaptive_rate(lab: Lab, *, eta: float = ETA, up: float = 1.1, down: float = 0.5) -> Steps:
    """Follow the gradient by a step size of each run, larger after a decrease and smaller after an increase.

    :When: the paper's outlook, "adaptive learning rates"; no one step size suits the whole way.
    :How: the bold driver: gradient steps; the task is measured after each; a lower value multiplies the rate
        by `up`, another takes the step back and multiplies it by `down`.
    :Options: eta, the first step size; up and down.
    :Cost: a step costs a gradient and a value, one that is taken back too.
    :Source: battiti1989; boabang_gyamerah2026, Section V, for the idea.
    """
    theta = lab.uniform(lab.n_params, 0.0, 2 * math.pi)
    yield Point(lab.circuit, theta)
    rate, value = torch.full_like(theta[:, :1], eta), lab.energies(theta.unsqueeze(1))
    gradient = lab.gradient(theta)
    while True:
        tried = theta - rate * gradient
        there = lab.energies(tried.unsqueeze(1))
        lower = there < value
        theta, value = torch.where(lower, tried, theta), torch.where(lower, there, value)
        rate = torch.where(lower, up * rate, down * rate).clamp(1e-6, math.pi)
        gradient = torch.where(lower, lab.gradient(theta), gradient)
        yield Point(lab.circuit, theta)
