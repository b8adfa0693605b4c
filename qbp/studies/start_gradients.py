"""Gradients of circuits where training starts.  Pure functions of results.

The gradient variance of the literature is a mean square over random angles, since the mean is zero.  After
Stage 1 the angles are no longer uniform; what is compared is still the mean square over runs of the root mean
square component, and it is called variance here too.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from qbp.experiments.result import Result

LOSSES = {  # name: metric of its root mean square component
    "task": "task_grad_rms",
    "eq. 1": "convex_grad_rms",
    "eq. 4": "grad_rms",
}
RELATIVE = "task / error"
QUANTITIES = (*LOSSES, RELATIVE)
SOLVED = 1e-10  # an error below this is rounding


def squared(result: "Result", quantity: str, record: int = -1) -> np.ndarray:
    r"""Return the mean square component of a gradient in each run, (runs,).

    Args:
        result: of a :class:`~qbp.experiments.circuits.CircuitExperiment`.
        quantity: "task", "eq. 1"; "eq. 4", the gradient that the record's step follows; or "task / error",
            that of the task over what is left to gain.  Gradient flow lowers an error E at the relative rate
            ``|g|**2 / E``: on a plateau it is as small as the gradient, close to a minimum, where a gradient
            vanishes because the work is done, it stays at the size of the curvature (Polyak 1963).
        record: which record.

    Returns:
        In squared units of the loss per radian; "task / error" in units of the task.
    """
    values = result.history[LOSSES.get(quantity, "task_grad_rms")][:, record] ** 2
    if quantity == RELATIVE:
        return values / np.maximum(result.history["error"][:, record], SOLVED)
    return values


def bits_per_qubit(qubits: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return how fast each run's values fall with the number of qubits: minus the slope of log2.

    Args:
        qubits: (sizes,), three or more different numbers.
        values: above 0, (runs, sizes), the runs of one row with the same seed.

    Returns:
        (runs,); 1 says that a qubit more halves the value.

    Example:
        >>> bits_per_qubit([2, 3, 4], [[0.5, 0.25, 0.125]])
        array([1.])
    """
    x, y = np.asarray(qubits, dtype=float), np.log2(np.asarray(values, dtype=float))
    if y.ndim != 2 or x.shape != y.shape[1:] or len(np.unique(x)) < 3:
        raise ValueError(f"values must be (runs, sizes) with three sizes or more, got {y.shape} and {x}")
    centred = x - x.mean()
    return (-(y @ centred) / (centred @ centred)).round(12)


def end_of_stage_1(result: "Result") -> np.ndarray:
    """Return the record at which each run's Stage 2 begins, its last one if it never does, (runs,)."""
    over = result.history["stage"] == 2
    return np.where(over.any(1), over.argmax(1), over.shape[1] - 1)


def escape(result: "Result", quantity: str = RELATIVE) -> np.ndarray:
    """Return by which factor a run's gradient has changed from its random start to where Stage 2 begins, as
    :func:`squared`, (runs,)."""
    end = end_of_stage_1(result)
    ends = np.array([squared(result, quantity, record)[run] for run, record in enumerate(end)])
    return ends / squared(result, quantity, 0)
