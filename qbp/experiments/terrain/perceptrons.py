"""Terrain that training of perceptrons walks: curvature and gradients where it starts, where Stage 1 ends and
where it ends, and the barriers between these points.

:func:`survey` trains as :func:`qbp.experiments.runner.run` does and returns the same kind of result, so
its tables are stored, read and judged like every other.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qbp._threads import suited
from qbp.experiments.perceptrons import Experiment
from qbp.experiments.result import Result
from qbp.experiments.runner import run
from qbp.perceptrons.curvature import hessian_extremes, layer_ratio, line_barrier
from qbp.perceptrons.mlp import cross_entropy, mean_squared_error
from qbp.problem import gradients

if TYPE_CHECKING:
    from qbp.perceptrons.mlp import MLP

METHODS = ("two-stage", "no-init")
LANCZOS = 30  # steps
CHUNK_BYTES = 2**26  # hidden units and Lanczos vectors of the runs that are looked at together


def survey(config: Experiment, progress: Callable[[int], Any] | None = None) -> Result:
    """Train all runs of a configuration and look around at the start, after Stage 1 and at the end.

    The first 100 steps of a run of 500 are a run of 100 steps, so each point is the end of a run of its own.

    Args:
        config: as-written, of a method with a Stage 1 and a Stage 2.
        progress: as in :func:`qbp.experiments.runner.run`; the total is :func:`work`.

    Returns:
        A result with the records 0, `stage_1_steps` (100 for a method without Stage 1) and `steps`, of

        - `train_loss`, the task on the whole training set;
        - `hessian_high`, `hessian_low`, the extreme eigenvalues of its Hessian;
        - `layer_ratio` of its gradient (:func:`qbp.perceptrons.curvature.layer_ratio`);
        - `barrier_back`, on the line back to the record before (0 at the first);
        - for the two-stage method `barrier_plain` and `distance_plain`, on the line to the end of the same
          run with beta = 0 (0 before the last record).

    Raises:
        ValueError: the method has no such stages, or Stage 1 is not a number of steps within the budget.
    """
    with gradients():
        return _survey(config, progress)


def _survey(config: Experiment, progress: Callable[[int], Any] | None) -> Result:
    """Look around as :func:`survey` says."""
    began, steps = time.perf_counter(), records(config)
    points = [run(replace(config, steps=s, record_every=max(s, 1)), progress) for s in steps]
    thetas: list[Any] = [point.theta for point in points]
    training = config.training()
    data, model = training.data, training.model
    task = cross_entropy if data.is_classification else mean_squared_error

    def loss(theta: Tensor) -> Tensor:
        return task(model(theta, data.x[data.train]), data.y[data.train])

    floats = len(data.train) * config.n_hidden * config.n_layers + LANCZOS * model.n_params
    row_bytes = floats * thetas[0].element_size()
    rows = min(config.seeds, max(1, CHUNK_BYTES // row_bytes))
    with suited(rows * row_bytes):
        history = _joined([_around(loss, model, theta, rows) for theta in thetas])
    zero = torch.zeros_like(thetas[0][:, 0])
    with suited(rows * row_bytes):
        back = [line_barrier(loss, a, b) for a, b in itertools.pairwise(thetas)]
    history["barrier_back"] = torch.stack([zero, *back], -1)
    if config.method == "two-stage":
        plain: Any = run(_without_oscillation(config), progress).theta
        history["barrier_plain"] = torch.stack([zero, zero, line_barrier(loss, plain, thetas[-1])], -1)
        history["distance_plain"] = torch.stack([zero, zero, (plain - thetas[-1]).norm(dim=-1)], -1)
    return Result(
        config=config,
        theta=thetas[-1],
        step=np.array(steps),
        history={name: values.double().cpu().numpy() for name, values in history.items()},
        minibatch_loss=None,
        diverged=points[-1].diverged,
        seconds=time.perf_counter() - began,
    )


def records(config: Experiment) -> tuple[int, int, int]:
    """Return the steps at which :func:`survey` looks around.

    Example:
        >>> records(Experiment("curve"))
        (0, 100, 500)
    """
    if config.reading != "as-written" or config.method not in METHODS:
        raise ValueError(
            f"method must be {' or '.join(METHODS)}, as-written, got {config.method}, {config.reading}"
        )
    middle = config.algorithm.stage_1_steps or Experiment(config.experiment).algorithm.stage_1_steps  # type: ignore[union-attr]  # METHODS have two stages
    if config.algorithm.switching != "steps" or middle >= config.budget:  # type: ignore[union-attr]  # METHODS have two stages
        raise ValueError(f"stage_1_steps must end Stage 1 before step {config.budget}, got {middle}")
    return 0, middle, config.budget


def work(config: Experiment) -> int:
    """Return the run-steps of a survey, for a progress bar."""
    again = config.budget + 1 if config.method == "two-stage" else 0
    return config.seeds * (sum(s + 1 for s in records(config)) + again)


def configs(experiment: str, seeds: int = 20, **options: Any) -> list[Experiment]:
    """Return what is surveyed of an experiment; the records are those of :func:`records`."""
    return [Experiment(experiment, method=m, seeds=seeds, record_every=100, **options) for m in METHODS]


def _without_oscillation(config: Experiment) -> Experiment:
    algorithm = replace(config.algorithm, beta_0=0.0, record_every=config.budget)
    return replace(config, record_every=config.budget, algorithm=algorithm)


def _around(loss: Callable[[Tensor], Tensor], model: "MLP", theta: Tensor, rows: int) -> dict[str, Tensor]:
    parts = []
    for some in theta.split(rows):
        some = some.detach().requires_grad_()
        value = loss(some)
        (gradient,) = torch.autograd.grad(value.sum(), some)
        low, high = hessian_extremes(loss, some, LANCZOS)
        found = {"train_loss": value.detach(), "hessian_low": low, "hessian_high": high}
        parts.append(found | {"layer_ratio": layer_ratio(model, gradient)})
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _joined(points: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Put the points of {metric: (runs,)} one beside the other, {metric: (runs, points)}."""
    return {name: torch.stack([point[name] for point in points], -1) for name in points[0]}
