"""OpenQASM of other tools, and what their transpilers leave out."""

import numpy as np
import pytest
from exchanged import matrix_of, same

import qbp
from qbp.interchange.qasm.reader import read_qasm
from qbp.interchange.qiskit import to_qiskit_operator

pytestmark = [pytest.mark.interchange, pytest.mark.filterwarnings("ignore")]
HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'


def test_pytket_reads_a_dot_before_an_exponent_as_a_product_and_sorts_registers():
    from pytket.qasm import circuit_from_qasm_str

    def angle(text):
        (command,) = circuit_from_qasm_str(f"{HEAD}qreg q[1];\nry({text}) q[0];\n").get_commands()
        return float(command.op.params[0]) * np.pi

    assert angle("1e-05") == pytest.approx(1e-05)
    assert (angle("1.e-05") - (np.e - 5)) % (4 * np.pi) == pytest.approx(0)  # here it is 1e-05
    assert read_qasm(f"{HEAD}qreg q[1];\nry(1.e-05) q[0];\n").theta0.tolist() == [1e-05]
    two = circuit_from_qasm_str(f"{HEAD}qreg b[1];\nqreg a[1];\nx b[0];\n")
    assert [str(qubit) for qubit in two.qubits] == ["a[0]", "b[0]"]
    assert abs(two.get_statevector()[1]) == pytest.approx(1)  # b is the last there, and the first here


def test_qulacs_leaves_out_small_rotations_and_refuses_quotients():
    import qulacs
    from qulacs import converter

    circuit = qulacs.QuantumCircuit(1)
    for angle in (1e-5, 2e-5, 0.3):
        circuit.add_RotX_gate(0, angle)
    circuit.add_RX_gate(0, 0.3)
    written = converter.convert_qulacs_circuit_to_QASM(circuit)
    assert written[3:] == ["rx(2e-05) q[0];", "rx(0.3) q[0];", "rx(-0.3) q[0];"]
    lines = f"{HEAD}qreg q[1];".splitlines()
    read = converter.convert_QASM_to_qulacs_circuit([*lines, "rx(1e-05) q[0];"])
    assert read.get_gate_count() == 1
    with pytest.raises(AssertionError):
        converter.convert_QASM_to_qulacs_circuit([*lines, "rx(pi/3) q[0];"])


def test_pennylane_writes_numbers_and_numbers_wires_as_they_are_met():
    import pennylane as qml

    def circuit(x):
        qml.RX(x, wires=2)
        qml.RX(x, wires=0)
        return qml.expval(qml.Z(0))

    node = qml.QNode(circuit, qml.device("default.qubit", wires=3))
    as_met = qml.to_openqasm(node)(0.3)
    assert as_met.splitlines()[2::2][:2] == ["qreg q[2];", "rx(0.3) q[0];"] and "rx(0.3) q[1];" in as_met
    ordered = qml.to_openqasm(node, wires=[0, 1, 2])(0.3)
    assert ordered.splitlines()[2::2][:2] == ["qreg q[3];", "rx(0.3) q[2];"] and "rx(0.3) q[0];" in ordered
    assert read_qasm(ordered).circuit.n_params == 2 and read_qasm(ordered, "equal").circuit.n_params == 1


def test_qaoa_that_qiskit_writes_has_its_parameters_again():
    """Weights of both signs: 2 gamma and -2 gamma are one parameter, as 2 beta is."""
    from qiskit import qasm2, transpile
    from qiskit.circuit.library import qaoa_ansatz

    H = qbp.maxcut([(0, 1), (1, 2), (2, 3), (3, 0)], [1.0, -1.0, 1.0, -1.0])
    theirs = qaoa_ansatz(to_qiskit_operator(H), reps=2)
    basis = ["h", "rx", "rz", "cx"]

    def text(values):
        bound = dict(zip(theirs.parameters, values, strict=True))
        return qasm2.dumps(
            transpile(theirs.assign_parameters(bound), basis_gates=basis, optimization_level=0)
        )

    found = read_qasm(text([0.3, -0.7, 0.2, 1.1]), "equal")
    assert found.circuit.n_params == 4
    which = [
        int(np.argmin(abs(abs(found.theta0) - size))) for size in (0.6, 1.4, 0.2, 1.1)
    ]  # of each of theirs
    elsewhere = np.array([-0.4, 0.9, 0.5, -0.3])
    theta = np.zeros(4)
    theta[which] = elsewhere / [0.3, -0.7, 0.2, 1.1] * found.theta0[which]
    again = read_qasm(text(elsewhere), "file").circuit
    same(matrix_of(found.circuit, theta), matrix_of(again))


def test_the_transpiler_of_qiskit_drops_small_rotations():
    from qiskit import QuantumCircuit, transpile

    def rotations(angle, **level):
        circuit = QuantumCircuit(2)
        circuit.rx(angle, 0)
        circuit.cx(0, 1)
        return transpile(circuit, **level).count_ops().get("rx", 0)

    assert rotations(1e-6) == 0 and rotations(1e-5) == 1
    assert rotations(1e-6, optimization_level=0) == rotations(1e-6, optimization_level=1) == 1


def test_versions_on_the_page_are_those_installed():
    """Each tool that the page of conventions calls tested is here, in the version that stands there."""
    import re
    from importlib.metadata import version
    from pathlib import Path

    page = Path(__file__).parents[3].joinpath("book", "conventions.md").read_text()
    rows = [line for line in page.splitlines() if re.match(r"\| \w[^|]*`\d", line) and "| tested |" in line]
    tools = {tuple(re.match(r"\| (\S+) `([\d.]+)`", row).groups()) for row in rows}
    distributions = {"Cirq": "cirq-core", "Aer": "qiskit-aer"}
    assert len(tools) > 10
    for tool, named in sorted(tools):
        assert version(distributions.get(tool, tool)) == named, tool
