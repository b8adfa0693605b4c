"""Steps that remedies share: Adam from a start, and shares of the budget."""

from collections.abc import Callable, Iterator
from itertools import count

import torch
from torch import Tensor

from qbp.circuits.circuit import Circuit
from qbp.optimizers import Moments, adam
from qbp.remedies.lab import Lab, Point, Steps

ETA = 0.1  # Adam's step size, where none was chosen


def descend(
    lab: Lab,
    theta: Tensor,
    eta: float,
    *,
    circuit: Circuit | None = None,
    rows: Tensor | None = None,
    until: float = 1.0,
    gradient: Callable[[Tensor], Tensor] | None = None,
) -> Steps:
    """Take steps of Adam, and yield the start and where each step ends.

    Args:
        lab: what measures.
        theta: starts in radians, (runs, n_params).
        eta: step size.
        circuit: another one than the ansatz.
        rows: which angles move, (k,) or (runs, k); None moves all.
        until: share of the budget after which to stop.
        gradient: theta -> (runs, n_params), in place of that of the task.
    """
    circuit, moments = circuit or lab.circuit, None
    measure = gradient or (lambda at: lab.gradient(at, circuit, rows=rows))
    yield Point(circuit, theta)
    while lab.share < until:
        theta, moments = adam_step(theta, measure(theta), moments, eta)
        yield Point(circuit, theta)


def adam_step(theta: Tensor, gradient: Tensor, moments: Moments | None, eta: float) -> tuple[Tensor, Moments]:
    """Take one step of :func:`qbp.optimizers.adam` with every run, (runs, n_params)."""
    lr = torch.full_like(theta[:, 0], eta)
    return adam(theta, gradient, moments, lr=lr, active=torch.ones_like(lr, dtype=torch.bool))


def sweeps(size: int) -> Iterator[int]:
    """Yield 0, 1, ..., size - 1 again and again."""
    for k in count():
        yield k % size
