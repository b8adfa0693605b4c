"""Running a configuration: rows in chunks, progress, and a :class:`~qbp.experiments.result.Result`."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._threads import suited
from qbp.algorithm_1 import two_stage
from qbp.convex import default_threshold, gradient_norm
from qbp.experiments.result import Result, resolve_device
from qbp.problem import gradients

if TYPE_CHECKING:
    from qbp.experiments.settings import Settings
    from qbp.problem import History, Problem

DAY = 24 * 3600  # seconds
LONGEST = 365 * DAY  # of the runs of one configuration, estimated for one core
THRESHOLD_STARTS = 100  # random starts behind the default tau_g


class Training:
    """What the runner asks of an experiment: problem and start of some runs.

    Args:
        config: what to run.

    Attributes:
        device, dtype: of the runs.
        algorithm: that of `config`, where a kind fills in what needs the data.
        rows: runs that go through a step together.
        size: bytes of the tensors that a step goes through, by which threads are chosen.

    Raises:
        ValueError: the device is not there.
    """

    rows: int = 100
    size: int = 0

    def __init__(self, config: "Settings") -> None:
        self.config, self.algorithm = config, config.algorithm
        self.device, self.dtype = resolve_device(config.device), getattr(torch, config.dtype)

    def problem(self, seeds: range) -> "Problem":
        """Return the problem of some runs."""
        raise NotImplementedError

    def start(self, seeds: range) -> Tensor:
        """Return the starts of some runs, (runs, n_params)."""
        raise NotImplementedError

    def phases(self, seeds: range, n_params: int) -> Tensor | float:
        """Return the phases of the oscillation in radians."""
        return draws.uniform(seeds, "phi", n_params, high=2 * math.pi)

    def train(self, seeds: range, problem: "Problem") -> tuple[Tensor, "History"]:
        """Train some runs."""
        start = self.start(seeds).to(self.device, self.dtype)
        return two_stage(problem, self.algorithm, start, phi=self.phases(seeds, start.shape[-1]))

    def more(self, step: np.ndarray, history: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return further metrics, (runs, records): here the threshold where none was given."""
        if self.algorithm == self.config.algorithm:
            return {}
        return {"tau_g": np.full_like(history["loss"], self.algorithm.tau_g)}

    def fill_in_threshold(self, convex: Callable[[range], tuple[Tensor, Tensor]], together: int) -> None:
        """Fill in tau_g where eq. 3 reads it and none was given.

        Args:
            convex: seeds of random starts -> theta and its L_convex.
            together: how many at a time.
        """
        c, norms = self.algorithm, []
        if "threshold" not in getattr(c, "switching", "") or c.tau_g is not None:
            return
        for first in range(0, THRESHOLD_STARTS, together):
            theta, loss = convex(range(first, first + together))
            (grad,) = torch.autograd.grad(loss.sum(), theta)
            norms.append(gradient_norm(grad, c.norm))
        self.algorithm = replace(c, tau_g=default_threshold(torch.cat(norms)))


def check_cost(config: "Settings") -> tuple[float, float]:
    """Return what the runs of a configuration take, seconds on one core and bytes, both estimated.

    Raises:
        ValueError: that is over LONGEST or more than the memory of this machine.
    """
    seconds, size = config.cost()
    if seconds > LONGEST:
        limit = f"{LONGEST / DAY:.0f} days on one core"
        raise ValueError(
            f"seeds, steps and size must make runs of at most {limit}, got an estimate of "
            f"{seconds / DAY:.3g} days: take fewer, or part the seeds (seed=, --seed)"
        )
    if size > (there := _checks._memory("cpu")):
        raise ValueError(
            f"seeds, steps and size must fit into the {there / 2**30:.0f} GiB of this machine, got an "
            f"estimate of {size / 2**30:.3g} GiB: take fewer, or part the seeds (seed=, --seed)"
        )
    return seconds, size


def run(config: "Settings", progress: Callable[[int], Any] | None = None) -> Result:
    """Train all runs of a configuration.

    Args:
        config: what to run; its `training()` is the :class:`Training`.
        progress: called with the number of run-steps just done, for a progress bar; their total is seeds *
            (steps + 1).

    Returns:
        The result; a run that diverged is marked in it, never dropped.

    Raises:
        ValueError: the device is not there, the MNIST folder does not hold the files, or the runs cannot
            end or fit (:func:`check_cost`).
    """
    began = time.perf_counter()
    check_cost(config)
    with gradients():
        return _run(config, progress, began)


def _run(config: "Settings", progress: Callable[[int], Any] | None, began: float) -> Result:
    """Train as :func:`run` says."""
    with suited(0):
        training = config.training()
    chunks = [config.run_seeds[i : i + training.rows] for i in range(0, config.seeds, training.rows)]
    with suited(training.size):
        thetas, histories = zip(*(_chunk(training, seeds, progress) for seeds in chunks), strict=True)
    step = np.array(histories[0].step)
    history = {m: _joined(h.metrics[m] for h in histories) for m in histories[0].metrics}
    return Result(
        config=config,
        theta=torch.cat(thetas),
        step=step,
        history=history | training.more(step, history),
        minibatch_loss=_joined(h.minibatch_loss for h in histories),
        diverged=np.concatenate([h.diverged.cpu().numpy() for h in histories]),
        seconds=time.perf_counter() - began,
    )


def _chunk(
    training: Training, seeds: range, progress: Callable[[int], Any] | None
) -> tuple[Tensor, "History"]:
    problem = training.problem(seeds)

    def counted(step: int) -> Any:
        if progress is not None:
            progress(len(seeds))
        return problem.batches(step)

    return training.train(seeds, replace(problem, batches=counted))


def _joined(parts: Iterable[Tensor]) -> np.ndarray:
    return np.concatenate([part.double().cpu().numpy() for part in parts])
