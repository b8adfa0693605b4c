"""Schedules of the remedies against Algorithm 1 itself, normal equations, finite differences and counts."""

from itertools import islice, pairwise

import numpy as np
import pytest
import reference
import torch

import qbp
from qbp import draws
from qbp.circuits.ansatz import HardwareEfficient, PauliRotations
from qbp.circuits.problems import circuit_problem
from qbp.circuits.targets import clifford_frame, in_frame
from qbp.remedies.lab import Lab, Spent
from qbp.remedies.registry import remedy
from qbp.remedies.schedules.adapt import choice, pool
from qbp.remedies.schedules.levenberg import damped
from qbp.remedies.tasks import task


def lab(kind="tfim", qubits=3, layers=2, seeds=(4, 5), frame="plain", **options):
    circuit = HardwareEfficient(qubits, layers)
    return Lab(circuit, [task(kind, circuit, s, frame) for s in seeds], seeds, **options)


def walk(name, here, count, **options):
    """The first points of a remedy, and what had been spent at each."""
    found = []
    for point in islice(remedy(name).train(here, **options), count):
        found.append((point, here.spent))
    return found


@pytest.mark.parametrize(
    "name, fixed", [("two-stage", {}), ("two-stage-plain", {"lambda_0": 0.0, "beta_0": 0.0})]
)
def test_algorithm_1_takes_the_steps_of_the_listing(name, fixed):
    here, steps = lab(), 12
    points = walk(name, here, steps + 1, stage_1=5)
    problem = circuit_problem(here.circuit, here.tasks[0].observable, here.local, here.bloch[0])
    config = qbp.TwoStageConfig(steps=steps, stage_1_steps=5, optimizer="adam", eta_c=0.1, eta_n=0.1, **fixed)
    phases = draws.uniform(here.seeds, "phi", here.n_params, high=2 * torch.pi)
    theta, _ = qbp.two_stage(problem, config, points[0][0].theta, phi=phases)
    torch.testing.assert_close(points[-1][0].theta, theta, rtol=1e-9, atol=1e-9)


def test_a_damped_step_solves_the_normal_equations():
    rng = np.random.default_rng(0)
    jacobian, residuals, mu = rng.normal(size=(2, 7, 4)), rng.normal(size=(2, 4)), np.array([[0.5], [2.0]])
    found = damped(*map(torch.from_numpy, (jacobian, residuals, mu)))
    for J, r, m, d in zip(jacobian, residuals, mu, found.numpy(), strict=True):
        np.testing.assert_allclose(np.linalg.solve(J @ J.T + m * np.eye(7), -J @ r), d)


def test_levenberg_lowers_eq_1_and_then_the_task():
    here = lab("circuit", steps=60)
    points = walk("levenberg", here, 9)
    residual = [(lab("circuit").locally(p.theta) - here.bloch).square().sum(-1) for p, _ in points]
    assert all((b <= a + 1e-12).all() for a, b in pairwise(residual))
    assert (residual[-1] < 0.5 * residual[0]).all()


def test_growth_takes_the_string_with_the_largest_gradient():
    here = lab("heisenberg", seeds=(4,))
    chosen, theta = ["XII", "IYY"], torch.tensor([[0.7, -0.4]], dtype=torch.float64)
    strings = pool(3)
    assert len(strings) == 9 + 18 and len(set(strings)) == 27
    state = PauliRotations(3, tuple(chosen)).state(theta)[0].numpy()
    H = reference.pauli_sum(here.tasks[0].observable.terms)
    slopes = []
    for string in strings:
        up, down = (reference.rotation(string, s) @ state for s in (1e-4, -1e-4))
        slopes.append(abs(reference.expectation(H, up) - reference.expectation(H, down)) / 2e-4)
    found = choice(here, chosen, theta, strings)
    assert slopes[found] == pytest.approx(max(slopes), abs=1e-6)
    assert here.spent == 2 * 27 * 3


def test_growth_begins_at_the_all_zero_state_and_never_jumps():
    here = lab("tfim", seeds=(4,), frame="clifford", steps=40)
    points = walk("adapt", here, 12, steps=5)
    sizes = [0 if k == 0 else len(p.circuit.generators) for k, (p, _) in enumerate(points)]
    assert sizes == [0, *[1] * 5, *[2] * 5, 3]
    energies = [float(here.record(*p)[0][0]) for p, _ in points]
    assert energies[-1] < energies[0]


def test_layers_grow_one_by_one_and_only_the_newest_moves():
    here = lab(layers=3, steps=30)
    points = []
    with pytest.raises(Spent):
        for point in remedy("layerwise").train(here):
            points.append(point)
    depths = [p.circuit.n_layers for p in points]
    assert sorted(set(depths)) == [1, 2, 3] and depths == sorted(depths)
    for a, b in pairwise(points):
        if a.circuit == b.circuit and a.circuit.n_layers == 2:
            torch.testing.assert_close(a.theta[:, :6], b.theta[:, :6], rtol=0, atol=0)
        if a.circuit != b.circuit:  # the new layer starts at zero
            torch.testing.assert_close(b.theta[:, : a.theta.shape[1]], a.theta)
            assert not b.theta[:, a.theta.shape[1] :].any()
    moved = {
        tuple((a.theta != b.theta).any(0).tolist())
        for a, b in pairwise(points)
        if a.theta.shape == b.theta.shape
    }
    assert len(moved) >= 4


def test_the_local_cost_comes_first_and_is_a_product_hamiltonian():
    here = lab("circuit", steps=60)
    points = walk("local-global", here, 25)
    terms = [
        [reference.pauli(p) for p in own]
        for own in (("XII", "YII", "ZII"), ("IXI", "IYI", "IZI"), ("IIX", "IIY", "IIZ"))
    ]
    bloch = here.bloch.reshape(2, 3, 3).numpy()
    costs = []
    for point, spent in points:
        if spent <= here.budget / 3:
            states = here.circuit.state(point.theta).numpy()
            H = [-sum(b[q, a] * terms[q][a] for q in range(3) for a in range(3)) / 3 for b in bloch]
            costs.append([reference.expectation(h, s) for h, s in zip(H, states, strict=True)])
    assert len(costs) > 5 and all(x < y for x, y in zip(costs[-1], costs[0], strict=True))


def test_the_first_step_of_the_deformation_is_adams_on_field_and_task_together():
    here = lab("heisenberg", frame="clifford", steps=40)
    before, after = (point.theta for point, _ in walk("adiabatic", here, 2, stages=4, eta=0.1))
    assert not before.any()  # the ground state of the field
    field = -sum(reference.pauli(p) for p in ("ZII", "IZI", "IIZ"))
    words, shifts = [["YZ"] * 3] * 2, np.pi / 2 * np.eye(here.n_params)
    for row, seed in enumerate(here.seeds):
        H = in_frame(here.tasks[row].observable, clifford_frame(3, seed))
        mixed = 0.75 * field + 0.25 * reference.pauli_sum(H.terms)

        def value(angles, mixed=mixed):
            return reference.expectation(
                mixed, reference.hardware_efficient(3, angles, words, "cz", "ladder")
            )

        slope = np.array([(value(s) - value(-s)) / 2 for s in shifts])
        np.testing.assert_allclose(after[row], -0.1 * slope / (abs(slope) + 1e-8), atol=1e-6)


def test_a_pull_of_the_bandit_moves_one_layer_of_each_run():
    here = lab(layers=3, steps=30)
    points = walk("bandit", here, 16, pull=3)
    for k in range(0, 15, 3):
        moved = (points[k + 3][0].theta != points[k][0].theta).reshape(2, 3, 6).any(-1)
        assert (moved.sum(-1) == 1).all()
    first = torch.stack(
        [(points[k + 3][0].theta != points[k][0].theta).reshape(2, 3, 6).any(-1) for k in (0, 3, 6)]
    )
    assert (first.sum(0) == 1).all()  # each layer once, before any twice
