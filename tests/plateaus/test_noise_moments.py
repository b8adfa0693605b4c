"""Exact mean squares of noisy gradients against averages of density matrices, walks and closed forms."""

import itertools
import math

import numpy as np
import pytest
import reference
import torch

import qbp
from qbp.circuits.hardware.noise import depolarizing, noisy_expectations
from qbp.plateaus.noise_moments import exact_variance, gradient_bound, layer_factor, scrambled_factor

SUM = {"ZZ": 1.0, "XI": 0.5, "IY": -0.3, "YX": 0.2, "II": 3.0}


@pytest.mark.parametrize("p", [0.0, 0.1])
@pytest.mark.parametrize(
    ("rotations", "entangler", "layers"),
    [(("ry", "rz"), "cz", 1), (("rx", "rz"), "cnot", 1), (("rz", "ry"), "cnot", 1), (("ry",), "cnot", 3)],
)
def test_the_variance_is_the_mean_over_four_clifford_angles(rotations, entangler, layers, p):
    """A squared gradient has Fourier frequencies up to two, so four angles give its mean exactly."""
    circuit = qbp.HardwareEfficient(2, layers, rotations, entangler)
    grid = torch.tensor([*itertools.product(range(4), repeat=circuit.n_params)], dtype=torch.float64)
    theta = (grid * math.pi / 2).requires_grad_()
    noisy_expectations(circuit, theta, [qbp.PauliSum(SUM)], depolarizing(p)).sum().backward()
    found = exact_variance(circuit, qbp.PauliSum(SUM), p)
    np.testing.assert_allclose(found, theta.grad.square().mean(0), atol=1e-12)


@pytest.mark.parametrize(("topology", "entangler"), [("ring", "cnot"), ("brick", "cz")])
def test_without_noise_walks_find_the_same(topology, entangler):
    circuit = qbp.HardwareEfficient(4, 3, ("ry", "rz"), entangler, topology)
    walks = qbp.gradient_variance(circuit, qbp.tfim(4), engine="pauli-walk", walks=2**14)
    found = exact_variance(circuit, qbp.tfim(4))
    assert (abs(found - walks.variance.numpy()) <= 4.5 * walks.stderr.numpy() + 1e-12).all()


def test_a_layer_multiplies_the_variance_by_its_factor():
    one = qbp.HardwareEfficient(4, 1)
    deep = [exact_variance(qbp.HardwareEfficient(4, n), qbp.tfim(4), 0.05)[:8].mean() for n in (30, 31)]
    assert deep[1] / deep[0] == pytest.approx(layer_factor(one, 0.05), rel=1e-3)


@pytest.mark.parametrize(
    ("rotations", "entangler", "topology", "p"),
    [(("ry", "rz"), "cz", "ladder", 0.1), (("rx",), "cnot", "ring", 0.5), (("rx",), "cnot", "ladder", 0.05)],
)
def test_the_factor_is_the_largest_eigenvalue_also_where_strings_go_in_circles(
    rotations, entangler, topology, p
):
    """A table of all strings from dense matrices: mean squares of V S V^dagger at the four angles, noise."""
    n = 3
    circuit = qbp.HardwareEfficient(n, 1, rotations, entangler, topology)
    strings = ["".join(s) for s in itertools.product("IXYZ", repeat=n)][1:]
    basis = np.array([reference.pauli(s) for s in strings])

    def back(gate):  # mean squares of the coefficients of gate^dagger S gate
        coefficients = np.einsum("aij,jk,bkl,li->ab", basis, gate.conj().T, basis, gate, optimize=True)
        return np.abs(coefficients / 2**n) ** 2

    table = np.diag([(1 - 4 * p / 3) ** (2 * (n - s.count("I"))) for s in strings])
    table = back(reference.entangler(n, entangler, topology)) @ table
    for q, name in reversed([(q, name) for q in range(n) for name in rotations]):
        turned = "I" * q + name[1].upper() + "I" * (n - 1 - q)
        table = np.mean([back(reference.rotation(turned, k * math.pi / 2)) for k in range(4)], axis=0) @ table
    largest = np.abs(np.linalg.eigvals(table)).max()
    assert layer_factor(circuit, p) == pytest.approx(largest, rel=1e-7)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_factors_in_closed_form(n):
    """All one-qubit strings in equal parts: RX, RY on one qubit; no entangler keeps each qubit to itself."""
    p, q = 0.15, 0.8
    strings = [s for s in itertools.product("IXYZ", repeat=n) if set(s) != {"I"}]
    mean = np.mean([q ** (2 * (n - s.count("I"))) for s in strings])
    assert scrambled_factor(n, p) == pytest.approx(mean)
    assert layer_factor(qbp.HardwareEfficient(1, 1, ("rx", "ry")), p) == pytest.approx(q**2)
    circuit = qbp.HardwareEfficient(n, 1)
    assert layer_factor(circuit, 0.0) == pytest.approx(1)
    assert layer_factor(circuit, 0.75) == 0
    assert layer_factor(circuit, p) <= q**2 + 1e-9


@pytest.mark.parametrize("p", [0.05, 0.9])
def test_no_gradient_passes_the_bound(p):
    H = qbp.PauliSum(dict(qbp.heisenberg(3).terms) | {"III": 7.0})
    for n_layers in (1, 2, 4):
        circuit = qbp.HardwareEfficient(3, n_layers)
        theta = torch.zeros(50, circuit.n_params, dtype=torch.float64)
        theta[1:] = 2 * math.pi * torch.rand(49, circuit.n_params, generator=torch.Generator().manual_seed(0))
        theta.requires_grad_()
        noisy_expectations(circuit, theta, [H], depolarizing(p)).sum().backward()
        assert theta.grad.abs().max() <= gradient_bound(H, p, n_layers)
    assert gradient_bound(H, p, 2) == gradient_bound(qbp.heisenberg(3), p, 2)  # the identity has no gradient
    one = qbp.HardwareEfficient(1, 1, ["rx"])  # C = (1 - 4 p / 3) cos theta: the bound is reached
    theta = torch.tensor([math.pi / 2], dtype=torch.float64, requires_grad=True)
    noisy_expectations(one, theta, [qbp.PauliSum({"Z": 1.0})], depolarizing(p)).backward()
    assert theta.grad.abs().item() == pytest.approx(gradient_bound(qbp.PauliSum({"Z": 1.0}), p, 1))


@pytest.mark.parametrize(
    ("circuit", "H", "p", "message"),
    [
        (qbp.HardwareEfficient(2, 1, ["rz"]), qbp.tfim(2), 0.1, '"rx" or "ry" rotations'),
        (qbp.HardwareEfficient(2, 1, "random", seed=0), qbp.tfim(2), 0.1, '"rx" or "ry" rotations'),
        (qbp.HardwareEfficient(2, 1, start="plus"), qbp.tfim(2), 0.1, 'start from "zero"'),
        (qbp.PauliRotations(2, ["XX"]), qbp.tfim(2), 0.1, "circuit must"),
        (qbp.HardwareEfficient(2, 1), qbp.tfim(3), 0.1, "H must be a PauliSum on 2 qubits"),
        (qbp.HardwareEfficient(2, 1), qbp.Projector(2), 0.1, "H must be a PauliSum"),
        (qbp.HardwareEfficient(9, 1), qbp.tfim(9), 0.1, "n_qubits must be at least 1 and at most 8"),
        (qbp.HardwareEfficient(2, 1), qbp.tfim(2), 1.5, "p must be a finite number"),
    ],
)
def test_bad_input_is_named(circuit, H, p, message):
    with pytest.raises(ValueError, match=message):
        exact_variance(circuit, H, p)


def test_circuits_of_other_gates_are_named():
    circuit = qbp.CircuitBuilder(1).h(0).build()
    with pytest.raises(ValueError, match=r'circuit must start from "zero" .*got BuiltCircuit\('):
        exact_variance(circuit, qbp.PauliSum({"Z": 1.0}))
