"""Circuits as problems: overlaps and product states against dense linear algebra, mean field against closed
forms."""

import math
from functools import reduce

import numpy as np
import pytest
import torch

import qbp
from qbp import draws
from qbp.circuits.problems import Infidelity, circuit_problem, product_energy, product_state_targets
from qbp.circuits.statevector import product_state

CIRCUIT = qbp.HardwareEfficient(3, 2)
THETA = draws.uniform(range(4), "test", CIRCUIT.n_params, high=2 * math.pi)
PAULIS = [np.array(m) for m in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])]


def spins(seed, runs, n):
    bloch = draws.normal(range(seed, seed + runs), "spins", 3 * n).reshape(runs, n, 3)
    return bloch / bloch.norm(dim=-1, keepdim=True)


def test_infidelity_is_one_minus_the_squared_overlap():
    states = CIRCUIT.state(THETA)
    target = states[0].clone()
    found = Infidelity(target).expectation(states)
    overlap = np.abs(states.numpy() @ target.numpy().conj()) ** 2
    np.testing.assert_allclose(found, 1 - overlap, atol=1e-12)
    assert abs(found[0]) < 1e-12 and found[1:].min() > 0.05
    single = Infidelity(target).expectation(states.to(torch.complex64))
    assert single.dtype == torch.float32


def test_the_gradient_of_the_infidelity_is_the_parameter_shift():
    task = Infidelity(CIRCUIT.state(THETA[1]))
    theta = THETA[0].clone().requires_grad_()
    (grad,) = torch.autograd.grad(CIRCUIT.expectation(theta, task), theta)
    shift = math.pi / 2 * torch.eye(CIRCUIT.n_params, dtype=torch.float64)
    up, down = (CIRCUIT.expectation(THETA[0] + s * shift, task) for s in (1, -1))
    np.testing.assert_allclose(grad, (up - down) / 2, atol=1e-12)


def test_each_run_may_have_a_target_of_its_own():
    targets = CIRCUIT.state(THETA.flip(0))
    together = Infidelity(targets)
    alone = [Infidelity(t).expectation(CIRCUIT.state(x)) for t, x in zip(targets, THETA, strict=True)]
    np.testing.assert_allclose(CIRCUIT.expectation(THETA, together), torch.stack(alone), atol=1e-12)
    np.testing.assert_allclose(together.expectation(CIRCUIT.state(THETA)), torch.stack(alone), atol=1e-12)
    theta = THETA.clone().requires_grad_()
    (grad,) = torch.autograd.grad(CIRCUIT.expectation(theta, together).sum(), theta)
    one = THETA[2].clone().requires_grad_()
    (own,) = torch.autograd.grad(CIRCUIT.expectation(one, Infidelity(targets[2])), one)
    np.testing.assert_allclose(grad[2], own, atol=1e-12)
    found = Infidelity(targets.to("meta")).expectation(CIRCUIT.state(THETA.to("meta")))
    assert found.is_meta and found.shape == (4,)


@pytest.mark.parametrize("bad", [torch.ones(3) / math.sqrt(3), torch.ones(4), torch.ones(2, 2) / 2])
def test_infidelity_refuses_what_is_no_state(bad):
    with pytest.raises(ValueError, match="shape"):
        Infidelity(bad)
    with pytest.raises(TypeError, match="must be a tensor"):
        Infidelity([1.0, 0.0])


@pytest.mark.parametrize(
    "H", [qbp.tfim(4, field=0.7), qbp.heisenberg(4), qbp.PauliSum({"XYZI": 1.5, "IIII": 2})]
)
def test_the_energy_of_a_product_state_is_that_of_its_state_vector(H):
    for bloch in spins(0, 3, 4):
        rho = [(np.eye(2) + sum(v * p for v, p in zip(b.numpy(), PAULIS, strict=True))) / 2 for b in bloch]
        qubits = np.stack([np.linalg.eigh(r)[1][:, 1] for r in rho])
        state = product_state(torch.from_numpy(qubits))
        dense = reduce(np.kron, qubits)
        np.testing.assert_allclose(np.abs(np.vdot(dense, state.numpy())), 1, atol=1e-12)
        assert product_energy(H, bloch).item() == pytest.approx(H.expectation(state).item(), abs=1e-12)


@pytest.mark.parametrize(("J", "h"), [(1.0, 1.0), (1.0, 0.3), (0.5, 2.0)])
def test_the_mean_field_of_a_ring_has_a_closed_form(J, h):
    """Uniform spins: -J cos^2 - h sin per site, least at sin = h / (2 J), or along the field beyond."""
    n = 5
    b, energy = product_state_targets(qbp.tfim(n, J, h, periodic=True), qbp.local_observables(n))
    sine = min(1.0, h / (2 * J))
    assert energy == pytest.approx(-n * (J * (1 - sine**2) + h * sine), abs=1e-8)
    x, y, z = b.reshape(n, 3).T
    np.testing.assert_allclose(x, sine, atol=1e-4)
    np.testing.assert_allclose(y, 0, atol=1e-4)
    np.testing.assert_allclose(z.abs(), math.sqrt(1 - sine**2), atol=1e-4)


def test_no_random_product_state_is_lower_and_the_exact_energy_is():
    H = qbp.tfim(6)
    _, energy = product_state_targets(H, qbp.local_observables(6, "Z"))
    assert energy <= product_energy(H, spins(0, 2000, 6)).min()
    assert energy > 1 - 1 / math.sin(math.pi / 26)  # J = h = 1, open chain of six


def test_targets_stand_in_the_order_of_the_observables():
    b, energy = product_state_targets(
        qbp.PauliSum({"ZI": 1.0, "IX": 2.0}), qbp.local_observables(2, "XZ")[::-1]
    )
    np.testing.assert_allclose(b, [0, -1, -1, 0], atol=1e-9)
    assert energy == pytest.approx(-3)
    for bad in (qbp.PauliSum({"ZZ": 1.0}), qbp.PauliSum({"ZI": 2.0}), qbp.Projector(2)):
        with pytest.raises(ValueError, match="one Pauli on one qubit"):
            product_state_targets(qbp.tfim(2), [bad])


def test_the_problem_is_the_task_and_eq_1():
    H, observables = qbp.tfim(3), qbp.local_observables(3)
    targets, _ = product_state_targets(H, observables)
    problem = circuit_problem(CIRCUIT, H, observables, targets)
    torch.testing.assert_close(problem.energy(THETA, None), CIRCUIT.expectation(THETA, H))
    torch.testing.assert_close(
        problem.convex(THETA, None), qbp.local_loss(CIRCUIT, THETA, observables, targets)
    )
    config = qbp.TwoStageConfig(steps=100, stage_1_steps=10, optimizer="adam", eta_c=0.1, eta_n=0.1)
    _, history = qbp.two_stage(problem, config, THETA)
    convex, energy = history.metrics["convex"], history.metrics["energy"]
    assert (convex[:, 10] < convex[:, 0]).all() and (energy[:, -1] < energy[:, 0]).all()
