"""Rotations by any Pauli strings: both paths against dense matrices, in every form of the vectors."""

import numpy as np
import pytest
import reference
import torch
from random_programs import random_program, random_start
from torch.testing import assert_close

import qbp
from qbp.circuits import adjoint
from qbp.circuits.gates import Entangler, Program, Rotation, untied
from qbp.circuits.kernel import evolution, passes, plan
from qbp.circuits.kernel.stages import stages

native = pytest.mark.skipif(not evolution.available(), reason="numba is not installed, or QBP_KERNEL=torch")


def dense(program, theta, qubits, observables, weights):
    """Values and the gradient of their weighted sum, from matrices: each rotation's derivative put in."""
    n = len(qubits)
    matrices, slopes = [], []
    for gate in program:
        if isinstance(gate, Rotation):
            angle = gate.offset + (0 if gate.parameter is None else gate.scale * theta[gate.parameter])
            matrices.append([reference.rotation(gate.pauli, angle)])
            slopes.append(-0.5j * reference.pauli(gate.pauli))
        else:
            matrix = reference.PAULI["Z" if gate.kind == "cz" else "X"]
            matrices.append([reference.controlled(n, matrix, *pair) for pair in gate.pairs])
            slopes.append(None)
    states = [reference.kron(*qubits)]
    for steps in matrices:
        state = states[-1]
        for matrix in steps:
            state = matrix @ state
        states.append(state)
    psi, gradient = states[-1], np.zeros(len(theta))
    values = np.array([(psi.conj() @ H @ psi).real for H in observables])
    back = sum(w * H for w, H in zip(weights, observables, strict=True)) @ psi
    for gate, steps, slope, state in zip(
        program[::-1], matrices[::-1], slopes[::-1], states[:0:-1], strict=True
    ):
        if slope is not None and gate.parameter is not None:
            gradient[gate.parameter] += gate.scale * 2 * (back.conj() @ slope @ state).real
        for matrix in steps[::-1]:
            back = matrix.conj().T @ back
    return values, gradient


@pytest.mark.parametrize("block", range(10))
def test_random_programs_against_matrices(block):
    """500 programs: what runs here (the kernel, where there is one) and the plain torch path."""
    rng = np.random.default_rng(block)
    for _ in range(50):
        n, n_params = int(rng.integers(1, 6)), int(rng.integers(1, 6))
        program = random_program(rng, n, int(rng.integers(1, 16)), n_params)
        theta, qubits = torch.tensor(rng.normal(size=n_params)), random_start(rng, n)
        sums = [{"".join(rng.choice(list("IXYZ"), n)): float(rng.normal()) for _ in range(3)} for _ in "ab"]
        observables = [qbp.PauliSum(terms) for terms in sums]  # of sums alone Clifford gates may be pushed
        matrices = [reference.pauli_sum(terms) for terms in sums]
        if rng.integers(2):
            observables[1], matrices[1] = qbp.Projector(n), reference.kron(*[reference.ZERO] * n)
        weights = rng.normal(size=2)
        expected = dense(program, theta.numpy(), qubits, matrices, weights)
        start = torch.from_numpy(qubits)
        for path in ("here", "torch"):
            at = theta.clone().requires_grad_()
            if path == "here":
                values = adjoint.expectations(program, at, start, observables, product=True)
            else:
                state = adjoint.product_state(start)
                values = adjoint.expectations(program, at, state, observables)
            (values * torch.from_numpy(weights)).sum().backward()
            assert_close(values.detach().numpy(), expected[0], rtol=0, atol=1e-10)
            assert_close(at.grad.numpy(), expected[1], rtol=0, atol=1e-10)


@native
@pytest.mark.parametrize(
    ("n", "batch"), [(1, 9), (2, 3), (4, 40), (5, 1), (7, 2), (9, 3), (11, 1), (13, 1), (14, 2)]
)
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-10), (torch.float32, 5e-4)], ids=str)
def test_every_form_of_the_vectors(n, batch, dtype, atol):
    rng = np.random.default_rng(n)
    program = random_program(rng, n, 12, 3)
    theta = torch.tensor(rng.normal(size=(batch, 3)), dtype=dtype)
    start = torch.from_numpy(random_start(rng, n)).to(dtype.to_complex())
    observables = qbp.tfim(n), qbp.heisenberg(n)
    assert evolution.supports(program, n, theta, observables)
    found = []
    for plain in (False, True):
        at = theta.clone().requires_grad_()
        if plain:
            values = adjoint._plain(program, at, adjoint.product_state(start), observables)
        else:
            values = adjoint.expectations(program, at, start, observables, product=True)
        values[..., 0].sum().backward()
        found.append((values.detach(), at.grad))
    assert_close(*found, rtol=0, atol=atol)


def test_all_zz_of_a_layer_are_one_stage_and_x_on_all_qubits_another():
    H = qbp.tfim(5)
    program = Program([Rotation(p, int("X" in p)) for p in H.terms] * 2)
    assert [(s.kind, len(s.gates)) for s in stages(program, 5)] == [("strings", 4), ("words", 5)] * 2


def test_a_gate_moves_past_what_it_commutes_with_and_no_further():
    def kinds(*gates):
        return [stage.kind for stage in stages(Program(gates), 3)]

    zz, cnot = Rotation("ZZI", 0), Entangler("cnot", ((0, 1),))
    x, y = ([Rotation("I" * q + p + "I" * (2 - q), 1) for q in (2, 1, 0)] for p in "XY")
    z = Rotation("ZII", 2)
    assert kinds(zz, x[0], x[0], x[0], zz, z) == ["strings", "words"]
    assert kinds(zz, *y, zz) == ["strings", "words", "strings"]
    assert kinds(cnot, x[0], x[0], x[0], cnot) == ["cnot", "words"]
    assert kinds(cnot, *y, cnot) == ["cnot", "words", "cnot"]


def test_few_words_are_passes_of_their_own():
    n, y = 8, "IIYIIIII"
    assert [s.kind for s in stages(Program([Rotation(y, 0)]), n)] == ["strings"]
    assert [s.kind for s in stages(Program([Rotation(y, 0)] * n), n)] == ["words"]


@native
def test_clifford_gates_are_pushed_where_that_is_less_work():
    n = 4
    rz, ladder = Rotation("IIIZ", 0), [Entangler("cnot", ((q, q + 1),)) for q in range(3)]
    spread = Program([*ladder, rz, *ladder[::-1], *ladder, rz, *ladder[::-1]])
    theta, zero = np.ones((1, 1)), np.tile(np.array([1.0 + 0j, 0]), (n, 1))
    found = evolution.prepared(spread, (qbp.tfim(n),), theta, zero, team=False)
    assert found.way == "frame" and "frame: 1 layers, 1 passes" in repr(found)
    layered = qbp.HardwareEfficient(n, 3, entangler="cnot")
    theta = np.ones((1, layered.n_params))
    for H in (qbp.tfim(n), qbp.Projector(n)):
        assert evolution.prepared(layered.program, (H,), theta, zero, team=False).way == "layers"


@native
def test_the_rows_that_a_double_excitation_leaves_alone_are_left_out():
    strings = ["XXXY", "XXYX", "XYXX", "YXXX", "YYYX", "YYXY", "YXYY", "XYYY"]
    signs = [1, 1, -1, -1, 1, 1, -1, -1]
    gates = [Rotation(p, 0, s) for p, s in zip(strings, signs, strict=True)]
    program = Program(gates)
    tables = passes.Tables(untied(program), 4, 0, 1)
    (stage,) = stages(program, 4)
    tables.add(stage, {k: k for k in range(8)})
    made = tables.done()
    assert made.table[:, 0].tolist() == [passes.ODD] and made.places.shape[1] < 8
    free = Program(Rotation(p, k) for k, p in enumerate(strings))
    assert len(plan.plan(free, 4, "d", False, 1, 8).passes.table)


@native
@pytest.mark.parametrize("angle", [1e-300, 3.0, -1e4, 9.9e5, 1.1e6, -3e12, 1e300])
@pytest.mark.parametrize(("n", "batch"), [(2, 9), (6, 1)])
def test_cosines_of_any_angle(angle, n, batch):
    program, H = (
        Program([Rotation("Y" + "I" * (n - 1), 0), Rotation("Z" * n, 1)]),
        qbp.PauliSum({"Z" + "I" * (n - 1): 1.0, "X" + "I" * (n - 1): 0.5}),
    )
    theta = torch.full((batch, 2), angle, dtype=torch.float64)
    zero = torch.tensor([[1.0, 0.0]] * n, dtype=torch.float64)
    value = adjoint.expectations(program, theta, zero, [H], product=True)
    expected = np.cos(angle) * (1 + 0.5 * np.sin(angle))  # the phase turns X to Y by the same angle
    assert_close(value.numpy(), np.full((batch, 1), expected), rtol=0, atol=1e-15)


@native
@pytest.mark.parametrize("size", [1, 2, 9])
def test_value_and_gradient_without_autograd(size):
    circuit, H = (
        qbp.PauliRotations(5, ["ZZIII", "IXIII", "XYZIX"], [0, 1, 0], start="plus"),
        qbp.heisenberg(5),
    )
    theta = torch.linspace(0, 5, size * 2, dtype=torch.float64).reshape(size, 2)
    at = theta.clone().requires_grad_()
    expected = circuit.expectation(at, H)
    expected.sum().backward()
    value, gradient = circuit.value_and_gradient(theta, H)
    assert_close(value, expected.detach(), rtol=0, atol=1e-13)
    assert_close(gradient, at.grad, rtol=0, atol=1e-13)
    one = circuit.value_and_gradient(theta[0], H)
    assert one[0].shape == () and one[1].shape == (2,)


def test_a_circuit_of_fixed_gates_has_a_value_and_a_gradient_of_zero():
    circuit = qbp.CircuitBuilder(2).h(0).cx(0, 1).build()
    theta = torch.zeros(3, 0, dtype=torch.float64)
    value, gradient = circuit.value_and_gradient(theta, qbp.PauliSum({"XX": 0.5, "ZZ": 0.25}))
    assert_close(value, torch.full((3,), 0.75, dtype=torch.float64), rtol=0, atol=1e-12)
    assert gradient.shape == (3, 0)


def test_gradients_of_gradients_of_shared_and_scaled_angles():
    program = Program(
        [Rotation("YI", 0, 2.0, 0.1), Rotation("XX", 1), Rotation("IY", 0), Rotation("ZI", None, offset=0.4)]
    )
    zero = torch.tensor([[1.0, 0.0]] * 2, dtype=torch.float64)
    theta = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    H = qbp.PauliSum({"ZX": 1.0, "XY": 0.3})

    def value(theta):
        return adjoint.expectations(program, theta, zero, [H], product=True).sum()

    assert torch.autograd.gradcheck(value, theta) and torch.autograd.gradgradcheck(value, theta)
