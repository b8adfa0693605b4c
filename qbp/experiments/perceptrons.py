"""Running an experiment: `run(config) -> Result`, and several methods on one footing with `compare`.

Whatever a method minimizes, every method is also measured on the data: `train_loss`, `val_loss`, `accuracy`.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qbp import draws
from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.baseline.loop import sellier
from qbp.baseline.waves import WaveConfig
from qbp.convex import default_threshold, gradient_norm
from qbp.experiments.perceptron_configs import Algorithm, Experiment, configurations
from qbp.experiments.result import Result, resolve_device
from qbp.perceptrons import datasets
from qbp.perceptrons.mlp import MLP
from qbp.perceptrons.problems import MiniBatches, perceptron_problem, ridge_start
from qbp.perceptrons.released import (
    ReleasedBatches,
    convex_penalty,
    replay_start,
    replay_starts,
    task_penalty,
)

if TYPE_CHECKING:
    from qbp.perceptrons.datasets import Dataset
    from qbp.problem import History, Problem

THRESHOLD_STARTS = 100  # random starts behind the default tau_g
CHUNK_BYTES = 2**22  # state of the runs that go through a step together: small enough to stay in the cache
SMALL_BYTES = 2**20  # below this much theta in a step, one thread is faster than two


def run(config: Experiment, progress: Callable[[int], Any] | None = None) -> Result:
    """Train all runs of a configuration.

    Args:
        config: what to run.
        progress: called with the number of run-steps just done, for a progress bar; their total is seeds *
            (steps + 1).

    Returns:
        The result; a run that diverged is marked in it, never dropped.

    Raises:
        ValueError: the device is not there, or the MNIST folder does not hold the files.
    """
    began = time.perf_counter()
    device, dtype = resolve_device(config.device), getattr(torch, config.dtype)
    data = load_data(config).to(device, dtype)
    model = MLP(data.x.shape[-1], config.n_hidden, data.n_outputs, config.n_layers)
    algorithm = _algorithm(config, data, model)
    row_bytes = (
        model.n_params
        * dtype.itemsize
        * (algorithm.floats_per_weight if isinstance(algorithm, WaveConfig) else 1)
    )
    rows = min(config.seeds, max(1, CHUNK_BYTES // row_bytes))
    chunks = [config.run_seeds[i : i + rows] for i in range(0, config.seeds, rows)]
    with _threads(1 if rows * row_bytes < SMALL_BYTES else torch.get_num_threads()):
        done = [_run_chunk(config, algorithm, seeds, data, model, progress) for seeds in chunks]
    thetas, histories = zip(*done, strict=True)
    history = {m: _rows(h.metrics[m] for h in histories) for m in histories[0].metrics}
    if algorithm != config.algorithm:  # the paper gives no threshold: keep the one that was taken
        history["tau_g"] = np.full_like(history["loss"], algorithm.tau_g)  # type: ignore[union-attr]  # no other is changed
    return Result(
        config=config,
        theta=torch.cat(thetas),
        step=np.array(histories[0].step),
        history=history,
        minibatch_loss=_rows(h.minibatch_loss for h in histories),
        diverged=np.concatenate([h.diverged.cpu().numpy() for h in histories]),
        seconds=time.perf_counter() - began,
    )


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Use so many threads inside: waking a second one costs small tensors more than it gives."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def compare(
    experiment: str, methods: Iterable[str], progress: Callable[[int], Any] | None = None, **options: Any
) -> dict[str, Result]:
    """Run several methods on the same seeds, data, batches and budget: {method: Result}.

    Args:
        experiment: "curve", "telecom" or "mnist".
        methods: names of methods.
        progress: as in :func:`run`.
        options: fields of :class:`~qbp.experiments.perceptron_configs.Experiment`; `algorithm` here may name
            fields of any method, each takes those it has and does not fix itself.
    """
    return {c.method: run(c, progress) for c in configurations(experiment, methods, **options)}


def load_data(config: Experiment) -> "Dataset":
    """Return the data set of a configuration, float64 on the CPU."""
    if config.experiment == "curve":
        data = datasets.curve(config.points)
    elif config.experiment == "telecom":  # the notebook's noise has seed 42 for every run: one data set
        noise = replay_start("telecom")[1] if config.reading == "as-released" else None
        data = datasets.telecom(noise, seed=config.data_seed, as_released=config.data == "as-released")
    else:
        data = datasets.mnist(config.per_class, seed=config.data_seed, path=config.mnist)
    return datasets.hold_out(data, config.holdout, seed=config.data_seed)


def _algorithm(config: Experiment, data: "Dataset", model: MLP) -> Algorithm:
    """Return the algorithm's configuration, with tau_g filled in where eq. 3 reads it and none was given."""
    c = config.algorithm
    if not isinstance(c, TwoStageConfig) or "threshold" not in c.switching or c.tau_g is not None:
        return c
    problem = _problem(config, data, model, lambda step: None)
    whole, norms = torch.arange(len(data.train), device=data.x.device), []
    for first in range(0, THRESHOLD_STARTS, 10):  # ten at a time: the whole training set goes through each
        theta = model.xavier(range(first, first + 10), data.x.dtype).to(data.x.device).requires_grad_()
        (grad,) = torch.autograd.grad(problem.convex(theta, whole).sum(), theta)
        norms.append(gradient_norm(grad, c.norm))
    return replace(c, tau_g=default_threshold(torch.cat(norms)))


def _problem(config: Experiment, data: "Dataset", model: MLP, batches: Callable[[int], Any]) -> "Problem":
    """Return the losses of a method, on the data or, where the notebook has them, on the weights alone."""
    if config.reading == "as-released" and isinstance(config.algorithm, TwoStageConfig):
        return perceptron_problem(
            model, data, batches, (partial(task_penalty, model), partial(convex_penalty, model))
        )
    return perceptron_problem(model, data, batches)


def _run_chunk(
    config: Experiment,
    algorithm: Algorithm,
    seeds: range,
    data: "Dataset",
    model: MLP,
    progress: Callable[[int], Any] | None,
) -> tuple[Tensor, "History"]:
    device, dtype, released = data.x.device, data.x.dtype, config.reading == "as-released"
    theta0 = (replay_starts(config.experiment, seeds) if released else model.xavier(seeds)).to(device, dtype)
    if released:
        batches: Callable[[int], Tensor] = ReleasedBatches(len(data.train), config.batch_size, device)
    else:
        batches = MiniBatches(seeds, len(data.train), config.batch_size, device)

    def counted(step: int) -> Tensor:
        if progress is not None:
            progress(len(seeds))
        return batches(step)

    problem = _problem(config, data, model, counted)
    if not isinstance(algorithm, TwoStageConfig):
        return sellier(problem, algorithm, theta0, model=model)
    if config.method == "two-stage-ridge":
        theta0 = ridge_start(model, data, theta0, config.ridge)
    phi: Tensor | float | None = config.phi
    if phi is None:
        drawn = draws.uniform(seeds, "phi", model.n_params, high=2 * np.pi)
        phi = 0.0 if released else drawn.to(device, dtype)
    return two_stage(problem, algorithm, theta0, phi=phi)


def _rows(parts: Iterable[Tensor]) -> np.ndarray:
    return np.concatenate([part.double().cpu().numpy() for part in parts])
