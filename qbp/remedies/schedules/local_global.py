"""Local cost first, then the task."""

import math

from torch import Tensor

from qbp.remedies.lab import Lab, Steps
from qbp.remedies.steps import ETA, descend


def local_global(lab: Lab, *, eta: float = ETA, first: float = 1 / 3) -> Steps:
    """Train a local cost for a share of the budget, then the task from where that ends.

    :When: the task is global, as a fidelity is: a local cost has gradients where it has none.
    :How: the local cost is minus the mean of b_i <O_i> over qubits, linear in local expectations; Adam starts
        anew with the task.  Unlike eq. 1 it needs no measured value, and its lowest point is a product state.
    :Options: eta, the step size; first, the share of the budget for the local cost.
    :Cost: a local step costs a gradient in three settings.
    :Source: cerezo2021, with targets b_i of the paper's eq. 1 in place of the target circuit.
    """

    def local(theta: Tensor) -> Tensor:
        return lab.gradient(theta, task=0.0, local=-lab.bloch / lab.n_qubits)

    theta = lab.uniform(lab.n_params, 0.0, 2 * math.pi)
    for point in descend(lab, theta, eta, until=first, gradient=local):
        yield point
    yield from descend(lab, point.theta, eta)
