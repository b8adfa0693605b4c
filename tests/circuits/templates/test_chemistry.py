"""Unitary coupled cluster against exponentials of dense fermionic operators."""

import numpy as np
import pytest
import reference
import torch

import qbp
from qbp.circuits.templates.chemistry import excitation_rotations, spin_excitations


def lowering(n, p):
    """a_p, from its action on occupations: the sign counts the electrons before p."""
    matrix = np.zeros((2**n, 2**n))
    for column in range(2**n):
        bits = [column >> (n - 1 - q) & 1 for q in range(n)]
        if bits[p]:
            matrix[column - (1 << (n - 1 - p)), column] = (-1) ** sum(bits[:p])
    return matrix


def generator(n, excitation):
    """T - T^dagger."""
    (low, high), T = excitation, np.eye(2**n)
    for p in high:
        T = T @ lowering(n, p).T
    for p in reversed(low):
        T = T @ lowering(n, p)
    return T - T.T


def exponential(matrix, theta):
    values, vectors = np.linalg.eigh(1j * matrix)
    return vectors @ np.diag(np.exp(-1j * theta * values)) @ vectors.conj().T


EXCITATIONS = [((0,), (2,)), ((1,), (4,)), ((3,), (0,)), ((0, 1), (2, 3)), ((0, 2), (1, 4)), ((3, 1), (4, 0))]


@pytest.mark.parametrize("excitation", EXCITATIONS)
def test_an_excitation_is_the_exponential_of_its_operator(excitation):
    n, theta = 5, 0.7
    strings = excitation_rotations(n, excitation)
    single = len(excitation[0]) == 1
    assert len(strings) == (2 if single else 8)
    assert {abs(scale) for scale in strings.values()} == {1.0 if single else 0.25}
    found = np.eye(2**n)
    for string, scale in strings.items():
        found = reference.rotation(string, scale * theta) @ found
    np.testing.assert_allclose(found, exponential(generator(n, excitation), theta), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n, electrons", [(4, 2), (6, 2), (6, 3)])
def test_the_state_is_the_product_of_exponentials_on_hartree_fock(n, electrons):
    circuit = qbp.UCCSD(n, electrons)
    theta = np.random.default_rng(3).normal(size=circuit.n_params) / 2
    state = np.zeros(2**n)
    state[int("1" * electrons + "0" * (n - electrons), 2)] = 1
    for angle, excitation in zip(theta, circuit.excitations, strict=True):
        state = exponential(generator(n, excitation), angle) @ state
    found = circuit.state(torch.tensor(theta)).numpy()
    np.testing.assert_allclose(found, state, rtol=0, atol=1e-12)
    number = sum(lowering(n, p).T @ lowering(n, p) for p in range(n))
    assert np.allclose(number @ found, electrons * found)


def test_spin_is_kept():
    assert spin_excitations(4, 2) == (((0,), (2,)), ((1,), (3,)), ((0, 1), (2, 3)))
    assert len(spin_excitations(8, 4)) == 8 + 18  # LiH-like: 2 x 2 for each spin; 4 x 4 of two, 1 + 1 of one
    spin = [1 if q % 2 == 0 else -1 for q in range(8)]
    for low, high in spin_excitations(8, 4):
        assert sum(spin[q] for q in low) == sum(spin[q] for q in high)


def test_chosen_excitations_and_gradients():
    circuit = qbp.UCCSD(4, 2, [((0, 1), (2, 3)), [[0], [2]]])
    assert circuit.excitations == (((0, 1), (2, 3)), ((0,), (2,))) and circuit.n_params == 2
    assert circuit == qbp.UCCSD(4, 2, circuit.excitations) and hash(circuit) == hash(
        qbp.UCCSD(4, 2, circuit.excitations)
    )
    H = qbp.PauliSum({"XXYY": 0.3, "ZIIZ": 0.5, "XZXI": -0.4})
    theta = torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: circuit.expectation(t, H), theta)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, 4), "n_electrons must leave some to excite, got 4 in 4 orbitals"),
        ((4, 0), "n_electrons must leave some to excite"),
        ((4, 5), "n_electrons must be at least 0 and at most 4"),
        ((4, 2, [((0,), (0,))]), "excitations must be such as"),
        ((4, 2, [((0,), (1, 2))]), "excitations must be such as"),
        ((4, 2, [((0, 1, 2), (3, 0, 1))]), "excitations must be such as"),
        ((4, 2, [((0,), (4,))]), "an orbital of excitations must be"),
        ((4, 2, []), "excitations must be"),
    ],
)
def test_wrong_excitations(arguments, message):
    with pytest.raises(ValueError, match=message):
        qbp.UCCSD(*arguments)
