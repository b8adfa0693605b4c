"""Training in one call of the kernel: evolutions, gradients and steps of an optimizer, without Python."""

from typing import Any, NamedTuple

import numpy as np

from qbp.circuits.gates import Program
from qbp.circuits.kernel.preparation import Prepared, prepared
from qbp.circuits.observables import Observable

KINDS = {"gd": 0, "adam": 1, "adamw": 1, "heavy-ball": 2}


class Optimizer(NamedTuple):
    """An optimizer and its numbers but the step size, as :mod:`qbp.optimizers` has them."""

    name: str
    weight_decay: float = 0.0
    beta_1: float = 0.9
    beta_2: float = 0.999
    eps: float = 1e-8
    friction: float = 0.0


class Steps(NamedTuple):
    """What each step does, and which are taken.

    Attributes:
        schedule: float64 (steps, 5), a row for each: the weights of what counts as it is, of squared
            distances and of the oscillation, the step size, and how many steps there were since the moments
            were zero, that one included.
        since, until: the steps since ... until - 1 are taken.
        omega: angular frequency of the oscillation.
    """

    schedule: np.ndarray
    since: int
    until: int
    omega: float = 0.0


class Runs(NamedTuple):
    """What an optimizer moves and leaves behind: a row for each run.

    Attributes:
        theta: angles, (runs, n_params).
        phi: phases of the oscillation, (runs, n_params); without rows if there is none.
        mean, square: moments, (runs, n_params).
        before: angles before the last step whose loss and gradient were finite, (runs, n_params).
        loss: before each step, (runs, steps); from one that is not finite on it stays as it was.
        done: steps taken, (runs,): less than all if a loss or gradient was not finite.
        noted: gradient of the first step of a call, (runs, n_params).
    """

    theta: np.ndarray
    phi: np.ndarray
    mean: np.ndarray
    square: np.ndarray
    before: np.ndarray
    loss: np.ndarray
    done: np.ndarray
    noted: np.ndarray

    @classmethod
    def start(cls, theta: np.ndarray, steps: int, phi: np.ndarray | None = None) -> "Runs":
        """Return runs before the first step, with copies of theta and phi."""
        theta, loss = theta.copy(order="C"), np.empty((len(theta), steps), theta.dtype)
        phases = np.empty((0, 0), theta.dtype) if phi is None else phi.astype(theta.dtype, order="C")
        mean, square, noted = (np.zeros_like(theta) for _ in range(3))
        return cls(theta, phases, mean, square, theta.copy(), loss, np.zeros(len(theta), np.int64), noted)

    def part(self, rows: slice) -> "Runs":
        """Return some of the runs, in the same memory."""
        return Runs(*(array[rows] for array in self))


class Loss:
    """A loss of circuits in the kernel: expectations as they are, and squared distances of others to targets.

    Args:
        program, qubits: as for :class:`~qbp.circuits.kernel.evolution.Evolution`.
        shape: of theta, (B, n_params).
        char: numpy's letter for the precision, "f" or "d".
        linear: observables whose expectations are summed.
        squared: observables whose squared distances to `targets` are summed.
        targets: (B, len(squared)), or what broadcasts to that.
        states: of the :class:`~qbp.circuits.kernel.plan.Outside` among `linear`, (B, 2**n) complex.
        steps: how many are taken in a call, about.
    """

    def __init__(
        self,
        program: Program,
        qubits: np.ndarray,
        shape: tuple[int, int],
        char: str,
        linear: tuple[Observable, ...],
        squared: tuple[Observable, ...] = (),
        targets: np.ndarray | None = None,
        states: np.ndarray | None = None,
        steps: int = 1,
    ) -> None:
        like = np.empty(shape, char)
        self.prepared = p = prepared(program, (*linear, *squared), like, qubits, team=False, steps=steps)
        aims = np.zeros((len(like), p.m))
        if squared:
            aims[:, len(linear) :] = targets
        self.scratch = _scratch(p, len(like), shape[1], aims, 1.0) | {"linear": len(linear)}
        if states is not None:
            self.scratch["states"] = p.plan.vectors(states)
        self.memory = p.room()

    def value_and_gradient(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the loss, (B,), and its gradient by theta, (B, n_params)."""
        found = np.empty(len(theta), theta.dtype), np.empty(theta.shape, theta.dtype)
        theta = np.ascontiguousarray(theta)
        arrays = self.scratch | {"losses": found[0], "gradient": found[1]}
        self.prepared.run("both", theta, self.memory, **arrays)
        return found

    def train(self, runs: Runs, optimizer: Optimizer, steps: Steps) -> None:
        """Take steps with some runs."""
        _run(self.prepared, "train", runs, optimizer, steps, self.memory, None, self.scratch)


def train(
    program: Program,
    theta: np.ndarray,
    qubits: np.ndarray,
    observables: tuple[Observable, ...],
    optimizer: Optimizer,
    lr: float,
    steps: int,
    targets: np.ndarray | None,
) -> Runs:
    """Train every row of theta on the sum of the expectations, or of their squared distances to targets.

    Args:
        program, theta, qubits, observables: as for :class:`~qbp.circuits.kernel.evolution.Evolution`.
        optimizer: and its numbers.
        lr: step size.
        steps: how many.
        targets: (m,), or None for the sum itself.
    """
    linear, squared = (observables, ()) if targets is None else ((), observables)
    char, shape = theta.dtype.char, (len(theta), theta.shape[1])
    loss = Loss(program, qubits, shape, char, linear, squared, targets, steps=steps)
    runs = Runs.start(theta, steps)
    loss.train(runs, optimizer, _all_alike(lr, steps))
    return runs


def train_on_data(
    program: Program,
    theta: np.ndarray,
    qubits: np.ndarray,
    observables: tuple[Observable, ...],
    optimizer: Optimizer,
    lr: float,
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> Runs:
    """Train every row of theta on the mean squared error of mini-batches.

    Args:
        program: takes the features as its first angles, then theta.
        theta, qubits, observables, optimizer, lr: as for :func:`train`.
        data: inputs (samples, features), outputs (samples, m), numbers of samples (steps, runs, batch) int64.
    """
    inputs, _, batches = data
    steps, count, size = batches.shape
    angles = np.empty((size, inputs.shape[1] + theta.shape[1]), theta.dtype)
    p = prepared(program, observables, angles, qubits, team=False, steps=steps * count)
    scratch = _scratch(p, size, angles.shape[1], np.zeros((size, p.m)), 1 / size)
    runs = Runs.start(theta, steps)
    _run(p, "train_on_data", runs, optimizer, _all_alike(lr, steps), p.room(), (*data, angles), scratch)
    return runs


def _all_alike(lr: float, steps: int) -> Steps:
    """Return steps of one size, each of which counts all that the loss has."""
    one, none, number = np.ones(steps), np.zeros(steps), np.arange(1.0, steps + 1)
    return Steps(np.stack([one, one, none, lr * one, number], 1), 0, steps)


def _run(
    p: Prepared,
    mode: str,
    runs: Runs,
    optimizer: Optimizer,
    steps: Steps,
    memory: tuple[np.ndarray, np.ndarray],
    data: tuple[np.ndarray, ...] | None,
    scratch: dict[str, Any],
) -> None:
    """Run the kernel on some runs."""
    name, *numbers = optimizer
    theta, *rest = runs
    data = p.nothing["training"][-4:] if data is None else data
    p.run(mode, theta, memory, (KINDS[name], tuple(map(float, numbers)), *steps, *rest, *data), **scratch)


def _scratch(p: Prepared, rows: int, width: int, targets: np.ndarray, weight: float) -> dict[str, Any]:
    """Return values, targets, weights, losses and gradient."""
    dtype = p.plan.dtype
    return {
        "values": np.zeros((1, rows, p.m), dtype),
        "targets": targets.astype(dtype),
        "weights": np.full((2, rows, p.m), weight, dtype),
        "losses": np.zeros(rows, dtype),
        "gradient": np.zeros((rows, width), dtype),
    }
