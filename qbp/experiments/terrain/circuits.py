"""Terrain that training of a circuit walks: curvature and gradients where it starts, where Stage 1 ends and
where it ends, and the barriers between these points.

:func:`survey` trains as :func:`qbp.experiments.runner.run` does and returns the same kind of result, so
its tables are stored, read and judged like every other.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qbp._threads import suited
from qbp.experiments.circuits import CircuitExperiment, targets_of
from qbp.experiments.result import Result
from qbp.experiments.runner import run
from qbp.plateaus.barriers import barrier, periodic_difference
from qbp.plateaus.saddles import look
from qbp.problem import gradients

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit
    from qbp.circuits.targets import Target

METHODS = ("two-stage", "no-init")


def survey(config: CircuitExperiment, progress: Callable[[int], Any] | None = None) -> Result:
    """Train all runs of a circuit and look around at the start, after Stage 1 and at the end.

    A value belongs to one run, whatever others are trained beside it; what is compared across runs is made of
    these values (:mod:`qbp.audit.circuit_measures`).

    Args:
        config: with exact expectations or not; the task is looked at exactly.
        progress: as in :func:`qbp.experiments.runner.run`; the total is :func:`work`.

    Returns:
        A result with the records 0, `stage_1_steps` (100 for a method without Stage 1) and `steps`, of

        - `error`, the task above its lowest value;
        - `hessian_low`, `hessian_high`, `hessian_mean`: the extreme eigenvalues of its Hessian and their
          mean; `down`, the share of them below -1 % of the largest in size;
        - `grad_0`, `grad_1` ...: the components of its gradient;
        - `barrier_back`: the barrier on the shortest line back to the record before (0 at the first;
          :func:`qbp.plateaus.barriers.barrier`), in units of the task; `turned`, the share of angles that
          went by more than half a turn on the way;
        - for the two-stage method `barrier_plain` and `distance_plain` (radians): the barrier on the shortest
          line to the end of the same run with beta = 0, and the length of that line (0 before the last).

    Raises:
        ValueError: Stage 1 is not a number of steps within the budget.
    """
    began, steps = time.perf_counter(), records(config)
    points = [run(replace(config, steps=s, record_every=max(s, 1)), progress) for s in steps]
    thetas: list[Any] = [point.theta for point in points]
    plain: Any = run(_without_oscillation(config), progress).theta if config.method == "two-stage" else None
    with gradients(), suited(0):
        history = _around(config, thetas, plain)
    return Result(
        config=config,
        theta=thetas[-1],
        step=np.array(steps),
        history={name: values.double().cpu().numpy() for name, values in history.items()},
        minibatch_loss=None,
        diverged=points[-1].diverged,
        seconds=time.perf_counter() - began,
    )


def records(config: CircuitExperiment) -> tuple[int, int, int]:
    """Return the steps at which :func:`survey` looks around.

    Example:
        >>> records(CircuitExperiment(method="no-init"))
        (0, 100, 300)
    """
    middle = config.algorithm.stage_1_steps or CircuitExperiment().algorithm.stage_1_steps
    if config.algorithm.switching != "steps" or middle >= config.budget:
        raise ValueError(f"stage_1_steps must end Stage 1 before step {config.budget}, got {middle}")
    return 0, middle, config.budget


def work(config: CircuitExperiment) -> int:
    """Return the run-steps of a survey, for a progress bar."""
    again = config.budget + 1 if config.method == "two-stage" else 0
    return config.seeds * (sum(s + 1 for s in records(config)) + again)


def configs(seeds: int = 20, **options: Any) -> list[CircuitExperiment]:
    """Return what is surveyed of a task; the records are those of :func:`records`.

    Args:
        seeds: number of runs.
        options: other fields of the configuration, such as `hamiltonian` and `frame`.
    """
    return [CircuitExperiment(method=m, seeds=seeds, record_every=100, **options) for m in METHODS]


def _without_oscillation(config: CircuitExperiment) -> CircuitExperiment:
    return replace(config, record_every=config.budget, algorithm=replace(config.algorithm, beta_0=0.0))


def _around(config: CircuitExperiment, thetas: list[Tensor], plain: Tensor | None) -> dict[str, Tensor]:
    """Look around as :func:`survey` says: {metric: (runs, points)}."""
    targets = targets_of(config, config.run_seeds)
    points = [_here(config.circuit, theta, targets) for theta in thetas]
    history = {name: torch.stack([point[name] for point in points], -1) for name in points[0]}
    zero, ways = torch.zeros_like(history["error"][:, 0]), [*itertools.pairwise(thetas)]

    def height(a: Tensor, b: Tensor) -> Tensor:
        tasks = [lambda theta, t=t: config.circuit.expectation(theta, t.task) for t in targets]
        return torch.stack([barrier(task, *ends) for task, *ends in zip(tasks, a, b, strict=True)])

    turned = [((b - a).abs() > torch.pi).to(zero.dtype).mean(-1) for a, b in ways]
    history["barrier_back"] = torch.stack([zero, *(height(b, a) for a, b in ways)], -1)
    history["turned"] = torch.stack([zero, *turned], -1)
    if plain is not None:
        length = periodic_difference(plain, thetas[-1]).norm(dim=-1)
        history["barrier_plain"] = torch.stack([zero, zero, height(plain, thetas[-1])], -1)
        history["distance_plain"] = torch.stack([zero, zero, length], -1)
    return history


def _here(circuit: "Circuit", theta: Tensor, targets: "Sequence[Target]") -> dict[str, Tensor]:
    """Look around where each run stands, (runs, n_params): {metric: (runs,)}."""
    points = [look(circuit, at, t.task) for at, t in zip(theta, targets, strict=True)]
    at = theta.detach().clone().requires_grad_()
    energy = torch.stack([circuit.expectation(at[r], t.task) for r, t in enumerate(targets)])
    (gradient,) = torch.autograd.grad(energy.sum(), at)
    return {
        "error": torch.stack([p.cost - t.lowest for p, t in zip(points, targets, strict=True)]),
        "hessian_low": torch.stack([p.lowest for p in points]),
        "hessian_high": torch.stack([p.spectrum[-1] for p in points]),
        "hessian_mean": torch.stack([p.spectrum.mean() for p in points]),
        "down": torch.stack([p.down for p in points]),
        **{f"grad_{j}": component for j, component in enumerate(gradient.unbind(-1))},
    }
