"""Training of circuits by gradient descent: all runs of a batch, all steps, in one call.

With the compiled kernel nothing of Python stands between two steps; without it the same steps run in torch.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from qbp import _checks
from qbp.circuits.circuit import Circuit, check, with_inputs
from qbp.circuits.kernel import evolution as native
from qbp.circuits.kernel import training as kernel
from qbp.circuits.observables import Observable, observables_on
from qbp.optimizers import OPTIMIZERS
from qbp.problem import gradients


class Training(NamedTuple):
    """What a training brought.

    Attributes:
        theta: angles after the last step, (..., n_params).
        loss: before each step, (..., steps); that of the mini-batch where there are data.
        diverged: boolean, (...): a loss or gradient was not finite; the run stands where it last was finite,
            and its loss stays at its last finite value.
    """

    theta: Tensor
    loss: Tensor
    diverged: Tensor


def train(
    circuit: Circuit,
    observables: Observable | Sequence[Observable],
    theta0: Tensor,
    *,
    steps: int,
    optimizer: str = "adam",
    lr: float = 0.01,
    weight_decay: float = 0.0,
    targets: Tensor | None = None,
    inputs: Tensor | None = None,
    batches: Tensor | None = None,
) -> Training:
    """Train a circuit: minimize expectations, or their squared distance to targets.

    The loss of a run is the sum of the expectations; with `targets` alone it is eq. 1,
    ``sum_i (<O_i> - b_i)^2``; with `inputs` it is the mean over samples of ``sum_i (<O_i>(x) - y_i)^2``.

    Args:
        circuit: prepares psi(theta).
        observables: one, or m of them.
        theta0: starts in radians, (..., n_params): one run a row.
        steps: of the optimizer, at least 1.
        optimizer: "gd", "adam", or "adamw", as in :mod:`qbp.optimizers`.
        lr: step size, above 0.
        weight_decay: dimensionless, at least 0, decoupled from the gradient; for "gd" and "adamw" alone.
        targets: b, (m,), or with `inputs` y, (samples, m).
        inputs: features in radians, (samples, n_features), RY(x_j) on qubit j before the circuit.
        batches: with `inputs`, the numbers of the samples of each step, (steps, batch) for all runs alike or
            (steps, ..., batch) for each; None takes all samples at each step.

    Returns:
        A :class:`Training`, without a graph.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> from qbp.circuits.ansatz import HardwareEfficient
        >>> from qbp.circuits.observables import PauliSum
        >>> circuit, H = HardwareEfficient(1, 1, rotations=["ry"]), PauliSum({"Z": 1.0})
        >>> train(circuit, H, torch.tensor([1.0]).double(), steps=100, lr=0.2).loss[-1].round(decimals=2)
        tensor(-1., dtype=torch.float64)
    """
    asked = [observables] if isinstance(observables, Observable) else observables
    check(circuit, trained=True)
    asked = observables_on(circuit.n_qubits, asked)
    steps = _checks.integer("steps", steps)
    _checks.choice("optimizer", optimizer, ("gd", "adam", "adamw"))
    lr = _checks.number("lr", lr, low=0.0, strict=True)
    weight_decay = _checks.number("weight_decay", weight_decay, low=0.0)
    if weight_decay and optimizer == "adam":
        raise ValueError(f'weight_decay must be 0 for "adam", got {weight_decay}: "adamw" has it')
    _checks.theta(theta0, circuit.n_params, "theta0")
    theta = theta0.detach().reshape(-1, circuit.n_params)
    _checks.memory("steps", 8 * steps * len(theta), f"losses of {steps} steps")
    settings = Settings(kernel.Optimizer(optimizer, weight_decay), lr)
    if inputs is not None:
        data = _data(circuit, theta0, len(asked), steps, inputs, targets, batches)
        found = _on_data(circuit, theta, asked, settings, data)
    elif batches is not None:
        got = _checks.kind_of(batches)
        raise ValueError(f"batches must be None without inputs, since there are no samples, got {got}")
    else:
        if targets is not None:
            _checks.theta(targets, len(asked), "targets")
            targets = targets.to(theta).expand(len(asked))
        found = _alone(circuit, theta, asked, settings, steps, targets)
    theta, loss, taken = found
    shape = theta0.shape[:-1]
    return Training(theta.reshape(theta0.shape), loss.reshape(*shape, steps), taken.reshape(shape) < steps)


class Settings(NamedTuple):
    """An optimizer, and its step size."""

    optimizer: kernel.Optimizer
    lr: float


class Data(NamedTuple):
    """Samples, and which of them each run sees at each step."""

    inputs: Tensor  # (samples, n_features)
    targets: Tensor  # (samples, m)
    batches: Tensor  # int64 (steps, runs, batch)


Found = tuple[Tensor, Tensor, Tensor]  # theta (runs, n_params), loss (runs, steps), steps taken (runs,)


def _data(
    circuit: Circuit,
    theta0: Tensor,
    m: int,
    steps: int,
    inputs: Tensor,
    targets: Tensor | None,
    batches: Tensor | None,
) -> Data:
    """Return checked data."""
    shape, runs = tuple(getattr(inputs, "shape", ())), theta0.shape[:-1]
    _checks.theta(inputs, min((0, *shape)[-1], circuit.n_qubits), "inputs")
    if inputs.ndim != 2 or not len(inputs):
        raise ValueError(f"inputs must have shape (samples, n_features), got {shape}")
    if not isinstance(targets, Tensor) or targets.shape != (len(inputs), m):
        got = tuple(targets.shape) if isinstance(targets, Tensor) else _checks.kind_of(targets)
        raise ValueError(f"targets must have shape ({len(inputs)}, {m}), a row for each sample, got {got}")
    _checks.theta(targets, m, "targets")
    if batches is None:
        batches = torch.arange(len(inputs)).expand(steps, len(inputs))
    if not isinstance(batches, Tensor) or batches.dtype != torch.int64:
        raise TypeError(f"batches must be a tensor of int64, got {_checks.kind_of(batches)}")
    if batches.ndim == 2:
        batches = batches.reshape(batches.shape[0], *(1,) * len(runs), batches.shape[1])
        batches = batches.expand(batches.shape[0], *runs, -1)
    if batches.shape[:-1] != (steps, *runs) or not batches.shape[-1]:
        takes = f"({steps}, batch) or ({', '.join(map(str, (steps, *runs)))}, batch)"
        raise ValueError(f"batches must have shape {takes}, got {tuple(batches.shape)}")
    if batches.numel() and (batches.min() < 0 or batches.max() >= len(inputs)):
        raise ValueError(f"batches must hold numbers of samples, 0 to {len(inputs) - 1}")
    return Data(inputs.to(theta0), targets.to(theta0), batches.reshape(steps, -1, batches.shape[-1]))


def _alone(
    circuit: Circuit,
    theta: Tensor,
    observables: tuple[Observable, ...],
    settings: Settings,
    steps: int,
    targets: Tensor | None,
) -> Found:
    """Train without data."""
    if native.supports(circuit.program, circuit.n_qubits, theta, observables):
        qubits = native.array(circuit._start(theta, None)[1])
        aims = None if targets is None else native.array(targets)
        return _tensors(
            kernel.train(circuit.program, native.array(theta), qubits, observables, *settings, steps, aims)
        )

    def loss(theta: Tensor, step: int) -> Tensor:
        values = circuit.expectations(theta, observables)
        return (values if targets is None else (values - targets).square()).sum(-1)

    return _steps(theta, loss, settings, steps)


def _on_data(
    circuit: Circuit, theta: Tensor, observables: tuple[Observable, ...], settings: Settings, data: Data
) -> Found:
    """Train on mini-batches."""
    features = data.inputs.shape[1]
    program = with_inputs(circuit.program, circuit.n_qubits, features)
    if native.supports(program, circuit.n_qubits, theta, observables):
        qubits = native.array(circuit._start(theta, None)[1])
        x, y, batches = (np.ascontiguousarray(native.array(part)) for part in data)
        angles, given = native.array(theta), (x, y, batches)
        return _tensors(kernel.train_on_data(program, angles, qubits, observables, *settings, given))

    def loss(theta: Tensor, step: int) -> Tensor:
        rows = data.batches[step].to(theta.device)
        values = circuit.expectations(theta, observables, inputs=data.inputs[rows])
        return (values - data.targets[rows]).square().sum(-1).mean(-1)

    return _steps(theta, loss, settings, len(data.batches))


def _steps(theta: Tensor, loss: Callable[[Tensor, int], Tensor], settings: Settings, steps: int) -> Found:
    """Take the steps one by one, in torch."""
    name, weight_decay = settings.optimizer[:2]
    update = partial(OPTIMIZERS[name], weight_decay=weight_decay)
    alive = torch.ones_like(theta[:, 0], dtype=torch.bool)
    lr, taken = torch.full_like(theta[:, 0], settings.lr), torch.zeros_like(alive, dtype=torch.int64)
    losses: list[Tensor] = []
    before, moments = theta, None
    with gradients(), _checks.trusted():  # a run that left the finite numbers is seen below
        for step in range(steps):
            theta = theta.detach().clone().requires_grad_()
            value = loss(theta, step)
            (grad,) = torch.autograd.grad(value.sum(), theta)
            theta, value = theta.detach(), value.detach()
            alive = alive & torch.isfinite(value + grad.sum(-1))
            theta = before = torch.where(alive.unsqueeze(-1), theta, before)
            losses.append(torch.where(alive, value, losses[-1]) if losses else value)
            taken = taken + alive
            theta, moments = update(theta, grad, moments, lr=lr, active=alive)
    return theta, torch.stack(losses, -1), taken


def _tensors(runs: kernel.Runs) -> Found:
    theta, loss, taken = map(torch.from_numpy, (runs.theta, runs.loss, runs.done))
    return theta, loss, taken
