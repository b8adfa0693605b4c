"""Problem and history: what every method is given, and what it gives back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes


@takes(theta="... n")
def no_loss(theta: Tensor, batch: Any) -> Tensor:
    """Return zero, (...): a term that a problem does not have."""
    return 0 * theta.sum(-1)


@contextmanager
def gradients() -> Iterator[None]:
    """Let autograd follow what is computed inside, whatever was switched off around: training needs it."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@dataclass(frozen=True)
class Problem:
    """What Algorithm 1 needs to know of a circuit or a perceptron.

    Attributes:
        energy: (theta (..., n_params), batch) -> (...): the task, <H> of a circuit or the data loss of a
            perceptron.
        convex: (theta, batch) -> (...): L_convex, eq. 1 or a quadratic surrogate.
        batches: step -> batch, whatever `energy` and `convex` take; None where there are no data.
        evaluate: theta -> {metric: (...)}: what to record beside the terms of the loss.
        both: (theta, batch, whether the loss has the task, whether it has L_convex) -> the two, in place of
            `energy` and `convex`, where measuring costs: a term that the loss does not have may be zero, and
            `evaluate` records both.
    """

    energy: Callable[[Tensor, Any], Tensor] = no_loss
    convex: Callable[[Tensor, Any], Tensor] = no_loss
    batches: Callable[[int], Any] = lambda step: None
    evaluate: Callable[[Tensor], dict[str, Tensor]] = lambda theta: {}
    both: Callable[[Tensor, Any, bool, bool], tuple[Tensor, Tensor]] | None = None

    def __post_init__(self) -> None:
        """Check that every field is a function."""
        for name, function in vars(self).items():
            if not callable(function) and (name, function) != ("both", None):
                raise TypeError(f"{name} must be a function, got {_checks.kind_of(function)}")

    def losses(
        self, theta: Tensor, batch: Any, *, task: bool = True, convex: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Return the task and L_convex at once, each (...).

        Args:
            theta: parameters, (..., n_params).
            batch: from `batches`.
            task, convex: whether some run's loss has the term; without `both` each is computed all the same,
                for the record.
        """
        if self.both is not None:
            measured, local = self.both(theta, batch, task, convex)
        else:
            local = self.convex(theta, batch)  # first, as in Algorithm 1: the order decides the last digit
            measured = self.energy(theta, batch)
        return _checks.per_run("energy", measured, theta), _checks.per_run("convex", local, theta)


@dataclass(frozen=True)
class History:
    """The record of a batch of runs.

    Attributes:
        step: recorded steps, ascending, first and last always; metric k stands at ``step[k]``.
        metrics: name -> (..., records).
        minibatch_loss: the method's own loss at every step, (..., steps + 1).
        diverged: boolean, (...): a value was not finite; from there on each metric keeps its last finite
            value.
    """

    step: list[int]
    metrics: dict[str, Tensor]
    minibatch_loss: Tensor
    diverged: Tensor


class Recorder:
    """Collects a :class:`History`; values stay on their device until the end, so that no step waits for a
    GPU.

    Args:
        steps: the budget; steps 0 ... steps are seen, the last one after the last update.
        every: metrics are kept each `every` steps, and at the first and last.
        like: any tensor with the shape (...) of the batch of runs, on its device.
    """

    def __init__(self, steps: int, every: int, like: Tensor) -> None:
        self._last_step, self._every = steps, every
        self._step: list[int] = []
        self._metrics: dict[str, list[Tensor]] = {}
        self._loss: list[Tensor] = []
        self.alive = torch.ones_like(like, dtype=torch.bool)  # runs whose every value so far was finite

    def due(self, step: int) -> bool:
        """Whether metrics are kept at this step."""
        return step % self._every == 0 or step == self._last_step

    def watch(self, *values: Tensor) -> Tensor:
        """Mark runs with a value that is not finite as diverged; return the mask of the others, (...)."""
        for value in values:
            self.alive = self.alive & torch.isfinite(value)
        return self.alive

    def loss(self, value: Tensor) -> None:
        """Keep the method's own mini-batch loss, (...), of this step."""
        self._loss.append(self._finite(value.detach(), self._loss))

    def add(self, step: int, metrics: dict[str, Tensor]) -> None:
        """Keep the metrics of a step that is due, each (...)."""
        self._step.append(step)
        for name, value in metrics.items():
            column = self._metrics.setdefault(name, [])
            column.append(self._finite(value.detach(), column))

    def history(self) -> History:
        """Return everything collected."""
        metrics = {name: torch.stack(column, -1) for name, column in self._metrics.items()}
        return History(self._step, metrics, torch.stack(self._loss, -1), ~self.alive)

    def _finite(self, value: Tensor, column: list[Tensor]) -> Tensor:
        return torch.where(self.alive, value, column[-1]) if column else value
