"""Adiabatic warm start."""

import torch

from qbp.remedies.lab import Lab, Point, Steps
from qbp.remedies.steps import ETA, adam_step


def adiabatic(lab: Lab, *, eta: float = ETA, stages: int = 10, until: float = 0.5) -> Steps:
    """Deform a field along Z into the task stage by stage, each trained from where the last one ended.

    :When: the path has no closing gap: the ground state is followed from the all-zero state.
    :How: stage k trains (1 - s) H_0 + s H with s = k / stages and H_0 = - sum Z, which zero angles solve;
        Adam goes on through the stages, each of one share of the budget, then the task alone.
    :Options: eta, the step size; stages; until, the share of the budget for them.
    :Cost: a step costs a gradient in the settings of task and H_0 together.
    :Source: warm_starts_cold_states2026.
    """
    theta = torch.zeros(lab.runs, lab.n_params, dtype=lab.dtype, device=lab.device)
    z = torch.zeros(lab.n_qubits, 3, dtype=lab.dtype, device=lab.device)
    z[:, 2] = 1
    frames = [
        torch.eye(3).expand(lab.n_qubits, 3, 3) if t.frame is None else torch.from_numpy(t.frame)
        for t in lab.tasks
    ]
    turns = torch.stack([f.to(lab.device, lab.dtype) for f in frames])
    field = -(turns.mT @ z.unsqueeze(-1)).flatten(1)  # of H_0, as it is seen behind the frame
    moments = None
    yield Point(lab.circuit, theta)
    while True:
        s = min(1.0, (1 + int(lab.share / until * stages)) / stages)
        local = (1 - s) * field if s < 1 else None
        theta, moments = adam_step(theta, lab.gradient(theta, task=s, local=local), moments, eta)
        yield Point(lab.circuit, theta)
