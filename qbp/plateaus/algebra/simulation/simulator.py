r"""Expectations and gradients of circuits with a small Lie algebra, at any number of qubits.

What an observable in a small algebra can become is a vector with one entry for each element, and rotations
turn that vector: g-sim (Goh et al. 2023).  Two representations are used, whichever fits a term of H:

- free fermions, whatever strings they are disguised as: 2n x 2n matrices
  (:mod:`qbp.plateaus.algebra.simulation.fermions`);
- strings one by one, up to a cap (:mod:`qbp.plateaus.algebra.simulation.orbits`).
"""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks
from qbp.circuits.circuit import Circuit, check
from qbp.circuits.gates import Rotation
from qbp.circuits.lowering.frames import push_cliffords
from qbp.plateaus.algebra.lie_algebra import observable
from qbp.plateaus.algebra.purity import Start
from qbp.plateaus.algebra.simulation.fermions import Fermions
from qbp.plateaus.algebra.simulation.orbits import Orbit, TooManyError
from qbp.plateaus.algebra.structure import StringComponent, components
from qbp.plateaus.algebra.symplectic import vector
from qbp.plateaus.pauli.families import start_expectations

if TYPE_CHECKING:
    from qbp.circuits.observables import PauliSum

STRINGS = 2**16
SECTORS = 2**10


class AlgebraSimulator:
    """Expectation and gradient of one observable in one circuit, without a state vector.

    Rotations may share angles, scaled and shifted; CNOTs, CZs and fixed Cliffords are moved behind them.  A
    term of H that free fermions carry costs O(n) a rotation, any other O(strings) that it can become.

    Args:
        circuit: any circuit.
        H: a sum of Pauli strings.
        cap: largest number of strings that terms outside free fermions can become.

    Attributes:
        dimension: numbers that stand for a state.
        engines: what the terms of H are carried by: "free fermions so(N)" or "N strings".

    Raises:
        TypeError, ValueError: `circuit` is no Circuit, H no PauliSum on its qubits, or the algebra is too
            large.

    Example:
        >>> import qbp
        >>> H = qbp.tfim(100)
        >>> simulator = AlgebraSimulator(qbp.HamiltonianVariational(H, n_layers=2), H)
        >>> simulator.engines
        ('free fermions so(200)',)
        >>> simulator.expectation(torch.zeros(4, dtype=torch.float64)).round()  # of |+...+>
        tensor(-100., dtype=torch.float64)
    """

    def __init__(self, circuit: Circuit, H: "PauliSum", *, cap: int = STRINGS):
        check(circuit)
        observable(H, circuit.n_qubits)
        cap = _checks.integer("cap", cap, 1, 2**22)
        self.n_params = circuit.n_params
        rotations, frame = push_cliffords(circuit.program, circuit.n_qubits)
        gates = [gate for gate in rotations if isinstance(gate, Rotation) and set(gate.pauli) != {"I"}]
        self._parameter = np.array([gate.parameter or 0 for gate in gates], int)
        self._scale = np.array([0.0 if gate.parameter is None else gate.scale for gate in gates])
        self._offset = np.array([gate.offset for gate in gates])
        strings = [vector(gate.pauli) for gate in gates]
        start = Start(start_expectations(circuit.qubits))
        terms = {vector(p): c for p, c in frame.observable(H).terms.items() if c}
        self._constant = terms.pop(0, 0.0)
        self._parts = _parts(strings, terms, start, cap)
        self.engines = tuple(str(part) for part in self._parts)
        self.dimension = sum(
            part.part.dimension if isinstance(part, Fermions) else len(part.strings) for part in self._parts
        )

    def expectation(self, theta: Tensor) -> Tensor:
        """Return ``<H>``, shape (...), for angles `theta` in radians, (..., n_params); once differentiable.

        Raises:
            TypeError, ValueError: `theta` is not a real tensor of that shape, or not finite.
        """
        self._check(theta)
        return _Expectation.apply(theta, self)

    def value_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``<H>``, (...), and its gradient, (..., n_params), both without a graph.

        Raises:
            TypeError, ValueError: as for :meth:`expectation`.
        """
        self._check(theta)
        value, gradient = self._run(theta, gradient=True)
        assert gradient is not None
        return value, gradient

    def _check(self, theta: Tensor) -> None:
        _checks.theta(theta, self.n_params)
        _checks.readable("theta", theta)

    def _run(self, theta: Tensor, gradient: bool) -> tuple[Tensor, Tensor | None]:
        flat = theta.detach().cpu().double().reshape(-1, self.n_params).numpy()
        angles = flat[:, self._parameter] * self._scale + self._offset if len(self._scale) else flat[:, :0]
        by_angle = np.zeros_like(angles) if gradient else None
        value = np.full(len(flat), self._constant)
        for part in self._parts:
            value += part.value(angles, by_angle)
        shape = theta.shape[:-1]
        found = torch.from_numpy(value).to(theta).reshape(shape)
        if by_angle is None:
            return found, None
        by_theta = np.zeros_like(flat)
        np.add.at(by_theta.T, self._parameter, (by_angle * self._scale).T)
        return found, torch.from_numpy(by_theta).to(theta).reshape(theta.shape)


class _Expectation(torch.autograd.Function):
    """The expectation with its gradient, computed together where one is asked for."""

    @staticmethod
    def forward(ctx: Any, theta: Tensor, simulator: AlgebraSimulator) -> Tensor:
        value, gradient = simulator._run(theta, gradient=theta.requires_grad)
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return grad.unsqueeze(-1) * gradient, None


def _parts(strings: list[int], terms: dict[int, float], start: Start, cap: int) -> "list[Fermions | Orbit]":
    """Split an observable into what free fermions carry and the rest."""
    every = components(list(dict.fromkeys(strings)), start.n)[0] if strings else []
    free = [part for part in every if part.labels is not None and 2 ** len(part.twins) <= SECTORS]
    homes: dict[int, dict[int, float]] = defaultdict(dict)
    rest: dict[int, float] = {}
    for v, c in terms.items():
        home = next((i for i, part in enumerate(free) if part.contains(v)), None)
        (rest if home is None else homes[home])[v] = c
    found: list[Fermions | Orbit] = []
    for i, some in homes.items():
        inside = set(free[i].strings)
        gates = [(v, k) for k, v in enumerate(strings) if v in inside]
        found.append(Fermions(free[i], gates, some, start))
    if rest:
        try:
            found.append(Orbit([(v, k) for k, v in enumerate(strings)], rest, start, cap))
        except TooManyError as problem:
            larger = max(every, key=lambda part: part.dimension)
            takes = f"{len(rest)} of {len(terms)} terms are in no algebra of free fermions"
            raise ValueError(
                f"circuit and H must make {problem}: {takes}; the algebra of circuit has {_named(larger)}"
            ) from None
    return found


def _named(part: StringComponent) -> str:
    digits = len(str(part.dimension))
    size = str(part.dimension) if digits < 10 else f"about 10^{digits - 1}"
    return f"a component {part} of dimension {size}"
