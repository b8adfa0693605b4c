"""Gates against the dense oracle."""

import numpy as np
import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st

from qbp.circuits.gates import Entangler, Rotation, pauli_signs, start_qubits
from qbp.circuits.statevector import embed, entangle, evolve, flip, product_state

strings = st.text("IXYZ", min_size=1, max_size=5)


def random_state(n, *batch, seed=0):
    rng = np.random.default_rng(seed)
    state = rng.normal(size=(*batch, 2**n)) + 1j * rng.normal(size=(*batch, 2**n))
    return torch.from_numpy(state / np.linalg.norm(state, axis=-1, keepdims=True))


@given(strings)
def test_a_pauli_string_is_a_phase_and_a_signed_flip(pauli):
    state = random_state(len(pauli))
    phase, flipped = flip(pauli, state)
    np.testing.assert_allclose(phase * flipped, reference.pauli(pauli) @ state.numpy(), atol=1e-14)


@given(strings, st.floats(-7, 7))
def test_rotation(pauli, angle):
    state = random_state(len(pauli))
    out = evolve((Rotation(pauli, 0),), torch.tensor([angle], dtype=torch.float64), state)
    np.testing.assert_allclose(out, reference.rotation(pauli, angle) @ state.numpy(), atol=1e-13)


@pytest.mark.parametrize("kind", ["cz", "cnot"])
@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_entangler_on_pairs_in_any_order(kind, n):
    rng = np.random.default_rng(n)
    pairs = tuple(tuple(rng.permutation(n)[:2].tolist()) for _ in range(7))
    state = random_state(n)
    expected = state.numpy()
    for control, target in pairs:
        gate = reference.PAULI["Z" if kind == "cz" else "X"]
        expected = reference.controlled(n, gate, control, target) @ expected
    np.testing.assert_allclose(entangle(Entangler(kind, pairs), state), expected, atol=1e-14)


def test_qubit_zero_is_the_most_significant_bit():
    zero = torch.tensor([1.0, 0, 0, 0])
    out = evolve((Rotation("XI", 0),), torch.tensor([torch.pi]), zero)
    assert out.abs().round().tolist() == [0, 0, 1, 0]


@given(st.data())
def test_random_programs(data):
    n = data.draw(st.integers(1, 4))
    qubits = st.permutations(range(n)).map(lambda q: tuple(q[:2]))
    paulis, numbers = st.text("IXYZ", min_size=n, max_size=n), st.sampled_from([1.0, -0.5, 0.7, 3.0])
    rotations = st.builds(Rotation, paulis, st.none() | st.integers(0, 2), numbers, numbers)
    entanglers = st.builds(
        Entangler, st.sampled_from(["cz", "cnot"]), st.lists(qubits, max_size=3).map(tuple)
    )
    program = tuple(data.draw(st.lists(rotations | entanglers if n > 1 else rotations, max_size=6)))
    angles = [0.3, -1.7, 2.9]
    state = random_state(n)
    expected = state.numpy()
    for gate in program:
        if isinstance(gate, Rotation):
            angle = 0 if gate.parameter is None else gate.scale * angles[gate.parameter]
            expected = reference.rotation(gate.pauli, angle + gate.offset) @ expected
            continue
        for control, target in gate.pairs:
            matrix = reference.PAULI["Z" if gate.kind == "cz" else "X"]
            expected = reference.controlled(n, matrix, control, target) @ expected
    out = evolve(program, torch.tensor(angles, dtype=torch.float64), state)
    np.testing.assert_allclose(out, expected, atol=1e-13)


@pytest.mark.parametrize(
    ("runs", "states", "batch"), [((), (), ()), ((3,), (), (3,)), ((), (4,), (4,)), ((3, 1), (4,), (3, 4))]
)
@pytest.mark.parametrize(
    "program", [(), (Rotation("XY", 0), Entangler("cnot", ((1, 0),)), Rotation("ZI", 1))]
)
def test_batch_axes_broadcast(program, runs, states, batch):
    theta = torch.rand(*runs, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    state = random_state(2, *states)
    out = evolve(program, theta, state)
    assert out.shape == (*batch, 4)
    for index in np.ndindex(batch):
        one = evolve(program, theta.expand(*batch, 2)[index], state.expand(*batch, 4)[index])
        torch.testing.assert_close(out[index], one, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("real", "cplx"), [(torch.float32, torch.complex64), (torch.float64, torch.complex128)]
)
def test_the_precision_follows_theta(real, cplx):
    out = evolve((Rotation("Y", 0), Rotation("Z", 0)), torch.ones(1, dtype=real), torch.tensor([1.0, 0.0]))
    assert out.dtype == cplx


def test_evolution_is_unitary_and_differentiable_in_the_state():
    program = (Rotation("XYZ", 0), Entangler("cnot", ((0, 1), (1, 2))), Rotation("ZZI", 1))
    theta = torch.tensor([0.4, 1.1], dtype=torch.float64, requires_grad=True)
    state = random_state(3).requires_grad_()
    assert abs(evolve(program, theta, state).abs().pow(2).sum().item() - 1) < 1e-14
    assert torch.autograd.gradcheck(lambda t, s: evolve(program, t, s), (theta, state))


def test_twenty_qubits():
    n = 20
    out = evolve(
        (Rotation("Y" * n, 0),), torch.tensor([torch.pi]), torch.nn.functional.one_hot(torch.tensor(0), 2**n)
    )
    assert out.abs().argmax() == 2**n - 1


def test_tables_are_shared_but_never_changed():
    before = pauli_signs("ZY").copy()
    theta = torch.ones(1, dtype=torch.float64, requires_grad=True)
    evolve((Rotation("ZY", 0),), theta, random_state(2)).abs().sum().backward()
    assert pauli_signs("ZY") is pauli_signs("ZY")
    np.testing.assert_array_equal(pauli_signs("ZY"), before)


@pytest.mark.parametrize("start", ["zero", "plus", [[0.6, 0.8j], [1j, 0], [-0.8, 0.6]]])
def test_product_states(start):
    out = product_state(torch.from_numpy(start_qubits(start, 3)))
    np.testing.assert_allclose(out, reference.start_state(3, start), atol=1e-15)


@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize("start", ["zero", "plus", [[0.6, 0.8j], [1j, 0], [-0.8, 0.6]]])
def test_embedding(n_features, start):
    x = torch.linspace(-3, 3, 2 * 4 * n_features, dtype=torch.float64).reshape(2, 4, n_features)
    out = product_state(embed(x, torch.from_numpy(start_qubits(start, 3))))
    assert out.shape == (2, 4, 8)
    for index in np.ndindex(2, 4):
        expected = reference.start_state(3, start, x[index].tolist())
        np.testing.assert_allclose(out[index], expected, atol=1e-14)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("one", "start must be one of zero, plus"),
        ([[1, 0]], r"shape \(2, 2\)"),
        ([[1, 0], [1, 1]], "normalized rows"),
    ],
)
def test_bad_start_states(start, message):
    with pytest.raises(ValueError, match=message):
        start_qubits(start, 2)


def test_a_start_state_with_nan_is_refused():
    with pytest.raises(ValueError, match="normalized"):
        start_qubits([[float("nan"), 0]], 1)
