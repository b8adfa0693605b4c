r"""Cloning circuit of a later notebook: Alice's qubit goes in, Bob and Eve read a clone each.

Alice's state is one of BB84's four.  A clone is compared with it by undoing its preparation on the clone's
qubit: the fidelity is ``(1 + s) / 2``, where the signal s is <Z> afterwards.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes
from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.observables import PauliSum
from qbp.experiments.regressor import after_channels

STATES = {"0": 0.0, "1": math.pi, "+": math.pi / 2, "-": -math.pi / 2}  # angle of the RY that prepares each
BOB, EVE = 1, 2  # qubits of the clones; Alice's is 0
# The signal of each state on a clone, Bob's four first: the observable (Z or X of Bob, of Eve) and its sign.
_SAMPLE = torch.tensor([0, 1, 2, 3] * 2)
_OBSERVABLE = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
_SIGN = torch.tensor([1.0, -1.0] * 4, dtype=torch.float64)
N_SIGNALS = len(_SIGN)


@dataclass(frozen=True)
class Cloner:
    """The circuit: layers of RX and RZ on every qubit, each closed by a ring of CNOTs.

    Args:
        n_layers: at least 1.
        n_qubits: at least three; those beside Alice's start in 0.

    Example:
        >>> Cloner(n_layers=1).n_params
        20
    """

    n_layers: int = 5
    n_qubits: int = 10

    def __post_init__(self) -> None:
        """Check every field."""
        _checks.plain(self)
        _checks.integer("n_layers", self.n_layers)
        _checks.integer("n_qubits", self.n_qubits, low=EVE + 1)

    @cached_property
    def circuit(self) -> HardwareEfficient:
        """The circuit after Alice's state."""
        return HardwareEfficient(self.n_qubits, self.n_layers, ("rx", "rz"), "cnot", "ring")

    @cached_property
    def observables(self) -> list[PauliSum]:
        """Z and X of Bob's qubit, Z and X of Eve's."""
        at = [(qubit, letter) for qubit in (BOB, EVE) for letter in "ZX"]
        return [PauliSum({"I" * q + p + "I" * (self.n_qubits - 1 - q): 1.0}) for q, p in at]

    @property
    def n_params(self) -> int:
        """Length of `theta`."""
        return self.circuit.n_params

    @takes(theta="... self.n_params")
    def signals(self, theta: Tensor) -> Tensor:
        """Return the signal of each state on each clone, (..., 8), Bob's four first.

        Args:
            theta: angles in radians, (..., n_params).
        """
        x = torch.tensor(list(STATES.values())).to(theta).unsqueeze(-1)
        found = self.circuit.expectations(theta, self.observables, inputs=x)
        return found[..., _SAMPLE, _OBSERVABLE] * _SIGN.to(theta)

    @takes(theta="... self.n_params")
    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the signals, (..., 8), and their derivatives, (..., 8, n_params), both without a graph."""
        copies = theta.detach().unsqueeze(-2).repeat_interleave(N_SIGNALS, -2).requires_grad_()
        x = torch.tensor(list(STATES.values())).to(theta)[_SAMPLE, None, None]
        found = self.circuit.expectations(copies, self.observables, inputs=x).squeeze(-2)
        signals = found.gather(-1, _OBSERVABLE.to(theta.device).expand(found.shape[:-1])[..., None])[..., 0]
        signals = signals * _SIGN.to(theta)
        return signals.detach(), torch.autograd.grad(signals.sum(), copies)[0]

    @takes(theta="... self.n_params")
    def ridge_step(self, theta: Tensor, strength: float) -> Tensor:
        r"""Return theta + delta, one Gauss-Newton step with a ridge towards signals of one.

        delta minimizes ``|J delta - (1 - s)|^2 + strength |delta|^2``: it is
        ``J^T (J J^T + strength)^-1 (1 - s)``.

        Args:
            theta: angles in radians, (..., n_params).
            strength: of the ridge, dimensionless, above 0.
        """
        _checks.number("strength", strength, low=0, strict=True)
        signals, jacobian = self.jacobian(theta)
        gram = jacobian @ jacobian.mT + strength * torch.eye(N_SIGNALS).to(theta)
        delta = jacobian.mT @ torch.linalg.solve(gram, (1 - signals).unsqueeze(-1))
        return theta.detach() + delta.squeeze(-1)


@takes(signals="... 8")
def fidelities(signals: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean fidelity over the four states of Bob's and of Eve's clone, each (...).

    Example:
        >>> bob, eve = fidelities(torch.tensor([1.0] * 4 + [0.0] * 4))
        >>> float(bob), float(eve)
        (1.0, 0.5)
    """
    bob, eve = ((1 + signals) / 2).unflatten(-1, (2, -1)).mean(-1).unbind(-1)
    return bob, eve


@takes(signals="... 8")
def square_loss(signals: Tensor) -> Tensor:
    """Return the notebook's Stage 2 loss, the mean over states of the sum over clones of (1 - F)^2: (...)."""
    return ((1 - signals) / 2).square().sum(-1) / len(STATES)


@takes(signals="... 8")
def surrogate(signals: Tensor) -> Tensor:
    """Return the notebook's Stage 1 loss, the same of (1 - s)^2: four times :func:`square_loss`, (...)."""
    return (1 - signals).square().sum(-1) / len(STATES)


@takes(signals="... 8")
def behind_channels(signals: Tensor, depolarizing: float, damping: float) -> Tensor:
    """Return the signals behind both channels at the end of the circuit, (..., 8).

    Both act on a clone before its state is undone.  <Z> changes as in
    :func:`qbp.experiments.regressor.after_channels`; <X> is multiplied by ``(1 - 4 p / 3) sqrt(1 - gamma)``.

    Args:
        signals: without channels.
        depolarizing: p in [0, 1].
        damping: gamma in [0, 1].
    """
    sign, is_z = _SIGN.to(signals), (_OBSERVABLE % 2 == 0).to(signals.device)
    of_z = sign * after_channels(sign * signals, depolarizing, damping)
    return torch.where(is_z, of_z, (1 - 4 * depolarizing / 3) * math.sqrt(1 - damping) * signals)


@takes(signals="... 8")
def shots_deviation(signals: Tensor, shots: int) -> Tensor:
    """Return the standard deviation of the mean fidelity where each signal has so many shots, (...)."""
    return ((1 - signals.square()) / _checks.integer("shots", shots)).sum(-1).sqrt() / (2 * N_SIGNALS)


@takes()
def replayed_starts(
    seeds: Sequence[int], layers: int, arm: int, *, first: int = 1, qubits: int = 10, spread: float = 0.1
) -> Tensor:
    """Return the starts that the notebook's program draws from a seed, (runs, n_params) float64 on the CPU.

    It seeds torch once and goes through the depths; at each it draws a start for every arm, in turn.

    Args:
        seeds: of torch; the notebook's is 42.
        layers: the depth.
        arm: 0 for the convex arm, 1 for the two-stage one, 2 for the nonconvex one.
        first: depth with which the program begins.
        qubits: of the circuit.
        spread: standard deviation of the angles, radians.
    """
    _checks.integer("first", first, 1, _checks.integer("layers", layers))
    _checks.integer("arm", arm, 0, 2)
    size = 2 * _checks.integer("qubits", qubits, EVE + 1)
    rows = []
    for seed in seeds:
        stream = torch.Generator().manual_seed(_checks.integer("seeds", seed, 0, 2**63))
        for depth in range(first, layers + 1):
            drawn = [spread * torch.randn(size * depth, generator=stream) for _ in range(3)]
        rows.append(drawn[arm].double())
    return torch.stack(rows)
