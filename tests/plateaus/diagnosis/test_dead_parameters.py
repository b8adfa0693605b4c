"""Dead parameters: each is one whose derivative is zero in dense matrices, and each reason has a circuit."""

import numpy as np
import pytest
import reference

import qbp
from qbp import HardwareEfficient, PauliRotations, PauliSum, Projector
from qbp.circuits.gates import Entangler, Rotation
from qbp.plateaus.diagnosis import dead


def dense_gradient(circuit, H, theta):
    """dC/dtheta by matrices: the derivative of every rotation in turn."""
    n = circuit.n_qubits

    def state(shift_at=None):
        psi = reference.start_state(n, circuit.start)
        for place, gate in enumerate(circuit.program):
            if isinstance(gate, Entangler):
                for a, b in gate.pairs:
                    letter = reference.PAULI["Z" if gate.kind == "cz" else "X"]
                    psi = reference.controlled(n, letter, a, b) @ psi
                continue
            angle = gate.offset + (0 if gate.parameter is None else gate.scale * theta[gate.parameter])
            psi = reference.rotation(gate.pauli, angle) @ psi
            if place == shift_at:
                psi = -0.5j * gate.scale * reference.pauli(gate.pauli) @ psi
        return psi

    matrix = reference.pauli_sum(H.terms) if isinstance(H, PauliSum) else np.diag(np.eye(2**n)[0])
    psi, slopes = state(), np.zeros(circuit.n_params)
    for place, gate in enumerate(circuit.program):
        if isinstance(gate, Rotation) and gate.parameter is not None:
            slopes[gate.parameter] += 2 * np.real(np.vdot(psi, matrix @ state(place)))
    return slopes


@pytest.mark.parametrize("seed", range(30))
def test_every_dead_parameter_of_a_random_circuit_has_no_derivative(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 5))
    gates, names = [], 0
    for _ in range(int(rng.integers(3, 11))):
        if rng.random() < 0.3:
            a, b = rng.permutation(n)[:2].tolist()
            gates.append(Entangler(str(rng.choice(["cz", "cnot"])), ((a, b),)))
            continue
        string = "".join(rng.choice(list("IIIXYZ"), n))
        if rng.random() < 0.2:
            gates.append(Rotation(string, None, 1.0, float(rng.choice([np.pi / 2, 0.3]))))
        else:
            gates.append(Rotation(string, int(rng.integers(names + 1)), 1.0))
            names = max(names, gates[-1].parameter + 1)
    if not names:
        gates, names = [*gates, Rotation("X" + "I" * (n - 1), 0)], 1
    start = str(rng.choice(["zero", "plus"]))
    circuit = qbp.BuiltCircuit(n, tuple(gates), tuple(f"t{k}" for k in range(names)), start)
    H = (
        Projector(n)
        if seed % 5 == 0
        else PauliSum({"".join(rng.choice(list("IIXYZ"), n)): 1.0, "X" * n: 0.5})
    )
    found = dead.dead_parameters(circuit, H)
    slopes = dense_gradient(circuit, H, rng.uniform(0, 2 * np.pi, names))
    assert not np.abs(slopes[[d.index for d in found]]).max(initial=0) > 1e-12


def reasons(circuit, H):
    return {d.index: d.reason for d in dead.dead_parameters(circuit, H)}


def test_each_reason():
    ladder = HardwareEfficient(3, 1, rotations=["rz", "ry"])
    # RZ turns |0> by a phase; RY on the other qubits is never met by Z_0
    found = reasons(ladder, PauliSum({"ZII": 1.0}))
    assert found == {0: dead.START, 2: dead.CONE, 3: dead.CONE, 4: dead.CONE, 5: dead.CONE}
    # the parity X X X of the QAOA start makes <Z_0> zero at all angles
    qaoa = qbp.QAOA([(0, 1), (1, 2)], 2)
    assert set(reasons(qaoa, PauliSum({"ZII": 1.0})).values()) == {dead.START}
    assert len(reasons(qaoa, PauliSum({"ZII": 1.0}))) == 4 and not reasons(qaoa, qaoa.hamiltonian)
    unused = qbp.BuiltCircuit(1, (Rotation("X", 0),), ("a", "b"))
    assert reasons(unused, PauliSum({"Z": 1.0})) == {1: dead.UNUSED}


def test_a_shared_parameter_is_dead_only_where_all_its_rotations_are():
    circuit = PauliRotations(2, ["ZI", "XI", "ZI", "IX"], tied=[0, 1, 0, 2])
    assert reasons(circuit, PauliSum({"ZI": 1.0})) == {0: dead.START, 2: dead.CONE}  # first a phase, then Z
    assert reasons(circuit, PauliSum({"YI": 1.0})) == {2: dead.CONE}


def test_long_circuits_use_letters_of_light_cones(monkeypatch):
    circuit, H = HardwareEfficient(6, 2), PauliSum({"ZIIIII": 1.0})
    exact = {d.index for d in dead.dead_parameters(circuit, H)}
    monkeypatch.setattr(dead, "MOST", 1)
    quick = {d.index for d in dead.dead_parameters(circuit, H)}
    assert quick and quick <= exact


def test_the_null_space_is_what_matrices_say():
    rng = np.random.default_rng(0)
    for rows, columns in ((0, 3), (3, 5), (8, 5), (5, 40)):
        table = rng.integers(0, 2, (rows, columns)).astype(bool)
        kernel = dead.nullspace(table)
        assert not (table.astype(int) @ kernel.T % 2).any()
        every = np.arange(2 ** min(columns, 10))[:, None] >> np.arange(min(columns, 10)) & 1
        if columns <= 10:  # as many vectors as there are
            assert 2 ** len(kernel) == (~(every @ table.T.astype(int) % 2).any(axis=1)).sum()
