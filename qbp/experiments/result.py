"""Result of a run and the device it ran on: what all experiments share, and what no number depends on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks


@dataclass(frozen=True)
class Result:
    """What a run left behind.

    Attributes:
        config: the configuration.
        theta: parameters after the last step, (runs, n_params), on the device of the run; None if loaded
            from a table.
        step: recorded steps, (records,).
        history: metric -> (runs, records), float64.
        minibatch_loss: the method's own loss at every step, (runs, steps + 1); None if loaded from a table.
        diverged: (runs,), true where a value was not finite; its metrics keep their last finite value.
        seconds: wall-clock time.
        table: name of the committed table it is loaded from; empty for a run.
    """

    config: Any
    theta: Tensor | None
    step: np.ndarray
    history: dict[str, np.ndarray]
    minibatch_loss: np.ndarray | None
    diverged: np.ndarray
    seconds: float
    table: str = ""

    def final(self, metric: str) -> np.ndarray:
        """Return a metric after the last step, (runs,)."""
        _checks.choice("metric", metric, self.history)
        return self.history[metric][:, -1]


def resolve_device(device: str) -> torch.device:
    """Turn "auto", "cpu", "cuda" ... into a device; raise ValueError if it is not there."""
    found = _checks.device("device", device)
    if found.type == "meta":
        raise ValueError("device must be one that holds numbers, got 'meta'")
    return found
