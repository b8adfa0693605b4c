r"""Targets of a circuit: the ground state of a Hamiltonian, or a given state; and the local values b_i.

A Hamiltonian may stand in a local Clifford frame, one of the 24 single-qubit Cliffords on each qubit.  Its
spectrum and its entanglement stay, its strings stay strings, but ``|0...0>`` is no longer close to anything,
so that a start or a circuit that favours it is not flattered.  No target here is ``|0...0>``.
"""

import contextlib
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations, product
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp.circuits.gates import pauli_signs
from qbp.circuits.observables import (
    Observable,
    PauliSum,
    amplitudes,
    heisenberg,
    local_observables,
    maxcut,
    tfim,
)
from qbp.circuits.problems import Infidelity, product_energy, product_state_targets
from qbp.circuits.statevector import product_state

if TYPE_CHECKING:
    from qbp.circuits.ansatz import HardwareEfficient

HAMILTONIANS, STATES = ("tfim", "heisenberg", "maxcut"), ("product", "circuit", "random")
TARGETS = HAMILTONIANS + STATES
FRAMES = ("plain", "clifford")
DENSE, WHOLE = 8, 12  # qubits up to which a ground energy is that of the whole matrix: at once, or at worst
VECTORS, RESTARTS = 40, 200  # of ARPACK
RESIDUAL = 1e-11  # of ||H||: what an eigenvector may leave


@dataclass(frozen=True)
class Target:
    """What one run is asked for.

    Attributes:
        task: the observable to minimize: a Hamiltonian, or the infidelity to a state.
        lowest: its lowest value: the ground energy, or 0.
        bloch: where the targets b_i come from, a Bloch vector for each qubit, (n, 3) float64.
        product: the task in the product state whose qubits point along `bloch`: what the targets alone say.
    """

    task: Observable
    lowest: float
    bloch: Tensor
    product: float

    def local(self, paulis: str = "XYZ") -> Tensor:
        """Return b_i for the observables of :func:`qbp.circuits.observables.local_observables`, (n *
        paulis,)."""
        letters = paulis if isinstance(paulis, str | list | tuple) else ()
        if not letters or not all(p in ("X", "Y", "Z") for p in letters):
            raise ValueError(f"paulis must be one or more of X, Y, Z, in the order wanted, got {paulis!r}")
        return self.bloch[:, ["XYZ".index(p) for p in letters]].flatten()

    def information(self, paulis: str = "XYZ") -> float:
        """Return how much these b_i know: the mean over qubits of their sum of squares, in [0, 1].

        For all of "XYZ" it is the mean squared Bloch length: 1 for a product state, 0 where every qubit is
        maximally entangled with the rest, and eq. 1 says nothing.
        """
        return float(self.local(paulis).square().sum() / len(self.bloch))


def target(
    kind: str, circuit: "HardwareEfficient", seed: int, *, frame: str = "plain", layers: int = 2
) -> Target:
    """Return the target of the run with this seed.

    The targets b_i of a state are its own local expectations.  Those of tfim and heisenberg are the
    expectations of the best product state (mean field); the ground state of a cut *is* a product state, so
    there they come from a relaxation, each sign made a unit vector in space and all turned at random (Tate et
    al. 2023).

    Args:
        kind: "tfim", "heisenberg" (open chains), "maxcut" (a ring); "product", each qubit in a random
            direction; "circuit", the state of `circuit` with `layers` layers at random angles; "random", a
            uniformly random state, what deep random circuits lead to.
        circuit: gives the number of qubits, and its gates to "circuit".
        seed: of what is random in it.
        frame: "plain", or "clifford": the Hamiltonian in a random local Clifford frame.
        layers: depth of "circuit".

    Raises:
        ValueError: `kind` or `frame` is none of these, or a state is asked for in a frame.
    """
    _checks.choice("kind", kind, TARGETS)
    _checks.choice("frame", frame, FRAMES)
    if not hasattr(circuit, "n_qubits") or not hasattr(circuit, "n_layers"):
        raise TypeError(f"circuit must be a HardwareEfficient, got {type(circuit).__name__!r}")
    seed, layers = _checks.integer("seed", seed, 0, 2**64 - 1), _checks.integer("layers", layers)
    n = circuit.n_qubits
    _checks.room("circuit", n, rows=1)
    if kind in STATES:
        if frame != "plain":
            raise ValueError(f"frame is an option of Hamiltonians, got {frame!r} for {kind}")
        return _of_state(_state(kind, circuit, seed, layers))
    H, lowest, vectors = _hamiltonian(kind, n)
    bloch = torch.from_numpy(vectors.copy())
    if kind == "maxcut":
        bloch = bloch @ _turn(seed).mT
    if frame == "clifford":
        cliffords = clifford_frame(n, seed)
        H, bloch = in_frame(H, cliffords), (torch.from_numpy(cliffords).double() @ bloch[..., None])[..., 0]
    return Target(H, lowest, bloch, float(product_energy(H, bloch)))


def clifford_frame(n_qubits: int, seed: int) -> np.ndarray:
    """Return a random single-qubit Clifford for each qubit, as what it does to Bloch vectors.

    Returns:
        Rotations that map axes to axes, (n_qubits, 3, 3), entries 0, 1 and -1; each of the 24 is as likely.
    """
    n_qubits, seed = _checks.integer("n_qubits", n_qubits), _checks.integer("seed", seed, 0, 2**64 - 1)
    _checks.memory("n_qubits", 80 * n_qubits, f"{n_qubits} rotations")
    return _CLIFFORDS[draws.stream(seed, "frame").integers(len(_CLIFFORDS), size=n_qubits)]


def in_frame(H: PauliSum, cliffords: np.ndarray) -> PauliSum:
    """Return ``C H C^-1`` for a product C of single-qubit Cliffords: strings map to strings, with signs.

    Args:
        H: on n qubits.
        cliffords: as from :func:`clifford_frame`, (n, 3, 3).

    Example:
        >>> swap_x_and_z = np.array([[[0, 0, 1], [0, -1, 0], [1, 0, 0]]] * 2)  # the Hadamard gate
        >>> in_frame(PauliSum({"ZY": 1.0, "IX": 2.0}), swap_x_and_z)
        PauliSum({'XY': -1.0, 'IZ': 2.0})
    """
    if not isinstance(H, PauliSum):
        raise TypeError(f"H must be a PauliSum, got {type(H).__name__!r}")
    shape, got = (H.n_qubits, 3, 3), getattr(cliffords, "shape", type(cliffords).__name__)
    axes = isinstance(cliffords, np.ndarray) and cliffords.shape == shape and cliffords.dtype.kind in "if"
    if not axes or (np.count_nonzero(cliffords, axis=1) != 1).any():
        raise ValueError(f"cliffords must be an array of rotations that map axes to axes, {shape}, got {got}")
    to = cliffords.nonzero()  # qubit, new axis, old axis
    image = {(q, "XYZ"[old]): ("XYZ"[new], cliffords[q, new, old]) for q, new, old in zip(*to, strict=True)}
    terms = {}
    for string, coefficient in H.terms.items():
        pairs = [image[q, p] if p != "I" else ("I", 1) for q, p in enumerate(string)]
        terms["".join(p for p, _ in pairs)] = coefficient * float(np.prod([sign for _, sign in pairs]))
    return PauliSum(terms)


def ground_energy(H: PauliSum) -> float:
    """Return the lowest eigenvalue of a Hamiltonian, to 1e-11 of the sum of its coefficients or better.

    Where all strings share a basis, it is the lowest of all values; else that of the matrix up to 8 qubits,
    and above the one that ARPACK finds from two starts (Lanczos with implicit restarts, Lehoucq et al. 1998).

    Raises:
        TypeError: H is no Pauli sum.
        ValueError: its states do not fit into memory, or ARPACK does not converge.

    Example:
        >>> round(ground_energy(tfim(2)), 6)  # -sqrt(5)
        -2.236068
    """
    if not isinstance(H, PauliSum):
        raise TypeError(f"H must be a PauliSum, got {type(H).__name__!r}")
    _checks.room("H", H.n_qubits, rows=1)
    return _ground_energy(H)


@lru_cache(maxsize=64)
def _ground_energy(H: PauliSum) -> float:
    letters = [set(column) - {"I"} for column in zip(*(p for p, c in H.terms.items() if c), strict=True)]
    if all(len(own) < 2 for own in letters):  # a letter for each qubit, which may as well be Z
        values = sum(c * pauli_signs(p.translate(str.maketrans("XY", "ZZ"))) for p, c in H.terms.items())
        return float(np.min(values))
    if H.n_qubits <= DENSE:
        return _of_matrix(H)
    _checks.room("H", H.n_qubits, rows=VECTORS // 2)
    constant = H.terms.get("I" * H.n_qubits, 0.0)
    scale = sum(map(abs, H.terms.values())) - abs(constant)
    unit = PauliSum({p: c / scale for p, c in H.terms.items() if p.strip("I")})  # of norm 1 at most
    found = _lowest(unit, seed=0)
    if found < np.inf and abs(found - _lowest(unit, seed=1)) < RESIDUAL:
        return constant + scale * found
    if H.n_qubits <= WHOLE:
        return _of_matrix(H)
    raise ValueError(f"H must have a lowest eigenvalue that ARPACK reaches in {RESTARTS} restarts, got {H!r}")


def _of_matrix(H: PauliSum) -> float:
    identity = torch.eye(2**H.n_qubits, dtype=torch.complex128, device="cpu")
    return float(torch.linalg.eigvalsh(H.apply(identity))[0])


def _lowest(H: PauliSum, seed: int) -> float:
    """Return the lowest eigenvalue that ARPACK finds from a random start, infinity where it finds none."""
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh  # slow to import

    def apply(x: np.ndarray) -> np.ndarray:  # on real and imaginary parts, so that the matrix is symmetric
        return H.apply(torch.from_numpy(x.ravel().view(complex))).numpy().view(float)

    start = draws.normal([seed], "lanczos", 2 * 2**H.n_qubits)[0].numpy()
    operator = LinearOperator((len(start),) * 2, apply, dtype=float)
    with contextlib.suppress(ArpackNoConvergence):
        (value,), vector = eigsh(operator, 1, which="SA", v0=start, ncv=VECTORS, maxiter=RESTARTS)
        if np.linalg.norm(apply(vector) - value * vector[:, 0]) < RESIDUAL:
            return float(value)
    return np.inf


def bloch_vectors(state: Tensor) -> Tensor:
    """Return the local expectations (<X>, <Y>, <Z>) of each qubit, (n, 3) float64, of amplitudes (2**n,).

    Raises:
        TypeError, ValueError: `state` is no tensor of that shape.
    """
    size = (0, *getattr(state, "shape", ()))[-1]
    if amplitudes("state", state, size).ndim != 1 or size < 2 or size & (size - 1):
        raise ValueError(f"state must have shape (2**n,), got {tuple(state.shape)}")
    n = state.numel().bit_length() - 1
    return torch.stack([P.expectation(state).double() for P in local_observables(n)]).reshape(n, 3)


@lru_cache(maxsize=64)
def _hamiltonian(kind: str, n: int) -> tuple[PauliSum, float, np.ndarray]:
    """Return the Hamiltonian, its ground energy, and the Bloch vectors of its targets, (n, 3).

    An array, since a tensor would keep the mode in which it was made, such as ``torch.inference_mode``.
    """
    ring = [(q, (q + 1) % n) for q in range(n if n > 2 else n - 1)]
    H = {"tfim": tfim, "heisenberg": heisenberg}.get(kind, lambda n: maxcut(ring, n_qubits=n))(n)  # type: ignore[operator]  # each makes a sum of n
    # A sign for each vertex of a cut relaxed to a vector: Z_i Z_j becomes the product of two vectors.
    vectors = {s.replace("Z", p): c for s, c in H.terms.items() if "Z" in s for p in "XYZ"}
    relaxed = PauliSum(vectors) if kind == "maxcut" and vectors else H
    bloch, _ = product_state_targets(relaxed, local_observables(n))
    return H, ground_energy(H), bloch.reshape(n, 3).numpy()


def _turn(seed: int) -> Tensor:
    """Return a uniformly random rotation of space, (3, 3), from a random unit quaternion."""
    w, x, y, z = (q := draws.normal([seed], "turn", 4)[0]) / q.norm()
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row) for row in rows])


def _state(kind: str, circuit: "HardwareEfficient", seed: int, layers: int) -> Tensor:
    n = circuit.n_qubits
    if kind == "product":
        return product_state(_pointing(draws.normal([seed], "target", 3 * n).reshape(n, 3)))
    if kind == "circuit":
        whole = replace(circuit, n_layers=layers)
        return whole.state(draws.uniform([seed], "target", whole.n_params, high=2 * np.pi)[0])
    parts = draws.normal([seed], "target", 2 * 2**n).reshape(2, -1)
    return torch.complex(*(parts / parts.norm()))


def _of_state(state: Tensor) -> Target:
    bloch, task = bloch_vectors(state), Infidelity(state)
    return Target(task, 0.0, bloch, float(task.expectation(product_state(_pointing(bloch)))))


def _pointing(bloch: Tensor) -> Tensor:
    """Return qubits that point along Bloch vectors (n, 3): amplitudes, (n, 2) complex."""
    x, y, z = bloch.unbind(-1)
    polar, azimuth = torch.atan2((x * x + y * y).sqrt(), z) / 2, torch.atan2(y, x)
    return torch.stack([polar.cos() + 0j, torch.polar(polar.sin(), azimuth)], dim=-1)


def _cliffords() -> np.ndarray:
    """Return the 24 rotations that map axes to axes, (24, 3, 3)."""
    found = [
        np.diag(signs)[:, list(order)]
        for order in permutations(range(3))
        for signs in product((1, -1), repeat=3)
    ]
    return np.array([m for m in found if round(np.linalg.det(m)) == 1])


_CLIFFORDS = _cliffords()
