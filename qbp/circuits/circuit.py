r"""Circuits: programs of gates on a product start state, ``|psi(theta)> = U(theta) |start>``.

What a circuit does is here; which gates it has, an ansatz (:mod:`qbp.circuits.ansatz`) or the builder
(:mod:`qbp.circuits.builder`) says.  States come from :func:`qbp.circuits.statevector.evolve`, expectations
and their gradients from :mod:`qbp.circuits.adjoint`.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from math import prod

import numpy as np
import torch
from torch import Tensor

from qbp import _checks
from qbp.circuits import adjoint
from qbp.circuits.gates import Program, Rotation, Start, start_qubits
from qbp.circuits.kernel import evolution
from qbp.circuits.observables import Observable, observables_on
from qbp.circuits.statevector import embed, evolve, product_state


class Circuit:
    """A program of gates on a product start state: immutable, hashable, equal if built alike."""

    n_qubits: int
    start: Start
    program: Program

    def __post_init__(self) -> None:
        n = self.__dict__["n_qubits"] = _checks.integer("n_qubits", self.n_qubits)
        _checks.memory("n_qubits", 100 * n, f"{n} qubits")
        qubits = self.qubits.tolist()  # checks the start state
        if not isinstance(self.start, str):
            self.__dict__["start"] = tuple(map(tuple, qubits))  # tuples can be hashed and printed

    def state(self, theta: Tensor, inputs: Tensor | None = None) -> Tensor:
        """Return the state ``U(theta) RY(inputs) |start>``.

        Args:
            theta: angles in radians, real, shape (..., n_params).
            inputs: features x in radians, real, shape (..., samples, n_features <= n_qubits): RY(x_j) acts on
                qubit j of the start state. Leading axes broadcast against those of `theta`.

        Returns:
            Amplitudes, shape (..., 2**n_qubits), or (..., samples, 2**n_qubits) with `inputs`; complex128 for
            float64 `theta`, complex64 for float32; differentiable in `theta` and `inputs`.

        Raises:
            TypeError, ValueError: `theta` or `inputs` is not a real tensor of the shape above, or not finite.
        """
        self._check(theta, inputs)
        theta, qubits = self._start(theta, inputs)
        return evolve(self.program, theta, product_state(qubits))

    def expectation(self, theta: Tensor, H: Observable, inputs: Tensor | None = None) -> Tensor:
        """Return ``<psi|H|psi>``, real, shape (...) or (..., samples); the rest as :meth:`expectations`."""
        check(self, H)
        return self.expectations(theta, [H], inputs).squeeze(-1)

    def expectations(
        self, theta: Tensor, observables: Sequence[Observable], inputs: Tensor | None = None
    ) -> Tensor:
        """Return the expectations ``<O_i>`` of several observables in one state.

        The state is evolved once, so the gradient of ``sum_i g_i <O_i>`` is one backward pass, whatever m is;
        it undoes the gates one by one, so its memory does not grow with their number
        (:mod:`qbp.circuits.adjoint`).

        Args:
            theta, inputs: as for :meth:`state`.
            observables: m >= 1 observables on n_qubits qubits.

        Returns:
            Real, shape (..., m), or (..., samples, m) with `inputs`; differentiable in `theta` and `inputs`.

        Raises:
            TypeError, ValueError: as for :meth:`state`; or no observable, or one of another number of qubits.
        """
        n = self.n_qubits
        observables = observables_on(n, observables)
        self._check(theta, inputs)
        native = evolution.supports(self.program, n, theta, observables)
        if inputs is None or not inputs.numel() or not native:
            return adjoint.expectations(self.program, *self._start(theta, inputs), observables, product=True)
        # The kernel takes the angles of each sample anyway: RY(inputs) are rotations like the others.
        program, inputs = with_inputs(self.program, n, inputs.shape[-1]), inputs.to(theta.dtype)
        start = self._start(theta, None)
        return adjoint.expectations(program, *start, observables, product=True, inputs=inputs)

    def value_and_gradient(self, theta: Tensor, H: Observable) -> tuple[Tensor, Tensor]:
        """Return ``<psi|H|psi>`` and its whole gradient, without autograd: the shortest way to both.

        Args:
            theta: as for :meth:`state`; whether it requires a gradient does not matter.
            H: an observable on n_qubits qubits.

        Returns:
            The values, (...), and the gradients, (..., n_params), both without a graph.

        Raises:
            TypeError, ValueError: as for :meth:`expectation`.

        Example:
            >>> from qbp.circuits.ansatz import HardwareEfficient
            >>> from qbp.circuits.observables import PauliSum
            >>> circuit, H = HardwareEfficient(1, 1, rotations=["ry"]), PauliSum({"Z": 1.0})
            >>> circuit.value_and_gradient(torch.tensor([0.0]).double(), H)[0]  # cos(theta)
            tensor(1., dtype=torch.float64)
        """
        check(self, H)
        self._check(theta, None)
        return adjoint.value_and_gradient(self.program, *self._start(theta, None), H)

    @cached_property
    def n_params(self) -> int:
        """The number of angles."""
        rotations = (gate.parameter for gate in self.program if isinstance(gate, Rotation))
        return 1 + max((k for k in rotations if k is not None), default=-1)

    @cached_property
    def qubits(self) -> np.ndarray:
        """The single-qubit amplitudes of the start state, complex, shape (n_qubits, 2)."""
        return start_qubits(self.start, self.n_qubits)

    def _start(self, theta: Tensor, inputs: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return `theta` and the qubits of the start state, with axes that broadcast."""
        qubits = torch.from_numpy(_qubits(self.start, self.n_qubits, theta.dtype)).to(theta.device)
        if inputs is None:
            return theta, qubits
        return theta.unsqueeze(-2), embed(inputs.to(theta.dtype), qubits)  # (..., samples, n_qubits, 2)

    def _check(self, theta: Tensor, inputs: Tensor | None) -> None:
        _checks.theta(theta, self.n_params)
        rows = prod(theta.shape[:-1])
        if inputs is not None:
            self._check_inputs(theta, inputs)
            rows = prod(np.broadcast_shapes(theta.shape[:-1], inputs.shape[:-2])) * inputs.shape[-2]
        _checks.room("theta", self.n_qubits, rows, torch.finfo(theta.dtype).bits, theta.device)

    def _check_inputs(self, theta: Tensor, inputs: Tensor) -> None:
        shape = tuple(getattr(inputs, "shape", ()))
        _checks.theta(inputs, min((0, *shape)[-1], self.n_qubits), name="inputs")
        runs = zip(theta.shape[-2::-1], shape[-3::-1], strict=False)  # broadcasting aligns the last axes
        if len(shape) < 2 or any(a != b and 1 not in (a, b) for a, b in runs):
            takes = f"(..., samples, n_features) to go with theta {tuple(theta.shape)}"
            raise ValueError(f"inputs must have shape {takes}, got {shape}")


def check(circuit: Circuit, *observable: Observable, trained: bool = False) -> None:
    """Raise TypeError unless `circuit` is one, and ValueError unless H is an observable on its qubits.

    One that is to be `trained`, or differentiated, needs a parameter.
    """
    if not isinstance(circuit, Circuit):
        raise TypeError(f"circuit must be a Circuit, got {type(circuit).__name__!r}")
    if trained and not circuit.n_params:
        raise ValueError(f"circuit must have a parameter, got {circuit!r}")
    for H in observable:
        if not isinstance(H, Observable) or H.n_qubits != circuit.n_qubits:
            raise ValueError(f"H must be an observable on {circuit.n_qubits} qubits, got {H!r}")


@lru_cache(maxsize=64)
def _qubits(start: Start, n_qubits: int, dtype: torch.dtype) -> np.ndarray:
    """Return the qubits of a start state, (n_qubits, 2), made once and never changed.

    An array: a tensor would keep the mode in which it was made, such as ``torch.inference_mode``.
    """
    return start_qubits(start, n_qubits).astype(np.complex64 if dtype == torch.float32 else complex)


@lru_cache(maxsize=64)
def with_inputs(program: Program, n_qubits: int, n_features: int) -> Program:
    """Return the program after RY by the first `n_features` angles, one on each of the first qubits."""
    first = [Rotation("I" * q + "Y" + "I" * (n_qubits - 1 - q), q) for q in range(n_features)]
    moved = (
        g._replace(parameter=g.parameter + n_features)
        if isinstance(g, Rotation) and g.parameter is not None
        else g
        for g in program
    )
    return Program([*first, *moved])
