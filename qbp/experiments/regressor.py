r"""Regression model made of a circuit, ``y ~ f(x) = a + b <Z_0>``: the four-qubit circuit of a later notebook
in the released repository; and the same circuit read out in every local expectation, ``a + sum_k w_k <O_k>``,
for regression and for classes.

The number x enters once, as four features that turn four qubits by RY; then come layers of RX and RZ on every
qubit, each closed by a ring of CNOTs.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._arguments import takes
from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.observables import PauliSum, local_observables
from qbp.convex import gradient_metrics
from qbp.perceptrons.datasets import Dataset
from qbp.perceptrons.mlp import mean_squared_error
from qbp.problem import Problem

OUTPUTS = ("plain", "affine", "local")
N_FEATURES = 4


@takes()
def regression_data(seed: int = 0, n_train: int = 256, n_val: int = 128) -> Dataset:
    """Return y = sin 2x + 0.5 cos x at x uniform on [-pi, pi), as the later notebook has it.

    Args:
        seed: of the points x.
        n_train, n_val: training and test points; these are the notebook's numbers.

    Example:
        >>> regression_data().x.shape
        torch.Size([384, 1])
    """
    count = _checks.integer("n_train", n_train, 1, 2**38) + _checks.integer("n_val", n_val, 1, 2**38)
    x = draws.uniform([seed], "x", count, low=-math.pi, high=math.pi).mT
    index = torch.arange(count)
    return Dataset("pqc", x, target(x), index[:n_train], index[n_train:])


@takes(x="...")
def target(x: Tensor) -> Tensor:
    """Return sin 2x + 0.5 cos x, in the shape of x; it reaches beyond [-1, 1]."""
    return torch.sin(2 * x) + 0.5 * torch.cos(x)


@takes(x="... samples 1")
def features(x: Tensor) -> Tensor:
    """Return x, x**2, sin x, cos x, angles in radians: (..., samples, 1) -> (..., samples, 4).

    Example:
        >>> features(torch.zeros(1, 1))
        tensor([[0., 0., 0., 1.]])
    """
    return torch.cat([x, x.square(), x.sin(), x.cos()], dim=-1)


@dataclass(frozen=True)
class CircuitRegressor:
    """The model f(x) = a + sum_k w_k <O_k>; `theta` holds the angles, then the readout a, w if it is trained.

    Args:
        n_layers: layers of RX and RZ on every qubit and a ring of CNOTs.
        n_qubits: at least four, one for each feature.
        output: "plain", f = <Z_0> as in the notebook, in [-1, 1]; "affine", a + b <Z_0>, both trained;
            "local", a and a weight of X, Y and Z on every qubit are trained.
        n_classes: outputs for samples given as angles x (samples, n_qubits); 0 is one output for a number x
            (samples, 1), whose :func:`features` are the angles.

    Example:
        >>> CircuitRegressor().n_params, CircuitRegressor(output="affine").n_params
        (24, 26)
        >>> CircuitRegressor(output="local", n_classes=3).n_params - 24
        39
    """

    n_layers: int = 3
    n_qubits: int = N_FEATURES
    output: str = "plain"
    n_classes: int = 0

    def __post_init__(self) -> None:
        """Check every field."""
        _checks.plain(self)
        _checks.integer("n_layers", self.n_layers)
        _checks.integer("n_qubits", self.n_qubits, low=N_FEATURES)
        _checks.choice("output", self.output, OUTPUTS)
        _checks.integer("n_classes", self.n_classes, low=0)
        if self.n_classes and self.output != "local":
            raise ValueError(f"output must be local to tell classes apart, got {self.output!r}")

    @cached_property
    def circuit(self) -> HardwareEfficient:
        """The circuit after the features."""
        return HardwareEfficient(self.n_qubits, self.n_layers, ("rx", "rz"), "cnot", "ring")

    @cached_property
    def observables(self) -> list[PauliSum]:
        """What is read out, O_k."""
        everywhere = local_observables(self.n_qubits, "XYZ" if self.output == "local" else "Z")
        return everywhere if self.output == "local" else everywhere[:1]

    @property
    def n_observables(self) -> int:
        """The number of observables that are read out."""
        return len(self.observables)

    @property
    def n_inputs(self) -> int:
        """Columns of x."""
        return self.n_qubits if self.n_classes else 1

    @property
    def n_outputs(self) -> int:
        """Columns of f(x)."""
        return max(1, self.n_classes)

    @property
    def n_params(self) -> int:
        """Length of `theta`."""
        trained = (1 + self.n_observables) * self.n_outputs
        return self.circuit.n_params + trained * (self.output != "plain")

    @takes()
    def angles(self, theta: Tensor) -> Tensor:
        """Return the circuit's part of `theta`, (..., circuit.n_params)."""
        _checks.theta(theta, self.n_params)
        return theta[..., : self.circuit.n_params]

    @takes(theta="... self.n_params", x="... samples self.n_inputs")
    def readout(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return <O_k> for each sample, Phi of eq. 2 without the constant: (..., samples, n_observables)."""
        inputs = x if self.n_classes else features(x)
        return self.circuit.expectations(self.angles(theta), self.observables, inputs=inputs)

    @takes(theta="... self.n_params", readout="... samples self.n_observables")
    def scaled(self, theta: Tensor, readout: Tensor) -> Tensor:
        """Return a + sum_k w_k <O_k>, (..., samples, n_outputs)."""
        if self.output == "plain":
            return readout
        weights = theta[..., self.circuit.n_params :].unflatten(-1, (-1, self.n_outputs))
        a, w = weights[..., :1, :], weights[..., 1:, :]
        return a + (readout @ w if self.output == "local" else w * readout)

    @takes(theta="... self.n_params", weights="... k self.n_outputs")
    def with_readout(self, theta: Tensor, weights: Tensor) -> Tensor:
        """Return `theta` with a and w replaced by the solution of eq. 2.

        Args:
            theta: (..., n_params).
            weights: (..., n_observables + 1, n_outputs), a in the last row, as :func:`qbp.convex.ridge` gives
                them.
        """
        if self.output == "plain":
            raise ValueError("output must be affine or local: plain has no readout to replace")
        flat = weights.roll(1, -2).flatten(-2)
        _checks.whole("weights", [self.circuit.n_params, flat.shape[-1]], self.n_params, "theta")
        return torch.cat([self.angles(theta), flat], dim=-1)

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return f(x).

        Args:
            theta: (..., n_params).
            x: (samples, n_inputs), shared by all runs, or (..., samples, n_inputs).

        Returns:
            Real, (..., samples, n_outputs).
        """
        return self.scaled(theta, self.readout(theta, x))

    @takes()
    def start(self, seeds: Sequence[int], spread: float, dtype: torch.dtype = torch.float64) -> Tensor:
        """Draw angles from N(0, spread**2): (runs, n_params) on the CPU; output c is <Z_c>, or 0."""
        drawn = spread * draws.normal(seeds, "start", self.circuit.n_params)
        if self.output == "plain":
            return drawn.to(dtype)
        weights = torch.zeros(1 + self.n_observables, self.n_outputs, dtype=drawn.dtype)
        every = 3 if self.output == "local" else 1  # X, Y and Z come in turns, after a
        weights[every::every][: self.n_outputs].fill_diagonal_(1.0)
        return torch.cat([drawn, weights.flatten().expand(len(drawn), -1)], dim=-1).to(dtype)


@takes(y="... samples 1")
def output_limit(y: Tensor, low: float = -1.0, high: float = 1.0) -> Tensor:
    """Return the least mean squared error of any f with values in [low, high]: that of y clipped to it.

    Args:
        y: targets, (..., samples, 1).

    Example:
        >>> output_limit(torch.tensor([[0.5], [1.5]]))
        tensor(0.1250)
    """
    return (y - y.clamp(low, high)).square().mean((-2, -1))


@takes(z="...")
def after_channels(z: Tensor, depolarizing: float, damping: float) -> Tensor:
    r"""Return <Z> after a depolarizing and then an amplitude damping channel on the measured qubit.

    Both act on <Z> alone: depolarizing (1 - p) rho + (p / 3) sum_P P rho P multiplies it by 1 - 4 p / 3,
    damping gamma takes it to (1 - gamma) <Z> + gamma.  Channels on the other qubits change nothing.

    Args:
        z: <Z>, any shape.
        depolarizing: p in [0, 1].
        damping: gamma in [0, 1].

    Example:
        >>> after_channels(torch.tensor([-1.0, 0.0]), 0.0, 0.25)
        tensor([-0.5000,  0.2500])
    """
    p, gamma = (_checks.number(n, v, 0, 1) for n, v in (("depolarizing", depolarizing), ("damping", damping)))
    return (1 - gamma) * (1 - 4 * p / 3) * z + gamma


@takes(z="...")
def shot_variance(z: Tensor, shots: int) -> Tensor:
    """Return the variance of <Z> as estimated from `shots` measurements, (1 - <Z>**2) / shots."""
    return (1 - z.square()) / _checks.integer("shots", shots)


@takes()
def regression_problem(
    model: CircuitRegressor,
    data: Dataset,
    batches: Callable[[int], Any],
    *,
    penalty: float = 0.0,
    shots: int = 1000,
    depolarizing: float = 0.02,
    damping: float = 0.03,
) -> Problem:
    """Build the problem for Algorithm 1: the error on a mini-batch, and the notebook's Stage 1, E[<Z_0>**2].

    Args:
        model: the circuit; an affine scale takes no part in Stage 1.
        data: on the device and in the dtype of the run.
        batches: step -> indices into the training set, (batch,) or (runs, batch).
        penalty: the task is the mean squared error plus this times the sum of squared angles.
        shots, depolarizing, damping: what the trained circuit is also evaluated with.

    Returns:
        The problem; it evaluates the mean squared error on the training and test points (`train_loss`,
        `val_loss`), `task_grad_norm` and `task_grad_var` of the gradient of `train_loss` in all of theta, and
        on the test points `val_loss_shots`, the expected error of an <Z_0> from so many shots, and
        `val_loss_channels`, the error with both channels at the end of the circuit (:func:`after_channels`).
    """

    def energy(theta: Tensor, batch: Tensor) -> Tensor:
        index = data.train[batch]
        error = mean_squared_error(model(theta, data.x[index]), data.y[index])
        return error + penalty * model.angles(theta).square().sum(-1)

    def convex(theta: Tensor, batch: Tensor) -> Tensor:
        return model.readout(theta, data.x[data.train[batch]]).square().mean((-2, -1))

    def evaluate(theta: Tensor) -> dict[str, Tensor]:
        theta = theta.detach().requires_grad_()
        train_loss = mean_squared_error(model(theta, data.x[data.train]), data.y[data.train])
        (grad,) = torch.autograd.grad(train_loss.sum(), theta)
        with torch.no_grad():
            z, y = model.readout(theta, data.x[data.val]), data.y[data.val]
            val_loss = mean_squared_error(model.scaled(theta, z), y)
            noisy = model.scaled(theta, after_channels(z, depolarizing, damping))
            slope = theta[..., -1] if model.output == "affine" else 1.0
            added = shot_variance(z, shots).mean((-2, -1)) * slope**2
        metrics = gradient_metrics(grad)
        return {
            "train_loss": train_loss,
            "val_loss": val_loss,
            "val_loss_shots": val_loss + added,
            "val_loss_channels": mean_squared_error(noisy, y),
            "task_grad_norm": metrics["grad_norm"],
            "task_grad_var": metrics["grad_var"],
        }

    return Problem(energy, convex, batches, evaluate)
