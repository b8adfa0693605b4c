"""Imported circuits: what a file or another tool's circuit becomes, and which of its angles are trained."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from qbp import _checks
from qbp.circuits.builder import BuiltCircuit
from qbp.circuits.gates import Entangler, Rotation
from qbp.interchange.linear import Linear

ANGLES = ("free", "equal", "file")
MOST_LETTERS = 10**8  # of all Pauli strings of a circuit
ROUNDING = 1e-12  # radians by which numbers that are called equal differ, at most


class Imported(NamedTuple):
    """A circuit that was read, the angles it was written with, and what there is to know about it.

    Attributes:
        circuit: the circuit; its ``parameter_names`` name the angles.
        theta0: the values that were written down, radians, float64, shape (n_params,); None where the source
            has parameters without values.
        notes: one sentence for each thing that was left out, kept fixed or read in one of several ways.
        kinds: how often each gate is applied, by its name in the source.
    """

    circuit: BuiltCircuit
    theta0: np.ndarray | None
    notes: tuple[str, ...]
    kinds: Mapping[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters, in the order of `theta`."""
        return self.circuit.parameter_names


class Collector:
    """Gates as they are met, and the parameters that their angles become.

    With `angles` "free", a number that a gate turns by becomes a parameter of its own; with "equal", numbers
    that are equal up to rounding share one, and minus such a number is -1 times it, as in QAOA with weights
    of both signs; multiples share nothing.  With "file" all stay fixed.  The exception is a multiple of pi/2:
    such angles are how Clifford gates and changes of basis are spelled, and stay fixed, but for a gate that
    turns by zeros alone, which is a trainable gate at an identity start.  Where a source names its
    parameters, its numbers are fixed.

    Args:
        angles: "free", "equal" or "file".
        names: the parameters that the source names.
    """

    def __init__(self, angles: str = "free", names: Iterable[str] = ()):
        self.mode = _checks.choice("angles", angles, ANGLES)
        self.names = dict[str, int]()
        self.kinds, self.notes = Counter[str](), dict[str, None]()
        self._values, self._met = list[float](), dict[int, tuple[str, float]]()
        self._gates: list[tuple[str, tuple[int, ...], Linear | None]] = []
        self._clifford = 0
        self._named = False
        for name in names:
            self.declare(name)

    def declare(self, name: str) -> None:
        """Add a parameter that the source names."""
        self._named = True
        self.names[name] = len(self.names)

    def note(self, text: str) -> None:
        """Keep a sentence for the reader, once."""
        self.notes[text] = None

    @property
    def frees(self) -> bool:
        """Whether numbers become parameters."""
        return self.mode != "file" and not self._named

    def freed(self, angles: Sequence[Linear]) -> list[Linear]:
        """Return the angles of one gate with a parameter for each number that becomes one."""
        if not self.frees:
            if self.mode != "file" and any(angle.is_number and not _clifford(angle) for angle in angles):
                self.note("the source names its parameters: the numbers in it stay fixed")
            return list(angles)
        zeros = all(angle.is_number and abs(angle.constant) < 1e-9 for angle in angles)
        return [a if not a.is_number else self._freed(a, zeros) for a in angles]

    def _freed(self, angle: Linear, zeros: bool) -> Linear:
        if not zeros and _clifford(angle):
            self._clifford += 1
            return angle
        if self.mode == "equal" and (shared := self._shared(angle.constant)):
            return shared
        name = f"theta_{len(self.names)}"
        self.names[name] = len(self.names)
        self._values.append(angle.constant)
        self._met[_cell(angle.constant)] = name, angle.constant
        return Linear(0.0, ((name, 1.0),))

    def _shared(self, value: float) -> Linear | None:
        """Return the parameter that has a value already, or -1 times the one that has minus it."""
        cell = _cell(value)
        for near in (cell, cell - 1, cell + 1):
            name, first = self._met.get(near, ("", math.inf))
            for sign in (1.0, -1.0):
                if abs(sign * value - first) <= ROUNDING:
                    return Linear(0.0, ((name, sign),))
        return None

    def rotate(self, letters: str, qubits: tuple[int, ...], angle: Linear) -> None:
        """Add exp(-i angle P / 2), of the Pauli `letters` on `qubits`."""
        self._gates.append((letters, qubits, angle))

    def entangle(self, kind: str, qubits: tuple[int, ...]) -> None:
        """Add a CNOT or CZ, `kind` "cnot" or "cz"."""
        self._gates.append((kind, qubits, None))

    def build(self, n_qubits: int, what: str) -> Imported:
        """Return the circuit; `what` is its source, for the errors.

        Raises:
            ValueError: no gate, or more letters than fit.
        """
        if not self._gates:
            raise ValueError(f"{what} must have at least one gate that does something, got none")
        if n_qubits * len(self._gates) > MOST_LETTERS:
            size = f"{n_qubits} qubits and {len(self._gates)} gates"
            raise ValueError(f"{what} must have at most {MOST_LETTERS} qubits times gates, got {size}")
        if self._clifford:
            many = "angle that is a multiple of pi/2 stays fixed"
            if self._clifford > 1:
                many = "angles that are multiples of pi/2 stay fixed"
            self.note(f"{self._clifford} {many}")
        gates = list(self._merged(n_qubits))
        used = {gate.parameter for gate in gates if isinstance(gate, Rotation)}
        for name, index in self.names.items():
            if index not in used:
                self.note(f"the parameter {name} turns no gate")
        circuit = BuiltCircuit(n_qubits, tuple(gates), tuple(self.names))
        theta0 = None if self._named else np.array(self._values, dtype=float)
        return Imported(circuit, theta0, tuple(self.notes), dict(self.kinds))

    def _merged(self, n_qubits: int) -> Iterable[Rotation | Entangler]:
        """Give the gates, CNOTs one after another in one entangler, CZs too."""
        strings = dict[tuple[str, tuple[int, ...]], str]()
        kind, pairs = "", list[tuple[int, int]]()
        for letters, qubits, angle in self._gates:
            if pairs and (angle is not None or letters != kind):
                yield Entangler(kind, tuple(pairs))
                pairs = []
            if angle is None:
                kind = letters
                pairs.append((qubits[0], qubits[1]))
                continue
            pauli = strings.get((letters, qubits))
            if pauli is None:
                on = dict(zip(qubits, letters, strict=True))
                pauli = strings[letters, qubits] = "".join(on.get(q, "I") for q in range(n_qubits))
            yield from self._rotations(pauli, angle)
        if pairs:
            yield Entangler(kind, tuple(pairs))

    def _rotations(self, pauli: str, angle: Linear) -> Iterable[Rotation]:
        """Give the rotations by an angle: one for each parameter in it, since they commute."""
        offset = angle.constant
        if angle.is_number:
            yield Rotation(pauli, None, 1.0, offset)
        for name, scale in angle.terms:
            yield Rotation(pauli, self.names[name], scale, offset)
            offset = 0.0


def _cell(value: float) -> int:
    """Return a number that differs by one at most between sizes that are equal up to rounding."""
    return round(min(abs(value) / ROUNDING, 1e300))


def _clifford(angle: Linear) -> bool:
    """Whether a number is a multiple of pi/2, up to what ten printed digits leave of it."""
    return abs(math.remainder(angle.constant, math.pi / 2)) < 1e-9
