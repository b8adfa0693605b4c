"""Circuits built gate by gate: every gate against its textbook matrix, up to one global phase."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import reference
import torch

import qbp
from qbp.circuits.gates import Entangler, Rotation

W = np.exp(0.25j * np.pi)
ONE = {  # matrices of one qubit
    "h": np.array([[1, 1], [1, -1]]) / np.sqrt(2),
    "s": np.diag([1, 1j]),
    "sdg": np.diag([1, -1j]),
    "t": np.diag([1, W]),
    "tdg": np.diag([1, W.conj()]),
    "x": np.array([[0, 1], [1, 0]]),
    "y": np.array([[0, -1j], [1j, 0]]),
    "z": np.diag([1, -1]),
    "sx": np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2,
    "sxdg": np.array([[1 - 1j, 1 + 1j], [1 + 1j, 1 - 1j]]) / 2,
    "id": np.eye(2),
}
TWO = {  # of two, the first one leftmost
    "swap": np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]),
    "cx": np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]),
    "cy": np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, -1j], [0, 0, 1j, 0]]),
    "cz": np.diag([1, 1, 1, -1]),
}


def rx(a):
    return np.array([[np.cos(a / 2), -1j * np.sin(a / 2)], [-1j * np.sin(a / 2), np.cos(a / 2)]])


def ry(a):
    return np.array([[np.cos(a / 2), -np.sin(a / 2)], [np.sin(a / 2), np.cos(a / 2)]])


def rz(a):
    return np.diag([np.exp(-0.5j * a), np.exp(0.5j * a)])


def u(theta, phi, lam):
    c, s = np.cos(theta / 2), np.sin(theta / 2)
    return np.array([[c, -np.exp(1j * lam) * s], [np.exp(1j * phi) * s, np.exp(1j * (phi + lam)) * c]])


def below_one(matrix):
    return np.block([[np.eye(2), np.zeros((2, 2))], [np.zeros((2, 2)), matrix]])


TURNS = {  # of one angle and one qubit
    "rx": rx,
    "ry": ry,
    "rz": rz,
    "p": lambda a: np.diag([1, np.exp(1j * a)]),
}
PAIR_TURNS = {  # of one angle and two qubits
    "rxx": lambda a: np.cos(a / 2) * np.eye(4) - 1j * np.sin(a / 2) * np.fliplr(np.eye(4)),
    "ryy": lambda a: np.cos(a / 2) * np.eye(4) - 1j * np.sin(a / 2) * np.fliplr(np.diag([-1, 1, 1, -1])),
    "rzz": lambda a: np.diag(np.exp(-0.5j * a * np.array([1, -1, -1, 1]))),
    "crx": lambda a: below_one(rx(a)),
    "cry": lambda a: below_one(ry(a)),
    "crz": lambda a: below_one(rz(a)),
    "cp": lambda a: np.diag([1, 1, 1, np.exp(1j * a)]),
}


def on(matrix, qubits, n):
    """A matrix of some qubits as one of n qubits, index by index."""
    full = np.zeros((2**n, 2**n), dtype=complex)
    for column in range(2**n):
        bits = [column >> (n - 1 - q) & 1 for q in range(n)]
        source = int("".join(str(bits[q]) for q in qubits), 2)
        for target in range(2 ** len(qubits)):
            for place, q in enumerate(qubits):
                bits[q] = target >> (len(qubits) - 1 - place) & 1
            full[int("".join(map(str, bits)), 2), column] += matrix[target, source]
    return full


def unitary(circuit, theta=()):
    """The matrix of a circuit on n qubits, column by column from basis states."""
    n = circuit.n_qubits
    theta = torch.tensor(theta, dtype=torch.float64)
    columns = []
    for index in range(2**n):
        start = [[1, 0] if index >> (n - 1 - q) & 1 == 0 else [0, 1] for q in range(n)]
        moved = qbp.BuiltCircuit(n, circuit.gates, circuit.parameter_names, start)
        columns.append(moved.state(theta).numpy())
    return np.array(columns).T


def same_up_to_phase(found, expected):
    phase = np.trace(expected.conj().T @ found)
    np.testing.assert_allclose(found * np.conj(phase / abs(phase)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("qubit", [0, 2])
def test_fixed_gates_of_one_qubit(name, qubit):
    b = qbp.CircuitBuilder(3).rx(0.3, 1)
    circuit = getattr(b, name)(qubit).build()
    same_up_to_phase(unitary(circuit), on(ONE[name], [qubit], 3) @ on(rx(0.3), [1], 3))


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("qubits", [(0, 1), (2, 0)])
def test_fixed_gates_of_two_qubits(name, qubits):
    circuit = getattr(qbp.CircuitBuilder(3), name)(*qubits).build()
    same_up_to_phase(unitary(circuit), on(TWO[name], qubits, 3))


@pytest.mark.parametrize("name", [*TURNS, *PAIR_TURNS])
@pytest.mark.parametrize("fixed", [True, False])
def test_rotations(name, fixed):
    matrix = {**TURNS, **PAIR_TURNS}[name]
    qubits = (2, 0) if name in PAIR_TURNS else (1,)
    b = qbp.CircuitBuilder(3)
    angle = 1.3 if fixed else -0.5 * b.parameter() + 0.2
    circuit = getattr(b, name)(angle, *qubits).build()
    assert circuit.n_params == (0 if fixed else 1)
    for value in (-2.2, 4.0):
        expected = matrix(1.3 if fixed else -0.5 * value + 0.2)
        same_up_to_phase(unitary(circuit, [] if fixed else [value]), on(expected, qubits, 3))


def test_any_gate_of_one_qubit_and_strings():
    b = qbp.CircuitBuilder(3)
    a = b.parameter("a")
    circuit = b.u(0.4, a, 2 * a - 1, 1).build()
    same_up_to_phase(unitary(circuit, [0.7]), on(u(0.4, 0.7, 0.4), [1], 3))
    b = qbp.CircuitBuilder(3).pauli_rotation(0.6, "XIY").pauli_rotation(-1.1, "ZY", 2, 0)
    expected = reference.rotation("YIZ", -1.1) @ reference.rotation("XIY", 0.6)
    same_up_to_phase(unitary(b.build()), expected)


def random_circuit(rng, n, size):
    """A builder with random gates, and their matrix for random parameters."""
    b, total = qbp.CircuitBuilder(n), np.eye(2**n)
    values = rng.normal(size=3)
    angles = [b.parameter(name) for name in "abc"]
    every = {**ONE, **TWO, **TURNS, **PAIR_TURNS}
    for name in rng.choice(list(every), size):
        two = name in TWO or name in PAIR_TURNS
        qubits = [int(q) for q in rng.permutation(n)[: 2 if two else 1]]
        matrix = every[name]
        if name in TURNS or name in PAIR_TURNS:
            k, scale, offset = rng.integers(3), *rng.normal(size=2)
            getattr(b, name)(scale * angles[k] + offset, *qubits)
            matrix = matrix(scale * values[k] + offset)
        else:
            getattr(b, name)(*qubits)
        total = on(matrix, qubits, n) @ total
    return b.build(), values, total


@pytest.mark.parametrize("seed", range(12))
def test_random_circuits(seed):
    circuit, values, expected = random_circuit(np.random.default_rng(seed), 2 + seed % 3, 25)
    same_up_to_phase(unitary(circuit, values), expected)


@pytest.mark.parametrize("start", ["zero", "plus"])
def test_gradients_of_shared_and_scaled_angles(start):
    b = qbp.CircuitBuilder(3, start=start)
    a, c, unused = b.parameter("a"), b.parameter("c"), b.parameter("unused")
    b.rx(a, 0).ry(-2 * a + 0.3, 1).cx(0, 1).rzz(c / 3, 1, 2).crx(a + 1, 2, 0).h(1).u(a, 0.1, 1 - c, 2)
    circuit, H = b.build(), qbp.heisenberg(3)
    theta = torch.tensor([[0.3, -0.8, 0.1], [2.0, 0.4, 0.2]], dtype=torch.float64, requires_grad=True)
    assert unused.parameter == 2 and circuit.n_params == 3
    assert torch.autograd.gradcheck(lambda t: circuit.expectation(t, H), theta)
    assert torch.autograd.gradgradcheck(lambda t: circuit.expectation(t, H), theta)
    expected = torch.func.jacrev(lambda t: H.expectation(circuit.state(t)).sum())(theta.detach())
    (found,) = torch.autograd.grad(circuit.expectation(theta, H).sum(), theta)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert (found[:, 2] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_circuits_without_parameters(dtype):
    bell = qbp.CircuitBuilder(2).h(0).cx(0, 1).build()
    clifford = qbp.CircuitBuilder(2, start="plus").cz(0, 1).cx(1, 0).build()  # no rotation either
    H = qbp.PauliSum({"XX": 1.0, "ZI": 2.0, "ZZ": 4.0, "YX": 8.0})
    for circuit, value in ((bell, 5.0), (clifford, reference_value(H, clifford))):
        assert circuit.n_params == 0
        for shape in ((0,), (3, 0), (2, 3, 0)):
            theta = torch.zeros(shape, dtype=dtype)
            assert circuit.state(theta).shape == (*shape[:-1], 4)
            energies = circuit.expectation(theta, H)
            assert energies.shape == shape[:-1] and energies.dtype == dtype
            torch.testing.assert_close(energies, torch.full_like(energies, value), rtol=0, atol=1e-5)
        inputs = torch.rand(5, 2, dtype=dtype)
        assert circuit.expectation(torch.zeros(3, 0, dtype=dtype), H, inputs=inputs).shape == (3, 5)
    with pytest.raises(ValueError, match=r"theta must have shape \(\.{3}, 0\), got \(1,\)"):
        bell.state(torch.zeros(1, dtype=dtype))


def reference_value(H, circuit):
    state = reference.start_state(2, "plus")
    for a, b in ((0, 1),):
        state = reference.controlled(2, reference.PAULI["Z"], a, b) @ state
    state = reference.controlled(2, reference.PAULI["X"], 1, 0) @ state
    return float(reference.expectation(reference.pauli_sum(H.terms), state))


def test_runs_of_one_kind_are_kept_together():
    b = qbp.CircuitBuilder(3).cx(0, 1).cx(1, 2).cz(0, 1).cz(1, 2).barrier().cz(0, 2).h(0).cz(0, 1).id(2)
    entanglers = [gate for gate in b.build().gates if isinstance(gate, Entangler)]
    assert entanglers == [
        Entangler("cnot", ((0, 1), (1, 2))),
        Entangler("cz", ((0, 1), (1, 2))),
        Entangler("cz", ((0, 2),)),
        Entangler("cz", ((0, 1),)),
    ]
    assert qbp.CircuitBuilder(2).swap(0, 1).build().gates == (Entangler("cnot", ((0, 1), (1, 0), (0, 1))),)


def test_angles_are_numbers_times_a_parameter():
    a = qbp.Angle(3)
    assert 2 * a + 0.5 == a * 2 + 0.5 == 0.5 + a * 2 == (3, 2.0, 0.5)
    assert 1 - a / 4 == (3, -0.25, 1.0) and -(a - 1) == (3, -1.0, 1.0) and +a == a
    assert np.float64(2.0) * a == (3, 2.0, 0.0)
    for wrong in (lambda: a + a, lambda: a * "x", lambda: 1j * a, lambda: a * True):
        with pytest.raises(TypeError, match="must be a real number"):
            wrong()
    for wrong in (lambda: a + float("nan"), lambda: a * 1e300 * 1e300, lambda: a / 0, lambda: a / 1e-320):
        with pytest.raises(ValueError, match="angle must"):
            wrong()


def test_parameters_have_names():
    b = qbp.CircuitBuilder(1)
    first, again, new = b.parameter("theta_1"), b.parameter("theta_1"), b.parameter()
    assert first == again == (0, 1.0, 0.0) and new.parameter == 1
    assert b.rx(new, 0).build().parameter_names == ("theta_1", "theta_2")
    for wrong in ("", 1, b"a"):
        with pytest.raises(TypeError, match="name must be a text"):
            b.parameter(wrong)


@pytest.mark.parametrize(
    ("add", "error", "message"),
    [
        (lambda b: b.h(2), ValueError, "a qubit must be at least 0 and at most 1, got 2"),
        (lambda b: b.h(-1), ValueError, "a qubit must be"),
        (lambda b: b.h(0.0), TypeError, "a qubit must be an integer"),
        (lambda b: b.cx(1, 1), ValueError, r"the qubits of a gate must differ, got \(1, 1\)"),
        (lambda b: b.cy(0, 0), ValueError, "differ"),
        (lambda b: b.cp(0.1, 1, 1), ValueError, "differ"),
        (lambda b: b.rx(float("nan"), 0), ValueError, "angle must be a finite number, got nan"),
        (lambda b: b.crx(float("inf"), 0, 1), ValueError, "angle must be a finite number, got inf"),
        (lambda b: b.u(0.1, 1j, 0.2, 0), TypeError, "angle must be a real number"),
        (lambda b: b.rx(torch.tensor(1.0), 0), TypeError, "angle must be a real number"),
        (lambda b: b.rx(qbp.Angle(0), 0), ValueError, "one of the 0 parameters here"),
        (lambda b: b.pauli_rotation(0.1, "XYZ"), ValueError, "a Pauli string must be 2 letters"),
        (lambda b: b.pauli_rotation(0.1, "XY", 1, 1), ValueError, "differ"),
        (lambda b: b.pauli_rotation(0.1, "AB"), ValueError, "a Pauli string must be 2 letters"),
        (lambda b: b.build(), ValueError, "a circuit must have at least one gate, got none"),
        (lambda b: b.id(0).barrier().build(), ValueError, "at least one gate"),
    ],
)
def test_wrong_gates_are_refused_and_leave_the_builder_as_it_was(add, error, message):
    b = qbp.CircuitBuilder(2)
    with pytest.raises(error, match=message):
        add(b)
    with pytest.raises(ValueError, match="at least one gate"):
        b.build()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, [Rotation("X", 0)], ["a"]), "n_qubits"),
        ((1, [], []), "gates must be"),
        ((1, [Rotation("X", 1)], ["a"]), "gates must have parameters below 1"),
        ((1, [Rotation("XX", 0)], ["a"]), "gates must turn about 1 letters"),
        ((1, [Rotation("X", 0, float("nan"))], ["a"]), "scale of gates"),
        ((1, [Rotation("X", None, 1.0, float("inf"))], []), "offset of gates"),
        ((1, ["h"], []), "gates must be Rotations and Entanglers"),
        ((2, [Entangler("cy", ((0, 1),))], []), "kind of gates must be one of cz, cnot"),
        ((2, [Entangler("cz", ((0, 2),))], []), "a qubit of gates must be"),
        ((2, [Entangler("cz", ((1, 1),))], []), "pairs of gates must be two different"),
        ((1, [Rotation("X", 0)], ["a", "a"]), "parameter_names must be"),
        ((1, [Rotation("X", 0)], "ab"), "parameter_names must be"),
        ((1, [Rotation("X", 0)], ["a"], "minus"), "start must be"),
    ],
)
def test_wrong_circuits(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        qbp.BuiltCircuit(*arguments)


def test_equal_if_built_alike():
    def build(angle=0.5, start="zero"):
        b = qbp.CircuitBuilder(2, start=start)
        return b.h(0).rx(b.parameter("a") * angle, 0).cx(0, 1).build()

    one = build()
    assert one == build() and hash(one) == hash(build()) and len({one, build()}) == 1
    assert one != build(0.25) and one != build(start="plus") and one != "one"
    assert copy.copy(one) == copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
    assert repr(one) == "BuiltCircuit(n_qubits=2, n_gates=4, n_params=1)"
    with pytest.raises(AttributeError):
        one.n_qubits = 3


def test_a_builder_goes_on_after_a_circuit():
    b = qbp.CircuitBuilder(2).cx(0, 1)
    first, second = b.build(), b.cx(1, 0).build()
    assert first.gates == (Entangler("cnot", ((0, 1),)),)
    assert second.gates == (Entangler("cnot", ((0, 1), (1, 0))),)


def test_a_hash_is_of_its_process():
    """Texts hash differently in each process, so that a program must not carry its hash into another."""
    b = qbp.CircuitBuilder(1)
    circuit = b.rx(b.parameter(), 0).build()
    hash(circuit)
    code = (
        "import pickle, qbp; b = qbp.CircuitBuilder(1); own = b.rx(b.parameter(), 0).build(); "
        f"other = pickle.loads({pickle.dumps(circuit)!r}); assert len({{own, other}}) == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
