"""Optimizers of the remedies: closed-form minima against scans, metrics against dense states, descent."""

from itertools import islice

import numpy as np
import pytest
import reference
import torch

from qbp.circuits.ansatz import HardwareEfficient
from qbp.remedies.lab import Lab
from qbp.remedies.optimizers.fraxis import AXES, angles, form
from qbp.remedies.optimizers.natural import measured_metric
from qbp.remedies.optimizers.natural_block import blocks, covariance
from qbp.remedies.optimizers.rotosolve import minimum
from qbp.remedies.registry import remedy
from qbp.remedies.tasks import task


def lab(kind="heisenberg", qubits=3, layers=2, seeds=(4, 5), frame="clifford", **options):
    circuit = HardwareEfficient(qubits, layers)
    return Lab(circuit, [task(kind, circuit, s, frame) for s in seeds], seeds, **options)


def some_angles(runs, n_params):
    return (
        2
        * torch.pi
        * torch.rand(runs, n_params, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    )


def test_the_closed_form_minimum_is_that_of_a_scan():
    rng, grid = np.random.default_rng(2), np.linspace(-np.pi, np.pi, 100_001)
    for a, b, c in rng.normal(size=(20, 3)):

        def curve(x, a=a, b=b, c=c):
            return a + b * np.cos(x) + c * np.sin(x)

        turn = float(minimum(torch.tensor([curve(0.0), curve(np.pi / 2), curve(-np.pi / 2)])))
        assert -np.pi < turn <= np.pi + 1e-12 and curve(turn) == pytest.approx(curve(grid).min(), abs=1e-8)
        assert np.cos(turn - grid[curve(grid).argmin()]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ["rotosolve", "fraxis", "adaptive-rate"])
def test_with_exact_values_the_task_never_rises(name):
    here = lab(steps=60)
    energies = torch.stack([here.record(*p)[0] for p in islice(remedy(name).train(here), 40)])
    assert (energies.diff(dim=0) <= 1e-9).all() and (energies[-1] < energies[0] - 0.5).all()


def test_a_free_axis_is_a_half_turn_and_the_form_gives_every_axis_its_energy():
    rng = np.random.default_rng(3)
    axes = rng.normal(size=(4, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    for n, (a, b, c) in zip(axes, angles(torch.from_numpy(axes)).reshape(4, 3).tolist(), strict=True):
        gate = reference.rotation("Z", c) @ reference.rotation("Y", b) @ reference.rotation("Z", a)
        half_turn = sum(x * reference.PAULI[p] for x, p in zip(n, "XYZ", strict=True))
        assert abs(np.trace(gate.conj().T @ half_turn)) == pytest.approx(2)  # up to a phase
    R = rng.normal(size=(3, 3))
    R = R + R.T
    six = torch.tensor([n @ R @ n for n in AXES.double().numpy()])
    np.testing.assert_allclose(form(six), R, atol=1e-6)


def dense_metric(circuit, theta):
    """The Fubini-Study metric from numerical derivatives of dense states."""
    n, words = circuit.n_qubits, [["YZ"] * circuit.n_qubits] * circuit.n_layers

    def state(at):
        return reference.hardware_efficient(n, at, words, "cz", "ladder")

    step, eye = 1e-5, np.eye(len(theta))
    psi = state(theta)
    slopes = np.array([(state(theta + step * e) - state(theta - step * e)) / (2 * step) for e in eye])
    along = slopes.conj() @ psi
    return (slopes.conj() @ slopes.T - np.outer(along, along.conj())).real


def test_the_metric_is_that_of_dense_states():
    here = lab(steps=100)
    theta = some_angles(2, here.n_params)
    found = measured_metric(here, theta)
    assert here.spent == 2 * 12 * 11 + 12
    for row in range(2):
        np.testing.assert_allclose(found[row], dense_metric(here.circuit, theta[row].numpy()), atol=1e-8)


def test_the_blocks_are_those_of_the_metric_and_cost_an_evaluation_each():
    here = lab(steps=100)
    theta = some_angles(2, here.n_params)
    parts = blocks(here.ansatz)
    assert sorted(k for _, own, _ in parts for k in own) == list(range(12)) and len(parts) == 4
    for circuit, own, letter in parts:
        found = covariance(here, circuit, theta, letter) / 4
        for row in range(2):
            whole = dense_metric(here.circuit, theta[row].numpy())
            np.testing.assert_allclose(found[row], whole[np.ix_(own, own)], atol=1e-8)
    assert here.spent == 4


def test_a_metric_from_shots_scatters_around_the_exact_one():
    seeds = range(200)
    here = lab(qubits=2, layers=1, seeds=seeds, shots=100, steps=100)
    theta = some_angles(1, here.n_params).expand(200, -1).contiguous()
    exact = measured_metric(lab(qubits=2, layers=1, seeds=(0,), steps=100), theta[:1])[0]
    found = measured_metric(here, theta)
    # an entry is an eighth of four frequencies, each of deviation 1/20 at most
    assert ((found.mean(0) - exact).abs() < 5 * 0.05 / 200**0.5).all() and found.std(0).max() < 0.05


@pytest.mark.parametrize("name", ["natural", "natural-block"])
def test_a_natural_step_solves_the_damped_metric(name):
    here = lab(seeds=(4,), steps=200)
    (before, after) = (p.theta for p in islice(remedy(name).train(here, eta=0.05, shift=0.2), 2))
    metric = dense_metric(here.circuit, before[0].numpy())
    if name == "natural-block":
        mask = np.zeros_like(metric)
        for _, own, _ in blocks(here.ansatz):
            mask[np.ix_(own, own)] = 1
        metric = metric * mask
    gradient = here.record(here.circuit, before)[1][0].numpy()
    step = np.linalg.solve(metric + 0.2 * np.eye(12), gradient)
    np.testing.assert_allclose((before - after)[0], 0.05 * step, atol=1e-6)
