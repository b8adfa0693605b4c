"""Training of a remedy until its budget is spent, and what is recorded on the way."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks
from qbp.convex import gradient_norm
from qbp.experiments.runner import Training
from qbp.problem import History, Problem
from qbp.remedies.lab import Lab, Point, Spent
from qbp.remedies.registry import remedy
from qbp.remedies.tasks import task

if TYPE_CHECKING:
    from qbp.experiments.remedies.configuration import RemedyExperiment

SHARED = 2**24  # amplitudes that a batch of runs may take at once


class RemedyTraining(Training):
    """The circuits of a configuration, trained by its remedy."""

    config: "RemedyExperiment"

    def __init__(self, config: "RemedyExperiment") -> None:
        super().__init__(config)
        self.remedy = remedy(config.method)
        states = 1 + config.circuit.n_params if config.shots else 4
        self.rows = 1 if self.remedy.alone else max(1, SHARED // (2**config.qubits * states))
        self.size = 16 * 2**config.qubits * states * min(self.rows, config.seeds)

    def problem(self, seeds: range) -> Problem:
        """Return a problem that reports progress alone: a remedy measures in its laboratory."""
        return Problem()

    def train(self, seeds: range, problem: Problem) -> tuple[Tensor, History]:
        """Train some runs by the remedy, until nothing more can be paid."""
        c = self.config
        tasks = [task(c.hamiltonian, c.circuit, seed, c.frame) for seed in seeds]
        lab = Lab(c.circuit, tasks, seeds, shots=c.shots, steps=c.steps, device=self.device, dtype=self.dtype)
        options = {"eta": c.algorithm.eta} if self.remedy.rated else {}
        steps = [*range(0, c.steps, c.record_every), c.steps]
        with _checks.trusted(), torch.no_grad():
            marks = [step * lab.unit for step in steps]
            points = followed(lab, self.remedy.train(lab, **options), marks, problem.batches, c.steps)
            metrics = recorded(lab, points)
        return self._history(lab, points, metrics, steps)

    def _history(
        self, lab: Lab, points: list[Point], metrics: dict[str, Tensor], steps: list[int]
    ) -> tuple[Tensor, History]:
        """Return the last angles, padded to those of the ansatz, and the history."""
        alive = torch.isfinite(metrics["energy"]).all(-1)
        evaluations = torch.tensor(steps).to(metrics["energy"]) * lab.unit
        metrics["evaluations"] = evaluations.expand(lab.runs, -1).clone()
        if lab.shots.shots is not None:
            metrics["shots"] = metrics["evaluations"] * lab.shots.shots
        theta = torch.zeros(lab.runs, max(lab.n_params, self._most()), dtype=lab.dtype, device=lab.device)
        last = points[-1].theta
        theta[:, : last.shape[1]] = last
        return theta, History(steps, metrics, metrics["energy"], ~alive)

    def _most(self) -> int:
        """Angles that a remedy may end with: three a gate, in a circuit of free axes."""
        return 3 * self.config.layers * self.config.qubits


def followed(
    lab: Lab, steps: Iterable[Point], marks: list[int], tick: Callable[[int], Any], ticks: int
) -> list[Point]:
    """Take steps until the budget is spent; return where the runs stand at each mark.

    What no further step fits into is spent on measuring the final energy: it is counted, and not drawn, since
    errors are exact.

    Args:
        lab: what the steps measure in.
        steps: of a remedy.
        marks: evaluations, ascending; at each the last point that they had paid for, the first one where the
            start itself cost more.
        tick: called with 0, 1, ..., `ticks`, for a progress bar.
        ticks: number of the last one.

    Raises:
        ValueError: the budget does not even pay for the start.
    """
    found, now, ticked = list[Point](), None, 0
    try:
        for point in steps:
            if now is not None:
                while len(found) < len(marks) and marks[len(found)] < lab.spent:
                    found.append(now)
            now = point
            while ticked <= min(ticks, int(lab.share * ticks)):
                tick(ticked)
                ticked += 1
    except Spent:
        pass
    if now is None:
        raise ValueError(f"steps must pay for the start, which takes more than {lab.budget} evaluations")
    for left in range(ticked, ticks + 1):
        tick(left)
    lab.spent = lab.budget
    return found + [now] * (len(marks) - len(found))


def recorded(lab: Lab, points: list[Point]) -> dict[str, Tensor]:
    """Return what a history holds of each point, each (runs, records), exact whatever a run trains on.

    `energy` (the task), `error` (its distance from the lowest value) and `task_grad_rms` (root mean square of
    the task's gradient by the angles of the circuit).
    """
    energies, sizes = [], []
    seen: dict[int, tuple[Tensor, Tensor]] = {}
    for point in points:
        if id(point.theta) not in seen:
            energy, gradient = lab.record(*point)
            seen[id(point.theta)] = energy, gradient_norm(gradient, "rms")
        energy, size = seen[id(point.theta)]
        energies.append(energy)
        sizes.append(size)
    energy = torch.stack(energies, -1)
    lowest = torch.from_numpy(np.array([[t.lowest] for t in lab.tasks])).to(energy)
    return {"energy": energy, "error": energy - lowest, "task_grad_rms": torch.stack(sizes, -1)}
