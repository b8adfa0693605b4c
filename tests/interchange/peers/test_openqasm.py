"""OpenQASM exchanged with Qiskit, Cirq and the reference parser: what each writes, the others read."""

import numpy as np
import pytest
from exchanged import matrix_of, random_circuit, same, state

import qbp
from qbp.interchange.qasm.reader import read_qasm
from qbp.interchange.qasm.standard import standard_gates
from qbp.interchange.qasm.writer import write_qasm

pytestmark = [pytest.mark.interchange, pytest.mark.filterwarnings("ignore")]


def matrix(circuit):
    """Qiskit's matrix of a circuit, qubit 0 leftmost."""
    from qiskit.quantum_info import Operator

    return Operator(circuit.reverse_bits()).data


@pytest.mark.parametrize("seed", range(60))
def test_qiskit_reads_what_is_written(seed):
    from qiskit import qasm2, qasm3

    rng = np.random.default_rng(seed)
    ours, theta = random_circuit(rng, 1 + seed % 4, 12), rng.normal(size=3)
    same(matrix(qasm2.loads(write_qasm(ours, 2, theta))), matrix_of(ours, theta), 1e-10)
    theirs = qasm3.loads(write_qasm(ours))
    values = dict(zip("abc", theta, strict=True))
    bound = theirs.assign_parameters({p: values[p.name] for p in theirs.parameters})
    same(matrix(bound), matrix_of(ours, theta), 1e-10)


@pytest.mark.parametrize("seed", range(60))
def test_what_qiskit_writes_is_read(seed):
    from qiskit import qasm2, qasm3
    from test_qiskit import random_qiskit

    rng = np.random.default_rng(seed)
    theirs = random_qiskit(rng, 1 + seed % 4, 12)
    found = read_qasm(qasm3.dumps(theirs))
    values = {name: float(rng.normal()) for name in ("_v_0_", "_v_1_", "a")}
    expected = theirs.assign_parameters(
        {p: values[p.name if p.name == "a" else f"_v_{p.name[2]}_"] for p in theirs.parameters}
    )
    same(matrix_of(found.circuit, [values[name] for name in found.names]), matrix(expected), 1e-8)
    for angles in ("free", "equal", "file"):
        numbers = read_qasm(qasm2.dumps(expected), angles)
        same(matrix_of(numbers.circuit, numbers.theta0), matrix(expected), 1e-8)


@pytest.mark.parametrize("name", sorted(standard_gates().keys() - {"cnot", "u0"}))
def test_standard_gates_are_qiskits(name):
    """Each gate of the two include files means there what it means here."""
    from qiskit import qasm2

    gate = standard_gates()[name]
    angles = f"({', '.join(str(0.3 + k) for k in range(len(gate.angles)))})" if gate.angles else ""
    on = ", ".join(f"q[{k}]" for k in range(gate.n_qubits))
    body = f"qreg q[{gate.n_qubits}]; h q[0]; {name}{angles} {on};"
    text = f'OPENQASM 2.0; include "qelib1.inc"; {body}'
    try:
        theirs = qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    except qasm2.QASM2ParseError as error:
        assert "is not defined" in str(error)
        assert name in {"ccz", "cphase", "cs", "csdg", "dcx", "ecr", "iswap", "phase", "r", "ryy", "rzx"}
        return
    same(matrix_of(read_qasm(text, "file").circuit), matrix(theirs))


def test_what_cirq_writes_is_read():
    import cirq
    from test_cirq import final_state, random_cirq

    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = 1 + seed % 4
        values = dict(zip("abc", map(float, rng.normal(size=3)), strict=True))
        theirs = cirq.resolve_parameters(random_cirq(rng, n, 8), values)
        theirs = cirq.Circuit(op.untagged for op in theirs.all_operations())
        theirs.append(cirq.I(q) for q in cirq.LineQubit.range(n))
        found = read_qasm(theirs.to_qasm(version=("2.0", "3.0")[seed % 2]))
        same(state(found.circuit, found.theta0), final_state(theirs, {}, n), 1e-8)  # it prints ten digits


def test_cirq_reads_what_is_written():
    from cirq import LineQubit, NamedQubit, Simulator
    from cirq.contrib.qasm_import import circuit_from_qasm

    for seed in range(30):
        rng = np.random.default_rng(seed)
        n = 1 + seed % 4
        ours, theta = random_circuit(rng, n, 12), rng.normal(size=3)
        theirs = circuit_from_qasm(write_qasm(ours, 2, theta))
        order = [NamedQubit(f"q_{k}") for k in range(n)]
        psi = Simulator(dtype=np.complex128).simulate(theirs, qubit_order=order).final_state_vector
        same(psi, state(ours, theta), 1e-10)
        assert LineQubit(0) not in theirs.all_qubits()


def test_the_reference_parser_takes_what_is_written():
    import openqasm3

    for seed in range(10):
        text = write_qasm(random_circuit(np.random.default_rng(seed), 3, 20))
        assert len(openqasm3.parse(text).statements) > 20


def test_small_numbers_survive_qiskit():
    """It prints 1e-05 as 1.e-05, and in OpenQASM 3 pi/2 for a number within about 1e-9 of it."""
    from qiskit import QuantumCircuit, qasm2, qasm3

    circuit = QuantumCircuit(1)
    circuit.ry(1e-05, 0)
    assert "1.e-05" in qasm2.dumps(circuit)
    assert read_qasm(qasm2.dumps(circuit)).theta0.tolist() == [1e-05]
    near = QuantumCircuit(1)
    near.ry(np.pi / 2 + 1e-10, 0)
    near.ry(1e-11, 0)
    assert "ry(pi/2)" in qasm3.dumps(near) and "ry(0)" in qasm3.dumps(near)
    written = write_qasm(qbp.CircuitBuilder(1).ry(np.pi / 2 + 1e-10, 0).ry(1e-05, 0).build())
    assert "ry(1e-05)" in written and "pi" not in written
    assert qasm2.loads(write_qasm(qbp.CircuitBuilder(1).ry(1e-05, 0).build(), 2)).data[
        0
    ].operation.params == [1e-05]


def test_powers_and_quotients_of_qiskit():
    from qiskit import qasm2

    for text in (
        "2^3",
        "2*2^3",
        "-2^2",
        "2^-1",
        "7/2",
        "pi/3*2",
        "1.e-05",
        "sin(pi/6)+cos(0)",
        "2-3-4",
        "8/4/2",
    ):
        whole = f'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; rx({text}) q[0];'
        (ours,) = read_qasm(whole, "file").circuit.gates
        (theirs,) = qasm2.loads(whole).data[0].operation.params
        assert ours.offset == pytest.approx(theirs, rel=1e-15), text


def test_cu3_is_qiskits_and_a_file_of_its_own_is_kept():
    from qiskit import qasm2

    head = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; '
    text = f"{head}cu3(0.7,0.2,0.3) q[0],q[1];"
    same(matrix_of(read_qasm(text, "file").circuit), matrix(qasm2.loads(text)))
    body = "u1((l-f)/2) t; cx c,t; u3(-t/2,0,-(f+l)/2) t; cx c,t; u3(t/2,f,0) t;"
    own = text.replace("qreg", f"gate cu3(t,f,l) c,t {{ {body} }} qreg", 1)
    with pytest.raises(ValueError, match="names of qubits, other than those of angles"):
        read_qasm(own)  # `t` twice
    found = read_qasm(own.replace("c,t {", "c,d {").replace(" t;", " d;").replace("c,t;", "c,d;"), "file")
    assert np.abs(matrix_of(found.circuit) - matrix(qasm2.loads(text))).max() > 0.1
