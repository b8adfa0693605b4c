"""OpenQASM that is written: read again it is the same circuit, and a reader sees readable gates."""

import numpy as np
import pytest
import torch
from exchanged import matrix_of, random_circuit, same, state

import qbp
from qbp.circuits.gates import Rotation
from qbp.interchange.export import common_gates
from qbp.interchange.qasm.reader import read_qasm
from qbp.interchange.qasm.writer import write_qasm


@pytest.mark.parametrize("seed", range(40))
def test_what_is_written_is_read_to_the_same_states(seed):
    rng = np.random.default_rng(seed)
    n = 1 + seed % 4
    start = ["zero", "plus"][seed % 2] if seed % 3 else qubits_of(rng, n)
    circuit = random_circuit(rng, n, 15, start=start)
    theta = rng.normal(size=3)
    back = read_qasm(write_qasm(circuit))
    assert back.names == circuit.parameter_names
    same(state(back.circuit, theta), state(circuit, theta))
    for version in (2, 3):
        text = write_qasm(circuit, version, theta=theta)
        assert "input" not in text
        fixed, free = read_qasm(text, "file"), read_qasm(text)
        same(state(fixed.circuit), state(circuit, theta))
        same(state(free.circuit, free.theta0), state(circuit, theta))


def qubits_of(rng, n):
    rows = rng.normal(size=(n, 2)) + 1j * rng.normal(size=(n, 2))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(6))
def test_gradients_survive_the_way(seed):
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, 3, 15)
    back, H = read_qasm(write_qasm(circuit)).circuit, qbp.heisenberg(3)
    gradients = []
    for c in (circuit, back):
        theta = torch.linspace(-1, 1, 3, dtype=torch.float64, requires_grad=True)
        c.expectation(theta, H).backward()
        gradients.append(theta.grad.numpy())
    np.testing.assert_allclose(*gradients, rtol=0, atol=1e-12)


def test_the_gates_are_those_of_every_tool():
    circuit = random_circuit(np.random.default_rng(5), 3, 60)
    names = {gate.name for gate in common_gates(circuit)}
    assert (
        names <= set(["h", "x", "y", "z", "s", "sdg", "t", "tdg", "rx", "ry", "rz", "cx", "cz"])
        and len(names) > 9
    )


def test_a_text_by_hand():
    b = qbp.CircuitBuilder(3)
    a, other = b.parameter("a"), b.parameter("θ[0]")
    b.h(0).s(1).tdg(2).rx(np.pi / 2, 0).rz(3 * np.pi / 4, 1).pauli_rotation(-a / 2, "XIY").rz(
        other + 1e-05, 0
    )
    assert write_qasm(b.cz(0, 1).build()).splitlines()[2:] == [
        "input float[64] a;",
        "input float[64] __0_;",
        "qubit[3] q;",
        "h q[0];",
        "s q[1];",
        "tdg q[2];",
        "rx(pi/2) q[0];",
        "rz(3*pi/4) q[1];",
        "h q[0];",
        "sdg q[2];",
        "h q[2];",
        "cx q[0], q[2];",
        "rz(-0.5*a) q[2];",
        "cx q[0], q[2];",
        "h q[0];",
        "h q[2];",
        "s q[2];",
        "rz(__0_ + 1e-05) q[0];",
        "cz q[0], q[1];",
    ]


def test_names_that_mean_something_else_are_changed():
    b = qbp.CircuitBuilder(1)
    for name in ("q", "pi", "if", "h", "1", "_", "a b", "a_b", "input"):
        b.rx(b.parameter(name), 0)
    text = write_qasm(b.build())
    found = read_qasm(text)
    assert len(set(found.names)) == 9 and found.names[-2:] == ("a_b_1", "input_1")
    theta = np.linspace(0.1, 1.1, 9)
    same(state(found.circuit, theta), state(b.build(), theta))


def test_any_circuit_can_be_written():
    for circuit in (
        qbp.HardwareEfficient(3, 2, entangler="cnot", topology="ring", start="plus"),
        qbp.PauliRotations(3, ["XYZ", "ZZI", "III", "IXI"], tied=[0, 1, 2, 0]),
    ):
        theta = np.linspace(-2, 2, circuit.n_params)
        back = read_qasm(write_qasm(circuit)).circuit
        same(state(back, theta), state(circuit, theta))
        assert back.parameter_names == tuple(f"theta_{k}" for k in range(circuit.n_params))


def test_small_and_large_numbers_keep_their_digits():
    values = [1e-05, 1e-300, 0.1 + 0.2, 12345.678901234567, -np.pi / 4, np.nextafter(np.pi, 4), 1e22]
    circuit = qbp.PauliRotations(1, ["X"] * len(values))
    back = read_qasm(write_qasm(circuit, 2, values), "file").circuit
    assert [g.offset for g in back.gates if isinstance(g, Rotation)] == values


def test_half_a_hadamard_is_none():
    b = qbp.CircuitBuilder(2).z(0).z(0).ry(np.pi / 2, 0).z(1).ry(np.pi / 2, 0).z(0)
    text = write_qasm(b.build(), 2)
    assert text.splitlines()[3:] == ["z q[0];", "h q[0];", "z q[1];", "ry(pi/2) q[0];", "z q[0];"]
    same(matrix_of(read_qasm(text).circuit), matrix_of(b.build()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"circuit": 3}, "circuit must be a Circuit"),
        ({"version": 4}, "version must be at least 2 and at most 3, got 4"),
        ({"version": 2}, "theta must be given for version 2"),
        ({"theta": [0.1]}, r"theta must be 8 real numbers, all finite, got shape \(1,\)"),
        ({"theta": [np.nan] * 8}, "theta must be 8 real numbers, all finite"),
        ({"theta": "x"}, "theta must be 8 real numbers, got 'x'"),
    ],
)
def test_what_cannot_be_written(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        write_qasm(**{"circuit": qbp.HardwareEfficient(2, 2), **arguments})
