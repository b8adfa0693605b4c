"""Layers that turn all qubits by one angle: as dense matrices say, and as an angle for each rotation."""

from functools import cache

import numpy as np
import pytest
import torch

import qbp
from qbp.circuits.kernel import evolution, plan

pytestmark = pytest.mark.skipif(
    not evolution.available(), reason="numba is not installed, or QBP_KERNEL=torch"
)
X, Z = np.array([[0, 1], [1, 0]]), np.diag([1, -1])


def ansatz(n: int, layers: int) -> tuple[list[str], list[int]]:
    """ZZ on a chain by one angle and X on all qubits by another, layer by layer; and which angle each has."""
    chain = ["I" * q + "ZZ" + "I" * (n - 2 - q) for q in range(n - 1)]
    mixers = ["I" * q + "X" + "I" * (n - 1 - q) for q in range(n)]
    strings, tied = [], []
    for layer in range(layers):
        strings += chain + mixers
        tied += [2 * layer] * len(chain) + [2 * layer + 1] * len(mixers)
    return strings, tied


@cache
def dense(n: int) -> tuple[np.ndarray, ...]:
    """The diagonal of all ZZ of the chain, the sum of all X, and the values and vectors of that."""
    one = lambda matrix, q: np.kron(np.kron(np.eye(2**q), matrix), np.eye(2 ** (n - 1 - q)))  # noqa: E731
    zz = sum((np.diag(one(Z, q) @ one(Z, q + 1)) for q in range(n - 1)), np.zeros(2**n))
    x = sum((one(X, q) for q in range(n)), np.zeros((2**n, 2**n)))
    return zz, x, *np.linalg.eigh(x)


def dense_energy(n: int, theta: np.ndarray) -> float:
    """The energy of the Ising chain after the circuit, from its two matrices."""
    zz, x, values, vectors = dense(n)
    psi = np.full(2**n, 2 ** (-n / 2), complex)
    for of_zz, of_x in theta.reshape(-1, 2):
        psi = np.exp(-0.5j * of_zz * zz) * psi
        psi = vectors @ (np.exp(-0.5j * of_x * values) * (vectors.T @ psi))
    return float((psi.conj() @ (-zz * psi - x @ psi)).real)


@pytest.mark.parametrize("runs", [1, 20])  # a state in the lanes, and samples in them
@pytest.mark.parametrize("n", [3, 4, 6, 7])
def test_energies_and_gradients_are_those_of_dense_matrices(n, runs):
    strings, tied = ansatz(n, 2)
    circuit = qbp.PauliRotations(n, strings, tied, start="plus")
    theta = np.random.default_rng(n + 100 * runs).uniform(-7, 7, (runs, 4))
    theta[0, 1] = np.pi  # the rotation exchanges 0 and 1: its half angle has no cosine
    found = circuit.value_and_gradient(torch.from_numpy(theta), qbp.tfim(n))
    values, gradients = (part.numpy() for part in found)
    for k in {0, runs // 2, runs - 1}:
        assert values[k] == pytest.approx(dense_energy(n, theta[k]), abs=1e-10)
        for j, step in enumerate(1e-4 * np.eye(4)):
            slope = (dense_energy(n, theta[k] + step) - dense_energy(n, theta[k] - step)) / 2e-4
            assert gradients[k, j] == pytest.approx(slope, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("n", [13, 16])
def test_an_angle_for_each_rotation_gives_slopes_that_add_up(n, threads, dtype, monkeypatch):
    monkeypatch.setenv("QBP_THREADS", str(threads))
    strings, tied = ansatz(n, 3)
    theta = torch.linspace(-2, 3, 6, dtype=dtype)
    shared = qbp.PauliRotations(n, strings, tied, start="plus")
    free = qbp.PauliRotations(n, strings, start="plus")
    value, gradient = shared.value_and_gradient(theta, qbp.tfim(n))
    expected, slopes = free.value_and_gradient(theta[tied], qbp.tfim(n))
    summed = torch.zeros_like(theta).index_add(0, torch.tensor(tied), slopes)
    size = 1e-11 if dtype == torch.float64 else 1e-3
    torch.testing.assert_close(value, expected, rtol=0, atol=size * n)
    torch.testing.assert_close(gradient, summed, rtol=0, atol=size * n)


def layers_of(strings, tied, n):
    circuit = qbp.PauliRotations(n, strings, tied, start="plus")
    return plan.plan(circuit.program, n, "d", True, 1, circuit.n_params).layers


def test_which_layers_are_turned_at_once():
    strings, tied = ansatz(7, 2)
    table = layers_of(strings, tied, 7)
    assert table[:, 6].tolist() == [0, 1, 1]
    assert table[:, 7].tolist() == [1, 1, 0]
    free = [*range(len(strings))]
    assert not layers_of(strings, free, 7)[:, 6].any()
    missing = [k for k, string in enumerate(strings) if string != "XIIIIII"]
    assert not layers_of([strings[k] for k in missing], [tied[k] for k in missing], 7)[:, 6].any()
