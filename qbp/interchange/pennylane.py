"""PennyLane circuits and operators, in and out: tapes, QNodes, Hamiltonians; wire 0 is qubit 0."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from qbp import _checks
from qbp.circuits.circuit import Circuit
from qbp.circuits.observables import PauliSum
from qbp.interchange.export import common_gates, names_of
from qbp.interchange.hamiltonians import pauli_sum
from qbp.interchange.imported import Collector, Imported
from qbp.interchange.linear import Linear
from qbp.interchange.qasm.expansion import Expansion
from qbp.interchange.qasm.standard import standard_gates

if TYPE_CHECKING:
    from pennylane.operation import Operator

DEEPEST = 50  # decompositions inside each other
_GATES = {  # PennyLane's name: ours, for the same angles in the same order
    "RX": "rx", "RY": "ry", "RZ": "rz", "PhaseShift": "p", "U1": "p", "U2": "u2", "U3": "u3", "Hadamard": "h",
    "PauliX": "x", "PauliY": "y", "PauliZ": "z", "S": "s", "T": "t", "SX": "sx", "CNOT": "cx", "CZ": "cz",
    "CY": "cy", "CH": "ch", "SWAP": "swap", "ISWAP": "iswap", "ECR": "ecr", "Toffoli": "ccx", "CCZ": "ccz",
    "CSWAP": "cswap", "IsingXX": "rxx", "IsingYY": "ryy", "IsingZZ": "rzz", "CRX": "crx", "CRY": "cry",
    "CRZ": "crz", "ControlledPhaseShift": "cp",
}  # fmt: skip
_OURS = {
    "h": "Hadamard", "x": "PauliX", "y": "PauliY", "z": "PauliZ", "s": "S", "t": "T", "cx": "CNOT",
    "cz": "CZ", "rx": "RX", "ry": "RY", "rz": "RZ",
}  # fmt: skip


def from_pennylane(
    circuit: Any, *arguments: Any, wire_order: Sequence[Any] | None = None, angles: str = "free"
) -> Imported:
    """Circuit of a tape or a QNode, from ``|0...0>``, up to a global phase.

    A tape holds numbers: its trainable ones become parameters as `angles` says, in the order of the gates.  A
    gate without a name here is read by its generator, if that is a sum of commuting Pauli strings (one
    parameter then turns several rotations, as in DoubleExcitation), else by its decomposition.
    Measurements are left out.

    Args:
        circuit: a QuantumScript, or a QNode with the `arguments` it is called with.
        wire_order: the wires, qubit 0 first; by default those of the QNode's device, else wires that are
            integers in their order, wire k being qubit k, else the order in which they are met.
        angles: "free", "equal" or "file", as in :func:`qbp.interchange.qasm.reader.read_qasm`.

    Raises:
        TypeError: neither a tape nor a QNode.
        ValueError: a gate that has none of these, a broadcast angle, a measurement before a gate.
    """
    import pennylane as qml

    wires = wire_order
    if isinstance(circuit, qml.QNode):
        wires = circuit.device.wires if wires is None else wires
        circuit = qml.workflow.construct_tape(circuit)(*arguments)
    if not isinstance(circuit, qml.tape.QuantumScript):
        raise TypeError(f"circuit must be a tape or a QNode, got {_checks.kind_of(circuit)}")
    order = _order(circuit.wires, wires)
    collector = Collector(angles)
    walk = _Walk(collector, order)
    trained = {id(circuit.par_info[k]["op"]) for k in circuit.trainable_params}
    for operation in circuit.operations:
        walk.add(operation, fixed=id(operation) not in trained, depth=0)
    return collector.build(len(order), "circuit")


def to_pennylane(circuit: Circuit) -> Callable[[Any], None]:
    """Quantum function of any circuit, for a QNode: it applies the gates to wires 0, 1, ..., n_qubits - 1.

    Args:
        circuit: any circuit; the start state is included, the global phase is not.

    Returns:
        A function of `theta`, shape (n_params,), of any interface; it can be differentiated in it.

    Raises:
        TypeError: no circuit.
    """
    import pennylane as qml

    gates = list(common_gates(circuit))
    at = {name: k for k, name in enumerate(names_of(circuit))}

    def apply(theta: Any) -> None:
        for name, angle, qubits in gates:
            if name in ("sdg", "tdg"):
                qml.adjoint(qml.S if name == "sdg" else qml.T)(wires=qubits)
            elif angle is None:
                getattr(qml, _OURS[name])(wires=qubits)
            else:
                turn: Any = angle.constant
                for parameter, scale in angle.terms:
                    turn = turn + scale * theta[at[parameter]]
                getattr(qml, _OURS[name])(turn, wires=qubits)

    return apply


def from_pennylane_operator(operator: "Operator", wire_order: Sequence[Any] | None = None) -> PauliSum:
    """Sum of Pauli strings of a PennyLane operator, such as a Hamiltonian.

    Args:
        operator: a combination of Pauli words, or any with a matrix on few wires.
        wire_order: the wires, qubit 0 first; by default wire k is qubit k where wires are integers, whatever
            order the operator has them in: that of a ring of `qml.spin` is 0, 3, 1, 2.

    Raises:
        TypeError: not an operator.
        ValueError: an operator that is no such combination, or has coefficients that are not real.
    """
    import pennylane as qml

    if not isinstance(operator, qml.operation.Operator):
        raise TypeError(f"operator must be an operator of PennyLane, got {_checks.kind_of(operator)}")
    order = _order(operator.wires, wire_order)
    terms = _sentence(operator)
    if terms is None:
        raise ValueError(f"operator must be a sum of Pauli words, got {type(operator).__name__}")
    return pauli_sum(((_string(word, order), value) for word, value in terms), "operator")


def to_pennylane_operator(H: PauliSum) -> "Operator":
    """Return the PennyLane Hamiltonian of a sum of Pauli strings, on wires 0, 1, ..., n_qubits - 1."""
    import pennylane as qml

    if not isinstance(H, PauliSum):
        raise TypeError(f"H must be a PauliSum, got {_checks.kind_of(H)}")
    words = [qml.pauli.string_to_pauli_word(string) for string in H.terms]  # an identity stands on wire 0
    return qml.Hamiltonian(list(H.terms.values()), words)


class _Walk:
    """Operations of a tape, one after another."""

    def __init__(self, collector: Collector, order: dict[Any, int]):
        self.collector, self.expansion = collector, Expansion(collector)
        self.order, self.gates = order, standard_gates()

    def add(self, operation: Any, *, fixed: bool, depth: int, times: int = 1) -> None:
        """Add an operation; `fixed`: its numbers are no parameters; `times` -1 adds its inverse."""
        import pennylane as qml

        name = operation.name
        if depth > DEEPEST:
            raise ValueError(f"circuit must have at most {DEEPEST} nested decompositions, got more")
        if name in ("Barrier", "GlobalPhase", "Identity", "Snapshot"):
            return
        if operation.batch_size is not None:
            raise ValueError(f"circuit must have one number an angle, got {operation.batch_size} in {name}")
        qubits = tuple(self.order[wire] for wire in operation.wires)
        if isinstance(operation, qml.ops.Adjoint):
            self.add(operation.base, fixed=fixed, depth=depth + 1, times=-times)
        elif name in _GATES:
            gate = self.gates[_GATES[name]]
            self.expansion.apply(gate, self._angles(operation, fixed), qubits, times)
        elif name == "Rot":
            first, second, last = self._angles(operation, fixed)
            self.expansion.apply(self.gates["u3"], (second, last, first), qubits, times)
        elif (terms := _generated(operation)) is not None:
            self._turn(operation, terms, fixed, times)
        elif operation.has_decomposition:
            steps = operation.decomposition()
            held = fixed or name in ("QubitUnitary", "StatePrep", "AmplitudeEmbedding", "BasisState")
            for step in reversed(steps) if times < 0 else steps:
                self.add(step, fixed=held, depth=depth + 1, times=times)
        else:
            raise ValueError(f"circuit must have gates that decompose, got {name}")

    def _angles(self, operation: Any, fixed: bool) -> list[Linear]:
        numbers = [Linear(_number(value, operation.name)) for value in operation.parameters]
        return numbers if fixed else self.collector.freed(numbers)

    def _turn(self, operation: Any, terms: list[tuple[Any, float]], fixed: bool, times: int) -> None:
        """Add exp(i t G) of commuting terms: exp(i t c P) is a rotation by -2 c t."""
        (angle,) = self._angles(operation, fixed)
        self.collector.kinds[operation.name] += 1
        for word, factor in terms:
            if word:
                qubits = tuple(self.order[wire] for wire in word)
                self.collector.rotate("".join(word.values()), qubits, angle.times(-2 * factor * times))


def _order(wires: Iterable[Any], given: Sequence[Any] | None) -> dict[Any, int]:
    """Return the qubit of each wire."""
    wires = list(wires)
    if given is None and all(isinstance(w, int) and 0 <= w < 4096 for w in wires):
        return {w: w for w in range(max(wires, default=0) + 1)}
    order = {wire: k for k, wire in enumerate(wires if given is None else given)}
    if missing := [wire for wire in wires if wire not in order]:
        raise ValueError(f"wire_order must have every wire, got none of {missing}")
    return order


def _sentence(operator: Any) -> list[tuple[Any, complex]] | None:
    """Return the (word, coefficient) pairs of an operator, words as {wire: letter}, or None."""
    import pennylane as qml

    found = operator.pauli_rep
    if found is None and operator.has_matrix and len(operator.wires) <= 6:
        found = qml.pauli_decompose(qml.matrix(operator), wire_order=operator.wires, pauli=True)
    if found is None:
        return None
    return [(word, complex(value)) for word, value in found.items() if abs(complex(value)) > 1e-15]


def _generated(operation: Any) -> list[tuple[Any, float]] | None:
    """Return G of exp(i t G) as pairs of commuting words and factors, if the gate has one."""
    if not operation.has_generator or operation.num_params != 1:
        return None
    import pennylane as qml

    terms = _sentence(operation.generator())
    if terms is None or any(value.imag for _, value in terms):
        return None
    words = [qml.pauli.PauliWord(word) for word, _ in terms]
    if not all(a.commutes_with(b) for k, a in enumerate(words) for b in words[:k]):
        return None
    return [(word, value.real) for word, value in terms]


def _string(word: Any, order: dict[Any, int]) -> str:
    on = {order[wire]: letter for wire, letter in word.items()}
    return "".join(on.get(k, "I") for k in range(len(order)))


def _number(value: Any, name: str) -> float:
    try:
        return _checks.number(f"an angle of {name}", float(value))
    except TypeError:
        raise ValueError(f"circuit must have real numbers as angles, got {value!r} in {name}") from None
