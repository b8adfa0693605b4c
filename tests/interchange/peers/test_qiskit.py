"""Circuits and operators exchanged with Qiskit itself: states, gradients, orders of qubits and parameters."""

import time

import numpy as np
import pytest
from exchanged import random_circuit, same, state
from peers import gradient, our_gradient

import qbp
from qbp.interchange import qiskit as exchange

pytestmark = pytest.mark.interchange
ONE = "H S Sdg T Tdg X Y Z SX SXdg I RX RY RZ Phase U U1 U2 U3 R"
TWO = "CX CY CZ CH Swap iSwap DCX ECR CS CSdg CSX RXX RYY RZZ RZX CRX CRY CRZ CPhase CU1 CU3 CU XXPlusYY"


def statevector(circuit, values):
    """Qiskit's state with qubit 0 leftmost, for {name: value}."""
    from qiskit.quantum_info import Statevector

    bound = circuit.assign_parameters({p: values[p.name] for p in circuit.parameters})
    return Statevector(bound.reverse_bits()).data


def same_gradient(ours, theirs, theta, names):
    """Compare our gradient with differences of Qiskit's own energies."""
    H = qbp.heisenberg(ours.n_qubits) if ours.n_qubits > 1 else qbp.tfim(1)
    matrix = exchange.to_qiskit_operator(H).to_matrix()

    def value(theta):
        psi = statevector(theirs, dict(zip(names, theta, strict=True)))
        psi = psi.reshape([2] * theirs.num_qubits).transpose().reshape(-1)  # Qiskit's order again
        return (psi.conj() @ matrix @ psi).real

    np.testing.assert_allclose(our_gradient(ours, theta, H), gradient(value, theta), atol=1e-10)


def random_qiskit(rng, n, size):
    """A circuit of Qiskit's own gates with linear expressions of three parameters."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter, ParameterVector, library

    own = QuantumCircuit(2, name="own")
    shared = [*ParameterVector("v", 2), Parameter("a")]
    own.rx(2 * shared[2] - 0.3, 0)
    own.cx(0, 1)
    circuit = QuantumCircuit(n)
    for p in shared:
        circuit.ry(p, int(rng.integers(n)))

    def angle():
        a, b = rng.integers(3, size=2)
        scale, offset = rng.normal(size=2)
        both = shared[a] - shared[b] / 2 + offset
        return [shared[a], scale * shared[a] + offset, both, float(offset)][rng.integers(4)]

    angles = {library.UGate: 3, library.U2Gate: 2, library.U3Gate: 3, library.RGate: 2, library.CU3Gate: 3}
    one = [getattr(library, f"{name}Gate") for name in ONE.split()]
    two = [getattr(library, f"{name}Gate") for name in TWO.split()]
    more = {3: [library.CCXGate, library.CCZGate, library.CSwapGate, library.RCCXGate]}
    more[4] = [library.C3XGate, library.RC3XGate, library.C3SXGate]
    for _ in range(size):
        k = int(min(n, rng.choice([1, 2, 2, 3, 4])))
        qubits = [int(q) for q in rng.permutation(n)[:k]]
        gate = rng.choice({1: one, 2: two, **more}[k])
        wanted = 4 if gate is library.CUGate else angles.get(gate, 0)
        try:
            made = gate(*(angle() for _ in range(wanted)))
        except TypeError:  # it turns by one angle
            made = gate(angle())
        circuit.append(made, qubits)
    if n > 1:
        circuit.append(own.to_gate(), [1, 0])
        circuit.append(library.XGate().control(1, ctrl_state=0), [0, 1])
        circuit.append(library.UnitaryGate(np.array([[0, 1], [1j, 0]])), [1])
    return circuit


def test_200_circuits_from_qiskit():
    start = time.process_time()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n = 1 + seed % 4
        theirs = random_qiskit(rng, n, 12)
        found = exchange.from_qiskit(theirs)
        values = dict(zip(["v[0]", "v[1]", "a"], rng.normal(size=3), strict=True))
        assert found.names == tuple(p.name for p in theirs.parameters)
        theta = np.array([values[name] for name in found.names])
        same(state(found.circuit, theta), statevector(theirs, values), 1e-10)
        bound = exchange.from_qiskit(theirs.assign_parameters(theta))
        same(state(bound.circuit, bound.theta0), statevector(theirs, values), 1e-10)
        if seed % 10 == 0:
            same_gradient(found.circuit, theirs, theta, found.names)
    assert time.process_time() - start < 60


def test_200_circuits_to_qiskit_and_back():
    start = time.process_time()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        ours = random_circuit(rng, 1 + seed % 4, 12, start=["zero", "plus"][seed % 2])
        theta = rng.normal(size=3)
        theirs, values = exchange.to_qiskit(ours), dict(zip("abc", theta, strict=True))
        same(statevector(theirs, values), state(ours, theta), 1e-10)
        same(statevector(exchange.to_qiskit(ours, theta), {}), state(ours, theta), 1e-10)
        back = exchange.from_qiskit(theirs)
        same(state(back.circuit, [values[name] for name in back.names]), state(ours, theta), 1e-10)
        if seed % 10 == 0:
            same_gradient(ours, theirs, theta, "abc")
    assert time.process_time() - start < 60


def test_qubit_0_is_the_rightmost_letter_and_the_least_significant_bit():
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp, Statevector

    theirs = QuantumCircuit(2)
    theirs.x(0)
    assert abs(Statevector(theirs).data[1]) == 1  # |01> there, |10> here
    assert abs(state(exchange.from_qiskit(theirs).circuit)[2]) == pytest.approx(1)
    operator = SparsePauliOp.from_list([("IZ", 0.5), ("XI", 1.0), ("IZ", 0.25)])
    assert exchange.from_qiskit_operator(operator).terms == {"ZI": 0.75, "IX": 1.0}
    assert exchange.to_qiskit_operator(qbp.PauliSum({"ZIY": 2.0})).paulis.to_labels() == ["YIZ"]


def test_a_permutation_has_no_definition_and_is_read_all_the_same():
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import PermutationGate

    theirs = QuantumCircuit(3)
    for q in range(3):
        theirs.ry(0.3 + q, q)
    theirs.append(PermutationGate([2, 0, 1]), [0, 1, 2])
    found = exchange.from_qiskit(theirs)
    same(state(found.circuit, found.theta0), statevector(theirs, {}), 1e-10)


def test_operators_go_there_and_back_and_have_to_be_real():
    from qiskit.quantum_info import SparsePauliOp

    H = qbp.tfim(4, field=0.3)
    assert exchange.from_qiskit_operator(exchange.to_qiskit_operator(H)) == H
    with pytest.raises(ValueError, match=r"the coefficient of 'X' must be real and finite, got \(1\+1j\)"):
        exchange.from_qiskit_operator(SparsePauliOp("X", 1 + 1j))
    for value in (3, "X"):
        with pytest.raises(TypeError, match="operator must be a SparsePauliOp"):
            exchange.from_qiskit_operator(value)


def test_loose_parameters_are_sorted_by_name_and_vectors_by_index():
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter, ParameterVector

    loose, vector = QuantumCircuit(1), QuantumCircuit(1)
    for k in range(11):
        loose.rx(Parameter(f"t{k}"), 0)
    for p in reversed(ParameterVector("t", 11)):
        vector.rx(p, 0)
    assert exchange.from_qiskit(loose).names[:4] == ("t0", "t1", "t10", "t2")
    assert exchange.from_qiskit(vector).names[:3] == ("t[0]", "t[1]", "t[2]")


def test_what_is_not_linear_or_not_a_gate_is_refused():
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    a, b = Parameter("a"), Parameter("b")
    for angle in (a * b, a.sin(), a**2, 1 / a, a.exp()):
        circuit = QuantumCircuit(1)
        circuit.rx(angle, 0)
        with pytest.raises(ValueError, match="circuit must have angles linear in its parameters, got"):
            exchange.from_qiskit(circuit)
    mid, reset, test = (QuantumCircuit(1, 1) for _ in range(3))
    mid.measure(0, 0)
    mid.x(0)
    reset.reset(0)
    with test.if_test((test.clbits[0], 1)):
        test.x(0)
    for circuit, name in (
        (mid, "no gate on a measured qubit, got 'x'"),
        (reset, "'reset'"),
        (test, "'if_else'"),
    ):
        with pytest.raises(ValueError, match=f"circuit must have .*{name}"):
            exchange.from_qiskit(circuit)
    with pytest.raises(TypeError, match="circuit must be a QuantumCircuit"):
        exchange.from_qiskit("x")
    with pytest.raises(ValueError, match="circuit must have at least one gate that does something"):
        exchange.from_qiskit(QuantumCircuit(2))


def test_measurements_and_barriers_are_left_out_and_equal_numbers_may_share():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(2)
    circuit.rx(0.3, 0)
    circuit.ry(0.3, 1)
    circuit.h(0)
    circuit.rx(np.pi / 2, 1)
    circuit.measure_all()
    found = exchange.from_qiskit(circuit, "equal")
    assert found.theta0.tolist() == [0.3] and dict(found.kinds) == {"rx": 2, "ry": 1, "h": 1}
    assert (
        found.notes[0] == "measurements at the end are left out" and "of pi/2 stays fixed" in found.notes[1]
    )
    assert exchange.from_qiskit(circuit, "file").circuit.n_params == 0


def test_library_circuits_are_read():
    from qiskit.circuit.library import efficient_su2, qaoa_ansatz

    found = exchange.from_qiskit(efficient_su2(3, reps=2))
    assert found.circuit.n_params == 18 and found.names[:2] == ("θ[0]", "θ[1]")
    theirs = qaoa_ansatz(exchange.to_qiskit_operator(qbp.maxcut([(0, 1), (1, 2)])), reps=2)
    found, theta = exchange.from_qiskit(theirs), np.array([0.3, -0.7, 0.2, 1.1])
    values = {p.name: v for p, v in zip(theirs.parameters, theta, strict=True)}
    same(state(found.circuit, theta), statevector(theirs, values), 1e-10)
