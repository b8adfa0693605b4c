"""Standard gates against their textbook matrices, the phases of controlled ones included."""

import numpy as np
import pytest
import reference
from exchanged import matrix_of, same

import qbp
from qbp.interchange.qasm.reader import read_qasm
from qbp.interchange.qasm.standard import standard_gates

X, Y, Z, ONE = (reference.PAULI[letter] for letter in "XYZI")
H = (X + Z) / np.sqrt(2)
SX = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2
SWAP = np.eye(4)[[0, 2, 1, 3]]


def r(letters, angle):
    return reference.rotation(letters, angle)


def p(angle):
    return np.diag([1, np.exp(1j * angle)])


def u3(t, f, lam):
    return np.array(
        [
            [np.cos(t / 2), -np.exp(1j * lam) * np.sin(t / 2)],
            [np.exp(1j * f) * np.sin(t / 2), np.exp(1j * (f + lam)) * np.cos(t / 2)],
        ]
    )


def c(matrix, controls=1):
    """A controlled gate, the controls first."""
    size = len(matrix) * 2**controls
    whole = np.eye(size, dtype=complex)
    whole[size - len(matrix) :, size - len(matrix) :] = matrix
    return whole


a1, a2, a3, a4 = 0.7, -0.4, 1.9, 0.3
EXPECTED = {
    "id": ONE, "u0(0.3)": ONE, "x": X, "y": Y, "z": Z, "h": H, "s": p(np.pi / 2), "sdg": p(-np.pi / 2),
    "t": p(np.pi / 4), "tdg": p(-np.pi / 4), "sx": SX, "sxdg": SX.conj().T,
    "rx(0.7)": r("X", a1), "ry(0.7)": r("Y", a1), "rz(0.7)": r("Z", a1),
    "p(0.7)": p(a1), "u1(0.7)": p(a1), "phase(0.7)": p(a1),
    "u2(-0.4,1.9)": u3(np.pi / 2, a2, a3), "u3(0.7,-0.4,1.9)": u3(a1, a2, a3),
    "u(0.7,-0.4,1.9)": u3(a1, a2, a3), "U(0.7,-0.4,1.9)": u3(a1, a2, a3),
    "r(0.7,-0.4)": r("Z", a2) @ r("X", a1) @ r("Z", -a2),
    "cx": c(X), "CX": c(X), "cnot": c(X), "cy": c(Y), "cz": c(Z), "ch": c(H), "cs": c(p(np.pi / 2)),
    "csdg": c(p(-np.pi / 2)), "csx": c(SX), "swap": SWAP, "cp(0.7)": c(p(a1)), "cu1(0.7)": c(p(a1)),
    "cphase(0.7)": c(p(a1)), "crx(0.7)": c(r("X", a1)), "cry(0.7)": c(r("Y", a1)), "crz(0.7)": c(r("Z", a1)),
    "cu3(0.7,-0.4,1.9)": c(u3(a1, a2, a3)), "cu(0.7,-0.4,1.9,0.3)": c(np.exp(0.3j) * u3(a1, a2, a3)),
    "rxx(0.7)": r("XX", a1), "ryy(0.7)": r("YY", a1), "rzz(0.7)": r("ZZ", a1), "rzx(0.7)": r("ZX", a1),
    "dcx": np.eye(4)[:, [0, 3, 1, 2]],
    "iswap": np.array([[1, 0, 0, 0], [0, 0, 1j, 0], [0, 1j, 0, 0], [0, 0, 0, 1]]),
    "ecr": (np.kron(X, ONE) - np.kron(Y, X)) / np.sqrt(2),
    "ccx": c(X, 2), "ccz": c(Z, 2), "cswap": c(SWAP), "c3x": c(X, 3), "c4x": c(X, 4), "c3sqrtx": c(SX, 3),
}  # fmt: skip
WITHOUT_TEXTBOOK = {"rccx", "rc3x"}  # X up to phases of basis states: see below


def test_every_standard_gate_is_here():
    assert {name.partition("(")[0] for name in EXPECTED} | WITHOUT_TEXTBOOK == standard_gates().keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_standard_gate_is_its_matrix(name):
    n = len(EXPECTED[name]).bit_length() - 1
    on = ", ".join(f"q[{k}]" for k in range(n))
    found = read_qasm(f"OPENQASM 2.0; qreg q[{n}]; rz(0) q; {name} {on};", "file").circuit
    same(matrix_of(found), EXPECTED[name])


@pytest.mark.parametrize(("name", "controls"), [("rccx", 2), ("rc3x", 3)])
def test_relative_phase_gates_are_toffolis_up_to_phases(name, controls):
    on = ", ".join(f"q[{k}]" for k in range(controls + 1))
    text = f"OPENQASM 2.0; qreg q[{controls + 1}]; {name} {on};"
    np.testing.assert_allclose(np.abs(matrix_of(read_qasm(text).circuit)), c(X, controls).real, atol=1e-12)


SPELLED = [
    "h", "s", "sdg", "t", "tdg", "x", "y", "z", "sx", "sxdg", "cx", "cy", "cz", "swap", "crx(0.3)",
    "cry(0.3)", "crz(0.3)", "cp(0.3)", "u(0.1,0.2,0.3)",
    "p(0.3)", "rxx(0.3)", "ryy(0.3)", "rzz(0.3)", "rx(0.3)",
]  # fmt: skip


@pytest.mark.parametrize("call", SPELLED)
def test_a_gate_is_spelled_as_the_builder_spells_it(call):
    name, _, angles = call.partition("(")
    values = [float(value) for value in angles.rstrip(")").split(",") if value]
    n = standard_gates()[name].n_qubits
    on = ", ".join(f"q[{k}]" for k in range(n))
    found = read_qasm(f"OPENQASM 2.0; qreg q[{n}]; {call} {on};", "file").circuit
    assert found == getattr(qbp.CircuitBuilder(n), name)(*values, *range(n)).build()
