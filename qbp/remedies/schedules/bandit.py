"""Bandit that chooses the next layer."""

import math

import torch

from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import ETA, adam_step


def bandit(lab: Lab, *, eta: float = ETA, pull: int = 5, explore: float = 0.5) -> Steps:
    """Train one layer at a time, that which an upper confidence bound expects to lower the task most.

    :When: the paper's outlook, "reinforcement-based control for dynamic ansatz selection", at its simplest.
    :How: each layer is an arm; a pull takes some steps of Adam on it and is paid by the decrease of the
        measured task, over the largest seen so far; the next arm has the highest mean plus
        explore * sqrt(2 log N / n).
    :Options: eta, the step size; pull, steps of each; explore, the weight of the bound.
    :Cost: a pull costs `pull` gradients by the angles of a layer and one value.
    :Source: auer2002 for the rule; boabang_gyamerah2026, Section V, for the idea.
    """
    layers = lab.ansatz.n_layers
    per = lab.n_params // layers
    theta = lab.uniform(lab.n_params, 0.0, 2 * math.pi)
    yield Point(lab.circuit, theta)
    paid, pulls = (torch.zeros(lab.runs, layers).to(theta) for _ in range(2))
    largest = torch.full((lab.runs, 1), 1e-9).to(theta)
    before = lab.energies(theta.unsqueeze(1))
    while True:
        bound = explore * torch.sqrt(2 * pulls.sum(-1, keepdim=True).clamp(min=1).log() / pulls)
        worth = torch.where(pulls > 0, paid / pulls.clamp(min=1) / largest + bound, math.inf)
        arm = worth.argmax(-1, keepdim=True)
        rows, moments = arm * per + torch.arange(per, device=lab.device), None
        for _ in range(pull):
            moved = theta.gather(1, rows)
            step = lab.gradient(theta, rows=rows).gather(1, rows)
            moved, moments = adam_step(moved, step, moments, eta)
            theta = theta.scatter(1, rows, moved)
            yield Point(lab.circuit, theta)
        after = lab.energies(theta.unsqueeze(1))
        paid, pulls = (
            paid.scatter_add(1, arm, before - after),
            pulls.scatter_add(1, arm, torch.ones_like(after)),
        )
        largest, before = torch.maximum(largest, (before - after).abs()), after
