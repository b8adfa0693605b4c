"""Layers against the dense oracle: what a program is read as, what it does, and what undoing it yields."""

import numpy as np
import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qbp.circuits.gates import Entangler, Rotation
from qbp.circuits.layers import Layer, as_layers, run, undo

CZ, CNOT = Entangler("cz", ((0, 1), (1, 2))), Entangler("cnot", ((0, 1), (2, 1)))


@st.composite
def layered_programs(draw, n, n_params=4):
    """Any order of single-qubit rotations, angles tied at will, and entanglers on any pairs."""
    qubit, gates = st.integers(0, n - 1), []
    pair = st.tuples(qubit, qubit).filter(lambda pair: pair[0] != pair[1])
    for _ in range(draw(st.integers(1, 10))):
        if n > 1 and draw(st.integers(0, 3)) == 0:
            pairs = tuple(draw(st.lists(pair, min_size=1, max_size=4)))
            gates.append(Entangler(draw(st.sampled_from(["cz", "cnot"])), pairs))
        else:
            q, letter = draw(qubit), draw(st.sampled_from("XYZ"))
            k = draw(st.integers(0, n_params - 1))
            gates.append(Rotation("I" * q + letter + "I" * (n - 1 - q), k))
    return tuple(gates)


def matrix(gate, theta, n):
    """Dense matrix of a gate."""
    if isinstance(gate, Rotation):
        return reference.rotation(gate.pauli, theta[gate.parameter])
    total = np.eye(2**n)
    for a, b in gate.pairs:
        total = reference.controlled(n, reference.PAULI["Z" if gate.kind == "cz" else "X"], a, b) @ total
    return total


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def amplitudes(*shape, seed=0):
    return normal(*shape, seed=seed) + 1j * normal(*shape, seed=seed + 100)


def test_how_a_program_is_read():
    program = (
        Rotation("XII", 0),
        Rotation("IIZ", 1),
        Rotation("YII", 2),
        CZ,
        CNOT,
        Rotation("IYI", 1),
    )
    assert as_layers(program, 3) == (
        Layer(((("X", 0), ("Y", 2)), (), (("Z", 1),)), CZ),
        Layer(((), (), ()), CNOT),
        Layer(((), (("Y", 1),), ()), None),
    )
    assert as_layers(program, 3) is as_layers(program, 3)  # cached
    assert as_layers((), 3) == ()


@pytest.mark.parametrize("pauli", ["ZZI", "XYZ", "III"])
def test_strings_on_several_qubits_or_none_are_not_layers(pauli):
    assert as_layers((Rotation("XII", 0), CZ, Rotation(pauli, 1)), 3) is None


@settings(max_examples=80)
@given(st.data())
def test_run_and_undo_are_dense_matrices(data):
    """States, derivatives <lam|P|psi> after each gate, and lambda undone, of several runs and samples."""
    n, runs, samples = (
        data.draw(st.integers(1, 5)),
        data.draw(st.integers(1, 2)),
        data.draw(st.integers(1, 3)),
    )
    program = data.draw(layered_programs(n))
    start_runs = data.draw(st.sampled_from([1, runs]))
    theta, start = 3 * normal(runs, 4), amplitudes(start_runs, samples, 2**n, seed=1)
    lam = amplitudes(runs, samples, 2**n, seed=2)
    psi = run(program, torch.tensor(theta), torch.tensor(start))
    gradient, back = undo(program, torch.tensor(theta), psi, torch.tensor(lam))
    expected = np.zeros_like(theta)
    for r, s in np.ndindex(runs, samples):
        gates = [matrix(gate, theta[r], n) for gate in program]
        states = [start[min(r, start_runs - 1), s]]
        for gate in gates:
            states.append(gate @ states[-1])
        np.testing.assert_allclose(psi[r, s], states[-1], atol=1e-12)
        left = lam[r, s]
        for gate, dense, state in list(zip(program, gates, states[1:], strict=True))[::-1]:
            if isinstance(gate, Rotation):
                expected[r, gate.parameter] += (left.conj() @ reference.pauli(gate.pauli) @ state).imag
            left = dense.conj().T @ left
        np.testing.assert_allclose(back[r, s], left, atol=1e-12)
    np.testing.assert_allclose(gradient, expected, atol=1e-11)


def test_long_words_and_many_blocks():
    """Seven qubits are three blocks; words of every length, one of them empty, in every order of axes."""
    n = 7
    letters = ["XYZXYZ", "ZZ", "", "Y", "YXY", "ZYX", "XZ"]
    gates, k = [], 0
    for j in range(6):
        for q, word in enumerate(letters):
            if j < len(word):
                gates.append(Rotation("I" * q + word[j] + "I" * (n - 1 - q), k))
                k += 1
    theta, state = 3 * normal(1, k), amplitudes(1, 1, 2**n, seed=1)
    out = run(tuple(gates), torch.tensor(theta), torch.tensor(state))
    expected = state[0, 0]
    for gate in gates:
        expected = matrix(gate, theta[0], n) @ expected
    np.testing.assert_allclose(out[0, 0], expected, atol=1e-12)
    gradient, back = undo(tuple(gates), torch.tensor(theta), out, out)
    np.testing.assert_allclose(back, state, atol=1e-12)
    np.testing.assert_allclose(gradient, 0, atol=1e-11)  # a norm does not change


def test_single_precision_stays_single():
    program = (Rotation("XI", 0), Entangler("cnot", ((0, 1),)), Rotation("IY", 1))
    theta, state = torch.tensor(normal(2, 2)), torch.tensor(amplitudes(2, 3, 4, seed=1))
    double = run(program, theta, state)
    single = run(program, theta.float(), state.to(torch.complex64))
    gradient, back = undo(program, theta.float(), single, single)
    assert (single.dtype, gradient.dtype, back.dtype) == (torch.complex64, torch.float32, torch.complex64)
    np.testing.assert_allclose(single, double, atol=1e-5)
