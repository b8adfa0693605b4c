"""The cloning circuit against dense matrices, and its ridge step against the normal equations."""

import numpy as np
import pytest
import reference
import torch

from qbp.experiments.later_versions import ceiling, cloner
from qbp.experiments.later_versions.cloner import Cloner

PSI = torch.from_numpy(ceiling.AMPLITUDES).to(torch.complex128).numpy()


def angles(model, rows=2, seed=0):
    return torch.randn(rows, model.n_params, generator=torch.Generator().manual_seed(seed)).double()


def channel(rho, qubit, n, p=0.02, gamma=0.03):
    """Depolarizing, then amplitude damping on one qubit, by their Kraus matrices."""
    x, y, z = (reference.PAULI[letter] for letter in "XYZ")
    first = [np.sqrt(1 - p) * np.eye(2), *(np.sqrt(p / 3) * matrix for matrix in (x, y, z))]
    second = [np.diag([1, np.sqrt(1 - gamma)]), np.sqrt(gamma) * np.array([[0, 1], [0, 0]])]
    for kraus in (first, second):
        whole = [reference.on(n, matrix, qubit) for matrix in kraus]
        rho = sum(k @ rho @ k.conj().T for k in whole)
    return rho


def dense(theta, n, layers, noisy=False):
    """Fidelities of Bob's and Eve's clone of each state, (2, 4): the state is prepared, not rotated to."""
    found = np.zeros((2, 4))
    unitary = np.eye(2**n, dtype=complex)
    for layer in range(layers):
        for q in range(n):
            for k, letter in enumerate("XZ"):
                string = "I" * q + letter + "I" * (n - 1 - q)
                unitary = reference.rotation(string, theta[layer, q, k]) @ unitary
        unitary = reference.entangler(n, "cnot", "ring") @ unitary
    for at, psi in enumerate(PSI):
        state = unitary @ np.kron(psi, np.eye(2 ** (n - 1))[0])
        rho = np.outer(state, state.conj())
        for q in range(n) if noisy else ():
            rho = channel(rho, q, n)
        for clone, qubit in enumerate((cloner.BOB, cloner.EVE)):
            found[clone, at] = np.trace(rho @ reference.on(n, np.outer(psi, psi.conj()), qubit)).real
    return found


@pytest.mark.parametrize(("n", "layers"), [(3, 1), (4, 2)])
def test_fidelities_and_losses_are_those_of_dense_matrices(n, layers):
    model = Cloner(layers, n)
    theta = angles(model)
    signals = model.signals(theta)
    for row, one in zip(signals, theta, strict=True):
        f = dense(one.reshape(layers, n, 2).numpy(), n, layers)
        np.testing.assert_allclose((1 + row.reshape(2, 4)) / 2, f, atol=1e-12)
        np.testing.assert_allclose(torch.stack(cloner.fidelities(row)), f.mean(1), atol=1e-12)
        assert float(cloner.square_loss(row)) == pytest.approx(((1 - f) ** 2).sum() / 4)
        assert float(cloner.surrogate(row)) == pytest.approx(4 * ((1 - f) ** 2).sum() / 4)


def test_channels_and_shots_are_those_of_kraus_matrices_and_of_the_binomial():
    model = Cloner(2, 3)
    theta = angles(model, 1)[0]
    signals = model.signals(theta)
    f = dense(theta.reshape(2, 3, 2).numpy(), 3, 2, noisy=True)
    noisy = cloner.behind_channels(signals, 0.02, 0.03)
    np.testing.assert_allclose((1 + noisy.reshape(2, 4)) / 2, f, atol=1e-12)
    p, shots = (1 + signals.numpy()) / 2, 50
    drawn = np.random.default_rng(0).binomial(shots, p, (40_000, 8)).mean(1) / shots
    assert float(cloner.shots_deviation(signals, shots)) == pytest.approx(drawn.std(), rel=0.02)


def test_the_ridge_step_solves_the_normal_equations():
    model = Cloner(2, 3)
    theta, strength = angles(model), 0.01
    stepped = model.ridge_step(theta, strength)
    for row, one in zip(stepped, theta, strict=True):
        jacobian = torch.autograd.functional.jacobian(model.signals, one)
        left = jacobian.mT @ jacobian + strength * torch.eye(model.n_params)
        delta = torch.linalg.solve(left, jacobian.mT @ (1 - model.signals(one)))
        torch.testing.assert_close(row - one, delta)
    assert not stepped.requires_grad


def test_starts_are_those_of_a_program_that_seeds_once_and_goes_through_the_depths():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(42)
        for depth in (1, 2, 3):
            drawn = [0.1 * torch.randn(2 * 4 * depth) for _ in range(3)]
    for arm in range(3):
        found = cloner.replayed_starts([7, 42], 3, arm, qubits=4)[1]
        torch.testing.assert_close(found, drawn[arm].double(), rtol=0, atol=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(42)
        alone = 0.1 * torch.randn(2 * 4 * 3)
    torch.testing.assert_close(cloner.replayed_starts([42], 3, 0, first=3, qubits=4)[0], alone.double())


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: Cloner(0), "n_layers must be"),
        (lambda: Cloner(1, 2), "n_qubits must be at least 3"),
        (lambda: Cloner(1, 3).signals(torch.zeros(5)), "theta"),
        (lambda: Cloner(1, 3).ridge_step(torch.zeros(6).double(), 0.0), "strength must be"),
        (lambda: cloner.replayed_starts([1], 2, 3), "arm must be"),
        (lambda: cloner.replayed_starts([1], 2, 0, first=3), "first must be"),
        (lambda: cloner.fidelities(torch.zeros(7)), "signals must"),
    ],
)
def test_wrong_arguments_are_named(made, words):
    with pytest.raises(ValueError, match=words):
        made()
