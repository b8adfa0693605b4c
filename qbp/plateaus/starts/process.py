"""Circuits as weighted walks take them: Clifford gates, quarter turns, random turns, and noise in between.

An angle ``scale * theta + offset`` turns by a multiple of pi/2, which is a Clifford gate, and by a random
rest that is symmetric about zero.  The gates are put into steps that act on many qubits together, as in
:mod:`qbp.plateaus.pauli.strings`.
"""

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qbp import _checks
from qbp.circuits.gates import Entangler, Rotation
from qbp.circuits.observables import Observable
from qbp.plateaus.pauli.families import start_expectations
from qbp.plateaus.pauli.strings import Chain, Turn, acting, back, chains_of, cut_chain, turn_of
from qbp.plateaus.pauli.walkable import check_measured, started
from qbp.plateaus.starts.ensemble import LEAST, AngleEnsemble

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit

EXACT = 1e-9  # radians within which a center is a multiple of pi/2


class Quarter(NamedTuple):
    """Rotations by multiples of pi/2; the `parameters` of the turn are how many, 1 to 3."""

    turn: Turn


class Noise(NamedTuple):
    """The noise of a process, on the qubits (k,)."""

    qubits: np.ndarray


Step = Turn | Quarter | Chain | Noise


class Process(NamedTuple):
    """What is walked.

    Attributes:
        steps: first to last; the `parameters` of a :class:`~qbp.plateaus.pauli.strings.Turn` are numbers of
            rotations.
        start: expectations of I, X, Z, Y in each qubit of the start state, (n, 4).
        parameter: of each rotation, (rotations,).
        size: the absolute scale of each rotation, (rotations,).
        mean, stay, turn: mu, q and p of each rotation, see :mod:`qbp.plateaus.starts.ensemble`.
        log_kept: log2 of mu^2 / q, exact for small widths.
        factors, drop: of the noise, (4,), and the probability that it drops a Z.
    """

    steps: list[Step]
    start: np.ndarray
    parameter: np.ndarray
    size: np.ndarray
    mean: np.ndarray
    stay: np.ndarray
    turn: np.ndarray
    log_kept: np.ndarray
    factors: np.ndarray
    drop: float


def process_of(circuit: "Circuit", H: Observable, ensemble: AngleEnsemble) -> Process:
    """Return what is walked, or raise where no walk goes.

    Args:
        circuit: rotations, each by a parameter of its own, CZs and CNOTs.
        H: a PauliSum or a Projector.
        ensemble: centers at multiples of pi/2 of the angles.

    Raises:
        TypeError, ValueError: an argument is none of these.
    """
    _check(circuit, H)
    if not isinstance(ensemble, AngleEnsemble):
        raise TypeError(f"ensemble must be an AngleEnsemble, got {_checks.kind_of(ensemble)}")
    centers = ensemble.per_parameter("center", circuit.n_params)
    widths = ensemble.per_parameter("width", circuit.n_params)
    compiler = _Compiler(noisy=bool(ensemble.noise))
    rotations: list[Rotation] = []
    program, qubits = circuit.program, circuit.qubits
    fixed = any(isinstance(gate, Rotation) and gate.parameter is None for gate in program)
    if fixed and not ensemble.noise:
        program, qubits = started(program, qubits)
    for gate in program:
        if isinstance(gate, Entangler):
            compiler.entangle(gate)
            continue
        quarters = _quarters(gate, centers, full=ensemble.kind == "full")
        if gate.parameter is not None:
            compiler.rotate(gate.pauli, len(rotations), quarters)
            rotations.append(gate)
        elif quarters or ensemble.noise:  # noise stands behind a rotation by 0 as well
            compiler.rotate(gate.pauli, None, quarters)
    parameter = np.array([gate.parameter for gate in rotations], dtype=int)
    size = abs(np.array([gate.scale for gate in rotations], dtype=float))
    found = ensemble.moments(size * widths[parameter])
    stay, turn = np.maximum(found.stay, LEAST), np.maximum(found.turn, LEAST)
    log_kept = np.log1p(-np.minimum(found.spread / stay, 1 - 1e-15)) / np.log(2)
    return Process(
        compiler.finish(),
        start_expectations(qubits),
        parameter,
        size,
        found.mean,
        stay,
        turn,
        log_kept,
        np.maximum(ensemble.noise.factors, LEAST),
        ensemble.noise.amplitude_damping,
    )


def _check(circuit: "Circuit", H: Observable) -> None:
    check_measured(circuit, H)
    seen = set()
    for gate in circuit.program:
        if isinstance(gate, Rotation) and gate.parameter is not None:
            if gate.parameter in seen:
                takes = "an angle for each rotation: Pauli walks need independent angles"
                got = f"parameter {gate.parameter} in two rotations (tied angles)"
                raise ValueError(f"circuit must have {takes}, got {got}")
            seen.add(gate.parameter)


def _quarters(gate: Rotation, centers: np.ndarray, *, full: bool) -> int:
    """Return how often the center of an angle turns by pi/2, modulo 4; 0 for an angle all around."""
    if gate.parameter is None:
        center, takes = gate.offset, "fixed rotations"
    elif full:
        if not gate.scale or gate.scale % 1:
            takes = "angles scaled by whole numbers other than 0: Pauli walks need uniform angles"
            raise ValueError(f"circuit must have {takes}, got {gate}")
        return 0
    else:
        center, takes = gate.scale * centers[gate.parameter] + gate.offset, "angles with centers"
    number = round(center / (np.pi / 2))
    if abs(center - number * np.pi / 2) > EXACT:
        raise ValueError(
            f"circuit must have {takes} at multiples of pi/2: Pauli walks need Cliffords there, got "
            f"{center:g} in {gate._replace(pauli=gate.pauli.strip('I'))}"
        )
    return number % 4


class _Compiler:
    """Gates put into the first step in which their qubits are free; chains wait for all qubits."""

    def __init__(self, *, noisy: bool) -> None:
        self.noisy = noisy
        self.steps: list[Step] = []
        self.depth: dict[int, int] = defaultdict(int)
        self.open: dict[tuple[int, str, int], list[Any]] = defaultdict(list)
        self.letters: dict[str, list[tuple[int, str]]] = {}  # every string is read once
        self.chains: dict[Entangler, list[Chain]] = {}

    def put(self, kind: str, qubits: list[int], what: Any) -> None:
        slot = max(self.depth[q] for q in qubits)
        self.depth.update((q, slot + 1) for q in qubits)
        self.open[slot, kind, len(qubits)].append(what)

    def rotate(self, pauli: str, number: int | None, quarters: int) -> None:
        """Add a rotation: its random rest, its quarter turns, and noise."""
        if pauli not in self.letters:
            self.letters[pauli] = [(q, p) for q, p in enumerate(pauli) if p != "I"]
        if not (support := self.letters[pauli]):
            return
        qubits = [q for q, _ in support]
        if number is not None:
            self.put("turn", qubits, (support, number))
        if quarters:
            self.put("quarter", qubits, (support, quarters))
        if self.noisy:
            self.disturb(qubits)

    def disturb(self, qubits: list[int]) -> None:
        for q in qubits:
            self.put("noise", [q], q)

    def entangle(self, gate: Entangler) -> None:
        """Add an entangler: as chains, or pair by pair where noise comes in between."""
        if self.noisy:
            for pair in gate.pairs:
                self.put(gate.kind, list(pair), pair)
                self.disturb(list(pair))
            return
        self.finish()
        if gate not in self.chains:
            self.chains[gate] = chains_of(gate)
        self.steps += self.chains[gate]

    def finish(self) -> list[Step]:
        """Close the open steps and return all."""
        for key in sorted(self.open):
            kind, gates = key[1], self.open[key]
            if kind == "noise":
                self.steps.append(Noise(np.array(gates)))
            elif kind in ("cz", "cnot"):
                self.steps.append(Chain(kind, np.array(gates).T))
            else:
                step = turn_of(gates)
                self.steps.append(step if kind == "turn" else Quarter(step))
        self.open.clear()
        self.depth.clear()
        return self.steps


def cone(steps: list[Step], x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, list[Step]]:
    """Cut a circuit down to what strings can meet on their way back.

    Args:
        steps: the circuit.
        x, z: masks of shape (n, 1): where the strings may have an X part, a Z part.

    Returns:
        The qubits that a walk can reach, (k,), and the steps on them, renumbered from 0.
    """
    x, z = x.copy(), z.copy()
    kept: list[Step] = []
    for step in reversed(steps):
        if isinstance(step, Chain):
            back(step, x, z, np.bitwise_or)
            kept.append(step)
        elif isinstance(step, Noise):
            kept.append(step)
        else:
            turn = acting(step.turn if isinstance(step, Quarter) else step, x, z)
            if turn is not None:
                kept.append(Quarter(turn) if isinstance(step, Quarter) else turn)
    reached = (x | z)[:, 0] != 0
    number = np.where(reached, np.cumsum(reached) - 1, -1)
    cut: list[Step] = []
    for step in reversed(kept):
        if isinstance(step, Chain):
            cut += cut_chain(step, number)
        elif isinstance(step, Noise):
            if len(inside := number[step.qubits][reached[step.qubits]]):
                cut.append(Noise(inside))
        elif isinstance(step, Quarter):
            cut.append(Quarter(step.turn._replace(qubits=number[step.turn.qubits])))
        else:
            cut.append(step._replace(qubits=number[step.qubits]))
    return np.flatnonzero(reached), cut


def turn_signs(turn: Turn, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the signs of ``i P S`` for strings that anticommute with each generator, packed, (k, words).

    P S is i^(cyclic - anticyclic) times a string, where a qubit counts as cyclic if its letters in P and in S
    are (X, Y), (Y, Z) or (Z, X), and as anticyclic the other way round.

    Example:
        >>> zero, one = np.zeros((1, 1), np.uint64), np.ones((1, 1), np.uint64)
        >>> turn = turn_of([([(0, "X")], 0)])  # i X Z = Y, and i X Y = -Z
        >>> turn_signs(turn, zero, one).tolist(), turn_signs(turn, one, one).tolist()
        ([[0]], [[1]])
    """
    sign, odd, twos = (np.zeros((len(turn.qubits), x.shape[1]), dtype=np.uint64) for _ in range(3))
    for j in range(turn.qubits.shape[1]):
        own_x, own_z = x[turn.qubits[:, j]], z[turn.qubits[:, j]]
        px, pz = turn.x[:, j], turn.z[:, j]
        differs = (own_x & pz) ^ (own_z & px)
        cyclic = (px & ~pz & own_x & own_z) | (px & pz & ~own_x & own_z) | (~px & pz & own_x & ~own_z)
        sign ^= cyclic
        twos ^= odd & differs
        odd ^= differs
    return sign ^ (odd & twos)
