"""Algorithm 1 without blend and oscillation."""

from qbp.remedies.lab import Lab, Steps
from qbp.remedies.schedules.two_stage import two_stage
from qbp.remedies.steps import ETA


def two_stage_plain(lab: Lab, *, eta: float = ETA, stage_1: int = 100) -> Steps:
    """Train eq. 1 for some steps, then the task alone: lam = beta = 0 after Stage 1.

    :When: Stage 1 is to be judged by itself, as a start.
    :How: `two-stage` with both weights zero at the switch.
    :Options: eta, the step size; stage_1, steps of Stage 1.
    :Cost: that of Stage 1, then a gradient of the task by step.
    :Source: boabang_gyamerah2026, with eq. 4 reduced to the task.
    """
    return two_stage(lab, eta=eta, stage_1=stage_1, lam=0.0, beta=0.0)
