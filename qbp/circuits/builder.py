r"""Builder of circuits gate by gate, with named parameters, and the circuit that it makes.

Every gate becomes rotations by Pauli strings, CNOTs and CZs (:mod:`qbp.circuits.gates`), up to a global phase
of the whole circuit.  A controlled gate is exact: nothing is lost of the phase between its two branches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from math import pi
from typing import Any

from qbp import _checks
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Angle, Entangler, Program, Rotation, Start, checked, start_qubits
from qbp.circuits.observables import pauli_string

Turn = Angle | float  # in radians, of a fixed gate where it is a number


@dataclass(frozen=True, repr=False)
class BuiltCircuit(Circuit):
    """Circuit of any rotations, CNOTs and CZs, as :class:`CircuitBuilder` makes it.

    Args:
        n_qubits: at least 1.
        gates: at least one :class:`~qbp.circuits.gates.Rotation` or :class:`~qbp.circuits.gates.Entangler`.
        parameter_names: a name for each entry of `theta`, all different; an entry may turn no gate.
        start: "zero", "plus", or amplitudes of a product state, shape (n_qubits, 2), each row normalized.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> BuiltCircuit(2, [Rotation("XI", 0, 2.0), Entangler("cnot", ((0, 1),))], ["a"])
        BuiltCircuit(n_qubits=2, n_gates=2, n_params=1)
    """

    n_qubits: int
    gates: tuple[Rotation | Entangler, ...]
    parameter_names: tuple[str, ...] = ()
    start: Start = "zero"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.__dict__["parameter_names"] = names = _names(self.parameter_names)
        listed = _checks.sequence("gates", self.gates, "at least one Rotation or Entangler")
        self.__dict__["gates"] = Program(checked(gate, self.n_qubits, len(names)) for gate in listed)

    @cached_property
    def program(self) -> Program:  # type: ignore[override]  # an attribute, once it is made
        """The gates, first to last."""
        return Program(self.gates)

    @cached_property
    def n_params(self) -> int:
        """The number of angles."""
        return len(self.parameter_names)

    def __repr__(self) -> str:
        return f"BuiltCircuit(n_qubits={self.n_qubits}, n_gates={len(self.gates)}, n_params={self.n_params})"


class CircuitBuilder:
    """Builder of a :class:`BuiltCircuit`: a method for each gate, the angle first, then the qubits.

    An angle is a real number in radians, of a fixed gate, or an ``Angle`` made from :meth:`parameter`.
    Every method of a gate returns the builder.  CNOTs one after another are kept together, as are CZs, until
    another gate or a barrier.

    Args:
        n_qubits: at least 1.
        start: "zero", "plus", or amplitudes of a product state, shape (n_qubits, 2), each row normalized.

    Raises:
        TypeError, ValueError: an argument is none of these; in a gate, an angle that is not a finite real
            number or an ``Angle`` of this builder, a qubit that is not there, or one named twice.

    Example:
        >>> import torch
        >>> b = CircuitBuilder(2)
        >>> a = b.parameter("a")
        >>> circuit = b.h(0).cx(0, 1).rz(2 * a, 1).build()
        >>> circuit, circuit.parameter_names
        (BuiltCircuit(n_qubits=2, n_gates=4, n_params=1), ('a',))
        >>> circuit.state(torch.zeros(1)).abs() ** 2  # a Bell pair
        tensor([0.5000, 0.0000, 0.0000, 0.5000])
    """

    def __init__(self, n_qubits: int, start: Start = "zero") -> None:
        self.n_qubits = _checks.integer("n_qubits", n_qubits)
        _checks.memory("n_qubits", 100 * self.n_qubits, f"{self.n_qubits} qubits")
        start_qubits(start, self.n_qubits)
        self.start = start
        self._names: dict[str, int] = {}
        self._gates: list[Rotation | Entangler] = []
        self._closed = False  # whether a barrier is the last thing that was added

    def __repr__(self) -> str:
        return f"CircuitBuilder(n_qubits={self.n_qubits}, n_gates={len(self._gates)}, names={[*self._names]})"

    def parameter(self, name: str | None = None) -> Angle:
        """Return the angle that an entry of `theta` is: that of this name, or a new one.

        Args:
            name: any text; a new one makes the next entry of `theta`; None chooses a new name.
        """
        if name is None:
            name = next(x for k in count(len(self._names)) if (x := f"theta_{k}") not in self._names)
        if not isinstance(name, str) or not name:
            raise TypeError(f"name must be a text of at least one letter, or None, got {name!r}")
        return Angle(self._names.setdefault(str(name), len(self._names)))

    def build(self) -> BuiltCircuit:
        """Return the circuit; more gates can be added to the builder after it.

        Raises:
            ValueError: there is no gate yet.
        """
        if not self._gates:
            raise ValueError("a circuit must have at least one gate, got none")
        return BuiltCircuit(self.n_qubits, tuple(self._gates), tuple(self._names), self.start)

    def h(self, qubit: int) -> "CircuitBuilder":
        """Add a Hadamard gate."""
        return self.rz(pi, qubit).ry(pi / 2, qubit)

    def s(self, qubit: int) -> "CircuitBuilder":
        """Add S, the square root of Z."""
        return self.rz(pi / 2, qubit)

    def sdg(self, qubit: int) -> "CircuitBuilder":
        """Add the inverse of S."""
        return self.rz(-pi / 2, qubit)

    def t(self, qubit: int) -> "CircuitBuilder":
        """Add T, the square root of S."""
        return self.rz(pi / 4, qubit)

    def tdg(self, qubit: int) -> "CircuitBuilder":
        """Add the inverse of T."""
        return self.rz(-pi / 4, qubit)

    def x(self, qubit: int) -> "CircuitBuilder":
        """Add X."""
        return self.rx(pi, qubit)

    def y(self, qubit: int) -> "CircuitBuilder":
        """Add Y."""
        return self.ry(pi, qubit)

    def z(self, qubit: int) -> "CircuitBuilder":
        """Add Z."""
        return self.rz(pi, qubit)

    def sx(self, qubit: int) -> "CircuitBuilder":
        """Add the square root of X."""
        return self.rx(pi / 2, qubit)

    def sxdg(self, qubit: int) -> "CircuitBuilder":
        """Add the inverse of the square root of X."""
        return self.rx(-pi / 2, qubit)

    def id(self, qubit: int) -> "CircuitBuilder":
        """Add nothing; the qubit is checked."""
        self._on(qubit)
        return self

    def swap(self, a: int, b: int) -> "CircuitBuilder":
        """Exchange two qubits, by three CNOTs."""
        return self.cx(a, b).cx(b, a).cx(a, b)

    def cx(self, control: int, target: int) -> "CircuitBuilder":
        """Add a CNOT."""
        return self._entangle("cnot", control, target)

    def cy(self, control: int, target: int) -> "CircuitBuilder":
        """Add a controlled Y: S X S^-1 = Y on the target."""
        self._on(control, target)
        return self.sdg(target).cx(control, target).s(target)

    def cz(self, a: int, b: int) -> "CircuitBuilder":
        """Add a CZ."""
        return self._entangle("cz", a, b)

    def rx(self, angle: Turn, qubit: int) -> "CircuitBuilder":
        """Add exp(-i angle X / 2)."""
        return self._turn(angle, "X", qubit)

    def ry(self, angle: Turn, qubit: int) -> "CircuitBuilder":
        """Add exp(-i angle Y / 2)."""
        return self._turn(angle, "Y", qubit)

    def rz(self, angle: Turn, qubit: int) -> "CircuitBuilder":
        """Add exp(-i angle Z / 2)."""
        return self._turn(angle, "Z", qubit)

    def rxx(self, angle: Turn, a: int, b: int) -> "CircuitBuilder":
        """Add exp(-i angle XX / 2)."""
        return self._turn(angle, "XX", a, b)

    def ryy(self, angle: Turn, a: int, b: int) -> "CircuitBuilder":
        """Add exp(-i angle YY / 2)."""
        return self._turn(angle, "YY", a, b)

    def rzz(self, angle: Turn, a: int, b: int) -> "CircuitBuilder":
        """Add exp(-i angle ZZ / 2)."""
        return self._turn(angle, "ZZ", a, b)

    def p(self, angle: Turn, qubit: int) -> "CircuitBuilder":
        """Add diag(1, exp(i angle)), which is RZ up to a phase."""
        return self.rz(angle, qubit)

    def u(self, theta: Turn, phi: Turn, lam: Turn, qubit: int) -> "CircuitBuilder":
        """Add RZ(phi) RY(theta) RZ(lam), which acts from the right: any gate on one qubit."""
        angles = [self._angle(angle) for angle in (theta, phi, lam)]  # all or none
        return self.rz(angles[2], qubit).ry(angles[0], qubit).rz(angles[1], qubit)

    def crx(self, angle: Turn, control: int, target: int) -> "CircuitBuilder":
        """Add a controlled RX: Z RX(-a/2) Z = RX(a/2), so that the halves add up or cancel."""
        half = self._half(angle, control, target)
        return self.rx(half, target).cz(control, target).rx(-half, target).cz(control, target)

    def cry(self, angle: Turn, control: int, target: int) -> "CircuitBuilder":
        """Add a controlled RY."""
        half = self._half(angle, control, target)
        return self.ry(half, target).cx(control, target).ry(-half, target).cx(control, target)

    def crz(self, angle: Turn, control: int, target: int) -> "CircuitBuilder":
        """Add a controlled RZ."""
        half = self._half(angle, control, target)
        return self.rz(half, target).cx(control, target).rz(-half, target).cx(control, target)

    def cp(self, angle: Turn, control: int, target: int) -> "CircuitBuilder":
        """Add diag(1, 1, 1, exp(i angle)): a controlled RZ, and its phase on the control."""
        half = self._half(angle, control, target)
        return self.rz(half, control).crz(angle, control, target)

    def pauli_rotation(self, angle: Turn, pauli: str, *qubits: int) -> "CircuitBuilder":
        """Add exp(-i angle P / 2).

        Args:
            angle: in radians.
            pauli: spells P, letters "IXYZ": one for each qubit, or for each of `qubits`.
            qubits: where the letters stand; none means 0, 1, ..., n_qubits - 1.
        """
        on = qubits or range(self.n_qubits)
        return self._turn(angle, pauli_string(pauli, len(on)), *on)

    def barrier(self, *qubits: int) -> "CircuitBuilder":
        """End a run of CNOTs or CZs; no gate."""
        self._on(*qubits)
        self._closed = True
        return self

    def _on(self, *qubits: int) -> tuple[int, ...]:
        """Return the qubits if they are there and differ."""
        on = tuple(_checks.integer("a qubit", q, 0, self.n_qubits - 1) for q in qubits)
        if len(set(on)) < len(on):
            raise ValueError(f"the qubits of a gate must differ, got {on}")
        return on

    def _angle(self, angle: Turn) -> Turn:
        if not isinstance(angle, Angle):
            return _checks.number("angle", angle)
        if _checks.integer("the parameter of angle", angle.parameter, 0) >= len(self._names):
            raise ValueError(f"angle must be of one of the {len(self._names)} parameters here, got {angle}")
        return angle

    def _half(self, angle: Turn, *qubits: int) -> Turn:
        self._on(*qubits)
        return self._angle(angle) / 2

    def _turn(self, angle: Turn, letters: str, *qubits: int) -> "CircuitBuilder":
        pauli, angle = ["I"] * self.n_qubits, self._angle(angle)
        for qubit, letter in zip(self._on(*qubits), letters, strict=True):
            pauli[qubit] = letter
        about = angle if isinstance(angle, Angle) else (None, 1.0, angle)
        self._gates.append(Rotation("".join(pauli), *about))
        self._closed = False
        return self

    def _entangle(self, kind: str, *pair: int) -> "CircuitBuilder":
        a, b = self._on(*pair)
        last = self._gates[-1] if self._gates and not self._closed else None
        if isinstance(last, Entangler) and last.kind == kind:
            self._gates[-1] = Entangler(kind, (*last.pairs, (a, b)))
        else:
            self._gates.append(Entangler(kind, ((a, b),)))
        self._closed = False
        return self


def _names(names: Any) -> tuple[str, ...]:
    """Return the names of parameters if they are texts that differ."""
    listed = isinstance(names, Sequence) and not isinstance(names, str)
    if not (listed and all(isinstance(x, str) and x for x in names) and len({*names}) == len(names)):
        raise ValueError(f"parameter_names must be a sequence of different texts, got {names!r}")
    return tuple(map(str, names))
