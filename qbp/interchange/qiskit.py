"""Qiskit circuits and operators, in and out.

Qubit i is qubit i there.  What is reversed is how states and labels are written: in Qiskit qubit 0 is the
least significant bit, and the rightmost letter of a label.
"""

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
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

_HOME = "qiskit.circuit.library.standard_gates"
DEEPEST = 50  # definitions inside each other


def from_qiskit(circuit: "QuantumCircuit", angles: str = "free") -> Imported:
    """Circuit of a Qiskit circuit, from ``|0...0>``, up to a global phase.

    Parameters keep their names and the order of ``circuit.parameters``, which is that of
    ``assign_parameters`` with a list.  A gate that is not standard is read by its definition; the numbers
    in a definition are angles like others, but for those of a unitary matrix.  Barriers and measurements at
    the end are left out.

    Args:
        circuit: a circuit whose angles are linear in its parameters.
        angles: "free", "equal" or "file", as in :func:`qbp.interchange.qasm.reader.read_qasm`.

    Raises:
        TypeError: not a circuit.
        ValueError: an angle that is not linear, a gate without a definition, an operation on classical bits.
    """
    from qiskit import QuantumCircuit

    if not isinstance(circuit, QuantumCircuit):
        raise TypeError(f"circuit must be a QuantumCircuit, got {_checks.kind_of(circuit)}")
    collector = Collector(angles, (parameter.name for parameter in circuit.parameters))
    _Walk(circuit, collector).walk(circuit, tuple(range(circuit.num_qubits)), fixed=False, depth=0)
    return collector.build(circuit.num_qubits, "circuit")


def to_qiskit(circuit: Circuit, theta: Any = None) -> "QuantumCircuit":
    """Qiskit circuit of any circuit, its start state included, up to a global phase.

    Qiskit sorts parameters by name (t10 before t2): assign values by name, or take the order from its
    ``parameters``.

    Args:
        circuit: any circuit.
        theta: values of the angles, radians, shape (n_params,); None makes a Parameter of each.

    Raises:
        TypeError, ValueError: an argument is none of these.
    """
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    gates, of = list(common_gates(circuit)), values_by_name(circuit, theta, Parameter)
    made = QuantumCircuit(circuit.n_qubits)
    for gate in gates:
        turn = [] if gate.angle is None else [_expression(gate.angle, of)]
        getattr(made, gate.name)(*turn, *gate.qubits)
    return made


def from_qiskit_operator(operator: "SparsePauliOp") -> PauliSum:
    """Sum of Pauli strings of a SparsePauliOp; its labels are read from the right, where qubit 0 is.

    Raises:
        TypeError: not a SparsePauliOp.
        ValueError: a coefficient that is not a real number, by more than 1e-12, or has a parameter.
    """
    from qiskit.quantum_info import SparsePauliOp

    if not isinstance(operator, SparsePauliOp):
        raise TypeError(f"operator must be a SparsePauliOp, got {_checks.kind_of(operator)}")
    labels = operator.paulis.to_labels()
    return pauli_sum(
        zip((label[::-1] for label in labels), operator.coeffs.tolist(), strict=True), "operator"
    )


def to_qiskit_operator(H: PauliSum) -> "SparsePauliOp":
    """Return the SparsePauliOp of a sum of Pauli strings."""
    from qiskit.quantum_info import SparsePauliOp

    if not isinstance(H, PauliSum):
        raise TypeError(f"H must be a PauliSum, got {_checks.kind_of(H)}")
    return SparsePauliOp.from_list([(string[::-1], value) for string, value in H.terms.items()])


class _Walk:
    """The instructions of a circuit, one after another, those of definitions where they are used."""

    def __init__(self, circuit: "QuantumCircuit", collector: Collector):
        self.collector, self.expansion = collector, Expansion(collector)
        self.gates, self.measured = standard_gates(), set[int]()

    def walk(self, circuit: "QuantumCircuit", on: tuple[int, ...], *, fixed: bool, depth: int) -> None:
        """Add the instructions of a circuit whose qubits are `on`; `fixed`: its numbers are no parameters."""
        if depth > DEEPEST:
            raise ValueError(f"circuit must have at most {DEEPEST} definitions inside each other, got more")
        at = {bit: on[k] for k, bit in enumerate(circuit.qubits)}
        for step in circuit.data:
            qubits, name = tuple(at[bit] for bit in step.qubits), step.operation.name
            if name == "barrier":
                continue
            if name == "measure":
                self.measured.update(qubits)
                self.collector.note("measurements at the end are left out")
                continue
            if not self.measured.isdisjoint(qubits):
                raise ValueError(f"circuit must have no gate on a measured qubit, got {name!r}")
            self._instruction(step.operation, qubits, fixed, depth)

    def _instruction(self, operation: Any, qubits: tuple[int, ...], fixed: bool, depth: int) -> None:
        gate = self.gates.get(operation.name)
        if gate and operation.base_class.__module__.startswith(_HOME):
            angles = [_linear(value) for value in operation.params]
            turns = angles if fixed else self.collector.freed(angles)
            self.expansion.apply(gate, turns, qubits)
            return
        inside = None if getattr(operation, "blocks", ()) else operation.definition or _decomposed(operation)
        if inside is None or inside.num_clbits:
            raise ValueError(f"circuit must have gates with a definition, got {operation.name!r}")
        self.walk(inside, qubits, fixed=fixed or operation.name == "unitary", depth=depth + 1)


def _decomposed(operation: Any) -> "QuantumCircuit | None":
    """Return the gates of an operation that is decomposed although it has no definition: a permutation."""
    from qiskit import QuantumCircuit

    if operation.name != "permutation":
        return None
    circuit = QuantumCircuit(operation.num_qubits)
    circuit.append(operation, range(operation.num_qubits))
    return circuit.decompose()


def _linear(value: Any) -> Linear:
    """Return a number or a ParameterExpression as a linear angle."""
    from qiskit.circuit import ParameterExpression

    if not isinstance(value, ParameterExpression):
        return Linear(_checks.number("an angle of circuit", value))
    terms = list[tuple[str, float]]()
    for parameter in value.parameters:
        slope = value.gradient(parameter)
        if isinstance(slope, ParameterExpression) and slope.parameters:
            raise ValueError(f"circuit must have angles linear in its parameters, got {value}")
        terms.append((parameter.name, _checks.number(f"a factor in {value}", _plain(slope))))
    zero = value.bind({parameter: 0.0 for parameter in value.parameters})
    return combined(_checks.number(f"the angle {value}", _plain(zero)), sorted(terms))


def _plain(value: Any) -> float:
    number = complex(value)
    if number.imag:
        raise ValueError(f"circuit must have real angles, got {value}")
    return number.real


def _expression(angle: Linear, of: dict[str, Any]) -> Any:
    """Return an angle with the Parameters or numbers of its names."""
    total: Any = angle.constant if angle.constant or not angle.terms else None
    for name, scale in angle.terms:
        term = of[name] if scale == 1 else scale * of[name]
        total = term if total is None else term + total
    return total
