"""Conventions of tools that no converter is for: signs of rotations, order of qubits, Hamiltonians."""

import numpy as np
import pytest
import reference
from exchanged import same, state

import qbp

pytestmark = [pytest.mark.interchange, pytest.mark.filterwarnings("ignore")]
A, B, C = 0.3, -0.8, 1.1


def ours(a=A, b=B, c=C):
    """RX on qubit 0, RY on qubit 1, CNOT, RZ on qubit 1, RX on qubit 1: no sign or order can be mistaken."""
    circuit = qbp.CircuitBuilder(2).rx(a, 0).ry(b, 1).cx(0, 1).rz(c, 1).rx(a, 1).build()
    return state(circuit, np.zeros(circuit.n_params))


def of_pytket():
    from pytket import Circuit

    half_turns = np.array([A, B, C]) / np.pi
    circuit = Circuit(2).Rx(half_turns[0], 0).Ry(half_turns[1], 1).CX(0, 1)
    return circuit.Rz(half_turns[2], 1).Rx(half_turns[0], 1).get_statevector()


def of_tensorcircuit():
    import tensorcircuit

    circuit = tensorcircuit.Circuit(2)
    circuit.rx(0, theta=A)
    circuit.ry(1, theta=B)
    circuit.cnot(0, 1)
    circuit.rz(1, theta=C)
    circuit.rx(1, theta=A)
    return circuit.state()


def of_pyqtorch():
    import pyqtorch
    import torch

    angles = torch.tensor([[A, 0.0], [B, 0.0], [C, 0.0]], dtype=torch.double)
    values = dict(zip("abc", angles, strict=True))
    psi = pyqtorch.zero_state(2)
    gates = pyqtorch.RX(0, "a"), pyqtorch.RY(1, "b"), pyqtorch.CNOT(0, 1), pyqtorch.RZ(1, "c")
    for gate in (*gates, pyqtorch.RX(1, "a")):
        psi = gate(psi, values)
    assert psi.shape == (2, 2, 2)  # the batch is last
    return psi[..., 0].reshape(-1)


def of_deepquantum():
    import deepquantum

    circuit = deepquantum.QubitCircuit(2)
    circuit.rx(0, A)
    circuit.ry(1, B)
    circuit.cnot(0, 1)
    circuit.rz(1, C)
    circuit.rx(1, A)
    return circuit().detach().reshape(-1)


def of_qibo():
    from qibo import gates, models, set_backend

    set_backend("numpy")
    circuit = models.Circuit(2)
    circuit.add([gates.RX(0, A), gates.RY(1, B), gates.CNOT(0, 1), gates.RZ(1, C), gates.RX(1, A)])
    return circuit().state()


ALIKE = {
    "deepquantum": (of_deepquantum, np.complex64),
    "pyqtorch": (of_pyqtorch, np.complex128),
    "pytket": (of_pytket, np.complex128),
    "qibo": (of_qibo, np.complex128),
    "tensorcircuit": (of_tensorcircuit, np.complex64),
}


@pytest.mark.parametrize("tool", sorted(ALIKE))
def test_rotations_and_qubits_are_as_ours(tool):
    theirs, dtype = ALIKE[tool]
    found = np.asarray(theirs())
    assert found.dtype == dtype  # single precision, where nothing else was asked for
    same(found, ours(), 1e-6 if dtype == np.complex64 else 1e-12)


def test_qulacs_turns_the_other_way_and_has_qubit_0_last():
    import qulacs
    from qulacs import gate

    psi = qulacs.QuantumState(2)
    for one in (gate.RX(0, A), gate.RY(1, B), gate.CNOT(0, 1), gate.RZ(1, C), gate.RX(1, A)):
        one.update_quantum_state(psi)
    same(psi.get_vector().reshape(2, 2).T.ravel(), ours(-A, -B, -C))
    for axis in "XYZ":
        here, back = reference.rotation(axis, A), reference.rotation(axis, -A)
        np.testing.assert_allclose(getattr(gate, f"Rot{axis}")(0, A).get_matrix(), here, atol=1e-12)
        for other in (f"R{axis}", f"ParametricR{axis}"):
            np.testing.assert_allclose(getattr(gate, other)(0, A).get_matrix(), back, atol=1e-12)
    string = gate.PauliRotation([0, 1], [1, 3], A).get_matrix()  # X on qubit 0, Z on qubit 1
    np.testing.assert_allclose(string, reference.rotation("ZX", -A), atol=1e-12)


def test_the_gradient_of_qulacs_is_right_in_its_own_angle():
    import qulacs

    circuit, H = qulacs.ParametricQuantumCircuit(1), qulacs.Observable(1)
    circuit.add_parametric_RY_gate(0, A)
    H.add_operator(1.0, "X 0")
    psi = qulacs.QuantumState(1)
    circuit.update_quantum_state(psi)
    assert H.get_expectation_value(psi) == pytest.approx(-np.sin(A))  # here it is + sin(a)
    assert circuit.backprop(H) == pytest.approx([-np.cos(A)])


def test_the_shift_gradient_of_tensorcircuit_is_wrong_for_an_angle_that_is_shared_or_scaled():
    import tensorcircuit
    import torch
    from tensorcircuit.experimental import parameter_shift_grad

    backend = tensorcircuit.set_backend("pytorch")

    def shifted(*scales):
        def value(theta):
            circuit = tensorcircuit.Circuit(1)
            for scale in scales:
                circuit.rx(0, theta=scale * theta[0])
            return backend.real(circuit.expectation_ps(z=[0]))

        return float(parameter_shift_grad(value, jit=False)(torch.tensor([A]))[0])

    try:
        assert shifted(1.0) == pytest.approx(-np.sin(A), abs=1e-5)
        assert shifted(1.0, 1.0) == pytest.approx(0, abs=1e-6)  # it is -2 sin(2 a)
        assert shifted(2.0) == pytest.approx(0, abs=1e-6)
        half = -np.sin(A / 2) / 2
        assert shifted(0.5) == pytest.approx(np.sqrt(2) * half, abs=1e-5)
    finally:
        tensorcircuit.set_backend("numpy")


def test_deepquantum_wants_the_precision_of_its_circuit_and_ignores_surplus_columns():
    import deepquantum
    import torch

    circuit = deepquantum.QubitCircuit(1)
    circuit.rx(0, encode=True)
    data = torch.tensor([[A]], dtype=torch.double)
    with pytest.raises(RuntimeError, match="same dtype"):
        circuit(data=data)
    circuit.to(torch.double)
    found = circuit(data=data)
    assert found.dtype == torch.complex128
    surplus = torch.tensor([[A, 9.0, 7.0]], dtype=torch.double)
    assert torch.equal(circuit(data=surplus).reshape(-1), found.reshape(-1))


@pytest.mark.parametrize("J, h", [(1.0, 1.0), (0.7, -0.4)])
def test_chains_of_quimb_are_of_spin_one_half(J, h):
    import quimb

    ising = quimb.ham_ising(3, jz=-4 * J, bx=2 * h, cyclic=False)
    heisenberg = quimb.ham_heis(3, j=4 * J, cyclic=False)
    np.testing.assert_allclose(ising, reference.pauli_sum(qbp.tfim(3, J, h).terms), atol=1e-12)
    np.testing.assert_allclose(heisenberg, reference.pauli_sum(qbp.heisenberg(3, J).terms), atol=1e-12)
    first = quimb.ikron(quimb.pauli("X"), [2, 2], 0)
    np.testing.assert_allclose(first, reference.pauli_sum({"XI": 1.0}), atol=1e-12)


def test_hamiltonians_of_qibo():
    from qibo import hamiltonians, set_backend

    set_backend("numpy")

    def same_matrix(theirs, terms):
        np.testing.assert_allclose(np.asarray(theirs.matrix), reference.pauli_sum(terms), atol=1e-12)

    def field(letters, value):
        return {w: value for letter in letters for w in (f"{letter}II", f"I{letter}I", f"II{letter}")}

    same_matrix(hamiltonians.TFIM(4), qbp.tfim(4, field=0.0, periodic=True).terms)
    same_matrix(hamiltonians.TFIM(4, h=0.3), qbp.tfim(4, field=0.3, periodic=True).terms)
    minus = qbp.heisenberg(3, coupling=-1.0, periodic=True).terms
    same_matrix(hamiltonians.Heisenberg(3, 1.0, 0.0), minus)
    same_matrix(hamiltonians.Heisenberg(3, 1.0, 0.5), {**minus, **field("XYZ", -0.5)})
    same_matrix(hamiltonians.XXX(3), {**minus, **field("X", -0.5)})  # of X alone
    for letter in "XYZ":
        same_matrix(getattr(hamiltonians, letter)(3), field(letter, -1.0))
    weights = np.array([[0, 1, 0], [1, 0, 2], [0, 2, 0.0]])
    twice = qbp.maxcut([(0, 1), (1, 2)], [2.0, 4.0]).terms
    same_matrix(hamiltonians.MaxCut(3, adj_matrix=weights), twice)


def test_signs_of_stim_are_ours():
    import stim

    for word, gate, after in (("XX", "CZ", "+YY"), ("XZ", "CNOT", "-YY"), ("YY", "CNOT", "-XZ")):
        assert str(stim.PauliString(word).after(stim.Circuit(f"{gate} 0 1"))) == after
        X_or_Z = reference.PAULI["Z" if gate == "CZ" else "X"]
        U = reference.controlled(2, X_or_Z, 0, 1)
        moved = U @ reference.pauli_sum({word: 1.0}) @ U.conj().T
        sign = 1.0 if after[0] == "+" else -1.0
        np.testing.assert_allclose(moved, reference.pauli_sum({after[1:]: sign}), atol=1e-12)


def test_the_reverse_gradient_of_qiskit_drops_imaginary_parts():
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.quantum_info import SparsePauliOp
    from qiskit_algorithms.gradients import ReverseEstimatorGradient

    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    for coefficient in (1, 1 + 1j):
        job = ReverseEstimatorGradient().run([circuit], [SparsePauliOp("Z", coefficient)], [[A]])
        assert job.result().gradients[0] == pytest.approx([-np.sin(A)])
