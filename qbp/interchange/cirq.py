"""Cirq circuits and operators, in and out; exponents there are angles in units of pi."""

from collections.abc import Callable, Iterable, Sequence
from math import pi
from typing import TYPE_CHECKING, Any

from qbp import _checks
from qbp.circuits.circuit import Circuit
from qbp.circuits.observables import PauliSum
from qbp.interchange.export import common_gates, values_by_name
from qbp.interchange.hamiltonians import pauli_sum
from qbp.interchange.imported import Collector, Imported
from qbp.interchange.linear import Linear, combined
from qbp.interchange.qasm.expansion import Expansion
from qbp.interchange.qasm.standard import standard_gates

if TYPE_CHECKING:
    import cirq

DEEPEST = 50  # decompositions inside each other
_Steps = list[tuple[str, float, tuple[int, ...]]]  # gates in order: name, its angle in units of t, its qubits
_POWERS: dict[str, _Steps] = {  # G**t: rotations by multiples of pi t, and fixed gates, of factor 0
    "XPowGate": [("rx", pi, (0,))],
    "YPowGate": [("ry", pi, (0,))],
    "ZPowGate": [("rz", pi, (0,))],
    "HPowGate": [("h-axis", 0, (0,)), ("rz", pi, (0,)), ("h-axis-back", 0, (0,))],
    "CZPowGate": [("cp", pi, (0, 1))],
    "CXPowGate": [("h", 0, (1,)), ("cp", pi, (0, 1)), ("h", 0, (1,))],
    "XXPowGate": [("rxx", pi, (0, 1))],
    "YYPowGate": [("ryy", pi, (0, 1))],
    "ZZPowGate": [("rzz", pi, (0, 1))],
    "ISwapPowGate": [("rxx", -pi / 2, (0, 1)), ("ryy", -pi / 2, (0, 1))],
    "SwapPowGate": [("rxx", pi / 2, (0, 1)), ("ryy", pi / 2, (0, 1)), ("rzz", pi / 2, (0, 1))],
}
_WHOLE = {  # where the exponent is 1
    "XPowGate": "x", "YPowGate": "y", "ZPowGate": "z", "HPowGate": "h", "CZPowGate": "cz", "CXPowGate": "cx",
    "SwapPowGate": "swap", "ISwapPowGate": "iswap", "CCXPowGate": "ccx", "CCZPowGate": "ccz",
    "CSwapGate": "cswap",
}  # fmt: skip


def from_cirq(
    circuit: "cirq.Circuit", qubit_order: Sequence[Any] | None = None, angles: str = "free"
) -> Imported:
    """Circuit of a Cirq circuit, from ``|0...0>``, up to a global phase.

    Symbols become parameters, sorted by name.  A gate that is not known here is read by its decomposition.
    Measurements at the end are left out.

    Args:
        circuit: a circuit whose exponents and angles are linear in its symbols.
        qubit_order: the qubits, qubit 0 first; by default `LineQubit` k is qubit k, others are sorted.  Cirq
            does not keep qubits without a gate, so name them here.
        angles: "free", "equal" or "file", as in :func:`qbp.interchange.qasm.reader.read_qasm`.

    Raises:
        TypeError: not a circuit.
        ValueError: an exponent that is not linear, a gate without a decomposition, a measurement before a
            gate, classical control.
    """
    import cirq

    if not isinstance(circuit, cirq.Circuit | cirq.FrozenCircuit):
        raise TypeError(f"circuit must be a cirq.Circuit, got {_checks.kind_of(circuit)}")
    order = _order(circuit.all_qubits(), qubit_order)
    collector = Collector(angles, sorted(cirq.parameter_names(circuit)))
    walk = _Walk(collector, order)
    for operation in circuit.all_operations():
        walk.add(operation, 0)
    return collector.build(len(order), "circuit")


def to_cirq(circuit: Circuit, theta: Any = None) -> "cirq.Circuit":
    """Cirq circuit of any circuit on `LineQubit` 0, 1, ..., its start state included, up to a global phase.

    A qubit without a gate gets an identity, so that Cirq keeps it.

    Args:
        circuit: any circuit.
        theta: values of the angles, radians, shape (n_params,); None makes a symbol of each.

    Raises:
        TypeError, ValueError: an argument is none of these.
    """
    import cirq
    import sympy

    gates, of = list(common_gates(circuit)), values_by_name(circuit, theta, sympy.Symbol)
    fixed = {
        "h": cirq.H, "x": cirq.X, "y": cirq.Y, "z": cirq.Z, "s": cirq.S, "sdg": cirq.S**-1, "t": cirq.T,
        "tdg": cirq.T**-1, "cx": cirq.CNOT, "cz": cirq.CZ,
    }  # fmt: skip
    turned: dict[str, Callable[[Any], Any]] = {"rx": cirq.rx, "ry": cirq.ry, "rz": cirq.rz}
    idle = set(range(circuit.n_qubits)) - {qubit for gate in gates for qubit in gate.qubits}
    made = cirq.Circuit(cirq.I(cirq.LineQubit(qubit)) for qubit in sorted(idle))
    for name, angle, qubits in gates:
        gate = fixed[name] if angle is None else turned[name](_expression(angle, of))
        made.append(gate(*map(cirq.LineQubit, qubits)))
    return made


def from_cirq_operator(operator: Any, qubit_order: Sequence[Any] | None = None) -> PauliSum:
    """Sum of Pauli strings of a cirq.PauliSum or cirq.PauliString; `qubit_order` as in :func:`from_cirq`.

    Raises:
        TypeError: neither of them.
        ValueError: a coefficient that is not real, by more than 1e-12.
    """
    import cirq

    if not isinstance(operator, cirq.PauliSum | cirq.PauliString):
        raise TypeError(f"operator must be a cirq.PauliSum or PauliString, got {_checks.kind_of(operator)}")
    whole = (
        cirq.PauliSum.from_pauli_strings([operator]) if isinstance(operator, cirq.PauliString) else operator
    )
    order = _order(whole.qubits, qubit_order)
    terms = []
    for term in whole:
        on = {order[qubit]: str(letter) for qubit, letter in term.items()}
        terms.append(("".join(on.get(k, "I") for k in range(len(order))), complex(term.coefficient)))
    return pauli_sum(terms, "operator")


def to_cirq_operator(H: PauliSum) -> "cirq.PauliSum":
    """Return the cirq.PauliSum of a sum of Pauli strings, on `LineQubit` 0, 1, ..."""
    import cirq

    if not isinstance(H, PauliSum):
        raise TypeError(f"H must be a PauliSum, got {_checks.kind_of(H)}")
    letters = {"X": cirq.X, "Y": cirq.Y, "Z": cirq.Z}
    return cirq.PauliSum.from_pauli_strings(
        cirq.PauliString(value, *(letters[c](cirq.LineQubit(k)) for k, c in enumerate(string) if c != "I"))
        for string, value in H.terms.items()
    )


class _Walk:
    """Operations of a circuit, one after another."""

    def __init__(self, collector: Collector, order: dict[Any, int]):
        self.collector, self.expansion = collector, Expansion(collector)
        self.order, self.gates, self.measured = order, standard_gates(), set[int]()

    def add(self, operation: Any, depth: int) -> None:
        """Add an operation, by its decomposition where it is not known."""
        import cirq

        if depth > DEEPEST:
            raise ValueError(f"circuit must have at most {DEEPEST} nested decompositions, got more")
        operation = operation.untagged
        qubits = tuple(self.order[qubit] for qubit in operation.qubits)
        if isinstance(operation.gate, cirq.MeasurementGate):
            self.measured.update(qubits)
            self.collector.note("measurements at the end are left out")
            return
        if isinstance(operation, cirq.ClassicallyControlledOperation) or not self.measured.isdisjoint(qubits):
            raise ValueError(f"circuit must have no gate after a measurement, got {operation}")
        if not self._known(operation.gate, qubits):
            steps = cirq.decompose_once(operation, None)
            if steps is None:
                raise ValueError(f"circuit must have gates that decompose, got {operation}")
            for step in steps:
                self.add(step, depth + 1)

    def _known(self, gate: Any, qubits: tuple[int, ...]) -> bool:
        """Add a gate if it is known; return whether it is."""
        import cirq

        if isinstance(gate, cirq.IdentityGate | cirq.GlobalPhaseGate):
            return True
        if isinstance(gate, cirq.ControlledGate):
            return self._controlled(gate, qubits)
        kind = next((k for k in _kinds(gate) if k in _POWERS or k in _WHOLE), None)
        if kind is None:
            return False
        exponent = _linear(getattr(gate, "exponent", 1))
        turns = getattr(gate, "_global_shift", 0) == -0.5  # rx, ry, rz: an angle was written
        if not turns and exponent == Linear(1.0) and kind in _WHOLE:
            self.expansion.apply(self.gates[_WHOLE[kind]], (), qubits)
            return True
        if kind not in _POWERS:
            return False
        named = not turns and exponent.is_number and abs(exponent.constant) in (0.25, 0.5)  # S, T, ...
        self._power(_POWERS[kind], exponent, qubits, fixed=named)
        return True

    def _controlled(self, gate: Any, qubits: tuple[int, ...]) -> bool:
        """Add a controlled X, Y or Z to a power: a controlled rotation, and its phase on the control."""
        name = next((k[0] for k in ("XPowGate", "YPowGate", "ZPowGate") if k in _kinds(gate.sub_gate)), None)
        if name is None or list(gate.control_values.expand()) != [(1,)]:
            return False
        turn = self.collector.freed([_linear(gate.sub_gate.exponent).times(pi)])[0]
        self.expansion.apply(self.gates["rz"], (turn.times(gate.sub_gate.global_shift + 0.5),), qubits[:1])
        self.expansion.apply(self.gates[f"cr{name.lower()}"], (turn,), qubits)
        return True

    def _power(self, steps: _Steps, exponent: Linear, qubits: tuple[int, ...], *, fixed: bool) -> None:
        """Add a gate to a power; S and T are fixed."""
        angle = exponent.times(pi)
        turn = angle if fixed else self.collector.freed([angle])[0]
        for name, factor, on in steps:
            where = tuple(qubits[k] for k in on)
            if name.startswith("h-axis"):
                sign = 1 if name == "h-axis-back" else -1  # H is Z turned by RY(pi/4)
                self.expansion.apply(self.gates["ry"], (Linear(sign * pi / 4),), where)
            else:
                self.expansion.apply(self.gates[name], (turn.times(factor / pi),) if factor else (), where)


def _kinds(gate: Any) -> list[str]:
    return [kind.__name__ for kind in type(gate).__mro__]


def _order(qubits: Iterable[Any], given: Sequence[Any] | None) -> dict[Any, int]:
    """Return the number of each qubit."""
    import cirq

    found = sorted(qubits)
    if given is None and all(isinstance(q, cirq.LineQubit) and 0 <= q.x < 4096 for q in found):
        return {cirq.LineQubit(k): k for k in range(max((q.x for q in found), default=0) + 1)}
    order = {qubit: k for k, qubit in enumerate(found if given is None else given)}
    if missing := [str(qubit) for qubit in found if qubit not in order]:
        raise ValueError(f"qubit_order must have every qubit, got none of {missing}")
    return order


def _linear(value: Any) -> Linear:
    """Return a number or an expression of sympy as a linear angle."""
    import sympy

    if not isinstance(value, sympy.Expr):
        return Linear(_checks.number("an angle of circuit", value))
    terms = list[tuple[str, float]]()
    for symbol in sorted(value.free_symbols, key=str):
        slope = sympy.diff(value, symbol)
        if slope.free_symbols or not slope.is_real:
            raise ValueError(f"circuit must have angles linear in its symbols, got {value}")
        terms.append((str(symbol), float(slope)))
    return combined(float(value.subs({symbol: 0 for symbol in value.free_symbols})), terms)


def _expression(angle: Linear, of: dict[str, Any]) -> Any:
    """Return an angle with the symbols or numbers of its names."""
    total: Any = angle.constant
    for name, scale in angle.terms:
        total = total + scale * of[name]
    return total
