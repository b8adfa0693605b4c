"""Layerwise training."""

from dataclasses import replace

import torch

from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import ETA, descend


def layerwise(lab: Lab, *, eta: float = ETA, growing: float = 0.5, sweep: float = 0.1) -> Steps:
    """Grow the circuit layer by layer, each trained alone, then train one half of it after the other.

    :When: deep circuits: a shallow one has no plateau, and few angles cost few shots.
    :How: the first layer starts at random, each new one at zero, and its angles alone move; when all are
        there, the first and the last half are trained in turn, Adam anew each time.
    :Options: eta, the step size; growing, the share of the budget for growth; sweep, that of each turn after.
    :Cost: a step costs the gradient by the angles that move.
    :Source: skolik2021.
    """
    ansatz, layers = lab.ansatz, lab.ansatz.n_layers
    per = lab.n_params // layers
    theta = lab.uniform(per, 0.0, 2 * torch.pi)
    for layer in range(layers):
        circuit = replace(ansatz, n_layers=layer + 1)
        rows = torch.arange(layer * per, (layer + 1) * per, device=lab.device)
        for point in descend(
            lab, theta, eta, circuit=circuit, rows=rows, until=growing * (layer + 1) / layers
        ):
            yield point
        theta = point.theta
        if layer < layers - 1:
            theta = torch.cat([theta, torch.zeros_like(theta[:, :per])], -1)
    half = max(1, layers // 2) * per
    parts = [torch.arange(half, device=lab.device), torch.arange(half, lab.n_params, device=lab.device)]
    parts = [part for part in parts if len(part)]
    turn = 0
    while lab.share < 1:
        steps = descend(lab, theta, eta, rows=parts[turn % len(parts)], until=lab.share + sweep)
        for point in steps:
            yield point
        theta, turn = point.theta, turn + 1
    yield Point(ansatz, theta)
