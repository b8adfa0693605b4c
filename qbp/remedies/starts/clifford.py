"""Clifford start found by search."""

import math

import torch
from torch import Tensor

from qbp.circuits.problems import Infidelity
from qbp.remedies.lab import Lab, Steps
from qbp.remedies.steps import ETA, descend


def clifford(lab: Lab, *, eta: float = ETA, restarts: int = 4, passes: int = 2) -> Steps:
    """Start at the best point found among angles that are multiples of pi / 2.

    :When: the task is a Hamiltonian: stabilizer states are classical, so the search costs no shots.
    :How: from random such points each angle in turn is set to the best of its four values, as often as
        `passes` says; the lowest point starts Adam.  At such a point the gradient may vanish.
    :Options: eta, the step size; restarts and passes of the search.
    :Cost: free for a Hamiltonian; where a state is prepared, three values for each angle, restart and pass.
    :Source: ravi2023, with a coordinate search in place of Bayesian optimization.
    """
    yield from descend(lab, searched(lab, restarts, passes), eta)  # what the search costs may be too much


def searched(lab: Lab, restarts: int, passes: int) -> Tensor:
    """Return the best Clifford angles found, (runs, n_params)."""
    free = not isinstance(lab.observable[0][1], Infidelity)
    size = restarts * lab.n_params
    theta = lab.uniform(size, 0.0, 4.0, "clifford").floor().reshape(lab.runs, restarts, lab.n_params)
    theta, best = theta * (math.pi / 2), None
    turns = torch.arange(4, dtype=lab.dtype, device=lab.device) * (math.pi / 2)
    for k in [*range(lab.n_params)] * passes:
        tried = theta.unsqueeze(2).repeat(1, 1, 3, 1)
        tried[..., k] = turns[:3]
        three = lab.energies(tried.flatten(1, 2), free=free).reshape(lab.runs, restarts, 3)
        fourth = three[..., :1] + three[..., 2:] - three[..., 1:2]  # of a + b cos + c sin
        four = torch.cat([three, fourth], -1).round(decimals=9)  # equals stay equal, alone or in a batch
        best, at = four.min(-1)
        theta[..., k] = turns[at]
    assert best is not None
    at = best.argmin(-1).reshape(-1, 1, 1).expand(-1, 1, lab.n_params)
    return theta.gather(1, at).squeeze(1)
