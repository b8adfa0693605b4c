"""Tasks that remedies are compared on: Hamiltonians, a cut, a molecule and two states to prepare.

A local Clifford frame is put behind the circuit, as rotations that undo it, and not into the Hamiltonian: so
all runs measure the same strings.  :func:`qbp.circuits.targets.in_frame` says the same in the other order.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp.circuits.observables import Observable, PauliSum, local_observables, maxcut
from qbp.circuits.problems import product_state_targets
from qbp.circuits.targets import clifford_frame, ground_energy, target
from qbp.remedies.molecules import molecule

if TYPE_CHECKING:
    from qbp.circuits.ansatz import HardwareEfficient

HAMILTONIANS, STATES = ("tfim", "heisenberg", "regular", "molecule"), ("circuit", "random")
TASKS = HAMILTONIANS + STATES
SWEEPS = 200  # of the relaxed cut


@dataclass(frozen=True)
class Task:
    """What one run is asked for, as it is measured: behind the rotations that undo the frame.

    Attributes:
        observable: what is minimized: a Hamiltonian, or the infidelity to a state.
        lowest: its lowest value.
        bloch: targets b_i of eq. 1, a Bloch vector for each qubit, (n, 3) float64.
        frame: what the frame does to the Bloch vectors of each qubit, (n, 3, 3); None without one.
    """

    observable: Observable
    lowest: float
    bloch: Tensor
    frame: np.ndarray | None

    @property
    def seen(self) -> Tensor:
        """The Bloch vectors of the targets in front of the rotations, where a start is chosen, (n, 3)."""
        return (
            self.bloch
            if self.frame is None
            else (torch.from_numpy(self.frame).double() @ self.bloch[..., None])[..., 0]
        )


def task(kind: str, circuit: "HardwareEfficient", seed: int, frame: str = "plain") -> Task:
    """Return the task of the run with this seed.

    Args:
        kind: "tfim", "heisenberg" (open chains), "regular" (maximum cut of a random 3-regular graph),
            "molecule" (:mod:`qbp.remedies.molecules`), "circuit" (the state of two layers at random angles)
            or "random" (a uniformly random state, what deep random circuits lead to).
        circuit: gives the number of qubits, and its gates to "circuit".
        seed: of what is random in it.
        frame: "plain", or "clifford": a Hamiltonian in a random local Clifford frame.

    Raises:
        ValueError: `kind` or `frame` is none of these, a state is asked for in a frame, or there is no such
            graph or molecule on so many qubits.
    """
    _checks.choice("kind", kind, TASKS)
    _checks.choice("frame", frame, ("plain", "clifford"))
    if kind in STATES:
        found = target(kind, circuit, seed, frame=frame)
        return Task(found.task, found.lowest, found.bloch, None)
    n = circuit.n_qubits
    turned = clifford_frame(n, seed) if frame == "clifford" else None
    if kind in ("tfim", "heisenberg"):
        found = target(kind, circuit, seed)
        return Task(found.task, found.lowest, found.bloch, turned)
    if kind == "regular":
        edges = regular_graph(n, seed)
        H = maxcut(edges, n_qubits=n)
        return Task(H, ground_energy(H), relaxed_cut(edges, n, seed), turned)
    H, lowest, bloch = _molecule(n)
    return Task(H, lowest, torch.from_numpy(bloch.copy()), turned)


@lru_cache(maxsize=8)
def _molecule(n: int) -> tuple[PauliSum, float, np.ndarray]:
    H = PauliSum(molecule(n))
    bloch, _ = product_state_targets(H, local_observables(n))
    return H, ground_energy(H), bloch.reshape(n, 3).numpy()


def regular_graph(n: int, seed: int) -> list[tuple[int, int]]:
    """Return the edges of a random 3-regular graph, sorted; every simple one is as likely.

    Three half-edges a vertex are paired at random until neither a loop nor a double edge is left: the
    configuration model.

    Args:
        n: vertices, even and at least 4.
        seed: of the pairing.

    Example:
        >>> regular_graph(4, seed=0)
        [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    """
    n = _checks.integer("n", n, 4)
    if n % 2:
        raise ValueError(f"n must be even for a 3-regular graph, got {n}")
    stream = draws.stream(_checks.integer("seed", seed, 0, 2**64 - 1), "graph")
    while True:
        pairs = stream.permutation(np.repeat(np.arange(n), 3)).reshape(-1, 2)
        edges = {(min(a, b), max(a, b)) for a, b in pairs.tolist() if a != b}
        if len(edges) == 3 * n // 2:
            return sorted(edges)


def relaxed_cut(edges: list[tuple[int, int]], n: int, seed: int) -> Tensor:
    """Return a unit vector in space for each vertex, lowest sum of products over edges, (n, 3) float64.

    The signs of a cut relaxed to vectors, each in turn set against its neighbours (Tate et al. 2023): what a
    classical computer knows of the cut, turned at random.

    Args:
        edges: pairs of vertices below n.
        n: number of vertices.
        seed: of the random start.
    """
    beside = np.zeros((n, n))
    for a, b in edges:
        beside[a, b] = beside[b, a] = 1.0
    vectors = draws.normal([seed], "relaxed cut", 3 * n).reshape(n, 3).numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for _ in range(SWEEPS):
        for v in range(n):
            field = beside[v] @ vectors
            if (size := np.linalg.norm(field)) > 1e-12:
                vectors[v] = -field / size
    return torch.from_numpy(vectors)


def euler_angles(turns: np.ndarray) -> np.ndarray:
    """Return angles (a, b, c) with turn = Rz(a) Ry(b) Rz(c) in space, (..., 3, 3) -> (..., 3) in radians.

    Example:
        >>> euler_angles(np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])).round(4)
        array([1.5708, 0.    , 0.    ])
    """
    t = np.asarray(turns, dtype=float)
    b = np.arctan2(np.hypot(t[..., 0, 2], t[..., 1, 2]), t[..., 2, 2])
    tilted, down = np.sin(b) > 1e-9, t[..., 2, 2] < 0
    flat = np.where(down, np.arctan2(-t[..., 1, 0], -t[..., 0, 0]), np.arctan2(t[..., 1, 0], t[..., 0, 0]))
    a = np.where(tilted, np.arctan2(t[..., 1, 2], t[..., 0, 2]), flat)
    c = np.where(tilted, np.arctan2(t[..., 2, 1], -t[..., 2, 0]), 0.0)
    return np.stack([a, b, c], axis=-1)
