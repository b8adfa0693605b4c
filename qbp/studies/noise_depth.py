r"""Gradients against depth, with and without noise at the same angles, and what a start can do about it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.circuit import Circuit
from qbp.circuits.hardware.noise import Channel, noisy_expectations
from qbp.circuits.observables import Observable, PauliSum, local_observables
from qbp.circuits.problems import circuit_problem, product_state_targets
from qbp.statistics.curves import Decay, decay_fit
from qbp.statistics.intervals import Interval, bootstrap_interval

CHUNK = 2**16  # entries of the density matrices that are differentiated together, 1 MiB
STARTS = ("uniform angles", "near the identity", "after Stage 1")
STAGE_1: dict[str, Any] = {"steps": 40, "rate": 0.1}  # of Adam, on eq. 1
NEAR = 0.1  # spread of the angles near the identity, radians


def gradient(circuit: Circuit, theta: Tensor, H: Observable, channel: Channel | None = None) -> Tensor:
    """Return dC/dtheta of C = <H> at each row of angles, after noise on every layer if there is a channel.

    Args:
        circuit: at most 6 qubits with a channel.
        theta: angles in radians, (runs, n_params).
        H: the observable.
        channel: None for the state vector.

    Returns:
        (runs, n_params).
    """
    size = max(1, CHUNK // 4**circuit.n_qubits) if channel else len(theta)
    gradients = []
    for part in theta.detach().split(size):
        part = part.clone().requires_grad_()
        if channel is None:
            value = circuit.expectation(part, H)
        else:
            value = noisy_expectations(circuit, part, [H], channel)
        gradients += torch.autograd.grad(value.sum(), part)
    return torch.cat(gradients)


def by_depth(
    H: Observable,
    depths: Iterable[int],
    channels: Mapping[str, Channel | None],
    samples: int,
    seed: int = 0,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float64,
) -> dict[str, dict[int, np.ndarray]]:
    """Draw gradients at uniform angles of circuits of layers of RY, RZ and a CZ ladder.

    Args:
        H: the observable.
        depths: numbers of layers.
        channels: {label: channel, or None for no noise}; all take the same angles.
        samples: angle vectors of each depth.
        seed: of the angles.
        device, dtype: where and in which precision; "auto" means CUDA where there is one.

    Returns:
        {label: {n_layers: gradients, (samples, n_layers, angles of a layer)}}.
    """
    gradients: dict[str, dict[int, np.ndarray]] = {label: {} for label in channels}
    device = _checks.device("device", device)
    for n_layers in depths:
        circuit = HardwareEfficient(H.n_qubits, n_layers)
        theta = uniform_angles(circuit, samples, seed).to(device, dtype)
        for label, channel in channels.items():
            rows = gradient(circuit, theta, H, channel)
            gradients[label][n_layers] = rows.unflatten(-1, (n_layers, -1)).cpu().numpy()
    return gradients


def uniform_angles(circuit: Circuit, runs: int, seed: int = 0) -> Tensor:
    """Draw angles uniform on [0, 2 pi), (runs, n_params): row r from seed + r."""
    runs = _checks.integer("runs", runs)
    return draws.uniform(range(seed, seed + runs), "start", circuit.n_params, high=2 * math.pi)


def typical(gradients: np.ndarray) -> Interval:
    """Return the root mean square of gradient components, with its interval over the first axis.

    Example:
        >>> f"{typical(np.array([[3.0, 4.0], [4.0, 3.0]])):.3f}"
        '3.536 [3.536, 3.536]'
    """
    squares = np.square(gradients).reshape(len(gradients), -1).mean(1)
    return _mapped(lambda square: math.sqrt(max(square, 0.0)), bootstrap_interval(squares))


def decay_per_layer(gradients: Mapping[int, np.ndarray], first: int) -> Decay:
    """Fit the typical gradient as 2**(slope * n_layers + constant), from `first` layers on."""
    deep = [n_layers for n_layers in gradients if n_layers >= first]
    return decay_fit(np.array(deep), np.array([typical(gradients[n_layers]).mean for n_layers in deep]))


def starts(H: PauliSum, n_layers: int, runs: int, seed: int = 0) -> tuple[Circuit, dict[str, Tensor]]:
    """Return a circuit and angles that training could start from.

    - uniform angles;
    - near the identity: normal angles with a spread of 0.1;
    - after Stage 1: the uniform ones after 40 steps of Adam, without noise, on eq. 1 with X, Y and Z on each
      qubit, whose targets are those of the best product state.

    Args:
        H: the Hamiltonian.
        n_layers: of RY, RZ and a CZ ladder.
        runs: angle vectors of each start.
        seed: of the first.

    Returns:
        The circuit, and {name of ``STARTS``: angles, (runs, n_params)}.
    """
    circuit = HardwareEfficient(H.n_qubits, n_layers)
    uniform = uniform_angles(circuit, runs, seed)
    near = NEAR * draws.normal(range(seed, seed + runs), "near", circuit.n_params)
    observables = local_observables(H.n_qubits)
    targets, _ = product_state_targets(H, observables)
    steps = STAGE_1["steps"]
    config = TwoStageConfig(
        steps=steps, stage_1_steps=steps, optimizer="adam", eta_c=STAGE_1["rate"], record_every=steps
    )
    phases = torch.zeros_like(uniform)  # of Stage 2, which is not reached
    prepared, _ = two_stage(circuit_problem(circuit, H, observables, targets), config, uniform, phi=phases)
    return circuit, dict(zip(STARTS, (uniform, near, prepared), strict=True))


def kept_by_start(
    H: PauliSum, depths: Iterable[int], channel: Channel, runs: int, seed: int = 0
) -> dict[str, dict[int, np.ndarray]]:
    """Return how much of its gradient each start keeps under noise: the ratio of the norms with and without.

    Returns:
        {start: {n_layers: ratios at the same angles, (runs,)}}.
    """
    ratios: dict[str, dict[int, np.ndarray]] = {name: {} for name in STARTS}
    for n_layers in depths:
        circuit, angles = starts(H, n_layers, runs, seed)
        for name, theta in angles.items():
            noisy, clean = (gradient(circuit, theta, H, c).norm(dim=-1) for c in (channel, None))
            ratios[name][n_layers] = (noisy / clean).numpy()
    return ratios


def geometric(ratios: np.ndarray) -> Interval:
    """Return the geometric mean of ratios, (runs,), with its interval.

    Example:
        >>> f"{geometric(np.array([0.25, 1.0, 0.5])):.2f}"[:4]
        '0.50'
    """
    return _mapped(lambda bits: 2.0**bits, bootstrap_interval(np.log2(ratios)))


def _mapped(rising: Callable[[float], float], interval: Interval) -> Interval:
    return Interval(rising(interval.mean), rising(interval.low), rising(interval.high), interval.n)


def kept_per_layer(ratios: Mapping[int, np.ndarray], first: int) -> Decay:
    """Fit the geometric mean ratio as 2**(slope * n_layers + constant), from `first` layers on."""
    deep = [n_layers for n_layers in ratios if n_layers >= first]
    return decay_fit(np.array(deep), np.array([geometric(ratios[n_layers]).mean for n_layers in deep]))


def percent_per_layer(fit: Decay | Sequence[float]) -> str:
    """Write a slope in bits per layer, with its interval, as the share that is lost per layer.

    Example:
        >>> percent_per_layer(Decay(-1.0, -1.0, -1.0, 3))
        '50.0 [50.0, 50.0] %'
    """
    slope, low, high = (fit.slope, fit.low, fit.high) if isinstance(fit, Decay) else fit
    lost = [100 * (1 - 2.0**v) + 0.0 for v in (slope, high, low)]
    return f"{lost[0]:.1f} [{lost[1]:.1f}, {lost[2]:.1f}] %"
