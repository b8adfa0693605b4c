"""Problems on circuits for Algorithm 1: an energy or an infidelity, eq. 1 beside it, and its targets b_i.

The paper never says what the targets are.  For a Hamiltonian we take the expectations of its best product
state (mean field), for state preparation those of the target itself.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp.circuits.observables import Observable, PauliSum, amplitudes, observables_on
from qbp.convex import local_loss
from qbp.problem import Problem

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit

RESTARTS, SWEEPS = 20, 200  # of the mean field: random product states, passes over the qubits


class Infidelity(Observable):
    """The observable 1 - ``|target><target|``; its expectation is the infidelity to a target state.

    Args:
        target: normalized amplitudes, (2**n_qubits,); or one target for each run, (runs, 2**n_qubits), which
            go with the runs along the first axis of the states.

    Raises:
        TypeError, ValueError: `target` is no normalized tensor of 2**n amplitudes.

    Example:
        >>> Infidelity(torch.tensor([1.0, 0.0])).expectation(torch.tensor([0.6, 0.8]))
        tensor(0.6400)
    """

    def __init__(self, target: Tensor) -> None:
        shape = tuple(getattr(target, "shape", ()))
        self.n_qubits = max(1, int(math.log2(max((1, *shape)[-1], 1))))
        self.target = amplitudes("target", target, 2**self.n_qubits)
        norms = torch.linalg.vector_norm(self.target, dim=-1)
        off = abs(norms - 1).max().item() if _checks.has_values(norms) and norms.numel() else 0.0
        if target.ndim not in (1, 2) or norms.numel() == 0 or not off < 1e-5:
            raise ValueError(
                f"target must have shape (2**n,) or (runs, 2**n) and norm 1, got {shape}, {norms}"
            )

        self.runs = len(target) if target.ndim == 2 and len(target) > 1 else None

    def of_runs(self, runs: slice, copies: int = 1) -> "Infidelity":
        """Return the infidelity to the targets of some runs, each in as many copies."""
        if self.runs is None or (runs, copies) == (slice(None), 1):
            return self
        return Infidelity(self.target[runs].repeat_interleave(copies, 0))

    def apply(self, state: Tensor) -> Tensor:
        """Return ``state - <target|state> target``, shape (..., 2**n_qubits)."""
        state = self._checked(state)
        target = self.target.to(state)
        if target.ndim == 2:  # first axes together, whatever stands between
            target = target.reshape(len(target), *(1,) * (state.ndim - 2), -1)
        overlap = (target.conj() * state).sum(-1, keepdim=True)
        return state - overlap * target


def circuit_problem(
    circuit: "Circuit", task: Observable, observables: Sequence[Observable], targets: Tensor
) -> Problem:
    r"""Build the problem of one circuit: minimize <H>, with eq. 1 as its convex part.

    Args:
        circuit: prepares psi(theta).
        task: the Hamiltonian H, or :class:`Infidelity`.
        observables: O_i of eq. 1, m of them.
        targets: b_i, dimensionless, (m,).

    Returns:
        A problem without data.  It records `energy` (the task) and `convex` at every due step of Algorithm 1.

    Raises:
        TypeError, ValueError: an argument is none of these.
    """
    n = getattr(circuit, "n_qubits", None)
    if not isinstance(n, int) or not hasattr(circuit, "expectations"):
        raise TypeError(f"circuit must be a Circuit, got {type(circuit).__name__!r}")
    if not isinstance(task, Observable) or task.n_qubits != n:
        raise ValueError(f"task must be an observable on {n} qubits, got {task!r}")
    _checks.theta(targets, len(observables_on(n, observables)), "targets")
    return Problem(
        energy=lambda theta, batch: circuit.expectation(theta, task),
        convex=lambda theta, batch: local_loss(circuit, theta, observables, targets),
    )


def product_state_targets(
    hamiltonian: PauliSum, observables: Sequence[PauliSum], seed: int = 0
) -> tuple[Tensor, float]:
    """Return the expectations b_i of the best product state of a Hamiltonian (mean field), and its energy.

    Each qubit in turn is set against the field of the others, from seeded random starts; the lowest of all
    is kept.  The energy of a product state is linear in each Bloch vector, so a turn never raises it.

    Args:
        hamiltonian: H on n qubits.
        observables: O_i, m of them, each one Pauli on one qubit.
        seed: of the random starts.

    Returns:
        b, (m,) float64, and the energy of the product state.

    Raises:
        ValueError: an observable is no single Pauli on one qubit.

    Example:
        >>> from qbp.circuits.observables import local_observables, tfim
        >>> b, energy = product_state_targets(tfim(3, coupling=0.0), local_observables(3, "X"))
        >>> b, round(energy, 6)
        (tensor([1., 1., 1.], dtype=torch.float64), -3.0)
    """
    _check_sum(hamiltonian)
    n, seed = hamiltonian.n_qubits, _checks.integer("seed", seed, 0, 2**64 - RESTARTS)
    where = [_single(o) for o in observables_on(n, observables)]
    bloch = draws.normal(range(seed, seed + RESTARTS), "mean field", 3 * n).reshape(RESTARTS, n, 3)
    bloch = bloch / bloch.norm(dim=-1, keepdim=True)
    for _ in range(SWEEPS):
        before = bloch.clone()
        for qubit in range(n):
            field = _field(hamiltonian, bloch, qubit)  # the energy is field . bloch[qubit] + the rest
            size = field.norm(dim=-1, keepdim=True)
            bloch[:, qubit] = torch.where(size > 1e-12, -field / size, bloch[:, qubit])
        if (bloch - before).abs().max() < 1e-13:  # settled
            break
    energy = _energy(hamiltonian, bloch)
    lowest = min(energies := [round(e, 9) for e in energy.tolist()])  # among equals the first, on any machine
    best = bloch[energies.index(lowest)]
    return torch.stack([best[qubit, "XYZ".index(pauli)] for qubit, pauli in where]), float(energy.min())


def product_energy(hamiltonian: PauliSum, bloch: Tensor) -> Tensor:
    """Return <H> in product states with Bloch vectors (..., n_qubits, 3), real, (...).

    Raises:
        TypeError, ValueError: `hamiltonian` is no Pauli sum, or `bloch` no real tensor of that shape.
    """
    _check_sum(hamiltonian)
    _checks.theta(bloch, 3, "bloch")
    if bloch.shape[-2:-1] != (hamiltonian.n_qubits,):
        raise ValueError(f"bloch must have shape (..., {hamiltonian.n_qubits}, 3), got {tuple(bloch.shape)}")
    return _energy(hamiltonian, bloch)


def _check_sum(hamiltonian: PauliSum) -> None:
    if not isinstance(hamiltonian, PauliSum):
        raise TypeError(f"hamiltonian must be a PauliSum, got {type(hamiltonian).__name__!r}")


def _energy(hamiltonian: PauliSum, bloch: Tensor) -> Tensor:
    return sum(
        c * math.prod(bloch[..., q, "XYZ".index(p)] for q, p in enumerate(string) if p != "I")
        for string, c in hamiltonian.terms.items()
    ) + bloch.new_zeros(bloch.shape[:-2])


def _field(hamiltonian: PauliSum, bloch: Tensor, qubit: int) -> Tensor:
    """Return the derivative of the energy by one qubit's Bloch vector, (..., 3)."""
    zero = _energy(hamiltonian, _with(bloch, qubit, torch.zeros_like(bloch[..., 0, :])))
    unit = torch.eye(3, dtype=bloch.dtype, device=bloch.device)
    return torch.stack([_energy(hamiltonian, _with(bloch, qubit, e)) - zero for e in unit], dim=-1)


def _with(bloch: Tensor, qubit: int, vector: Tensor) -> Tensor:
    bloch = bloch.clone()
    bloch[..., qubit, :] = vector
    return bloch


def _single(observable: Observable) -> tuple[int, str]:
    """Return (qubit, letter) of an observable that is one Pauli on one qubit."""
    terms = list(getattr(observable, "terms", {}).items())
    letters = [(q, p) for string, _ in terms for q, p in enumerate(string) if p != "I"]
    if len(terms) != 1 or len(letters) != 1 or _checks.number("a coefficient", terms[0][1]) != 1:
        raise ValueError(f"observables must each be one Pauli on one qubit, got {observable!r}")
    return letters[0]
