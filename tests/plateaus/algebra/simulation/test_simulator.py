"""Expectations inside an algebra against state vectors, gradients against those of the circuit."""

import numpy as np
import pytest
import torch

import qbp
from qbp import AlgebraSimulator, HamiltonianVariational, HardwareEfficient, PauliRotations, PauliSum
from qbp.circuits.circuit import Circuit


def starts(n, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 2)) + 1j * rng.normal(size=(n, 2))
    return [tuple(row / np.linalg.norm(row)) for row in rows]


def agrees(circuit, H, seed=0):
    simulator = AlgebraSimulator(circuit, H)
    theta = 2 * torch.randn(2, circuit.n_params, generator=torch.Generator().manual_seed(seed)).double()
    value, gradient = simulator.value_and_gradient(theta)
    expected, slope = circuit.value_and_gradient(theta, H)
    assert torch.allclose(value, expected, rtol=0, atol=1e-10)
    assert torch.allclose(gradient, slope, rtol=0, atol=1e-10)
    assert torch.equal(simulator.expectation(theta), value)
    return simulator


@pytest.mark.parametrize("n", [3, 5, 9, 12])
def test_an_ising_ansatz_with_shared_angles(n):
    H = qbp.tfim(n, field=0.6)
    found = agrees(HamiltonianVariational(H, 3), H)
    assert found.engines == (f"free fermions so({2 * n})",) and found.dimension == n * (2 * n - 1)


@pytest.mark.parametrize("start", ["plus", "zero", "random"])
def test_a_ring_in_both_sectors(start):
    H = qbp.tfim(6, periodic=True)
    circuit = HamiltonianVariational(H, 2, start=starts(6) if start == "random" else start)
    assert agrees(circuit, H).engines == ("free fermions so(12)",)


def test_free_fermions_in_disguise():
    """An Ising chain behind random CNOTs and CZs: no string of Jordan and Wigner is left."""
    rng, n = np.random.default_rng(0), 6
    pairs = [tuple(map(int, rng.choice(n, 2, replace=False))) for _ in range(12)]
    for kind in ("cnot", "cz"):
        hidden = HardwareEfficient(n, 1, rotations=["rx"], entangler=kind, topology=pairs)
        chain = HamiltonianVariational(qbp.tfim(n), 3)
        circuit = Circuit.__new__(Circuit)
        gates = [g for g in hidden.program if not hasattr(g, "pauli")]
        circuit.n_qubits, circuit.start = n, tuple(starts(n))
        circuit.program = type(chain.program)([*gates, *chain.program])
        H = qbp.tfim(n)
        assert agrees(circuit, H).engines == (f"free fermions so({2 * n})",)


def test_random_strings_scaled_shifted_and_fixed_angles():
    rng, engines = np.random.default_rng(1), set()
    for case in range(25):
        n = int(rng.integers(2, 6))
        words = ["".join(rng.choice(list("IXYZ"), n)) for _ in range(5)]
        program = [
            qbp.circuits.gates.Rotation(
                words[int(rng.integers(5))],
                None if rng.random() < 0.2 else int(rng.integers(3)),
                float(rng.normal()),
                float(rng.normal()),
            )
            for _ in range(12)
        ]
        circuit = PauliRotations(n, ["X" * n] * 3, start=starts(n, case))
        circuit.__dict__["program"] = qbp.circuits.gates.Program(
            [*program, *(qbp.circuits.gates.Rotation(words[0], k) for k in range(3))]
        )
        H = PauliSum({w: float(rng.normal()) for w in [*words[:2], "Z" + "I" * (n - 1), "I" * n]})
        engines.update(word.split()[-1] for word in agrees(circuit, H, case).engines)
    assert "strings" in engines and any(word.startswith("so(") for word in engines)


def test_terms_outside_free_fermions_are_carried_one_by_one():
    H = PauliSum({"ZIII": 1.0, "ZZII": 0.5, "ZZZZ": 0.2})
    chain = ["XIII", "ZZII", "IXII", "IZZI", "IIXI", "IIZZ", "IIIX"] * 2
    found = agrees(PauliRotations(4, chain), H)
    assert found.engines == ("free fermions so(8)", "78 strings")  # 8 + 70 products of one and four


def test_the_gradient_is_that_of_finite_differences_and_flows_through_torch():
    H = qbp.tfim(4)
    simulator = AlgebraSimulator(HamiltonianVariational(H, 2), H)
    theta = torch.rand(3, 4, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    assert torch.autograd.gradcheck(simulator.expectation, (theta,))
    simulator.expectation(theta).square().sum().backward()
    value, gradient = simulator.value_and_gradient(theta.detach())
    assert torch.allclose(theta.grad, 2 * value[:, None] * gradient)


def test_a_hundred_qubits_are_trained_to_an_energy_above_the_lowest():
    n = 100
    H = qbp.tfim(n)
    simulator = AlgebraSimulator(HamiltonianVariational(H, 4), H)
    assert simulator.dimension == 19_900
    theta = torch.full((1, 8), 0.2).double().requires_grad_()
    assert simulator.expectation(torch.zeros(1, 8).double()).item() == pytest.approx(-n)
    optimizer = torch.optim.Adam([theta], lr=0.05)
    for _ in range(25):
        optimizer.zero_grad()
        loss = simulator.expectation(theta).sum()
        loss.backward()
        optimizer.step()
    lowest = 1 - 1 / np.sin(np.pi / (2 * (2 * n + 1)))  # of the open chain at J = h (Pfeuty 1970)
    assert lowest < loss.item() < -1.2 * n


def test_float32_comes_back_as_float32():
    H = qbp.tfim(3)
    simulator = AlgebraSimulator(HamiltonianVariational(H, 1), H)
    assert simulator.expectation(torch.zeros(2)).dtype == torch.float32


def test_what_is_too_large_is_refused_with_its_reason():
    with pytest.raises(ValueError, match=r"up to 65,536 strings.*no algebra of free fermions.*su\(2\^12\)"):
        AlgebraSimulator(HardwareEfficient(12, 8), qbp.tfim(12))
    with pytest.raises(ValueError, match="cap must be at least 1"):
        AlgebraSimulator(HardwareEfficient(2, 1), qbp.tfim(2), cap=0)
    with pytest.raises(TypeError, match="H must be a PauliSum"):
        AlgebraSimulator(HardwareEfficient(2, 1), qbp.Projector(2))
    simulator = AlgebraSimulator(HardwareEfficient(2, 1), qbp.tfim(2))
    with pytest.raises(ValueError, match=r"theta must have shape \(..., 4\)"):
        simulator.expectation(torch.zeros(3))
